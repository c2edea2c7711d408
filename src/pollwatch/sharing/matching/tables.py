"""Group matching: the shares that a member gives to the collector, and what the collector finds in them.

After Mahdavi et al. 2020 and Arpaci, Boutaba and Kerschbaum 2026. From the PRF output of an item, which only its
holders can compute, follow a polynomial without constant term per table, a bin per table and a place in line. A
member puts into each bin the value of the polynomial at its own number, for the first in line of its items there, and
random values into the bins that stay empty. Values of at least ``threshold`` holders of one item lie on one curve of
too low a degree for chance; any fewer are as random as the filling.

In half of the tables the line is turned round, so that an item that is last in one table is first in the next: an item
with exactly ``threshold`` holders, all with full sets, is missed with probability :data:`MISS`.

The published searches interpolate each combination of ``threshold`` members anew. Here divided differences are shared:
for each choice of ``threshold - 2`` members one value is computed for each further member, and all that lie on one
curve have the same. What remains per combination is one comparison.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import shake_256
from typing import Final

import numpy as np

from pollwatch.errors import FormatError
from pollwatch.sharing.matching import mersenne
from pollwatch.sharing.matching.mersenne import Values

TABLES: Final = 20
#: An upper bound on missing an item with exactly ``threshold`` holders: per pair of tables 1 - 2(1 - 1/e) + 1/e.
MISS: Final = (3 / np.e - 1) ** (TABLES / 2)
_WORD: Final = 8
#: So many bins are looked at together, for memory and caches.
_BLOCK: Final = 16_384


@dataclass(frozen=True, slots=True)
class Shape:
    """What all members of a run must agree on.

    Attributes:
        size: how many items a set has at most.
        threshold: how many holders an item needs; at least 2.
    """

    size: int
    threshold: int

    @property
    def bins(self) -> int:
        """Bins of one table."""
        return self.size * self.threshold

    @property
    def cells(self) -> int:
        """Bins of all tables."""
        return self.bins * TABLES

    @property
    def share_bytes(self) -> int:
        """What one member sends to the collector."""
        return self.cells * _WORD


@dataclass(frozen=True, slots=True)
class Shares:
    """One member's tables.

    Attributes:
        values: one value per bin, table after table; this is sent.
        owners: the number of the item in each bin, -1 where there is none; this stays.
    """

    values: Values
    owners: np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """What the collector found: a bin and who holds the item in it. Which item that is, only they know.

    Attributes:
        cell: number of the bin, counted through all tables.
        holders: numbers of the members, ascending.
    """

    cell: int
    holders: tuple[int, ...]


def make(outputs: Sequence[bytes], number: int, shape: Shape) -> Shares:
    """A member's tables.

    Args:
        outputs: the PRF's output for each of its items.
        number: the member's number in the run, from 1; no two have the same.
        shape: of the run.

    Raises:
        FormatError: more items than the run's size.
    """
    if len(outputs) > shape.size:
        raise FormatError(f"{len(outputs)} items do not fit into a run of {shape.size}")
    values = mersenne.folded(np.frombuffer(secrets.token_bytes(shape.share_bytes), dtype="<u8").astype(np.uint64))
    owners = np.full(shape.cells, -1, dtype=np.int64)
    if outputs:
        words = _words(outputs, shape.threshold)
        for table in range(TABLES):
            drawn = words[:, table]
            winners = _winners(drawn[:, 0] % np.uint64(shape.bins), _line(drawn[:, 1], table))
            cells = table * shape.bins + (drawn[winners, 0] % np.uint64(shape.bins)).astype(np.int64)
            values[cells] = _curve(mersenne.folded(drawn[winners, 2:]), number)
            owners[cells] = winners
    return Shares(values, owners)


def read(data: bytes, shape: Shape) -> Values:
    """A member's tables as they came.

    Raises:
        FormatError: another size than the run's, or a number outside the field.
    """
    if len(data) != shape.share_bytes:
        raise FormatError(f"the shares of this run have {shape.share_bytes} bytes, not {len(data)}")
    values = np.frombuffer(data, dtype="<u8").astype(np.uint64, copy=False)
    if values.max(initial=0) >= mersenne.PRIME:
        raise FormatError("a share is not in its one spelling")
    return values


def to_bytes(shares: Shares) -> bytes:
    """What is sent to the collector."""
    return shares.values.astype("<u8").tobytes()


def find(shares: Sequence[Values], shape: Shape, first: int = 0, end: int | None = None) -> tuple[Hit, ...]:
    """The collector's search.

    Args:
        shares: tables by member, number 1 first.
        shape: of the run.
        first: the first bin to look at, counted through all tables.
        end: the bin to stop before; the last one by default.

    Returns:
        Each bin where at least ``threshold`` members' values lie on one curve, with all of them.
    """
    stop = shape.cells if end is None else end
    found: set[Hit] = set()
    for start in range(first, stop, _BLOCK):
        # A curve without constant term, divided by the member's number, has one degree less.
        block = [
            mersenne.times(each[start : min(start + _BLOCK, stop)], mersenne.inverse(number))
            for number, each in enumerate(shares, 1)
        ]
        found.update(_largest(start, _equal(block, list(range(1, len(shares) + 1)), shape.threshold - 2, ())))
    return tuple(sorted(found))


def _equal(
    values: list[Values], numbers: list[int], depth: int, base: tuple[int, ...]
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Bins and members with one divided difference over the members in ``base``, ascending."""
    if depth:
        for at, number in enumerate(numbers[: len(numbers) - depth - 1]):
            later = numbers[at + 1 :]
            reduced = [
                mersenne.scaled_differences(values[at + 1 + place], values[at], mersenne.inverse(other - number))
                for place, other in enumerate(later)
            ]
            yield from _equal(reduced, later, depth - 1, (*base, number))
        return
    stacked = np.stack(values)
    for at, number in enumerate(numbers[:-1]):
        same = stacked[at + 1 :] == stacked[at]
        if same.any():
            for place in np.flatnonzero(same.any(axis=0)).tolist():
                others = [numbers[at + 1 + each] for each in np.flatnonzero(same[:, place]).tolist()]
                yield place, (*base, number, *others)


