"""The body of a tlog-witness ``add-checkpoint`` request, built and read strictly."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch.errors import ProofError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import merkle
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keys import decode_base64

MAX_BYTES = 1 << 17


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """One request to cosign.

    Attributes:
        old: the size that the log believes the witness cosigned last; 0 = never.
        proof: consistency from ``old`` to the checkpoint; at most 63 hashes.
        signed: the checkpoint with the log's signature.
    """

    old: int
    proof: merkle.Proof
    signed: SignedCheckpoint


def build_add_checkpoint(old: int, proof: Sequence[bytes], signed: SignedCheckpoint) -> bytes:
    """The request body."""
    lines = "".join(base64.b64encode(each).decode("ascii") + "\n" for each in proof)
    return f"old {old}\n{lines}\n".encode("ascii") + signed.to_bytes()


def origin_of(body: bytes) -> str:
    """Which log a request is about, as it says; nothing is checked, and of what is malformed it is anything."""
    return body.partition(b"\n\n")[2].partition(b"\n")[0].decode("utf-8", "replace")


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Read a request body.

    Raises:
        ProofError: too large, malformed, or too many hashes.
        SignatureError: a number, hash or checkpoint that is not in its only form.
    """
    if len(body) > MAX_BYTES:
        raise ProofError(f"request of {len(body)} bytes is over the limit of {MAX_BYTES}")
    head, empty_line, rest = body.partition(b"\n\n")
    try:
        first, *hashes = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise ProofError("the request's head is not ASCII") from None
    if not empty_line or not first.startswith("old "):
        raise ProofError("a request begins with 'old N', hashes and an empty line")
    if len(hashes) > merkle.MAX_PROOF:
        raise ProofError(f"a consistency proof has at most {merkle.MAX_PROOF} hashes")
    old = checkpoints.parse_decimal(first.removeprefix("old "), "old size")
    proof = tuple(decode_base64(line, "a hash of the proof") for line in hashes)
    if any(len(each) != merkle.HASH_BYTES for each in proof):
        raise ProofError("a hash of the proof does not have 32 bytes")
    request = AddCheckpoint(old, proof, SignedCheckpoint.parse(rest))
    if build_add_checkpoint(old, proof, request.signed) != body:
        raise ProofError("the request is not in canonical form")
    return request
