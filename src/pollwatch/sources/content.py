"""The plain bytes of one open file at any offset, compressed or not; the file may grow while it is open."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import Final

from pollwatch.errors import SourceError
from pollwatch.sources.decompress import chunks, compression

_MAGIC_BYTES: Final = 6


class Content:
    """One file, held open: it can be read to its end although it was renamed or removed."""

    def __init__(self, path: str) -> None:
        """Open a file.

        Raises:
            OSError: it cannot be opened, or is no regular file.
        """
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self._stream: Iterator[bytes] | None = None
        self._held = b""
        self._at = 0  # plain offset of the first held byte
        self._packed: bool | None = None
        self._ended_at: tuple[int, int] | None = None  # how the file was when decompressing came to its end
        self.damage = ""

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)

    def status(self) -> os.stat_result:
        """As ``os.fstat``."""
        return os.fstat(self._descriptor)

    @property
    def packed(self) -> bool:
        """Whether the file is compressed; what has too few bytes to tell holds nothing yet."""
        if self._packed is None:
            head = os.pread(self._descriptor, _MAGIC_BYTES, 0)
            if len(head) == _MAGIC_BYTES or b"\n" in head:
                self._packed = bool(compression(head))
        return bool(self._packed)

    def settled(self) -> bool:
        """Whether the first bytes show already what the file is."""
        return self.packed or self._packed is not None

    def read(self, offset: int, most: int) -> bytes:
        """Up to so many plain bytes from an offset; fewer only at the (present) end.

        Raises:
            OSError: the disk says no.
        """
        if not self.packed:
            return _pread(self._descriptor, offset, most)
        if self._stream is None or offset < self._at or self._ended_at not in {None, self._now()}:
            self._again()
        while self._at + len(self._held) < offset + most and self._more():
            keep = max(0, offset - self._at)
            if keep >= len(self._held):  # not wanted: a place far into the file is being looked for
                self._at += len(self._held)
                self._held = b""
        begin = max(0, offset - self._at)
        found = self._held[begin : begin + most] if self._at <= offset else b""
        if begin > 0 and begin <= len(self._held):
            self._held, self._at = self._held[begin:], self._at + begin
        return found

    def _again(self) -> None:
        """Decompress from the beginning; the file has changed, or an earlier place is asked for."""
        stored = io.FileIO(os.dup(self._descriptor), "rb")
        stored.seek(0)
        self._stream = _owned(stored, self.path)
        self._held, self._at, self._ended_at, self.damage = b"", 0, None, ""

    def _now(self) -> tuple[int, int]:
        status = self.status()
        return status.st_size, status.st_mtime_ns

    def _more(self) -> bool:
        if self._stream is None or self._ended_at is not None:
            return False
        now = self._now()
        try:
            chunk = next(self._stream, b"")
        except SourceError as error:  # cut short: it may still be on its way
            self.damage, chunk = str(error), b""
        if not chunk:
            self._ended_at = now
        self._held += chunk
        return bool(chunk)


def _owned(stored: io.FileIO, path: str) -> Iterator[bytes]:
    with stored:
        yield from chunks(stored, path)


def _pread(descriptor: int, offset: int, most: int) -> bytes:
    """``os.pread`` that goes on where the system gives less than there is."""
    first = os.pread(descriptor, most, offset)
    if len(first) in {0, most}:
        return first
    parts, size = [first], len(first)
    while size < most and (more := os.pread(descriptor, most - size, offset + size)):
        parts.append(more)
        size += len(more)
    return b"".join(parts)
