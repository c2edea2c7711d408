"""A watch's way into a case: step by step, each of them whole or not at all.

A step is what a watch has read, understood and detected since the last one. Its course, with the case's lock held::

    write_part   the events of each input, under a name that follows from the input and its lines   (store.parts)
    (sealing)    the lines, by the caller: sealing twice is sealing once
    commit       one SQLite transaction: how far each file was read, event files, counts, detections, and what brings
                 the saved detection state up to date

If we stop before the commit, nothing happened: the files of the step are not listed, and whoever begins removes them.
If we stop after it, all of it is there. So every line's detections are in the case exactly once, whatever happens, and
no reader ever sees half a step. Several processes may read meanwhile, and a scan waits for the lock between two steps.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert

from pollwatch.clock import US_PER_S, Clock, monotonic_s
from pollwatch.events.detection import Detection
from pollwatch.incidents import rows, tables
from pollwatch.incidents.export import encodable
from pollwatch.incidents.inputs import file_row, input_paths
from pollwatch.incidents.livefolding import Changes
from pollwatch.incidents.livestep import LiveInput, Observed, Part, Resumed, Step
from pollwatch.incidents.livetables import LIVE_INPUTS, LIVE_POSITIONS, LIVE_STATE, LIVE_STEPS, LIVE_WATCH
from pollwatch.incidents.packing import pack
from pollwatch.incidents.quarantine import KEPT_LINES
from pollwatch.store.database import Database
from pollwatch.store.disk import make_folder
from pollwatch.store.events import remove_leftovers
from pollwatch.store.folder import CaseFolder

_LOCK_STEP_S: Final = 0.01
#: Whoever groups and merges for the watch holds the lock for moments.
_SOON_S: Final = 1.0
#: Detections that are still open when a watch begins again: those of the last hours before the latest one.
_REOPENED_US: Final = 2 * 3600 * US_PER_S


#: Inputs that are followed now. What is received is one input of its source, whatever segments it lies in: its
#: generation is 0.
SAME_KEY: Final = sa.and_(
    LIVE_INPUTS.c.source == LIVE_POSITIONS.c.source,
    sa.or_(
        LIVE_INPUTS.c.generation == 0,
        sa.and_(*(LIVE_INPUTS.c[name] == LIVE_POSITIONS.c[name] for name in ("stream", "generation"))),
    ),
)


class LiveCase:
    """See the module. Made by :meth:`pollwatch.incidents.records.Case.watching`."""

    def __init__(self, folder: CaseFolder, database: Database, clock: Clock) -> None:
        """Nothing is read or written yet."""
        self.folder = folder
        self.database = database
        self._clock = clock

    @contextmanager
    def held(self, stopping: Callable[[], bool], waiting: Callable[[], None] = lambda: None) -> Iterator[bool]:
        """Hold the case's lock; waits for a scan that has it, unless it is to stop.

        Args:
            stopping: asked while it waits.
            waiting: told once that it has to wait for more than a moment.

        Yields:
            Whether it has the lock.
        """
        descriptor = os.open(self.folder.scan_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            got = told = False
            begun_s = monotonic_s()
            while not got and not stopping():
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    got = True
                except BlockingIOError:
                    if not told and monotonic_s() - begun_s > _SOON_S:
                        told = True
                        waiting()
                    time.sleep(_LOCK_STEP_S)
            yield got
        finally:
            os.close(descriptor)

    def begin(self) -> Resumed:
        """Take up where the last watch stopped, and remove what it left half-done; the caller holds the lock.

        Raises:
            StoreError: the case is damaged.
        """
        make_folder(self.folder.live)
        with self.database.reading() as connection:
            listed = list(connection.execute(sa.select(tables.EVENT_FILES.c.name)).scalars())
            found = connection.execute(
                sa.select(LIVE_INPUTS, tables.INPUTS.c.path, tables.INPUTS.c.lines)
                .join(tables.INPUTS, LIVE_INPUTS.c.input_id == tables.INPUTS.c.id)
                .join(LIVE_POSITIONS, SAME_KEY)
                .distinct()
            ).all()
            inputs = {
                (row.source, row.stream, row.generation): LiveInput(
                    row.input_id,
                    row.path,
                    row.source,
                    row.stream,
                    row.generation,
                    row.format,
                    row.context,
                    row.lines,
                )
                for row in found
            }
            by_id = {each.id: each for each in inputs.values()}
            quarantined = tables.QUARANTINE_LINES.c
            counted = sa.select(quarantined.input_id, quarantined.reason, sa.func.count()).group_by(
                quarantined.input_id, quarantined.reason
            )
            for input_id, reason, count in connection.execute(counted):
                if input_id in by_id:
                    by_id[input_id].kept[reason] = count
            state = connection.execute(sa.select(LIVE_STATE)).one_or_none()
            saved = 0 if state is None else state.seq
            steps = connection.execute(
                sa.select(LIVE_STEPS).where(LIVE_STEPS.c.seq > saved).order_by(LIVE_STEPS.c.seq)
            ).all()
            positions = connection.execute(sa.select(LIVE_POSITIONS.c.position)).scalars().all()
        remove_leftovers(self.folder.events, listed)
        name = "" if state is None else state.name
        self._remove_states(name)
        return Resumed(
            steps[-1].seq if steps else saved,
            name,
            tuple(tuple(msgspec.json.decode(row.body, type=list[Observed])) for row in steps),
            inputs,
            tuple(positions),
        )

    def admit(self, source: str, stream: str, generation: int, wished: str) -> LiveInput:
        """Make a followed file an input of the case; it has no lines yet, nor had it where it is one already.

        Args:
            source: the source's name.
            stream: the log that it is a part of.
            generation: which of the log's files.
            wished: how it is to be called; where another input has that name, its number stands behind it.
        """
        wished = encodable(wished)
        digest = hashlib.sha256(f"live\0{source}\0{stream}\0{generation}".encode("utf-8", "surrogatepass")).hexdigest()
        with self.database.writing() as connection:
            key = sa.and_(LIVE_INPUTS.c.source == source, LIVE_INPUTS.c.stream == stream)
            joined = sa.select(tables.INPUTS.c.id, tables.INPUTS.c.path, tables.INPUTS.c.lines).join(LIVE_INPUTS)
            known = connection.execute(joined.where(key, LIVE_INPUTS.c.generation == generation)).one_or_none()
            if known is not None:
                return LiveInput(known.id, known.path, source, stream, generation, lines=known.lines)
            taken = set(connection.execute(sa.select(tables.INPUTS.c.path)).scalars())
            names = (wished, f"{wished}@{generation}", *(f"{wished}@{digest[:digits]}" for digits in (8, 16, 64)))
            name = next(each for each in names if each not in taken)
            values = {
                "path": name,
                "digest": digest,
                "size_bytes": 0,
                "format": "unknown",
                "lines": 0,
                "parsed": 0,
                "quarantined": 0,
                "scanned_us": self._clock.now_us(),
            }
            inserted = sa.insert(tables.INPUTS).values(values).returning(tables.INPUTS.c.id)
            input_id: int = connection.execute(inserted).scalar_one()
            live = {
                "input_id": input_id,
                "source": source,
                "stream": stream,
                "generation": generation,
                "format": "",
                "context": b"",
            }
            connection.execute(sa.insert(LIVE_INPUTS).values(live))
        return LiveInput(input_id, name, source, stream, generation)

    def commit(self, step: Step, also: Callable[[sa.Connection], None] = lambda _connection: None) -> None:
        """Make a step part of the case.

        Args:
            step: what it brings.
            also: writes what else is to be there at the same moment.

        Raises:
            StoreError: it could not be written; the case is as before.
        """
        now_us = self._clock.now_us()
        with self.database.writing() as connection:
            for part in step.parts:
                self._write_part(connection, part, now_us)
            self._write_positions(connection, step)
            self._write_detections(connection, step.changes)
            if step.observed or step.looked:
                body = msgspec.json.encode(list(step.observed)).decode()
                connection.execute(sa.insert(LIVE_STEPS).values(seq=step.seq, body=body))
            connection.execute(sa.update(LIVE_WATCH).values(beat_us=now_us, step=step.seq))
            also(connection)

    def saved(self, seq: int, name: str) -> None:
        """The detection state after a step stands in a file of the ``live`` folder: go on from there next time."""
        with self.database.writing() as connection:
            row = {"id": 1, "seq": seq, "name": name}
            connection.execute(upsert(LIVE_STATE).values(row).on_conflict_do_update(index_elements=["id"], set_=row))
            connection.execute(sa.delete(LIVE_STEPS).where(LIVE_STEPS.c.seq <= seq))
        self._remove_states(name)

    def open_detections(self) -> list[tuple[str, Detection]]:
        """The detections that may still grow, with their ids, oldest first."""
        with self.database.reading() as connection:
            latest = connection.execute(sa.select(sa.func.max(tables.DETECTIONS.c.last_us))).scalar()
            since = 0 if latest is None else latest - _REOPENED_US
            return rows.read_detections_since(connection, input_paths(connection), since)

    def scans(self) -> tuple[int, int]:
        """How many inputs of the case are not followed, and when the last of them was scanned."""
        table = tables.INPUTS.c
        live = sa.select(LIVE_INPUTS.c.input_id)
        with self.database.reading() as connection:
            query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.max(table.scanned_us), 0))
            count, latest = connection.execute(query.where(table.id.not_in(live))).one()
        return count, latest

    def began(self, process: int) -> None:
        """Note that a watch runs."""
        now_us = self._clock.now_us()
        row = {"id": 1, "process": process, "started_us": now_us, "beat_us": now_us, "stopped_us": None}
        with self.database.writing() as connection:
            connection.execute(
                upsert(LIVE_WATCH).values(step=0, **row).on_conflict_do_update(index_elements=["id"], set_=row)
            )

    def stopped(self) -> None:
        """Note that the watch was stopped on purpose."""
        with self.database.writing() as connection:
            connection.execute(sa.update(LIVE_WATCH).values(stopped_us=self._clock.now_us()))

    def _remove_states(self, but: str) -> None:
        for file in self.folder.live.glob("state-*"):
            if file.name != but:
                file.unlink(missing_ok=True)

    def _write_part(self, connection: sa.Connection, part: Part, now_us: int) -> None:
        table, live = tables.INPUTS.c, part.input
        values = {
            "size_bytes": table.size_bytes + part.size_bytes,
            "format": live.format or "unknown",
            "lines": table.lines + part.lines,
            "parsed": table.parsed + part.parsed,
            "quarantined": table.quarantined + part.lines - part.parsed,
            "scanned_us": now_us,
        }
        if part.first_us is not None and part.last_us is not None:
            values["first_us"] = sa.func.min(sa.func.coalesce(table.first_us, part.first_us), part.first_us)
            values["last_us"] = sa.func.max(sa.func.coalesce(table.last_us, part.last_us), part.last_us)
        connection.execute(sa.update(tables.INPUTS).where(table.id == live.id).values(values))
        connection.execute(
            sa.update(LIVE_INPUTS)
            .where(LIVE_INPUTS.c.input_id == live.id)
            .values(format=live.format, context=live.context)
        )
        if part.files:
            connection.execute(sa.insert(tables.EVENT_FILES), [file_row(file, live.id) for file in part.files])
        for reason, count in part.tally.counts.items():
            counts = tables.QUARANTINE_COUNTS
            counted = upsert(counts).values(input_id=live.id, reason=reason, lines=count)
            more = {"lines": counts.c.lines + counted.excluded.lines}
            connection.execute(counted.on_conflict_do_update(index_elements=["input_id", "reason"], set_=more))
        for number, reason, head in part.tally.lines():
            if live.kept[reason] < KEPT_LINES:
                live.kept[reason] += 1
                kept = {"input_id": live.id, "number": number, "reason": reason, "head": head}
                connection.execute(upsert(tables.QUARANTINE_LINES).values(kept).on_conflict_do_nothing())

    def _write_positions(self, connection: sa.Connection, step: Step) -> None:
        connection.execute(sa.delete(LIVE_POSITIONS))
        values = [
            {"source": source, "stream": stream, "generation": generation, "position": position}
            for (source, stream, generation), position in step.positions
        ]
        if values:
            connection.execute(sa.insert(LIVE_POSITIONS), values)

    def _write_detections(self, connection: sa.Connection, changes: Changes) -> None:
        gone = [*changes.removed, *changes.written]
        table, lines = tables.DETECTIONS, tables.DETECTION_LINES
        if not gone:
            return
        for at in range(0, len(gone), _AT_ONCE):
            some = gone[at : at + _AT_ONCE]
            connection.execute(sa.delete(lines).where(lines.c.detection_id.in_(some)))
            connection.execute(sa.delete(table).where(table.c.id.in_(some)))
        if not changes.written:
            return
        ids = {path: input_id for input_id, path in input_paths(connection).items()}
        written = changes.written.items()
        connection.execute(sa.insert(table), [rows.detection_row(each, row_id) for row_id, each in written])
        connection.execute(
            sa.insert(lines),
            [
                {"detection_id": row_id, "input_id": ids[path], "numbers": pack(numbers)}
                for row_id, each in written
                for path, numbers in each.lines.by_path.items()
            ],
        )


_AT_ONCE: Final = 500
