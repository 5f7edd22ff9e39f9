"""The forms in which times are written: which of them fit a column, and texts to times and back.

A form is "%d/%m/%Y" and the like, as `datetime.strptime` has them, with %q for the quarter, and %-d for days without a
leading zero; or one of ISO 8601: "month", "date", or the separator and the last unit, such as " minutes" or "Tseconds";
"epoch" or "epoch ms" for seconds or milliseconds since 1970; "year.3" for years with months as fractions, of three
decimals ("year.3g" without zeros at the end); or "number", ".1", ".2" for numbers with so many decimals, which count in
units of their last place.
"""

import functools
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

NUMBER = "number"
NUMBERS = re.compile(r"[-+]?\d{1,15}(\.\d{0,12})?", re.ASCII)  # longer ones would take for ever, as 1e999999999
EPOCH = {"epoch": timedelta(seconds=1), "epoch ms": timedelta(milliseconds=1)}
ZERO = datetime(1970, 1, 1, tzinfo=UTC)
YEARS = r"(?:1[5-9]|2[01])\d\d"  # those in which a bare number is taken for a date
ISO = re.compile(
    r"\d{4}-\d\d(-\d\d(([T ])\d\d(:\d\d(:\d\d([.]\d{1,9})?)?)?( ?(Z|UTC|GMT|[+-]\d\d(:?\d\d)?))?)?)?", re.ASCII
)
UNITS = ("hours", "minutes", "seconds")
DAYS = (
    *("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d"),
    *("%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y"),
    *("%d %b %y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d%b%Y", "%Y-%b-%d", "%Y%m%d"),
    *("%a %d %b %Y", "%a, %d %b %Y", "%a %b %d %Y", "%A, %B %d, %Y", "%A, %d %B %Y"),
)
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", " %I:%M%p")
PERIODS = (
    *("%b %Y", "%B %Y", "%b-%Y", "%b-%y", "%b %y", "%Y %b", "%Y-%b", "%b%Y", "%m/%Y", "%m-%Y", "%Y/%m"),
    *("%YM%m", "%Y-M%m", "%YQ%q", "%Yq%q", "%Y-Q%q", "%Y Q%q", "%Y/Q%q", "%Y:Q%q", "Q%q %Y", "Q%q-%Y"),
    *("Q%q/%Y", "%qQ%Y", "Q%q-%y", "%GW%V", "%G-W%V", "%G W%V", "%GW%V%u", "%G-W%V-%u", "%Y%m%dT%H%M%S"),
    "%Y%m%dT%H%M",
)
BARE = (  # dates that are numbers
    *((rf"{YEARS}\d\d", "%Y%m"), (rf"{YEARS}\d\d", "%G%V"), (rf"{YEARS}\d{{4}}", "%Y%m%d")),
    *((rf"{YEARS}\d{{8}}", "%Y%m%d%H%M"), (rf"{YEARS}\d{{10}}", "%Y%m%d%H%M%S")),
    *((rf"{YEARS}\.\d\d", "%Y.%m"), (rf"\d\d\.{YEARS}", "%m.%Y"), (r"1\d{9}", "epoch"), (r"1\d{12}", "epoch ms")),
)
CODES = {
    **{"Y": r"\d{4}", "y": r"\d\d", "m": r"(\d\d?)", "d": r"(\d\d?)", "b": "[A-Za-z]{3}", "B": "[A-Za-z]{3,9}"},
    **{"H": r"(\d\d?)", "I": r"(\d\d?)", "M": r"\d\d", "S": r"\d\d", "f": r"\d{1,6}", "p": "[AaPp][Mm]"},
    **{"G": r"\d{4}", "V": r"\d\d", "u": "[1-7]", "q": "[1-4]", "a": "[A-Za-z]{3}", "A": "[A-Za-z]{6,9}"},
}


@functools.cache
def _shapes() -> dict[str, re.Pattern]:
    """Return what texts look like by their form; the groups are numbers that may have a leading zero."""
    return {
        form: re.compile(re.sub(r"%(\w)", lambda code: CODES[code[1]], re.escape(form)), re.ASCII)
        for form in (*PERIODS, *(f"{day}{clock}" for day in DAYS for clock in CLOCKS if day != "%Y%m%d" or clock))
    }


@functools.cache
def _any_shape() -> re.Pattern:
    return re.compile("|".join([ISO.pattern, *(shape.pattern for shape in _shapes().values())]), re.ASCII)


