"""Which rows each rule is to be asked of: those that hold a value which one of the rule's entries was found in."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pollwatch.kernels.compiled import compiled

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]


@compiled
def rows_of_values(codes: Ints, first: Longs, values: int, wanted: Bytes) -> tuple[Longs, Ints]:
    """The rows that hold each wanted value, one value's behind the other's, and where each value's begin.

    Args:
        codes: per column and row.
        first: per column the number of its first value among all.
        values: how many there are in all.
        wanted: per column; 1 = its values are wanted.
    """
    starts = np.zeros(values + 1, np.int64)
    for column in range(len(codes)):
        if wanted[column]:
            for row in range(codes.shape[1]):
                if codes[column, row] >= 0:
                    starts[first[column] + codes[column, row] + 1] += 1
    for value in range(values):
        starts[value + 1] += starts[value]
    rows = np.empty(starts[values], np.int32)
    at = starts.copy()
    for column in range(len(codes)):
        if wanted[column]:
            for row in range(codes.shape[1]):
                if codes[column, row] >= 0:
                    value = first[column] + codes[column, row]
                    rows[at[value]] = row
                    at[value] += 1
    return starts, rows


@compiled
def grouped(entries: Ints, values: Longs, count: int) -> tuple[Longs, Longs]:
    """The values in which each of ``count`` entries was found, one entry's behind the other's, and where they begin."""
    starts = np.zeros(count + 1, np.int64)
    for entry in entries:
        starts[entry + 1] += 1
    for entry in range(count):
        starts[entry + 1] += starts[entry]
    result = np.empty(len(values), np.int64)
    at = starts.copy()
    for i in range(len(entries)):
        result[at[entries[i]]] = values[i]
        at[entries[i]] += 1
    return starts, result


@compiled
def candidates(
    rule: int,
    length: int,
    everywhere: Bytes,
    entry_starts: Ints,
    entries: Ints,
    hit_starts: Longs,
    hit_values: Longs,
    row_starts: Longs,
    rows: Ints,
    which: Ints,
    where: Ints,
) -> tuple[int, int]:
    """The rows that each rule is to be asked of, from ``rule`` on until there is no room for another rule's.

    Args:
        rule: the first.
        length: how many rows there are.
        everywhere: per rule; 1 = every row is a candidate.
        entry_starts: per rule its first one in ``entries``, one more at last.
        entries: what a rule needs one of.
        hit_starts: per entry its first one in ``hit_values``, one more at last.
        hit_values: the values in which entries were found.
        row_starts: per value its first one in ``rows``, one more at last.
        rows: the rows that hold values.
        which: written to: rules, one for each pair. At least ``length`` long.
        where: written to: their rows.

    Returns:
        How many pairs, and the rule to go on with.
    """
    seen = np.full(length, -1, np.int32)
    count = 0
    while rule < len(everywhere) and count + length <= len(which):
        if everywhere[rule]:
            for row in range(length):
                which[count] = rule
                where[count] = row
                count += 1
            rule += 1
            continue
        for i in range(entry_starts[rule], entry_starts[rule + 1]):
            for hit in range(hit_starts[entries[i]], hit_starts[entries[i] + 1]):
                for k in range(row_starts[hit_values[hit]], row_starts[hit_values[hit] + 1]):
                    row = rows[k]
                    if seen[row] != rule:
                        seen[row] = rule
                        which[count] = rule
                        where[count] = row
                        count += 1
        rule += 1
    return count, rule
