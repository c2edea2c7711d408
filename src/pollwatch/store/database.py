"""The SQLite database of a case: opened, brought to the newest schema, and used in whole transactions only.

Each station declares its own tables on :data:`METADATA`; the migrations in ``migrations/`` make them. SQLite runs
in WAL mode (readers never wait for the writer) and with ``synchronous = FULL`` (what was committed stays, also after
a power cut).
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from pollwatch.errors import StoreError
from pollwatch.store.disk import locked, publish
from pollwatch.store.migrations import HEAD, KNOWN, begin, upgrade

#: All tables of all stations. Constraints get names, so that migrations can speak of them.
METADATA: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_BUSY_TIMEOUT_S: Final = 60.0


class Database:
    """One SQLite file with the newest schema. Safe to open from several processes at once."""

    def __init__(self, path: Path) -> None:
        """Open the file, making it where it is not there, and migrate it.

        Raises:
            StoreError: not a database of ours, made by a newer pollwatch, or not readable and writable.
        """
        self.path = path
        self._engine = _engine(path)
        self._turn = threading.Lock()
        try:
            # One at a time: SQLite does not wait for the lock when it changes to WAL mode.
            with locked(path.with_name(path.name + ".lock")):
                self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        with self._errors(), self._engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar_one()
            if mode != "wal":
                raise StoreError(
                    f"{self.path}: this file system cannot hold a SQLite database in WAL mode; use another"
                )
        with self.reading() as connection:
            before = self._revision(connection)
        if before not in {None, HEAD}:
            self._keep_copy()
        if before is None:
            self._begin()
        with self.writing() as connection:
            if self._revision(connection) != HEAD:
                upgrade(connection)

    def _begin(self) -> None:
        """Give a new file its tables; whoever opens it at the same moment waits for us."""
        with self._errors(), self._engine.connect() as connection:
            if connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar_one() == 0:
                begin(cast("sqlite3.Connection", connection.connection.dbapi_connection))

    def _keep_copy(self) -> None:
        """Keep the file as it is before it is brought to the newest schema; the copy of an earlier time goes."""
        copy = self.path.with_name(f"{self.path.name}.before-{HEAD}")
        part = copy.with_name(copy.name + ".part")
        needed = self.path.stat().st_size
        if shutil.disk_usage(self.path.parent).free < 2 * needed:
            raise StoreError(
                f"{self.path} is of an older schema, and there is no room for a copy of its {needed} bytes beside it; "
                "free twice that much, then try again"
            )
        try:
            copy_database(self.path, part)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} cannot be copied before it is brought up to date: {error}") from error
        for old in self._copies():
            old.unlink()
        publish(part, copy)

    def _copies(self) -> list[Path]:
        return list(self.path.parent.glob(f"{self.path.name}.before-*[0-9]"))

    def _revision(self, connection: sa.Connection) -> str | None:
        tables = set(sa.inspect(connection).get_table_names())
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise StoreError(f"{self.path} is a SQLite database, but none of pollwatch; choose another folder")
        revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        if revision is not None and revision not in KNOWN:
            raise StoreError(
                f"{self.path} was written by a newer pollwatch (schema {revision}, this one knows up to {HEAD}); "
                "use that version, or scan into a new folder"
            )
        return None if revision is None else str(revision)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view of everything, however others write meanwhile.

        Raises:
            StoreError: the database cannot be read.
        """
        with self._errors(), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction, alone: all of it is kept when the block ends, nothing of it when the block raises.

        Raises:
            StoreError: another process holds the database for too long, the disk is full, or the file is damaged.
        """
        # Threads take turns here: SQLite would let whoever waits sleep, and look again ever more seldom.
        with self._errors(), self._turn, self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    def scrub(self) -> None:
        """Rewrite the file without what was deleted, and empty the journal: deleted rows are then gone for good.

        Raises:
            StoreError: another process holds the database for too long, or the disk is full.
        """
        with self._errors(), self._engine.connect() as connection:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        for copy in self._copies():  # they have what was deleted
            copy.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise StoreError(
                f"{self.path}: {error.orig}; is it a case, is the disk full, or does another process hold it?"
            ) from error


class Holding:
    """Something that holds a database open, to be closed or used as a context."""

    def __init__(self, database: Database) -> None:
        """Take over an open database."""
        self._database = database

    def close(self) -> None:
        """Let go of it."""
        self._database.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def copy_database(path: Path, to: Path) -> None:
    """Copy a SQLite file as it is at one moment, whoever writes to it meanwhile; what stands at ``to`` goes.

    Raises:
        sqlite3.Error: it cannot be read, or the disk is full.
    """
    to.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(to)) as copy,
    ):
        source.backup(copy)
    to.chmod(0o600)


def _engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        # We say BEGIN ourselves: Python's sqlite3 would commit before each CREATE TABLE, and a migration
        # that is killed half-way would leave half a schema.
        connect_args={"isolation_level": None, "timeout": _BUSY_TIMEOUT_S},
    )
    event.listen(engine, "connect", _set_up)
    return engine


def _set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()
