r"""Texts that lie somewhere in a buffer become a dictionary: each distinct text once, and a code for each place.

A place is a start and a length. Its *kind* says how the bytes there read: as they are, as a JSON string with escapes,
or not at all (null). The escapes must be right already; ``kernels.objects`` has seen to it.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.words import hash_of, same

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int32]
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


class Scratch:
    """Memory that :func:`encode` works in: kept from call to call, since fresh pages cost more than the work."""

    def __init__(self) -> None:
        """Start with none."""
        self.table = np.empty(0, np.int32)
        self.hashes = np.empty(0, np.uint64)
        self.offsets = np.empty(0, np.int32)
        self.texts = np.empty(0, np.uint8)

    def room(self, places: int, size: int) -> None:
        """Make room for so many places of so many bytes together."""
        if places >= len(self.offsets):
            slots = 1 << (2 * places + 16).bit_length()
            self.table, self.hashes = np.empty(slots, np.int32), np.empty(places + 1, np.uint64)
            self.offsets = np.empty(places + 1, np.int32)
        if size > len(self.texts):
            self.texts = np.empty(size * 2, np.uint8)


def encode(
    data: Bytes, cells: Ints, starts: Ints, lengths: Ints, kinds: Bytes, scratch: Scratch
) -> tuple[Ints, Bytes, Ints]:
    """A code per cell (-1 = null), the distinct texts one behind the other, and where each begins (one more at last).

    Codes count up in order of first appearance. At most 2^31 - 1 bytes of text; the caller sees to it.

    Args:
        data: where the texts lie.
        cells: which places to take.
        starts: of each place.
        lengths: of each place, in bytes.
        kinds: how each place reads.
        scratch: to work in.
    """
    scratch.room(len(cells), int(lengths[cells].sum(dtype=np.int64)))
    codes, distinct = _encode(
        data, cells, starts, lengths, kinds, scratch.table, scratch.hashes, scratch.offsets, scratch.texts
    )
    offsets = scratch.offsets[: distinct + 1].copy()
    return codes, scratch.texts[: offsets[-1]].copy(), offsets


@compiled
def _encode(
    data: Bytes,
    cells: Ints,
    starts: Ints,
    lengths: Ints,
    kinds: Bytes,
    table: Ints,
    hashes: Hashes,
    offsets: Ints,
    texts: Bytes,
) -> tuple[Ints, int]:
    n = len(cells)
    slots = 16
    while slots < 2 * n:
        slots *= 2
    table[:slots] = -1
    codes = np.empty(n, np.int32)
    offsets[0] = 0
    distinct, at = 0, 0
    for row in range(n):
        place = cells[row]
        kind = kinds[place]
        if kind == NULL:
            codes[row] = -1
            continue
        source, start = data, int(starts[place])
        end = start + lengths[place]
        if kind == ESCAPED:
            source, start, end = texts, at, _unescape(data[start:end], texts, at)
        length = end - start
        hashed = hash_of(source, start, end)
        slot = np.int64(hashed) & (slots - 1)
        code, tries = table[slot], 0
        while code >= 0 and not (
            hashes[code] == hashed
            and offsets[code + 1] - offsets[code] == length
            and same(texts, int(offsets[code]), source, start, length)
        ):
            slot = (slot + 1) & (slots - 1)
            tries += 1
            code = table[slot] if tries < MOST_TRIES else -1
        if code < 0:
            code = distinct
            table[slot] = code
            hashes[code] = hashed
            if kind == PLAIN:
                texts[at : at + length] = data[start:end]
            at += length
            distinct += 1
            offsets[distinct] = at
        codes[row] = code
    return codes, distinct


@compiled
def _unescape(text: Bytes, out: Bytes, at: int) -> int:
    i, end = 0, len(text)
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
