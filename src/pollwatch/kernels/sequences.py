"""Records with the same fields in the same order, and the cells of each column of theirs.

What a record is depends on which fields it has. So they are numbered by the sequence of their fields' nodes
(``kernels.objects``), and the caller looks at one record of each number.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled
from pollwatch.kernels.objects import SLOW

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]
Places: TypeAlias = npt.NDArray[np.int32]
"""Of shape (places, 2)."""

_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@compiled
def signatures(row_end: Ints, row_state: Bytes, cell_node: Ints, limit: int) -> tuple[Ints, Ints]:
    """A number per record for the sequence of its nodes, and the first record of each number.

    Records that are SLOW have -1, and so have those whose sequence would be beyond the ``limit`` of numbers.
    """
    n = len(row_end)
    result = np.full(n, -1, np.int32)
    firsts = np.empty(limit, np.int32)
    hashes = np.empty(limit, np.uint64)
    slots = 16
    while slots < 2 * limit:
        slots *= 2
    table = np.full(slots, -1, np.int32)
    known = 0
    for row in range(n):
        if row_state[row] == SLOW:
            continue
        begin, end = row_end[row - 1] if row else 0, row_end[row]
        hashed = np.uint64(end - begin) * _SPREAD
        for cell in range(begin, end):
            hashed = (hashed ^ np.uint64(cell_node[cell])) * _SPREAD
            hashed ^= hashed >> np.uint64(29)
        slot = np.int64(hashed ^ hashed >> np.uint64(32)) & (slots - 1)
        number = table[slot]
        while number >= 0 and not (hashes[number] == hashed and _alike(row_end, cell_node, firsts[number], row)):
            slot = (slot + 1) & (slots - 1)
            number = table[slot]
        if number < 0:
            if known == limit:
                continue
            number = known
            table[slot] = number
            hashes[number] = hashed
            firsts[number] = row
            known += 1
        result[row] = number
    return result, firsts[:known].copy()


@compiled
def _alike(row_end: Ints, cell_node: Ints, row: int, other: int) -> bool:
    begin, other_begin = row_end[row - 1] if row else 0, row_end[other - 1] if other else 0
    length = row_end[row] - begin
    if row_end[other] - other_begin != length:
        return False
    for i in range(length):
        if cell_node[begin + i] != cell_node[other_begin + i]:
            return False
    return True


@compiled
def by_column(
    row_end: Ints, rows: Longs, row_sequence: Ints, sequence_at: Ints, columns_of: Places, columns: int
) -> tuple[Ints, Ints, Ints]:
    """The cells of each column, in the order of their records.

    Args:
        row_end: as of ``objects.tokenise``.
        rows: the records, in order.
        row_sequence: each one's number as of :func:`signatures`.
        sequence_at: where the places of each sequence begin in ``columns_of``.
        columns_of: for each place in a sequence the two columns that its cell stands in; -1 = none.
        columns: how many columns there are.

    Returns:
        Cells, the place of each one's record among ``rows``, and where each column's cells begin (one more at last).
    """
    begins = np.zeros(columns + 1, np.int32)
    for nth in range(len(rows)):
        row = rows[nth]
        base = sequence_at[row_sequence[nth]]
        for i in range(row_end[row] - (row_end[row - 1] if row else 0)):
            for one in range(2):
                column = columns_of[base + i, one]
                if column >= 0:
                    begins[column + 1] += 1
    for column in range(columns):
        begins[column + 1] += begins[column]
    place = begins[:columns].copy()
    cells = np.empty(begins[columns], np.int32)
    owners = np.empty(begins[columns], np.int32)
    for nth in range(len(rows)):
        row = rows[nth]
        begin = row_end[row - 1] if row else 0
        base = sequence_at[row_sequence[nth]]
        for i in range(row_end[row] - begin):
            for one in range(2):
                column = columns_of[base + i, one]
                if column >= 0:
                    cells[place[column]] = begin + i
                    owners[place[column]] = nth
                    place[column] += 1
    return cells, owners, begins
