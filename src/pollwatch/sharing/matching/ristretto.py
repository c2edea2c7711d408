"""The group in which matching computes: ristretto255 (RFC 9496) over libsodium, by way of ``rbcl``.

``rbcl`` checks no lengths once it is installed; libsodium's additions ignore malformed input, and its decoding (up to
1.0.18) overlooks the highest bit, so that every point has two spellings. Hence nothing outside this module calls it,
and nothing inside computes with bytes that were not checked: :func:`element` and :func:`scalar` are the only ways
from foreign bytes to values, and both know one spelling of each.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Iterable, Sequence
from hashlib import sha512
from pathlib import Path
from typing import Final, NewType

from pollwatch.errors import ConfigError, FormatError
from pollwatch.sharing.matching import manysums

try:
    import rbcl
except OSError as error:  # it loads libsodium from the temporary folder
    raise ConfigError(
        f"libsodium cannot be loaded from the temporary folder ({error}); let TMPDIR name one that is not noexec"
    ) from error

# rbcl unpacks libsodium into a temporary file at every start and leaves it there; once loaded it is not needed.
with contextlib.suppress(OSError):
    Path(sys.modules["rbcl._sodium"].lib_path).unlink()

#: A point of the group other than the identity, in its one encoding.
Element = NewType("Element", bytes)
#: 1 to ORDER - 1, little-endian.
Scalar = NewType("Scalar", bytes)

ELEMENT_BYTES: Final = 32
SCALAR_BYTES: Final = 32
#: The prime order of the group.
ORDER: Final = (1 << 252) + 27742317777372353535851937790883648493
_UNIFORM_BYTES: Final = 64
_SHA512_BLOCK: Final = bytes(128)
_NO_ELEMENT: Final = "not a ristretto255 element in its one encoding, or the identity"


def element(data: bytes) -> Element:
    """A point from its encoding.

    Raises:
        FormatError: not the one encoding of a point, or the identity, which would give every key away as any other.
    """
    if not _plausible(data) or not any(data) or not rbcl.crypto_core_ristretto255_is_valid_point(data):
        raise FormatError(_NO_ELEMENT)
    return Element(data)


def _plausible(data: bytes) -> bool:
    """What must be looked at before libsodium is asked."""
    return len(data) == ELEMENT_BYTES and data[-1] < 0x80


def scalar(data: bytes) -> Scalar:
    """A scalar from its encoding.

    Raises:
        FormatError: zero, too large, or of another length.
    """
    if len(data) != SCALAR_BYTES or not 0 < int.from_bytes(data, "little") < ORDER:
        raise FormatError("not a ristretto255 scalar in its one encoding, or zero")
    return Scalar(data)


def scalar_of(number: int) -> Scalar:
    """A scalar from a number, modulo the group's order.

    Raises:
        FormatError: it is zero modulo the order.
    """
    return scalar((number % ORDER).to_bytes(SCALAR_BYTES, "little"))


def number_of(value: Scalar) -> int:
    """A scalar as a number."""
    return int.from_bytes(value, "little")


def random_scalar() -> Scalar:
    """A secret scalar."""
    return scalar_of(1 + secrets.randbelow(ORDER - 1))


def inverse(value: Scalar) -> Scalar:
    """The scalar with which its product is one; in constant time."""
    return Scalar(rbcl.crypto_core_ristretto255_scalar_invert(value))


def times(factor: Scalar, point: Element) -> Element:
    """A point multiplied; in constant time.

    Raises:
        FormatError: the bytes are no point (they were not made by :func:`element`).
    """
    if not _plausible(point) or len(factor) != SCALAR_BYTES:
        raise FormatError(_NO_ELEMENT)
    try:
        return Element(rbcl.crypto_scalarmult_ristretto255(factor, point))
    except RuntimeError:  # no point, or the identity
        raise FormatError(_NO_ELEMENT) from None


def times_all(factor: Scalar, points: Iterable[bytes]) -> list[Element]:
    """Each point multiplied, in order; bytes that are no points are refused as by :func:`element`."""
    return [times(factor, Element(each)) for each in points]


def base_times(factor: Scalar) -> Element:
    """The generator multiplied: the public key of a secret one."""
    return Element(rbcl.crypto_scalarmult_ristretto255_base(factor))


def plus(left: Element, right: Element) -> Element:
    """The sum of two points.

    Raises:
        FormatError: it is the identity: one was the other's negative.
    """
    return element(rbcl.crypto_core_ristretto255_add(left, right))


def weighted_sum(points: Sequence[Element], weights: Sequence[Scalar]) -> Element:
    """The sum of points, each multiplied by its weight. All of it is public: how long it takes depends on it.

    Raises:
        FormatError: some bytes are no point, there are none, or the sum is the identity.
    """
    if len(points) != len(weights) or any(len(each) != ELEMENT_BYTES for each in points):
        raise FormatError(_NO_ELEMENT)
    return element(manysums.weighted_sum(points, weights) or b"" if points else b"")


class Hasher:
    """Hashing to the group and to scalars (RFC 9380 ``expand_message_xmd`` with SHA-512) under one separation tag."""

    def __init__(self, tag: bytes) -> None:
        """Prepare for a tag of at most 255 bytes."""
        self._suffix = tag + bytes((len(tag),))
        self._start = sha512(_SHA512_BLOCK)

    def uniform(self, message: bytes) -> bytes:
        """64 uniform bytes."""
        first = self._start.copy()
        first.update(message + _UNIFORM_BYTES.to_bytes(2, "big") + b"\x00" + self._suffix)
        return sha512(first.digest() + b"\x01" + self._suffix).digest()

    def element(self, message: bytes) -> Element:
        """A point whose logarithm nobody knows."""
        return Element(rbcl.crypto_core_ristretto255_from_hash(self.uniform(message)))

    def scalar(self, message: bytes) -> Scalar:
        """A scalar; zero, which nobody can find a message for, is refused."""
        return scalar_of(int.from_bytes(self.uniform(message), "little"))
