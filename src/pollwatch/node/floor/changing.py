"""Whether what the pages show has changed.

SQLite counts what others commit, and says so for next to nothing. A watch commits all day, how far it has read above
all; so only when something was committed it is looked whether it was something that people see.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Final

from pollwatch.errors import StoreError

#: Grows or differs when an incident, a question, an exception or the state of a source changed.
_SEEN: Final = """
    SELECT (SELECT max(seq) FROM incident_changes),
           (SELECT count(*) FROM asks), (SELECT count(*) FROM asks WHERE answered_us IS NOT NULL),
           (SELECT count(*) FROM exceptions), (SELECT count(*) FROM exceptions WHERE ended_us IS NOT NULL),
           (SELECT group_concat(name || ' ' || state) FROM (SELECT name, state FROM live_sources ORDER BY name)),
           (SELECT max(stopped_us) FROM live_watch)
"""


class DatabaseChanges:
    """One read-only connection; it holds no lock and no snapshot between two looks."""

    def __init__(self, database: Path) -> None:
        """Watch a case's database.

        Raises:
            StoreError: it cannot be opened.
        """
        self._lock = threading.Lock()
        self._version: tuple[object, ...] = ()
        self._word = ""
        try:
            self._connection = sqlite3.connect(
                f"{database.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False, isolation_level=None
            )
        except sqlite3.Error as error:
            raise StoreError(f"{database}: {error}; is it a case?") from error

    def look(self) -> str:
        """A word that differs from what it was before whenever something that people see was committed.

        Raises:
            StoreError: the database cannot be read.
        """
        try:
            with self._lock:
                version = self._ask("PRAGMA data_version")
                if version != self._version:
                    self._version, self._word = version, repr(self._ask(_SEEN))
                return self._word
        except sqlite3.Error as error:
            raise StoreError(f"the case's database cannot be read: {error}") from error

    def _ask(self, query: str) -> tuple[object, ...]:
        with closing(self._connection.execute(query)) as found:
            row: tuple[object, ...] = found.fetchone()
            return row

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()
