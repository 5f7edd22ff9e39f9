"""Time zones: by name, and from the offsets that a file shows."""

import functools
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from chargen.errors import InputError

KNOWN = (  # one for each rule of summer time that is in wide use
    *("Europe/Berlin", "Europe/London", "Europe/Athens", "Europe/Lisbon", "America/New_York", "America/Chicago"),
    *("America/Denver", "America/Los_Angeles", "America/Halifax", "America/St_Johns", "America/Anchorage"),
    *("Australia/Sydney", "Australia/Adelaide", "Australia/Lord_Howe", "Pacific/Auckland", "America/Santiago"),
    *("America/Sao_Paulo", "America/Mexico_City", "Asia/Jerusalem", "Africa/Cairo", "Asia/Beirut", "Europe/Moscow"),
)


@functools.lru_cache
def zone_named(name: str) -> tzinfo:
    """Return the zone of a name such as Europe/Berlin, UTC, or an offset such as +01:00.

    Raises:
        InputError: it is unknown here.
    """
    if name[:1] in ("+", "-"):
        try:
            return datetime.fromisoformat(f"2000-01-01T00:00{name}").tzinfo or UTC
        except ValueError:
            raise InputError(f"{name!r}: not an offset", "write it as +01:00", setting="zone") from None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        advice = "name one such as Europe/Berlin (without a database of time zones, install the package tzdata)"
        raise InputError(f"{name!r}: unknown", advice, setting="zone") from None


def zone_of(times: Sequence[datetime]) -> str:
    """Return a zone with the offsets of times; "" if none is known.

    >>> zone_of([datetime.fromisoformat(text) for text in ("2024-01-01 00:00-05:00", "2024-07-01 00:00-04:00")])
    'America/New_York'
    """
    offsets = {time.utcoffset() for time in times}
    if len(offsets) == 1:
        return offset_name(times[0])
    for name in KNOWN:
        try:
            zone = zone_named(name)
        except InputError:  # no database
            return ""
        if all(time.astimezone(zone).utcoffset() == time.utcoffset() for time in times):
            return name
    return ""


def offset_name(time: datetime) -> str:
    """Return the offset of a time as the name of a zone, such as +01:00."""
    return time.isoformat(timespec="minutes")[16:]


def localized(times: Sequence[datetime], zone: tzinfo) -> list[datetime]:
    """Return times of one series in a zone; of an hour that comes twice, the second time is the later one.

    Raises:
        IndexError: with the index of a time that the zone leaves out when summer time begins.
    """
    placed: list[datetime] = []
    for place, time in enumerate(times):
        if time.tzinfo:
            placed.append(time.astimezone(zone))
            continue
        local = time.replace(tzinfo=zone)
        if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != time:
            raise IndexError(place)
        if placed and local.timestamp() <= placed[-1].timestamp():
            local = local.replace(fold=1)
        placed.append(local)
    return placed
