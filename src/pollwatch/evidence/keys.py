"""Verifier and signer keys in the text forms of C2SP signed-note (``vkey`` and ``PRIVATE+KEY``).

A key belongs to a name and to one type of signature; the key id binds all three, so that a witness's key can never
be taken for a log's. Files with signer keys are created with mode 0600 and refused when others can read them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from pollwatch import durable
from pollwatch.errors import SignatureError
from pollwatch.evidence import curve, keysource

#: How the names of all keys begin that were made for an exercise; no real key's does.
EXERCISE = "exercise."
_SEED_BYTES = 32
_MAX_VKEY = 4096
_PRIVATE = "PRIVATE+KEY+"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class KeyType(IntEnum):
    """The signature types of signed-note and tlog-cosignature that pollwatch makes and checks."""

    ED25519 = 0x01
    COSIGNATURE = 0x04
    MLDSA44 = 0x06

    @property
    def public_bytes(self) -> int:
        """Length of a public key of this type."""
        return 1312 if self is KeyType.MLDSA44 else 32

    @property
    def signature_bytes(self) -> int:
        """Length of a bare signature of this type, without key id and timestamp."""
        return 2420 if self is KeyType.MLDSA44 else 64

    @property
    def has_time(self) -> bool:
        """Whether the signature states when it was made (cosignatures do)."""
        return self is not KeyType.ED25519


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name and type.

    Attributes:
        name: the key's name, e.g. ``a.example/shared``; no space, no ``+``.
        type: what kind of signature it checks.
        public: 32 bytes (Ed25519) or 1,312 (ML-DSA-44).

    Raises:
        SignatureError: a name that signed-note forbids, a wrong length, or a weak key.
    """

    name: str
    type: KeyType
    public: bytes = field(repr=False)
    id: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Check everything once, so that every Verifier that exists is acceptable."""
        check_name(self.name)
        if len(self.public) != self.type.public_bytes:
            raise SignatureError(f"key {self.name}: {len(self.public)} bytes, not {self.type.public_bytes}")
        if self.type is not KeyType.MLDSA44:
            curve.check_public_key(self.public)
        object.__setattr__(self, "id", key_id(self.name, self.type, self.public))

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read ``NAME+HEXID+BASE64(type || key)``.

        Raises:
            SignatureError: not a verifier key, or one whose id does not fit it.
        """
        if len(vkey) > _MAX_VKEY or vkey.startswith(_PRIVATE):
            raise SignatureError("not a verifier key: it starts with PRIVATE+KEY, or is far too long")
        name, hex_id, body = _split(vkey)
        verifier = cls(name, _key_type(name, body), body[1:])
        if verifier.id.hex() != hex_id or verifier.vkey != vkey:
            raise SignatureError(f"verifier key of {name}: its id does not fit the key; ask its owner for it again")
        return verifier

    @property
    def vkey(self) -> str:
        """The key as text, as :meth:`parse` reads it."""
        body = base64.b64encode(bytes([self.type]) + self.public).decode("ascii")
        return f"{self.name}+{self.id.hex()}+{body}"

    @property
    def exercise(self) -> bool:
        """Whether the key was made for an exercise: its name says so, and every signature names its key."""
        return self.name.startswith(EXERCISE)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of type and key in hex: what two people read to each other over the telephone."""
        return hashlib.sha256(bytes([self.type]) + self.public).hexdigest()

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check a bare signature over exactly these bytes.

        Raises:
            SignatureError: it does not verify.
        """
        try:
            if self.type is KeyType.MLDSA44:
                MLDSA44PublicKey.from_public_bytes(self.public).verify(signature, message)
            else:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise SignatureError(f"the signature of {self.name} (key {self.id.hex()}) is wrong") from None


