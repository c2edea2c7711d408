"""The group in which matching computes: ristretto255 (RFC 9496).

Single points go through libsodium, by way of ``rbcl``, and many at once through a program of ours
(:mod:`pollwatch.sharing.matching.manypoints`), which says the same in a fraction of the time.

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
from functools import reduce
from hashlib import sha512
from pathlib import Path
from typing import Final, NewType

from pollwatch.errors import ConfigError, FormatError
from pollwatch.sharing.matching import manypoints

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
_ZERO: Final = bytes(SCALAR_BYTES)
_UNIFORM_BYTES: Final = 64
_SHA512_BLOCK: Final = bytes(128)
_HALF: Final = ((ORDER + 1) // 2).to_bytes(SCALAR_BYTES, "little")
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


def expect(count: int) -> None:
    """Say that so many points will come, piece by piece, so that what makes many cheap is at hand.

    Raises:
        ConfigError: this process may not make memory executable.
    """
    manypoints.expect(count)


def times_all(factor: Scalar, points: Sequence[Element]) -> list[Element]:
    """Each point multiplied, in order; in constant time.

    Raises:
        FormatError: some bytes are no point, or the identity.
    """
    return sums_times_all(factor, [points])


def sums_times_all(factor: Scalar, lists: Sequence[Sequence[Element]]) -> list[Element]:
    """The sum of the points at each place of some lists, multiplied; in constant time.

    Args:
        factor: for all.
        lists: at least one; all of one length.

    Raises:
        FormatError: some bytes are no point, or a sum is the identity.
    """
    if not manypoints.worth_it(len(lists[0])):
        return [times(factor, reduce(plus, each)) for each in zip(*lists, strict=True)]
    return _split(manypoints.summed_multiplied(_halved(factor), [_joined(each) for each in lists]))


def hashed_times_all(factor: Scalar, uniform: Sequence[bytes]) -> list[Element]:
    """A point from each 64 uniform bytes, multiplied; in constant time.

    Raises:
        FormatError: a point is the identity, which nobody can find bytes for.
    """
    if not manypoints.worth_it(len(uniform)):
        return [times(factor, _from_uniform(each)) for each in uniform]
    return _split(manypoints.hashed_multiplied(_halved(factor), b"".join(uniform)))


def _halved(factor: Scalar) -> bytes:
    return bytes(rbcl.crypto_core_ristretto255_scalar_mul(factor, _HALF))


def _joined(points: Sequence[Element]) -> bytes:
    joined = b"".join(points)
    if any(len(each) != ELEMENT_BYTES for each in points):
        raise FormatError(_NO_ELEMENT)
    return joined


def _split(joined: bytes | None) -> list[Element]:
    if joined is None:
        raise FormatError(_NO_ELEMENT)
    return [Element(joined[at : at + ELEMENT_BYTES]) for at in range(0, len(joined), ELEMENT_BYTES)]


def _from_uniform(uniform: bytes) -> Element:
    return Element(rbcl.crypto_core_ristretto255_from_hash(uniform))


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
    if len(points) != len(weights) or not points:
        raise FormatError(_NO_ELEMENT)
    if not manypoints.worth_it(len(points)):
        parts = (times(weight, point) for point, weight in zip(points, weights, strict=True))
        return element(reduce(rbcl.crypto_core_ristretto255_add, parts))
    return element(manypoints.weighted_sum(_joined(points), b"".join(weights)) or b"")


class Hasher:
    """Hashing to the group and to scalars (RFC 9380 ``expand_message_xmd`` with SHA-512) under one separation tag."""

    def __init__(self, tag: bytes) -> None:
        """Prepare for a tag of at most 255 bytes."""
        suffix = tag + bytes((len(tag),))
        self._start = sha512(_SHA512_BLOCK)
        self._ends = _UNIFORM_BYTES.to_bytes(2, "big") + b"\x00" + suffix, b"\x01" + suffix

    def uniform(self, message: bytes) -> bytes:
        """64 uniform bytes."""
        first_end, second_end = self._ends
        first = self._start.copy()
        first.update(message + first_end)
        return sha512(first.digest() + second_end).digest()

    def element(self, message: bytes) -> Element:
        """A point whose logarithm nobody knows."""
        return _from_uniform(self.uniform(message))

    def scalar(self, message: bytes) -> Scalar:
        """A scalar; zero, which nobody can find a message for, is refused."""
        return self.scalars(message, (b"",))[0]

    def scalars(self, head: bytes, rests: Iterable[bytes]) -> list[Scalar]:
        """Scalars of messages that begin alike."""
        first_end, second_end = self._ends
        start = self._start.copy()
        start.update(head)
        found = []
        for rest in rests:
            first = start.copy()
            first.update(rest + first_end)
            number = int.from_bytes(sha512(first.digest() + second_end).digest(), "little") % ORDER
            found.append(Scalar(number.to_bytes(SCALAR_BYTES, "little")))
        if _ZERO in found:
            raise FormatError("a message gives the scalar zero")
        return found
