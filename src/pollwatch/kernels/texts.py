r"""Texts that lie somewhere in a buffer become a dictionary: each distinct text once, and a code for each place.

A place is a start and a length. Its *kind* says how the bytes there read: as they are, as a JSON string with escapes,
or not at all (null). The escapes must be right already; ``kernels.objects`` has seen to it.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.words import copy_text, hash_of, same

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]
Hashes: TypeAlias = npt.NDArray[np.uint64]

#: The bytes are the text.
PLAIN = 0
#: The bytes are the inside of a JSON string with backslashes in it.
ESCAPED = 1
#: There is no text.
NULL = 2

_BACKSLASH, _U = 0x5C, 0x75
_SHORT_FROM = np.frombuffer(b"bfnrt", np.uint8)
_SHORT_TO = np.frombuffer(b"\b\f\n\r\t", np.uint8)
#: Texts made to collide must not make a table a list: beyond so many tries a text stands in the dictionary twice.
MOST_TRIES = 64


class Places(NamedTuple):
    """Where texts lie: of each its start in ``data``, its length in bytes and how it reads."""

    data: Bytes
    starts: Ints
    lengths: Ints
    kinds: Bytes


class Scratch:
    """Memory that :func:`encode` works in: kept from call to call, since fresh pages cost more than the work."""

    def __init__(self) -> None:
        """Start with none."""
        self.table = np.empty(0, np.int32)
        self.hashes = np.empty(0, np.uint64)
        self.firsts = np.empty(0, np.int32)
        self.offsets = np.empty(0, np.int32)
        self.texts = np.empty(0, np.uint8)

    def room(self, cells: int, columns: int, size: int) -> None:
        """Make room for so many cells in so many columns, of so many bytes together."""
        if cells + columns > len(self.offsets):
            self.offsets = np.empty(cells + columns, np.int32)
        if cells > len(self.hashes):
            self.table, self.hashes = np.empty(1 << (2 * cells + 16).bit_length(), np.int32), np.empty(cells, np.uint64)
            self.firsts = np.empty(cells, np.int32)
        if size > len(self.texts):
            self.texts = np.empty(size * 2, np.uint8)


class Encoded(NamedTuple):
    """Columns of texts.

    Attributes:
        codes: of shape (columns, rows); -1 = null.
        valid: of shape (columns, bytes): a bit per row, 0 = null.
        nulls: how many rows of each column are null.
        texts: the distinct texts of all columns, one behind the other.
        text_at: where those of each column begin (one more at last).
        offsets: of each column in turn, where in its texts each begins (one more at last).
        offset_at: where each column's offsets begin (one more at last).
    """

    codes: Ints
    valid: Bytes
    nulls: Ints
    texts: Bytes
    text_at: Longs
    offsets: Ints
    offset_at: Longs


def encode(places: Places, columns: Longs, cells: Ints, rows: Ints, length: int, scratch: Scratch) -> Encoded:
    """Some columns, each distinct text of a column once: what is written alike is; what reads alike may be there twice.

    Codes count up in order of first appearance. At most 2^31 - 1 bytes of text; the caller sees to it.

    Args:
        places: where texts lie.
        columns: where the cells of each column begin; one more at last.
        cells: which places to take.
        rows: of each cell.
        length: rows that a column has; those without a cell are null.
        scratch: to work in.
    """
    first, last = int(columns[0]), int(columns[-1])
    scratch.room(last - first, len(columns), int(places.lengths[cells[first:last]].sum(dtype=np.int64)))
    codes, valid, nulls, text_at, offset_at = _encode(
        *places,
        columns,
        cells,
        rows,
        length,
        scratch.table,
        scratch.hashes,
        scratch.firsts,
        scratch.offsets,
        scratch.texts,
    )
    offsets = scratch.offsets[: offset_at[-1]].copy()
    return Encoded(codes, valid, nulls, scratch.texts[: text_at[-1]].copy(), text_at, offsets, offset_at)


@compiled
def _encode(
    data: Bytes,
    starts: Ints,
    lengths: Ints,
    kinds: Bytes,
    columns: Longs,
    cells: Ints,
    rows: Ints,
    length: int,
    table: Ints,
    hashes: Hashes,
    firsts: Ints,
    offsets: Ints,
    texts: Bytes,
) -> tuple[Ints, Bytes, Ints, Longs, Longs]:
    count = len(columns) - 1
    codes = np.full((count, length), -1, np.int32)
    valid = np.zeros((count, (length + 7) >> 3), np.uint8)
    nulls = np.full(count, length, np.int32)
    text_at, offset_at = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    at, behind = 0, 0
    for column in range(count):
        base, own = at, offsets[behind:]
        distinct = _column(
            data, starts, lengths, kinds, columns[column], columns[column + 1], cells, rows, table, hashes, firsts, own,
            texts, at, codes[column], valid[column], nulls[column : column + 1],
        )  # fmt: skip
        at = base + own[distinct]
        behind += distinct + 1
        text_at[column + 1], offset_at[column + 1] = at, behind
    return codes, valid, nulls, text_at, offset_at


@compiled
def _column(
    data: Bytes,
    starts: Ints,
    lengths: Ints,
    kinds: Bytes,
    first: int,
    last: int,
    cells: Ints,
    rows: Ints,
    table: Ints,
    hashes: Hashes,
    firsts: Ints,
    offsets: Ints,
    texts: Bytes,
    base: int,
    codes: Ints,
    valid: Bytes,
    nulls: Ints,
) -> int:
    """One column, its texts from ``base`` on; how many distinct ones it has."""
    slots = 16
    while slots < 2 * (last - first):
        slots *= 2
    table[:slots] = -1
    offsets[0] = 0
    distinct, at, code = 0, base, -1
    for cell in range(first, last):
        place = cells[cell]
        kind = kinds[place]
        if kind == NULL:
            continue
        start, length = int(starts[place]), lengths[place]
        row = rows[cell]
        valid[row >> 3] |= np.uint8(1 << (row & 7))
        nulls[0] -= 1
        # The same as the one before, as it often is: nothing is looked up.
        if code >= 0 and _alike(data, starts, lengths, kinds, firsts[code], start, length, kind):
            codes[row] = code
            continue
        hashed = hash_of(data, start, start + length)
        slot = np.int64(hashed) & (slots - 1)
        code, tries = table[slot], 0
        while code >= 0 and not (
            hashes[code] == hashed and _alike(data, starts, lengths, kinds, firsts[code], start, length, kind)
        ):
            slot = (slot + 1) & (slots - 1)
            tries += 1
            code = table[slot] if tries < MOST_TRIES else -1
        if code < 0:
            code = distinct
            table[slot] = code
            hashes[code] = hashed
            firsts[code] = place
            if kind == ESCAPED:
                at = _unescape(data, start, start + length, texts, at)
            else:
                copy_text(data, start, length, texts, at)
                at += length
            distinct += 1
            offsets[distinct] = at - base
        codes[row] = code
    return distinct


@compiled
def _alike(
    data: Bytes, starts: Ints, lengths: Ints, kinds: Bytes, place: int, start: int, length: int, kind: int
) -> bool:
    """Whether a text is written as another one is."""
    return lengths[place] == length and kinds[place] == kind and same(data, int(starts[place]), data, start, length)


@compiled
def _unescape(text: Bytes, i: int, end: int, out: Bytes, at: int) -> int:
    while i < end:
        byte = text[i]
        i += 1
        if byte == _BACKSLASH:
            byte = text[i]
            i += 1
            if byte == _U:
                at = _utf8(_hex4(text, i), out, at)
                i += 4
                continue
            for each in range(5):
                if byte == _SHORT_FROM[each]:
                    byte = _SHORT_TO[each]
                    break
        out[at] = byte
        at += 1
    return at


@compiled
def _hex4(data: Bytes, at: int) -> int:
    value = 0
    for i in range(4):
        byte = data[at + i]
        value = value * 16 + (byte - 48 if byte < 58 else (byte | 32) - 87)
    return value


@compiled
def _utf8(point: int, out: Bytes, at: int) -> int:
    """Write a character of the basic plane that is no surrogate."""
    if point < 0x80:
        out[at] = point
        return at + 1
    if point < 0x800:
        out[at] = 0xC0 | point >> 6
        out[at + 1] = 0x80 | point & 63
        return at + 2
    out[at] = 0xE0 | point >> 12
    out[at + 1] = 0x80 | point >> 6 & 63
    out[at + 2] = 0x80 | point & 63
    return at + 3
