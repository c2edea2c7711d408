"""The detections of a watch, folded as they come, so that the case grows with who does what and not with how often.

Grouping folds firings of one rule by one actor on one target anyway (``merging``). A watch sees the same firing cut
into many small ones, and cut elsewhere when it was killed in between; folded, both are the same row:

- a firing of what a row already tells (same rule, actors, targets), at most an hour later, becomes part of that row;
- a report of a run that holds all lines of an earlier report takes its place, also where more actors are named by now;
- a report that says nothing beyond a row is left out.

Rows are open as long as they may grow; how many are open, and with how many lines, is bounded. A row that was closed
is never touched again; what follows on it begins a new one.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from pollwatch import canonical
from pollwatch.events.detection import Detection
from pollwatch.events.lines import LineSet
from pollwatch.incidents.export import encodable
from pollwatch.incidents.held import Held
from pollwatch.incidents.merging import JOIN_US, Folded, SortKey, first_line

#: Rows that may still grow, some 1.5 KB each, and the lines that all of them together hold.
MOST_OPEN: Final = 5_000
MOST_OPEN_LINES: Final = 2_000_000
#: A row of more lines is full: the next firing begins another.
MOST_LINES: Final = 50_000


@dataclass(slots=True)
class Changes:
    """What a step changes.

    Attributes:
        written: rows as they are now, by id.
        removed: ids of rows whose place another took.
    """

    written: dict[str, Detection] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)


class OpenDetections:
    """The rows that may still grow."""

    def __init__(self, most: int = MOST_OPEN, most_lines: int = MOST_OPEN_LINES) -> None:
        """None yet."""
        self._most = most
        self._most_lines = most_lines
        self._rows: OrderedDict[str, Held] = OrderedDict()
        self._latest: dict[SortKey, str] = {}
        self._begins: dict[tuple[object, ...], dict[tuple[str, int], str]] = {}
        self._lines = 0

    def __len__(self) -> int:
        """How many rows are open."""
        return len(self._rows)

    def restore(self, rows: Iterable[tuple[str, Detection]]) -> None:
        """Take over rows that were written earlier, oldest first."""
        for row_id, detection in rows:
            self._keep(row_id, detection)
        self._bound()

    def add(self, found: Iterable[Detection]) -> Changes:
        """Fold detections in; says which rows are to be written and which are to go."""
        changes = Changes()
        for detection in found:
            if len(detection.lines):
                self._fold(detection, changes)
        self._bound()
        return changes

    def _fold(self, new: Detection, changes: Changes) -> None:
        key = _key(new)
        for row_id in self._inside(new):
            inside = self._rows[row_id]
            if _key(inside.detection) != key and inside.lines.within(new.lines):
                self._drop(row_id)
                changes.removed.add(row_id)
                changes.written.pop(row_id, None)
        same_begin = self._begins.get(_rule(new), {}).get(first_line(new.lines))
        if same_begin is not None and new.lines.within(self._rows[same_begin].lines):
            return
        row_id = self._latest.get(key, "")
        if not row_id or not _joins(self._rows[row_id].whole(), new):
            row_id = _row_id(new, key)
        if row_id in self._rows:
            row = self._rows[row_id].whole()
            if new.lines.within(row.lines):
                return
            new = _joined(row, new)
        self._keep(row_id, new)
        changes.written[row_id] = new
        changes.removed.discard(row_id)

    def _inside(self, new: Detection) -> list[str]:
        """Open rows of the same rule that begin with one of these lines."""
        begins = self._begins.get(_rule(new), {})
        if len(begins) < len(new.lines):
            only = new.lines
            return [row_id for line, row_id in begins.items() if LineSet.of(line[0], [line[1]]).within(only)]
        return [begins[line] for line in new.lines if line in begins]

    def _keep(self, row_id: str, detection: Detection) -> None:
        self._drop(row_id)
        self._rows[row_id] = Held.of(detection)
        self._latest[_key(detection)] = row_id
        self._begins.setdefault(_rule(detection), {})[first_line(detection.lines)] = row_id
        self._lines += len(detection.lines)

    def _drop(self, row_id: str) -> None:
        row = self._rows.pop(row_id, None)
        if row is None:
            return
        old, lines = row.detection, row.lines
        self._lines -= len(lines)
        key, rule, begin = _key(old), _rule(old), first_line(lines)
        if self._latest.get(key) == row_id:
            del self._latest[key]
        begins = self._begins.get(rule, {})
        if begins.get(begin) == row_id:
            del begins[begin]
        if not begins:
            self._begins.pop(rule, None)

    def _bound(self) -> None:
        while self._rows and (len(self._rows) > self._most or self._lines > self._most_lines):
            self._drop(next(iter(self._rows)))


def _key(detection: Detection) -> SortKey:
    return Folded(detection, 0).key


def _rule(detection: Detection) -> tuple[object, ...]:
    return detection.rule_id, detection.severity, detection.succeeded


def _joins(row: Detection, new: Detection) -> bool:
    """Whether a firing goes on from a row."""
    if len(row.lines) >= MOST_LINES:
        return False
    if row.first_us is None or new.first_us is None:
        return row.first_us is None and new.first_us is None
    row_last, new_last = row.last_us or row.first_us, new.last_us or new.first_us
    return new.first_us - row_last <= JOIN_US and row.first_us - new_last <= JOIN_US


def _joined(row: Detection, new: Detection) -> Detection:
    """Both as one; the sentence of the larger one is kept."""
    larger = new if len(new.lines) > len(row.lines) else row
    times = [t for each in (row, new) for t in (each.first_us, each.last_us) if t is not None]
    return replace(
        larger,
        first_us=min(times, default=None),
        last_us=max(times, default=None),
        lines=row.lines | new.lines,
    )


def _row_id(detection: Detection, key: SortKey) -> str:
    """The id of a row that begins with this detection: the same whenever it begins so."""
    said = encodable(canonical.compact(msgspec.to_builtins((key, first_line(detection.lines)))))
    return hashlib.sha256(b"live" + said.encode()).hexdigest()
