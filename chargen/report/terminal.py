"""Text for terminals: control characters made visible and typed as escapes, marks, colours."""

import contextlib
import os
import re
import textwrap
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise
from typing import Any, TextIO

from chargen.errors import InputError

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

    def __init__(self, stream: TextIO):
        """Write to `stream`; text is escaped where that is a terminal."""
        self.trusted, self._escapes = stream, is_terminal(stream)

    def write(self, text: str) -> int:
        """Write text; a carriage return at its beginning is obeyed, for progress bars."""
        first = "\r" if text[:1] == "\r" else ""
        return self.trusted.write(first + shown(text[len(first) :]) if self._escapes else text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.trusted, name)


class Talk(Escaping):
    """The stream of talk, always escaped. Where it cannot be written, as on a full disk, the work goes on without it.

    A pipe that nobody reads any more ends the work, as it does for other commands.
    """

    def __init__(self, stream: TextIO):
        """Write to `stream`."""
        super().__init__(stream)
        self._escapes = True

    def write(self, text: str) -> int:
        """Write text."""
        with self._going_on():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Send what was written on its way."""
        with self._going_on():
            self.trusted.flush()

    @contextlib.contextmanager
    def _going_on(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError:  # what still waits to be written would fail again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.trusted.fileno())


def is_terminal(stream: TextIO) -> bool:
    """Return whether people look at what a stream writes."""
    return stream.isatty()


def unescaped(text: str) -> str:
    r"""Return text in which \n stands for a line break, \t for a tab and \\ for a backslash.

    Raises:
        InputError: something else follows a backslash.
    """
    meaning = {r"\n": "\n", r"\t": "\t", r"\\": "\\"}
    parts = re.split(r"(\\.?)", text, flags=re.DOTALL)  # every second one is an escape
    if unknown := next((escape for escape in parts[1::2] if escape not in meaning), None):
        raise InputError(f"{text}: {unknown} has no meaning", r"\n is a line break, \t a tab, \\ a backslash")
    return "".join(meaning.get(part, part) for part in parts)


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


def wrapped(text: str, width: int, indent: int = 0) -> list[str]:
    """Return the lines of a text, the longer ones broken at words; characters of double width count as two.

    Args:
        indent: columns before what goes on in a new line.

    >>> wrapped("the lamp  is not-lit", 9, 2)
    ['the lamp', '  is', '  not-lit']
    """
    wide = any(unicodedata.east_asian_width(character) in "WF" for character in text)
    width = max(width // (2 if wide else 1), 10)
    wrapper = textwrap.TextWrapper(
        width, replace_whitespace=False, break_on_hyphens=False, subsequent_indent=" " * indent
    )
    return [part for line in text.split("\n") for part in wrapper.wrap(line) or [""]]


def fitted(text: str, stream: TextIO, indent: int = 0) -> str:
    """Return a text for a stream: `wrapped` for a terminal, else as it is."""
    width = width_of(stream)
    return "\n".join(wrapped(text, width, indent)) if width else text


def table(
    rows: Sequence[Sequence[str]], width: int | None, right: Collection[int] = (), header: Sequence[str] = ()
) -> list[str]:
    """Return rows of cells as lines in columns.

    Where they do not fit in `width`, the first cell of each row has a line of its own, and the others stand below it.

    Args:
        width: of the terminal, in columns; None for no limit.
        right: the numbers of the columns that are aligned to the right.
        header: names of the columns; where they do not fit, each cell gets its name.

    >>> table([("names", "228 kB", "a list"), ("ode", "1 kB", "a poem")], 21, right=[1])
    ['names  228 kB  a list', 'ode      1 kB  a poem']
    >>> table([("names", "228 kB", "a list")], 20, header=("text", "size", "what"))
    ['names', '    size 228 kB,', '    what a list']
    """
    whole = [*([header] if header else []), *rows]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(wide) if place in right else cell.ljust(wide)
            for place, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in whole
    ]
    if width is None or max(map(len, lines)) <= width:
        return lines
    names = [f"{name} " for name in header[1:]] or [""] * len(rows[0])
    below = [", ".join(map("".join, zip(names, row[1:], strict=False))) for row in rows]
    return [line for row, rest in zip(rows, below, strict=True) for line in (row[0], *wrapped(f"    {rest}", width, 4))]


def broken_at_words(text: str, width: int | None) -> str:
    r"""Return a text of the same length, in which lines that are too long end where there was a space.

    >>> broken_at_words("the lamp is lit", 9)
    'the lamp\nis lit'
    """
    characters, column, space = list(text), 0, -1
    for place, character in enumerate(text):
        column = 0 if character == "\n" else column + _columns(character)
        space = place if character == " " else -1 if character == "\n" else space
        if width and column > width and space >= 0:
            characters[space], column, space = "\n", _columns(text[space + 1 : place + 1]), -1
    return "".join(characters)


def _columns(text: str) -> int:
    return len(text) + sum(unicodedata.east_asian_width(character) in "WF" for character in text)


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
        length, before = _columns(part), ""
        if self._width is not None and self._column + length >= self._width and self._column and not part.isspace():
            before, self._column = "\n", 0
        self._column = 0 if part == "\n" else self._column + length
        return before + part
