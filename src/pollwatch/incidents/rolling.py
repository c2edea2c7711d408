"""The spool of a watch: who did what lately, in memory and bounded, however long the watch runs.

The latest rows are kept whole. Of older ones those of hostile addresses stay (and log-in messages, which name none),
also bounded: that is what an incident may still claim. What is older than both is forgotten; :meth:`RollingSpool.floor`
says from which line on everything of an input is still here, so that nobody takes forgotten for absent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pollwatch.events.batch import EventBatch
from pollwatch.events.lines import LineSet
from pollwatch.incidents.spool import KIND_AUTH, Rows, Spool, hash_of, rows_of

#: Rows that are kept whole, about 57 bytes each.
MOST_ROWS: Final = 1_200_000
#: Older rows that are kept of hostile addresses.
MOST_KEPT: Final = 400_000
_SEGMENT_ROWS: Final = 65_536


@dataclass(slots=True)
class _Segment:
    """Rows in the order in which they came.

    Attributes:
        last: the largest number of each path among them.
    """

    rows: Rows
    last: dict[int, int]


class RollingSpool(Spool):
    """A spool that forgets."""

    def __init__(self, most_rows: int = MOST_ROWS, most_kept: int = MOST_KEPT) -> None:
        """Nothing yet."""
        super().__init__()
        self._most_rows = most_rows
        self._most_kept = most_kept
        self._segments: deque[_Segment] = deque()
        self._fresh: list[Rows] = []
        self._fresh_rows = 0
        self._kept: deque[Rows] = deque()
        self._floors: dict[int, int] = {}

    def write(self, batch: EventBatch) -> None:
        """One row per event."""
        if not len(batch):
            return
        rows = rows_of(batch, self.paths_of(batch))
        self._fresh.append(rows)
        self._fresh_rows += len(rows)
        if self._fresh_rows >= _SEGMENT_ROWS:
            self._close_segment()

    def batches(self) -> Iterator[Rows]:
        """All rows, in the order written."""
        yield from self._kept
        yield from (each.rows for each in self._segments)
        if self._fresh:
            self._fresh = [Rows.join(self._fresh)]
            yield self._fresh[0]

    @property
    def full(self) -> bool:
        """Whether there are more rows than are kept whole."""
        return self._held > self._most_rows and len(self._segments) > 0

    @property
    def _held(self) -> int:
        return sum(len(each.rows) for each in self._segments) + self._fresh_rows

    def forget(self, hostile: Collection[str], told: LineSet) -> None:
        """Forget what is too much, but of these addresses less than of others.

        Args:
            hostile: whose older rows stay.
            told: lines that nobody will claim any more, whosever they are.
        """
        held = self._held
        wanted = hash_of(sorted(hostile))
        while held > self._most_rows and self._segments:
            segment = self._segments.popleft()
            held -= len(segment.rows)
            nameless = (segment.rows.kind == KIND_AUTH) & (segment.rows.ip == 0)
            kept = segment.rows.take((np.isin(segment.rows.ip, wanted) | nameless) & ~self._among(segment.rows, told))
            if len(kept):
                self._kept.append(kept)
            for path_id, number in segment.last.items():
                self._floors[path_id] = max(self._floors.get(path_id, 0), number + 1)
        while self._kept and sum(map(len, self._kept)) > self._most_kept:
            self._kept.popleft()
        if len(self._kept) > len(self._segments) + 16:
            self._kept = deque([Rows.join(list(self._kept))])

    def floor(self, path: str) -> int:
        """The number from which on every event of an input is here."""
        return self._floors.get(self._path_ids.get(path, -1), 0)

    def begin_at(self, path: str, number: int) -> None:
        """Say that the events of an input before this one were never written here."""
        path_id = self.path_id(path)
        self._floors[path_id] = max(self._floors.get(path_id, 0), number)

    def close(self) -> None:
        """Forget everything; what is written afterwards is kept again."""
        self._segments.clear()
        self._fresh, self._fresh_rows = [], 0
        self._kept.clear()
        self._floors.clear()

    def _among(self, rows: Rows, lines: LineSet) -> npt.NDArray[np.bool_]:
        """Which rows are of these lines."""
        found = np.zeros(len(rows), np.bool_)
        for path, numbers in lines.by_path.items():
            found |= (rows.path == self._path_ids.get(path, -1)) & np.isin(rows.number, numbers)
        return found

    def _close_segment(self) -> None:
        rows = Rows.join(self._fresh)
        last = {path_id: int(rows.number[rows.path == path_id].max()) for path_id in np.unique(rows.path).tolist()}
        self._segments.append(_Segment(rows, last))
        self._fresh, self._fresh_rows = [], 0
