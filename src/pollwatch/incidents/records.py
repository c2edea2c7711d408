"""A case: inputs, detections, incidents and their work-flow, kept in one folder, safe against crashes at any moment.

Laws, whatever happens between two calls (also another process, a crash or a power cut):

- A scan is in the case whole, or not at all. What a method returned once, it returns after a restart.
- The same content is never counted twice, whatever its file is called; a log that has grown takes the place of its
  shorter self.
- Incidents keep their id, state, notes and history when a further scan finds more of them.
- One process scans into a case at a time; reading and work-flow go on meanwhile.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from pollwatch.clock import Clock
from pollwatch.errors import StoreError
from pollwatch.events.batch import EventBatch
from pollwatch.events.detection import Detection, Severity
from pollwatch.events.lines import LineSet
from pollwatch.incidents import erasing, rows, tables, triage
from pollwatch.incidents.asking import Asking
from pollwatch.incidents.decided import detections_of
from pollwatch.incidents.erasing import ErasedLines
from pollwatch.incidents.export import encodable
from pollwatch.incidents.incident import Incident, Status
from pollwatch.incidents.inputs import event_readers, input_paths
from pollwatch.incidents.intake import Intake
from pollwatch.incidents.live import LiveCase
from pollwatch.incidents.livetables import LIVE_INPUTS, LIVE_POSITIONS
from pollwatch.incidents.quarantine import Quarantine, QuarantineCount, QuarantinedLine
from pollwatch.incidents.regroup import Regrouped
from pollwatch.incidents.scanned import ScannedInput
from pollwatch.incidents.triage import Triage
from pollwatch.incidents.tuningdesk import Tuning
from pollwatch.incidents.workflow import Change
from pollwatch.store.database import Database, Holding
from pollwatch.store.disk import locked
from pollwatch.store.erasing import Ranges
from pollwatch.store.events import EventReader
from pollwatch.store.folder import CaseFolder

#: An error names so many ids at most.
_SOME = 6


class Case(Holding):
    """An open case. Use it as a context manager, or close it."""

    def __init__(self, folder: CaseFolder, database: Database, clock: Clock) -> None:
        """Use :meth:`open`."""
        self.folder = folder
        super().__init__(database)
        self._clock = clock

    @classmethod
    def open(cls, root: Path, clock: Clock, *, create: bool = True) -> Self:
        """Open the case in a folder.

        Args:
            root: the case folder.
            clock: for when things were scanned, closed and noted.
            create: make the case where there is none.

        Raises:
            StoreError: there is no case and none shall be made, the folder holds something else, or the case was
                written by a newer pollwatch.
        """
        folder = CaseFolder(root)
        folder.prepare(create=create)
        return cls(folder, Database(folder.database), clock)

    # Scanning

    @contextmanager
    def scanning(self) -> Iterator[Intake]:
        """Hold the case for one scan; waits for another one to finish. Without a commit, nothing changes.

        Raises:
            StoreError: the case cannot be written.
        """
        with locked(self.folder.scan_lock):
            intake = Intake(self.folder, self._database, self._clock)
            try:
                yield intake
            finally:
                intake.close()

    def followed(self) -> tuple[bytes, ...]:
        """How far a watch has read each file that it follows (``sources.position``); none where none ever did."""
        with self._database.reading() as connection:
            return tuple(connection.execute(sa.select(LIVE_POSITIONS.c.position)).scalars())

    def places(self) -> dict[str, bytes]:
        """How far each followed file was read, by how the case calls it; without what is received."""
        same = sa.and_(*(LIVE_INPUTS.c[name] == LIVE_POSITIONS.c[name] for name in ("source", "stream", "generation")))
        inputs = tables.INPUTS
        query = sa.select(inputs.c.path, LIVE_POSITIONS.c.position).join(LIVE_INPUTS).join(LIVE_POSITIONS, same)
        with self._database.reading() as connection:
            return {row.path: row.position for row in connection.execute(query)}

    def watching(self) -> LiveCase:
        """A watch's way into the case, step by step."""
        return LiveCase(self.folder, self._database, self._clock)

    def add_scan(
        self,
        inputs: Sequence[ScannedInput],
        detections: Sequence[Detection],
        incidents: Sequence[Incident],
        events: Iterable[EventBatch] = (),
    ) -> Regrouped:
        """Add a whole scan in one step; see :meth:`scanning` for one that streams and that follows growing logs.

        Args:
            inputs: what was read. Those that the case knows by their digest add nothing.
            detections: what was found in them.
            incidents: :meth:`detections` and these, grouped.
            events: of the new inputs.

        Raises:
            StoreError: the case could not be written; it is then as before.
        """
        with self.scanning() as intake:
            for batch in events:
                intake.add_events(batch)
            return intake.commit(inputs, detections, incidents)

    def erase(self, lines: Mapping[str, Ranges]) -> ErasedLines:
        """Erase what the case keeps of some lines (``(first, last)`` record numbers by input): events and samples.

        Raises:
            StoreError: the case could not be written; asking again goes on where this stopped.
        """
        with locked(self.folder.scan_lock):
            return erasing.erase(self.folder, self._database, lines)

    # What is in the case

    def knows(self, digest: str) -> bool:
        """Whether content with this SHA-256 (hex) is in the case."""
        column = tables.CONTENTS.c.digest
        with self._database.reading() as connection:
            return connection.execute(sa.select(column).where(column == digest)).first() is not None

    def inputs(self) -> list[ScannedInput]:
        """All inputs under their names in the case, in the order in which they came."""
        with self._database.reading() as connection:
            found = connection.execute(sa.select(tables.INPUTS).order_by(tables.INPUTS.c.id))
            return [
                ScannedInput(
                    path=row.path,
                    digest=row.digest,
                    size_bytes=row.size_bytes,
                    format=row.format,
                    lines=row.lines,
                    parsed=row.parsed,
                    quarantined=row.quarantined,
                    first_us=row.first_us,
                    last_us=row.last_us,
                )
                for row in found
            ]

    def detections(self) -> list[Detection]:
        """All detections, in order of time: what grouping starts from."""
        with self._database.reading() as connection:
            return rows.read_detections(connection, input_paths(connection))

    def accused(self, incident: Incident) -> LineSet:
        """The incident's own lines on which its rules fired: what is said against somebody, and no line beside it."""
        rules = {each.id for each in incident.rules}
        with self._database.reading() as connection:
            own = detections_of(connection, incident, input_paths(connection))
        return LineSet.union([each.lines for each in own if each.rule_id in rules]) & incident.lines

    def incidents(self, min_severity: Severity = Severity.INFO, status: Status | None = None) -> list[Incident]:
        """Incidents in the order that people should look at them: by priority, severity, time."""
        with self._database.reading() as connection:
            found = rows.read_incidents(connection, input_paths(connection)).values()
        return [each for each in found if each.severity >= min_severity and status in (None, each.status)]

    def incident(self, name: str) -> Incident:
        """The incident of an id, or of an id's beginning that fits no other.

        Raises:
            StoreError: none or several fit; the message names those that are near.
        """
        with self._database.reading() as connection:
            incident_id = _resolve(connection, name)
            return rows.read_incident(connection, incident_id)

    def events(self, path: str | None = None) -> Iterator[EventBatch]:
        """The events of one input or of all, a bounded batch at a time.

        Raises:
            StoreError: no such input, or a file is missing or damaged.
        """
        for reader in self._readers(path):
            yield from reader.batches()

    def events_at(self, lines: LineSet) -> Iterator[EventBatch]:
        """The events of some lines; lines that were not understood have none.

        Raises:
            StoreError: no such input, or a file is missing or damaged.
        """
        for path in sorted(lines.by_path):
            for reader in self._readers(path):
                yield from reader.at(lines.by_path[path])

    def quarantine(self, path: str | None = None) -> Quarantine:
        """Lines that were not understood: exact counts by reason, and the first few of each."""
        counts, lines = tables.QUARANTINE_COUNTS, tables.QUARANTINE_LINES
        with self._database.reading() as connection:
            names = input_paths(connection)
            wanted = [input_id for input_id, name in names.items() if path in (None, name)]
            counted = connection.execute(
                sa.select(counts).where(counts.c.input_id.in_(wanted)).order_by(counts.c.input_id, counts.c.reason)
            )
            kept = connection.execute(
                sa.select(lines).where(lines.c.input_id.in_(wanted)).order_by(lines.c.input_id, lines.c.number)
            )
            return Quarantine(
                tuple(QuarantineCount(names[row.input_id], row.reason, row.lines) for row in counted),
                tuple(QuarantinedLine(names[row.input_id], row.number, row.reason, row.head) for row in kept),
            )

    # Work-flow

    def history(self, name: str) -> list[Change]:
        """What was done to an incident, oldest first.

        Raises:
            StoreError: no such incident.
        """
        table = tables.INCIDENT_HISTORY
        with self._database.reading() as connection:
            incident_id = _resolve(connection, name)
            found = connection.execute(sa.select(table).where(table.c.incident_id == incident_id).order_by(table.c.id))
            return [Change(row.at_us, row.who, row.kind, row.status, row.text) for row in found]

    def set_status(self, name: str, status: Status, who: str, reason: str = "") -> Incident:
        """Move an incident to another state; one that is in it already stays as it is.

        Args:
            name: as for :meth:`incident`.
            status: the new state.
            who: who decides that.
            reason: why; kept in the history.

        Raises:
            StoreError: no such incident.
        """
        table = tables.INCIDENTS
        with self._database.writing() as connection:
            incident_id = _resolve(connection, name)
            row = table.c.id == incident_id
            if connection.execute(sa.select(table.c.status).where(row)).scalar_one() != status:
                connection.execute(sa.update(table).where(row).values(status=status))
                triage.record(connection, incident_id, "status", who, reason, self._clock.now_us())
            return rows.read_incident(connection, incident_id)

    def triage(self) -> Triage:
        """Who works on incidents, and which are one or two."""
        return Triage(self._database, self._clock)

    def tuning(self) -> Tuning:
        """What is known to be harmless."""
        return Tuning(self._database, self._clock)

    def asking(self) -> Asking:
        """What those ask who are not sure."""
        return Asking(self._database, self._clock)

    def add_note(self, name: str, who: str, text: str) -> Incident:
        """Write a note to an incident.

        Raises:
            StoreError: no such incident, or nothing to note.
        """
        if not text.strip():
            raise StoreError("an empty note says nothing; write what you found or did")
        with self._database.writing() as connection:
            incident_id = _resolve(connection, name)
            triage.record(connection, incident_id, "note", who, text, self._clock.now_us())
            return rows.read_incident(connection, incident_id)

    def _readers(self, path: str | None) -> list[EventReader]:
        with self._database.reading() as connection:
            if path is None:
                names = input_paths(connection)
            else:
                inputs = tables.INPUTS.c
                found = connection.execute(sa.select(inputs.id, inputs.path).where(inputs.path == path))
                names = {row.id: row.path for row in found}
                if not names:
                    raise StoreError(f"{path} is no input of the case in {self.folder.root}")
            return event_readers(connection, self.folder.events, names)


