"""What people said about where incidents end, said again of incidents that were grouped afresh.

Grouping knows nothing of people. So before it is told which incident of now is which of before:

- whatever goes on from an incident that people merged becomes part of that one, which keeps what it had;
- whatever goes on from an incident that people split is split again, in the order in which they did.

An incident of now goes on from the one of before with which it shares most lines, as in
:mod:`pollwatch.incidents.matching`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from pollwatch.events.detection import Detection
from pollwatch.events.lines import LineSet
from pollwatch.incidents import rows
from pollwatch.incidents.composing import Part, joined, parted
from pollwatch.incidents.decisiontables import MERGES, SPLITS
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.matching import overlaps


@dataclass(frozen=True, slots=True)
class _Split:
    incident_id: str
    part_id: str
    part: Part


def decided(
    connection: sa.Connection,
    incidents: Sequence[Incident],
    before: Mapping[str, Incident],
    paths: Mapping[int, str],
) -> list[Incident]:
    """The incidents as people would have them.

    Args:
        connection: to the case.
        incidents: as grouped afresh.
        before: those of the case that may go on in them.
        paths: how each input is called.
    """
    merged = frozenset(connection.execute(sa.select(MERGES.c.incident_id).distinct()).scalars()) & before.keys()
    splits = [each for each in _splits(connection) if {each.incident_id, each.part_id} <= before.keys()]
    found = _rejoined(incidents, before, merged) if merged else list(incidents)
    for split in splits:
        found = _resplit(connection, found, before, split, paths)
    return found


def with_halves(
    connection: sa.Connection, before: Mapping[str, Incident], paths: Mapping[int, str]
) -> dict[str, Incident]:
    """The incidents of before, and of each that was split the other half: what comes may belong to either."""
    found = dict(before)
    for split in _splits(connection):
        halves = {split.incident_id, split.part_id}
        missing = halves - found.keys() if halves & found.keys() else set()
        if missing:
            found |= rows.read_incidents(connection, paths, missing)
    return found


def detections_of(connection: sa.Connection, incident: Incident, paths: Mapping[int, str]) -> list[Detection]:
    """The detections that have a line in an incident."""
    if incident.first_us is None:
        found = rows.read_detections(connection, paths)
    else:
        since = rows.read_detections_since(connection, paths, incident.first_us, until_us=incident.last_us)
        found = [each for _id, each in since]
    return [each for each in found if each.lines.shared(incident.lines)]


def _splits(connection: sa.Connection) -> list[_Split]:
    return [
        _Split(row.incident_id, row.part_id, rows.read_body(row.body, Part))
        for row in connection.execute(sa.select(SPLITS).order_by(SPLITS.c.id))
    ]


def _best(before: Mapping[str, Incident], now: Sequence[Incident]) -> dict[int, str]:
    """Which incident of before each one of now shares most lines with."""
    found = overlaps({name: each.lines for name, each in before.items()}, now)
    best: dict[int, tuple[int, str]] = {}
    for shared, old, index in found:
        if index not in best or (-shared, old) < (-best[index][0], best[index][1]):
            best[index] = (shared, old)
    return {index: old for index, (_shared, old) in best.items()}


def _rejoined(incidents: Sequence[Incident], before: Mapping[str, Incident], merged: Collection[str]) -> list[Incident]:
    best = _best(before, incidents)
    homes: dict[str, list[Incident]] = {}
    left: list[Incident] = []
    for index, incident in enumerate(incidents):
        home = best.get(index)
        if home in merged and home is not None:
            homes.setdefault(home, []).append(incident)
        else:
            left.append(incident)
    for home, parts in homes.items():
        taken = LineSet.union(each.lines for each in [*left, *parts])
        # What was grouped afresh need not be all: a watch looks at what is recent only.
        rest = before[home].lines - taken
        kept = [replace(before[home], lines=rest)] if len(rest) else []
        left.append(joined([*parts, *kept]))
    return left


def _resplit(
    connection: sa.Connection,
    incidents: Sequence[Incident],
    before: Mapping[str, Incident],
    split: _Split,
    paths: Mapping[int, str],
) -> list[Incident]:
    best = _best(before, incidents)
    found: list[Incident] = []
    for index, incident in enumerate(incidents):
        if best.get(index) not in {split.incident_id, split.part_id}:
            found.append(incident)
            continue
        known = before[split.part_id].lines
        own = detections_of(connection, incident, paths)
        halves = parted(incident, own, split.part, known)
        found += [each for each in halves if each is not None] or [incident]
    return found
