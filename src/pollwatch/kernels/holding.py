r"""Which columns hold one of some literals anywhere, asked of JSON as it stands, before columns are made.

The literals are written as JSON writes them. Where a value may read otherwise than it is written (letters beyond
ASCII, ``\u`` and ``\/``), it counts as one that may hold any.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.literals import SPREAD
from pollwatch.kernels.searching import stands
from pollwatch.kernels.texts import ESCAPED, NULL
from pollwatch.kernels.words import WIDE, first_bit, marks_at, same, short_word, word_at

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]

_BITS = 14
_SHIFT = np.uint32(32 - _BITS)
#: Of each byte of a gram: capital and small letters look the same, and some other bytes too, which is told later.
_FOLDED = 0x20202020
_ONE = np.uint64(1)
_BEYOND_ASCII = np.uint64(0x8080808080808080)
_QUOTE, _BACKSLASH, _SLASH, _U, _LAST_ASCII = 0x22, 0x5C, 0x2F, 0x75, 0x7F


class Wanted(NamedTuple):
    """Literals as they are looked for.

    Of every ``stride`` *grams* (four bytes that follow one another) one is looked at: of any literal it is one of the
    first so many.

    Attributes:
        literals, starts: the literals' bytes one behind the other, and where each begins (one more at last).
        heads, following: per hash of a gram the first place of one in a literal, and per place the next; -1 = none.
        places: per place the literal, and where in it the gram ends.
        stride: of every so many grams one is looked at.
        shortest: how long the shortest literal reads.
    """

    literals: Bytes
    starts: Longs
    heads: Ints
    following: Ints
    places: Ints
    stride: int
    shortest: int


def wanted(texts: tuple[str, ...]) -> Wanted:
    """Literals ready to be looked for: lower-case, of ASCII without control characters, four bytes or longer."""
    literals = [text.replace("\\", "\\\\").replace('"', '\\"').encode() for text in texts]
    stride = min(map(len, literals), default=4) - 3
    places = [(nth, end) for nth in range(len(literals)) for end in range(3, 3 + stride)]
    heads = np.full(1 << _BITS, -1, np.int32)
    following = np.full(len(places), -1, np.int32)
    for place, (nth, end) in enumerate(places):
        gram = int.from_bytes(literals[nth][end - 3 : end + 1], "little") | _FOLDED
        hashed = (gram * int(SPREAD) & 0xFFFFFFFF) >> int(_SHIFT)
        following[place], heads[hashed] = heads[hashed], place
    laid = np.frombuffer(b"".join(literals), np.uint8).copy()
    starts = np.cumsum([0, *map(len, literals)]).astype(np.int64)
    table = np.array(places, np.int32).reshape(-1, 2)
    return Wanted(laid, starts, heads, following, table, stride, min(map(len, texts), default=0))


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
    return _holding(data, starts, lengths, kinds, cells, columns, *asked)


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
    heads: Ints,
    following: Ints,
    places: Ints,
    stride: int,
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
            if _reads_otherwise(data, start, start + length, kinds[cell] == ESCAPED) or _holds(
                data, start, start + length, literals, literal_starts, heads, following, places, stride
            ):
                found[column] = 1
                break
    return found


@compiled
def _reads_otherwise(
    data: Bytes,
    at: int,
    end: int,
    escaped: bool,  # noqa: FBT001 - a kernel takes no keywords
) -> bool:
    """Whether a value may read otherwise than it is written."""
    while at < end:
        if at + WIDE <= end:
            both = word_at(data, at) | word_at(data, at + 8) | word_at(data, at + 16) | word_at(data, at + 24)
            if both & _BEYOND_ASCII:
                return True
            marks, behind = marks_at(data, at, _BACKSLASH, _QUOTE, 0), at + WIDE
            while marks:
                place = at + first_bit(marks) + 1
                if not escaped or (
                    place < end and (data[place] == _U or data[place] == _SLASH or data[place] > _LAST_ASCII)
                ):
                    return True
                marks &= marks - _ONE
                marks &= ~(_ONE << np.uint64(place - at))
                behind = max(behind, place + 1)
            at = behind
            continue
        byte = data[at]
        if byte > _LAST_ASCII:
            return True
        at += 1
        if byte == _BACKSLASH or byte == _QUOTE:
            if not escaped:  # the text of an array, which is written as it reads
                return True
            if at < end and (data[at] == _U or data[at] == _SLASH or data[at] > _LAST_ASCII):
                return True
            at += 1
    return False


@compiled
def _holds(
    data: Bytes,
    begin: int,
    end: int,
    literals: Bytes,
    starts: Longs,
    heads: Ints,
    following: Ints,
    places: Ints,
    stride: int,
) -> bool:
    """Whether a value holds a literal."""
    for at in range(begin + 3, end, stride):
        gram = np.uint32(short_word(data, at - 3, 4) | np.uint64(_FOLDED))
        place = heads[np.uint32(gram * SPREAD) >> _SHIFT]
        while place >= 0:
            literal = places[place, 0]
            first, size = at - places[place, 1], starts[literal + 1] - starts[literal]
            if first >= begin and first + size <= end and stands(data, first, literals, starts[literal], size):
                return True
            place = following[place]
    return False
