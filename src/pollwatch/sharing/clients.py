"""Passwords of third parties' clients (a SIEM, a TAXII reader), each made for one member and kept only as a hash.

A password is 24 random bytes that we make, never one that somebody chose; it is shown once. What is kept is scrypt of
it, 16 MiB and some 50 ms a try. So that this is not spent on every request, a right password is remembered in memory
under a keyed hash until the file changes. Whose turn it is to try, and how often, is the door's business.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pollwatch import canonical
from pollwatch.clock import parse_rfc3339, rfc3339
from pollwatch.errors import FormatError, PolicyError, StoreError
from pollwatch.members import document
from pollwatch.members.member import Member
from pollwatch.sharing.caller import UnauthenticatedError

_SCHEMA: Final = "pollwatch.clients/1"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_MAX_BYTES: Final = 1 << 20
_MAX_HEADER: Final = 512
_SALT_BYTES: Final = 16
_PASSWORD_BYTES: Final = 24
#: scrypt's work: 128 * N * r bytes of memory.
_N: Final = 1 << 14
_R: Final = 8
_P: Final = 1
_SHAPE: Final = dict.fromkeys(("name", "member", "salt", "scrypt", "made"), str)


@dataclass(frozen=True, slots=True)
class Client:
    """A third party's client.

    Attributes:
        name: the user name that it gives.
        member: the member for which it was made.
        salt: random bytes.
        scrypt: of its password with the salt.
        made_us: when.
    """

    name: str
    member: str
    salt: bytes = field(repr=False)
    scrypt: bytes = field(repr=False)
    made_us: int

    def record(self) -> dict[str, Any]:
        """The client as JSON."""
        return {
            "name": self.name,
            "member": self.member,
            "salt": self.salt.hex(),
            "scrypt": self.scrypt.hex(),
            "made": rfc3339(self.made_us),
        }


def make(name: str, member: Member, now_us: int) -> tuple[Client, str]:
    """A client and its password, which is kept nowhere.

    Raises:
        FormatError: no user name that HTTP's Basic scheme can carry.
    """
    if not _NAME.fullmatch(name):
        raise FormatError(f"a client's name is of letters, digits, dots and hyphens, not {name[:40]!r}")
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    salt = secrets.token_bytes(_SALT_BYTES)
    return Client(name, member.name, salt, _scrypt(password.encode("ascii"), salt), now_us), password


def parse(data: bytes) -> tuple[Client, ...]:
    """All clients of a file.

    Raises:
        FormatError: it is not what :func:`dump` writes.
    """
    record = document.fields(canonical.loads(data, max_bytes=_MAX_BYTES), "clients", {"schema": str, "clients": list})
    if record["schema"] != _SCHEMA:
        raise FormatError(f"the clients are of schema {record['schema'][:40]!r}; this version reads {_SCHEMA}")
    return tuple(_from_record(each) for each in record["clients"])


def dump(clients: Iterable[Client]) -> bytes:
    """A file with these clients."""
    records = [each.record() for each in sorted(clients, key=lambda each: each.name)]
    return canonical.dumps({"schema": _SCHEMA, "clients": records})


def added(known: tuple[Client, ...], made: Client) -> tuple[Client, ...]:
    """With one more.

    Raises:
        PolicyError: there is one of that name.
    """
    if any(each.name == made.name for each in known):
        raise PolicyError(f"there is a client {made.name!r} already; remove it first, or take another name")
    return (*known, made)


def without(known: tuple[Client, ...], name: str) -> tuple[Client, ...]:
    """Without one: its password is worth nothing from then on.

    Raises:
        PolicyError: there is none of that name.
    """
    left = tuple(each for each in known if each.name != name)
    if len(left) == len(known):
        raise PolicyError(f"there is no client {name[:64]!r}; see: pollwatch clients list")
    return left


class Passwords:
    """Checks what clients give. Safe to call from several threads; one password is tried at a time."""

    def __init__(self, path: Path) -> None:
        """Use the file at this path, as it is at each time."""
        self._path = path
        self._lock = threading.Lock()
        self._trying = threading.Lock()
        self._secret = secrets.token_bytes(32)
        self._seen = (0, 0)
        self._clients: dict[str, Client] = {}
        self._right: dict[bytes, str] = {}

    def known(self, header: str) -> str | None:
        """The member of a client whose password was right before; None where it has to be tried (:meth:`check`).

        Raises:
            StoreError: the file is damaged.
        """
        with self._lock:
            self._refresh()
            return self._right.get(self._tag(header))

    def check(self, header: str) -> str:
        """The member for which the client was made.

        Args:
            header: value of ``Authorization``.

        Raises:
            UnauthenticatedError: no such client, or a wrong password; which of them is not said.
            StoreError: the file is damaged.
        """
        name, password = _credentials(header)
        with self._lock:
            self._refresh()
            client = self._clients.get(name)
        # Somebody who does not exist costs the same time.
        salt, expected = (client.salt, client.scrypt) if client else (bytes(_SALT_BYTES), b"")
        with self._trying:
            found = _scrypt(password, salt)
        if client is None or not hmac.compare_digest(found, expected):
            raise UnauthenticatedError("no client has this name and this password")
        with self._lock:
            if self._clients.get(name) == client:  # else it was removed while we looked
                self._right[self._tag(header)] = client.member
        return client.member

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_ino)
        except FileNotFoundError:
            seen = (0, 0)
        if seen != self._seen:
            try:
                now = parse(self._path.read_bytes()) if self._path.exists() else ()
            except (OSError, FormatError) as error:
                raise StoreError(f"{self._path} cannot be used ({error}); make the clients anew") from error
            self._clients = {each.name: each for each in now}
            self._right.clear()
            self._seen = seen

    def _tag(self, header: str) -> bytes:
        return hmac.digest(self._secret, header.encode("utf-8", "replace"), "sha256")


def _credentials(header: str) -> tuple[str, bytes]:
    scheme, _space, encoded = header[:_MAX_HEADER].partition(" ")
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        found = name.decode("utf-8"), password
    except (binascii.Error, ValueError):
        colon, found = b"", ("", b"")
    if scheme.lower() != "basic" or not colon:
        raise UnauthenticatedError("the Authorization field holds no user name and password (Basic)")
    return found


def _scrypt(password: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=_N, r=_R, p=_P, maxmem=64 << 20, dklen=32)


def _from_record(value: object) -> Client:
    record = document.fields(value, "a client", _SHAPE)
    try:
        salt, digest = bytes.fromhex(record["salt"]), bytes.fromhex(record["scrypt"])
        return Client(record["name"], record["member"], salt, digest, parse_rfc3339(record["made"]))
    except ValueError as error:
        raise FormatError(f"a client: {error}") from None
