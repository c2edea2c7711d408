"""A member as the charter names it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from pollwatch.errors import FormatError
from pollwatch.evidence.keychain import KnownLog
from pollwatch.evidence.keys import KeyType, Verifier
from pollwatch.members import document

_IDENTITY: Final = re.compile(r"identity--[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_COMMITMENT: Final = re.compile(r"(?:[0-9a-f]{64})?", re.ASCII)
_MAX_NAME: Final = 120


class Role(StrEnum):
    """What a member may do: members vote, observers read, auditors open commitments."""

    MEMBER = "member"
    OBSERVER = "observer"
    AUDITOR = "auditor"

    @classmethod
    def parse(cls, text: str) -> Role:
        """The role of a word.

        Raises:
            FormatError: there is none of that name.
        """
        for each in cls:
            if each.value == text:
                return each
        raise FormatError(f"no role {text[:40]!r}; the roles are {', '.join(cls)}")


@dataclass(frozen=True, slots=True)
class Member:
    """One organisation in the joint watch.

    Attributes:
        name: for people; unique within a charter.
        bloc: which members it would side with.
        role: what it may do.
        address: base URL of its gateway, without a final slash.
        identity: its STIX identity id, the same for as long as it exists.
        log: key of its shared log (type 01); the key's name is the log's origin.
        witness: key with which it cosigns (type 04).
        statement: key with which it speaks (type 01).
        gateway: key of its receipts (type 01).
        request: key with which its node signs HTTP requests (type 01).
        following: commitment to the statement key after this one (:func:`pollwatch.evidence.keychain.commitment`), in
            hex; empty = it can never be changed.
        following_log: the same for its log's key; readers then follow the log's own key links from ``log`` on.
    """

    name: str
    bloc: str
    role: Role
    address: str
    identity: str
    log: Verifier
    witness: Verifier
    statement: Verifier
    gateway: Verifier
    request: Verifier
    following: str = ""
    following_log: str = ""

    def __post_init__(self) -> None:
        """Check what types cannot say.

        Raises:
            FormatError: a name, address, identity or key that cannot be.
        """
        check_names(self.name, self.bloc, self.address)
        if not _IDENTITY.fullmatch(self.identity):
            raise FormatError(f"member {self.name}: {self.identity[:60]!r} is no STIX identity id (UUIDv4)")
        if not _COMMITMENT.fullmatch(self.following) or not _COMMITMENT.fullmatch(self.following_log):
            raise FormatError(f"member {self.name}: a commitment to a next key is 64 hex digits")
        wanted = dict.fromkeys(("log", "statement", "gateway", "request"), KeyType.ED25519)
        for what, kind in (wanted | {"witness": KeyType.COSIGNATURE}).items():
            key: Verifier = getattr(self, what)
            if key.type is not kind:
                raise FormatError(f"member {self.name}: its {what} key is of type {key.type:#04x}, not {kind:#04x}")
        if len({each.exercise for each in self.keys}) != 1:
            raise FormatError(f"member {self.name} mixes keys of an exercise with real ones")

    @property
    def keys(self) -> tuple[Verifier, ...]:
        """All of its keys."""
        return (self.log, self.witness, self.statement, self.gateway, self.request)

    @property
    def known_log(self) -> KnownLog:
        """What others know of its log first hand."""
        return KnownLog(self.log, bytes.fromhex(self.following_log) if self.following_log else None)

    @property
    def pinned(self) -> dict[str, bytes]:
        """Name of its log to the commitment to the log's next key, as policies have it; empty where it gave none."""
        return {self.log.name: bytes.fromhex(self.following_log)} if self.following_log else {}

    @property
    def exercise(self) -> bool:
        """Whether its keys were made for an exercise."""
        return self.log.exercise

    def is_as(self, other: Member) -> bool:
        """Whether two say the same of it; its bloc and role aside, which are for the others to judge."""
        return replace(self, bloc=other.bloc, role=other.role) == other

    def record(self) -> dict[str, Any]:
        """The member as JSON."""
        return {
            "name": self.name,
            "bloc": self.bloc,
            "role": self.role.value,
            "address": self.address,
            "identity": self.identity,
            "log_key": self.log.vkey,
            "witness_key": self.witness.vkey,
            "statement_key": self.statement.vkey,
            "gateway_key": self.gateway.vkey,
            "request_key": self.request.vkey,
            "next_statement_key": self.following,
            "next_log_key": self.following_log,
        }

    @classmethod
    def from_record(cls, value: object) -> Member:
        """Read a member, refusing anything unknown.

        Raises:
            FormatError: fields missing, unknown, mistyped or impossible.
            SignatureError: a key that is malformed or weak.
        """
        uses = ("log", "witness", "statement", "gateway", "request")
        texts = ("name", "bloc", "role", "address", "identity", "next_statement_key", "next_log_key")
        shape = dict.fromkeys((*texts, *(f"{use}_key" for use in uses)), str)
        record = document.fields(value, "member", shape)
        return cls(
            name=record["name"],
            bloc=record["bloc"],
            role=Role.parse(record["role"]),
            address=record["address"],
            identity=record["identity"],
            following=record["next_statement_key"],
            following_log=record["next_log_key"],
            **{use: Verifier.parse(record[f"{use}_key"]) for use in uses},
        )


def check_names(name: str, bloc: str, address: str) -> None:
    """Accept what a member may call itself, before any key is made for it.

    Raises:
        FormatError: what cannot be shown, is too long, or is no address.
    """
    for what, text in (("name", name), ("bloc", bloc)):
        if not text.strip() or text != text.strip() or len(text) > _MAX_NAME or not text.isprintable():
            raise FormatError(f"a member's {what} is 1 to {_MAX_NAME} printable characters, not {text[:40]!r}")
    _check_address(name, address)


def _check_address(name: str, address: str) -> None:
    try:
        parts = urlsplit(address)
        port_ok = parts.port is None or 0 < parts.port < 65536
    except ValueError:  # a half bracket, a port that is no number
        parts, port_ok = urlsplit(""), False
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_ok or parts.username or parts.query:
        raise FormatError(f"member {name}: {address[:80]!r} is no address; write https://watch.example:8443")
    if address.endswith("/") or parts.fragment:
        raise FormatError(f"member {name}: the address {address[:80]!r} must not end in a slash or fragment")
