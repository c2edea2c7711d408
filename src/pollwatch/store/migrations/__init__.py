"""How the schema came to be, step by step: Alembic migrations, shipped inside the package and run on open.

A migration is one file in ``versions/``; it is never changed once released. Add its revision to :data:`KNOWN`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Final, cast

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

#: All revisions, oldest first: what this version can read and bring up to date.
KNOWN: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
HEAD: Final = KNOWN[-1]


def upgrade(connection: sa.Connection) -> None:
    """Bring a database to :data:`HEAD` inside the transaction that the connection is in."""
    # Alembic takes a third of a second to import: only a new or old database pays for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def begin(database: sqlite3.Connection) -> None:
    """Give a database without any table all that :data:`HEAD` has, in one step: as a copy of one made before.

    Going through all migrations takes a quarter of a second, so a process does it once.
    """
    with closing(sqlite3.connect(":memory:")) as source:
        source.deserialize(_empty())
        source.backup(database)


@cache
def _empty() -> bytes:
    """A database that went through all migrations, as SQLite would write it to a file."""
    engine = sa.create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            upgrade(connection)
            connection.commit()
            return cast("sqlite3.Connection", connection.connection.dbapi_connection).serialize()
    finally:
        engine.dispose()
