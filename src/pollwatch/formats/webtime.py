"""Times of the common log format (``08/Jun/2020:06:49:01 +0200``), a column at a time.

They have a fixed width, so that the digits of a whole column are one array of bytes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from pollwatch.clock import US_PER_S
from pollwatch.formats.framing import LOWER_MONTHS, plausible_mask

_WIDTH = 26
_DIGITS = [0, 1, 7, 8, 9, 10, 12, 13, 15, 16, 18, 19, 22, 23, 24, 25]
_MARKS = {2: "/", 6: "/", 11: ":", 14: ":", 17: ":", 20: " "}
#: Month names as numbers, sorted, and which month each is.
_MONTH_CODES = np.array([int.from_bytes(name.encode(), "big") for name in LOWER_MONTHS])
_MONTH_ORDER = np.argsort(_MONTH_CODES)


def clf_times(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Microseconds since 1970 of each time, and the rows that are not in this notation, or not on the calendar.

    Returns:
        int64 with null where a row was not understood or has no time, and the row numbers that are worth another look.
    """
    fits = column.str.len_bytes() == _WIDTH
    rows = fits.fill_null(value=False).arg_true()
    times: npt.NDArray[np.int64] = np.zeros(len(column), dtype=np.int64)
    known: npt.NDArray[np.bool_] = np.zeros(len(column), dtype=np.bool_)
    if len(rows):
        at = rows.to_numpy()
        chars = np.frombuffer("".join(column.gather(rows)).encode(), dtype=np.uint8).reshape(-1, _WIDTH)
        times[at], known[at] = _decode(chars)
    odd = pl.select((pl.lit(column).is_not_null() & ~pl.lit(pl.Series(known))).arg_true())[:, 0]
    return pl.select(pl.when(pl.Series(known)).then(pl.Series(times)))[:, 0], odd


def _decode(chars: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Times of rows of 26 bytes each, and which of them are times at all."""
    digits = chars.astype(np.int64) - ord("0")
    good = ((digits[:, _DIGITS] >= 0) & (digits[:, _DIGITS] <= 9)).all(axis=1)
    for position, mark in _MARKS.items():
        good &= chars[:, position] == ord(mark)
    sign = np.where(chars[:, 21] == ord("-"), -1, 1)
    good &= (chars[:, 21] == ord("-")) | (chars[:, 21] == ord("+"))

    def number(*positions: int) -> npt.NDArray[np.int64]:
        value = np.zeros(len(chars), dtype=np.int64)
        for position in positions:
            value = value * 10 + digits[:, position]
        return value

    low = (chars[:, 3:6] | 0x20).astype(np.int64)
    code = (low[:, 0] << 16) | (low[:, 1] << 8) | low[:, 2]
    found = np.searchsorted(_MONTH_CODES, code, sorter=_MONTH_ORDER)
    month = _MONTH_ORDER[np.minimum(found, 11)]
    good &= _MONTH_CODES[month] == code
    day, hour, minute, second = number(0, 1), number(12, 13), number(15, 16), number(18, 19)
    off_hours, off_minutes = number(22, 23), number(24, 25)
    months = np.where(good, (number(7, 8, 9, 10) - 1970) * 12 + month, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]")
    length = ((months + 1).astype("datetime64[D]") - days).astype(np.int64)
    good &= (day >= 1) & (day <= length) & (hour < 24) & (minute < 60) & (second <= 60)
    good &= (off_hours < 24) & (off_minutes < 60)
    seconds = (days.astype(np.int64) + day - 1) * 86400 + hour * 3600 + minute * 60 + second
    seconds -= sign * (off_hours * 3600 + off_minutes * 60)
    times = np.where(good, seconds, 0) * US_PER_S
    return times, good & plausible_mask(times)
