"""Writes incidents that were grouped afresh over the ones that the case has, keeping what people did with those."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from pollwatch.events.lines import LineSet
from pollwatch.incidents import indexing, rows, tables
from pollwatch.incidents.decided import decided, with_halves
from pollwatch.incidents.decisiontables import follow
from pollwatch.incidents.incident import Incident, RawLine, Status
from pollwatch.incidents.matching import Matched, match
from pollwatch.incidents.packing import pack
from pollwatch.incidents.tuning import Exceptions, hide
from pollwatch.incidents.workflow import SCAN, ChangeKind, after_growth, most_pressing

#: How many lines an incident shows as evidence at most, those of earlier scans included.
MAX_SAMPLES = 24


@dataclass(frozen=True, slots=True)
class Regrouped:
    """What a scan made of the incidents of a case.

    Attributes:
        incidents: as they now stand, in the order in which they were given.
        new: ids that the case did not have before.
        grown: ids that have further lines now.
        merged: for each id that is now part of another incident, that incident's id.
    """

    incidents: tuple[Incident, ...]
    new: tuple[str, ...]
    grown: tuple[str, ...]
    merged: Mapping[str, str]


def write_incidents(
    connection: sa.Connection,
    incidents: Sequence[Incident],
    ids: Mapping[str, int],
    now_us: int,
    over: Collection[str] | None = None,
) -> Regrouped:
    """Write incidents over those of the case.

    Args:
        connection: in a writing transaction.
        incidents: all detections of the case, grouped; line sets by the names in ``ids``.
        ids: the row of each input, by its name.
        now_us: the time of the scan.
        over: only these incidents of the case may go on in them; None = any.
    """
    paths = {input_id: path for path, input_id in ids.items()}
    before = with_halves(connection, rows.read_incidents(connection, paths, over), paths)
    incidents = decided(connection, incidents, before, paths)
    matched = match({name: each.lines for name, each in before.items()}, incidents, _Taken(connection))
    writer = Writer(connection, ids, now_us)
    kept = tuple(writer.write(each, before) for each in matched)
    writer.finish()
    return Regrouped(
        kept,
        tuple(each.id for each in matched if not each.continues),
        tuple(
            each.id for each, now in zip(matched, kept, strict=True) if each.continues and _grew(before[each.id], now)
        ),
        {old: each.id for each in matched for old in each.merged},
    )


class _Taken:
    """The ids that incidents of the case have, or had; asked one by one: there may be a million."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def __contains__(self, name: object) -> bool:
        found = (sa.select(column).where(column == name) for column in (_ID, _ALIAS))
        return any(self._connection.execute(each).first() is not None for each in found)


_ID: Final = tables.INCIDENTS.c.id
_ALIAS: Final = tables.INCIDENT_ALIASES.c.alias


