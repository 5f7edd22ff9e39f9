"""What a terminal shows: control characters made visible, and copied passages marked."""

import os
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TextIO


def printable(text: str, stream: TextIO) -> str:
    r"""Return `text` as it may be written to `stream`: on a terminal, control characters are shown, not obeyed.

    A corpus may hold escape sequences, and a model that has learned them must not work somebody's terminal.

    >>> class Terminal:
    ...     isatty = staticmethod(lambda: True)
    >>> printable("red: \x1b[31m\n", Terminal)
    'red: \\x1b[31m\n'
    """
    if not stream.isatty():
        return text
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda match: f"\\x{ord(match[0]):02x}", text)


def mark(
    text: str,
    spans: Sequence[tuple[int, int]],
    show: Callable[[str], str] = str,
    begin: str = "\x1b[7m",
    end: str = "\x1b[27m",
) -> str:
    r"""Return `text` with its spans between `begin` and `end`, by default in a terminal's reverse video.

    Args:
        spans: begin and end in characters, in order; they may overlap.
        show: what each piece of text goes through before the marks are set, such as `printable`, which
            would make them visible otherwise.
        begin, end: the marks; each line is marked by itself, or else a terminal might mark the margin too.

    >>> mark("one, two,\nthree\x07 four", [(5, 8), (7, 16)], ascii, "[", "]")
    "'one, '['two,\\nthree\\x07']' four'"
    """
    cuts = [0, *(cut for span in merge_spans(spans) for cut in span), len(text)]
    pieces = [show(text[here:there]) for here, there in pairwise(cuts)]  # by turns outside of spans and inside
    pieces[1::2] = [re.sub(r"[^\n]+", lambda line: begin + line[0] + end, piece) for piece in pieces[1::2]]
    return "".join(pieces)


def colours(stream: TextIO) -> bool:
    """Return whether marks may be written to `stream`: a terminal that knows them, of a person who does not object.

    The objection is the environment variable NO_COLOR, see https://no-color.org.
    """
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def merge_spans(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the same ground in spans that neither overlap nor touch."""
    apart: list[tuple[int, int]] = []
    for begin, end in spans:
        if apart and begin <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((begin, end))
    return apart
