"""Making and searching the tables of a group run, by several threads (numpy from here on)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from pollwatch.sharing.matching import tables
from pollwatch.sharing.matching.tables import Hit, Shape
from pollwatch.sharing.matching.workers import Workers

#: So many bins are one job.
_BINS: Final = 1 << 16


def make(outputs: Sequence[bytes], places: Sequence[int], number: int, shape: Shape) -> tuple[bytes, bytes]:
    """A member's shares as they travel, and which of its leaves lies in which bin (``int32``, -1 for none).

    Args:
        outputs: the PRF's output of each item.
        places: each item's place in the set.
        number: the member's number in the run, from 1.
        shape: of the run.
    """
    made = tables.make(outputs, number, shape)
    leaves = np.array([*places, -1], dtype="<i4")
    return tables.to_bytes(made), leaves[made.owners].tobytes()


def find(shares: Sequence[bytes], shape: Shape, workers: Workers) -> tuple[Hit, ...]:
    """What enough members hold.

    Args:
        shares: by member, number 1 first.
        shape: of the run.
        workers: who search.

    Raises:
        FormatError: some shares are of another size, or not in their one spelling.
    """
    values = [tables.read(each, shape) for each in shares]

    def part(first: int) -> tuple[Hit, ...]:
        return tables.find(values, shape, first, min(first + _BINS, shape.cells))

    return tuple(hit for found in workers.map(part, range(0, shape.cells, _BINS)) for hit in found)
