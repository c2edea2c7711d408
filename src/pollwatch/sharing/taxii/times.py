"""Times in TAXII and STIX: what is written is exact to the microsecond, what is read may be more or less exact.

A version is a STIX timestamp of any precision from whole seconds up. Two spellings of one moment
(``...01Z``, ``...01.000Z``) are the same version, so versions are compared by :func:`version_key`.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from pollwatch.clock import UTC, from_datetime, to_datetime
from pollwatch.errors import FormatError

_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,12}))?Z", re.ASCII)
_LEAP: Final = "60"


def timestamp(us: int) -> str:
    """A TAXII timestamp (section 2): UTC with exactly six digits of a second."""
    return to_datetime(us).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse(text: str) -> int:
    """Microseconds since 1970-01-01 UTC of a timestamp; what is finer is cut off.

    Clients in use write whole seconds and milliseconds, which section 2 does not allow them; they are understood.

    Raises:
        FormatError: no timestamp in UTC.
    """
    whole, fraction = _parts(text)
    try:
        moment = dt.datetime.fromisoformat(whole).replace(tzinfo=UTC)
    except ValueError:
        raise FormatError(f"{text[:40]!r} is no moment of the calendar") from None
    return from_datetime(moment) + int(fraction.ljust(6, "0")[:6])


def version_key(text: str) -> str:
    """A STIX timestamp such that keys of the same moment are equal and sort as their moments do.

    Raises:
        FormatError: no timestamp in UTC.
    """
    whole, fraction = _parts(text)
    # A leap second is a moment too, though datetime knows none.
    try:
        dt.datetime.fromisoformat(f"{whole[:-2]}59" if whole.endswith(_LEAP) else whole)
    except ValueError:
        raise FormatError(f"{text[:40]!r} is no moment of the calendar") from None
    digits = fraction.rstrip("0")
    return f"{whole}.{digits}" if digits else whole


def _parts(text: str) -> tuple[str, str]:
    found = _TIME.fullmatch(text)
    if found is None:
        raise FormatError(f"{text[:40]!r} is no timestamp; write it as 2026-11-03T20:00:00.000000Z")
    return found[1], found[2] or ""
