"""Text for terminals: control characters made visible and typed as escapes, marks, colours."""

import os
import re
import textwrap
import unicodedata
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TextIO

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def printable(text: str, stream: TextIO) -> str:
    r"""Return `text` for writing to `stream`; for a terminal it is `shown`.

    >>> class Terminal:
    ...     isatty = staticmethod(lambda: True)
    >>> printable("red: \x1b[31m\n", Terminal)
    'red: \\x1b[31m\n'
    """
    return shown(text) if is_terminal(stream) else text


def shown(text: str) -> str:
    r"""Return text with its control characters, and those that turn the direction of writing, as escapes.

    A corpus, a file's name or a server may bring escape sequences, and these must not control the terminal.

    >>> shown("\x1b[31mred\u202e\n")
    '\\x1b[31mred\\u202e\n'
    """
    return UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}" if match[0] < "\xff" else f"\\u{ord(match[0]):04x}", text)


class Escaping:
    """A text stream that writes what is `shown`: wherever text comes from, it cannot control the terminal.

    Attributes:
        trusted: the stream itself, for what chargen itself sends, such as colours.
    """

    def __init__(self, stream: TextIO, always: bool = False):
        """Write to `stream`.

        Args:
            always: whether to escape also where the stream is no terminal.
        """
        self.trusted, self._escapes = stream, always or is_terminal(stream)

    def write(self, text: str) -> int:
        """Write text; a carriage return at its beginning is obeyed, for progress bars."""
        first = "\r" if text[:1] == "\r" else ""
        return self.trusted.write(first + shown(text[len(first) :]) if self._escapes else text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.trusted, name)


def is_terminal(stream: TextIO) -> bool:
    """Return whether people look at what a stream writes."""
    return stream.isatty()


def unescaped(text: str) -> str:
    r"""Return text in which \n stands for a line break, \t for a tab and \\ for a backslash."""
    return re.sub(r"\\([nt\\])", lambda escape: {"n": "\n", "t": "\t", "\\": "\\"}[escape[1]], text)


def mark(
    text: str,
    spans: Sequence[tuple[int, int]],
    show: Callable[[str], str] = str,
    begin: str = "\x1b[7m",
    end: str = "\x1b[27m",
) -> str:
    r"""Return `text` with its spans between `begin` and `end`, by default in reverse video.

    Args:
        spans: begin and end in characters, in order; they may overlap.
        show: is applied to each piece of text before the marks are added, such as `printable`, which would escape
            them.
        begin, end: the marks; each line is marked separately, because some terminals would mark the margin too.

    >>> mark("one, two,\nthree\x07 four", [(5, 8), (7, 16)], ascii, "[", "]")
    "'one, '['two,\\nthree\\x07']' four'"
    """
    cuts = [0, *(cut for span in merge_spans(spans) for cut in span), len(text)]
    pieces = [show(text[here:there]) for here, there in pairwise(cuts)]  # alternately outside and inside of spans
    pieces[1::2] = [re.sub(r"[^\n]+", lambda line: begin + line[0] + end, piece) for piece in pieces[1::2]]
    return "".join(pieces)


def colours(stream: TextIO) -> bool:
    """Return whether to write marks to `stream`: a terminal that supports them, unless NO_COLOR is set.

    See https://no-color.org.
    """
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def merge_spans(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the union of spans, sorted by their beginnings, as spans that neither overlap nor touch."""
    apart: list[tuple[int, int]] = []
    for begin, end in spans:
        if apart and begin <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((begin, end))
    return apart


def width_of(stream: TextIO) -> int | None:
    """Return the columns of the terminal that a stream writes to, or None if it is no terminal."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text, the longer ones broken at words; characters of double width count as two.

    >>> wrapped("the lamp  is lit", 9)
    ['the lamp', 'is lit']
    """
    wide = any(unicodedata.east_asian_width(character) in "WF" for character in text)
    width = max(width // (2 if wide else 1), 10)
    lines = (textwrap.wrap(line, width, replace_whitespace=False) or [""] for line in text.split("\n"))
    return [part for parts in lines for part in parts]


class WordWrap:
    r"""Breaks a text that comes in pieces at words; without a width it leaves the text as it is.

    >>> wrap = WordWrap(9)
    >>> [wrap.add(piece) for piece in ("the la", "mp is", " lit")] + [wrap.rest()]
    ['the ', 'lamp ', '\nis ', 'lit']
    """

    def __init__(self, width: int | None):
        """Break lines before they reach `width` columns."""
        self._width, self._column, self._word = width, 0, ""

    def add(self, piece: str) -> str:
        """Return the text that is certain now; a word is held back until it ends."""
        if self._width is None:
            return piece
        parts = re.split(r"(\s)", self._word + piece)
        *parts, self._word = parts
        shown = "".join(map(self._placed, parts))
        return shown + (self.rest() if len(self._word) >= self._width else "")

    def rest(self) -> str:
        """Return the word that was held back."""
        word, self._word = self._word, ""
        return self._placed(word)

    def _placed(self, part: str) -> str:
        wide = sum(unicodedata.east_asian_width(character) in "WF" for character in part)
        length, before = len(part) + wide, ""
        if self._width is not None and self._column + length >= self._width and self._column and not part.isspace():
            before, self._column = "\n", 0
        self._column = 0 if part == "\n" else self._column + length
        return before + part
