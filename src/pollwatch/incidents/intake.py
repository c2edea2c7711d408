"""What a scan puts into a case: all of it, or nothing.

One scan at a time works on a case (a lock that dies with its holder sees to that). Its course::

    admit      each input by its content: known already, continuing a known one, or new; gives the name it goes by
    detections what earlier scans found, and
    events     what they read: grouped together with what this scan finds and reads
    block      events and quarantined lines, as they are read
    commit     1. Parquet files get their names (deterministic: doing it twice is doing it once)
               2. one SQLite transaction makes everything visible at the same moment
               3. Parquet files that are no longer listed are removed

If we stop before 2, the case is as it was, and the next scan removes the files of 1. If we stop after 2, the case
has the whole scan, and the next scan does 3. A scan that is started again finds its inputs known, or does all again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from pollwatch.clock import Clock
from pollwatch.errors import StoreError
from pollwatch.events.batch import EventBatch, Parsed
from pollwatch.events.block import LineBlock
from pollwatch.events.detection import Detection
from pollwatch.events.lines import LineSet
from pollwatch.incidents import rows, tables
from pollwatch.incidents.export import encodable
from pollwatch.incidents.incident import Incident, RawLine
from pollwatch.incidents.inputs import InputName, InputRecord, event_readers, input_names, write_detections, write_input
from pollwatch.incidents.quarantine import QuarantineTally
from pollwatch.incidents.regroup import Regrouped, write_incidents
from pollwatch.incidents.scanned import ScannedInput
from pollwatch.store.database import Database
from pollwatch.store.digest import Content, ContentDigest
from pollwatch.store.events import EventFile, EventWriter, remove_leftovers
from pollwatch.store.folder import CaseFolder


@dataclass(frozen=True, slots=True)
class _Admitted:
    """An input that this scan brings; ``input_id`` is the row of the one that it continues."""

    content: Content
    input_id: int | None


class Intake:
    """One scan's way into a case. Made by :meth:`pollwatch.incidents.records.Case.scanning`, which holds the lock."""

    def __init__(self, folder: CaseFolder, database: Database, clock: Clock) -> None:
        """Look at what the case has, and remove what an interrupted scan left behind."""
        self._folder = folder
        self._database = database
        self._clock = clock
        self._admitted: dict[str, _Admitted] = {}
        self._tallies: dict[str, QuarantineTally] = {}
        with database.reading() as connection:
            self._paths: dict[int, str] = {
                row.id: row.path for row in connection.execute(sa.select(tables.INPUTS.c.id, tables.INPUTS.c.path))
            }
            inputs = connection.execute(
                sa.select(tables.INPUTS.c.size_bytes, tables.INPUTS.c.digest, tables.INPUTS.c.id)
            )
            self._current: dict[Content, int] = {Content(row.size_bytes, row.digest): row.id for row in inputs}
            contents = connection.execute(sa.select(tables.CONTENTS.c.digest, tables.CONTENTS.c.input_id))
            self._known: dict[str, int | None] = {row.digest: row.input_id for row in contents}
            listed = list(connection.execute(sa.select(tables.EVENT_FILES.c.name)).scalars())
        remove_leftovers(folder.events, listed)
        self._events = EventWriter(folder.events)

    def digest(self) -> ContentDigest:
        """A digest to run over an input's decompressed content before :meth:`admit`; it spots continued inputs."""
        return ContentDigest(self._current)

    def admit(self, path: str, digest: ContentDigest) -> str | None:
        """Decide what an input is to the case, before it is scanned.

        Args:
            path: as its user named it.
            digest: of its whole content.

        Returns:
            How the case calls it: ``path``, or ``path@DIGEST`` where another input has that name already. The scan
            uses this as the input's path throughout. ``None``: the case has this content; leave it out.
        """
        return self.admit_all({path: digest})[path]

    def admit_all(self, digests: Mapping[str, ContentDigest]) -> dict[str, str | None]:
        """Admit several inputs at once: rotated logs (``a.log`` is ``a.log.1`` now) can so hand their names on.

        Args:
            digests: by path as their user named it.

        Returns:
            For each path what :meth:`admit` returns.
        """
        fresh: dict[str, _Admitted] = {}
        for path, digest in digests.items():
            content = digest.content
            if content.digest not in self._known:
                input_id = self._continuable(digest.grown_from)
                fresh[path] = _Admitted(content, input_id)
                self._known[content.digest] = input_id
                if input_id is not None:
                    self._paths.pop(input_id)
        names = {path: self._admit(encodable(path), each) for path, each in fresh.items()}
        return {path: names.get(path) for path in digests}

    def _continuable(self, grown_from: str) -> int | None:
        """The input that has this content now, unless another one continues it already."""
        for content, input_id in self._current.items():
            if content.digest == grown_from and input_id in self._paths and input_id not in self._continued():
                return input_id
        return None

    def _admit(self, path: str, admitted: _Admitted) -> str:
        taken = {*self._paths.values(), *self._admitted}
        digest = admitted.content.digest
        name = next(n for n in (path, *(f"{path}@{digest[:digits]}" for digits in (8, 16, 64))) if n not in taken)
        self._admitted[name] = admitted
        if admitted.input_id is not None:
            self._paths[admitted.input_id] = name
        return name

    def detections(self) -> list[Detection]:
        """What earlier scans found, without what the admitted inputs will show again because they continue others.

        Raises:
            StoreError: the case is damaged.
        """
        with self._database.reading() as connection:
            return rows.read_detections(connection, self._paths, without=self._continued())

    def events(self) -> Iterator[EventBatch]:
        """The events of earlier scans, for grouping to see; again without the inputs that are being continued.

        Raises:
            StoreError: a file is missing or damaged.
        """
        continued = self._continued()
        wanted = {input_id: path for input_id, path in self._paths.items() if input_id not in continued}
        with self._database.reading() as connection:
            readers = event_readers(connection, self._folder.events, wanted)
        for reader in readers:
            yield from reader.batches()

    def _continued(self) -> set[int]:
        return {each.input_id for each in self._admitted.values() if each.input_id is not None}

    def block(self, _source: object, block: LineBlock, parsed: Parsed) -> None:
        """Take one block of an input and what became of it."""
        for batch in parsed.batches:
            self.add_events(batch)
        for each in parsed.quarantined:
            self.add_quarantined(block.path, each.number, each.reason, block.raw[each.number - block.first_number])

    def add_events(self, batch: EventBatch) -> None:
        """Take the next events of an input.

        Raises:
            StoreError: the disk is full or not writable.
        """
        self._events.add(batch)

    def add_quarantined(self, path: str, number: int, reason: str, raw: bytes) -> None:
        """Take a line that was not understood."""
        tally = self._tallies.get(path)
        if tally is None:
            tally = self._tallies[path] = QuarantineTally()
        tally.add(number, reason, raw)

    def commit(
        self,
        inputs: Sequence[ScannedInput],
        detections: Sequence[Detection],
        incidents: Sequence[Incident],
        *,
        hunted: bool = False,
    ) -> Regrouped:
        """Make the scan part of the case, at one moment.

        Args:
            inputs: what was read, under the names that :meth:`admit` gave. Inputs that were not admitted are
                admitted now; those that the case knows are left out.
            detections: what this scan found. Those without a line in a new input are left out.
            incidents: all detections of the case and of this scan, grouped.
            hunted: they were found in what the case has: none of them is left out.

        Returns:
            The incidents as they now stand in the case, in the order given.

        Raises:
            StoreError: the case could not be written (it is then as before), an input changed while it was read, or
                an input that was not admitted has the name of another one.
        """
        fresh = [each for each in inputs if self._is_fresh(each)]
        names = {each.path: self._name_of(each) for each in inputs}
        files = {each.path: self._events.publish(each.path, each.digest) for each in fresh}
        with self._database.writing() as connection:
            self._free_names(connection)
            for each in fresh:
                write_input(connection, self._record(each, names[each.path], files[each.path]), self._clock.now_us())
            by_name = input_names(connection)
            found = [replace(each, lines=_renamed(each.lines, names, by_name)) for each in detections]
            searched = set(by_name) if hunted else {names[each.path] for each in fresh}
            write_detections(connection, found, by_name, searched)
            grouped = [_renamed_incident(each, names, by_name) for each in incidents]
            ids = {name: row.input_id for name, row in by_name.items()}
            regrouped = write_incidents(connection, grouped, ids, self._clock.now_us())
            listed = list(connection.execute(sa.select(tables.EVENT_FILES.c.name)).scalars())
        remove_leftovers(self._folder.events, listed)
        return regrouped

    def close(self) -> None:
        """Let go of what was not committed."""
        self._events.discard()

    def _is_fresh(self, scanned: ScannedInput) -> bool:
        """Whether an input is to be written; the others are in the case already."""
        name = encodable(scanned.path)
        admitted = self._admitted.get(name)
        if admitted is None:
            if scanned.digest in self._known:
                return False
            if name in self._paths.values():
                raise StoreError(f"{name}: the case has another input of this name; inputs are admitted before a scan")
            self._admitted[name] = admitted = _Admitted(Content(scanned.size_bytes, scanned.digest), None)
            self._known[scanned.digest] = None
        if scanned.size_bytes < admitted.content.size_bytes:
            raise StoreError(f"{name} was cut off or replaced while it was read; scan it again")
        return True

    def _name_of(self, scanned: ScannedInput) -> str:
        """How the case calls an input of this scan."""
        input_id = self._known.get(scanned.digest)
        if encodable(scanned.path) in self._admitted or input_id is None:
            return encodable(scanned.path)
        return self._paths[input_id]

    def _free_names(self, connection: sa.Connection) -> None:
        """Take the names off the inputs that are continued: rotated logs hand theirs on in a ring."""
        for input_id in self._continued():
            table = tables.INPUTS
            connection.execute(sa.update(table).where(table.c.id == input_id).values(path=f"\0{input_id}"))

    def _record(self, scanned: ScannedInput, name: str, files: Sequence[EventFile]) -> InputRecord:
        admitted = self._admitted[name]
        # The log may have grown between admission and the scan: both contents are known from now on.
        contents = {admitted.content, Content(scanned.size_bytes, scanned.digest)}
        tally = self._tallies.get(scanned.path, QuarantineTally())
        return InputRecord(scanned, name, admitted.input_id, frozenset(contents), tuple(files), tally)


def _renamed(lines: LineSet, names: Mapping[str, str], known: Mapping[str, InputName]) -> LineSet:
    """The lines by the names that the case gives to inputs; two inputs of one content are one."""
    renamed = LineSet.union(LineSet({names.get(path, path): numbers}) for path, numbers in lines.by_path.items())
    for path in renamed.by_path:
        if path not in known:
            raise StoreError(f"{path} is named by a finding, but is no input of this scan nor of the case")
    return renamed


def _renamed_incident(incident: Incident, names: Mapping[str, str], known: Mapping[str, InputName]) -> Incident:
    lines = _renamed(incident.lines, names, known)
    samples: dict[tuple[str, int], RawLine] = {}
    for sample in incident.samples:
        path = names.get(sample.path, sample.path)
        if path in known:
            samples.setdefault((path, sample.number), RawLine(path, sample.number, encodable(sample.text)))
    return replace(incident, lines=lines, samples=tuple(samples.values()))
