"""Lines taken out of a case: their events, the samples of them, and what was kept of those that were not understood.

Findings stay: which incidents there were, over which lines, and whom they name. What is erased is what the lines say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from pollwatch.incidents import tables
from pollwatch.store.database import Database
from pollwatch.store.erasing import Ranges, remove_rows
from pollwatch.store.events import remove_leftovers
from pollwatch.store.folder import CaseFolder
from pollwatch.store.parts import remove_unmerged


@dataclass(frozen=True, slots=True)
class ErasedLines:
    """What was erased from a case.

    Attributes:
        samples: lines that incidents showed.
        events: Parquet files that were rewritten or emptied.
    """

    samples: int
    events: int


def erase(folder: CaseFolder, database: Database, lines: Mapping[str, Ranges]) -> ErasedLines:
    """Erase lines by input; the caller holds the case's lock. Doing it twice is doing it once.

    Raises:
        StoreError: the case cannot be read or written.
    """
    samples = files = 0
    with database.writing() as connection:
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
        ids = {row.path: row.id for row in connection.execute(sa.select(tables.INPUTS.c.id, tables.INPUTS.c.path))}
        for path, ranges in lines.items():
            if path not in ids:
                continue
            for first, last in ranges:
                for table in (tables.INCIDENT_SAMPLES, tables.QUARANTINE_LINES):
                    here = sa.and_(table.c.input_id == ids[path], table.c.number.between(first, last))
                    done = connection.execute(sa.delete(table).where(here))
                    samples += done.rowcount if table is tables.INCIDENT_SAMPLES else 0
            files += _erase_events(folder, connection, ids[path], ranges)
        listed = list(connection.execute(sa.select(tables.EVENT_FILES.c.name)).scalars())
    remove_leftovers(folder.events, listed)  # files that were merged and stand there a while longer
    remove_unmerged(folder.events)
    database.scrub()
    return ErasedLines(samples, files)


def _erase_events(folder: CaseFolder, connection: sa.Connection, input_id: int, ranges: Ranges) -> int:
    table = tables.EVENT_FILES
    changed = 0
    for name in connection.execute(sa.select(table.c.name).where(table.c.input_id == input_id)).scalars().all():
        left = remove_rows(folder.events, name, ranges)
        if left is not None:
            connection.execute(sa.update(table).where(table.c.name == name).values(rows=left))
            changed += 1
    return changed
