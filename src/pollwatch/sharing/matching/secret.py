"""A member's secret key, and evaluations with it by the quicker of the two implementations.

The key follows from a seed as RFC 9497 says (``DeriveKeyPair``), so that both implementations have it: ours over
libsodium, which does everything, and the one in Rust (``voprf``, over curve25519-dalek), which evaluates and proves a
batch in two thirds of the time, and nothing else here. Whatever it answers is proven, and the other side checks that
with ours.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from voprf import ristretto as rust

from pollwatch.errors import FormatError
from pollwatch.sharing.matching import ristretto, voprf
from pollwatch.sharing.matching.ristretto import ELEMENT_BYTES, Element, Scalar
from pollwatch.sharing.matching.voprf import PROOF_BYTES, Proof

SEED_BYTES: Final = 32
_INFO: Final = b"pollwatch.matching/1"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret key.

    Attributes:
        seed: 32 secret bytes that it follows from.
    """

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Check the seed.

        Raises:
            FormatError: it has another length.
        """
        if len(self.seed) != SEED_BYTES:
            raise FormatError(f"a secret key's seed has {SEED_BYTES} bytes, not {len(self.seed)}")

    @classmethod
    def new(cls) -> Secret:
        """A fresh one."""
        return cls(os.urandom(SEED_BYTES))

    @property
    def scalar(self) -> Scalar:
        """The secret scalar."""
        return voprf.derive_key(self.seed, _INFO)

    @property
    def public(self) -> Element:
        """The public key."""
        return ristretto.base_times(self.scalar)

    def evaluate(self, blinded: Sequence[Element]) -> tuple[list[Element], Proof]:
        """``BlindEvaluate``: each element multiplied by the key, with one proof for all.

        Args:
            blinded: 1 to 65,535 elements.

        Raises:
            FormatError: something is no element, or there are too many or none.
        """
        if not 1 <= len(blinded) <= voprf.MAX_BATCH:
            raise FormatError(f"a proof is about 1 to {voprf.MAX_BATCH} elements, not {len(blinded)}")
        try:
            inputs = [rust.BlindedInput.deserialize(each) for each in blinded]
        except ValueError:
            raise FormatError("not a ristretto255 element in its one encoding, or the identity") from None
        answer = rust.Evaluator.from_seed(self.seed, _INFO).evaluate_batch(inputs).serialize()
        proof, points = answer[:PROOF_BYTES], answer[PROOF_BYTES:]
        elements = [Element(points[at : at + ELEMENT_BYTES]) for at in range(0, len(points), ELEMENT_BYTES)]
        return elements, Proof.parse(proof)
