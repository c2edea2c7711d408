"""Arithmetic modulo the Mersenne prime 2^61 - 1 on whole arrays of ``uint64``."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

#: Values of the field: less than :data:`PRIME`.
Values: TypeAlias = npt.NDArray[np.uint64]

PRIME: Final = (1 << 61) - 1
_PRIME: Final = np.uint64(PRIME)
_LOW: Final = np.uint64((1 << 32) - 1)
_HALF: Final = np.uint64(32)
_BITS: Final = np.uint64(61)
_REST: Final = np.uint64(29)
_REST_MASK: Final = np.uint64((1 << 29) - 1)
_THREE: Final = np.uint64(3)


def folded(values: Values) -> Values:
    """Any 64-bit numbers, brought into the field."""
    low = (values & _PRIME) + (values >> _BITS)
    return np.minimum(low, low - _PRIME)  # one that was in the field already becomes huge by the difference


def scaled_differences(left: Values, right: Values, factor: int) -> Values:
    """Differences, each times one factor; shapes broadcast."""
    return times(left + (_PRIME - right), factor)


def plus(left: Values, right: Values) -> Values:
    """Sums; shapes broadcast."""
    return folded(left + right)


def times(values: Values, factor: int) -> Values:
    """Each value, below 2^62, times one factor of the field.

    With halves ``a = a1 * 2^32 + a0`` (``a1 < 2^30``, the factor's less than 2^29) no intermediate exceeds 64 bits, and
    2^61 = 1.
    """
    high, low = np.uint64(factor >> 32), np.uint64(factor & 0xFFFFFFFF)
    values_high, values_low = values >> _HALF, values & _LOW
    middle = values_high * low
    middle += values_low * high
    values_high *= high
    values_high <<= _THREE
    values_low *= low
    values_high += middle >> _REST
    middle &= _REST_MASK
    middle <<= _HALF
    values_high += middle
    values_high += values_low & _PRIME
    values_low >>= _BITS
    values_high += values_low
    return folded(values_high)


def inverse(number: int) -> int:
    """The value whose product with this one is one.

    Raises:
        ValueError: there is none of zero.
    """
    return pow(number, -1, PRIME)
