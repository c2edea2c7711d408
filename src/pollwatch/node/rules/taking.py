"""Rule files out of a folder or a zip that somebody else made: only what is a rule, within limits, and nothing outside.

A zip can name files outside itself, hold links, unpack to terabytes, or list millions of members. So its directory is
measured before Python reads it, each member's name is checked, and what is unpacked is counted while it is read.
Nothing is written here.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Final

from pollwatch.errors import SourceError, UsageError

#: What is taken of a SigmaHQ checkout unless its user says otherwise.
USUAL: Final = ("rules", "rules-emerging-threats")
_SUFFIXES: Final = (".yml", ".yaml")
_LICENCES: Final = {"LICENSE", "LICENSE.md", "LICENSE.txt", "LICENSE.Detection.Rules.md"}
MOST_FILES: Final = 50_000
MOST_BYTES: Final = 256 << 20
_LARGEST_BYTES: Final = 4 << 20
_LARGEST_ZIP_BYTES: Final = 512 << 20
#: 200 bytes a member and more than 150,000 members: no collection of rules has as many.
_LARGEST_DIRECTORY_BYTES: Final = 32 << 20
_TAIL_BYTES: Final = (1 << 16) + 22
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x07"
_DEEPEST, _LONGEST = 16, 240
#: What ``zipfile`` raises on bytes that are no zip, or a damaged or unusual one.
_NOT_ZIP: Final = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(NotImplementedError, RuntimeError, EOFError, ValueError),
)


@dataclass(slots=True)
class Taken:
    """What an import takes.

    Attributes:
        files: by their paths within the source, posix; rules, and the licence that came with them.
        left_out: what looked like a rule and was not taken, with the reason.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    size_bytes: int = 0

    @property
    def rules(self) -> int:
        """How many rule files."""
        return sum(name.endswith(_SUFFIXES) for name in self.files)


def take(source: Path, folders: Sequence[str] = ()) -> Taken:
    """Read the rules of a folder, or of a zip of one.

    Args:
        source: the folder or zip.
        folders: which of its folders; empty for :data:`USUAL` where there is one of those, else all.

    Raises:
        SourceError: it cannot be read, is no zip, goes beyond a limit, or holds no rule.
        UsageError: it has none of the folders.
    """
    if source.is_dir():
        taken = _from_folder(source, folders)
    else:
        try:
            with source.open("rb") as opened:
                taken = _from_zip(source, opened, folders)
        except OSError as error:
            raise SourceError(f"{source}: {error.strerror or error}") from error
    if not taken.rules:
        raise SourceError(f"{source}: no rule files (*.yml) in it")
    return taken


def _from_folder(source: Path, folders: Sequence[str]) -> Taken:
    found: list[str] = []
    for folder, inner, names in os.walk(source):  # does not follow links
        inner[:] = sorted(each for each in inner if not each.startswith("."))
        below = Path(folder).relative_to(source)
        found += [(below / name).as_posix() for name in sorted(names)]
    taken = Taken()
    for name in _chosen(source, found, folders, taken):
        path = source / name
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                taken.left_out.append((name, "is a link or no plain file"))
                continue
            with path.open("rb") as opened:
                _add(source, taken, name, opened)
        except OSError as error:
            taken.left_out.append((name, error.strerror or str(error)))
    return taken


def _from_zip(source: Path, opened: BinaryIO, folders: Sequence[str]) -> Taken:
    _measure(source, opened)
    taken = Taken()
    try:
        with zipfile.ZipFile(opened) as archive:
            members: dict[str, zipfile.ZipInfo] = {}
            for member in archive.infolist():
                if member.filename in members:
                    raise SourceError(f"{source}: names {member.filename!r} twice; which one is meant cannot be told")
                members[member.filename] = member
            for name in _chosen(source, members, folders, taken):
                member = members[name]
                if reason := _unfit(member):
                    taken.left_out.append((name, reason))
                    continue
                with archive.open(member) as inside:
                    _add(source, taken, name, inside)
    except _NOT_ZIP as error:
        raise SourceError(f"{source}: is no zip that can be read: {error}") from error
    return taken


def _measure(source: Path, opened: BinaryIO) -> None:
    """Refuse a zip whose directory would fill the memory, before Python reads it."""
    size = opened.seek(0, os.SEEK_END)
    if size > _LARGEST_ZIP_BYTES:
        raise SourceError(f"{source}: {size} bytes are more than {_LARGEST_ZIP_BYTES}; import a folder instead")
    opened.seek(max(0, size - _TAIL_BYTES))
    tail = opened.read()
    if _END_64 in tail:
        raise SourceError(f"{source}: is a zip64 archive, which no collection of rules needs; import a folder instead")
    at = tail.find(_END)
    while at >= 0:
        if int.from_bytes(tail[at + 12 : at + 16], "little") > _LARGEST_DIRECTORY_BYTES:
            raise SourceError(f"{source}: its list of members is too long; import a folder instead")
        at = tail.find(_END, at + 1)
    opened.seek(0)


def _unfit(member: zipfile.ZipInfo) -> str:
    """Why a member of a zip is not taken; empty if it is."""
    kind = member.external_attr >> 16
    if member.is_dir() or (kind and stat.S_IFMT(kind) not in (0, stat.S_IFREG)):
        return "is a link or no plain file"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in an unusual way"  # some of which take gigabytes of memory before the first byte
    return "is encrypted" if member.flag_bits & 1 else ""


def _chosen(source: Path, names: Iterable[str], folders: Sequence[str], taken: Taken) -> Iterator[str]:
    """Of all names those of rules in the wanted folders, and of a licence beside these; unsafe ones are left out."""
    safe: list[str] = []
    for name in names:
        path = PurePosixPath(name)
        if path.suffix in _SUFFIXES or path.name in _LICENCES:
            if reason := _unsafe(name):
                taken.left_out.append((name, reason))
            else:
                safe.append(name)
    base = _base(safe)
    there = {name.removeprefix(base).split("/")[0] for name in safe if "/" in name.removeprefix(base)}
    if missing := [each for each in folders if each not in there]:
        raise UsageError(f"{source}: has no folder {missing[0]!r} with rules; there are {', '.join(sorted(there))}")
    wanted = set(folders) or there.intersection(USUAL)
    for name in safe:
        below = name.removeprefix(base)
        if (not wanted and name.endswith(_SUFFIXES)) or below.split("/")[0] in wanted or below in _LICENCES:
            yield name


def _base(names: Sequence[str]) -> str:
    """What stands before every name: the one folder that such archives have at their top (``sigma-master/``)."""
    tops = {name.split("/")[0] for name in names}
    if len(tops) == 1 and all("/" in name for name in names) and not tops.intersection(USUAL):
        return f"{tops.pop()}/"
    return ""


def _unsafe(name: str) -> str:
    """Why a name cannot be taken over; empty if it can."""
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or ":" in parts[0] or any(part in ("", ".", "..") for part in parts):
        return "names a place outside"
    if not name.isprintable() or len(parts) > _DEEPEST or max(map(len, parts)) > _LONGEST:
        return "has a name that is too long, too deep or not printable"
    return ""


def _add(source: Path, taken: Taken, name: str, opened: IO[bytes]) -> None:
    data = opened.read(_LARGEST_BYTES + 1)
    if len(data) > _LARGEST_BYTES:
        taken.left_out.append((name, f"is larger than {_LARGEST_BYTES} bytes"))
        return
    taken.files[name] = data
    taken.size_bytes += len(data)
    if len(taken.files) > MOST_FILES or taken.size_bytes > MOST_BYTES:
        raise SourceError(f"{source}: holds more than {MOST_FILES} files or {MOST_BYTES} bytes of rules")
