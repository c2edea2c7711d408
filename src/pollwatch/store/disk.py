"""Writing files so that after a crash each is either whole or not there, and locks that die with their holder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pollwatch.errors import StoreError


def make_folder(path: Path) -> None:
    """Make a folder (and its parents) that only its owner can enter: logs are personal data.

    Raises:
        StoreError: it cannot be made, or a file stands there.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {path}: {error.strerror}") from error


def publish(incoming: Path, final: Path) -> None:
    """Move a finished file to its name, durably: contents first, then the name.

    If we stop in between, the file stands whole under its old name or under its new one.
    """
    sync(incoming)
    incoming.replace(final)
    sync(final.parent)


def sync(path: Path) -> None:
    """Wait until a file's contents, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; waits for it. The kernel frees it when its holder dies, however it dies.

    Raises:
        StoreError: the lock file cannot be made.
    """
    descriptor = _open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def held(path: Path, taken: str) -> Iterator[None]:
    """Hold a lock between processes that nobody else holds; does not wait for it.

    Args:
        path: the lock file.
        taken: what to say where somebody has it.

    Raises:
        StoreError: somebody has it, or the lock file cannot be made.
    """
    descriptor = _open_lock(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(taken) from None
        yield
    finally:
        os.close(descriptor)


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"cannot write in {path.parent}: {error.strerror}; is it yours, and is the disk full?"
        ) from error
