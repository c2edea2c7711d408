"""Which lines of which inputs: a set that stays small for millions of lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Numbers: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class LineSet:
    """Sorted, distinct record numbers per input path. Immutable; eight bytes a line."""

    by_path: Mapping[str, Numbers]

    @classmethod
    def of(cls, path: str, numbers: Iterable[int] | Numbers) -> LineSet:
        """The given records of one input, in any order, repeats allowed."""
        array = numbers if isinstance(numbers, np.ndarray) else np.fromiter(numbers, dtype=np.int64)
        return cls({path: _distinct(array.astype(np.int64, copy=False))} if array.size else {})

    @classmethod
    def union(cls, sets: Iterable[LineSet]) -> LineSet:
        """All lines of all sets."""
        parts: dict[str, list[Numbers]] = {}
        for each in sets:
            for path, numbers in each.by_path.items():
                parts.setdefault(path, []).append(numbers)
        return cls(
            {p: arrays[0] if len(arrays) == 1 else _distinct(np.concatenate(arrays)) for p, arrays in parts.items()}
        )

    def __or__(self, other: LineSet) -> LineSet:
        """All lines of both."""
        return LineSet.union((self, other))

    def __and__(self, other: LineSet) -> LineSet:
        """The lines that are in both."""
        common = {
            p: np.intersect1d(self.by_path[p], other.by_path[p], assume_unique=True)
            for p in self.by_path
            if p in other.by_path
        }
        return LineSet({path: numbers for path, numbers in common.items() if numbers.size})

    def __sub__(self, other: LineSet) -> LineSet:
        """The lines that are not in the other."""
        left = {
            p: np.setdiff1d(numbers, other.by_path[p], assume_unique=True) if p in other.by_path else numbers
            for p, numbers in self.by_path.items()
        }
        return LineSet({path: numbers for path, numbers in left.items() if numbers.size})

    def shared(self, other: LineSet) -> int:
        """How many lines are in both."""
        found = 0
        for path, mine in self.by_path.items():
            theirs = other.by_path.get(path)
            if theirs is not None:
                few, many = (mine, theirs) if mine.size < theirs.size else (theirs, mine)
                found += int((many[np.searchsorted(many[:-1], few)] == few).sum())
        return found

    def within(self, other: LineSet) -> bool:
        """Whether each line is also in the other."""
        for path, mine in self.by_path.items():
            theirs = other.by_path.get(path)
            if theirs is None or theirs.size < mine.size or mine[0] < theirs[0] or mine[-1] > theirs[-1]:
                return False
            if not bool((theirs[np.searchsorted(theirs, mine)] == mine).all()):
                return False
        return True

    def __len__(self) -> int:
        """How many lines."""
        return sum(int(numbers.size) for numbers in self.by_path.values())

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """``(path, number)`` in order of path, then number."""
        for path in sorted(self.by_path):
            for number in self.by_path[path].tolist():
                yield path, number

    def __eq__(self, other: object) -> bool:
        """Same lines of the same inputs."""
        if not isinstance(other, LineSet):
            return NotImplemented
        return self.by_path.keys() == other.by_path.keys() and all(
            np.array_equal(numbers, other.by_path[path]) for path, numbers in self.by_path.items()
        )

    __hash__ = None  # type: ignore[assignment]


#: None at all.
NO_LINES: Final = LineSet({})


def _distinct(numbers: Numbers) -> Numbers:
    """Numbers in order, each once. Most are in order by runs, which this way of sorting only merges."""
    ordered = np.sort(numbers, kind="stable")
    fresh = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
    return ordered if fresh.all() else ordered[fresh]
