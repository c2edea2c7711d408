"""Times as logs write them, whole columns at once: dates without a year, local times, RFC 3339.

All results are microseconds since 1970-01-01 UTC in numpy ``int64`` columns.
"""

from __future__ import annotations

import datetime as dt
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

US_PER_S = 1_000_000
US_PER_DAY = 86_400 * US_PER_S
_HALF_YEAR_US = 183 * US_PER_DAY
_QUARTER_HOUR_US = 900 * US_PER_S
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LEAP_YEAR = 2024  # any leap year: a yardstick on which 29 February exists
_RECENT_LINES = 25  # how many last lines of the first block vote on the year; one wrong clock must not decide it


def civil_us(year: Ints, month: Ints, day: Ints, second_us: Ints) -> Ints:
    """Proleptic Gregorian date plus microseconds of the day, with no regard to zones.

    A day beyond its month runs on into the next one (29 February of a common year is 1 March), as ``mktime`` has it.
    """
    shifted = year - (month <= 2)  # years that begin in March put the leap day last
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return np.asarray((era * 146_097 + day_of_era - 719_468) * US_PER_DAY + second_us)


def sane(month: Ints, day: Ints, hour: Ints, minute: Ints, second: Ints) -> Bools:
    """Which rows can be a moment at all: 31 days at most, leap second allowed."""
    longest = np.array([31, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])[np.clip(month, 0, 12)]
    fits = (month >= 1) & (month <= 12) & (day >= 1) & (day <= longest)
    return np.asarray(fits & (hour <= 23) & (minute <= 59) & (second <= 60))


def listed(times_us: Ints, known: Bools) -> list[int | None]:
    """Times one by one, None where one is not known."""
    return [time if fine else None for time, fine in zip(times_us.tolist(), known.tolist(), strict=True)]


def local_to_utc(local_us: Ints, zone: dt.tzinfo) -> Ints:
    """Shift wall-clock times of a zone to UTC.

    Of an hour that a clock change repeats, the first is taken; one that it leaves out is read with the offset before.
    """
    if zone is dt.UTC or local_us.size == 0:
        return local_us
    quarters, where = np.unique(local_us // _QUARTER_HOUR_US, return_inverse=True)
    offsets = np.array([_offset_us(int(quarter), zone) for quarter in quarters], dtype=np.int64)
    return np.asarray(local_us - offsets[where])


def _offset_us(quarter: int, zone: dt.tzinfo) -> int:
    """The zone's offset at a wall-clock quarter of an hour; outside years 1 to 9999 there is none."""
    try:
        wall = _EPOCH.replace(tzinfo=None) + dt.timedelta(microseconds=quarter * _QUARTER_HOUR_US)
        offset = wall.replace(tzinfo=zone).utcoffset()
    except OverflowError:
        return 0
    return 0 if offset is None else offset // dt.timedelta(microseconds=1)


class Years:
    """Gives years to dates that lack one, block by block, in the order of the lines.

    The first block's last lines settle the first year: the latest one that puts them not after the anchor (a day of
    grace for zones and clocks), and that has a 29 February where they need one. From there each line takes the year
    that brings it nearest to the line before it: New Year counts up, a step back of minutes or months does not, and a
    late line of the old year after New Year counts down for itself alone. A gap of more than half a year cannot be
    told from a step back. A 29 February in what turns out to be a common year is read as 1 March, so that
    distances between lines stay right.
    """

    __slots__ = ("_anchor_us", "_last_us", "_year", "_zone")

    def __init__(self, anchor_us: int, zone: dt.tzinfo) -> None:
        """Start before the first line.

        Args:
            anchor_us: a moment not long after the last line, UTC.
            zone: of the wall clock that wrote the dates.
        """
        self._anchor_us = anchor_us
        self._zone = zone
        self._year: int | None = None
        self._last_us = 0

    def __call__(self, month: Ints, day: Ints, second_us: Ints) -> Ints:
        """The years of the next block's dates, which must be sane."""
        if month.size == 0:
            return month
        place = civil_us(np.full_like(month, _LEAP_YEAR), month, day, second_us)
        before = np.concatenate(([place[0] if self._year is None else self._last_us], place[:-1]))
        step = place - before
        turns = np.cumsum((step < -_HALF_YEAR_US).astype(np.int64) - (step > _HALF_YEAR_US))
        if self._year is None:
            self._year = self._first_year(month, day, second_us, turns)
        years = self._year + turns
        self._year = int(years[-1])
        self._last_us = int(place[-1])
        return np.asarray(years)

    def _first_year(self, month: Ints, day: Ints, second_us: Ints, turns: Ints) -> int:
        """The latest year for the first line that keeps the last lines before the anchor."""
        limit_us = self._anchor_us + US_PER_DAY
        anchor_year = (_EPOCH + dt.timedelta(microseconds=min(max(limit_us, 0), 7_258_118_400 * US_PER_S))).year
        recent = slice(-_RECENT_LINES, None)
        leap_days = (month == 2) & (day == 29)
        newest = anchor_year + 1 - int(turns[-1])
        fitting = newest
        for year in range(newest, newest - 10, -1):
            times = civil_us(year + turns[recent], month[recent], day[recent], second_us[recent])
            if int(np.median(local_to_utc(times, self._zone))) > limit_us:
                fitting = year - 1
                continue
            leap_years = (year + turns)[leap_days]
            if bool(np.all((leap_years % 4 == 0) & ((leap_years % 100 != 0) | (leap_years % 400 == 0)))):
                return year
        return fitting
