"""How the schema came to be, step by step: Alembic migrations, shipped inside the package and run on open.

A migration is one file in ``versions/``; it is never changed once released. Add its revision to :data:`KNOWN`.
"""

from __future__ import annotations

import functools
import sqlite3
from contextlib import closing
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final, cast

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from pollwatch import cache

#: All revisions, oldest first: what this version can read and bring up to date.
KNOWN: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
HEAD: Final = KNOWN[-1]
_NAME: Final = "a database without content"


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

    Going through all migrations takes a third of a second with what it imports, so a process does it once, and finds
    what an earlier one kept.
    """
    with closing(sqlite3.connect(":memory:")) as source:
        source.deserialize(_empty())
        source.backup(database)


@functools.cache
def _empty() -> bytes:
    kept, key = cache.of_user("schemas"), _made_by()
    found = kept.kept(_NAME, key)
    if found is None:
        found = _made()
        kept.keep(_NAME, key, found)
    return found


def _made_by() -> str:
    """By what and of what it is made: the versions of all that takes part, and every migration's text."""
    parts = [sqlite3.sqlite_version, *(version(each) for each in ("alembic", "sqlalchemy"))]
    texts = [each.read_bytes() for each in sorted(Path(__file__).parent.rglob("*.py"))]
    return " ".join([*parts, *(sha256(each).hexdigest() for each in texts)])


def _made() -> bytes:
    """A database that went through all migrations, as SQLite would write it to a file."""
    engine = sa.create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            upgrade(connection)
            connection.commit()
            return cast("sqlite3.Connection", connection.connection.dbapi_connection).serialize()
    finally:
        engine.dispose()
