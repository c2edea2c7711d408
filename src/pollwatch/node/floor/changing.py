"""Whether the case has changed: SQLite counts what others commit, and says so for next to nothing."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from pollwatch.errors import StoreError


class DatabaseChanges:
    """One read-only connection that is asked for ``PRAGMA data_version``; it holds no lock and no snapshot."""

    def __init__(self, database: Path) -> None:
        """Watch a case's database.

        Raises:
            StoreError: it cannot be opened.
        """
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(
                f"{database.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False, isolation_level=None
            )
        except sqlite3.Error as error:
            raise StoreError(f"{database}: {error}; is it a case?") from error

    def look(self) -> str:
        """A word that differs from what it was before whenever anybody else committed something.

        Raises:
            StoreError: the database cannot be read.
        """
        try:
            with self._lock, closing(self._connection.execute("PRAGMA data_version")) as found:
                return str(found.fetchone()[0])
        except sqlite3.Error as error:
            raise StoreError(f"the case's database cannot be read: {error}") from error

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()
