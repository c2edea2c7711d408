"""Making a backup: a moment of the case, piece by piece into a vault, and last the list that makes it one.

Killed anywhere, there is no new backup, the case is as it was, and the next backup uses the pieces that are there.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from pollwatch import __version__
from pollwatch.clock import Clock, rfc3339
from pollwatch.errors import ProofError, StoreError
from pollwatch.evidence import fsck
from pollwatch.evidence.tiles import TileReader
from pollwatch.node.backup import manifest, vault
from pollwatch.node.backup.freezing import Frozen, FrozenFile, frozen
from pollwatch.node.backup.manifest import File, LogState, Manifest
from pollwatch.node.backup.sealedbox import SealedBox
from pollwatch.node.backup.vault import PIECE_BYTES, Vault
from pollwatch.store.disk import make_folder
from pollwatch.store.folder import CaseFolder

LOGS: Final = ("private", "shared")
_TRIES: Final = 5

#: Told how many bytes of how many are done.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made.

    Attributes:
        name: in its vault.
        digest: of its list; noted down elsewhere, it tells this backup from one that somebody altered.
        manifest: what it consists of.
        written_bytes: what it took; the rest was there from earlier backups.
    """

    name: str
    digest: str
    manifest: Manifest
    written_bytes: int


def backup(
    case_dir: Path,
    to: Path,
    clock: Clock,
    *,
    key: bytes | None = None,
    archive: bool = False,
    keep: int | None = None,
    progress: Progress | None = None,
) -> Made:
    """Back a case up, whoever works with it meanwhile.

    Args:
        case_dir: the case.
        to: a folder for any number of backups, or with ``archive`` a file for one.
        clock: for its name.
        key: encrypts it.
        archive: one file.
        keep: remove older backups until so many are left, with all that only they needed.
        progress: told how far it is.

    Raises:
        StoreError: there is no case, another backup is being made, the disk says no.
        ProofError: the case's evidence does not carry what it signed; back up what is there by other means.
    """
    folder = CaseFolder(case_dir)
    folder.prepare(create=False)
    if to.resolve().is_relative_to(case_dir.resolve()):
        raise StoreError(f"{to} lies in the case; put backups elsewhere, best on another disk")
    with vault.writing(to, SealedBox(key), archive=archive) as place:
        scratch = to.with_name(to.name + ".scratch") if archive else to / ".scratch"
        shutil.rmtree(scratch, ignore_errors=True)  # of a backup that was killed
        make_folder(scratch)
        try:
            made = _tried(folder, place, clock, scratch, progress)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if keep is not None:
            _prune(place, keep, str(to))
    return made


def _tried(folder: CaseFolder, place: Vault, clock: Clock, scratch: Path, progress: Progress | None) -> Made:
    for turn in range(_TRIES):
        with frozen(folder) as moment:
            try:
                logs = _logs(moment)
            except (ProofError, OSError):
                # Between two of its steps a log grew past what was linked; a log that is broken stays so.
                if turn == _TRIES - 1:
                    raise
                continue
            return _write(moment, logs, place, clock, scratch, progress)
    raise AssertionError


def _logs(moment: Frozen) -> tuple[LogState, ...]:
    """How far each log has signed; what was linked carries it."""
    links = {each.path: each.at for each in moment.files}
    found = []
    for name in LOGS:
        state = links.get(f"evidence/{name}/state.sqlite")
        if state is None:
            continue
        with closing(sqlite3.connect(state)) as connection:
            row = connection.execute("SELECT origin, size, root FROM signed").fetchone()
        if row is not None:
            origin, size, root = row
            fsck.check_edge(TileReader(partial(_tile, links, name), size), root)
            found.append(LogState(name, origin, size, root.hex()))
    return tuple(found)


def _tile(links: dict[str, Path], name: str, path: str) -> bytes:
    at = links.get(f"evidence/{name}/public/{path}")
    if at is None:
        raise FileNotFoundError(path)
    return at.read_bytes()


def _write(
    moment: Frozen,
    logs: tuple[LogState, ...],
    place: Vault,
    clock: Clock,
    scratch: Path,
    progress: Progress | None,
) -> Made:
    case = moment.database("case.sqlite")
    (schema,) = case.execute("SELECT version_num FROM alembic_version").fetchone()
    (incidents,) = case.execute("SELECT count(*) FROM incidents").fetchone()
    (events,) = case.execute("SELECT coalesce(sum(rows), 0) FROM event_files").fetchone()
    total = sum(each.size_bytes for each in moment.files) + sum(_size(each.view) for each in moment.databases)
    now_us = clock.now_us()
    writer = _Writer(place, total, progress)
    for each in moment.files:
        writer.add(each)
    for number, database in enumerate(moment.databases):
        copy = scratch / str(number)
        database.copy(copy)
        writer.add(FrozenFile(database.path, copy, copy.stat().st_size, database.mode))
        copy.unlink()
    files = tuple(sorted(writer.files, key=lambda each: each.path))
    made = Manifest(manifest.FORMAT, now_us, __version__, str(schema), incidents, events, logs, files)
    name = _free_name(place, now_us)
    data = made.to_bytes()
    place.write_list(name, data)
    return Made(name, manifest.digest(data), made, writer.written_bytes)


def _size(view: sqlite3.Connection) -> int:
    (pages,) = view.execute("PRAGMA page_count").fetchone()
    (page_bytes,) = view.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(page_bytes)


def _free_name(place: Vault, now_us: int) -> str:
    name = str(rfc3339(now_us))
    taken = set(place.backups())
    return next(each for each in (name, *(f"{name}.{turn}" for turn in range(2, 1000))) if each not in taken)


class _Writer:
    def __init__(self, place: Vault, total_bytes: int, progress: Progress | None) -> None:
        self._place = place
        self._total_bytes = total_bytes
        self._progress = progress
        self._done_bytes = 0
        self.files: list[File] = []
        self.written_bytes = 0

    def add(self, file: FrozenFile) -> None:
        """Store a file."""
        whole = hashlib.sha256()
        names = []
        try:
            for content in _pieces(file):
                whole.update(content)
                name, written = self._place.put(content)
                names.append(name)
                self.written_bytes += written
                self._done_bytes += len(content)
                if self._progress is not None:
                    self._progress(self._done_bytes, self._total_bytes)
        except OSError as error:
            raise StoreError(f"{file.path} cannot be read: {error.strerror}") from error
        self.files.append(File(file.path, file.size_bytes, whole.hexdigest(), file.mode, tuple(names)))


def _pieces(file: FrozenFile) -> Iterator[bytes]:
    left = file.size_bytes
    with file.at.open("rb") as stored:
        while left:
            content = stored.read(min(left, PIECE_BYTES))
            if not content:
                raise StoreError(f"{file.path} became shorter while it was read; make the backup again")
            left -= len(content)
            yield content


def _prune(place: Vault, keep: int, where: str) -> None:
    names = place.backups()[-keep:]
    needed: set[str] = set()
    for name in names:
        needed |= manifest.parse(place.read_list(name), where).pieces
    place.prune(names, needed)
