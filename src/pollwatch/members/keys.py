"""A member's own keys besides its log's: for cosigning, for statements, and for the gateway.

Each key does one thing, so that a gateway that is broken into can neither accuse nor deny in its owner's name:
``statement`` signs charters, claims, opinions and releases and stays inside; ``witness`` cosigns other members' logs
and ``gateway`` signs receipts, and these two are on the gateway. The log's key belongs to the log
(:mod:`pollwatch.evidence.log`).

A key is changed by the charter (:mod:`pollwatch.node.charter.renewing`). Until a charter that names it is in force, the
new key lies beside the one in use (``NAME.next``); then it takes its place in one step (:func:`settle`). So there is no
moment at which a process that is killed leaves the member without a key that others go by.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from pollwatch import durable
from pollwatch.errors import SignatureError
from pollwatch.evidence.keys import EXERCISE, KeyType, Signer, Verifier
from pollwatch.store import disk

#: What each key that stays inside, and each that the gateway has, is for.
INNER: Final = ("statement", "request")
OUTER: Final = ("witness", "gateway")
_SECRET_BYTES: Final = 32


def placed(folder: Path, use: str) -> Path:
    """The file of a key in use."""
    return folder / f"{use}.key"


def arriving(folder: Path, use: str) -> Path:
    """The file of the key that a change of the charter brings in for it."""
    return folder / f"{use}.next"


def make(path: Path, name: str, use: str) -> None:
    """A fresh key for that use.

    Raises:
        SignatureError: there is one; a key is never overwritten.
    """
    Signer.generate(name, KeyType.COSIGNATURE if use == "witness" else KeyType.ED25519).save(path)


def at_hand(folder: Path, use: str) -> tuple[Signer, ...]:
    """The key in use, and after it the one that a change brings in, if there is one.

    Raises:
        SignatureError: a key is missing, damaged, or readable by others.
    """
    # In this order: what another process puts in its place in between is then found twice, never not at all.
    path = arriving(folder, use)
    coming = (Signer.load(path),) if path.exists() else ()
    return (Signer.load(placed(folder, use)), *coming)


def settle(folder: Path, named: Mapping[str, Verifier]) -> bool:
    """Put the keys that a charter in force names in the places of those before, which are gone then.

    Args:
        folder: where the keys are.
        named: the key that the charter names, by use.

    Returns:
        Whether a key was put in place. Doing it again, or beside another process that does it, changes nothing.

    Raises:
        SignatureError: a key is damaged, or readable by others.
    """
    if not incoming(folder, named):
        return False
    moved = False
    with disk.locked(folder / "keys.lock"):
        for use, verifier in named.items():
            path = arriving(folder, use)
            if path.exists() and Signer.load(path).verifier == verifier:
                path.replace(placed(folder, use))
                durable.sync_path(folder)
                moved = True
    return moved


def incoming(folder: Path, uses: Iterable[str]) -> bool:
    """Whether a change brings in any of these keys."""
    return any(arriving(folder, use).exists() for use in uses)


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
        return cls(*(Signer.load(placed(folder, use)) for use in OUTER))


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
        if placed(inner, "statement").exists():
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
        for folder, use in (*((inner, use) for use in INNER), *((outer, use) for use in OUTER)):
            path = placed(folder, use)
            if not path.exists():
                make(path, f"{handle}/{use}", use)
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
        statement, request = (Signer.load(placed(inner, use)) for use in INNER)
        return cls(statement, request, outer, secret)


def handle_of(name: str, *, exercise: bool = False) -> str:
    """A key name's first part from a member's name: ``Alder Commission`` becomes ``alder-commission``.

    Letters of other scripts are left out there. So that two members with such names still have keys of different
    names, some of the name's hash takes their place.
    """
    whole = unicodedata.normalize("NFKD", name)
    handle = re.sub(r"[^a-z0-9]+", "-", whole.encode("ascii", "ignore").decode("ascii").lower()).strip("-") or "member"
    if any(unicodedata.category(char).startswith("L") for char in whole if not char.isascii()):
        handle += f"-{sha256(name.encode('utf-8')).hexdigest()[:8]}"
    return EXERCISE + handle if exercise else handle
