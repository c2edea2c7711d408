"""One log and the files that rotation has made of it: which file is which, and in what order they are read.

At every look the files that lie there are told apart:

- *known*: device and inode are those of a file that was read before, and its content agrees; or only its content does
  (it was copied, compressed or restored). Reading goes on where it stopped.
- *copy*: it begins as a known file that is still there does. It is being compressed or copied, so it waits: should the
  other be removed or truncated, this one becomes it; what was read is not read twice.
- *new*: all else. New files are read after all that were met before them.

A file that was removed or moved away while it was open is read to its end through the open descriptor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pollwatch.sources.content import Content
from pollwatch.sources.finding import Found, Watched
from pollwatch.sources.followed_file import Chunk, FollowedFile, ReplacedError
from pollwatch.sources.position import HEAD_BYTES, TAIL_BYTES, Position, digest

_GONE_KEPT: Final = 64
_LOST_AFTER_S: Final = 5.0
_OLDER_PATIENCE_S: Final = 2.0
_IDLE_S: Final = 10.0

NoticeKind = Literal["lost", "truncated", "damaged", "unreadable"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should know of a followed log.

    Attributes:
        kind: ``lost``: records were rotated away or overwritten before they were read; ``truncated``: the same, and
            nothing is known to be lost; ``damaged``: a compressed file ends early; ``unreadable``: not permitted, or
            an error of the disk.
        source: the source's name.
        path: of the file, as it was called last.
        number: records that were read of it.
        detail: the system's words, or empty.
    """

    kind: NoticeKind
    source: str
    path: str
    number: int
    detail: str = ""


@dataclass(slots=True)
class _Kept:
    """A file and what the last look showed of it."""

    file: FollowedFile
    found: Found | None = None
    read_state: tuple[int, int, int, int] | None = None  # how it lay there when nothing more could be read
    idle_since_s: float = 0.0
    lost_since_s: float | None = None
    replaced: bool = False
    told: bool = False
    drained: bool = False
    drained_bytes: int = 0  # its size, as stored, when nothing more could be read
    refused: set[tuple[int, int, int, int]] = field(default_factory=set)  # candidates that are not this file


