"""What can be made again is kept in the user's cache: compiled rules, and what else is slow to make.

An entry has a name and a key. The name says what it is (the compiled rules of one folder); the key says of what it
was made and by what, so that another version of either replaces the entry instead of standing beside it.

Whoever can write here decides what is detected, so nothing is read that another user could have written: the folder is
ours and private, no folder above it can be changed by others, and an entry is a plain file of ours. An entry carries
its own digest: what a crash or a bad disk left is told from what was kept, and made again. Writers do not wait for one
another: each replaces an entry in one step, and the last one wins. Whoever would make what takes long may wait, with
:meth:`Cache.alone`, for another process that makes the same.
"""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from pollwatch.durable import make_folder, write_file

_MAGIC: Final = b"pollwatch cache 1\n"
_DIGEST_BYTES: Final = 32
_LARGEST_BYTES: Final = 128 << 20
#: What all entries of a part may take, and how many there may be; the longest unused ones go first.
MOST_BYTES = 256 << 20
MOST_ENTRIES = 1_000
_ASIDE: Final = ".tmp-"
_UNUSED: Final = "what is compiled is neither read there nor kept, and each start takes as long as the first"
#: So long somebody waits for another process that makes the same, which may be stopped; so often it looks.
_LONGEST_WAIT_S: Final = 60.0
_LOOK_S: Final = 0.05
#: A write that was begun so long ago was killed.
_ABANDONED_S: Final = 3_600


class _NotOursError(Exception):
    """Others could have written here."""


def folder_of(env: Mapping[str, str]) -> Path | None:
    """Where what can be made again is kept: the service's cache, else the user's; None where there is neither."""
    if folder := env.get("CACHE_DIRECTORY") or env.get("XDG_CACHE_HOME"):
        return Path(folder.partition(":")[0]) / "pollwatch"
    return Path(env["HOME"]) / ".cache" / "pollwatch" if env.get("HOME") else None


