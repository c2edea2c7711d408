"""Texts that stand in one run of bytes: which are equal, and the different ones gathered."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.words import copy_text, find, hash_of, same

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Table = npt.NDArray[np.int32]
"""Of shape (columns, rows)."""

#: How far a text is sought before it is taken as new. Equal texts may so get two codes; who sends texts that
#: are made to collide gains nothing.
_MOST_TRIES = 16
#: Of every so many texts the first few are sought; where nearly all of these are new, and many are known to seek among,
#: the others are taken as new.
_STRETCH, _PROBED, _MANY = 2_048, 256, 4_096
_NEARLY = 0.97
_UPPER, _LOWER = np.uint64(0xFFFFFFFF00000000), np.uint64(0xFFFFFFFF)
_FREE, _NEXT = np.uint64(0), np.uint64(1)
ABSENT = -1
_SPREAD, _SOME = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)


@compiled
def code_texts(
    data: Bytes, starts: Ints, ends: Ints, slots: Words, codes: Ints, firsts: Ints, lasts: Ints, used: int
) -> int:
    """Give each text a code: that of an equal one met before, else the next. Not all equals are found.

    Args:
        data: the bytes.
        starts: where each text begins; one that begins at :data:`ABSENT` is none, and gets that as its code.
        ends: where each ends.
        slots: by hash, half of it and the code behind the last; 0 where free. A power of two of them, more than texts.
        codes: of each text; filled.
        firsts: where the text of each code begins; filled on.
        lasts: where it ends; filled on.
        used: how many codes there are.

    Returns:
        How many codes there are now.
    """
    mask = np.uint64(len(slots) - 1)
    before = ABSENT
    least, sought = 0, True
    for row in range(len(starts)):
        if row % _STRETCH == 0:
            least, sought = used + int(_PROBED * _NEARLY), True
        elif row % _STRETCH == _PROBED and used >= _MANY:
            sought = used < least
        start = int(starts[row])
        if start < 0:
            codes[row] = ABSENT
            continue
        end = int(ends[row])
        if not sought:
            codes[row], firsts[used], lasts[used] = used, start, end
            used += 1
            continue
        length = end - start
        if (
            before >= 0
            and lasts[before] - firsts[before] == length
            and same(data, int(firsts[before]), data, start, length)
        ):
            codes[row] = before
            continue
        mixed = hash_of(data, start, end)
        mark = mixed & _UPPER
        slot = mixed & mask
        before = used
        for _ in range(_MOST_TRIES):
            kept = slots[slot]
            if kept == _FREE:
                slots[slot] = mark | np.uint64(used + 1)
                break
            if (kept & _UPPER) == mark:
                code = int(kept & _LOWER) - 1
                if lasts[code] - firsts[code] == length and same(data, int(firsts[code]), data, start, length):
                    before = code
                    break
            slot = (slot + _NEXT) & mask
        codes[row] = before
        if before == used:
            firsts[used] = start
            lasts[used] = end
            used += 1
    return used


@compiled
def code_fields(
    data: Bytes, starts: Ints, ends: Ints, held: int, done: int, slots: Words, codes: Ints, firsts: Ints, lasts: Ints,
    used: Longs,
) -> None:  # fmt: skip
    """:func:`code_texts` for each field of some lines, a row of everything per field.

    Args:
        data: the bytes.
        starts: where each line's text begins.
        ends: where each ends.
        held: of so many lines.
        done: how many lines have their codes already.
        slots: as the next four, a row per field.
        codes: filled behind those.
        firsts: filled on.
        lasts: filled on.
        used: of each field; counted on.
    """
    for field in range(len(starts)):
        used[field] = code_texts(
            data, starts[field, :held], ends[field, :held], slots[field],
            codes[field, done : done + held], firsts[field], lasts[field], used[field],
        )  # fmt: skip


@compiled
def combinations(codes: Table, found: Longs) -> Longs:
    """Where each distinct combination of codes stands first; one that is sought for too long may be there twice.

    Args:
        codes: a row for each column.
        found: of each place its combination; filled.
    """
    columns, rows = codes.shape
    slots = 16
    while slots < 2 * rows:
        slots *= 2
    table = np.full(slots, ABSENT, np.int32)
    firsts = np.empty(rows, np.int64)
    used = 0
    for row in range(rows):
        mixed = np.uint64(0)
        for column in range(columns):
            mixed = (mixed ^ np.uint64(codes[column, row] + 1)) * _SPREAD
            mixed ^= mixed >> _SOME
        slot = np.int64(mixed) & (slots - 1)
        tries = 0
        while tries < _MOST_TRIES and table[slot] >= 0 and not _equal(codes, firsts[table[slot]], row):
            slot = (slot + 1) & (slots - 1)
            tries += 1
        if tries == _MOST_TRIES or table[slot] < 0:
            table[slot] = used
            firsts[used] = row
            used += 1
        found[row] = table[slot]
    return firsts[:used].copy()


@compiled
def _equal(codes: Table, one: int, other: int) -> bool:
    for column in range(len(codes)):
        if codes[column, one] != codes[column, other]:
            return False
    return True


@compiled
def gathered(data: Bytes, starts: Ints, ends: Ints, offsets: Ints, target: Bytes) -> None:
    """Copy texts one behind the other; ``offsets`` says where each ends, as Arrow does."""
    at = 0
    offsets[0] = 0
    for row in range(len(starts)):
        start, length = starts[row], ends[row] - starts[row]
        copy_text(data, start, length, target, at)
        at += length
        offsets[row + 1] = at


@compiled
def cut_at(data: Bytes, starts: Ints, ends: Ints, byte: int, middles: Ints) -> None:
    """Where in each text a byte first stands; the text's end where it does not."""
    for row in range(len(starts)):
        middles[row] = find(data, starts[row], ends[row], byte)