@dataclass(frozen=True, slots=True)
class Signer:
    """A secret key with its name and type. Its seed never shows in ``repr``.

    Attributes:
        name: as in :class:`Verifier`.
        type: what kind of signature it makes.
        seed: 32 secret bytes; empty for a key that stays elsewhere (:meth:`backed`).
    """

    name: str
    type: KeyType
    seed: bytes = field(repr=False)
    verifier: Verifier = field(init=False, repr=False)
    _private: keysource.SignerBackend = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Derive the public half once."""
        if len(self.seed) != _SEED_BYTES:
            raise SignatureError(f"signer key of {self.name}: the seed has {len(self.seed)} bytes, not {_SEED_BYTES}")
        private: Ed25519PrivateKey | MLDSA44PrivateKey
        if self.type is KeyType.MLDSA44:
            private = MLDSA44PrivateKey.from_seed_bytes(self.seed)
        else:
            private = Ed25519PrivateKey.from_private_bytes(self.seed)
        object.__setattr__(self, "_private", private)
        public = private.public_key().public_bytes_raw()
        if isinstance(private, Ed25519PrivateKey):
            curve.accept(public)
        object.__setattr__(self, "verifier", Verifier(self.name, self.type, public))

    @classmethod
    def generate(cls, name: str, key_type: KeyType = KeyType.ED25519) -> Signer:
        """A fresh key from the system's random source."""
        return cls(name, key_type, os.urandom(_SEED_BYTES))

    @classmethod
    def backed(cls, verifier: Verifier, backend: keysource.SignerBackend) -> Signer:
        """A key that stays elsewhere: on a token, in another process. Each of its signatures is checked."""
        signer = object.__new__(cls)
        values = (verifier.name, verifier.type, b"", verifier, backend)
        for attribute, value in zip(("name", "type", "seed", "verifier", "_private"), values, strict=True):
            object.__setattr__(signer, attribute, value)
        return signer

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Read ``PRIVATE+KEY+NAME+HEXID+BASE64(type || seed)``.

        Raises:
            SignatureError: not a signer key, or one whose id does not fit it.
        """
        if not text.startswith(_PRIVATE) or len(text) > _MAX_VKEY:
            raise SignatureError("not a signer key: it does not start with PRIVATE+KEY")
        name, hex_id, body = _split(text.removeprefix(_PRIVATE))
        signer = cls(name, _key_type(name, body), body[1:])
        if signer.verifier.id.hex() != hex_id:
            raise SignatureError(f"signer key of {name}: its id does not fit the key; the file is damaged")
        return signer

    def sign(self, message: bytes) -> bytes:
        """A bare signature over exactly these bytes.

        Raises:
            SignatureError: the key stays elsewhere, and what came back is no signature of it.
        """
        signature = self._private.sign(message)
        if not self.seed:
            self.verifier.verify(message, signature)
        return signature

    def save(self, path: Path) -> None:
        """Write the key to a new file that only its owner can read.

        Raises:
            SignatureError: the file exists (a key is never overwritten), or the key stays elsewhere.
        """
        if not self.seed:
            raise SignatureError(f"the key of {self.name} is not here; it cannot be saved")
        body = base64.b64encode(bytes([self.type]) + self.seed).decode("ascii")
        text = f"{_PRIVATE}{self.name}+{self.verifier.id.hex()}+{body}\n"
        try:
            durable.create_file(path, text.encode(), mode=0o600)
        except FileExistsError:
            raise SignatureError(f"{path} exists; a key is never overwritten: move it away first") from None

    @classmethod
    def load(cls, path: Path) -> Signer:
        """Read a key file, or what it refers to (:mod:`pollwatch.evidence.keysource`).

        Raises:
            SignatureError: it cannot be read, others can read it, or it holds no signer key.
        """
        found = keysource.read(path)
        if isinstance(found, keysource.External):
            return cls.backed(Verifier.parse(found.vkey), found.backend)
        return cls.parse(found)


def check_name(name: str) -> None:
    """Accept what signed-note accepts as a key name, and what fits a cosignature (255 bytes).

    Raises:
        SignatureError: empty, too long, or with a space, control character or ``+``.
    """
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        raise SignatureError("a key name must be valid Unicode") from None
    if not 0 < size <= 255 or "+" in name or name.split() != [name] or _CONTROL.search(name) is not None:
        raise SignatureError(f"{name[:80]!r} cannot be a key's name: 1 to 255 bytes, no space, no '+'")


def key_id(name: str, key_type: int, public: bytes) -> bytes:
    """The four bytes that point from a signature to its key (signed-note, 'Verifier keys')."""
    return hashlib.sha256(name.encode("utf-8") + b"\n" + bytes([key_type]) + public).digest()[:4]


def decode_base64(text: str, what: str) -> bytes:
    """Base64 with exactly one spelling per value.

    Raises:
        SignatureError: not base64, or not in its only canonical form.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError(f"{what} is not base64") from None
    if base64.b64encode(data).decode("ascii") != text:
        raise SignatureError(f"{what} is not canonical base64")
    return data


def _split(text: str) -> tuple[str, str, bytes]:
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise SignatureError("a key is written NAME+ID+BASE64")
    name, hex_id, encoded = parts
    body = decode_base64(encoded, f"the key of {name[:80]!r}")
    if not body:
        raise SignatureError(f"the key of {name[:80]!r} is empty")
    return name, hex_id, body


def _key_type(name: str, body: bytes) -> KeyType:
    try:
        return KeyType(body[0])
    except ValueError:
        raise SignatureError(f"the key of {name[:80]!r} is of type {body[0]:#04x}, which is not supported") from None
