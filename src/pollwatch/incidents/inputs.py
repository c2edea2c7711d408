"""Inputs and what was found in them, written as rows. Each function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pollwatch.events.batch import LogSource
from pollwatch.events.detection import Detection
from pollwatch.incidents import rows, tables
from pollwatch.incidents.packing import pack
from pollwatch.incidents.quarantine import QuarantineTally
from pollwatch.incidents.scanned import ScannedInput
from pollwatch.store.digest import Content
from pollwatch.store.events import EventFile, EventReader


@dataclass(frozen=True, slots=True)
class InputRecord:
    """All that is written about one input.

    Attributes:
        scanned: what the scan says.
        name: how the case calls it.
        input_id: the row of the input that it continues and takes the place of; None = a new one.
        contents: what the case will recognise as this input.
        files: its events.
        quarantine: its lines that were not understood.
    """

    scanned: ScannedInput
    name: str
    input_id: int | None
    contents: frozenset[Content]
    files: tuple[EventFile, ...]
    quarantine: QuarantineTally


@dataclass(frozen=True, slots=True)
class InputName:
    """What stands behind an input's name: its row, and its content."""

    input_id: int
    digest: str


def input_names(connection: sa.Connection) -> dict[str, InputName]:
    """All inputs of the case by name."""
    columns = tables.INPUTS.c
    found = connection.execute(sa.select(columns.path, columns.id, columns.digest))
    return {path: InputName(input_id, digest) for path, input_id, digest in found}


def input_paths(connection: sa.Connection) -> dict[int, str]:
    """How each input is called, by its row."""
    found = connection.execute(sa.select(tables.INPUTS.c.id, tables.INPUTS.c.path))
    return {row.id: row.path for row in found}


def event_readers(connection: sa.Connection, root: Path, paths: Mapping[int, str]) -> list[EventReader]:
    """Readers of the events of some inputs, in the order in which those came.

    Args:
        connection: to the case.
        root: its ``events`` folder.
        paths: the wanted inputs and how they are called.
    """
    files = tables.EVENT_FILES
    listed: dict[int, list[EventFile]] = {}
    query = sa.select(files).order_by(files.c.input_id, files.c.name)
    if len(paths) == 1:  # what a page asks for; a case may list many thousand files
        query = query.where(files.c.input_id == next(iter(paths)))
    for row in connection.execute(query):
        listed.setdefault(row.input_id, []).append(event_file(row))
    return [EventReader(root, paths[input_id], each) for input_id, each in listed.items() if input_id in paths]


def write_input(connection: sa.Connection, record: InputRecord, now_us: int) -> None:
    """Write an input; one that continues another takes its row, and what only that one showed is removed."""
    scanned = record.scanned
    values = {
        "path": record.name,
        "digest": scanned.digest,
        "size_bytes": scanned.size_bytes,
        "format": scanned.format,
        "lines": scanned.lines,
        "parsed": scanned.parsed,
        "quarantined": scanned.quarantined,
        "first_us": scanned.first_us,
        "last_us": scanned.last_us,
        "scanned_us": now_us,
    }
    if record.input_id is None:
        inserted = sa.insert(tables.INPUTS).values(values).returning(tables.INPUTS.c.id)
        input_id = connection.execute(inserted).scalar_one()
    else:
        input_id = record.input_id
        connection.execute(sa.update(tables.INPUTS).where(tables.INPUTS.c.id == input_id).values(values))
        _remove_earlier(connection, input_id)
    contents = [{"digest": c.digest, "size_bytes": c.size_bytes, "input_id": input_id} for c in record.contents]
    _insert(connection, tables.CONTENTS, contents)
    _insert(connection, tables.EVENT_FILES, [file_row(file, input_id) for file in record.files])
    _write_quarantine(connection, record.quarantine, input_id)


def _remove_earlier(connection: sa.Connection, input_id: int) -> None:
    """Remove what the shorter content of an input showed: the longer one has just shown it again."""
    for table in (tables.EVENT_FILES, tables.QUARANTINE_COUNTS, tables.QUARANTINE_LINES):
        connection.execute(sa.delete(table).where(table.c.input_id == input_id))
    lines = tables.DETECTION_LINES.c
    here = sa.select(lines.detection_id).where(lines.input_id == input_id)
    elsewhere = sa.select(lines.detection_id).where(lines.input_id != input_id)
    ids = tables.DETECTIONS.c.id
    connection.execute(sa.delete(tables.DETECTIONS).where(ids.in_(here), ids.not_in(elsewhere)))


def event_file(row: sa.Row[Any]) -> EventFile:
    """The event file that a row names."""
    return EventFile(row.name, LogSource(row.category, row.product, row.service), row.rows)


def file_row(file: EventFile, input_id: int) -> dict[str, object]:
    """The row of an event file."""
    return {
        "name": file.name,
        "input_id": input_id,
        "category": file.logsource.category,
        "product": file.logsource.product,
        "service": file.logsource.service,
        "rows": file.rows,
    }


def _write_quarantine(connection: sa.Connection, tally: QuarantineTally, input_id: int) -> None:
    counts = [{"input_id": input_id, "reason": why, "lines": count} for why, count in tally.counts.items()]
    lines = [
        {"input_id": input_id, "number": number, "reason": why, "head": head} for number, why, head in tally.lines()
    ]
    _insert(connection, tables.QUARANTINE_COUNTS, counts)
    _insert(connection, tables.QUARANTINE_LINES, lines)


def write_detections(
    connection: sa.Connection, detections: Sequence[Detection], names: Mapping[str, InputName], fresh: set[str]
) -> None:
    """Write detections that show something in a fresh input; each once, however often it comes.

    Args:
        connection: in a writing transaction.
        detections: line sets by the names in ``names``.
        names: all inputs of the case.
        fresh: the names of those that this scan brings.
    """
    digests = {name: each.digest for name, each in names.items()}
    found: dict[str, Detection] = {}
    for each in detections:
        if fresh & each.lines.by_path.keys():
            found.setdefault(rows.detection_id(each, digests), each)
    known = set(connection.execute(sa.select(tables.DETECTIONS.c.id)).scalars())
    new = {row_id: each for row_id, each in found.items() if row_id not in known}
    _insert(connection, tables.DETECTIONS, [rows.detection_row(each, row_id) for row_id, each in new.items()])
    lines = [
        {"detection_id": row_id, "input_id": names[path].input_id, "numbers": pack(numbers)}
        for row_id, each in new.items()
        for path, numbers in each.lines.by_path.items()
    ]
    _insert(connection, tables.DETECTION_LINES, lines)


def _insert(connection: sa.Connection, table: sa.Table, values: Sequence[Mapping[str, object]]) -> None:
    if values:
        connection.execute(sa.insert(table), values)
