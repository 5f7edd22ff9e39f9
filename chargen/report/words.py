"""Numbers as people say them, and names that are almost right."""

import difflib
from collections.abc import Iterable

MOST_NAMES = 5  # that are listed where none is near
NEAR = 0.7  # of 1: how alike two names are of which one may be a slip for the other


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or the plural.

    >>> counted(1, "epoch"), counted(1200, "epoch"), counted(2, "copy"), counted(2, "batch")
    ('1 epoch', '1,200 epochs', '2 copies', '2 batches')
    """
    plural = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
    plural = f"{noun}es" if noun.endswith(("s", "x", "tch", "sh")) else plural
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


def percent(share: float) -> str:
    """Return a share of 1 in per cent.

    >>> percent(0), percent(0.123), percent(1)
    ('0 %', '12.3 %', '100 %')
    """
    return f"{f'{100 * share:.1f}'.removesuffix('.0')} %"


def suggestion(name: str, known: Iterable[str], also: Iterable[str] = ()) -> str:
    """Return advice for a name that is unknown: the nearest ones or, where none is near, the first few known ones.

    Args:
        also: names that are suggested where they are near, and not listed otherwise.

    >>> suggestion("gri", ["grimm-lstm", "poem-lstm"]), suggestion("x", "abcdefgh"), suggestion("x", [])
    ('did you mean grimm-lstm?', 'known: a, b, c, d, e and 3 more', 'none is known')
    """
    known = list(known)
    lower = {one.lower(): one for one in [*known, *also]}
    parts = [one for short, one in lower.items() if name and name.lower() in short]
    near = parts or [lower[short] for short in difflib.get_close_matches(name.lower(), lower, cutoff=NEAR)]
    if near:
        return f"did you mean {' or '.join(near[:3])}?"
    if not known:
        return "none is known"
    rest = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
    return f"known: {', '.join(known[:MOST_NAMES])}{rest}"
