"""What a backup consists of: each file with its digest and pieces, and how far the case's logs had signed.

It is read from places that others may have written, so it is checked as a whole before anything is done with it: no
path leads out of the case, no file is there twice, sizes add up.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import Final

import msgspec

from pollwatch.errors import StoreError
from pollwatch.node.backup.vault import PIECE_BYTES

FORMAT: Final = "pollwatch.backup-list/1"
_MODES: Final = 0o666


class File(msgspec.Struct, frozen=True):
    """One file: where it lies in the case, its SHA-256 (hex), and the pieces that it is put together from."""

    path: str
    size: int
    sha256: str
    mode: int
    pieces: tuple[str, ...]


class LogState(msgspec.Struct, frozen=True):
    """How far a log had signed: ``root`` in hex; a restore compares what it finds with it."""

    name: str
    origin: str
    size: int
    root: str


class Manifest(msgspec.Struct, frozen=True):
    """A whole backup. Times are microseconds since 1970 UTC; ``schema`` is the database's revision."""

    format: str
    created_us: int
    version: str
    schema: str
    incidents: int
    events: int
    logs: tuple[LogState, ...]
    files: tuple[File, ...]

    def to_bytes(self) -> bytes:
        """As it is stored."""
        return msgspec.json.encode(self)

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(file.size for file in self.files)

    @property
    def pieces(self) -> frozenset[str]:
        """All pieces that it needs."""
        return frozenset(piece for file in self.files for piece in file.pieces)


def digest(data: bytes) -> str:
    """What tells a backup from any other: the SHA-256 of its list. Whoever notes it down elsewhere can ask for it."""
    return hashlib.sha256(data).hexdigest()


def parse(data: bytes, place: str) -> Manifest:
    """Read and check a manifest.

    Raises:
        StoreError: it is none, or was altered; names the backup.
    """
    try:
        found = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{place}: the list of a backup cannot be read ({error}); it was altered") from None
    if found.format != FORMAT:
        raise StoreError(f"{place}: this backup was made by a newer pollwatch ({found.format}); use that version")
    seen: set[str] = set()
    for file in found.files:
        _check(file, place)
        if file.path in seen:
            raise StoreError(f"{place}: {file.path!r} is in the backup twice; it was altered")
        seen.add(file.path)
    if "case.sqlite" not in seen:
        raise StoreError(f"{place}: the backup holds no case.sqlite; it was altered")
    return found


def _check(file: File, place: str) -> None:
    path = PurePosixPath(file.path)
    parts = path.parts
    fine = (
        parts
        and not path.is_absolute()
        and str(path) == file.path
        and not {"..", "."} & set(parts)
        and "\0" not in file.path
        and not file.mode & ~_MODES
    )
    if not fine:
        raise StoreError(f"{place}: {file.path!r} is no file of a case; the backup was altered")
    if file.size < 0 or len(file.pieces) != -(-file.size // PIECE_BYTES):
        raise StoreError(f"{place}: {file.path!r} is not {file.size} bytes long; the backup was altered")
