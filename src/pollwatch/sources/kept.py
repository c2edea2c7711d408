"""What was received and read, kept: the only original there is, since no file of its sender's lies here.

A segment of the spool that was read to its end, and whose reading is committed, is compressed into the source's folder
and only then removed from the spool. Together they are one input: the segments in order, first those that are kept,
then those that still lie in the spool.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

import zstandard

from pollwatch.clock import US_PER_S
from pollwatch.errors import SourceError, StoreError
from pollwatch.sources import spool
from pollwatch.sources.position import Position
from pollwatch.store.disk import make_folder, publish

FOLDER: Final = "kept"
_SPOOL: Final = "spool"
_SUFFIX: Final = ".log.zst"
_CHUNK_BYTES: Final = 1 << 20


def folder_of(live: Path, source: str) -> Path:
    """Where the segments of a received source are kept; also what the case calls it."""
    return live / FOLDER / source


def keep(live: Path, source: str, positions: Iterable[Position]) -> int:
    """Keep the segments of a source that were read to their end, and take them out of the spool.

    If we stop in between, a segment stands in both; the next call removes it from the spool.

    Args:
        live: the case's ``live`` folder.
        source: a received source.
        positions: of its segments, as committed.

    Returns:
        How many were taken out.

    Raises:
        StoreError: the disk is full or not writable.
    """
    waiting, kept = live / _SPOOL / source, folder_of(live, source)
    mine = [each for each in positions if Path(each.path).parent == waiting and not each.ended]
    numbers = spool.segments(waiting)[:-1]  # the newest is still written to
    for position in mine:
        path = Path(position.path)
        with suppress(FileNotFoundError):
            if path.name in {f"{number:012d}.log" for number in numbers} and path.stat().st_size == position.offset:
                _compress(path, kept)
    return spool.prune(waiting, mine)


def _compress(path: Path, kept: Path) -> None:
    final = kept / (path.name.removesuffix(".log") + _SUFFIX)
    if final.exists() or not path.stat().st_size:
        return
    make_folder(kept)
    aside = kept / f".{final.name}"
    try:
        with path.open("rb") as plain, aside.open("wb") as packed:
            zstandard.ZstdCompressor(level=3).copy_stream(plain, packed)
        publish(aside, final)
    except OSError as error:
        raise StoreError(f"{final}: {error.strerror}; is the disk full?") from error


def find(path: str) -> KeptSource | None:
    """The received input that the case calls so; None where the name is another kind of input's."""
    folder = Path(path)
    return KeptSource(folder) if folder.parent.name == FOLDER and folder.parent.parent.is_dir() else None


@dataclass(frozen=True, slots=True)
class KeptSource:
    """A received source as an input that can be read again."""

    folder: Path

    @property
    def path(self) -> str:
        """As the case calls it."""
        return str(self.folder)

    @property
    def size_bytes(self) -> int:
        """As stored."""
        return sum(each.stat().st_size for each in self._segments())

    @property
    def anchor_us(self) -> int:
        """When something was written last."""
        return max((each.stat().st_mtime_ns // 1000 for each in self._segments()), default=US_PER_S)

    def open(self) -> BinaryIO:
        """All of it, in order.

        Raises:
            SourceError: nothing of it is there.
        """
        found = self._segments()
        if not found:
            raise SourceError(f"{self.path}: nothing that was received is there any more")
        return cast("BinaryIO", io.BufferedReader(_Chained(found), _CHUNK_BYTES))

    def _segments(self) -> list[Path]:
        waiting = self.folder.parent.parent / _SPOOL / self.folder.name
        found = {each.name.removesuffix(_SUFFIX): each for each in sorted(self.folder.glob(f"[0-9]*{_SUFFIX}"))}
        for number in spool.segments(waiting):
            found.setdefault(f"{number:012d}", spool.segment(waiting, number))
        return [found[name] for name in sorted(found)]


class _Chained(io.RawIOBase):
    """Segments as one stream of plain bytes."""

    def __init__(self, segments: list[Path]) -> None:
        super().__init__()
        self._paths = segments
        self._chunks = self._read()
        self._held = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """To the beginning only."""
        if offset or whence != os.SEEK_SET:
            raise io.UnsupportedOperation("what was received is read from its beginning")
        self._chunks, self._held = self._read(), b""
        return 0

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._held:
            self._held = next(self._chunks, b"")
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size

    def _read(self) -> Iterator[bytes]:
        for path in self._paths:
            with path.open("rb") as stored:
                plain = zstandard.ZstdDecompressor().stream_reader(stored) if path.suffix == ".zst" else stored
                while chunk := plain.read(_CHUNK_BYTES):
                    yield chunk
