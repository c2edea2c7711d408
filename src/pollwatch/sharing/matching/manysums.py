"""Sums of many public points with public weights: what proofs about batches are made and checked with.

The program is that of :mod:`pollwatch.sharing.matching.curvecode`; here it is compiled, run, and its result encoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import wasmtime

from pollwatch.errors import ConfigError
from pollwatch.sharing.matching import curvecode, fieldcode
from pollwatch.sharing.matching.fieldcode import NUMBER_BYTES, PRIME, ROOT_OF_MINUS_ONE

_BYTES: Final = 32
_PAGE: Final = 1 << 16
_EACH: Final = _BYTES + _BYTES + curvecode.DIGITS + curvecode.ADDEND_BYTES


def weighted_sum(points: Sequence[bytes], weights: Sequence[bytes]) -> bytes | None:
    """The encoding of the sum of points, each multiplied by its weight; 32 zeros if it is the identity.

    Args:
        points: encodings of 32 bytes, at least one.
        weights: little-endian, 32 bytes each, less than 2^255.

    Returns:
        None where some bytes are no point in its one encoding, or the identity.
    """
    count = len(points)
    elements, addends = curvecode.FREE, curvecode.FREE + 2 * _BYTES * count
    scalars, digits = elements + _BYTES * count, addends + curvecode.ADDEND_BYTES * count
    store, found = start(_EACH * count)
    memory = found["memory"]
    memory.write(store, b"".join(points), elements)
    memory.write(store, b"".join(weights), scalars)
    if found["decode_all"](store, elements, addends, count) != count:
        return None
    found["recode"](store, scalars, digits, count)
    found["weighted_sum"](store, addends, digits, count)
    result = memory.read(store, curvecode.RESULT, curvecode.RESULT + curvecode.SUM_BYTES)
    x, y, z, t = (number(result[at : at + NUMBER_BYTES]) for at in range(0, len(result), NUMBER_BYTES))
    return _encoded(x, y, z, t)


def start(room: int) -> tuple[wasmtime.Store, Any]:
    """The program, with so many bytes of memory from ``curvecode.FREE`` on, and what it exports.

    It is started anew for each sum: threads do not meet, and the memory is given back.
    """
    engine, module = compiled()
    store = wasmtime.Store(engine)
    found: Any = wasmtime.Instance(store, module, []).exports(store)
    found["memory"].grow(store, -(-(curvecode.FREE + room) // _PAGE))
    found["memory"].write(store, fieldcode.constants(), 0)
    return store, found


@cache
def compiled() -> tuple[wasmtime.Engine, wasmtime.Module]:
    """The program, once for each process.

    Raises:
        ConfigError: this process may not make memory executable.
    """
    settings = wasmtime.Config()
    settings.wasm_wide_arithmetic = True
    engine = wasmtime.Engine(settings)
    try:
        return engine, wasmtime.Module(engine, curvecode.text())
    except wasmtime.WasmtimeError as error:
        raise ConfigError(
            f"what sums the points of a proof cannot be compiled ({str(error).splitlines()[0]}); if this process may "
            "not make memory executable, let its systemd unit say MemoryDenyWriteExecute=no"
        ) from error


def number(data: bytes) -> int:
    """A number modulo p from its limbs as they lie in memory."""
    limbs = (int.from_bytes(data[at : at + 8], "little") for at in range(0, NUMBER_BYTES, 8))
    return sum(limb << (fieldcode.LIMB_BITS * place) for place, limb in enumerate(limbs)) % PRIME


def _encoded(x: int, y: int, z: int, t: int) -> bytes:
    """RFC 9496, section 4.3.2."""
    u1, u2 = (z + y) * (z - y) % PRIME, x * y % PRIME
    root = _inverse_root(u1 * u2 * u2 % PRIME)
    den1, den2 = root * u1 % PRIME, root * u2 % PRIME
    z_inverse = den1 * den2 * t % PRIME
    if t * z_inverse % PRIME & 1:
        x, y = y * ROOT_OF_MINUS_ONE % PRIME, x * ROOT_OF_MINUS_ONE % PRIME
        den2 = den1 * _inverse_root((-1 - fieldcode.D) % PRIME) % PRIME
    if x * z_inverse % PRIME & 1:
        y = -y
    return _absolute(den2 * (z - y)).to_bytes(_BYTES, "little")


def _inverse_root(number: int) -> int:
    """``SQRT_RATIO_M1(1, v)`` of RFC 9496, section 4.2, for a v that is known to be a square, or zero."""
    root = pow(number, 3, PRIME) * pow(number, 7 * (PRIME - 5) // 8, PRIME) % PRIME
    if number * root * root % PRIME not in (0, 1):
        root = root * ROOT_OF_MINUS_ONE % PRIME
    return _absolute(root)


def _absolute(number: int) -> int:
    number %= PRIME
    return PRIME - number if number & 1 else number
