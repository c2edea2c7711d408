r"""Which columns hold one of some literals anywhere, asked of JSON as it stands, before columns are made.

The literals are written as JSON writes them. Where a value may read otherwise than it is written (letters beyond
ASCII, ``\u`` and ``\/``), it counts as one that may hold any.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.literals import SPREAD, Index, index, lower, no_grams, picked, stands
from pollwatch.kernels.texts import ESCAPED, NULL
from pollwatch.kernels.words import same

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint32]

_BITS = 14
_SHIFT = np.uint32(32 - _BITS)
_BYTE, _BIT, _PLACE, _FIVE = np.uint32(8), np.uint32(1), np.uint32(31), np.uint32(5)
_QUOTE, _BACKSLASH, _SLASH, _U, _LAST_ASCII = 0x22, 0x5C, 0x2F, 0x75, 0x7F


class Wanted(NamedTuple):
    """Literals as they are looked for, and how long the shortest one reads."""

    known: Index
    shortest: int


def wanted(texts: tuple[str, ...]) -> Wanted:
    """Literals ready to be looked for: lower-case, of ASCII without control characters, four bytes or longer."""
    literals = [text.replace("\\", "\\\\").replace('"', '\\"').encode() for text in texts]
    laid = np.frombuffer(b"".join(literals), np.uint8).copy()
    starts = np.cumsum([0, *map(len, literals)]).astype(np.int64)
    grams, ends = picked(laid, starts, no_grams(_BITS), _BITS)
    found = index(laid, starts, np.zeros(len(literals), np.uint8), grams, ends, _BITS)
    return Wanted(found, min(map(len, texts), default=0))


def holding(
    data: Bytes, starts: Ints, lengths: Ints, kinds: Bytes, cells: Ints, columns: Longs, asked: Wanted
) -> Bytes:
    """Per column 1 where one of its cells may hold a literal.

    Args:
        data: a tokenised block.
        starts: where each cell begins in it.
        lengths: how long each is.
        kinds: how each reads.
        cells: of one column behind those of the other.
        columns: where each column's cells begin; one more at last.
        asked: from :func:`wanted`.
    """
    known = asked.known
    if (known.ends < 0).any():  # more share a gram than an index takes
        return np.ones(len(columns) - 1, np.uint8)
    return _holding(
        data, starts, lengths, kinds, cells, columns,
        known.literals, known.starts, known.filter, known.heads, known.following, known.ends, asked.shortest,
    )  # fmt: skip


@compiled
def _holding(
    data: Bytes,
    starts: Ints,
    lengths: Ints,
    kinds: Bytes,
    cells: Ints,
    columns: Longs,
    literals: Bytes,
    literal_starts: Longs,
    filter_: Words,
    heads: Ints,
    following: Ints,
    ends: Ints,
    shortest: int,
) -> Bytes:
    found = np.zeros(len(columns) - 1, np.uint8)
    for column in range(len(columns) - 1):
        before = -1
        for at in range(columns[column], columns[column + 1]):
            cell = cells[at]
            start, length = int(starts[cell]), int(lengths[cell])
            # What is short as it is written reads no longer: no letter becomes more letters than it has bytes.
            if length < shortest or kinds[cell] == NULL:
                continue
            if before >= 0 and lengths[before] == length and same(data, int(starts[before]), data, start, length):
                continue
            before = cell
            if _holds(
                data, start, start + length, kinds[cell] == ESCAPED,
                literals, literal_starts, filter_, heads, following, ends,
            ):  # fmt: skip
                found[column] = 1
                break
    return found


@compiled
def _holds(
    data: Bytes,
    begin: int,
    end: int,
    escaped: bool,  # noqa: FBT001 - a kernel takes no keywords
    literals: Bytes,
    starts: Longs,
    filter_: Words,
    heads: Ints,
    following: Ints,
    ends: Ints,
) -> bool:
    """Whether a value may hold a literal."""
    gram = np.uint32(0)
    inside = False  # an escape: its second byte
    for at in range(begin, end):
        byte = data[at]
        if byte > _LAST_ASCII:
            return True
        if inside:
            if byte == _U or byte == _SLASH:
                return True
            inside = False
        elif byte == _BACKSLASH or byte == _QUOTE:
            if not escaped:  # the text of an array, which is written as it reads
                return True
            inside = byte == _BACKSLASH
        gram = np.uint32(np.uint32(gram << _BYTE) | np.uint32(lower(byte)))
        hashed = np.uint32(np.uint32(gram * SPREAD) >> _SHIFT)
        if not (filter_[hashed >> _FIVE] >> (hashed & _PLACE)) & _BIT:
            continue
        literal = heads[hashed]
        while literal >= 0:
            first, size = at - ends[literal], starts[literal + 1] - starts[literal]
            if first >= begin and first + size <= end and stands(data, first, literals, starts[literal], size):
                return True
            literal = following[literal]
    return False
