"""Logs in a zip or tar file: each file in it is an input, named ``ARCHIVE!/MEMBER``.

Nothing is unpacked to where its name says: a member is read where it lies, and its name is only what it is called.
So links, absolute names and ``..`` lead nowhere. A tar file that is compressed as a whole is decompressed once, into
a temporary file without a name. What an archive may come to when decompressed is bounded, and what it holds besides
regular files, hidden ones and what macOS puts beside them is left out. Archives in archives are not opened.
"""

from __future__ import annotations

import calendar
import io
import os
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, cast

from pollwatch.clock import US_PER_S
from pollwatch.errors import SourceError
from pollwatch.sources.decompress import chunks, compression

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12 on

#: Between an archive's path and a member's name, as Java has it.
INSIDE = "!/"
#: No archive may hold more files ...
MAX_MEMBERS = 5_000
#: ... or come to more bytes.
MAX_BYTES = 64 << 30
_TOO_MUCH = f"the archive holds more than {MAX_MEMBERS} files or {MAX_BYTES >> 30} GiB; unpack what you need"
_ZIP = b"PK\x03\x04"
_TAR_AT, _TAR = 257, b"ustar"
_DAY_S = 86_400


class _TooMuchError(Exception):
    """An archive is beyond what we read."""


@dataclass(frozen=True, slots=True)
class MemberSource:
    """One file in an archive.

    Attributes:
        path: ``ARCHIVE!/MEMBER``.
        folder: as in ``FileSource``: what was named and under which this was met; empty where it was named itself.
        stored: what it is read from.
    """

    path: str
    size_bytes: int
    anchor_us: int
    folder: str
    stored: _InZip | _InTar

    def open(self) -> BinaryIO:
        """The bytes as they were before they were put into the archive.

        Raises:
            SourceError: the archive is gone, damaged or asks for a password.
        """
        try:
            return self.stored.open()
        # zipfile raises the second where a password is wanted, the third where it lacks the way of packing.
        except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
            raise SourceError(f"{self.path}: it cannot be read from the archive: {error}") from error


@dataclass(frozen=True, slots=True)
class _InZip:
    file: Path
    member: zipfile.ZipInfo

    def open(self) -> BinaryIO:
        """A stream of its own."""
        with zipfile.ZipFile(self.file) as archive:
            return cast("BinaryIO", archive.open(self.member))


class _Plain:
    """The bytes of a tar file, open for as long as a member of it may be read."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)


@dataclass(frozen=True, slots=True)
class _InTar:
    plain: _Plain
    start: int
    size: int

    def open(self) -> BinaryIO:
        """A stream of its own."""
        return io.BufferedReader(_Part(self.plain, self.start, self.size))


class _Part(io.RawIOBase):
    """A part of an open file, with a position of its own."""

    def __init__(self, whole: _Plain, start: int, size: int) -> None:
        super().__init__()
        self._whole, self._start, self._size = whole, start, size
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position; never before the beginning."""
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence, self._size))
        return self._at

    def tell(self) -> int:
        """The position."""
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        """Fill the buffer as far as the part goes; an error where the archive was cut short."""
        into = memoryview(buffer).cast("B")
        wanted = min(len(into), max(0, self._size - self._at))
        found = os.pread(self._whole.descriptor, wanted, self._start + self._at)
        if wanted and not found:
            raise EOFError("the archive ends inside this file")
        into[: len(found)] = found
        self._at += len(found)
        return len(found)


def is_archive(file: Path) -> bool:
    """Whether a file is a zip or tar file, the latter also where it is compressed.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as stored:
        head = stored.read(_TAR_AT + len(_TAR))
        if head.startswith(_ZIP) or head[_TAR_AT:] == _TAR:
            return True
        if not compression(head):
            return False
        stored.seek(0)
        try:
            return next(chunks(stored, str(file)), b"")[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR
        except SourceError:
            return False  # whoever reads it will say so


def members(file: Path, path: str, folder: str, written_us: int) -> tuple[Sequence[MemberSource], str]:
    """The files in an archive, in order of their names; and why that is not all of them, empty where it is.

    Args:
        file: the archive.
        path: what it is called.
        folder: what was named and under which it was met; empty where it was named itself.
        written_us: when it was written; members are not younger.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as stored:
        zipped = stored.read(len(_ZIP)) == _ZIP
    found: list[_Member] = []
    complaint, size = "", 0
    try:
        for each in _of_zip(file, written_us) if zipped else _of_tar(file, path, written_us):
            found.append(each)
            size += each.size_bytes
            if len(found) > MAX_MEMBERS or size > MAX_BYTES:
                return [], _TOO_MUCH
    # The last is what zipfile raises where a member needs a newer version of the format than it reads.
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, ValueError, OverflowError, NotImplementedError) as error:
        complaint = f"the archive is damaged: {error}"
    except _TooMuchError:
        return [], _TOO_MUCH
    taken = Counter[str]()
    sources = []
    for each in sorted(found, key=lambda each: each.name):
        taken[each.name] += 1  # an archive may hold two files of one name; no other has a third of this
        again = f"//{taken[each.name]}" if taken[each.name] > 1 else ""
        name = f"{path}{INSIDE}{each.name}{again}"
        sources.append(MemberSource(name, each.size_bytes, each.anchor_us, folder or path, each.stored))
    return sources, complaint


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    size_bytes: int
    anchor_us: int
    stored: _InZip | _InTar


def _of_zip(file: Path, written_us: int) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if not info.is_dir() and _wanted(info.filename):
                yield _Member(info.filename, info.file_size, _packed_us(info, written_us), _InZip(file, info))


def _packed_us(member: zipfile.ZipInfo, written_us: int) -> int:
    """When a file was written last, as the archive says; some say nothing.

    It is the local time of whoever packed it: a day later is not before the file's last line.
    """
    try:
        return min(written_us, (calendar.timegm((*member.date_time, 0, 0, 0)) + _DAY_S) * US_PER_S)
    except ValueError:
        return written_us


def _of_tar(file: Path, path: str, written_us: int) -> Iterator[_Member]:
    with _decompressed(file, path) as plain:
        held = _Plain(os.dup(plain.fileno()))
        # The headers are read one after another: what they say of links and owners is not used.
        with tarfile.open(fileobj=plain, mode="r:", errors="replace") as archive:
            for count, info in enumerate(archive):
                if count > MAX_MEMBERS:
                    raise _TooMuchError
                if info.isreg() and not info.issparse() and _wanted(info.name):
                    written_s = max(0, int(info.mtime)) or written_us // US_PER_S
                    anchor_us = min(written_us, written_s * US_PER_S)
                    yield _Member(info.name, info.size, anchor_us, _InTar(held, info.offset_data, info.size))


def _decompressed(file: Path, path: str) -> BinaryIO:
    """The plain bytes of a file: itself, or a temporary one without a name."""
    stored = file.open("rb")
    compressed = compression(stored.read(6))
    stored.seek(0)
    if not compressed:
        return stored
    plain = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - the caller closes it
    size = 0
    # What comes behind the archive's own end does not matter; a member that is cut short says so when it is read.
    with stored, suppress(SourceError):
        for chunk in chunks(stored, path):
            size += len(chunk)
            if size > MAX_BYTES:
                plain.close()
                raise _TooMuchError
            plain.write(chunk)
    plain.seek(0)
    return plain


def _wanted(name: str) -> bool:
    """No hidden files, and none of those that macOS puts beside each."""
    parts = [part for part in PurePosixPath(name).parts if part not in {".", ".."}]
    return bool(parts) and not any(part.startswith(".") or part == "__MACOSX" for part in parts)
