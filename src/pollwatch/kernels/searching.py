"""The search for many literals in many texts; :mod:`pollwatch.kernels.literals` makes them ready.

Texts come in groups, one for each column, and a literal is wanted in one of them or in all. How the texts of a group
are looked through depends on what is wanted there: where all literals' grams end in the same byte, only places with
that byte are looked at; where few are wanted, hashes of theirs alone are places to stop at.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.literals import ANY, AT_END, AT_START, LOWER, SPREAD, Bytes, Index, Ints, Longs, Words
from pollwatch.kernels.words import WIDE, first_bit, marks_at

Halves: TypeAlias = npt.NDArray[np.uint16]
Int: TypeAlias = int | np.int32 | np.int64

_BYTE, _BIT, _PLACE, _FIVE = np.uint32(8), np.uint32(1), np.uint32(31), np.uint32(5)
_TWO_BYTES, _LAST, _NEXT = np.uint32(0xFFFF), np.uint32(0xFF), np.uint64(1)
#: Up to so many literals of four bytes or more a group's texts are searched with a table of their own hashes, of so
#: many bits; shorter ones have a table of pairs of bytes.
FEW: Final = 512
_OWN_BITS: Final = 14
_PAIR_BITS: Final = 12
_OWN_SHIFT, _PAIR_SHIFT = np.uint32(32 - _OWN_BITS), np.uint32(32 - _PAIR_BITS)
#: In place of the one byte that the literals of a group end in, or their grams: there are none; there are several.
_NO_BYTE: Final = -1
_SEVERAL: Final = 256
#: On a byte in lower case: some literal is just that.
_ALONE = np.uint16(0x100)


class Searched(NamedTuple):
    """Texts that are looked through: where each begins and ends in the bytes, what it belongs to, and its group."""

    data: Bytes
    begins: Longs
    ends: Longs
    owners: Ints
    groups: Ints


class _Wanted(NamedTuple):
    """What is wanted in each group of texts.

    Attributes:
        group: per literal its group; :data:`ANY` = all.
        hashes: per group and hash 1 where some literal of four bytes or more has it.
        pairs: per group and hash of two bytes 1 where some literal of two or three bytes has them.
        cases: per group and byte that in lower case, with :data:`_ALONE` where it is a literal.
        counts: per group how many literals of four bytes or more.
        endings: per group the byte that all literals end in, or their grams.
    """

    group: Ints
    hashes: Bytes
    pairs: Bytes
    cases: Halves
    counts: Ints
    endings: Ints


@compiled
def _hits(
    data: Bytes, begins: Longs, ends: Longs, owners: Ints, groups: Ints, group: Ints,
    literals: Bytes, starts: Longs, marks: Bytes, bits: int, filter_: Words, heads: Ints, following: Ints,
    grams: Words, gram_ends: Ints, pair_heads: Ints, byte_heads: Ints,
) -> tuple[Ints, Ints]:  # fmt: skip
    texts = Searched(data, begins, ends, owners, groups)
    index = Index(literals, starts, marks, bits, filter_, heads, following, grams, gram_ends, pair_heads, byte_heads)
    many = groups.max() + 1 if len(groups) else 1
    hashes, pairs = np.zeros((many, 1 << _OWN_BITS), np.uint8), np.zeros((many, 1 << _PAIR_BITS), np.uint8)
    cases = np.empty((many, 256), np.uint16)
    counts, endings = np.zeros(many, np.int32), np.full(many, _NO_BYTE, np.int32)
    wanted = _Wanted(group, hashes, pairs, cases, counts, endings)
    _note(index, wanted)
    last = np.full(len(starts) - 1, -1, np.int32)
    found, where = np.empty(4_096, np.int32), np.empty(4_096, np.int32)
    text, count = 0, 0
    while text < len(begins):
        if len(found) - count < len(last):  # a text may have all of them
            more = np.empty(len(found) + len(last), np.int32)
            found, where = np.concatenate((found, more)), np.concatenate((where, more))
        text, count = _search(texts, index, wanted, text, last, found, where, count)
    return found[:count].copy(), where[:count].copy()


@compiled
def _search(
    texts: Searched, index: Index, wanted: _Wanted, text: int, last: Ints, found: Ints, where: Ints, count: int
) -> tuple[int, int]:
    """Look through texts as long as there is room for all that may be found in one; the next text, and the count."""
    while text < len(texts.begins) and len(found) - count >= len(last):
        begin, end, owner = texts.begins[text], texts.ends[text], texts.owners[text]
        group = texts.groups[text]
        at, gram = _stop(texts.data, begin, begin, end, np.uint32(0), group, index, wanted)
        while at < end:
            wide, narrow, single = np.int32(-1), np.int32(-1), index.byte_heads[gram & _LAST]
            if at - begin >= 3:
                wide = index.heads[np.uint32(gram * SPREAD) >> np.uint32(32 - index.bits)]
            if at > begin and len(index.pair_heads):
                narrow = index.pair_heads[gram & _TWO_BYTES]
            for head in (wide, narrow, single):
                candidate = head
                while candidate >= 0:
                    if (
                        last[candidate] != owner
                        and (wanted.group[candidate] == group or wanted.group[candidate] == ANY)
                        and _fits(texts.data, begin, end, at, gram, index, candidate)
                    ):
                        last[candidate] = owner
                        found[count], where[count] = candidate, owner
                        count += 1
                    candidate = index.following[candidate]
            at, gram = _stop(texts.data, begin, at + 1, end, gram, group, index, wanted)
        text += 1
    return text, count


@compiled
def _note(index: Index, wanted: _Wanted) -> None:
    """Note of each group what is wanted in it."""
    for group in range(len(wanted.counts)):
        for byte in range(256):
            wanted.cases[group, byte] = LOWER[byte]
    for i in range(len(index.starts) - 1):
        length, gram = index.starts[i + 1] - index.starts[i], index.grams[i]
        if length >= 4 and index.ends[i] < 0:
            continue
        ending = np.int32(index.literals[index.starts[i]] if length == 1 else gram & _LAST)
        low, high = (0, len(wanted.counts)) if wanted.group[i] == ANY else (wanted.group[i], wanted.group[i] + 1)
        for group in range(max(low, 0), min(high, len(wanted.counts))):
            alone = wanted.endings[group] == _NO_BYTE or wanted.endings[group] == ending
            wanted.endings[group] = ending if alone else _SEVERAL
            if length >= 4:
                wanted.hashes[group, np.uint32(gram * SPREAD) >> _OWN_SHIFT] = 1
                wanted.counts[group] += 1
            elif length > 1:
                wanted.pairs[group, np.uint32(gram * SPREAD) >> _PAIR_SHIFT] = 1
            else:
                for byte in range(256):
                    if LOWER[byte] == ending:
                        wanted.cases[group, byte] |= _ALONE


@compiled
def _stop(
    data: Bytes, begin: int, at: Int, end: int, gram: np.uint32, group: int, index: Index, wanted: _Wanted
) -> tuple[np.int64, np.uint32]:
    """The next place, from ``at`` on, where a literal may stand, and the gram that ends there; else the end."""
    if wanted.endings[group] != _SEVERAL:
        return _leap(data, begin, at, end, wanted.endings[group])
    hashes, pairs, cases = wanted.hashes[group], wanted.pairs[group], wanted.cases[group]
    place, behind = np.uint64(at), np.uint64(end)  # a number that can be below zero is looked at each time
    if wanted.counts[group] <= FEW:
        while place < behind:
            byte = np.uint32(cases[data[place]])
            gram = np.uint32(np.uint32(gram << _BYTE) | (byte & _LAST))
            pair = np.uint32((gram & _TWO_BYTES) * SPREAD) >> _PAIR_SHIFT
            if hashes[np.uint32(gram * SPREAD) >> _OWN_SHIFT] | pairs[pair] | np.uint8(byte >> _BYTE):
                break
            place += _NEXT
        return np.int64(place), gram
    filter_, shift = index.filter, np.uint32(32 - index.bits)
    while place < behind:
        byte = np.uint32(cases[data[place]])
        gram = np.uint32(np.uint32(gram << _BYTE) | (byte & _LAST))
        hashed, pair = np.uint32(gram * SPREAD) >> shift, np.uint32((gram & _TWO_BYTES) * SPREAD) >> _PAIR_SHIFT
        if (filter_[hashed >> _FIVE] >> (hashed & _PLACE)) & _BIT | pairs[pair] | byte >> _BYTE:
            break
        place += _NEXT
    return np.int64(place), gram


@compiled
def _leap(data: Bytes, begin: int, at: Int, end: int, ending: int) -> tuple[np.int64, np.uint32]:
    """The same where all that is wanted ends in one byte, or nothing is wanted."""
    if ending == _NO_BYTE or at >= end:
        return np.int64(end), np.uint32(0)
    other = ending - 0x20 if 0x61 <= ending <= 0x7A else ending
    while at < end and at + WIDE <= len(data):
        marks = marks_at(data, int(at), ending, other, 0)
        if marks:
            at += first_bit(marks)
            break
        at += WIDE
    else:
        while at < end and data[at] != ending and data[at] != other:
            at += 1
    if at >= end:
        return np.int64(end), np.uint32(0)
    gram = np.uint32(0)
    for place in range(max(begin, at - 3), at + 1):
        gram = np.uint32(np.uint32(gram << _BYTE) | np.uint32(LOWER[data[place]]))
    return np.int64(at), gram


@compiled
def _fits(data: Bytes, begin: int, end: int, at: Int, gram: np.uint32, index: Index, literal: Int) -> bool:
    """Whether a literal stands in a text so that its gram, or its one byte, ends at a place."""
    start, length = index.starts[literal], index.starts[literal + 1] - index.starts[literal]
    if length >= 4 and index.grams[literal] != gram:
        return False
    first = at - index.ends[literal]
    if first < begin or first + length > end:
        return False
    marks = index.marks[literal]
    if (marks & AT_START and first != begin) or (marks & AT_END and first + length != end):
        return False
    return stands(data, first, index.literals, start, length)


@compiled
def stands(texts: Bytes, at: Int, literals: Bytes, start: Int, length: Int) -> bool:
    """Whether a literal stands at a place of a text."""
    for k in range(length):
        if LOWER[texts[at + k]] != literals[start + k]:
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
