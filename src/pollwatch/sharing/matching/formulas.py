"""Formulas, written as one reads them in papers, as LLVM's text: each line becomes a call of a function on numbers.

``a = b * c``, and ``+``, ``-``; ``a = b ^ n`` squares n times. Masks are ``m = a odd``, ``m = a zero``,
``m = a same b``, ``m = k | n``, ``m = k & n``, ``m = ! k``; ``a = m ? b : c`` chooses by one. ``do f a b`` calls a
function. ``p.1`` is the second number behind a pointer, the name of a parameter what it points to, that of a constant
the constant; other names are variables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pollwatch.sharing.matching.fieldlanes import (
    LIMBS,
    NUMBERS_BYTES,
    PRIME,
    ROOT_OF_MINUS_ONE,
    VECTOR,
    VECTOR_BYTES,
    Code,
    D,
    function,
    limbs,
    splat,
)


def _root(square: int) -> int:
    """The even square root."""
    root = pow(square, (PRIME + 3) // 8, PRIME)
    if root * root % PRIME != square % PRIME:
        root = root * ROOT_OF_MINUS_ONE % PRIME
    return PRIME - root if root % 2 else root


#: RFC 9496, section 4.1, by their names there.
_CONSTANTS: Final = {
    "zero": 0,
    "one": 1,
    "minus_one": PRIME - 1,
    "d": D,
    "2d": 2 * D % PRIME,
    "i": ROOT_OF_MINUS_ONE,
    "sqrt_ad_minus_one": PRIME - _root(-D - 1),
    "invsqrt_a_minus_d": _root(pow(-1 - D, -1, PRIME)),
    "one_minus_d_sq": (1 - D * D) % PRIME,
    "d_minus_one_sq": (D - 1) ** 2 % PRIME,
}
_OPERATIONS: Final = {"*": "times", "+": "plus", "-": "minus", "same": "same", "|": "or", "&": "and"}


def constants() -> str:
    """What formulas call by name."""
    lines = []
    for name, value in _CONSTANTS.items():
        vectors = ", ".join(f"{VECTOR} {splat(limb)}" for limb in limbs(value))
        lines.append(f"@c_{name} = internal constant [{LIMBS} x {VECTOR}] [{vectors}], align {VECTOR_BYTES}")
    return "\n".join(lines)


def written(name: str, parameters: str, lines: str) -> str:
    """A function from formulas."""
    return function(name, parameters, compute(lines, parameters))


def compute(lines: str, parameters: str) -> str:
    """The body of a function."""
    code = Code()
    given = {each.split("%")[1] for each in parameters.split(",")}
    places: dict[str, str] = {}

    def at(name: str) -> str:
        if name not in places:
            pointer, _, place = {"0": "zero", "1": "one"}.get(name, name).partition(".")
            if place:
                places[name] = code.at(f"%{pointer}", int(place) * NUMBERS_BYTES)
            elif pointer in given:
                places[name] = f"%{pointer}"
            elif pointer in _CONSTANTS:
                places[name] = f"@c_{pointer}"
            else:
                places[name] = code.value(f"alloca [{NUMBERS_BYTES} x i8], align {VECTOR_BYTES}")
        return places[name]

    for line in lines.strip().splitlines():
        _step(code, at, line.split())
    return code.take()


def _step(code: Code, at: Callable[[str], str], words: list[str]) -> None:
    match words:
        case [to, "=", left, "^", times]:
            code.line(f"call void @squares(ptr {at(to)}, ptr {at(left)}, i64 {times})")
        case [to, "=", left, "*" | "+" | "-" | "same" as operation, right]:
            code.line(f"call void @{_OPERATIONS[operation]}(ptr {at(to)}, ptr {at(left)}, ptr {at(right)})")
        case [to, "=", left, "odd" | "zero" as name]:
            code.line(f"call void @{name}(ptr {at(to)}, ptr {at(left)})")
        case [to, "=", left, "|" | "&" as operation, right]:
            code.store(at(to), 0, code.vector(_OPERATIONS[operation], code.load(at(left), 0), code.load(at(right), 0)))
        case [to, "=", "!", mask]:
            code.store(at(to), 0, code.vector("xor", code.load(at(mask), 0), -1))
        case ["do", name, *pointers]:
            code.line(f"call void @{name}({', '.join(f'ptr {at(each)}' for each in pointers)})")
        case [to, "=", mask, "?", yes, ":", no]:
            code.line(f"call void @choose(ptr {at(to)}, ptr {at(mask)}, ptr {at(yes)}, ptr {at(no)})")
        case _:
            raise ValueError(" ".join(words))
