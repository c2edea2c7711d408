"""Where backups lie: a folder that many backups share, or one archive file with one backup.

::

    VAULT/pollwatch-backup       what this is, and whether a key opens it
    VAULT/pieces/ab/abcd...      pieces of files, each once, however many backups have it
    VAULT/backups/NAME           what each backup consists of; written last, so what has none is no backup

An archive is a tar file with the same names. A backup that was cut short leaves pieces that the next one uses, and in
an archive's place nothing but ``ARCHIVE.part``.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import msgspec

from pollwatch import durable
from pollwatch.errors import StoreError
from pollwatch.node.backup.sealedbox import SealedBox
from pollwatch.store.disk import held, make_folder, sync

PIECE_BYTES: Final = 4 << 20
_MOST_LIST_BYTES: Final = 1 << 30
_MOST_STORED_BYTES: Final = PIECE_BYTES + (1 << 16)
_FORMAT: Final = "pollwatch.backup/1"
_HEAD: Final = "pollwatch-backup"
_NAME: Final = re.compile(r"[0-9TZ:.-]{1,40}", re.ASCII)


class _Head(msgspec.Struct, frozen=True):
    format: str
    encrypted: bool
    check: str


class Store(Protocol):
    """Bytes under names, as :class:`Folder` and :class:`Archive` keep them."""

    def read(self, name: str, most_bytes: int) -> bytes | None:
        """What stands under a name, None where nothing does."""
        ...

    def has(self, name: str) -> bool:
        """Whether something stands there."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write durably; nothing stands there yet."""
        ...

    def names(self, folder: str) -> list[str]:
        """What stands in a folder, sorted."""
        ...


class Vault:
    """Backups in a store, through a box."""

    def __init__(self, store: Store, box: SealedBox, place: str) -> None:
        """Use :func:`writing` or :func:`reading`."""
        self._store = store
        self._box = box
        self._place = place

    @property
    def encrypted(self) -> bool:
        """Whether a key is needed to read it."""
        return self._box.encrypted

    def begin(self) -> None:
        """Make sure that this is a place for backups under this key, or becomes one.

        Raises:
            StoreError: it holds something else, or belongs to another key.
        """
        if self._head() is None:
            head = _Head(_FORMAT, self._box.encrypted, self._box.check)
            self._store.write(_HEAD, msgspec.json.encode(head) + b"\n")
        self.check()

    def check(self) -> None:
        """Make sure that there are backups here that this key opens.

        Raises:
            StoreError: otherwise.
        """
        head = self._head()
        if head is None:
            raise StoreError(f"{self._place} holds no backup of pollwatch")
        if head.format != _FORMAT:
            raise StoreError(f"{self._place} was written by a newer pollwatch ({head.format}); use that version")
        if head.encrypted and not self._box.encrypted:
            raise StoreError(f"{self._place} is encrypted; name its key file with --key-file")
        if head.check != self._box.check:
            raise StoreError(f"{self._place} was not made with this key; name its own with --key-file")

    def _head(self) -> _Head | None:
        data = self._store.read(_HEAD, 1 << 12)
        if data is None:
            return None
        try:
            return msgspec.json.decode(data, type=_Head)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise StoreError(f"{self._place} holds a damaged backup ({_HEAD} cannot be read)") from None

    def put(self, content: bytes) -> tuple[str, int]:
        """Store a piece; gives its name, and how many bytes it takes now (0: it was there)."""
        name = self._box.name(content)
        path = _piece(name)
        if self._store.has(path):
            return name, 0
        stored = self._box.stored(name, content)
        self._store.write(path, stored)
        return name, len(stored)

    def get(self, name: str) -> bytes:
        """A piece.

        Raises:
            StoreError: it is missing, damaged or altered.
        """
        stored = self._store.read(_piece(name), _MOST_STORED_BYTES)
        if stored is None:
            raise StoreError(f"piece {name[:16]} of {self._place} is missing; the backup is not whole: use another")
        return self._box.content(name, stored, PIECE_BYTES)

    def backups(self) -> list[str]:
        """The names of the backups, oldest first."""
        return self._store.names("backups")

    def write_list(self, name: str, data: bytes) -> None:
        """Make a backup of what was stored."""
        self._store.write(f"backups/{name}", self._box.stored(name, data))

    def read_list(self, name: str) -> bytes:
        """What a backup consists of.

        Raises:
            StoreError: there is no such backup, or its list is damaged.
        """
        stored = self._store.read(f"backups/{name}", _MOST_LIST_BYTES) if _NAME.fullmatch(name) else None
        if stored is None:
            there = ", ".join(self.backups()[-5:]) or "none; it was cut short"
            raise StoreError(f"{self._place} has no backup {name!r}; there are: {there}")
        return self._box.opened(name, stored, _MOST_LIST_BYTES)

    def prune(self, keep: Collection[str], pieces: Collection[str]) -> int:
        """Remove all backups but some, then all pieces that none of those needs; gives how many pieces went."""
        return self._store.prune(keep, pieces) if isinstance(self._store, Folder) else 0


