"""A case held still for a backup, while others go on writing.

All that is written step by step is written so that stopping anywhere is harmless; a backup is a stop at one moment. The
moment is taken in this order, with the case's lock held (between two steps of a watch, or after a scan)::

    1. the published checkpoints     a signed state may be ahead of what was published, never behind
    2. views of the databases        openings, then signed states, then all others: an opening is kept before its
                                     entry is signed, and an entry before the case's commit that rests on it
    3. links to all other files      files are replaced, never changed, save those that only grow: of these the length

Then the lock is let go of, and whatever is written from now on is not seen. Where the file system knows no hard links,
files are copied, which takes longer with the lock held.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from pollwatch.errors import StoreError
from pollwatch.store.disk import held, locked, make_folder
from pollwatch.store.folder import CaseFolder

_MODES: Final = 0o666
_LINKS: Final = ".backup-links"
_MAGIC: Final = b"SQLite format 3\x00"
_LEFT_OUT: Final = (".lock", "-wal", "-shm", "-journal")
_CHECKPOINTS: Final = ("evidence/private/public", "evidence/shared/public")


@dataclass(frozen=True, slots=True)
class FrozenFile:
    """A file as it was at the moment.

    Attributes:
        path: in the case.
        at: where its bytes are.
        size_bytes: how many of them.
        mode: permission bits.
    """

    path: str
    at: Path
    size_bytes: int
    mode: int


@dataclass(frozen=True, slots=True)
class FrozenDatabase:
    """A database as it was at the moment; :meth:`copy` gives it as a file."""

    path: str
    view: sqlite3.Connection
    mode: int

    def copy(self, to: Path) -> None:
        """Copy it, page by page.

        Raises:
            StoreError: the disk says no.
        """
        try:
            with closing(sqlite3.connect(to)) as copy:
                self.view.backup(copy)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} cannot be copied: {error}; is the disk full?") from error


@dataclass(frozen=True, slots=True)
class Frozen:
    """A case at one moment."""

    files: tuple[FrozenFile, ...]
    databases: tuple[FrozenDatabase, ...]

    def database(self, path: str) -> sqlite3.Connection:
        """The view of one database."""
        return next(each.view for each in self.databases if each.path == path)


@contextmanager
def frozen(folder: CaseFolder) -> Iterator[Frozen]:
    """Hold a case still.

    Raises:
        StoreError: another backup of it is being made, or it cannot be read.
    """
    root = folder.root
    links = root / _LINKS
    with held(root / "backup.lock", f"another backup of {root} is being made"), ExitStack() as stack:
        shutil.rmtree(links, ignore_errors=True)  # of a backup that was killed
        stack.callback(shutil.rmtree, links, ignore_errors=True)
        make_folder(links)
        try:
            with locked(folder.scan_lock):
                moment = _moment(root, links, stack)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{root} cannot be read as a whole: {error}") from error
        yield moment


def _moment(root: Path, links: Path, stack: ExitStack) -> Frozen:
    published = [_linked(root, links, path) for path in _published(root)]
    found = sorted(_files(root))
    views = [_view(root, path, stack) for path in sorted(filter(lambda p: _is_database(root / p), found), key=_rank)]
    # Whoever opens a log or a witness wants its state alone for a moment, so those views are not held.
    states = [_copied(links, each) for each in views if _is_state(each.path)]
    databases = [each for each in views if not _is_state(each.path)]
    known = {each.path for each in published} | {each.path for each in views}
    listed = _listed(next((each.view for each in databases if each.path == "case.sqlite"), None), root)
    others = [
        _linked(root, links, path)
        for path in found
        if path not in known and (not path.startswith("events/") or path in listed)
    ]
    missing = listed - {each.path for each in others}
    if missing:
        raise StoreError(f"{root / min(missing)} is missing; `pollwatch db check` says what else is wrong")
    files = sorted([*published, *states, *others], key=lambda each: each.path)
    return Frozen(tuple(files), tuple(databases))


def _is_state(path: str) -> bool:
    return PurePosixPath(path).name in {"state.sqlite", "witness.sqlite"}


def _copied(links: Path, database: FrozenDatabase) -> FrozenFile:
    copy = links / database.path
    copy.parent.mkdir(parents=True, exist_ok=True)
    database.copy(copy)
    database.view.close()
    return FrozenFile(database.path, copy, copy.stat().st_size, database.mode)


def _published(root: Path) -> list[str]:
    names = [f"{place}/{name}" for place in _CHECKPOINTS for name in ("checkpoint", "keys")]
    return [name for name in names if (root / name).exists()]


def _files(root: Path) -> Iterator[str]:
    """All files of a case that belong into a backup."""
    for place, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith((".incoming", _LINKS, ".tmp-"))]
        for name in names:
            path = Path(place) / name
            if name == "lock" or name.endswith(_LEFT_OUT) or name.startswith((".tmp-", "case.sqlite.before-")):
                continue
            if stat.S_ISREG(path.lstat().st_mode):
                yield path.relative_to(root).as_posix()


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _rank(path: str) -> tuple[int, str]:
    """Openings before signed states before all others."""
    name = PurePosixPath(path).name
    return (0 if name == "openings.sqlite" else 1 if _is_state(path) else 2, path)


def _view(root: Path, path: str, stack: ExitStack) -> FrozenDatabase:
    """A connection that sees the database as it is now, whatever is written later."""
    file = root / path
    view = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=60)
    stack.callback(view.close)
    view.execute("BEGIN")
    view.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return FrozenDatabase(path, view, stat.S_IMODE(file.stat().st_mode) & _MODES)


def _listed(case: sqlite3.Connection | None, root: Path) -> set[str]:
    if case is None:
        raise StoreError(f"no case in {root}")
    return {f"events/{name}" for (name,) in case.execute("SELECT name FROM event_files")}


def _linked(root: Path, links: Path, path: str) -> FrozenFile:
    file, link = root / path, links / path
    link.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, link)
    except OSError:  # another file system, or one without links
        shutil.copyfile(file, link)
    found = link.stat()
    return FrozenFile(path, link, found.st_size, stat.S_IMODE(found.st_mode) & _MODES)