class FollowedLog:
    """See the module."""

    def __init__(self, watched: Watched, stream: str, positions: Iterable[Position] = ()) -> None:
        """Begin, from earlier positions where there are any."""
        self.source = watched.name
        self.stream = stream
        self._begin = watched.begin
        self._whole = watched.whole
        known = sorted(positions, key=lambda each: each.generation)
        self._met = bool(known)
        self._kept = [_Kept(FollowedFile(each)) for each in known if each.generation]
        for older in self._kept[:-1]:
            older.drained = True  # newer files were read, so this one had been read to its end
        self._notices: list[Notice] = []

    def positions(self) -> Iterator[Position]:
        """Where reading stands, for each file of which something was read; generation 0 says that the log was met."""
        if self._met:
            yield _nothing(self.source, self.stream, self.stream, (0, 0), ended=True)
        for kept in self._kept:
            if kept.file.position.offset or kept.file.position.ended:
                yield kept.file.position

    def notices(self) -> list[Notice]:
        """What was noticed since the last call."""
        told, self._notices = self._notices, []
        return told

    def lag_bytes(self) -> int:
        """Bytes that are there and were not read; of compressed files as stored, if nothing was read of them."""
        lag = 0
        for kept in self._kept:
            position, content = kept.file.position, kept.file.content
            if content is None or position.ended:
                continue
            size = content.status().st_size
            if not content.packed:
                lag += max(0, size - position.offset)
            elif not kept.drained:
                lag += size
        return lag

    def close(self) -> None:
        """Let go of all files."""
        for kept in self._kept:
            kept.file.detach()

    # Telling files apart

    def look(self, found: Sequence[Found], now_s: float) -> None:
        """Take note of which files lie there now, oldest first."""
        free = {each.identity: each for each in found}
        missing: list[_Kept] = []
        for kept in reversed(self._kept):  # an inode that two of them name is the later one's
            here = free.get((kept.file.position.device, kept.file.position.inode))
            if here is not None and self._is_still(kept, here):
                kept.found, kept.lost_since_s = free.pop(here.identity), None
            else:
                missing.insert(0, kept)
        for kept in missing:
            self._find_again(kept, free, now_s)
        self._meet([each for each in found if each.identity in free and each.size], now_s)
        self._met = self._met or bool(found)
        self._forget(now_s)

    def _is_still(self, kept: _Kept, here: Found) -> bool:
        """Whether the file with the same inode is the same file."""
        file = kept.file
        if self._whole and here.path != file.position.path:
            return False  # a segment of a spool is never renamed, and the next one may hold the same lines
        if file.content is not None:
            if here.size < file.position.offset and not file.content.packed:
                return False
            file.content.path = here.path
            return True
        if kept.read_state == here.state:
            return True
        return self._attach(kept, here)

    def _attach(self, kept: _Kept, here: Found) -> bool:
        try:
            kept.file.attach(here.path)
            kept.file.verify()
        except ReplacedError:
            kept.file.detach()
            return False
        except OSError as error:
            kept.file.detach()
            self._tell(kept, "unreadable", error.strerror or str(error))
            return (here.device, here.inode) == (kept.file.position.device, kept.file.position.inode)
        return True

    def _find_again(self, kept: _Kept, free: dict[tuple[int, int], Found], now_s: float) -> None:
        """Look for a file that lies nowhere under its inode: by what it holds."""
        file, kept.found = kept.file, None
        if (file.position.offset or file.position.ended) and not self._whole:
            for here in list(free.values()):
                if here.size and here.state not in kept.refused:
                    other = _Kept(FollowedFile(file.position))
                    if self._attach(other, here):
                        file.detach()
                        kept.file, kept.read_state = other.file, None
                        kept.found, kept.lost_since_s = free.pop(here.identity), None
                        return
                    kept.refused.add(here.state)
        if file.content is not None:
            if file.content.packed or file.content.status().st_size >= file.position.offset:
                return  # removed or moved away; what is left is read through the descriptor
            file.detach()
            kept.replaced = True
        if kept.lost_since_s is None:
            kept.lost_since_s = now_s

    def _meet(self, free: Sequence[Found], now_s: float) -> None:
        """Follow new files; those that are only copies wait."""
        met: list[tuple[Found, _Kept]] = []
        for here in sorted(free, key=lambda each: -each.size):
            try:
                content = Content(here.path)
            except OSError as error:
                self._notices.append(Notice("unreadable", self.source, here.path, 0, error.strerror or str(error)))
                continue
            if not content.settled() or self._is_copy(content, here, [*self._kept, *(kept for _, kept in met)]):
                content.close()
                continue
            start = _nothing(self.source, self.stream, here.path, here.identity)
            kept = _Kept(FollowedFile(start), here, idle_since_s=now_s)
            kept.file.content = content
            met.append((here, kept))
        met.sort(key=lambda each: (each[0].age, each[0].path))
        generation = self._kept[-1].file.position.generation if self._kept else 0
        for number, (_here, kept) in enumerate(met, generation + 1):
            kept.file.number_as(number)
            self._kept.append(kept)
        if self._met:
            return
        for _here, kept in met:
            self._first(kept)

    def _first(self, kept: _Kept) -> None:
        """When the log is met for the first time, what lies there already may not be wanted."""
        found = kept.found
        if found is None or self._begin == "all" or (found.wanted and self._begin == "file"):
            return
        if found.wanted and found.age.kind == 2:
            kept.file.to_the_end()
        else:
            kept.file.pass_over()

    def _is_copy(self, content: Content, here: Found, others: Sequence[_Kept]) -> bool:
        if self._whole:
            return False
        head = content.read(0, HEAD_BYTES)
        if not head:
            return content.packed  # a compressed file that holds nothing yet
        return any(_copies(content, head, here, other) for other in others if other.lost_since_s is None)

    # Reading

    def read(self, budget: int, now_s: float, patience_s: float) -> Chunk | None:
        """The next records, older files first; None where there are none.

        Raises:
            ReplacedError: a file was replaced under our hands; look again.
        """
        for number, kept in enumerate(self._kept):
            file = kept.file
            if file.content is None or file.position.ended:
                continue
            newest = number == len(self._kept) - 1
            size = file.content.status().st_size
            patience = math.inf if self._whole else patience_s if newest else min(patience_s, _OLDER_PATIENCE_S)
            try:
                chunk = file.step(budget, now_s, patience)
            except ReplacedError:
                file.detach()
                kept.read_state, kept.replaced = None, True
                raise
            except OSError as error:
                self._tell(kept, "unreadable", error.strerror or str(error))
                file.detach()
                continue
            if chunk is not None:
                kept.drained, kept.idle_since_s = False, now_s
                return chunk
            if file.content.damage:
                self._tell(kept, "damaged", file.content.damage)
            kept.drained, kept.drained_bytes = not file.pending, size
            kept.read_state = kept.found.state if kept.found is not None else None
            if file.pending and not newest:
                return None  # its last record is waited for before any later file's
        return None

    def _forget(self, now_s: float) -> None:
        """Close what is done, tell what is lost, and forget files that are gone for long."""
        gone = 0
        for kept in reversed(self._kept):
            idle = now_s - kept.idle_since_s > _IDLE_S
            if kept.found is not None:
                if idle and _is_done(kept) and kept is not self._kept[-1]:
                    kept.file.detach()
                continue
            if kept.file.content is not None:  # removed, but open
                if idle and _is_done(kept):
                    kept.file.detach()
                continue
            gone += 1
            if kept.lost_since_s is not None and not kept.told and now_s - kept.lost_since_s >= _LOST_AFTER_S:
                kept.told = True
                if not kept.file.position.ended and (kept.replaced or not kept.drained):
                    self._tell(kept, "truncated" if kept.drained else "lost")
            if gone > (0 if self._whole and kept.drained else _GONE_KEPT):
                self._kept.remove(kept)

    def _tell(self, kept: _Kept, kind: NoticeKind, detail: str = "") -> None:
        position = kept.file.position
        self._notices.append(Notice(kind, self.source, position.path, position.number, detail))


def _is_done(kept: _Kept) -> bool:
    """Whether nothing came since a file was read to its end: a log that had to wait may have grown long ago."""
    content = kept.file.content
    return kept.drained and (content is None or content.status().st_size == kept.drained_bytes)


def _nothing(source: str, stream: str, path: str, identity: tuple[int, int], *, ended: bool = False) -> Position:
    """The place before the first byte."""
    none = digest(b"")
    return Position(source, stream, 0, path, *identity, 0, none, 0, none, 0, 0, "utf-8", ended=ended)


def _copies(content: Content, head: bytes, here: Found, other: _Kept) -> bool:
    """Whether a file holds the beginning of another one that is followed."""
    theirs = other.file.content
    if theirs is None:
        size = other.file.position.offset
        begin = other.file.head
    else:
        size = theirs.status().st_size
        begin = theirs.read(0, HEAD_BYTES)
    if not begin or len(head) > len(begin) or not begin.startswith(head):
        return False
    if content.packed or theirs is None or theirs.packed:
        return True
    start = max(0, here.size - TAIL_BYTES)
    return here.size <= size and content.read(start, TAIL_BYTES)[: here.size - start] == theirs.read(
        start, here.size - start
    )