class Folder:
    """A store in a folder."""

    def __init__(self, root: Path) -> None:
        """Nothing is read or written yet."""
        self._root = root

    def read(self, name: str, most_bytes: int) -> bytes | None:
        """See :class:`Store`."""
        try:
            with (self._root / name).open("rb") as file:
                data = file.read(most_bytes + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreError(f"cannot read {self._root / name}: {error.strerror}") from error
        if len(data) > most_bytes:
            raise StoreError(f"{self._root / name} is larger than it can be; it was altered")
        return data

    def has(self, name: str) -> bool:
        """See :class:`Store`."""
        return (self._root / name).exists()

    def write(self, name: str, data: bytes) -> None:
        """See :class:`Store`."""
        path = self._root / name
        try:
            durable.make_folder(path.parent, mode=0o700)
            durable.write_file(path, data, mode=0o600)
        except OSError as error:
            raise StoreError(f"cannot write in {self._root}: {error.strerror}; is the disk full?") from error

    def names(self, folder: str) -> list[str]:
        """See :class:`Store`."""
        try:
            return sorted(each.name for each in (self._root / folder).iterdir() if not each.name.startswith("."))
        except FileNotFoundError:
            return []

    def prune(self, keep: Collection[str], pieces: Collection[str]) -> int:
        """Remove all backups but some, then all pieces but those that they need; gives how many pieces went."""
        for name in self.names("backups"):
            if name not in keep:
                (self._root / "backups" / name).unlink()
        sync(self._root / "backups")
        wanted, gone = frozenset(pieces), 0
        for path in self._root.glob("pieces/*/*"):
            if path.name not in wanted:
                path.unlink()
                gone += 1
        return gone


class Archive:
    """A store in one tar file: either being written, or read."""

    def __init__(self, file: tarfile.TarFile) -> None:
        """Over an open tar file."""
        self._file = file
        self._head = b""
        self._members = {} if file.mode != "r" else {each.name: each for each in file.getmembers() if each.isreg()}

    def read(self, name: str, most_bytes: int) -> bytes | None:
        """See :class:`Store`."""
        member = self._members.get(name)
        if member is None:
            return None
        if member.size > most_bytes:
            raise StoreError(f"{name} in the archive is larger than it can be; it was altered")
        if self._file.mode != "r":  # of what is being written only the small head is asked for again
            return self._head if name == _HEAD else None
        file = self._file.extractfile(member)
        return None if file is None else file.read()

    def has(self, name: str) -> bool:
        """See :class:`Store`."""
        return name in self._members

    def write(self, name: str, data: bytes) -> None:
        """See :class:`Store`."""
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(data), 0o600
        self._file.addfile(member, io.BytesIO(data))
        self._members[name] = member
        if name == _HEAD:
            self._head = data

    def names(self, folder: str) -> list[str]:
        """See :class:`Store`."""
        return sorted(name.removeprefix(f"{folder}/") for name in self._members if name.startswith(f"{folder}/"))


def _piece(name: str) -> str:
    return f"pieces/{name[:2]}/{name}"


@contextmanager
def writing(place: Path, box: SealedBox, *, archive: bool) -> Iterator[Vault]:
    """A vault to put a backup into; of an archive nothing is there before it is whole.

    Raises:
        StoreError: it holds something else, another backup is being made there, or the disk says no.
    """
    if archive:
        with _archive(place) as file:
            vault = Vault(Archive(file), box, str(place))
            vault.begin()
            yield vault
        return
    if place.is_dir() and any(place.iterdir()) and not (place / _HEAD).exists() and not (place / "lock").exists():
        raise StoreError(f"{place} holds other things; choose an empty or a new folder for backups")
    make_folder(place)
    with held(place / "lock", f"another backup is being made in {place}"):
        vault = Vault(Folder(place), box, str(place))
        vault.begin()
        yield vault


@contextmanager
def _archive(place: Path) -> Iterator[tarfile.TarFile]:
    if place.exists():
        raise StoreError(f"{place} is there already; choose another name")
    part = place.with_name(place.name + ".part")
    try:
        make_folder(place.parent)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            os.fdopen(descriptor, "wb") as file,
            tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            yield tar
        durable.sync_path(part)
        part.replace(place)
        durable.sync_path(place.parent)
    except OSError as error:
        raise StoreError(f"cannot write {place}: {error.strerror}; is the disk full?") from error


@contextmanager
def reading(place: Path, box: SealedBox) -> Iterator[Vault]:
    """A vault to read backups from.

    Raises:
        StoreError: there is none, it is damaged, or another key opens it.
    """
    if place.is_dir():
        vault = Vault(Folder(place), box, str(place))
        vault.check()
        yield vault
        return
    try:
        with tarfile.open(place, "r:") as file:
            vault = Vault(Archive(file), box, str(place))
            vault.check()
            yield vault
    except FileNotFoundError:
        raise StoreError(f"{place} is not there") from None
    except (OSError, tarfile.TarError) as error:
        raise StoreError(f"{place} is no whole archive of a backup ({error}); it was cut short or altered") from error
