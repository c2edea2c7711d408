"""Which files a watched source has at the moment: those that are named, match a pattern or lie in a folder.

Beside each the rotated files of the same log are found, whether or not the pattern names them: what was written just
before a rotation stands there.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pollwatch.sources.generations import Age, generation_of

#: Where reading begins when a source is met for the first time: with the rotated files too, with the file itself, or at
#: its present end.
Begin = Literal["all", "file", "end"]
_TEMPORARY: Final = (".swp", ".tmp", ".part", "~")


@dataclass(frozen=True, slots=True)
class Watched:
    """Files that are followed under one name.

    Attributes:
        name: the source's name in the settings.
        patterns: absolute paths of files (also of such as do not exist yet), folders, or patterns.
        begin: where reading begins the first time.
        whole: a spool: the last record of a file always gets its line end, however late (else only so long is waited
            for it), and files are never renamed, copied or changed, so that one is known by its name.
    """

    name: str
    patterns: tuple[str, ...]
    begin: Begin = "file"
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One file as it lies there now.

    Attributes:
        path: its present name.
        age: its place among the files of its log.
        wanted: named by the settings, not only found beside such a one.
    """

    path: str
    age: Age
    device: int
    inode: int
    size: int
    modified_ns: int
    wanted: bool

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode

    @property
    def state(self) -> tuple[int, int, int, int]:
        """What changes when the file does."""
        return self.device, self.inode, self.size, self.modified_ns


def find(watched: Watched, complaints: dict[str, str]) -> dict[str, list[Found]]:
    """The files of each log of a source, oldest first.

    Args:
        watched: what to look for.
        complaints: gets what cannot be listed, and why.
    """
    wanted: dict[str, set[str]] = {}
    alone: set[str] = set()
    for pattern in watched.patterns:
        for path in _matches(pattern, complaints):
            folder, name = os.path.split(path)
            if generation_of(name)[1].kind != 2 and path == pattern:
                alone.add(path)  # one dated file was named: it is no log with a past
            else:
                wanted.setdefault(folder, set()).add(name)
    logs: dict[str, list[Found]] = {}
    for folder, names in wanted.items():
        keys = {generation_of(name)[0] for name in names}
        seen: set[tuple[int, int]] = set()
        for name in sorted(_listed(folder, complaints)):
            key, age = generation_of(name)
            if key in keys and (found := _found(os.path.join(folder, name), age, wanted=name in names)) is not None:  # noqa: PTH118 - names of any bytes
                if found.identity not in seen:  # a link beside its target
                    logs.setdefault(os.path.join(folder, key), []).append(found)  # noqa: PTH118 - the same
                seen.add(found.identity)
    for path in alone:
        if (found := _found(path, Age(2, "", 0), wanted=True)) is not None:
            logs.setdefault(path, []).append(found)
    return {log: sorted(files, key=lambda each: (each.age, each.path)) for log, files in logs.items()}


def folders(watched: Watched) -> set[str]:
    """The folders in which something may happen to the source, of those that exist."""
    found: set[str] = set()
    for pattern in watched.patterns:
        base = Path(pattern)
        while glob.has_magic(str(base)) or not base.is_dir():
            base = base.parent
        found.add(str(base))
        if base == Path(pattern) or "**" in pattern:
            found |= {folder for folder, _names, _files in os.walk(base)}
        elif glob.has_magic(parent := str(Path(pattern).parent)):
            found |= {each for each in glob.iglob(parent) if Path(each).is_dir()}  # noqa: PTH207 - as above
    return found


def _matches(pattern: str, complaints: dict[str, str]) -> Iterator[str]:
    if os.path.isdir(pattern):  # noqa: PTH112 - names of any bytes
        yield from _walk(pattern, complaints)
    elif os.path.lexists(pattern) or not glob.has_magic(pattern):
        yield pattern
    else:
        for match in glob.iglob(pattern, recursive=True):  # noqa: PTH207 - Path.glob takes no absolute patterns
            if os.path.isdir(match):  # noqa: PTH112 - the same
                yield from _walk(match, complaints)
            else:
                yield match


def _walk(folder: str, complaints: dict[str, str]) -> Iterator[str]:
    """Files below a folder, without hidden and temporary ones; links to folders may turn in circles."""
    for name in sorted(_listed(folder, complaints)):
        path = os.path.join(folder, name)  # noqa: PTH118 - names of any bytes
        if name.startswith(".") or name.endswith(_TEMPORARY):
            continue
        if os.path.isdir(path):  # noqa: PTH112 - the same
            if not os.path.islink(path):  # noqa: PTH114 - the same
                yield from _walk(path, complaints)
        else:
            yield path


def _listed(folder: str, complaints: dict[str, str]) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names of any bytes, thousands of them
    except FileNotFoundError:
        return []  # it may come later
    except OSError as error:
        complaints[folder] = error.strerror or str(error)
        return []


def _found(path: str, age: Age, *, wanted: bool) -> Found | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - the same
    except OSError:
        return None  # gone meanwhile, or a link to nothing
    if not stat.S_ISREG(status.st_mode):
        return None
    return Found(path, age, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, wanted)
