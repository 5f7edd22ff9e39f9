"""Numbers as people say them: counts, durations, sizes of files, figures without a negative zero."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or the plural.

    >>> counted(1, "epoch"), counted(1200, "epoch"), counted(2, "copy")
    ('1 epoch', '1,200 epochs', '2 copies')
    """
    plural = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def duration(seconds: float) -> str:
    """Return a duration in its usual unit, to two figures or so.

    >>> [duration(seconds) for seconds in (0.4, 42.3, 90, 600, 5400, 200_000)]
    ['1 s', '42 s', '1.5 min', '10 min', '1.5 h', '56 h']
    """
    unit, length = ("s", 1) if seconds < 90 else ("min", 60) if seconds < 5400 else ("h", 3600)
    value = seconds / length
    return f"{max(round(value), 1)} {unit}" if unit == "s" or value >= 10 else f"{round(value, 1):g} {unit}"


def size(count: int) -> str:
    """Return a number of bytes in its usual unit.

    >>> [size(count) for count in (700, 4_100, 2_345_678)]
    ['700 bytes', '4 kB', '2.3 MB']
    """
    if count < 1000:
        return counted(count, "byte")
    unit, length = ("kB", 10**3) if count < 10**6 else ("MB", 10**6) if count < 10**9 else ("GB", 10**9)
    value = count / length
    return f"{value:.1f} {unit}" if value < 10 and unit != "kB" else f"{value:,.0f} {unit}"


def fixed(value: float, places: int, sign: str = "") -> str:
    """Return a figure to some decimal places; what rounds to zero has no minus sign.

    >>> fixed(-0.0001, 3), fixed(-0.5, 2), fixed(0.25, 2, "+")
    ('0.000', '-0.50', '+0.25')
    """
    return f"{value:{sign}z.{places}f}"
