"""Many points at once: multiplied by one secret number, and summed with public weights.

What :mod:`pollwatch.sharing.matching.program` runs, with its input laid out and its output encoded. Bytes in, bytes
out; lists are encodings one after the other. Nothing is computed with what has another length than it should.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Final

from pollwatch.errors import FormatError
from pollwatch.sharing.matching import curvelanes, curvesums, program
from pollwatch.sharing.matching.fieldlanes import LANES, LIMBS, NUMBERS_BYTES, PRIME, ROOT_OF_MINUS_ONE, SHIFTS, D
from pollwatch.sharing.matching.program import ACCEPTED, Memory, Program

ELEMENT_BYTES: Final = 32
UNIFORM_BYTES: Final = 64
#: So many points stay in the processor's cache.
_PIECE: Final = 256
#: So many points, multiplied by libsodium one by one, take less than compiling the program.
_FEW: Final = 2_000


def expect(count: int) -> None:
    """Say that so many points will come, piece by piece: where it saves time, the program is compiled now.

    Raises:
        ConfigError: this process may not make memory executable.
    """
    if count >= _FEW:
        program.compiled()


def worth_it(count: int) -> bool:
    """Whether so many points are done sooner here than one by one."""
    return count > 1 and program.is_ready()


def multiplied(half: bytes, points: bytes) -> bytes | None:
    """Each point times a secret number; in constant time.

    Args:
        half: half of the number, modulo the group's order; 32 bytes, little-endian.
        points: at least one.

    Returns:
        None where some bytes are no point in its one encoding, or the identity.
    """
    return summed_multiplied(half, [points])


def summed_multiplied(half: bytes, lists: Sequence[bytes]) -> bytes | None:
    """Point by point the sum of lists of one length, times a secret number; in constant time.

    Returns:
        None where some bytes are no point in its one encoding, or the identity, or some sum is the identity.
    """
    count = _count(lists[0], ELEMENT_BYTES)
    if any(_count(each, ELEMENT_BYTES) != count for each in lists):
        raise FormatError("the lists have different lengths")
    code = program.compiled()
    names = ["decode_all"] + ["add_all"] * (len(lists) - 1)

    def fill(room: int, fours: int, start: int, end: int) -> bool:
        pieces = (each[start * ELEMENT_BYTES : end * ELEMENT_BYTES] for each in lists)
        return all(
            code.call[name](room, fours, _filled(piece, ELEMENT_BYTES)) == ACCEPTED
            for name, piece in zip(names, pieces, strict=True)
        )

    return _each_piece(code, half, count, fill)


def hashed_multiplied(half: bytes, uniform: bytes) -> bytes | None:
    """A point from each 64 uniform bytes (RFC 9496, section 4.3.4), times a secret number; in constant time.

    Returns:
        None where a point is the identity, which nobody can find bytes for.
    """
    count = _count(uniform, UNIFORM_BYTES)
    code = program.compiled()

    def fill(room: int, fours: int, start: int, end: int) -> bool:
        piece = uniform[start * UNIFORM_BYTES : end * UNIFORM_BYTES]
        return code.call["map_all"](room, fours, _filled(piece, UNIFORM_BYTES)) == ACCEPTED

    return _each_piece(code, half, count, fill)


def weighted_sum(points: bytes, weights: bytes) -> bytes | None:
    """The encoding of the sum of points, each multiplied by its weight; 32 zeros if it is the identity.

    Args:
        points: at least one.
        weights: as many, little-endian, 32 bytes each, less than 2^253.

    Returns:
        None where some bytes are no point in its one encoding, or the identity.
    """
    count = _count(points, ELEMENT_BYTES)
    if _count(weights, ELEMENT_BYTES) != count:
        raise FormatError("there are not as many weights as points")
    code = program.compiled()
    addends = Memory(-(-count // LANES) * LANES * NUMBERS_BYTES)
    room = Memory(curvelanes.ROOM_BYTES * _PIECE // LANES)
    for start in range(0, count, _PIECE):
        piece = _filled(points[start * ELEMENT_BYTES : (start + _PIECE) * ELEMENT_BYTES], ELEMENT_BYTES)
        fours = len(piece) // ELEMENT_BYTES // LANES
        if code.call["decode_all"](room.address, fours, piece) != ACCEPTED:
            return None
        code.call["spread_all"](room.address, fours, addends.address + start * NUMBERS_BYTES)
    digits, memory = Memory(curvesums.DIGITS * count), Memory(curvesums.SUM_BYTES)
    code.call["weighted_sum"](addends.address, count, weights, digits.address, memory.address)
    return _encoded(*_coordinates(ctypes.string_at(memory.address, NUMBERS_BYTES)))


def _each_piece(code: Program, half: bytes, count: int, fill: Callable[[int, int, int, int], bool]) -> bytes | None:
    """Let points be laid into a room, multiply them there and encode them, piece by piece."""
    _count(half, ELEMENT_BYTES)
    found = []
    with Memory(curvelanes.ROOM_BYTES * _PIECE // LANES + NUMBERS_BYTES) as room:
        for start in range(0, count, _PIECE):
            end = min(start + _PIECE, count)
            fours = -(-(end - start) // LANES)
            product = room + fours * curvelanes.ROOM_BYTES
            if not fill(room, fours, start, end):
                return None
            code.call["multiply_all"](room, fours, half)
            if code.call["prepare_all"](room, fours, product) != ACCEPTED:
                return None
            encoded = ctypes.create_string_buffer(fours * LANES * ELEMENT_BYTES)
            code.call["encode_all"](room, fours, encoded, product)
            found.append(encoded.raw[: (end - start) * ELEMENT_BYTES])
    return b"".join(found)


def _count(data: bytes, size: int) -> int:
    """How many entries of one size there are."""
    if not data or len(data) % size:
        raise FormatError(f"{len(data)} bytes are not one or more entries of {size}")
    return len(data) // size


def _filled(data: bytes, size: int) -> bytes:
    """Entries of one size, filled up with copies of the first, so that no lane stays empty."""
    return data + data[:size] * (-(len(data) // size) % LANES)


def _coordinates(data: bytes) -> list[int]:
    """The four numbers that lie in lanes."""
    words = [int.from_bytes(data[at : at + 8], "little") for at in range(0, NUMBERS_BYTES, 8)]
    return [sum(words[LANES * place + lane] << SHIFTS[place] for place in range(LIMBS)) for lane in range(LANES)]


def _encoded(x: int, y: int, z: int, t: int) -> bytes:
    """RFC 9496, section 4.3.2."""
    u1, u2 = (z + y) * (z - y) % PRIME, x * y % PRIME
    root = _inverse_root(u1 * u2 * u2 % PRIME)
    den1, den2 = root * u1 % PRIME, root * u2 % PRIME
    z_inverse = den1 * den2 * t % PRIME
    if t * z_inverse % PRIME & 1:
        x, y = y * ROOT_OF_MINUS_ONE % PRIME, x * ROOT_OF_MINUS_ONE % PRIME
        den2 = den1 * _inverse_root((-1 - D) % PRIME) % PRIME
    if x * z_inverse % PRIME & 1:
        y = -y
    return _absolute(den2 * (z - y)).to_bytes(ELEMENT_BYTES, "little")


def _inverse_root(number: int) -> int:
    """``SQRT_RATIO_M1(1, v)`` of RFC 9496, section 4.2, for a v that is known to be a square, or zero."""
    root = pow(number, 3, PRIME) * pow(number, 7 * (PRIME - 5) // 8, PRIME) % PRIME
    if number * root * root % PRIME not in (0, 1):
        root = root * ROOT_OF_MINUS_ONE % PRIME
    return _absolute(root)


def _absolute(number: int) -> int:
    number %= PRIME
    return PRIME - number if number & 1 else number
