r"""Where the fields of syslog lines about log-ins stand: the usual headers, before ``kernels.loginmessages``.

::

    [<PRI>]Mmm dd hh:mm:ss|ISO-time host program[pid]: message

Only what can be read in one way is read here, as the patterns of ``formats.framing_syslog`` read it: printable ASCII.
All else is left to those patterns.
"""

from __future__ import annotations

import numpy as np

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.distinct import ABSENT, Words, code_fields
from pollwatch.kernels.linefields import Bytes, Ints, Longs, digit, digits, number
from pollwatch.kernels.loginmessages import (
    HOST,
    KIND,
    MESSAGE,
    NO_NUMBER,
    NOTHING,
    NUMBERS,
    PID,
    PRIORITY,
    PROGRAM,
    STAMP,
    TEXTS,
    said,
)
from pollwatch.kernels.words import word_at

_TILE = 2048
_LONGEST = 1024
_LONGEST_HOST, _LONGEST_PROGRAM = 255, 128
_MOST_PID_DIGITS, _MOST_PRIORITY_DIGITS = 18, 3
_SPACE, _COLON, _DASH, _OPEN, _CLOSE, _LESS, _MORE = (ord(c) for c in " :-[]<>")
_HIGH = np.uint64(0x8080808080808080)
_SPACES = np.uint64(0x2020202020202020)


@compiled
def _printable(data: Bytes, at: int, end: int) -> bool:
    """Whether there is no byte beyond ASCII and no control character; a delete is let pass, which is in no class."""
    while at + 8 <= end:
        word = word_at(data, at)
        if (word | ((word - _SPACES) & ~word)) & _HIGH:
            return False
        at += 8
    while at < end:
        if data[at] < 32 or data[at] >= 128:
            return False
        at += 1
    return True


@compiled
def _clock(data: Bytes, at: int) -> bool:
    """Whether ``hh:mm:ss`` stands there; the caller knows that there are so many bytes."""
    for place in range(8):
        if place == 2 or place == 5:
            if data[at + place] != _COLON:
                return False
        elif not digit(data, at + place):
            return False
    return True


@compiled
def _stamp(data: Bytes, at: int, end: int) -> int:
    """Where ``Mmm dd hh:mm:ss`` or an ISO 8601 time ends, with a space behind it; -1 where neither is there."""
    if end - at < 20:
        return -1
    if not digit(data, at):
        month = 65 <= data[at] <= 90 and 97 <= data[at + 1] <= 122 and 97 <= data[at + 2] <= 122
        day = (data[at + 4] == _SPACE or digit(data, at + 4)) and digit(data, at + 5)
        spaces = data[at + 3] == _SPACE and data[at + 6] == _SPACE and data[at + 15] == _SPACE
        return at + 15 if month and day and spaces and _clock(data, at + 7) else -1
    for place in range(10):
        if place == 4 or place == 7:
            if data[at + place] != _DASH:
                return -1
        elif not digit(data, at + place):
            return -1
    if data[at + 10] != 84 or not _clock(data, at + 11):
        return -1
    behind = at + 19
    while behind < end and data[behind] != _SPACE:
        behind += 1
    return behind if behind < end else -1


@compiled
def _word(data: Bytes, at: int, end: int) -> int:
    """Where a run of bytes ends that are no space, colon or bracket."""
    while at < end and data[at] != _SPACE and data[at] != _COLON and data[at] != _OPEN and data[at] != _CLOSE:
        at += 1
    return at


@compiled
def _header(data: Bytes, at: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs) -> int:
    """Read all before the message; where that begins, or -1."""
    if at < end and data[at] == _LESS:
        behind = digits(data, at + 1, end, _MOST_PRIORITY_DIGITS)
        if behind < 0 or behind >= end or data[behind] != _MORE:
            return -1
        numbers[PRIORITY, row] = number(data, at + 1, behind)
        at = behind + 1
    stamp = _stamp(data, at, end)
    if stamp < 0:
        return -1
    host = _word(data, stamp + 1, end)
    if host == stamp + 1 or host - stamp - 1 > _LONGEST_HOST or host >= end or data[host] != _SPACE:
        return -1
    program = _word(data, host + 1, end)
    if program == host + 1 or program - host - 1 > _LONGEST_PROGRAM or program >= end:
        return -1
    behind = program
    if data[behind] == _OPEN:
        closing = digits(data, behind + 1, end, _MOST_PID_DIGITS)
        if closing < 0 or closing >= end or data[closing] != _CLOSE:
            return -1
        numbers[PID, row] = number(data, behind + 1, closing)
        behind = closing + 1
    if behind >= end or data[behind] != _COLON:
        return -1
    starts[STAMP, row], ends[STAMP, row] = at, stamp
    starts[HOST, row], ends[HOST, row] = stamp + 1, host
    starts[PROGRAM, row], ends[PROGRAM, row] = host + 1, program
    return behind + 2 if behind + 1 < end and data[behind + 1] == _SPACE else behind + 1


@compiled
def _line(data: Bytes, start: int, end: int, row: int, starts: Ints, ends: Ints, numbers: Longs) -> bool:
    """Read one line into a row; False where it is nothing known here, and then the row means nothing."""
    for field in range(TEXTS):
        starts[field, row] = ABSENT
    for which in range(NUMBERS):
        numbers[which, row] = NO_NUMBER
    message = _header(data, start, end, row, starts, ends, numbers)
    if message < 0 or message >= end or end - message > _LONGEST:
        return False
    kind = said(data, message, end, row, starts, ends, numbers)
    if kind == NOTHING or not _printable(data, start, end):
        return False
    starts[MESSAGE, row], ends[MESSAGE, row] = message, end
    numbers[KIND, row] = kind
    return True


@compiled
def read(
    data: Bytes, starts: Longs, ends: Longs, slots: Words, codes: Ints, firsts: Ints, lasts: Ints, used: Longs,
    numbers: Longs, places: Longs,
) -> int:  # fmt: skip
    """Read lines; those that are nothing known here are left out.

    Args:
        data: the bytes.
        starts: where each line begins.
        ends: where each ends.
        slots: one row per field, as the next four; see ``distinct.code_fields``.
        codes: filled.
        firsts: filled.
        lasts: filled.
        used: filled.
        numbers: one row per number; filled.
        places: of each line that was read, which one it is; filled.

    Returns:
        How many were read.
    """
    tile_starts = np.empty((TEXTS, _TILE), dtype=np.int32)
    tile_ends = np.empty((TEXTS, _TILE), dtype=np.int32)
    tile_numbers = np.empty((NUMBERS, _TILE), dtype=np.int64)
    done = 0
    held = 0
    for line in range(len(starts)):
        if _line(data, starts[line], ends[line], held, tile_starts, tile_ends, tile_numbers):
            places[done + held] = line
            held += 1
        if held == _TILE or line + 1 == len(starts):
            code_fields(data, tile_starts, tile_ends, held, done, slots, codes, firsts, lasts, used)
            for which in range(NUMBERS):
                numbers[which, done : done + held] = tile_numbers[which, :held]
            done += held
            held = 0
    return done
