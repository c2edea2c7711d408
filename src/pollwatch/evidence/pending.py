"""The files of one batch: written one by one, flushed together, before anything that is signed refers to them.

Law for callers: when :meth:`PendingFiles.flush` returns, every file that was put, and every folder on the way to it, is
there after a power cut. When a call raises, nothing is known about any of them: do not flush again (a kernel reports a
failed write-back once and then forgets it), but start afresh and put all files again.

A file gets its final name at once, since nobody reads beyond the signed size. Where the name is taken, by a file of an
append that never finished, the new one replaces it in one step: a half-written file is never built upon.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pollwatch import durable

_MOST_OPEN = 128
"""Files kept open until they are flushed; a process may have 1,024."""


class PendingFiles:
    """Files below one folder. Not for several threads; flushes with several of its own."""

    def __init__(self, root: Path, threads: int) -> None:
        """Begin.

        Args:
            root: the folder; it exists, durably.
            threads: how many flushes run at once; 1 for none beside the caller's.
        """
        self._root = root
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._open: list[int] = []
        self._dirty: set[str] = set()
        self._fresh: set[str] = set()
        self._known: set[str] = {""}

    def put(self, path: str, data: bytes) -> None:
        """Write a file, and the folders that it needs; not durable before :meth:`flush`.

        Args:
            path: below the root, with ``/``.
            data: the whole content.

        Raises:
            OSError: the disk says no.
        """
        folder = path.rpartition("/")[0]
        self._need(folder)
        self._dirty.add(folder)
        target = self._root / path
        try:
            self._write(target, data)
        except FileExistsError:
            temporary = target.with_name(f".tmp-{secrets.token_hex(8)}")
            self._write(temporary, data)
            temporary.replace(target)
        if len(self._open) >= _MOST_OPEN:
            self._flush_files()

    def flush(self, obsolete: Iterable[str] = ()) -> None:
        """Flush all files that were put, and their folders.

        Args:
            obsolete: folders of files that nobody needs any more; they are removed meanwhile, as far as that works.

        Raises:
            OSError: the disk says no.
        """
        folders, self._dirty = sorted(self._dirty), set()
        files, self._open = self._open, []
        work: list[Callable[[], None]] = [_closing(each) for each in files]
        work += [_syncing(self._root / each) for each in folders]
        work += [_removing(self._root / each) for each in obsolete]
        self._all(work)
        self._known |= self._fresh
        self._known.difference_update(obsolete)
        self._fresh = set()

    def close(self) -> None:
        """Let go of everything; what was not flushed stays unknown."""
        for descriptor in self._open:
            os.close(descriptor)
        self._open = []
        if self._pool is not None:
            self._pool.shutdown()

    def _need(self, folder: str) -> None:
        """Make a folder; its name is flushed even where it exists, for whoever made it may not have come that far."""
        while folder not in self._known and folder not in self._fresh:
            if not (self._root / folder).is_dir():
                durable.make_folder(self._root / folder, sync=False)
            above = folder.rpartition("/")[0]
            self._dirty.add(above)
            self._fresh.add(folder)
            folder = above

    def _write(self, path: Path, data: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        self._open.append(descriptor)
        durable.write_all(descriptor, data)

    def _flush_files(self) -> None:
        files, self._open = self._open, []
        self._all([_closing(each) for each in files])

    def _all(self, work: list[Callable[[], None]]) -> None:
        """Do all of it, whatever fails; then raise the first failure."""
        results = list((map if self._pool is None else self._pool.map)(_failure, work))
        for failure in results:
            if failure is not None:
                raise failure


def _failure(work: Callable[[], None]) -> OSError | None:
    try:
        work()
    except OSError as error:
        return error
    return None


def _closing(descriptor: int) -> Callable[[], None]:
    """Flush and close a file."""

    def work() -> None:
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    return work


def _syncing(path: Path) -> Callable[[], None]:
    """Flush a folder's names."""
    return lambda: durable.sync_path(path)


def _removing(folder: Path) -> Callable[[], None]:
    """Remove a folder of files; what cannot be removed costs only space."""
    return lambda: durable.remove_folder(folder)
