"""C2SP tlog-checkpoint v1.0.0 and tlog-cosignature: a signed statement of a log's size and root.

A checkpoint is a signed note whose text is ``origin``, size, base64 root, and perhaps extension lines (pollwatch
writes none). The log signs it (type 01); witnesses cosign it with a time (types 04 and 06).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pollwatch.errors import SignatureError
from pollwatch.evidence import note as notes
from pollwatch.evidence.keys import KeyType, Signer, Verifier, check_name, decode_base64
from pollwatch.evidence.note import Note, Signature

MAX_BYTES = 1 << 16
MAX_SIZE = (1 << 63) - 1
_TIME_BYTES = 8
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says about itself at one moment.

    Attributes:
        origin: the log's unique name.
        size: number of entries.
        root: 32-byte Merkle tree hash of them.
        extensions: further lines, kept but never given a meaning.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The note text.

        Raises:
            SignatureError: a field that the format cannot carry.
        """
        check_name(self.origin)
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != 32:
            raise SignatureError(f"checkpoint of {self.origin}: size or root out of range")
        if any(not line or "\n" in line for line in self.extensions):
            raise SignatureError(f"checkpoint of {self.origin}: an extension line is one non-empty line")
        root = base64.b64encode(self.root).decode("ascii")
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), root, *self.extensions))

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a note text as a checkpoint.

        Raises:
            SignatureError: not a checkpoint, or not in its only form (``+12``, a short root ...).
        """
        if len(text) > MAX_BYTES:
            raise SignatureError("checkpoint is too large")
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1]:
            raise SignatureError("a checkpoint has origin, size and root, each on its line")
        checkpoint = cls(
            lines[0], parse_decimal(lines[1], "size"), decode_base64(lines[2], "the root"), tuple(lines[3:-1])
        )
        if checkpoint.text != text:
            raise SignatureError("checkpoint is not in canonical form")
        return checkpoint


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint with the note that carries it. Signatures are checked by :func:`verify`, not by parsing."""

    checkpoint: Checkpoint
    note: Note

    @classmethod
    def parse(cls, data: bytes) -> SignedCheckpoint:
        """Read a signed checkpoint; signatures are not checked.

        Raises:
            SignatureError: malformed.
        """
        note = notes.parse(data, max_bytes=MAX_BYTES)
        return cls(Checkpoint.parse(note.text), note)

    def to_bytes(self) -> bytes:
        """The note as it travels."""
        return self.note.to_bytes()

    def adding(self, signatures: Iterable[Signature]) -> SignedCheckpoint:
        """With more (co)signatures."""
        return SignedCheckpoint(self.checkpoint, self.note.adding(signatures))

    def cosigned_by(self, lines: Sequence[Signature]) -> SignedCheckpoint:
        """With the first line of each key that is not there yet, as many as a note holds.

        The first says the earliest time, and who is asked again and again would fill the note otherwise.
        """
        have = {(each.name, each.key_id) for each in self.note.signatures}
        fresh: dict[tuple[str, bytes], Signature] = {}
        for each in lines:
            if (each.name, each.key_id) not in have:
                fresh.setdefault((each.name, each.key_id), each)
        return self.adding([*fresh.values()][: notes.MAX_SIGNATURES - len(self.note.signatures)])


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that was checked.

    Attributes:
        verifier: whose.
        time_s: seconds since 1970-01-01 UTC, as the cosigner states; None for type 01, which states none.
    """

    verifier: Verifier
    time_s: int | None


def sign(checkpoint: Checkpoint, signer: Signer, time_s: int | None = None) -> Signature:
    """Sign or cosign a checkpoint, as the key's type says.

    Args:
        checkpoint: what is signed.
        signer: a key of any type.
        time_s: seconds since 1970-01-01 UTC; needed for cosignature keys, meaningless for type 01.

    Raises:
        SignatureError: a cosignature without time, or a checkpoint that this type cannot cover.
    """
    if not signer.type.has_time:
        return notes.sign(checkpoint.text, signer)
    if time_s is None:
        raise SignatureError(f"a cosignature by {signer.name} needs its time")
    stamp = time_s.to_bytes(_TIME_BYTES, "big")
    message = _cosigned_message(checkpoint, signer.verifier, time_s)
    return Signature(signer.name, signer.verifier.id, stamp + signer.sign(message))


def signed(checkpoint: Checkpoint, signers: Iterable[Signer], time_s: int | None = None) -> SignedCheckpoint:
    """A checkpoint signed by all of these keys."""
    return SignedCheckpoint(
        checkpoint, Note(checkpoint.text, tuple(sign(checkpoint, each, time_s) for each in signers))
    )


def verify(subject: SignedCheckpoint, verifiers: Iterable[Verifier]) -> tuple[Signed, ...]:
    """Check every signature by a known key; unknown keys are ignored, as the specification says.

    Returns:
        What was checked, in the order of the keys; a key that cosigned several times is listed with each time.

    Raises:
        SignatureError: a known key's signature is wrong (the whole checkpoint is then void).
    """
    return tuple(
        Signed(verifier, verify_line(subject.checkpoint, line, verifier))
        for verifier in verifiers
        for line in subject.note.by(verifier)
    )


def verify_line(checkpoint: Checkpoint, line: Signature, verifier: Verifier) -> int | None:
    """Check one signature line over a checkpoint.

    Returns:
        The stated time in seconds, or None for type 01.

    Raises:
        SignatureError: by another key, of a wrong length, or wrong.
    """
    if not line.is_by(verifier):
        raise SignatureError(f"the signature line is not by {verifier.name} (key {verifier.id.hex()})")
    expected = verifier.type.signature_bytes + (_TIME_BYTES if verifier.type.has_time else 0)
    if len(line.blob) != expected:
        raise SignatureError(f"the signature of {verifier.name} has {len(line.blob)} bytes, not {expected}")
    if not verifier.type.has_time:
        verifier.verify(checkpoint.text.encode("utf-8"), line.blob)
        return None
    time_s = int.from_bytes(line.blob[:_TIME_BYTES], "big")
    verifier.verify(_cosigned_message(checkpoint, verifier, time_s), line.blob[_TIME_BYTES:])
    return time_s


def open_checkpoint(data: bytes, log: Verifier) -> SignedCheckpoint:
    """Read a checkpoint and check that its log signed it.

    Args:
        data: the note.
        log: the log's type 01 key; its name must be the checkpoint's origin.

    Raises:
        SignatureError: malformed, of another log, unsigned by this key, or signed wrongly.
    """
    subject = SignedCheckpoint.parse(data)
    if subject.checkpoint.origin != log.name:
        raise SignatureError(f"checkpoint is of log {subject.checkpoint.origin!r}, not of {log.name!r}")
    if not verify(subject, (log,)):
        raise SignatureError(f"checkpoint of {log.name} is not signed by its key {log.id.hex()}")
    return subject


def parse_decimal(text: str, what: str) -> int:
    """A number with exactly one spelling.

    Raises:
        SignatureError: sign, leading zero, non-ASCII digit, or too large.
    """
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise SignatureError(f"{what} {text[:40]!r} is not a plain decimal number")
    return int(text)


def _cosigned_message(checkpoint: Checkpoint, verifier: Verifier, time_s: int) -> bytes:
    """The bytes under a cosignature (tlog-cosignature, 'Format')."""
    if verifier.type is KeyType.COSIGNATURE:
        return f"cosignature/v1\ntime {time_s}\n{checkpoint.text}".encode()
    if checkpoint.extensions:
        # ML-DSA cosignatures do not cover extension lines; accepting them would let anyone add a line.
        raise SignatureError(f"the cosignature of {verifier.name} cannot cover a checkpoint with extension lines")
    name, origin = verifier.name.encode(), checkpoint.origin.encode()
    return b"".join(
        (
            b"subtree/v1\n\0",
            bytes([len(name)]),
            name,
            time_s.to_bytes(_TIME_BYTES, "big"),
            bytes([len(origin)]),
            origin,
            (0).to_bytes(8, "big"),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )
