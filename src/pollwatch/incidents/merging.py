"""Many firings of one rule by one actor, folded into one, so that memory follows actors instead of batches.

Folding does not depend on the order of arrival: firings of the same rule, actor and target are put in order of
time and joined where less than an hour lies between them. The sentence of the largest one is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from pollwatch.clock import US_PER_S
from pollwatch.events.detection import Detection, Severity
from pollwatch.events.lines import LineSet

JOIN_US: Final = 3600 * US_PER_S
_FOLD_AT = 128

SortKey: TypeAlias = "tuple[object, ...]"


def first_line(lines: LineSet) -> tuple[str, int]:
    """The first line in order of path, then number; ``("", 0)`` of none."""
    path = min(lines.by_path, default="")
    return (path, int(lines.by_path[path][0])) if path else ("", 0)


def order_of(detection: Detection) -> SortKey:
    """A total order over detections that rests on their content alone."""
    timed = detection.first_us is not None
    return (
        not timed,
        detection.first_us or 0,
        detection.last_us or 0,
        first_line(detection.lines),
        detection.rule_id,
        detection.actors,
        detection.targets,
        len(detection.lines),
        detection.why,
        _Rest(detection),
    )


class _Rest:
    """What tells detections apart that agree in all that usually does; looked at only then, since lines are many.

    Without it, equal ones would stand in the order in which they came, and ids and titles rest on who is first.
    """

    __slots__ = ("_detection",)

    def __init__(self, detection: Detection) -> None:
        self._detection = detection

    def __lt__(self, other: _Rest) -> bool:
        return self._key() < other._key()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rest) and self._key() == other._key()

    __hash__ = None  # type: ignore[assignment]  # it is compared, never kept

    def _key(self) -> SortKey:
        d = self._detection
        lines = [(path, d.lines.by_path[path].tolist()) for path in sorted(d.lines.by_path)]
        source = (d.logsource.category, d.logsource.product, d.logsource.service)
        return (d.title, d.severity, d.techniques, source, d.tool, d.succeeded, lines, d.meaning, d.steps)


@dataclass(frozen=True, slots=True)
class Folded:
    """One or several firings of one rule as one detection.

    Attributes:
        detection: with the lines and the span of all; its ``why`` is that of the largest firing.
        largest: how many lines that firing had.
    """

    detection: Detection
    largest: int

    @property
    def key(self) -> SortKey:
        """Of what is folded together."""
        d = self.detection
        return (d.rule_id, d.title, d.severity, d.techniques, d.actors, d.targets, d.logsource, d.tool, d.succeeded)


class Folder:
    """Takes detections as they come; :meth:`done` gives them folded and in order."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._by_key: dict[SortKey, list[Folded]] = defaultdict(list)

    def add(self, detections: Iterable[Detection]) -> None:
        """Take more; what has no line to show is left out, and so is what is only told for the record.

        Sigma's level ``informational`` says that no case is to be opened: a log-in was accepted, a form was sent.
        Only where it names a tool does it stand for itself: a robot or a research scanner is worth a note.
        """
        for detection in detections:
            size = len(detection.lines)
            if size and (detection.severity > Severity.INFO or detection.tool):
                folded = Folded(detection, size)
                group = self._by_key[folded.key]
                group.append(folded)
                if len(group) >= _FOLD_AT:
                    group[:] = _fold(group)

    def done(self) -> list[Folded]:
        """All, folded, in the order of :func:`order_of`."""
        folded = [each for group in self._by_key.values() for each in _fold(group)]
        return sorted(folded, key=lambda each: order_of(each.detection))


def _fold(group: Sequence[Folded]) -> list[Folded]:
    runs: list[list[Folded]] = []
    end_us = 0
    for each in sorted(group, key=lambda f: order_of(f.detection)):
        first, last = each.detection.first_us, each.detection.last_us
        known = runs[-1][0].detection.first_us is not None if runs else False
        joins = bool(runs) and (
            (first is None and not known) or (first is not None and known and first - end_us <= JOIN_US)
        )
        if joins:
            runs[-1].append(each)
        else:
            runs.append([each])
            end_us = 0
        end_us = max(end_us, last or first or 0) if joins else (last or first or 0)
    return [_joined(run) for run in runs]


def _joined(run: Sequence[Folded]) -> Folded:
    if len(run) == 1:
        return run[0]
    largest = min(run, key=lambda f: (-f.largest, order_of(f.detection)))
    times = [t for f in run for t in (f.detection.first_us, f.detection.last_us) if t is not None]
    joined = replace(
        largest.detection,
        first_us=min(times, default=None),
        last_us=max(times, default=None),
        lines=LineSet.union(f.detection.lines for f in run),
    )
    return Folded(joined, largest.largest)
