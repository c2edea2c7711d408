"""Columns of texts that kernels found in a block's bytes: what readers by machine code have in common.

A column is a :data:`Part`: each line's code, and the texts that the codes count. What a text *means* is asked once per
text, not once per line.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TypeGuard

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pollwatch.events.batch import ABSENT, Codes, gathered
from pollwatch.events.block import RawLines
from pollwatch.kernels.compiled import ready, threshold

#: Fewer lines than these are not worth the time that kernels take to be compiled; or to be loaded, when they were kept.
_WORTH_COMPILING, _WORTH_LOADING = 100_000, 10_000
_WORTH_BLOCK = 200

Numbers = npt.NDArray[np.int64]
Part = tuple[Codes, pa.Array]


def worth(lines: object, before: int) -> TypeGuard[RawLines]:
    """Whether a block is to be read here.

    Args:
        lines: the block's records.
        before: how many lines of this input came before it.
    """
    if not isinstance(lines, RawLines) or len(lines) < _WORTH_BLOCK or sys.byteorder != "little":
        return False
    return before + len(lines) >= threshold(_WORTH_LOADING, _WORTH_COMPILING) or ready()


class Scratch:
    """Memory that reading works in: kept from block to block, since fresh pages cost more than the work."""

    __slots__ = ("_counts", "_rows", "codes", "firsts", "lasts", "numbers", "places", "slots")

    def __init__(self, texts: int, numbers: int) -> None:
        """Start with none, for lines of so many fields of either kind."""
        self._counts, self._rows = (texts, numbers), 0

    def room(self, rows: int) -> None:
        """Make room for so many lines."""
        if rows > self._rows:
            texts, numbers = self._counts
            self._rows = rows
            self.codes, self.firsts, self.lasts = (np.empty((texts, rows), dtype=np.int32) for _ in range(3))
            self.slots = np.empty((texts, slots_for(rows)), dtype=np.uint64)
            self.numbers, self.places = np.empty((numbers, rows), dtype=np.int64), np.empty(rows, dtype=np.int64)
        self.slots.fill(0)

    def fields(self, data: npt.NDArray[np.uint8], used: Numbers, done: int) -> list[Part]:
        """Each field of the lines that were read: its codes, and the texts that they count.

        Args:
            data: what was read.
            used: how many texts each field has.
            done: how many lines were read.
        """
        return [
            (self.codes[at, :done], gathered(data, self.firsts[at, :size], self.lasts[at, :size]))
            for at, size in enumerate(used.tolist())
        ]


def slots_for(count: int) -> int:
    """Room for so many texts: a power of two, at most half full."""
    return 1 << (2 * count).bit_length()


def meant(codes: Codes, values: pl.Series | pa.Array) -> Part:
    """Codes of texts as codes of what those mean, which may be nothing."""
    array = values.to_arrow().cast(pa.string()) if isinstance(values, pl.Series) else values
    if array.null_count:
        nothing = np.append(array.is_null().to_numpy(zero_copy_only=False), True)
        codes, array = np.where(nothing[codes], np.int32(ABSENT), codes), pc.fill_null(array, "")
    return codes, array


def each_row(values: pa.Array, codes: Codes) -> pa.Array:
    """Each line's value, by its code."""
    return values.take(pa.array(codes, mask=codes == ABSENT))


def numbers_of(numbers: Numbers) -> pa.Array:
    """A column of numbers, of which those below 0 are none."""
    return pa.array(numbers.copy(), mask=numbers < 0)


def behind_each_other(parts: Sequence[Part]) -> Part:
    """The codes of all lines, over the values of all."""
    if len(parts) == 1:
        return parts[0]
    sizes = [0, len(parts[0][1])]
    moved = [
        np.where(codes == ABSENT, codes, codes + np.int32(size)) for (codes, _), size in zip(parts, sizes, strict=True)
    ]
    return np.concatenate(moved), pa.concat_arrays([values.cast(pa.string()) for _, values in parts])


def dictionary(codes: Codes, values: pa.Array, order: Numbers | None) -> pa.Array:
    """A column as the dictionary that batches hold, in another order of lines if one is given."""
    codes = codes.copy() if order is None else codes[order]
    absent = codes == ABSENT
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32(), mask=absent if absent.any() else None), values)
