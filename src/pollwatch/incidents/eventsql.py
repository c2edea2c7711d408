"""The events of a case as tables to ask with SQL, one for each logsource."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from pollwatch.events.batch import LogSource
from pollwatch.incidents import tables
from pollwatch.store.database import Database, Holding
from pollwatch.store.folder import CaseFolder
from pollwatch.store.query import Answer, EventTable, Limits, ask, table_name


class EventSql(Holding):
    """Asks the events of one case. Safe for several threads; see :mod:`pollwatch.store.query` for what may be asked."""

    def __init__(self, folder: CaseFolder, database: Database) -> None:
        """Take over an open database; :meth:`open` is what callers use."""
        self._folder = folder
        super().__init__(database)

    @classmethod
    def open(cls, root: Path) -> Self:
        """Open the case in a folder.

        Raises:
            StoreError: there is no case, or it was written by a newer pollwatch.
        """
        folder = CaseFolder(root)
        folder.prepare(create=False)
        return cls(folder, Database(folder.database))

    def tables(self) -> Sequence[EventTable]:
        """What can be asked, by name.

        Raises:
            StoreError: the case cannot be read.
        """
        files, inputs = tables.EVENT_FILES, tables.INPUTS
        query = sa.select(files, inputs.c.path).join(inputs, inputs.c.id == files.c.input_id).order_by(files.c.name)
        by_source: dict[LogSource, dict[Path, str]] = {}
        rows: dict[LogSource, int] = {}
        root = self._folder.events.absolute()
        with self._database.reading() as connection:
            for row in connection.execute(query):
                source = LogSource(row.category, row.product, row.service)
                by_source.setdefault(source, {})[root / row.name] = row.path
                rows[source] = rows.get(source, 0) + row.rows
        found: dict[str, EventTable] = {}
        for source in sorted(by_source):
            name = table_name(source)
            # Two logsources may differ only in where their parts end.
            name = next(n for n in (name, *(f"{name}_{i}" for i in range(2, len(by_source) + 2))) if n not in found)
            found[name] = EventTable(name, source, by_source[source], rows[source])
        return tuple(found[name] for name in sorted(found))

    def ask(self, sql: str, limits: Limits | None = None, stop: threading.Event | None = None) -> Answer:
        """Ask one SELECT. Beside a logsource's own columns each table has ``time`` (UTC) and ``input``.

        Args:
            sql: the statement.
            limits: what it may take.
            stop: set by another thread where nobody waits for the answer any more.

        Raises:
            UsageError: it is no single SELECT, is not understood, or took too much.
            StoreError: the case cannot be read.
        """
        return ask(self.tables(), sql, limits, stop)