class Writer:
    """Writes incidents one by one; what can wait is written together at the end, which is many times faster."""

    def __init__(self, connection: sa.Connection, ids: Mapping[str, int], now_us: int, who: str = SCAN) -> None:
        """Write into a case.

        Args:
            connection: in a writing transaction.
            ids: the row of each input, by its name.
            now_us: the time.
            who: who decided what is written.
        """
        self._connection = connection
        self._ids = ids
        self._now_us = now_us
        self._who = who
        self._exceptions = Exceptions(connection, now_us)
        self._hidden: list[tuple[int, str]] = []
        self._waiting: dict[sa.Table, list[dict[str, object]]] = {
            table: [] for table in (tables.INCIDENTS, tables.INCIDENT_LINES, tables.INCIDENT_SAMPLES)
        }
        self._changed: list[Incident] = []

    def write(self, matched: Matched, before: Mapping[str, Incident]) -> Incident:
        """Write one incident; returns it as it now stands."""
        old = before.get(matched.id) if matched.continues else None
        if old is None:
            incident = self._heeded(replace(matched.incident, id=matched.id))
            times = {"created_us": self._now_us, "updated_us": self._now_us}
            row = {**rows.incident_row(incident), "id": incident.id, "status": incident.status, **times}
            self._waiting[tables.INCIDENTS].append(row)
            self._changed.append(incident)
            self._write_lines(incident)
            return incident
        merged = [before[name] for name in matched.merged]
        for other in merged:
            self._merge(other, old.id)
        incident = self._continued(matched.incident, old, merged)
        if incident != old:
            row = {**rows.incident_row(incident), "status": incident.status, "updated_us": self._now_us}
            self._connection.execute(sa.update(tables.INCIDENTS).where(tables.INCIDENTS.c.id == old.id).values(row))
            self._changed.append(incident)
            self._remove_lines(old.id)
            self._write_lines(incident)
        return incident

    def finish(self) -> None:
        """Write what waits."""
        for table, values in self._waiting.items():
            if values:
                self._connection.execute(sa.insert(table), values)
        indexing.write(self._connection, self._changed)
        for exception_id, incident_id in self._hidden:
            hide(self._connection, exception_id, [incident_id])
            self._record(incident_id, "excepted", "false-positive", str(exception_id))

    def _continued(self, now: Incident, old: Incident, merged: Sequence[Incident]) -> Incident:
        """The incident of now with the id, the state and the evidence of the one that it continues."""
        status = most_pressing([old.status, *(other.status for other in merged)])
        for other in merged:
            self._record(old.id, "merged" if self._who == SCAN else "joined", status, other.id)
        grew = _grew(old, now)
        by_people = self._who != SCAN  # what people join goes on in no other way than they say
        pressed = status if by_people else after_growth(status, old.severity, now.severity, grew=grew)
        ended = self._exceptions.of_grown(replace(now, id=old.id, status=pressed)) if grew else None
        if ended is not None:
            pressed = ended.status
        if pressed != status:
            self._record(old.id, "reopened", pressed, "")
        samples = _samples([*old.samples, *(line for other in merged for line in other.samples)], now)
        return replace(now, id=old.id, status=pressed, samples=samples)

    def _heeded(self, incident: Incident) -> Incident:
        """A new incident; a false positive where an exception covers it."""
        heeded = self._exceptions.of_new(incident) if incident.status == "open" else None
        if heeded is None:
            return incident
        self._hidden.append((heeded.exception_id, incident.id))
        return replace(incident, status=heeded.status)

    def _merge(self, other: Incident, into: str) -> None:
        """Make an incident part of another: its history and what was decided move there, its id stays as a name."""
        for table in (tables.INCIDENT_HISTORY, tables.INCIDENT_ALIASES):
            self._connection.execute(sa.update(table).where(table.c.incident_id == other.id).values(incident_id=into))
        follow(self._connection, other.id, into)
        self._connection.execute(sa.insert(tables.INCIDENT_ALIASES).values(alias=other.id, incident_id=into))
        self._remove_lines(other.id)
        self._connection.execute(sa.delete(tables.INCIDENTS).where(tables.INCIDENTS.c.id == other.id))

    def _record(self, incident_id: str, kind: ChangeKind, status: Status, text: str) -> None:
        values = {
            "incident_id": incident_id,
            "at_us": self._now_us,
            "who": self._who,
            "kind": kind,
            "status": status,
            "text": text,
        }
        self._connection.execute(sa.insert(tables.INCIDENT_HISTORY).values(values))

    def _remove_lines(self, incident_id: str) -> None:
        for table in (tables.INCIDENT_LINES, tables.INCIDENT_SAMPLES):
            self._connection.execute(sa.delete(table).where(table.c.incident_id == incident_id))

    def _write_lines(self, incident: Incident) -> None:
        self._waiting[tables.INCIDENT_LINES] += [
            {"incident_id": incident.id, "input_id": self._ids[path], "numbers": pack(numbers)}
            for path, numbers in incident.lines.by_path.items()
        ]
        self._waiting[tables.INCIDENT_SAMPLES] += [
            {
                "incident_id": incident.id,
                "input_id": self._ids[sample.path],
                "number": sample.number,
                "position": position,
                "text": sample.text,
            }
            for position, sample in enumerate(incident.samples)
        ]


def _grew(old: Incident, now: Incident) -> bool:
    """Whether there are lines now that were not there before."""
    return len(old.lines | now.lines) > len(old.lines)


def _samples(old: Sequence[RawLine], now: Incident) -> tuple[RawLine, ...]:
    """The lines to show: this scan's, and before them those of earlier scans, whose logs may be gone by now."""
    fresh = {(line.path, line.number) for line in now.samples}
    kept = [line for line in old if (line.path, line.number) not in fresh and _has(now.lines, line)]
    room = max(0, MAX_SAMPLES - len(now.samples))
    return (*kept[:room], *now.samples)


def _has(lines: LineSet, line: RawLine) -> bool:
    numbers = lines.by_path.get(line.path)
    if numbers is None:
        return False
    at = int(numbers.searchsorted(line.number))
    return at < numbers.size and int(numbers[at]) == line.number