def _resolve(connection: sa.Connection, name: str) -> str:
    """The id of an incident from its id, an id that was merged into it, or an unambiguous beginning of either."""
    name = encodable(name)
    exact = _beginning(connection, name, exact=True)
    if exact:
        return exact[0]
    fitting = _beginning(connection, name) if name else []
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        more = len(fitting) > _SOME
        raise StoreError(f"several incidents begin with {name!r}: {_some(fitting, more=more)}; write more of the id")
    # Those that are near begin alike, or are at least there: looking at all ids would take seconds.
    shared = next((found for size in range(len(name) - 1, 0, -1) if (found := _beginning(connection, name[:size]))), [])
    near = difflib.get_close_matches(name, shared, n=3, cutoff=0.4)
    some = _beginning(connection, "")
    there = f"there are: {_some(some, more=len(some) > _SOME)}" if some else "the case has none"
    raise StoreError(f"no incident {name!r}; " + (f"near it: {_some(near)}" if near else there))


def _beginning(connection: sa.Connection, name: str, *, exact: bool = False) -> list[str]:
    """Ids of incidents whose id, or an id that was merged into them, begins so (or is so); a few of them, in order."""
    ids, aliases = tables.INCIDENTS.c.id, tables.INCIDENT_ALIASES.c
    found: set[str] = set()
    for known, column in ((ids, ids), (aliases.incident_id, aliases.alias)):
        # No text is greater than one that goes on with the last character there is.
        fits = column == name if exact else sa.and_(column >= name, column < name + "\U0010ffff")
        found |= set(connection.execute(sa.select(known).where(fits).order_by(column).limit(_SOME + 1)).scalars())
    return sorted(found)


def _some(names: Sequence[str], *, more: bool = False) -> str:
    return ", ".join(names[:_SOME]) + (" and more" if more else "")
