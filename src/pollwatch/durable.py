"""Writes that survive a crash: whole file or no file, on disk before the call returns.

Law for callers: when a function here returns, the bytes are there after a power cut; when it raises, the old
content (or absence) is untouched, and at most a ``.tmp-`` file is left beside it, which nobody reads.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_file(path: Path, data: bytes, *, mode: int = 0o644, sync: bool = True, sync_name: bool = True) -> None:
    """Replace a file's content in one step (temporary file, fsync, rename, fsync of the folder).

    Args:
        path: the file; its folder must exist.
        data: the whole content.
        mode: permission bits of the new file.
        sync: False leaves both fsyncs to the caller (:func:`sync_path`), who does many files at once.
        sync_name: False for a file that can be made again: after a power cut the old one may be there instead, whole.

    Raises:
        OSError: the disk says no.
    """
    temporary = path.with_name(f".tmp-{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        write_all(descriptor, data)
        if sync:
            os.fsync(descriptor)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    temporary.replace(path)
    if sync and sync_name:
        sync_path(path.parent)


def create_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file that must not exist yet, durably.

    Raises:
        FileExistsError: it does; nothing was changed.
        OSError: the disk says no.
    """
    temporary = path.with_name(f".tmp-{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
        # A hard link, unlike a rename, fails where the name is taken: two creators cannot both win.
        os.link(temporary, path)
    finally:
        os.close(descriptor)
        temporary.unlink(missing_ok=True)
    sync_path(path.parent)


def holds(path: Path, data: bytes) -> bool:
    """Whether a file is there and has exactly this content."""
    try:
        return path.read_bytes() == data
    except FileNotFoundError:
        return False


def make_folder(path: Path, *, mode: int = 0o755, sync: bool = True) -> None:
    """Make a folder and its parents, each durably entered in the one above it.

    Args:
        path: the folder; nothing happens where it exists.
        mode: permission bits.
        sync: False leaves the fsyncs to the caller (:func:`sync_path`), who does many at once.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=mode, exist_ok=True)
        if sync:
            sync_path(folder.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder and the files in it, as far as that works; what is left costs only space."""
    try:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    except OSError:
        return


def sync_path(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes, in as many pieces as the system takes them."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
