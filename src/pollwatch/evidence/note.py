"""C2SP signed-note v1.0.0: a text and the signatures of named keys.

Layout: text ending in a newline, an empty line, then lines ``— NAME BASE64(key id || signature)``. Parsing limits
the size, parses, writes again and compares, so that there is one spelling per note and two members never disagree.

Signatures of type 01 sign the text itself and are made and checked here; cosignatures (04, 06) sign a checkpoint
and a time, and are handled by :mod:`pollwatch.evidence.checkpoint`. Keys are re-exported from
:mod:`pollwatch.evidence.keys`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from pollwatch.errors import SignatureError
from pollwatch.evidence.keys import KeyType, Signer, Verifier, check_name, decode_base64

__all__ = ["KeyType", "Note", "Signature", "Signer", "Verifier", "open_note", "parse", "sign", "sign_note", "verify"]

MAX_BYTES = 1 << 20
MAX_SIGNATURES = 128
_DASH = "— "  # U+2014 and a space
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line.

    Attributes:
        name: of the key, as the line says.
        key_id: four bytes.
        blob: what follows the key id: the signature, for cosignatures with eight bytes of time before it.
    """

    name: str
    key_id: bytes
    blob: bytes = field(repr=False)

    @property
    def line(self) -> str:
        """The line, with its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.blob).decode('ascii')}\n"

    @classmethod
    def parse(cls, line: str) -> Signature:
        """Read one line, with or without its newline.

        Raises:
            SignatureError: it is no signature line.
        """
        bare = line.removesuffix("\n")
        name, space, encoded = bare.removeprefix(_DASH).partition(" ")
        if not bare.startswith(_DASH) or not space:
            raise SignatureError("a signature line is written '— NAME BASE64'")
        check_name(name)
        data = decode_base64(encoded, f"the signature of {name!r}")
        if len(data) < 5:
            raise SignatureError(f"the signature of {name!r} is too short")
        signature = cls(name, data[:4], data[4:])
        if signature.line != bare + "\n":
            raise SignatureError(f"the signature line of {name!r} is not in canonical form")
        return signature

    def is_by(self, verifier: Verifier) -> bool:
        """Whether the line claims to be by this key (nothing is checked)."""
        return (self.name, self.key_id) == (verifier.name, verifier.id)


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signature lines, in order.

    Attributes:
        text: ends in a newline; UTF-8 without control characters other than newline.
        signatures: at least one.
    """

    text: str
    signatures: tuple[Signature, ...]

    def to_bytes(self) -> bytes:
        """The note as it travels.

        Raises:
            SignatureError: the text cannot be a note's text, or there is no signature.
        """
        check_text(self.text)
        if not 1 <= len(self.signatures) <= MAX_SIGNATURES:
            raise SignatureError(f"a note has 1 to {MAX_SIGNATURES} signatures, not {len(self.signatures)}")
        return (self.text + "\n" + "".join(each.line for each in self.signatures)).encode("utf-8")

    def adding(self, signatures: Iterable[Signature]) -> Note:
        """The note with more signatures, each line once."""
        return Note(self.text, tuple(dict.fromkeys((*self.signatures, *signatures))))

    def by(self, verifier: Verifier) -> tuple[Signature, ...]:
        """The lines that claim to be by this key (nothing is checked)."""
        return tuple(each for each in self.signatures if each.is_by(verifier))


def parse(data: bytes, *, max_bytes: int = MAX_BYTES) -> Note:
    """Read a note; signatures are not checked.

    Raises:
        SignatureError: too large, malformed, or not byte for byte what :meth:`Note.to_bytes` writes.
    """
    if len(data) > max_bytes:
        raise SignatureError(f"signed note of {len(data)} bytes is over the limit of {max_bytes}")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise SignatureError("signed note is not UTF-8") from None
    text, empty_line, block = whole.rpartition("\n\n")
    if not empty_line or not block.endswith("\n"):
        raise SignatureError("signed note lacks its empty line and signature lines")
    lines = block.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise SignatureError(f"signed note has over {MAX_SIGNATURES} signatures")
    note = Note(text + "\n", tuple(Signature.parse(line) for line in lines))
    if len(set(note.signatures)) != len(note.signatures):
        raise SignatureError("signed note has one signature line twice")
    if note.to_bytes() != data:
        raise SignatureError("signed note is not in canonical form")
    return note


def check_text(text: str) -> None:
    """Accept what may stand above the signatures.

    Raises:
        SignatureError: empty, without final newline, or with control characters.
    """
    if not text.endswith("\n"):
        raise SignatureError("the text of a signed note ends in a newline")
    if _CONTROL.search(text) is not None:
        raise SignatureError("the text of a signed note has no control characters but newline")


def sign(text: str, signer: Signer) -> Signature:
    """A type 01 signature over a note's text.

    Raises:
        SignatureError: the text cannot be a note's, or the key is for cosignatures.
    """
    check_text(text)
    if signer.type is not KeyType.ED25519:
        raise SignatureError(f"key {signer.name} is for cosigning checkpoints, not for signing notes")
    return Signature(signer.name, signer.verifier.id, signer.sign(text.encode("utf-8")))


def sign_note(text: str, signers: Iterable[Signer]) -> Note:
    """A note signed by all of these keys."""
    return Note(text, tuple(sign(text, signer) for signer in signers))


def verify(note: Note, verifiers: Iterable[Verifier]) -> tuple[Verifier, ...]:
    """Check every signature by a known key; unknown keys are ignored, as the specification says.

    Returns:
        The type 01 keys that signed, in the order given.

    Raises:
        SignatureError: a known key's signature is wrong (the whole note is then void).
    """
    signed = []
    for verifier in verifiers:
        if verifier.type is not KeyType.ED25519:
            raise SignatureError(f"key {verifier.name} is for cosignatures; check it with the checkpoint")
        lines = note.by(verifier)
        for line in lines:
            verifier.verify(note.text.encode("utf-8"), line.blob)
        if lines:
            signed.append(verifier)
    return tuple(signed)


def open_note(data: bytes, verifier: Verifier, *, max_bytes: int = MAX_BYTES) -> str:
    """The text of a note that this key signed.

    Raises:
        SignatureError: malformed, not signed by this key, or signed wrongly.
    """
    note = parse(data, max_bytes=max_bytes)
    if not verify(note, (verifier,)):
        raise SignatureError(f"not signed by {verifier.name} (key {verifier.id.hex()})")
    return note.text
