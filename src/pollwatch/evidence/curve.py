"""Which Ed25519 public keys may be enrolled.

RFC 8032 leaves room: keys of small order, keys with a small-order part and non-canonical encodings make a
signature valid for one implementation and void for the next, or valid for any message. Such a key would let its
owner disown or forge at will, so it is refused wherever a key comes in.
"""

from __future__ import annotations

from typing import Final

from pollwatch.errors import SignatureError

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)

_Point = tuple[int, int, int, int]
"""Extended coordinates (X, Y, Z, T) with x = X/Z, y = Y/Z, XY = ZT (RFC 8032, section 5.1.4)."""

_IDENTITY: _Point = (0, 1, 1, 0)


#: Keys that were accepted, and how many of them are remembered.
_accepted: dict[bytes, None] = {}
_MOST_ACCEPTED: Final = 1024


def check_public_key(key: bytes) -> None:
    """Accept only canonical encodings of points of prime order (about 3 ms, remembered).

    Raises:
        SignatureError: the key is no canonical point, of small order, or has a small-order part.
    """
    if key not in _accepted:
        _check(key)
        accept(key)


def accept(key: bytes) -> None:
    """Remember a key that needs no check: computed here from a secret, it is a multiple of the base point."""
    if len(_accepted) >= _MOST_ACCEPTED:
        _accepted.clear()
    _accepted[key] = None


def _check(key: bytes) -> None:
    point = _decode(key)
    if _equal(_multiply(8, point), _IDENTITY):
        raise SignatureError("this Ed25519 key is of small order: it 'verifies' forged signatures; make a new key")
    if not _equal(_multiply(_L, point), _IDENTITY):
        raise SignatureError("this Ed25519 key has a small-order part: its signatures are ambiguous; make a new key")


def _decode(key: bytes) -> _Point:
    """RFC 8032, section 5.1.3, with every 'SHOULD' taken as 'MUST'."""
    if len(key) != 32:
        raise SignatureError(f"an Ed25519 public key has 32 bytes, this one {len(key)}")
    number = int.from_bytes(key, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= _P:
        raise SignatureError("this Ed25519 key is not canonically encoded (y is not below p)")
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if x * x % _P != square:
        raise SignatureError("this Ed25519 key is not a point of the curve")
    if x == 0 and sign:
        raise SignatureError("this Ed25519 key is not canonically encoded (minus zero)")
    if x & 1 != sign:
        x = _P - x
    return (x, y, 1, x * y % _P)


def _add(left: _Point, right: _Point) -> _Point:
    a = (left[1] - left[0]) * (right[1] - right[0]) % _P
    b = (left[1] + left[0]) * (right[1] + right[0]) % _P
    c = 2 * left[3] * right[3] * _D % _P
    d = 2 * left[2] * right[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _multiply(scalar: int, point: _Point) -> _Point:
    result = _IDENTITY
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


def _equal(left: _Point, right: _Point) -> bool:
    same_x = (left[0] * right[2] - right[0] * left[2]) % _P == 0
    same_y = (left[1] * right[2] - right[1] * left[2]) % _P == 0
    return same_x and same_y
