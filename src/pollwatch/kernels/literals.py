"""Many literals made ready to be looked for in many texts at once (``searching``), ASCII case ignored.

Of each literal one *gram* is picked: four bytes of it (two, of literals shorter than four) that are rare in texts like
those to be searched. A search looks at each byte of a text once: the last four bytes are hashed, and only where a
literal's gram has that hash is the literal itself compared. So the cost hardly grows with the number of literals, and
common ones (``.exe``) cost nothing as long as something in them is rare.

Literals are lower-case already; texts are folded here, byte by byte. What case means beyond ASCII is the caller's care.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint32]

#: Marks on a literal: it counts only where a text begins with it, or ends with it.
AT_START, AT_END = 1, 2
#: In place of a group of texts: all of them.
ANY = -1
#: Literals are no longer than this, so that comparing one is cheap.
LONGEST = 48
#: So many literals may share a gram; more would make every place where it stands expensive.
MOST_SHARED = 64
#: Bits of a gram's hash.
_LEAST_BITS, _MOST_BITS = 14, 22
_PAIRS = 1 << 16
#: Hashes a gram.
SPREAD = np.uint32(2_654_435_761)
_BYTE, _BIT, _PLACE, _FIVE = np.uint32(8), np.uint32(1), np.uint32(31), np.uint32(5)
_FOLD = np.uint8(0x20)
_TWO_BYTES = np.uint32(0xFFFF)
#: Each byte in lower case, if it is a letter of ASCII.
LOWER = np.arange(256, dtype=np.uint8)
LOWER[0x41:0x5B] |= _FOLD


class Index(NamedTuple):
    """Literals ready to be looked for.

    Attributes:
        literals, starts: the literals' bytes one behind the other, and where each begins (one more at last).
        marks: per literal; :data:`AT_START`, :data:`AT_END`.
        bits: of a hash.
        filter: one bit per hash: some literal's gram has it.
        heads, following: per hash its first literal, and per literal the next one of that hash; -1 = none.
        grams, ends: per literal its gram (of one shorter than four bytes two bytes), and where in it the gram ends.
        pair_heads: the same for literals shorter than four bytes, by two of their bytes themselves; empty where there
            are none.
        byte_heads: the same for literals of one byte.
    """

    literals: Bytes
    starts: Longs
    marks: Bytes
    bits: int
    filter: Words
    heads: Ints
    following: Ints
    grams: Words
    ends: Ints
    pair_heads: Ints
    byte_heads: Ints


def bits_for(literals: int) -> int:
    """How many bits of hash keep chance hits rare among so many literals."""
    return int(min(_MOST_BITS, max(_LEAST_BITS, int(literals).bit_length() + 6)))


@compiled
def lower(byte: np.uint8) -> np.uint8:
    """A byte of a text, lower-case if it is a letter of ASCII."""
    return np.uint8(byte | _FOLD) if 0x41 <= byte <= 0x5A else byte


def no_grams(bits: int) -> Ints:
    """Nothing counted yet: for each hash of a gram, and behind these for each pair of bytes."""
    return np.zeros((1 << bits) + _PAIRS, np.int32)


@compiled
def count_grams(texts: Bytes, starts: Longs, ends: Longs, bits: int, counts: Ints) -> None:
    """Add to :func:`no_grams` how often each hash of a gram, and each pair of bytes, occurs in texts."""
    shift = np.uint32(32 - bits)
    for text in range(len(starts)):
        gram = np.uint32(0)
        for at in range(starts[text], ends[text]):
            gram = np.uint32(np.uint32(gram << _BYTE) | np.uint32(lower(texts[at])))
            if at > starts[text]:
                counts[(1 << bits) + np.int64(gram & _TWO_BYTES)] += 1
            if at - starts[text] >= 3:
                counts[np.uint32(gram * SPREAD) >> shift] += 1


@compiled
def _rarest_pair(literals: Bytes, begin: int, length: int, common: Ints) -> tuple[np.uint32, int]:
    """The rarest two bytes that follow one another in a literal, and where in it they end."""
    rarest, place = np.uint32(0), 0
    for at in range(1, length):
        first, second = np.uint32(literals[begin + at - 1]), np.uint32(literals[begin + at])
        pair = np.uint32(np.uint32(first << _BYTE) | second)
        if place == 0 or common[pair] < common[rarest]:
            rarest, place = pair, at
    return rarest, place


@compiled
def picked(literals: Bytes, starts: Longs, common: Ints, bits: int) -> tuple[Words, Ints]:
    """For each literal the gram of it that is rarest in texts like those to be searched, and where in it that ends.

    Args:
        literals: as of :class:`Index`.
        starts: the same.
        common: from :func:`count_grams`.
        bits: the same as for ``common``.

    Returns:
        Of one whose every gram is shared by too many others the end is -1: it is never found.
    """
    shift = np.uint32(32 - bits)
    shared = np.zeros(1 << bits, np.int32)
    grams = np.zeros(len(starts) - 1, np.uint32)
    ends = np.zeros(len(starts) - 1, np.int32)
    for i in range(len(starts) - 1):
        begin, length = starts[i], starts[i + 1] - starts[i]
        if length == 1:
            continue
        if length < 4:
            grams[i], ends[i] = _rarest_pair(literals, begin, length, common[1 << bits :])
            continue
        gram, best = np.uint32(0), np.int64(-1)
        for at in range(length):
            gram = np.uint32(np.uint32(gram << _BYTE) | np.uint32(literals[begin + at]))
            if at >= 3:
                hashed = np.uint32(gram * SPREAD) >> shift
                cost = np.int64(common[hashed]) + 8 * np.int64(shared[hashed])
                if shared[hashed] < MOST_SHARED and (best < 0 or cost < best):
                    best = cost
                    grams[i] = gram
                    ends[i] = at
        if best < 0:
            ends[i] = -1
        else:
            shared[np.uint32(grams[i] * SPREAD) >> shift] += 1
    return grams, ends


@compiled
def _linked(
    literals: Bytes, starts: Longs, grams: Words, ends: Ints, bits: int
) -> tuple[Words, Ints, Ints, Ints, Ints]:
    """The other parts of an :class:`Index`."""
    n = len(starts) - 1
    shift = np.uint32(32 - bits)
    filter_ = np.zeros((1 << bits) >> 5, np.uint32)
    heads = np.full(1 << bits, -1, np.int32)
    following = np.full(n, -1, np.int32)
    short = False
    for i in range(n):
        short |= starts[i + 1] - starts[i] < 4
    pair_heads = np.full(_PAIRS if short else 0, -1, np.int32)
    byte_heads = np.full(256, -1, np.int32)
    for i in range(n):
        length = starts[i + 1] - starts[i]
        if length == 1:
            byte = literals[starts[i]]
            following[i] = byte_heads[byte]
            byte_heads[byte] = i
        elif length < 4:
            following[i] = pair_heads[grams[i]]
            pair_heads[grams[i]] = i
        elif ends[i] >= 0:
            hashed = np.uint32(grams[i] * SPREAD) >> shift
            filter_[hashed >> _FIVE] |= _BIT << (hashed & _PLACE)
            following[i] = heads[hashed]
            heads[hashed] = i
    return filter_, heads, following, pair_heads, byte_heads


def index(literals: Bytes, starts: Longs, marks: Bytes, grams: Words, ends: Ints, bits: int) -> Index:
    """Make literals ready to be looked for.

    Args:
        literals: lower-case, from 1 to :data:`LONGEST` bytes each, one behind the other.
        starts: where each begins, one more at last.
        marks: :data:`AT_START`, :data:`AT_END` or none, per literal.
        grams: from :func:`picked`.
        ends: the same.
        bits: the same as for these.

    Returns:
        The index. A literal whose ``ends`` is -1 is never found.
    """
    filter_, heads, following, pair_heads, byte_heads = _linked(literals, starts, grams, ends, bits)
    return Index(literals, starts, marks, bits, filter_, heads, following, grams, ends, pair_heads, byte_heads)
