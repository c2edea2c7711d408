"""ISO 8601 times, a column at once."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]

#: Not a time of the usual notation; a slower reader may still know it.
UNUSUAL = np.iinfo(np.int64).min
_US = 1_000_000


@compiled
def iso_times(data: Bytes, starts: Ints, lengths: Ints) -> tuple[Longs, Bytes]:
    """Microseconds since 1970 of ``YYYY-MM-DD[T ]HH:MM:SS[.digits][Z|+HH:MM|+HHMM]``, and whether a zone was named.

    Digits beyond microseconds are cut. What is written otherwise, or is no moment, is :data:`UNUSUAL`.
    """
    n = len(starts)
    times = np.full(n, UNUSUAL, np.int64)
    zoned = np.zeros(n, np.uint8)
    for i in range(n):
        text = data[starts[i] : starts[i] + lengths[i]]
        if len(text) >= 19 and _usual(text):
            us, named = _time(text)
            times[i] = us
            zoned[i] = named
    return times, zoned


@compiled
def _usual(text: Bytes) -> bool:
    for i in range(19):
        byte = text[i]
        if i == 4 or i == 7:
            fits = byte == 0x2D
        elif i == 10:
            fits = byte == 0x54 or byte == 0x20
        elif i == 13 or i == 16:
            fits = byte == 0x3A
        else:
            fits = 0x30 <= byte <= 0x39
        if not fits:
            return False
    return True


@compiled
def _digit(text: Bytes, at: int) -> int:
    return int(text[at]) - 48


@compiled
def _pair(text: Bytes, at: int) -> int:
    return _digit(text, at) * 10 + _digit(text, at + 1)


@compiled
def _time(text: Bytes) -> tuple[int, int]:
    year, month, day = _pair(text, 0) * 100 + _pair(text, 2), _pair(text, 5), _pair(text, 8)
    hour, minute, second = _pair(text, 11), _pair(text, 14), _pair(text, 17)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    longest = 28 + leap if month == 2 else 30 if month in (4, 6, 9, 11) else 31
    if not (year > 0 and 1 <= month <= 12 and 1 <= day <= longest and hour < 24 and minute < 60 and second < 60):
        return UNUSUAL, 0
    fraction, scale, at = 0, _US, 19
    if at < len(text) and text[at] == 0x2E:
        at += 1
        begin = at
        while at < len(text) and 0x30 <= text[at] <= 0x39:
            if scale > 1:
                scale //= 10
                fraction += _digit(text, at) * scale
            at += 1
        if at == begin:
            return UNUSUAL, 0
    offset, named = _zone(text, at)
    if named < 0:
        return UNUSUAL, 0
    shifted = year - (month <= 2)  # years that begin in March put the leap day last
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_era = (
        year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    )
    seconds = (era * 146_097 + day_of_era - 719_468) * 86_400 + hour * 3_600 + minute * 60 + second - offset
    return seconds * _US + fraction, named


@compiled
def _zone(text: Bytes, at: int) -> tuple[int, int]:
    """Seconds east of Greenwich, and 1 where a zone is named, 0 where none is, -1 where it is not understood."""
    left = len(text) - at
    if left == 0:
        return 0, 0
    if left == 1 and text[at] == 0x5A:
        return 0, 1
    colon = left == 6 and text[at + 3] == 0x3A
    if not (colon or left == 5) or not (text[at] == 0x2B or text[at] == 0x2D):
        return 0, -1
    for i in (1, 2, left - 2, left - 1):
        if not 0x30 <= text[at + i] <= 0x39:
            return 0, -1
    hours, minutes = _pair(text, at + 1), _pair(text, at + left - 2)
    if hours > 23 or minutes > 59:
        return 0, -1
    seconds = hours * 3_600 + minutes * 60
    return (-seconds if text[at] == 0x2D else seconds), 1
