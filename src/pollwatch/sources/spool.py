"""The spool of one received source: whole lines, appended to numbered segments, flushed before anybody is answered.

One process writes (it holds a lock), others follow the segments as they follow any log, and remove those that were read
to their end. A process that is killed while it writes leaves the beginning of a line at most: whoever opens the spool
next takes it away before anything else is written. Followers never take a line without its end here.

*Batches* (of HTTP) have an id that their sender chose. What is about to be written under an id is noted, and flushed,
before the lines are. So a batch that was written in part when its writer died, and that is sent again, as nobody has
acknowledged it, is completed; one that was written whole is acknowledged again, and nothing is written.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pollwatch.errors import StoreError
from pollwatch.sources.position import Position
from pollwatch.sources.spool_batches import Batch, Batches
from pollwatch.store.disk import make_folder, sync

SEGMENT_BYTES: Final = 16 << 20
#: So much of the disk stays free for what the watch itself must write.
FREE_BYTES: Final = 256 << 20
_SEGMENT: Final = re.compile(r"([0-9]{12})\.log")
_WINDOW: Final = 1 << 20


class SpoolFullError(StoreError):
    """What was received is not read fast enough, or the disk is full: senders must wait."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Lines that are written together.

    Attributes:
        lines: each with its line end.
        batch: their sender's id; None where the protocol has none.
    """

    lines: bytes
    batch: Batch | None = None


class Spool:
    """The writing end. Not safe for several threads."""

    def __init__(self, folder: Path, limit_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Open it, making it where it is not there, and mend what a killed writer left.

        Args:
            folder: its own.
            limit_bytes: how much may wait to be read.
            segment_bytes: of a segment; then the next one begins.

        Raises:
            StoreError: another process writes it, or the folder cannot be written.
        """
        make_folder(folder)
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._most = segment_bytes
        self._lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise StoreError(f"{folder}: another receiver writes here; stop that one first") from None
        found = segments(folder)
        for number in found:
            mend(segment(folder, number))
        self._number = found[-1] if found else 0
        self._descriptor: int | None = None
        self._size = 0
        sizes = {number: segment(folder, number).stat().st_size for number in found}
        self.batches = Batches(folder / ".batches", sizes)

    def close(self) -> None:
        """Let go of it; what was appended is flushed."""
        if self._descriptor is not None:
            os.fdatasync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None
        self.batches.close()
        os.close(self._lock)

    def full(self, more: int = 0) -> bool:
        """Whether so many bytes more are too many."""
        waiting = 0
        for number in segments(self.folder):
            with suppress(FileNotFoundError):
                waiting += segment(self.folder, number).stat().st_size
        if waiting + more > self.limit_bytes:
            return True
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize - more < FREE_BYTES

    def append(self, entries: Sequence[Entry], *, flush: bool = True) -> None:
        """Write lines. With ``flush`` they survive a power cut once this returns.

        Raises:
            SpoolFullError: the limit is reached, or the disk is full; nothing was written that will be read.
        """
        data: list[bytes] = []
        noted: list[tuple[Batch, int, int]] = []
        ids: set[str] = set()
        size = 0
        for entry in entries:
            lines = entry.lines
            if entry.batch is not None:
                done = self.batches.done(entry.batch)
                lines = b"" if entry.batch.id in ids else lines[done:]
                ids.add(entry.batch.id)
                if lines:
                    noted.append((entry.batch, done, size))
            data.append(lines)
            size += len(lines)
        if not size:
            return
        if self.full(size):
            if self._descriptor is None or self._size:
                self._next()  # so that what was written until now can be read to its end and taken out
            raise SpoolFullError(f"{self.folder}: {self.limit_bytes >> 20} MiB wait to be read, or the disk is full")
        descriptor = self._open(size)
        try:
            self.batches.note([(batch, done, self._number, self._size + at) for batch, done, at in noted])
            _write(descriptor, b"".join(data))
            if flush or noted:
                os.fdatasync(descriptor)
        except OSError as error:
            self._abandon(descriptor)
            raise SpoolFullError(f"{self.folder}: {error.strerror}") from error
        self._size += size
        for batch, _done, _at in noted:
            self.batches.written(batch)

    def flush(self) -> None:
        """Wait until all that was appended is on the disk."""
        if self._descriptor is not None:
            os.fdatasync(self._descriptor)

    def _open(self, size: int) -> int:
        """The segment to append to; a new one after each start, and when one is full."""
        if self._descriptor is None or (self._size and self._size + size > self._most):
            return self._next()
        return self._descriptor

    def _next(self) -> int:
        """Begin the next segment."""
        if self._descriptor is not None:
            os.fdatasync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None
        try:
            path = segment(self.folder, self._number + 1)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
            sync(self.folder)
        except OSError as error:
            raise SpoolFullError(f"{self.folder}: {error.strerror}") from error
        self._number += 1
        self._size = 0
        return self._descriptor

    def _abandon(self, descriptor: int) -> None:
        """Take back what was written in part, and go on in another segment: noted places are never used twice."""
        with suppress(OSError):
            os.ftruncate(descriptor, self._size)
        os.close(descriptor)
        self._descriptor = None


def segments(folder: Path) -> list[int]:
    """The numbers of the segments that are there, in order."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - asked often
    except FileNotFoundError:
        return []
    return sorted(int(found[1]) for name in names if (found := _SEGMENT.fullmatch(name)) is not None)


def segment(folder: Path, number: int) -> Path:
    """Where a segment lies."""
    return folder / f"{number:012d}.log"


def last_line(folder: Path) -> bytes:
    """The last whole line that was written, without its end; empty where there is none."""
    for number in reversed(segments(folder)):
        path = segment(folder, number)
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start, held = size, b""
            while start and held.count(b"\n") < 2:
                begin = max(0, start - _WINDOW)
                file.seek(begin)
                held, start = file.read(start - begin) + held, begin
        lines = held[: held.rfind(b"\n")].split(b"\n") if b"\n" in held else [b""]
        if lines[-1]:
            return lines[-1]
    return b""


def mend(path: Path) -> None:
    """Take away the beginning of a line that a killed writer left."""
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            begin = max(0, end - _WINDOW)
            file.seek(begin)
            newline = file.read(end - begin).rfind(b"\n")
            end = begin + newline + 1 if newline >= 0 else begin
            if newline >= 0:
                break
        if end < file.seek(0, os.SEEK_END):
            file.truncate(end)
            file.flush()
            os.fdatasync(file.fileno())


def prune(folder: Path, positions: Iterable[Position]) -> int:
    """Remove segments that were read to their end, once that is committed; the newest one always stays.

    Args:
        folder: of one source's spool.
        positions: as committed.

    Returns:
        How many were removed.
    """
    there = segments(folder)
    removed = 0
    for position in positions:
        path = Path(position.path)
        found = _SEGMENT.fullmatch(path.name)
        if path.parent != folder or found is None or not there or int(found[1]) >= there[-1]:
            continue
        with suppress(FileNotFoundError):
            if path.stat().st_size == position.offset and not position.ended:
                path.unlink()
                removed += 1
    for number in there[:-1]:
        with suppress(FileNotFoundError):
            if not segment(folder, number).stat().st_size:  # a full disk left it
                segment(folder, number).unlink()
    return removed


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
