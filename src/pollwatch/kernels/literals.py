"""Many literals looked for in many texts at once, ASCII case ignored.

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
_BYTE, _BIT, _WORD, _PLACE, _FIVE = np.uint32(8), np.uint32(1), np.uint32(32), np.uint32(31), np.uint32(5)
_FOLD = np.uint8(0x20)
_TWO_BYTES = np.uint32(0xFFFF)
#: Each byte in lower case, if it is a letter of ASCII.
_LOWER = np.arange(256, dtype=np.uint8)
_LOWER[0x41:0x5B] |= _FOLD


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
            are none. Their filter is made for each search: it says of each group of texts what is wanted in it.
        byte_heads: the same for literals of one byte, which stand in that filter with any byte before them.
        short: there are such.
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
    short: bool


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
) -> tuple[Words, Ints, Ints, Ints, Ints, bool]:
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
    return filter_, heads, following, pair_heads, byte_heads, short


@compiled
def _pair_filters(literals: Bytes, starts: Longs, grams: Words, wanted: Ints, count: int) -> Words:
    """For each group of texts one bit per two bytes: some literal wanted in it that is shorter than four has them.

    ``.`` and ``://`` stand in every address and referer, and are wanted in one of them.
    """
    filters = np.zeros((count, _PAIRS >> 5), np.uint32)
    for i in range(len(starts) - 1):
        length = starts[i + 1] - starts[i]
        if length >= 4:
            continue
        low, high = (0, count) if wanted[i] == ANY else (wanted[i], wanted[i] + 1)
        for group in range(max(low, 0), min(high, count)):
            if length > 1:
                filters[group, grams[i] >> _FIVE] |= _BIT << (grams[i] & _PLACE)
                continue
            for before in range(256):
                pair = np.uint32(np.uint32(before) << _BYTE) | np.uint32(literals[starts[i]])
                filters[group, pair >> _FIVE] |= _BIT << (pair & _PLACE)
    return filters


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
    filter_, heads, following, pair_heads, byte_heads, short = _linked(literals, starts, grams, ends, bits)
    return Index(
        literals,
        starts,
        marks,
        bits,
        filter_,
        heads,
        following,
        grams,
        ends,
        pair_heads,
        byte_heads,
        short,
    )


@compiled
def _hits(
    texts: Bytes,
    begins: Longs,
    ends: Longs,
    owners: Ints,
    groups: Ints,
    wanted: Ints,
    literals: Bytes,
    starts: Longs,
    marks: Bytes,
    bits: int,
    filter_: Words,
    heads: Ints,
    following: Ints,
    grams: Words,
    gram_ends: Ints,
    pair_heads: Ints,
    byte_heads: Ints,
    short: bool,  # noqa: FBT001 - a kernel takes no keywords
) -> tuple[Ints, Ints]:
    found, where = np.empty(4_096, np.int32), np.empty(4_096, np.int32)
    count = 0
    last = np.full(len(starts) - 1, -1, np.int32)
    shift = np.uint32(32 - bits)
    pair_filters = _pair_filters(literals, starts, grams, wanted, groups.max() + 1 if short and len(groups) else 1)
    for text in range(len(begins)):
        begin, end, owner, group = begins[text], ends[text], owners[text], groups[text]
        pair_filter = pair_filters[group if short else 0]
        gram = np.uint32(0)
        at = begin - 1
        while True:
            at, gram = _next(texts, at + 1, end, gram, shift, filter_, pair_filter)
            if at == end:
                break
            wide, narrow, single = np.int32(-1), np.int32(-1), np.int32(-1)
            if at - begin >= 3:
                wide = heads[np.uint32(gram * SPREAD) >> shift]
            pair = gram & _TWO_BYTES
            if (pair_filter[pair >> _FIVE] >> (pair & _PLACE)) & _BIT:
                single = byte_heads[gram & np.uint32(0xFF)]
                if at > begin:
                    narrow = pair_heads[pair]
            while wide >= 0 or narrow >= 0 or single >= 0:
                if wide >= 0:
                    candidate = wide
                    wide = following[wide]
                    if grams[candidate] != gram:
                        continue
                elif narrow >= 0:
                    candidate = narrow
                    narrow = following[narrow]
                else:
                    candidate = single
                    single = following[single]
                if last[candidate] == owner or (wanted[candidate] != group and wanted[candidate] != ANY):
                    continue
                first = at - gram_ends[candidate]
                length = starts[candidate + 1] - starts[candidate]
                mark = marks[candidate]
                if first < begin or first + length > end:
                    continue
                if (mark & AT_START and first != begin) or (mark & AT_END and first + length != end):
                    continue
                if not stands(texts, first, literals, starts[candidate], length):
                    continue
                last[candidate] = owner
                if count == len(found):
                    found = np.concatenate((found, np.empty(count, np.int32)))
                    where = np.concatenate((where, np.empty(count, np.int32)))
                found[count], where[count] = candidate, owner
                count += 1
    return found[:count].copy(), where[:count].copy()


@compiled
def _next(
    texts: Bytes,
    at: int,
    end: int,
    gram: np.uint32,
    shift: np.uint32,
    filter_: Words,
    pair_filter: Words,
) -> tuple[int, np.uint32]:
    """The next place, from ``at`` on, where a literal may stand, and the gram that ends there; else the end."""
    while at < end:
        gram = np.uint32(np.uint32(gram << _BYTE) | np.uint32(_LOWER[texts[at]]))
        hashed, pair = np.uint32(np.uint32(gram * SPREAD) >> shift), gram & _TWO_BYTES
        wide = filter_[hashed >> _FIVE] >> (hashed & _PLACE)
        narrow = pair_filter[pair >> _FIVE] >> (pair & _PLACE)
        if (wide | narrow) & _BIT:
            break
        at += 1
    return at, gram


@compiled
def stands(texts: Bytes, at: int, literals: Bytes, start: int, length: int) -> bool:
    """Whether a literal stands at a place of a text."""
    for k in range(length):
        if lower(texts[at + k]) != literals[start + k]:
            return False
    return True


def hits(
    index: Index, texts: Bytes, begins: Longs, ends: Longs, owners: Ints, groups: Ints, wanted: Ints
) -> tuple[Ints, Ints]:
    """Which literals stand in which texts.

    Args:
        index: the literals.
        texts: the bytes.
        begins: where in them each text begins.
        ends: where it ends.
        owners: what each text belongs to, counted up from 0; texts of one owner lie together.
        groups: of each text, from 0.
        wanted: per literal the group in whose texts alone it counts; :data:`ANY` = in all.

    Returns:
        Literals and owners, pair by pair, none twice.
    """
    return _hits(texts, begins, ends, owners, groups, wanted, *index)
