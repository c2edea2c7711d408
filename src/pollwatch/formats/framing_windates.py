"""Dates as Windows writes them into tables: in the order of day and month of whoever exported them.

Which of two numbers is the month, a single date often does not say. It is told from all dates of a block: one number
beyond 12 settles it; else the order in which the events come nearest to one another; else what cannot lie after the
export; else the habit that goes with the notation. What a later block settles holds from there on.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pollwatch.clock import from_datetime
from pollwatch.formats.framing import MONTHS, iso_us, plausible

_DAY_US = 86_400_000_000
_DATE = re.compile(
    r"(?P<a>\d{1,4})(?P<sign>[./-]) ?(?P<b>\d{1,2})(?P=sign) ?(?P<c>\d{1,4})\.?,?[ \u00a0\u202f]+"
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?"
    r"(?:[ \u00a0\u202f]*(?P<half>[AaPp])\.?[ \u00a0]?[Mm]\.?)?"
)
_OFFSET = re.compile(r"\s+(?=[+-]\d{2}:?\d{2}$)")
#: Kibana's: ``Nov 3, 2026 @ 20:00:00.000``.
_NAMED = re.compile(r"([A-Z][a-z]{2}) (\d{1,2}), (\d{4}) @ (\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)")


@dataclass(frozen=True, slots=True)
class _Date:
    """A date of which day and month are not yet told apart."""

    numbers: tuple[int, int, int]
    time: tuple[int, int, int, int]
    habit: bool  # that the month comes first

    def moment(self, zone: dt.tzinfo, *, month_first: bool) -> int | None:
        a, b, c = self.numbers
        year, month, day = (a, b, c) if a > 31 else (c + (2000 if c < 100 else 0), *((a, b) if month_first else (b, a)))
        try:
            return plausible(from_datetime(dt.datetime(year, month, day, *self.time, tzinfo=zone)))
        except (ValueError, OverflowError):
            return None


class Dates:
    """Reads one input's dates, block by block."""

    __slots__ = ("_anchor_us", "_month_first", "_settled", "_zone")

    def __init__(self, anchor_us: int, zone: dt.tzinfo) -> None:
        """Start before the first block.

        Args:
            anchor_us: a moment not long after the last event.
            zone: of times that name none.
        """
        self._anchor_us = anchor_us
        self._zone = zone
        self._month_first = False
        self._settled = False

    def __call__(self, logged: Sequence[str]) -> list[int | None]:
        """The moments of a block's dates; None for what is no date, and for the year 1601, which says "never"."""
        dates = [_read(text) for text in logged]
        ambiguous = [each for each in dates if isinstance(each, _Date) and each.numbers[0] <= 31]
        if ambiguous and not self._settled:
            self._tell(ambiguous)
        return [self._moment(text, each) for text, each in zip(logged, dates, strict=True)]

    def _moment(self, text: str, date: _Date | None) -> int | None:
        if (named := _NAMED.fullmatch(text)) and named[1] in MONTHS:
            return iso_us(f"{named[3]}-{MONTHS.index(named[1]) + 1:02}-{int(named[2]):02}T{named[4]}", self._zone)
        if date is None:
            return iso_us(_OFFSET.sub("", text.removesuffix(" UTC").strip(), count=1), self._zone)
        found = date.moment(self._zone, month_first=self._month_first)
        return date.moment(self._zone, month_first=not self._month_first) if found is None else found

    def _tell(self, dates: Sequence[_Date]) -> None:
        beyond = [(each.numbers[0] > 12, each.numbers[1] > 12) for each in dates]
        firsts, seconds = sum(a for a, _ in beyond), sum(b for _, b in beyond)
        if firsts or seconds:
            self._month_first, self._settled = seconds > firsts, True
            return
        ways = {way: [each.moment(self._zone, month_first=way) or 0 for each in dates] for way in (True, False)}
        lengths = {way: sum(abs(b - a) for a, b in pairwise(times)) for way, times in ways.items()}
        later = {way: max(times) > self._anchor_us + _DAY_US for way, times in ways.items()}
        if later[True] != later[False]:
            self._month_first = later[False]
        elif lengths[True] != lengths[False]:
            self._month_first = lengths[True] < lengths[False]
        else:
            self._month_first = sum(each.habit for each in dates) > len(dates) / 2


def _read(text: str) -> _Date | None:
    match = _DATE.fullmatch(text.strip().strip("\u200e\u200f"))
    if match is None or (len(match["a"]) in {3, 4} and match["sign"] == "-"):  # ISO 8601
        return None
    hour = int(match["hour"])
    if half := (match["half"] or "").lower():
        hour = hour % 12 + (12 if half == "p" else 0)
    part = int((match["part"] or "").ljust(6, "0")[:6])
    time = (hour, int(match["minute"]), int(match["second"] or 0), part)
    return _Date((int(match["a"]), int(match["b"]), int(match["c"])), time, match["sign"] == "/" and bool(half))
