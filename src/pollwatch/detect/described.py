"""Tests as kernels take them: a kind, marks, a number and literals; and what it costs to ask them."""

from __future__ import annotations

from pollwatch.detect.sigma.plan import Compare, Exists, Null, Number, Test, Text, Wild
from pollwatch.detect.sigma.witness import joined
from pollwatch.kernels import conditions
from pollwatch.kernels.literals import AT_END, AT_START

_COMPARE = {
    Compare.LT: conditions.LESS,
    Compare.LTE: conditions.LESS_EQUAL,
    Compare.GT: conditions.MORE,
    Compare.GTE: conditions.MORE_EQUAL,
    Compare.EQ: conditions.EQUAL,
    Compare.NEQ: conditions.UNEQUAL,
}
#: Beyond this, floating-point numbers do not hold every integer.
_EXACT = 1 << 53
_HOLE = bytes([conditions.ANY])
#: What it costs to ask a number or a constant, and what no kernel can answer.
CHEAP, FOREIGN_COST = 0.1, 1_000.0


def described(test: Test) -> tuple[int, int, float, list[bytes]]:
    """Kind, marks, number and literals of a test."""
    match test:
        case Null():
            return conditions.CONSTANT, 0, 0.0, []
        case Exists(wanted):
            return conditions.CONSTANT, 0, float(wanted), []
        case Number(op, number) if abs(number) <= _EXACT:
            return _COMPARE[op], 0, float(number), []
        case Text(parts, cased):
            return _text(joined(parts), cased=cased)
        case _:
            return conditions.FOREIGN, 0, 0.0, []


def _text(parts: tuple[str | Wild, ...], *, cased: bool) -> tuple[int, int, float, list[bytes]]:
    marks = conditions.CASED if cased else 0
    marks |= 0 if parts[:1] == (Wild.MANY,) else AT_START
    marks |= 0 if parts[-1:] == (Wild.MANY,) else AT_END
    marks |= conditions.HOLES if Wild.ONE in parts else 0
    literals: list[bytes] = []
    apart = True
    for part in parts:
        if part is Wild.MANY:
            apart = True
            continue
        piece = _HOLE if isinstance(part, Wild) else (part if cased else part.lower()).encode(errors="surrogatepass")
        if apart:
            literals.append(piece)
        else:
            literals[-1] += piece
        apart = False
    return conditions.TEXT, marks, 0.0, literals
