"""The forms in which times are written: which of them fit a column, and texts to times and back.

A form is "%d/%m/%Y" and the like, as `datetime.strptime` has them, with %q for the quarter; or one of ISO 8601:
"month", "date", or the separator and the last unit, such as " minutes" or "Tseconds"; or "number", ".1", ".2" for
numbers with so many decimals, which count in units of their last place.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

NUMBER = "number"
YEARS = r"(?:1[5-9]|2[01])\d\d"  # those in which a bare number is taken for a date
ISO = re.compile(
    r"\d{4}-\d\d(-\d\d(([T ])\d\d(:\d\d(:\d\d([.]\d{1,9})?)?)?( ?(Z|UTC|[+-]\d\d(:?\d\d)?))?)?)?", re.ASCII
)
UNITS = ("hours", "minutes", "seconds")
DAYS = (
    *("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d"),
    *("%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y"),
    *(
        "%d %b %Y",
        "%d-%b-%Y",
        "%d-%b-%y",
        "%d %b %y",
        "%d %B %Y",
        "%b %d, %Y",
        "%B %d, %Y",
        "%b %d %Y",
        "%d%b%Y",
        "%Y-%b-%d",
    ),
)
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
PERIODS = (
    *(
        "%b %Y",
        "%B %Y",
        "%b-%Y",
        "%b-%y",
        "%b %y",
        "%Y %b",
        "%Y-%b",
        "%b%Y",
        "%m/%Y",
        "%m-%Y",
        "%Y/%m",
        "%YM%m",
        "%Y-M%m",
    ),
    *("%YQ%q", "%Y-Q%q", "%Y Q%q", "%Y/Q%q", "%Y:Q%q", "Q%q %Y", "Q%q-%Y", "Q%q/%Y"),
    *("%GW%V", "%G-W%V", "%G W%V", "%GW%V%u", "%G-W%V-%u"),
)
BARE = {rf"{YEARS}\d\d": "%Y%m", rf"{YEARS}\d{{4}}": "%Y%m%d", rf"{YEARS}\.\d\d": "%Y.%m", rf"\d\d\.{YEARS}": "%m.%Y"}


CODES = {
    **{"Y": r"\d{4}", "y": r"\d\d", "m": r"\d\d?", "d": r"\d\d?", "b": "[a-z]{3}", "B": "[a-z]{3,9}", "q": "[1-4]"},
    **{"H": r"\d\d?", "I": r"\d\d?", "M": r"\d\d", "S": r"\d\d", "f": r"\d{1,6}", "p": "[ap]m"},
    **{"G": r"\d{4}", "V": r"\d\d", "u": "[1-7]"},
}
SHAPES = {
    form: re.compile(re.sub(r"%(\w)", lambda code: CODES[code[1]], re.escape(form)), re.IGNORECASE | re.ASCII)
    for form in (*PERIODS, *(f"{day}{clock}" for day in DAYS for clock in CLOCKS))
}
ANY = re.compile("|".join([ISO.pattern, *(shape.pattern for shape in SHAPES.values())]), re.IGNORECASE | re.ASCII)


def readings(texts: Sequence[str]) -> dict[str, list]:
    """Return the forms in which all texts are times, numbers last, with the times that they are then.

    >>> list(readings(["03/04/2024", "04/04/2024"])), list(readings(["03/04/2024", "13/04/2024"]))
    (['%d/%m/%Y', '%m/%d/%Y'], ['%d/%m/%Y'])
    """
    if texts and all(map(ISO.fullmatch, texts)):
        forms = [_iso_form(max(texts, key=len))]
    elif all(re.fullmatch(r"[-+]?\d{1,15}(\.\d{0,6})?", text, re.ASCII) for text in texts):
        decimals = max((len(text.partition(".")[2]) for text in texts), default=0)
        bare = [form for shape, form in BARE.items() if all(re.fullmatch(shape, text) for text in texts)]
        forms = [*bare, f".{decimals}" if decimals else NUMBER]
    else:
        forms = [form for form, shape in SHAPES.items() if all(map(shape.fullmatch, texts))]
    read = {form: read_all(texts, form) for form in forms}
    return {form: times for form, times in read.items() if times is not None}


def read_all(texts: Sequence[str], form: str) -> list | None:
    """Return the times that texts stand for; None if one of them is not of the form."""
    try:
        return [read_time(text, form) for text in texts]
    except ValueError:
        return None


def looks_like_time(text: str) -> bool:
    """Return whether a text is a time, other than one that could be a number."""
    return ANY.fullmatch(text.strip()) is not None and bool(readings([text.strip()]))


def read_time(text: str, form: str) -> datetime | int:
    """Return the time that a text stands for; a whole number where the form is one of numbers.

    Raises:
        ValueError: the text is not of this form.
    """
    text = text.strip()
    if form == NUMBER or form.startswith("."):
        return int(Decimal(text).scaleb(int(form.removeprefix(NUMBER).removeprefix(".") or 0)))
    if "%" not in form:
        return _read_iso(text)
    if "%V" in form and "%u" not in form:
        text, form = f"{text} 1", f"{form} %u"
    time = datetime.strptime(text, form.replace("%q", "%m"))
    if "%q" in form:
        if time.month > 4:
            raise ValueError(f"quarter {time.month}")
        return time.replace(month=3 * time.month - 2)
    return time


def write_time(time: datetime | int, form: str) -> str:
    """Return the text of a time; the inverse of `read_time`.

    >>> [write_time(read_time(text, form), form) for text, form in (("2001Q3", "%YQ%q"), ("1700.0", ".1"))]
    ['2001Q3', '1700.0']
    """
    if isinstance(time, int):
        return f"{Decimal(time).scaleb(-int(form[1:])):f}" if form.startswith(".") else str(time)
    if "%" in form:
        return time.strftime(form.replace("%q", str((time.month + 2) // 3)).replace("%Y", f"{time.year:04}"))
    if form in ("month", "date"):
        return time.date().isoformat()[: 7 if form == "month" else 10]
    return time.isoformat(form[0], form[1:])


def _read_iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # what others than Python write
        text = re.sub(r" (?=[+-]\d\d)", "", text.replace("/", "-").replace(" UTC", "+00:00").replace(" Z", "Z"))
        return datetime.fromisoformat(f"{text}-01" if re.fullmatch(r"\d{4}-\d\d", text) else text)


def _iso_form(text: str) -> str:
    match = ISO.fullmatch(text)
    assert match
    if not match[2]:
        return "date" if match[1] else "month"
    fraction = match[6] or ""
    unit = (
        UNITS[(match[4] or "").count(":")] if not fraction else "milliseconds" if len(fraction) <= 4 else "microseconds"
    )
    return match[3] + unit
