"""RFC 9497, verifiable mode, suite ristretto255-SHA512: an oblivious PRF whose evaluations are proven.

A client blinds an input; the server multiplies it by its key and proves, for a whole batch at once, that it used the
key that its public key commits to; the client checks that and unblinds. Names follow the RFC. Bytes in, bytes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha512
from typing import Final

from pollwatch.errors import FormatError, ProofError
from pollwatch.sharing.matching import ristretto
from pollwatch.sharing.matching.ristretto import Element, Hasher, Scalar

_CONTEXT: Final = b"OPRFV1-\x01-ristretto255-SHA512"
_TO_GROUP: Final = Hasher(b"HashToGroup-" + _CONTEXT)
_TO_SCALAR: Final = Hasher(b"HashToScalar-" + _CONTEXT)
_TO_KEY: Final = Hasher(b"DeriveKeyPair" + _CONTEXT)
#: The RFC numbers the items of a batch with two bytes.
MAX_BATCH: Final = 65_535
PROOF_BYTES: Final = 2 * ristretto.SCALAR_BYTES
GENERATOR: Final = ristretto.base_times(ristretto.scalar_of(1))


@dataclass(frozen=True, slots=True)
class Proof:
    """That two lists of elements have one factor between them: the secret key of a public key.

    Attributes:
        challenge: ``c`` of the RFC.
        response: ``s``.
    """

    challenge: Scalar
    response: Scalar

    def to_bytes(self) -> bytes:
        """The 64 bytes that travel."""
        return self.challenge + self.response

    @classmethod
    def parse(cls, data: bytes) -> Proof:
        """Read a proof.

        Raises:
            FormatError: another length, or a scalar in another spelling than its one.
        """
        if len(data) != PROOF_BYTES:
            raise FormatError(f"a proof has {PROOF_BYTES} bytes, not {len(data)}")
        return cls(ristretto.scalar(data[:32]), ristretto.scalar(data[32:]))


def derive_key(seed: bytes, info: bytes) -> Scalar:
    """``DeriveKeyPair``: the secret key that follows from a seed of 32 bytes."""
    material = seed + _sized(info)
    return next(_TO_KEY.scalar(material + bytes((counter,))) for counter in range(256))


def hash_to_group(data: bytes) -> Element:
    """The input as a point."""
    return _TO_GROUP.element(data)


def blind(data: bytes, factor: Scalar) -> Element:
    """``Blind``: what is sent instead of the input."""
    return blind_all([data], factor)[0]


def blind_all(inputs: Sequence[bytes], factor: Scalar) -> list[Element]:
    """``Blind``, with one factor for all (ADR 6)."""
    return ristretto.hashed_times_all(factor, [_TO_GROUP.uniform(each) for each in inputs])


def prove(key: Scalar, inputs: Sequence[Element], outputs: Sequence[Element], nonce: Scalar | None = None) -> Proof:
    """``GenerateProof``: that each output is its input times the key.

    Raises:
        FormatError: too many, none, or something that is no element.
    """
    public = ristretto.base_times(key)
    combined_in = ristretto.weighted_sum(inputs, _weights(public, inputs, outputs))
    combined_out = ristretto.times(key, combined_in)
    fresh = nonce or ristretto.random_scalar()
    commitments = ristretto.base_times(fresh), ristretto.times(fresh, combined_in)
    challenge = _challenge(public, combined_in, combined_out, *commitments)
    response = ristretto.number_of(fresh) - ristretto.number_of(challenge) * ristretto.number_of(key)
    return Proof(challenge, ristretto.scalar_of(response))


def verify(public: Element, inputs: Sequence[Element], outputs: Sequence[Element], proof: Proof) -> None:
    """``VerifyProof``: accept that each output is its input times the secret key of ``public``.

    Raises:
        ProofError: some output is not.
        FormatError: too many, none, or something that is no element.
    """
    weights = _weights(public, inputs, outputs)
    combined_in = ristretto.weighted_sum(inputs, weights)
    combined_out = ristretto.weighted_sum(outputs, weights)
    left = _combine(proof, GENERATOR, public)
    right = _combine(proof, combined_in, combined_out)
    if _challenge(public, combined_in, combined_out, left, right) != proof.challenge:
        raise ProofError("the evaluation is not under the key that was committed to")


def finalize(data: bytes, factor: Scalar, evaluated: Element) -> bytes:
    """``Finalize``: the PRF's output for an input, from its evaluation; the proof was checked before."""
    return finalize_all([data], factor, [[evaluated]])[0]


def finalize_all(inputs: Sequence[bytes], factor: Scalar, evaluated: Sequence[Sequence[Element]]) -> list[bytes]:
    """``Finalize`` for inputs that were blinded with one factor, under the sum of several servers' keys.

    Args:
        inputs: what was blinded.
        factor: with what.
        evaluated: from each server, the evaluation of each input; the proofs were checked before.
    """
    points = ristretto.sums_times_all(ristretto.inverse(factor), evaluated)
    return [output(data, point) for data, point in zip(inputs, points, strict=True)]


def evaluate(key: Scalar, data: bytes) -> bytes:
    """``Evaluate``: the output as the key's owner computes it alone."""
    return output(data, ristretto.times(key, hash_to_group(data)))


def output(data: bytes, unblinded: Element) -> bytes:
    """The 64 bytes of output that belong to an input and its unblinded evaluation."""
    return sha512(_sized(data) + _sized(unblinded) + b"Finalize").digest()


def _weights(public: Element, inputs: Sequence[Element], outputs: Sequence[Element]) -> list[Scalar]:
    """The weights of ``ComputeComposites``: they depend on every element, so that errors cannot cancel out."""
    if not 1 <= len(inputs) <= MAX_BATCH or len(inputs) != len(outputs):
        raise FormatError(f"a proof is about 1 to {MAX_BATCH} pairs, not {len(inputs)} and {len(outputs)}")
    seed = sha512(_sized(public) + _sized(b"Seed-" + _CONTEXT)).digest()
    size = ristretto.ELEMENT_BYTES.to_bytes(2, "big")
    pairs = enumerate(zip(inputs, outputs, strict=True))
    rests = (
        b"".join((index.to_bytes(2, "big"), size, left, size, right, b"Composite")) for index, (left, right) in pairs
    )
    return _TO_SCALAR.scalars(_sized(seed), rests)


def _challenge(*points: Element) -> Scalar:
    return _TO_SCALAR.scalar(b"".join(map(_sized, points)) + b"Challenge")


def _combine(proof: Proof, left: Element, right: Element) -> Element:
    """``s * left + c * right``."""
    return ristretto.plus(ristretto.times(proof.response, left), ristretto.times(proof.challenge, right))


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data
