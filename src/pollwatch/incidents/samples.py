"""Which raw lines to show: few, and each for a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from pollwatch.events.detection import Detection
from pollwatch.events.lines import LineSet
from pollwatch.incidents.incident import RawLine
from pollwatch.incidents.merging import first_line

LineId: TypeAlias = "tuple[str, int]"

MOST: Final = 12
_SUCCESSES: Final = 4


def chosen(detections: Sequence[Detection], success: LineSet, lines: LineSet) -> list[LineId]:
    """Up to twelve lines: those that show that it worked, the first of each rule, the last of all; in order.

    Args:
        detections: in order of time.
        success: the lines that show that it worked.
        lines: all lines of the incident.
    """
    picked: dict[LineId, None] = {}
    worked = list(success) if len(success) <= _SUCCESSES else [*list(success)[: _SUCCESSES - 1], _last(success)]
    # The line of a log-in that worked is the last one of a detection that counts the failures before it.
    ends = [_last(d.lines) for d in detections if d.succeeded]
    for line in [*ends[:_SUCCESSES], *worked]:
        picked.setdefault(line)
    seen: set[str] = set()
    for detection in detections:
        if detection.rule_id not in seen and len(picked) < MOST:
            seen.add(detection.rule_id)
            picked.setdefault(first_line(detection.lines))
    for path in sorted(lines.by_path):
        for number in lines.by_path[path][:MOST].tolist():
            picked.setdefault((path, number))
    return sorted(list(picked)[:MOST])


def _last(lines: LineSet) -> LineId:
    path = max(lines.by_path)
    return path, int(lines.by_path[path][-1])


def raw(picked: Sequence[LineId], texts: Mapping[LineId, str]) -> tuple[RawLine, ...]:
    """The lines with their text; what could not be read again is left out."""
    return tuple(RawLine(path, number, texts[path, number]) for path, number in picked if (path, number) in texts)
