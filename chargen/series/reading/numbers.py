"""The numbers of a column: decimal points or commas, marks of thousands, and what stands for a missing value."""

import functools
import math
import re
from collections.abc import Sequence
from typing import NamedTuple

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


class Numbers(NamedTuple):
    """What a column holds.

    Attributes:
        values: float64 (rows,), NaN where one is missing.
        decimal: their decimal mark; None if all are whole.
    """

    values: np.ndarray
    decimal: str | None


def read_numbers(texts: Sequence[str], decimal: str | None = None) -> Numbers:
    """Return the numbers of a column.

    >>> read_numbers(["1.234,50", "98,2", "NA"])
    Numbers(values=array([1234.5,   98.2,    nan]), decimal=',')

    Args:
        decimal: the decimal mark, "." or ","; None takes the one with which all texts are numbers.

    Raises:
        NumberError: a text is not a number, or may be two different ones.
    """
    cells = [text.strip().replace("\u2212", "-") for text in texts]
    present = [place for place, cell in enumerate(cells) if cell.lower() not in MISSING]
    marks = [decimal] if decimal else list(OTHER_MARK)
    fitting = [mark for mark in marks if all(_shape(mark).fullmatch(cells[place]) for place in present)]
    if not fitting:
        raise _no_number(cells, present, marks)
    if len(fitting) == 2 and (place := _ambiguous(cells, present)) is not None:
        point, comma = (float(_with_point(cells[place], mark)) for mark in OTHER_MARK)
        message = f"is {cells[place]!r}, which may stand for {point:.15g} or {comma:.15g}"
        raise NumberError(place, message, "say which: {decimal}")
    values = np.full(len(cells), np.nan)
    for place in present:
        values[place] = float(_with_point(cells[place], fitting[0]))
        if not math.isfinite(values[place]):
            raise NumberError(place, f"is {cells[place]!r}, not a finite number", "correct it, or remove the row")
    whole = not any(mark in cells[place] for place in present for mark in OTHER_MARK)
    return Numbers(values, None if whole else fitting[0])


def _with_point(cell: str, mark: str) -> str:
    """Return a number with a decimal point and without marks of thousands."""
    return cell.translate(str.maketrans(mark, ".", OTHER_MARK[mark] + SPACES))


def _ambiguous(cells: Sequence[str], present: Sequence[int]) -> int | None:
    """Return the place of a text that is a number with either mark, and may well be meant so; None if there is none.

    A point before three digits marks decimals, unless there are whole numbers of three digits too, as in 950 and 1.050,
    and no 0.125.
    """
    marked = [place for place in present if set(cells[place]) & {*OTHER_MARK} and re.search("[1-9]", cells[place])]
    has_hundreds = any(re.fullmatch(r"[-+]?[1-9]\d\d", cells[place]) for place in present)
    if not has_hundreds or any(re.match(r"[-+]?0\.", cells[place]) for place in present):
        marked = [place for place in marked if "," in cells[place]]
    return next(iter(marked), None)


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


def _no_number(cells: list[str], present: list[int], marks: Sequence[str]) -> NumberError:
    """Return the error of the text at which the reading that goes furthest ends."""
    place = max(next(at for at in present if not _shape(mark).fullmatch(cells[at])) for mark in marks)
    inner = re.sub(r"^[^\d.,+-]+|[^\d.,]+$", "", cells[place])
    advice = "correct it, remove the row, or choose another {column}"
    if "\n" in cells[place]:
        advice = "close the quotation mark that opens there"
    elif cells[place] == f"({inner})":
        advice = f"write it as -{inner}, if the brackets mean a negative number"
    elif cells[place] == f"{inner}-":
        advice = f"write it as -{inner}, if the minus belongs to it"
    elif cells[place].startswith("#"):
        advice = "leave the cell empty, and fill it, see {fill}"
    elif inner != cells[place] and not re.search(r"[^\W\d_]\d|\d[^\W\d_]", cells[place]) and looks_like_number(inner):
        advice = f"leave out what is not part of the number: {inner}"
    elif _shape(",").fullmatch(cells[place]):
        advice = "write decimals with a point"
    elif _is_plain(cells[place]):
        advice = "write all numbers with the same decimal mark"
    elif _is_plain(cells[place].replace(",", "")):
        advice = "leave out the commas"
    elif re.fullmatch(r"[-+]?inf(inity)?", cells[place], re.IGNORECASE):
        return NumberError(place, f"is {cells[place]!r}, not a finite number", "correct it, or remove the row")
    shown = cells[place].split("\n")[0][:40]
    return NumberError(place, f"is {shown!r}, not a number", advice)
