"""The numbers of a column: decimal points or commas, marks of thousands, and what stands for a missing value."""

import functools
import math
import re
from collections.abc import Sequence

import numpy as np

from chargen.errors import InputError

MISSING = {"", "na", "n/a", "nan", "none", "null", "-", "?", ".", "#n/a", "<na>", "..", ":"}
OTHER_MARK = {".": ",", ",": "."}  # of thousands, by the decimal mark
SPACES = " '\u2019\u00a0\u202f"  # between thousands, with either decimal mark


class NumberError(InputError):
    """A text is not a number; `place` is its index in the column, counted from 0."""

    def __init__(self, place: int, message: str, advice: str):
        super().__init__(message, advice)
        self.place = place


def read_numbers(texts: Sequence[str], decimal: str | None = None) -> np.ndarray:
    """Return the numbers of a column, NaN where one is missing: float64 (rows,).

    >>> read_numbers(["1.234,50", "98,2", "NA"]).tolist()
    [1234.5, 98.2, nan]

    Args:
        decimal: the decimal mark, "." or ","; None takes the one with which all texts are numbers.

    Raises:
        NumberError: a text is not a number, or may be two different ones.
    """
    cells = [text.strip().replace("\u2212", "-") for text in texts]
    present = [place for place, cell in enumerate(cells) if cell.lower() not in MISSING]
    numbers = np.full(len(cells), np.nan)
    marks = [decimal] if decimal else list(OTHER_MARK)
    if decimal != "," and all(_is_plain(cells[place]) for place in present):
        marks = ["."]
    shapes = {mark: _shape(mark) for mark in marks}
    fitting = [mark for mark in marks if all(shapes[mark].fullmatch(cells[place]) for place in present)]
    if not fitting:
        raise _no_number(cells, present, shapes)
    mixed = (place for place in present if "," in cells[place] and re.search("[1-9]", cells[place]))
    if len(fitting) == 2 and (place := next(mixed, None)) is not None:
        point, comma = cells[place].replace(",", ""), cells[place].replace(",", ".")
        raise NumberError(place, f"is {cells[place]!r}, which may stand for {point} or {comma}", "say which: {decimal}")
    strip = str.maketrans(fitting[0], ".", OTHER_MARK[fitting[0]] + SPACES)
    for place in present:
        numbers[place] = float(cells[place].translate(strip))
        if not math.isfinite(numbers[place]):
            raise NumberError(place, f"is {cells[place]!r}, not a finite number", "correct it, or remove the row")
    return numbers


def looks_like_number(text: str) -> bool:
    """Return whether a text is a number with one of the decimal marks."""
    text = text.strip()
    return any(_shape(mark).fullmatch(text) for mark in OTHER_MARK)


def _is_plain(text: str) -> bool:
    return re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text, re.ASCII) is not None


@functools.cache
def _shape(mark: str) -> re.Pattern:
    """Return the shape of a number with a decimal mark; thousands are marked throughout or not at all."""
    thousands = f"[{re.escape(OTHER_MARK[mark] + SPACES)}]"
    decimal = re.escape(mark)
    whole = rf"(\d{{1,3}}(?P<mark>{thousands})\d{{3}}((?P=mark)\d{{3}})*|\d+)"
    return re.compile(rf"[-+]?({whole}({decimal}\d*)?|{decimal}\d+)([eE][-+]?\d+)?", re.ASCII)


def _no_number(cells: list[str], present: list[int], shapes: dict[str, re.Pattern]) -> NumberError:
    """Return the error of the text at which the reading that goes furthest ends."""
    place = max(next(at for at in present if not shape.fullmatch(cells[at])) for shape in shapes.values())
    inner = re.sub(r"^[^\d.,+-]+|[^\d.,]+$", "", cells[place])
    advice = "correct it, remove the row, or choose another {column}"
    if "\n" in cells[place]:
        advice = "close the quotation mark that opens there"
    elif cells[place] == f"({inner})":
        advice = f"write it as -{inner}, if the brackets mean a negative number"
    elif inner != cells[place] and looks_like_number(inner):
        advice = f"leave out what is not part of the number: {inner}"
    elif _shape(",").fullmatch(cells[place]):
        advice = "write decimals with a point"
    elif _is_plain(cells[place].replace(",", "")):
        advice = "leave out the commas"
    elif re.fullmatch(r"[-+]?inf(inity)?", cells[place], re.IGNORECASE):
        return NumberError(place, f"is {cells[place]!r}, not a finite number", "correct it, or remove the row")
    shown = cells[place].split("\n")[0][:40]
    return NumberError(place, f"is {shown!r}, not a number", advice)
