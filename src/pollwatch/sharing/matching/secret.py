"""A member's secret key, which follows from a seed as RFC 9497 says (``DeriveKeyPair``)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from pollwatch.errors import FormatError
from pollwatch.sharing.matching import ristretto, voprf
from pollwatch.sharing.matching.ristretto import Element, Scalar

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
