"""A case brought to the newest schema on purpose, or tried on a copy first.

Any command that opens an older case does the same, and keeps the database as it was in ``case.sqlite.before-NNNN``.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pollwatch.clock import monotonic_s
from pollwatch.errors import StoreError
from pollwatch.store.database import Database, copy_database
from pollwatch.store.disk import make_folder
from pollwatch.store.folder import CaseFolder
from pollwatch.store.migrations import HEAD, KNOWN


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What was done, or would be.

    Attributes:
        before: the schema that the case had.
        after: the schema that it has now, or would have.
        steps: the revisions between.
        copy: the database as it was; None where nothing was to do, and for a trial.
        seconds: how long it took.
    """

    before: str
    after: str
    steps: tuple[str, ...]
    copy: Path | None
    seconds: float


def upgrade(case_dir: Path, *, dry_run: bool = False) -> Upgraded:
    """Bring a case to the newest schema.

    Args:
        case_dir: the case.
        dry_run: do all of it, on a copy that is removed again.

    Raises:
        StoreError: there is no case, it is of a newer pollwatch, there is no room, or it cannot be written.
    """
    folder = CaseFolder(case_dir)
    folder.prepare(create=False)
    before = _schema(folder.database)
    if before not in KNOWN:
        raise StoreError(f"{folder.database} is of a newer pollwatch (schema {before}); use that version")
    steps = KNOWN[KNOWN.index(before) + 1 :]
    begun_s = monotonic_s()
    copy = None
    if steps and dry_run:
        _try(folder)
    elif steps:
        Database(folder.database).close()
        copy = folder.database.with_name(f"{folder.database.name}.before-{HEAD}")
    return Upgraded(before, HEAD, steps, copy, monotonic_s() - begun_s)


def _schema(path: Path) -> str:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    except (sqlite3.Error, TypeError) as error:
        raise StoreError(f"{path} is no database of a case ({error})") from error


def _try(folder: CaseFolder) -> None:
    trial = folder.root / ".upgrade-trial"
    shutil.rmtree(trial, ignore_errors=True)  # of a trial that was killed
    make_folder(trial)
    try:
        copy_database(folder.database, trial / "case.sqlite")
        Database(trial / "case.sqlite").close()
        with closing(sqlite3.connect(trial / "case.sqlite")) as database:
            (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise StoreError(f"the case would not be whole after the upgrade: {found}")
    except sqlite3.Error as error:
        raise StoreError(f"{folder.database} cannot be copied: {error}; is the disk full?") from error
    finally:
        shutil.rmtree(trial, ignore_errors=True)
