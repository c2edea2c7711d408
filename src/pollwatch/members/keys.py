"""A member's own keys besides its log's: for cosigning, for statements, and for the gateway.

Each key does one thing, so that a gateway that is broken into can neither accuse nor deny in its owner's name:
``statement`` signs charters, claims, opinions and releases and stays inside; ``witness`` cosigns other members' logs
and ``gateway`` signs receipts, and these two are on the gateway. The log's key belongs to the log
(:mod:`pollwatch.evidence.log`).
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pollwatch.errors import SignatureError
from pollwatch.evidence import durable
from pollwatch.evidence.keys import EXERCISE, KeyType, Signer

_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class GatewayKeys:
    """What the gateway may use: nothing that speaks for the member.

    Attributes:
        witness: cosigns other members' checkpoints (type 04).
        gateway: signs receipts (type 01).
    """

    witness: Signer
    gateway: Signer

    @classmethod
    def load(cls, folder: Path) -> GatewayKeys:
        """Read the gateway's two keys.

        Raises:
            SignatureError: a key is missing, damaged, or readable by others.
        """
        return cls(Signer.load(folder / "witness.key"), Signer.load(folder / "gateway.key"))


@dataclass(frozen=True, slots=True)
class MemberKeys:
    """All of a member's keys but its log's.

    Attributes:
        statement: speaks for the member (type 01).
        request: signs the node's HTTP requests (type 01).
        gateway_folder: where the gateway's keys are, while its folder is kept with the case.
        id_secret: 32 bytes from which stable object ids are derived, so that an id tells nothing about what was
            never shared.
    """

    statement: Signer
    request: Signer
    gateway_folder: Path
    id_secret: bytes = field(repr=False)

    @property
    def outer(self) -> GatewayKeys:
        """The gateway's keys, read anew: only whoever makes a card has to do with them.

        Raises:
            SignatureError: they are not here, since the gateway's folder was moved to where that runs.
        """
        return GatewayKeys.load(self.gateway_folder)

    @classmethod
    def create(cls, inner: Path, outer: Path, handle: str) -> MemberKeys:
        """Make fresh keys, each in a file that only its owner can read.

        Args:
            inner: folder of the keys that never leave the inside node.
            outer: folder of the gateway's keys.
            handle: first part of the keys' names.

        Raises:
            SignatureError: there are keys already; a key is never overwritten.
        """
        if (inner / "statement.key").exists():
            raise SignatureError(f"there are keys in {inner} already; a key is never overwritten: move it away first")
        return cls.complete(inner, outer, handle)

    @classmethod
    def complete(cls, inner: Path, outer: Path, handle: str) -> MemberKeys:
        """Make the keys that are missing: all of them, or what is left to make after :meth:`create` was cut short.

        Raises:
            SignatureError: there are keys of another name.
        """
        durable.make_folder(inner, mode=0o700)
        durable.make_folder(outer, mode=0o700)
        wanted = {inner: ("statement", "request"), outer: ("witness", "gateway")}
        for folder, use in ((folder, use) for folder, uses in wanted.items() for use in uses):
            path = folder / f"{use}.key"
            if not path.exists():
                kind = KeyType.COSIGNATURE if use == "witness" else KeyType.ED25519
                Signer.generate(f"{handle}/{use}", kind).save(path)
            if (found := Signer.load(path).name) != f"{handle}/{use}":
                raise SignatureError(f"{path} is the key {found!r}, not one of {handle!r}; move it away first")
        if not (inner / "ids.secret").exists():
            durable.create_file(inner / "ids.secret", os.urandom(_SECRET_BYTES).hex().encode("ascii"))
        return cls.load(inner, outer)

    @classmethod
    def load(cls, inner: Path, outer: Path) -> MemberKeys:
        """Read a member's keys.

        Raises:
            SignatureError: a key is missing, damaged, or readable by others.
        """
        try:
            secret = bytes.fromhex((inner / "ids.secret").read_text("ascii"))
        except (OSError, ValueError) as error:
            raise SignatureError(f"the keys in {inner} are not complete ({error})") from error
        statement, request = (Signer.load(inner / f"{use}.key") for use in ("statement", "request"))
        return cls(statement, request, outer, secret)


def handle_of(name: str, *, exercise: bool = False) -> str:
    """A key name's first part from a member's name: ``Alder Commission`` becomes ``alder-commission``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    handle = re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "member"
    return EXERCISE + handle if exercise else handle
