"""Numbers modulo p = 2^255 - 19 in WebAssembly: the text of the functions that compute with them is written here.

A number is five limbs of 51 bits, in memory, the lowest first. Bounds, per limb: products come out below
``2^51 + 2^13``; a sum of two products is below ``2^53``; in ``a - b``, ``b`` is at most ``4p``, and ``a`` that or a
difference from zero, and the difference is below ``2^54``, as all that enters a product must be: then no sum of
products reaches ``2^115``, and no carry ``2^64``.
"""

from __future__ import annotations

from typing import Final

PRIME: Final = 2**255 - 19
D: Final = -121665 * pow(121666, -1, PRIME) % PRIME
ROOT_OF_MINUS_ONE: Final = pow(2, (PRIME - 1) // 4, PRIME)

LIMBS: Final = 5
LIMB_BITS: Final = 51
LIMB_MASK: Final = (1 << LIMB_BITS) - 1
NUMBER_BYTES: Final = 8 * LIMBS

_CONSTANTS: Final = {"one": 1, "d": D, "2d": 2 * D % PRIME, "i": ROOT_OF_MINUS_ONE, "zero": 0}
_VARIABLES: Final = (*"abcefghjkmnrstuvwxyz", "ss", "u1", "u2", "v3", "dx", "dy")
_PLACES: Final = {name: place * NUMBER_BYTES for place, name in enumerate((*_CONSTANTS, *_VARIABLES))}
#: Constants and variables end before this place in memory.
END: Final = 4096


def limbs(number: int) -> list[int]:
    """A number as its limbs."""
    return [number >> (LIMB_BITS * place) & LIMB_MASK for place in range(LIMBS)]


def constants() -> bytes:
    """What must stand at the beginning of the memory."""
    return b"".join(limb.to_bytes(8, "little") for each in _CONSTANTS.values() for limb in limbs(each))


def text() -> str:
    """The functions: ``times``, ``square``, ``plus``, ``minus``, ``canonical``, ``negative``, ``is_zero``."""
    return "\n".join(
        (_product("times"), _product("square"), _sum(), _difference(), _canonical(), _negative(), _is_zero())
    )


def at(name: str) -> str:
    """Where a variable, a constant or a coordinate lies: ``p.0`` is the first number of what ``p`` points to."""
    if "." in name:
        pointer, place = name.split(".")
        return f"(i32.add (local.get ${pointer}) (i32.const {int(place) * NUMBER_BYTES}))"
    return f"(i32.const {_PLACES[name]})"


def compute(formulas: str) -> str:
    """Calls for lines like ``a = b * c``; ``a = b ^ n`` squares n times."""
    calls = []
    for line in formulas.strip().splitlines():
        to, _, left, operator, right = line.split()
        if operator == "^":
            calls.append(f"(call $square {at(to)} {at(left)})")
            calls += [f"(call $square {at(to)} {at(to)})"] * (int(right) - 1)
        else:
            name = {"*": "times", "+": "plus", "-": "minus"}[operator]
            calls.append(f"(call ${name} {at(to)} {at(left)} {at(right)})")
    return "\n".join(calls)


def _load(pointer: str, place: int) -> str:
    return f"(i64.load offset={8 * place} (local.get ${pointer}))"


def _store(place: int, value: str) -> str:
    return f"(i64.store offset={8 * place} (local.get $to) {value})"


def _product(name: str) -> str:
    """``times(to, a, b)``, or ``square(to, a)``: schoolbook multiplication, with 2^255 = 19."""
    square = name == "square"
    other = "a" if square else "b"
    lines = [f'(func ${name} (export "{name}") (param $to i32) (param $a i32)', "" if square else "(param $b i32)"]
    lines += ["(local $carry i64) (local $low i64) (local $high i64)"]
    # n: nineteen times a limb, for what wraps round; in a square, twice a limb stands for both orders of a product
    lines += [f"(local ${letter}{place} i64)" for letter in "xynr" for place in range(LIMBS)]
    for place in range(LIMBS):
        lines.append(f"(local.set $x{place} {_load('a', place)}) (local.set $y{place} {_load(other, place)})")
        lines.append(f"(local.set $n{place} (i64.mul (local.get $y{place}) (i64.const 19)))")
    if square:
        lines += [f"(local.set $y{place} (i64.shl (local.get $x{place}) (i64.const 1)))" for place in range(LIMBS)]
    for place in range(LIMBS):
        column = "(local.get $carry) (i64.const 0)" if place else ""
        for left in range(LIMBS):
            right = (place - left) % LIMBS
            if square and left > right:
                continue
            first = f"{'y' if square and left < right else 'x'}{left}"
            second = f"{'n' if left + right >= LIMBS else 'x' if square else 'y'}{right}"
            wide = f"(i64.mul_wide_u (local.get ${first}) (local.get ${second}))"
            column = f"(i64.add128 {column} {wide})" if column else wide
        lines.append(f"{column} (local.set $high) (local.set $low)")
        lines.append(f"(local.set $r{place} (i64.and (local.get $low) (i64.const {LIMB_MASK})))")
        over = f"(i64.shr_u (local.get $low) (i64.const {LIMB_BITS}))"
        lines.append(f"(local.set $carry (i64.or {over} (i64.shl (local.get $high) (i64.const {64 - LIMB_BITS}))))")
    lines.append("(local.set $r0 (i64.add (local.get $r0) (i64.mul (local.get $carry) (i64.const 19))))")
    lines.append(_store(0, f"(i64.and (local.get $r0) (i64.const {LIMB_MASK}))"))
    lines.append(_store(1, f"(i64.add (local.get $r1) (i64.shr_u (local.get $r0) (i64.const {LIMB_BITS})))"))
    lines += [_store(place, f"(local.get $r{place})") for place in range(2, LIMBS)]
    return "\n".join((*lines, ")"))


def _sum() -> str:
    lines = [_store(place, f"(i64.add {_load('a', place)} {_load('b', place)})") for place in range(LIMBS)]
    return "\n".join(("(func $plus (param $to i32) (param $a i32) (param $b i32)", *lines, ")"))


def _difference() -> str:
    """``a + 4p - b``: no limb becomes negative."""
    lines = []
    for place in range(LIMBS):
        multiple = 4 * (LIMB_MASK - 18 if place == 0 else LIMB_MASK)
        lines.append(
            _store(place, f"(i64.sub (i64.add {_load('a', place)} (i64.const {multiple})) {_load('b', place)})")
        )
    return "\n".join(('(func $minus (export "minus") (param $to i32) (param $a i32) (param $b i32)', *lines, ")"))


def _canonical() -> str:
    """``canonical(to, a)``: the one form of a number, with every limb below 2^51, and the number below p."""
    lines = ['(func $canonical (export "canonical") (param $to i32) (param $a i32) (local $q i64)']
    lines += [f"(local $l{place} i64)" for place in range(LIMBS)]
    lines += [f"(local.set $l{place} {_load('a', place)})" for place in range(LIMBS)]
    lines += [_carry(), _carry()]  # below 2^255 + 2^13 or so: at most once p too much
    lines.append("(local.set $q (i64.const 19))")
    lines += [
        f"(local.set $q (i64.shr_u (i64.add (local.get $l{place}) (local.get $q)) (i64.const {LIMB_BITS})))"
        for place in range(LIMBS)
    ]
    lines.append("(local.set $l0 (i64.add (local.get $l0) (i64.mul (local.get $q) (i64.const 19))))")
    lines.append(_carry(wrap=False))
    lines += [_store(place, f"(local.get $l{place})") for place in range(LIMBS)]
    return "\n".join((*lines, ")"))


def _carry(*, wrap: bool = True) -> str:
    """What is above 51 bits of a limb goes to the next; from the last round to the first, or away."""
    lines = []
    for place in range(LIMBS):
        over, left = f"(i64.shr_u (local.get $l{place}) (i64.const {LIMB_BITS}))", (place + 1) % LIMBS
        if left:
            lines.append(f"(local.set $l{left} (i64.add (local.get $l{left}) {over}))")
        elif wrap:
            lines.append(f"(local.set $l0 (i64.add (local.get $l0) (i64.mul {over} (i64.const 19))))")
        lines.append(f"(local.set $l{place} (i64.and (local.get $l{place}) (i64.const {LIMB_MASK})))")
    return "\n".join(lines)


def _negative() -> str:
    """``negative(a)``: whether the one form of a number is odd."""
    return f"""(func $negative (param $a i32) (result i32)
    (call $canonical {at("z")} (local.get $a))
    (i32.wrap_i64 (i64.and (i64.load {at("z")}) (i64.const 1))))"""


def _is_zero() -> str:
    bits = "(i64.const 0)"
    for place in range(LIMBS):
        bits = f"(i64.or {bits} (i64.load offset={8 * place} {at('z')}))"
    return f"""(func $is_zero (param $a i32) (result i32)
    (call $canonical {at("z")} (local.get $a))
    (i64.eqz {bits}))"""
