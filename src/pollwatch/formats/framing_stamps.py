"""The time at the head of a line, in any of the notations in which programs write their own logs.

Found, it is written as ISO 8601, or as syslog writes it where it lacks a year; what it means, with the year and the
zone that it lacks, is for ``framing_syslog.Headers.times``.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

from pollwatch.formats.framing import LOWER_MONTHS

#: How far into a line a time may begin: behind a level, a module, an address.
HEAD = 160
_MONTH = r"(?:[Jj]an|[Ff]eb|[Mm]ar|[Aa]pr|[Mm]ay|[Jj]un|[Jj]ul|[Aa]ug|[Ss]ep|[Oo]ct|[Nn]ov|[Dd]ec)"
_CLOCK = r"\d\d:\d\d:\d\d"
_FINE = rf"{_CLOCK}(?:[.,]\d{{1,9}})?"
#: Each notation, and how to write what it says as ISO 8601 (none: as it stands).
_NOTATIONS: tuple[tuple[str, str], ...] = (
    (rf"(?P<whole>\d{{4}}-\d\d-\d\d[T ]{_FINE})(?P<zone> ?(?:Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d\b))?", "iso"),
    (rf"(?P<y>\d{{4}})/(?P<m>\d\d)/(?P<d>\d\d)[ T](?P<c>{_FINE})", "date"),
    (rf"(?P<d>\d\d?)[/ -](?P<m>{_MONTH})[/ -](?P<y>\d{{4}}),?[: ](?P<c>{_FINE})(?P<zone> ?[+-]\d{{4}})?", "date"),
    (r"(?P<m>\d\d?)/(?P<d>\d\d?)/(?P<y>\d{4}),? (?P<c>\d\d?:\d\d:\d\d)(?: (?P<half>[AP]M))?", "date"),
    (
        rf"(?P<day>{_MONTH} +\d\d?) (?:(?P<y>\d{{4}}) )?(?P<c>{_FINE})(?: (?:[A-Z]{{3,4}} )?(?P<late>[12]\d{{3}})\b)?",
        "bsd",
    ),
    (r"(?P<y>\d\d)(?P<m>\d\d)(?P<d>\d\d) +(?P<c>\d\d?:\d\d:\d\d)(?=\s)", "date"),  # MySQL before 5.7
)
_STAMPS = tuple((re.compile(rf"(?<![\d:.]){pattern}"), kind) for pattern, kind in _NOTATIONS)


class Stamp(NamedTuple):
    """A time as text, and where in its line it stood."""

    text: str
    start: int
    end: int


def find(line: str) -> Stamp | None:
    """The first time within a line's head."""
    found = [(match, kind) for pattern, kind in _STAMPS if (match := pattern.search(line, 0, HEAD))]
    if not found:
        return None
    match, kind = min(found, key=lambda each: each[0].start())
    part = match.groupdict()
    if kind == "bsd":  # letters of a zone mean several things; the log's own zone is asked instead
        year = part["y"] or part["late"]
        text = f"{part['day']} {part['c']}" + (f" {year}" if year else "")
    elif kind == "iso":
        zone = (part["zone"] or "").strip()
        text = part["whole"] + {"UTC": "Z", "GMT": "Z"}.get(zone, zone)
    else:
        text = _iso(part)
    return Stamp(text, match.start(), match.end())


def epoch(seconds: str) -> str:
    """Seconds since 1970, with or without a fraction, as ISO 8601; the digits of a fraction stay as they are."""
    whole, _, fraction = seconds.partition(".")
    moment = dt.datetime.fromtimestamp(int(whole), dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{fraction or '0'}Z"


def _iso(part: dict[str, str | None]) -> str:
    year, month, clock = part["y"] or "", part["m"] or "", part["c"] or ""
    if not month.isdecimal():
        month = str(LOWER_MONTHS.index(month.lower()) + 1)
    hour, _, rest = clock.partition(":")
    if half := part.get("half"):
        hour = str(int(hour) % 12 + (12 if half == "PM" else 0))
    zone = (part.get("zone") or "").strip()
    return f"{year.rjust(4, '0') if len(year) > 2 else '20' + year}-{month:0>2}-{part['d']:0>2}T{hour:0>2}:{rest}{zone}"
