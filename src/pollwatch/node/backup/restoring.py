"""Putting a case back: into a new folder, checked as a whole before it gets its name.

All is written to ``NAME.restoring`` beside the place, compared with the list of the backup, checked as any case is, and
its logs and witnesses are held (:mod:`pollwatch.evidence.held`); then the folder is renamed. Killed before that, there
is no case of that name; the next restore begins anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pollwatch import durable
from pollwatch.clock import rfc3339
from pollwatch.errors import EvidenceError, StoreError
from pollwatch.evidence import held
from pollwatch.node.backup import checking, manifest, vault
from pollwatch.node.backup.checking import Checked
from pollwatch.node.backup.manifest import File, LogState, Manifest
from pollwatch.node.backup.sealedbox import SealedBox
from pollwatch.node.backup.vault import Vault
from pollwatch.store.disk import make_folder
from pollwatch.store.migrations import HEAD, KNOWN

#: Whose state must not go on from a backup.
_SIGNING: Final = ("state.sqlite", "witness.sqlite")

#: Told how many bytes of how many are done.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """A case that was put back.

    Attributes:
        name: of the backup.
        manifest: what it consists of.
        checked: what a check of the restored case says.
        held: folders whose logs or witnesses sign nothing for now, relative to the case.
    """

    name: str
    manifest: Manifest
    checked: Checked
    held: tuple[str, ...]


def restore(
    place: Path,
    to: Path,
    *,
    key: bytes | None = None,
    name: str | None = None,
    digest: str | None = None,
    progress: Progress | None = None,
) -> Restored:
    """Put a case back where nothing is.

    Args:
        place: the folder or archive with backups.
        to: the case folder to make.
        key: that the backups were encrypted with.
        name: which of them; None = the latest.
        digest: what its list must have; None = any.
        progress: told how far it is.

    Raises:
        StoreError: something is at ``to`` already, the backup is not whole, was altered, or is of a newer pollwatch.
        EvidenceError: its evidence does not carry what was signed.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise StoreError(f"{to} is there already, and a restore never overwrites; choose another folder")
    with vault.reading(place, SealedBox(key)) as stored:
        chosen, found = read(stored, place, name, digest)
        with _incoming(to) as incoming:
            _fill(stored, found, incoming, progress)
            checked = checking.check(incoming)
            _compare(checked, found.logs, place)
            stopped = _hold(incoming, chosen, found)
            if to.exists():
                to.rmdir()
            incoming.replace(to)
            durable.sync_path(to.parent)
    return Restored(chosen, found, checked, stopped)


def read(stored: Vault, place: Path, name: str | None, digest: str | None) -> tuple[str, Manifest]:
    """The list of one backup, or of the latest.

    Raises:
        StoreError: there is none, it was altered, or it is not the one with this digest.
    """
    names = stored.backups()
    if not names:
        raise StoreError(f"{place} holds no whole backup; the one that was begun there was cut short")
    chosen = name or names[-1]
    data = stored.read_list(chosen)
    if digest is not None and not hmac.compare_digest(manifest.digest(data), digest.lower()):
        raise StoreError(f"{place}: backup {chosen} is not the one with this digest; it was altered, or is another")
    found = manifest.parse(data, str(place))
    if found.schema not in KNOWN:
        raise StoreError(
            f"{place}: backup {chosen} is of a newer pollwatch (schema {found.schema}, this one knows up to {HEAD}); "
            "use that version"
        )
    return chosen, found


def verify(stored: Vault, found: Manifest, progress: Progress | None = None) -> None:
    """Read every piece of a backup and compare it with the list.

    Raises:
        StoreError: naming the file that is not as it was.
    """
    done = 0
    for file in found.files:
        for content in _contents(stored, file):
            done += len(content)
            if progress is not None:
                progress(done, found.size_bytes)


@contextmanager
def _incoming(to: Path) -> Iterator[Path]:
    """The folder that is filled, alone; it is gone when anything goes wrong."""
    incoming = to.with_name(to.name + ".restoring")
    make_folder(to.absolute().parent)
    lock = os.open(to.with_name(to.name + ".restoring.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"another process restores into {to}") from None
        shutil.rmtree(incoming, ignore_errors=True)  # of a restore that was killed
        make_folder(incoming)
        yield incoming
    except OSError as error:
        raise StoreError(f"cannot write {to}: {error.strerror}; is the disk full?") from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
        to.with_name(to.name + ".restoring.lock").unlink(missing_ok=True)
        os.close(lock)


def _fill(stored: Vault, found: Manifest, incoming: Path, progress: Progress | None) -> None:
    free = shutil.disk_usage(incoming).free
    if free < found.size_bytes:
        raise StoreError(
            f"the case takes {found.size_bytes} bytes and there are {free} in {incoming.parent}; free some"
        )
    done = 0
    folders = set()
    for file in found.files:
        path = incoming / file.path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folders |= {each for each in path.parents if each.is_relative_to(incoming)}
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, file.mode)
        with os.fdopen(descriptor, "wb") as out:
            for content in _contents(stored, file):
                out.write(content)
                done += len(content)
                if progress is not None:
                    progress(done, found.size_bytes)
            out.flush()
            os.fsync(out.fileno())
    for folder in folders:
        durable.sync_path(folder)


def _contents(stored: Vault, file: File) -> Iterator[bytes]:
    whole, size = hashlib.sha256(), 0
    for piece in file.pieces:
        content = stored.get(piece)
        whole.update(content)
        size += len(content)
        yield content
    if size != file.size or whole.hexdigest() != file.sha256:
        raise StoreError(f"{file.path} is not as it was when the backup was made; the backup was altered")


def _compare(checked: Checked, logs: tuple[LogState, ...], place: Path) -> None:
    """Refuse what is not a whole case, or not the logs that the backup says it holds."""
    if checked.wrong:
        kind = EvidenceError if checked.tampered else StoreError
        raise kind(f"{place}: what was restored does not check out: {'; '.join(checked.wrong[:5])}")
    there = {(each.name, each.origin, each.size, each.root) for each in checked.logs}
    for log in logs:
        if (log.name, log.origin, log.size, log.root) not in there:
            raise EvidenceError(f"{place}: the {log.name} log is not the one of {log.size} entries that was backed up")


def _hold(incoming: Path, name: str, found: Manifest) -> tuple[str, ...]:
    why = f"restored from the backup {name}, made {rfc3339(found.created_us)}"
    stopped = sorted({Path(file.path).parent for file in found.files if Path(file.path).name in _SIGNING})
    for folder in stopped:
        held.hold(incoming / folder, why)
    return tuple(map(str, stopped))
