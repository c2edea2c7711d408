"""One file that is followed: what was read, whether it is still the same file, and the next whole records.

What stands after the last line end is kept back until its end comes, or until it has not grown for a while. A record
longer than any may be keeps its head and is counted; its middle is passed over without being held.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from pollwatch.sources.content import Content
from pollwatch.sources.decode import Encoding, encoding_of
from pollwatch.sources.interface import CHUNK_BYTES, MAX_RECORD_BYTES
from pollwatch.sources.position import HEAD_BYTES, TAIL_BYTES, Position, digest

_SCANNED_AT_ONCE: Final = 64 << 20
_TELLING_BYTES: Final = 8
"""So many bytes show UTF-16 without a mark; what has no zero byte needs fewer."""


_MARKS: Final = 0xEF
"""Byte order marks begin with this or more."""


class ReplacedError(Exception):
    """The file no longer holds what was read of it: it was truncated, or its inode is another file's now."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive records of one file.

    Attributes:
        source: the source's name in the settings.
        path: of the file, as it was called when this was read.
        before: the place before the first record.
        after: the place behind the last one; committed with what came of them.
        raw: their bytes as they stand in the file (its decompressed content) with their line ends; only the last
            record of a file may lack one. A byte order mark is left out.
        cut_bytes: 0, or the true length of the only record, of which ``raw`` holds the head without its line end.
    """

    source: str
    path: str
    before: Position
    after: Position
    raw: bytes
    cut_bytes: int = 0


class FollowedFile:
    """One file, from a position on."""

    def __init__(self, position: Position) -> None:
        """Begin at a place.

        Args:
            position: where; what it says of the content is compared before anything is read.
        """
        self.position = position
        self.content: Content | None = None
        self.head = b""
        self._tail = b""
        self._verified = position.offset == 0
        self._scanned = 0  # of an endless record: how far its end was looked for
        self._pending = (-1, 0.0)  # where the content ended, and since when it ends there
        self.pending = False
        """The last step met the beginning of a record whose end is waited for."""

    def attach(self, path: str) -> None:
        """Open it under its present name; what it holds is compared when it is read.

        Raises:
            OSError: it cannot be opened.
        """
        self.detach()
        self.content = Content(path)
        self._verified = self.position.offset == 0
        self._scanned = 0

    def detach(self) -> None:
        """Let go of the open file."""
        if self.content is not None:
            self.content.close()
            self.content = None

    def verify(self) -> None:
        """Compare what was read with what the file holds.

        Raises:
            ReplacedError: it is another content.
        """
        if self.content is None:
            raise ReplacedError
        position = self.position
        head = self.content.read(0, position.head_bytes)
        start = position.offset - position.tail_bytes if not position.ended else 0
        tail = self.content.read(start, position.tail_bytes)
        if (len(head), digest(head)) != (position.head_bytes, position.head):
            raise ReplacedError
        if (len(tail), digest(tail)) != (position.tail_bytes, position.tail):
            raise ReplacedError
        self.head, self._tail, self._verified = head, tail, True

    def step(self, budget: int, now_s: float, patience_s: float) -> Chunk | None:
        """The next records, at most about so many bytes of them; None where no whole one is there.

        Raises:
            ReplacedError: the file no longer holds what was read of it.
            OSError: the disk says no.
        """
        content, self.pending = self.content, False
        if content is None or self.position.ended:
            return None
        if not self._verified:
            self.verify()
        if not content.packed and self.head and content.read(0, len(self.head)) != self.head:
            raise ReplacedError
        if self.position.offset == 0 and not self._begin(content, now_s, patience_s):
            return None
        if not self._scanned:
            data, end = self._window(content, min(budget, CHUNK_BYTES))
            if not self._scanned:
                return self._next(data, end, now_s, patience_s)
        return self._endless(content, now_s, patience_s)

    def _window(self, content: Content, want: int) -> tuple[bytes, int]:
        """What stands behind the position, enough for one record, and where its last line end ends (0: nowhere)."""
        tail = len(self._tail)
        while True:
            data = content.read(self.position.offset - tail, tail + want)
            if data[:tail] != self._tail:
                raise ReplacedError
            data = data[tail:]
            end = self._last_end(data)
            if end or len(data) < want:
                return data, end
            if want > MAX_RECORD_BYTES:
                self._scanned = self.position.offset + MAX_RECORD_BYTES
                return b"", 0
            want = min(want * 8, MAX_RECORD_BYTES + 2)

    def _next(self, data: bytes, end: int, now_s: float, patience_s: float) -> Chunk | None:
        """The whole records of a window; what stands behind them only if it was waited for long enough."""
        if self.position.open_end and data:
            own = self._own_end(data)
            if own < 0:
                return None
            self._skip(data[:own])
            data, end = data[own:], max(0, end - own)
        if end:
            return self._chunk(data[:end])
        if not data or not self._waited(self.position.offset + len(data), now_s, patience_s):
            return None
        if self.position.encoding != "utf-8":
            data = data[: len(data) // 2 * 2]
        return self._chunk(data, open_end=True) if data else None

    def number_as(self, generation: int) -> None:
        """Take a place among the files of the log; nothing was read yet."""
        self.position = replace(self.position, generation=generation)

    def pass_over(self) -> None:
        """Want nothing of it, and know it again."""
        self.head = self.content.read(0, HEAD_BYTES) if self.content is not None else b""
        self.position = replace(self.position, head_bytes=len(self.head), head=digest(self.head), ended=True)

    def to_the_end(self) -> None:
        """Begin behind the last record that stands there now; of a compressed file nothing is wanted then."""
        if self.content is None or self.content.packed:
            self.pass_over()
            return
        size = self.content.status().st_size
        self.head = self.content.read(0, min(HEAD_BYTES, size))
        encoding, _bom = encoding_of(self.head)
        start = max(0, size - MAX_RECORD_BYTES) // 2 * 2
        self.position = self._at(0, 0, encoding=encoding)
        end = start + self._last_end(self.content.read(start, size - start))
        if end > start:
            self.head = self.head[:end]
            self._tail = self.content.read(max(0, end - TAIL_BYTES), min(end, TAIL_BYTES))
            self.position, self._verified = self._at(end, 0), True
        else:
            self.head = b""
            self.position = self._at(0, 0)

    # What a step is made of

    def _begin(self, content: Content, now_s: float, patience_s: float) -> bool:
        """Tell the encoding from the first bytes; whether they are there."""
        head = content.read(0, HEAD_BYTES)
        if not head or not content.settled():
            return bool(head) and self._waited(len(head), now_s, patience_s)
        unclear = len(head) < _TELLING_BYTES and (b"\0" in head or head[0] >= _MARKS)
        if unclear and not self._waited(len(head), now_s, patience_s):
            return False
        # A file of three letters shows its encoding as well as a long one: what little there is, several times over.
        encoding, bom = encoding_of(head if len(head) >= _TELLING_BYTES else head[: len(head) // 2 * 2] * 8 or head)
        if bom:
            self._tail = self.head = head[:bom]
        self.position = self._at(bom, 0, encoding=encoding)
        return True

    def _waited(self, end: int, now_s: float, patience_s: float) -> bool:
        """Whether the content has ended here for as long as one waits for the rest of a record."""
        if self._pending[0] != end:
            self._pending = (end, now_s)
        self.pending = now_s - self._pending[1] < patience_s
        return not self.pending

    def _own_end(self, data: bytes) -> int:
        """How many bytes are the late line end of the last record; -1 where that cannot be told yet."""
        newline, carriage = (each.encode(self.position.encoding) for each in ("\n", "\r"))
        for own in (newline, carriage + newline):
            if data.startswith(own):
                return len(own)
        return -1 if data and (carriage + newline).startswith(data) else 0

    def _last_end(self, data: bytes) -> int:
        """Behind the last line end in these bytes; 0 where there is none."""
        if self.position.encoding == "utf-8":
            return data.rfind(b"\n") + 1
        newline, limit = "\n".encode(self.position.encoding), len(data)
        while (found := data.rfind(newline, 0, limit)) >= 0 and found % 2:
            limit = found + 1
        return found + 2 if found >= 0 else 0

    def _first_end(self, data: bytes) -> int:
        """Where the first line end in these bytes begins; -1 where there is none."""
        if self.position.encoding == "utf-8":
            return data.find(b"\n")
        newline, found = "\n".encode(self.position.encoding), -1
        while (found := data.find(newline, found + 1)) >= 0 and found % 2:
            pass
        return found

    def _endless(self, content: Content, now_s: float, patience_s: float) -> Chunk | None:
        """Look on for the end of a record of which only the head is kept; the file itself is the memory."""
        width = len("\n".encode(self.position.encoding))
        until = self._scanned + _SCANNED_AT_ONCE
        while self._scanned < until:
            data = content.read(self._scanned, CHUNK_BYTES)
            data = data[: len(data) - len(data) % width]
            end = self._first_end(data)
            if end >= 0:
                return self._cut(content, self._scanned + end, width)
            self._scanned += len(data)
            if len(data) < CHUNK_BYTES - 1:
                if self._waited(self._scanned, now_s, patience_s):
                    return self._cut(content, self._scanned, 0)
                return None
        return None

    def _cut(self, content: Content, end: int, width: int) -> Chunk:
        before = self.position
        after = end + width
        raw = content.read(before.offset, min(MAX_RECORD_BYTES, end - before.offset))
        self._tail = content.read(after - TAIL_BYTES, TAIL_BYTES)
        self.head = (self.head + raw)[:HEAD_BYTES]
        self._scanned = 0
        self.position = self._at(after, before.number + 1, open_end=not width)
        return Chunk(before.source, content.path, before, self.position, raw, end - before.offset)

    def _chunk(self, raw: bytes, *, open_end: bool = False) -> Chunk:
        before = self.position
        self._extend(raw)
        number = before.number + self._count(raw) + open_end
        self.position = self._at(before.offset + len(raw), number, open_end=open_end)
        return Chunk(before.source, self.position.path, before, self.position, raw)

    def _skip(self, own: bytes) -> None:
        """Pass over the late line end of the last record, if any: what comes now is another record."""
        self._extend(own)
        self.position = self._at(self.position.offset + len(own), self.position.number)

    def _extend(self, consumed: bytes) -> None:
        if len(self.head) < HEAD_BYTES:
            self.head = (self.head + consumed[:HEAD_BYTES])[:HEAD_BYTES]
        self._tail = (self._tail + consumed[-TAIL_BYTES:])[-TAIL_BYTES:]

    def _count(self, raw: bytes) -> int:
        if self.position.encoding == "utf-8":
            return raw.count(b"\n")
        return raw.decode(self.position.encoding, "replace").count("\n")

    def _at(self, offset: int, number: int, *, encoding: Encoding | None = None, open_end: bool = False) -> Position:
        old = self.position
        status = self.content.status() if self.content is not None else None
        return Position(
            old.source,
            old.stream,
            old.generation,
            self.content.path if self.content is not None else old.path,
            status.st_dev if status is not None else old.device,
            status.st_ino if status is not None else old.inode,
            len(self.head),
            digest(self.head),
            len(self._tail),
            digest(self._tail),
            offset,
            number,
            encoding or old.encoding,
            open_end,
            old.ended,
        )
