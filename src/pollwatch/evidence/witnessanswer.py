"""What a witness answers over HTTP, and what its answers mean to who asked; other implementations' too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pollwatch.errors import SignatureError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keys import Verifier
from pollwatch.evidence.note import MAX_SIGNATURES, Signature

TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Response:
    """What an HTTP server sends back, or a client got."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The witness cosigned; the lines are checked and ready for ``Log.add_cosignatures``."""

    lines: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """The witness last cosigned another size: build the request again with that as the old one."""

    size: int


class Meaning(StrEnum):
    """What a refusal comes to."""

    UNKNOWN = "unknown"
    """It does not know the log, or not this key."""
    DISAGREES = "disagrees"
    """To it this is no mere growth of what it cosigned, or no request at all."""
    LATER = "later"
    """It is busy."""
    FAILED = "failed"
    """Anything else."""


#: sigsum's witness says 400 for 422, another 403 for 404, a third 409 without a size for 422; 429 is pushback.
_MEANINGS = {
    400: Meaning.DISAGREES,
    409: Meaning.DISAGREES,
    422: Meaning.DISAGREES,
    403: Meaning.UNKNOWN,
    404: Meaning.UNKNOWN,
    429: Meaning.LATER,
    503: Meaning.LATER,
}


@dataclass(frozen=True, slots=True)
class Refused:
    """The witness does not cosign. A refusal is no veto: the log publishes without."""

    status: int
    reason: str

    @property
    def meaning(self) -> Meaning:
        """What it comes to; implementations differ in the status that they choose for it."""
        return _MEANINGS.get(self.status, Meaning.FAILED)

    def __str__(self) -> str:
        """In one line."""
        said = f"refused ({self.status}, {self.meaning.value})"
        return f"{said}: {self.reason}" if self.reason else said


def parse_response(
    response: Response, signed: SignedCheckpoint, witness: Sequence[Verifier]
) -> Cosigned | Conflict | Refused:
    """What a witness's answer means; survives the answers that other implementations give.

    Args:
        response: as received; untrusted.
        signed: the checkpoint that was sent.
        witness: the keys of this witness; lines by other keys are ignored.

    Raises:
        SignatureError: 200 with a wrong cosignature, or without any by these keys.
    """
    if response.status == 409 and response.content_type.partition(";")[0].strip() == SIZE:
        try:
            text = response.body.decode("ascii")
            if text.endswith("\n"):
                return Conflict(checkpoints.parse_decimal(text[:-1], "the size"))
        except (UnicodeDecodeError, SignatureError):
            return Refused(409, "the witness named no usable size")
    if response.status != 200:
        return Refused(response.status, response.body[:200].decode("utf-8", "replace").strip())
    return read_cosignatures(response.body, signed, witness)


def read_cosignatures(body: bytes, signed: SignedCheckpoint, witness: Sequence[Verifier]) -> Cosigned:
    """The cosignature lines in a witness's 200.

    Args:
        body: as received; untrusted.
        signed: the checkpoint that was sent.
        witness: the keys of this witness; lines by other keys are ignored.

    Raises:
        SignatureError: a wrong cosignature, or none by these keys.
    """
    try:
        lines = body[: checkpoints.MAX_BYTES].decode("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError:
        raise SignatureError("the witness answered with bytes that are no signature lines") from None
    found = []
    for text in lines[:MAX_SIGNATURES]:
        line = Signature.parse(text)
        for key in witness:
            if line.is_by(key):
                checkpoints.verify_line(signed.checkpoint, line, key)
                found.append(line)
    if not found:
        raise SignatureError(f"the witness did not sign with any of its {len(witness)} known keys")
    return Cosigned(tuple(found))
