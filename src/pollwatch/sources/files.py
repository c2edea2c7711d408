"""Files, folders and globs on this machine."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from pollwatch.clock import US_PER_S
from pollwatch.errors import SourceError
from pollwatch.sources import archive
from pollwatch.sources.archive import MemberSource
from pollwatch.sources.interface import Failure


@dataclass(frozen=True, slots=True)
class FileSource:
    """One file; ``path`` is what the user called it, ``file`` where it lies.

    ``folder`` is the folder that was named and under which the file was met; empty where the file itself was named.
    """

    file: Path
    path: str
    size_bytes: int
    anchor_us: int
    folder: str = ""

    def open(self) -> BinaryIO:
        """The bytes as stored.

        Raises:
            SourceError: it cannot be opened.
        """
        try:
            return self.file.open("rb")
        except OSError as error:
            raise SourceError(f"{self.path}: {error.strerror or error}") from error


def expand(names: Iterable[str]) -> tuple[list[FileSource | MemberSource], list[Failure]]:
    """The files that the names stand for, each once, in the order given; folders are walked in name order.

    An archive stands for the files in it; ``ARCHIVE!/MEMBER`` is one of them.

    Returns:
        The files, and for each name that leads to nothing readable the reason.
    """
    files: dict[Path, FileSource] = {}
    chosen: list[MemberSource] = []
    failures: list[Failure] = []
    for name in names:
        found = False
        for path, folder in _matches(name):
            found = True
            try:
                _add(files, path, folder)
            except OSError as error:
                failures.append(Failure(str(path), error.strerror or str(error)))
        if not found and (member := _member(name)) is not None:
            chosen.append(replace(member, folder=""))
        elif not found:
            failures.append(Failure(name, "no such file or folder, and as a pattern it matches nothing"))
    return [*(source for each in files.values() for source in _opened(each, failures)), *chosen], failures


def _opened(file: FileSource, failures: list[Failure]) -> Sequence[FileSource | MemberSource]:
    """A file, or what is in it where it is an archive."""
    try:
        if not archive.is_archive(file.file):
            return [file]
        found, complaint = archive.members(file.file, file.path, file.folder, file.anchor_us)
    except OSError:
        return [file]  # whoever opens it says why
    if complaint:
        failures.append(Failure(file.path, complaint))
    return found


def _member(name: str) -> MemberSource | None:
    """The file in an archive that a name of the shape ``ARCHIVE!/MEMBER`` stands for."""
    path = Path(name.partition(archive.INSIDE)[0])
    if archive.INSIDE not in name or not path.is_file():
        return None
    written_us = _written_us(path, path.stat().st_mtime_ns // 1_000)
    whole = FileSource(path, str(path), 0, written_us)
    return next((each for each in _opened(whole, []) if isinstance(each, MemberSource) and each.path == name), None)


def _matches(name: str) -> Iterator[tuple[Path, str]]:
    """Each file that a name stands for, and the folder under which it was met."""
    path = Path(name)
    if path.is_dir():
        yield from ((file, name) for file in _walk(path))
    elif path.exists() or path.is_symlink():
        yield path, ""
    elif glob.has_magic(name):
        for match in sorted(glob.glob(name, recursive=True)):  # noqa: PTH207 - Path.glob takes no absolute patterns
            yield from _matches(match)


def _walk(folder: Path) -> Iterator[Path]:
    """Regular files below a folder, without hidden ones; links to folders may turn in circles and are not followed."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        yield folder
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry)
        elif entry.is_file():
            yield entry


def _add(files: dict[Path, FileSource], path: Path, folder: str) -> None:
    real = path.resolve()
    if real in files:
        if not folder:  # named as well as met
            files[real] = replace(files[real], folder="")
        return
    status = path.stat()
    if path.is_dir():
        raise PermissionError(13, "the folder cannot be listed")
    if not path.is_file():
        raise OSError(22, "neither a file nor a pipe; pollwatch reads no devices or sockets")
    files[real] = FileSource(path, str(path), status.st_size, _written_us(path, status.st_mtime_ns // 1_000), folder)


def _written_us(path: Path, modified_us: int) -> int:
    """When the content was written: gzip remembers it where a copy or a checkout has changed the file's own date."""
    with path.open("rb") as stored:
        head = stored.read(8)
    if head[:2] != b"\x1f\x8b" or len(head) < 8:
        return modified_us
    remembered_us = int.from_bytes(head[4:8], "little") * US_PER_S
    return remembered_us if 0 < remembered_us <= modified_us else modified_us
