"""A case folder: what lies where, and whether a folder is one.

::

    DIR/case.sqlite   inputs, detections, incidents, work-flow
    DIR/events/       Parquet, one folder per logsource
    DIR/evidence/     the private and the shared log, salts, keys (written by pollwatch.evidence)
    DIR/joint/        what is shared with other members (written by pollwatch.sharing)
    DIR/live/         what a watch needs to go on, and what receivers write down (written by pollwatch.node.watch)
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pollwatch.errors import StoreError
from pollwatch.store.disk import make_folder

_OURS: Final = frozenset({"events", "evidence", "joint", "live"})


@dataclass(frozen=True, slots=True)
class CaseFolder:
    """The places in a case folder."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "case.sqlite"

    @property
    def events(self) -> Path:
        """Parquet files."""
        return self.root / "events"

    @property
    def evidence(self) -> Path:
        """Logs, salts and keys."""
        return self.root / "evidence"

    @property
    def joint(self) -> Path:
        """What is shared with other members."""
        return self.root / "joint"

    @property
    def live(self) -> Path:
        """What a watch needs to go on, and what receivers write down."""
        return self.root / "live"

    @property
    def watch_lock(self) -> Path:
        """Held by the one process that watches into the case."""
        return self.root / "watch.lock"

    @property
    def scan_lock(self) -> Path:
        """Held by the one process that scans into the case."""
        return self.root / "scan.lock"

    def prepare(self, *, create: bool) -> None:
        """Make sure that this is a case folder, or (with ``create``) becomes one.

        Raises:
            StoreError: no case is there and none shall be made, or the folder holds other things: pollwatch
                cleans up inside its case, and nothing of anybody else's must ever be cleaned away.
        """
        if _is_database(self.database):
            return
        if not create:
            raise StoreError(f"no case in {self.root}; `pollwatch scan PATH... --case {self.root}` makes one")
        if self.database.exists():
            raise StoreError(f"{self.database} is not a SQLite database; choose another folder for the case")
        make_folder(self.root)
        strange = sorted(
            entry.name
            for entry in self.root.iterdir()
            if entry.name not in _OURS and not entry.name.startswith(("case.sqlite", "scan.lock", "watch.lock"))
        )
        if strange:
            raise StoreError(f"{self.root} holds {strange[0]!r} and is no case; choose an empty or a new folder")
        if self.events.exists() and any(self.events.iterdir()):
            raise StoreError(f"{self.root} has events but no case.sqlite; restore that file, or choose a new folder")


def _is_database(path: Path) -> bool:
    """Whether a SQLite file stands there (an empty one too: a first open that was cut short).

    Only SQLite itself may open and close the file: POSIX drops all locks that a process has on a file when the process
    closes any descriptor of it. A plain ``open`` here would leave connections that this process has without theirs, and
    the next process that closes the database would remove the journal under them.
    """
    try:
        if path.stat().st_size == 0:
            return True
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("PRAGMA schema_version")
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_NOTADB:
            return False
        raise StoreError(f"cannot read {path}: {error}") from error
    return True