def readings(texts: Sequence[str]) -> dict[str, list]:
    """Return the forms in which all texts are times, numbers last, with the times that they are then.

    >>> list(readings(["03/04/2024", "04/04/2024"])), list(readings(["03/04/2024", "13/04/2024"]))
    (['%d/%m/%Y', '%m/%d/%Y'], ['%d/%m/%Y'])
    """
    if texts and all(map(ISO.fullmatch, texts)):
        forms = [_iso_form(max(texts, key=len))]
    elif all(map(NUMBERS.fullmatch, texts)):
        forms = _forms_of_numbers(texts)
    else:
        fitting = (form for form, shape in _shapes().items() if all(map(shape.fullmatch, texts)))
        forms = [_as_padded(form, texts) for form in fitting]
    read = {form: read_all(texts, form) for form in forms}
    if read.get("%Y%m") is not None:
        read.pop("%G%V", None)  # weeks of a year, only where they cannot be months
    return {form: times for form, times in read.items() if times is not None}


def _forms_of_numbers(texts: Sequence[str]) -> list[str]:
    """Return the forms of dates that numbers may be, and that of the numbers themselves."""
    decimals = {len(text.partition(".")[2]) for text in texts}
    most = max(decimals, default=0)
    forms = [form for shape, form in BARE if all(re.fullmatch(shape, text, re.ASCII) for text in texts)]
    if most > 1 and all(re.fullmatch(rf"{YEARS}(\.\d*)?", text, re.ASCII) for text in texts):
        forms.append(f"year.{most}{'g' * (len(decimals) > 1)}")
    return [*forms, f".{most}" if most else NUMBER]


def _as_padded(form: str, texts: Sequence[str]) -> str:
    """Return a form with %-d in the place of %d, and so on, where texts are without leading zeros."""
    matches = [match for match in map(_shapes()[form].fullmatch, texts) if match]
    numbers = list(
        zip(re.findall("%([mdHI])", form), zip(*(match.groups() for match in matches), strict=True), strict=True)
    )
    if all(len(text) == 2 for _, own in numbers for text in own):
        return form
    for code, own in numbers:
        if not any(text.startswith("0") and len(text) == 2 for text in own):
            form = form.replace(f"%{code}", f"%-{code}")
    return form


def read_all(texts: Sequence[str], form: str) -> list | None:
    """Return the times that texts stand for; None if one of them is not of the form."""
    try:
        return [read_time(text, form) for text in texts]
    except (ValueError, ArithmeticError):
        return None


def is_form(text: str) -> bool:
    """Return whether a text is a form of times, or "" for numbers."""
    return len(text) <= 100 and ("%" in text or re.fullmatch(r"[a-zT ]*|(year)?\.\d\d?g?", text) is not None)


def looks_like_time(text: str) -> bool:
    """Return whether a text is a time, other than one that could be a number."""
    return _any_shape().fullmatch(text.strip()) is not None and bool(readings([text.strip()]))


def read_time(text: str, form: str) -> datetime | int:
    """Return the time that a text stands for; a whole number where the form is one of numbers.

    Raises:
        ValueError: the text is not of this form.
    """
    text = text.strip()
    if (form == NUMBER or form.startswith((".", "year."))) and not NUMBERS.fullmatch(text):
        raise ValueError(f"{text} is no number of a row or of a year")
    if form == NUMBER or form.startswith("."):
        return int(Decimal(text).scaleb(int(form.removeprefix(NUMBER).removeprefix(".") or 0)))
    if form in EPOCH:
        return ZERO + int(text) * EPOCH[form]
    if form.startswith("year."):
        return _read_year(text, int(form[5:].rstrip("g")))
    if "%" not in form:
        return _read_iso(text)
    form = form.replace("%-", "%")
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
    if form in EPOCH:
        return str((time - ZERO) // EPOCH[form])
    if form.startswith("year."):
        text = f"{time.year + (time.month - 1) / 12:.{form[5:].rstrip('g')}f}"
        return text.rstrip("0").rstrip(".") if form.endswith("g") else text
    if "%" in form:
        plain = {"m": time.month, "d": time.day, "H": time.hour, "I": (time.hour - 1) % 12 + 1}
        form = re.sub("%-([mdHI])", lambda code: str(plain[code[1]]), form)
        return time.strftime(form.replace("%q", str((time.month + 2) // 3)).replace("%Y", f"{time.year:04}"))
    if form in ("month", "date"):
        return time.date().isoformat()[: 7 if form == "month" else 10]
    return time.isoformat(form[0], form[1:])


def _read_year(text: str, decimals: int) -> datetime:
    """Return the month that a year with a fraction stands for, rounded to so many decimals."""
    months = Decimal(text) * 12
    if abs(months - round(months)) > Decimal(9).scaleb(-decimals):
        raise ValueError(f"{text} is no month")
    return datetime(round(months) // 12, round(months) % 12 + 1, 1)


def _read_iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # what others than Python write
        text = re.sub(r" (?=[+-]\d\d)", "", text.replace("/", "-").replace(" Z", "Z"))
        text = re.sub(" ?(UTC|GMT)$", "+00:00", text)
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