class Cache:
    """A folder of entries. Nothing here raises: without a cache all works, only slower.

    Attributes:
        remarks: what the user should know: each reason once why something could not be read or kept.
    """

    def __init__(self, folder: Path | None, part: str = "compiled") -> None:
        """Take the folder of :func:`folder_of`; entries are kept in one of their own within it. None keeps nothing.

        What takes long to make has a part of its own, so that many things that take less never displace it.
        """
        self.folder = None if folder is None else folder / part
        self.remarks: list[str] = []

    def kept(self, name: str, key: str) -> bytes | None:
        """What was kept under a name, if it was made by and of what the key says."""
        if self.folder is None:
            return None
        path = self.folder / _file_name(name)
        try:
            content = _content(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except _NotOursError as error:
            self.say(f"{error}: {_UNUSED}")
            return None
        except OSError as error:
            self.say(f"{path} cannot be read ({error.strerror}) and is made again")
            return None
        head = _head(key)
        if not content.startswith(_MAGIC) or sha256(content[len(_MAGIC) + _DIGEST_BYTES :]).digest() != _digest(
            content
        ):
            self.say(f"{path} is damaged and is made again")
            return None
        start = len(_MAGIC) + _DIGEST_BYTES
        return content[start + len(head) :] if content[start:].startswith(head) else None

    def keep(self, name: str, key: str, data: bytes) -> None:
        """Keep something under a name, in place of what was kept under it before."""
        if self.folder is None:
            self.say(
                "there is no folder to keep in what is compiled; set XDG_CACHE_HOME to have the next start be faster"
            )
            return
        rest = _head(key) + data
        if len(rest) > _LARGEST_BYTES:
            self.say(f"{name}: {len(rest)} bytes are too many to keep; each start will take as long as this one")
            return
        try:
            make_folder(self.folder, mode=0o700, sync=False)
            _check(self.folder)
            # Not flushed to the disk: what a power cut leaves of it does not fit its digest.
            path = self.folder / _file_name(name)
            write_file(path, _MAGIC + sha256(rest).digest() + rest, mode=0o600, sync=False)
            _bound(self.folder, path)
        except _NotOursError as error:
            self.say(f"{error}: {_UNUSED}")
        except OSError as error:
            self.say(
                f"nothing can be kept in {self.folder} ({error.strerror}); each start will take as long as this one"
            )

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Make what is kept under a name while no other process does: look again inside, another may have made it.

        The kernel ends the turn of a process that dies. One that takes too long is waited for no longer, and where
        nothing can be kept nobody waits: both only cost making the same twice.
        """
        turn = self._turn(name)
        try:
            if turn is not None:
                _wait(turn)
            yield
        finally:
            if turn is not None:
                os.close(turn)

    def _turn(self, name: str) -> int | None:
        """The file that processes lock in turns, which is removed as what a killed writer left is."""
        if self.folder is None:
            return None
        with suppress(_NotOursError, OSError):  # told where something is kept
            make_folder(self.folder, mode=0o700, sync=False)
            _check(self.folder)
            path = self.folder / f"{_ASIDE}{_file_name(name)}"
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        return None

    def say(self, remark: str) -> None:
        """Note what the user should know, once."""
        if remark not in self.remarks:
            self.remarks.append(remark)


def of_user(part: str = "compiled") -> Cache:
    """The cache of the user, or of the service, as the environment names it."""
    return Cache(folder_of(os.environ), part)


def _wait(turn: int) -> None:
    pause = threading.Event()
    for _look in range(int(_LONGEST_WAIT_S / _LOOK_S)):
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pause.wait(_LOOK_S)
        else:
            return


def _file_name(name: str) -> str:
    return sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:40]


def _head(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogateescape")).digest()


def _digest(content: bytes) -> bytes:
    return content[len(_MAGIC) : len(_MAGIC) + _DIGEST_BYTES]


def _content(path: Path) -> bytes:
    """The bytes of an entry that only we can have written."""
    _check(path.parent)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as opened:  # noqa: PTH123 - a descriptor, not a path
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or _others_write(found):
            raise _NotOursError(f"{path} is no file that only you can write")
        with suppress(OSError):
            os.utime(descriptor)  # what is used stays longest
        return opened.read(_LARGEST_BYTES + (1 << 10))


def _check(folder: Path) -> None:
    """Raise unless the folder is ours alone. One of ours that others can only look into is closed to them."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or _others_write(found):
        raise _NotOursError(f"{folder} is no folder that only you can write (its owner is {found.st_uid}); remove it")
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)
    for above in folder.resolve().parents:
        found = above.stat()
        ours = found.st_uid in {0, os.geteuid()}
        if not ours or (_writable(found) and not found.st_mode & stat.S_ISVTX):
            raise _NotOursError(
                f"others can change {above} (its owner is {found.st_uid}, its mode {found.st_mode & 0o7777:o})"
            )


def _others_write(found: os.stat_result) -> bool:
    return found.st_uid != os.geteuid() or _writable(found)


def _writable(found: os.stat_result) -> bool:
    """By its group or by all; access-control lists show in the group's bits."""
    return bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _bound(folder: Path, newest: Path) -> None:
    """Remove what killed writers left, and the longest unused entries while all together take too much."""
    now_s = newest.stat().st_mtime
    entries: list[tuple[float, int, Path]] = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another writer was quicker
            found = path.stat()
            if path.name.startswith(_ASIDE):
                if found.st_mtime < now_s - _ABANDONED_S:
                    path.unlink()
            elif path != newest:
                entries.append((found.st_mtime, found.st_size, path))
    left_bytes = sum(size for _, size, _ in entries) + newest.stat().st_size
    for gone, (_, size, path) in enumerate(sorted(entries)):
        if left_bytes <= MOST_BYTES and len(entries) - gone < MOST_ENTRIES:
            break
        path.unlink(missing_ok=True)
        left_bytes -= size