def _largest(start: int, found: Iterator[tuple[int, tuple[int, ...]]]) -> Iterator[Hit]:
    """Without the parts of larger groups in the same bin."""
    groups: dict[int, list[tuple[int, ...]]] = {}
    for place, members in found:
        groups.setdefault(place, []).append(members)
    for place, sets in groups.items():
        kept: list[tuple[int, ...]] = []
        for members in sorted(set(sets), key=len, reverse=True):
            if not any(set(members) <= set(larger) for larger in kept):
                kept.append(members)
                yield Hit(start + place, members)


def _words(outputs: Sequence[bytes], threshold: int) -> Values:
    """Per item and table: a bin, a place in line and ``threshold - 1`` coefficients."""
    width = threshold + 1
    size = TABLES * width * _WORD
    stream = b"".join(shake_256(b"pollwatch.group-matching/1" + each).digest(size) for each in outputs)
    return np.frombuffer(stream, dtype="<u8").astype(np.uint64).reshape(len(outputs), TABLES, width)


def _line(drawn: Values, table: int) -> Values:
    """The order in a table: each pair of tables shares one, turned round in the second."""
    return drawn if table % 2 == 0 else ~drawn


def _winners(bins: Values, line: Values) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The first in line of each bin."""
    order = np.lexsort((line, bins))
    _, first = np.unique(bins[order], return_index=True)
    return np.asarray(order[first], dtype=np.int64)


def _curve(coefficients: Values, number: int) -> Values:
    """The polynomial without constant term at a member's number; coefficients of each item in a row."""
    total = np.zeros(len(coefficients), dtype=np.uint64)
    for column in reversed(range(coefficients.shape[1])):
        total = mersenne.times(mersenne.plus(total, coefficients[:, column]), number)
    return total
