"""Is a case whole? Its database, its events, its evidence, each against itself and against the others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from pollwatch.errors import EvidenceError, StoreError
from pollwatch.events.batch import NUMBER
from pollwatch.evidence import fsck, held
from pollwatch.node.evidence.casekeys import CaseKeys
from pollwatch.node.evidence.checking import check_openings
from pollwatch.store.folder import CaseFolder
from pollwatch.store.migrations import HEAD, KNOWN

_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Log:
    """One of the case's logs: how far it has signed; ``held``: it was restored, and signs nothing for now."""

    name: str
    origin: str
    size: int
    root: str
    held: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and what is wrong.

    Attributes:
        schema: of the database.
        incidents: in it.
        events: in the Parquet files that it lists.
        logs: of the case.
        openable: batches of lines that can be opened.
        erased: batches that were erased.
        wrong: in words, each naming what it is about; empty = all is well.
        tampered: some of it is evidence that does not check out.
    """

    schema: str
    incidents: int
    events: int
    logs: tuple[Log, ...]
    openable: int
    erased: int
    wrong: tuple[str, ...]
    tampered: bool


def check(case_dir: Path) -> Checked:
    """Check a case, also while others work with it; changes nothing.

    Raises:
        StoreError: there is no case, or its database cannot be read at all.
    """
    folder = CaseFolder(case_dir)
    folder.prepare(create=False)
    wrong: list[str] = []
    try:
        with closing(sqlite3.connect(f"{folder.database.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("BEGIN")
            wrong += _of_database(database)
            schema = _one(database, "SELECT version_num FROM alembic_version")
            incidents = _one(database, "SELECT count(*) FROM incidents")
            files = database.execute("SELECT name, rows FROM event_files ORDER BY name").fetchall()
    except sqlite3.Error as error:
        raise StoreError(f"{folder.database}: {error}; restore it from a backup") from error
    wrong += _of_events(folder.events, files)
    logs, openable, erased, tampered = _of_evidence(folder.evidence) if folder.evidence.exists() else ((), 0, 0, [])
    events = sum(rows for _name, rows in files)
    return Checked(
        str(schema), int(str(incidents)), events, logs, openable, erased, (*wrong, *tampered), bool(tampered)
    )


def _one(database: sqlite3.Connection, query: str) -> object:
    row = database.execute(query).fetchone()
    return None if row is None else row[0]


def _of_database(database: sqlite3.Connection) -> Iterator[str]:
    for (found,) in database.execute(f"PRAGMA integrity_check({_MOST_NAMED})"):
        if found != "ok":
            yield f"case.sqlite: {found}"
    for table, row, parent, _number in database.execute("PRAGMA foreign_key_check").fetchmany(_MOST_NAMED):
        yield f"case.sqlite: row {row} of {table} refers to nothing in {parent}"
    schema = _one(database, "SELECT version_num FROM alembic_version")
    if schema not in KNOWN:
        yield f"case.sqlite: schema {schema} is of a newer pollwatch; this one knows up to {HEAD}"
    if schema == HEAD:
        for name in database.execute(
            "SELECT id FROM incidents EXCEPT SELECT incident_id FROM incident_index LIMIT ?", (_MOST_NAMED,)
        ):
            yield f"case.sqlite: incident {name[0]} is not in the inbox's index"


def _of_events(events: Path, files: list[tuple[str, int]]) -> Iterator[str]:
    for name, rows in files:
        try:
            with pq.ParquetFile(events / name) as parquet:
                found = parquet.metadata.num_rows
                numbered = NUMBER in parquet.schema_arrow.names
        except FileNotFoundError:
            yield f"events/{name} is missing"
            continue
        except (OSError, pa.ArrowException) as error:
            yield f"events/{name} cannot be read: {error}"
            continue
        if found != rows or not numbered:
            yield f"events/{name} has {found} events, the case counts {rows}"


def _of_evidence(evidence: Path) -> tuple[tuple[Log, ...], int, int, list[str]]:
    logs: list[Log] = []
    wrong: list[str] = []
    openable = erased = 0
    try:
        keys = CaseKeys.load(evidence)
        for name, signer in (("private", keys.private), ("shared", keys.shared)):
            reader = fsck.check_log(evidence / name, signer.verifier)
            logs.append(Log(name, signer.name, reader.size, reader.root().hex(), held.held(evidence / name)))
            if name == "private":
                openable, erased = check_openings(evidence / "openings.sqlite", reader)
    except (EvidenceError, StoreError) as error:
        wrong.append(f"evidence: {error}")
    return tuple(logs), openable, erased, wrong
