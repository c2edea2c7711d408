"""Sums of many weighted points of ristretto255, as a WebAssembly program: its text is written here.

libsodium multiplies one point at a time, with all its precautions for secret numbers, and decodes and encodes again for
each sum of two. Proofs need sums of thousands of *public* points with *public* weights, for which Pippenger's way takes
an eighth of the time, but not in Python. So this module writes a program for the compiler of ``wasmtime``: readable
here, compiled at run time in some milliseconds, the same on each machine. Nothing secret may go in: how long it runs
depends on its input.

A point in sums is (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z; one that is added is (y + x, y - x, 2dxy). Formulas:
Hisil, Wong, Carter, Dawson 2008 (complete for this curve); decoding: RFC 9496, section 4.3.1.
"""

from __future__ import annotations

from typing import Final

from pollwatch.sharing.matching import fieldcode
from pollwatch.sharing.matching.fieldcode import LIMB_BITS, LIMB_MASK, LIMBS, NUMBER_BYTES, at, compute

SUM_BYTES: Final = 4 * NUMBER_BYTES
ADDEND_BYTES: Final = 3 * NUMBER_BYTES
#: A weight is read as so many signed digits of eight bits, the lowest first.
DIGITS: Final = 32
_BUCKETS: Final = 128
#: Where the result lies; then the running sum and the sum of buckets, then the buckets.
RESULT: Final = fieldcode.END
_RUNNING: Final = RESULT + SUM_BYTES
_TOTAL: Final = _RUNNING + SUM_BYTES
_FIRST_BUCKET: Final = _TOTAL + SUM_BYTES
_LAST_BUCKET: Final = _FIRST_BUCKET + (_BUCKETS - 1) * SUM_BYTES
#: From here on a caller may put what it likes.
FREE: Final = _FIRST_BUCKET + _BUCKETS * SUM_BYTES


def text() -> str:
    """The whole program, in the text format of WebAssembly with wide arithmetic.

    It exports ``decode_all``, ``recode`` and ``weighted_sum``, and for tests what computes with numbers.
    """
    parts = (fieldcode.text(), *_POINTS, _DECODE, _DECODE_ALL, _RECODE, _WEIGHTED_SUM)
    return "\n".join(('(module (memory (export "memory") 1)', *parts, ")"))


def _mixed(name: str, plus: int, minus: int, g: str, f: str) -> str:
    """``name(p, q)``: p plus the addend q, or minus it: then y + x and y - x change places, and 2dxy its sign."""
    return (
        f"""(func ${name} (param $p i32) (param $q i32)"""
        + compute(f"""
        a = p.1 - p.0
        a = a * q.{minus}
        b = p.1 + p.0
        b = b * q.{plus}
        c = p.3 * q.2
        k = p.2 + p.2
        e = b - a
        f = {f}
        g = {g}
        h = b + a
        p.0 = e * f
        p.1 = g * h
        p.2 = f * g
        p.3 = e * h
    """)
        + ")"
    )


_POINTS: Final = (
    _mixed("add", 0, 1, "k + c", "k - c"),
    _mixed("subtract", 1, 0, "k - c", "k + c"),
    "(func $join (param $p i32) (param $q i32)"
    + compute("""
        a = p.1 - p.0
        e = q.1 - q.0
        a = a * e
        b = p.1 + p.0
        e = q.1 + q.0
        b = b * e
        c = p.3 * q.3
        c = c * 2d
        k = p.2 * q.2
        k = k + k
        e = b - a
        f = k - c
        g = k + c
        h = b + a
        p.0 = e * f
        p.1 = g * h
        p.2 = f * g
        p.3 = e * h
    """)
    + ")",
    "(func $double (param $p i32)"
    + compute("""
        a = p.0 ^ 1
        b = p.1 ^ 1
        c = p.2 ^ 1
        c = c + c
        h = a + b
        k = p.0 + p.1
        k = k ^ 1
        e = h - k
        g = a - b
        f = c + g
        p.0 = e * f
        p.1 = g * h
        p.2 = f * g
        p.3 = e * h
    """)
    + ")",
    f"""(func $clear (param $p i32)
    (memory.copy {at("p.0")} {at("zero")} (i32.const {NUMBER_BYTES}))
    (memory.copy {at("p.1")} {at("one")} (i32.const {NUMBER_BYTES}))
    (memory.copy {at("p.2")} {at("one")} (i32.const {NUMBER_BYTES}))
    (memory.copy {at("p.3")} {at("zero")} (i32.const {NUMBER_BYTES})))""",
)


def _limb(place: int) -> str:
    """One limb of a number of 32 bytes."""
    first = LIMB_BITS * place
    byte, shift = min(first // 8, 24), first - 8 * min(first // 8, 24)
    return (
        f"(i64.and (i64.shr_u (i64.load offset={byte} (local.get $from)) (i64.const {shift})) (i64.const {LIMB_MASK}))"
    )


_DECODE: Final = (
    f"""
;; decode(from, q): an addend from the 32 bytes of an element; 0 if they are none, in its one encoding, or the identity
(func $decode (param $from i32) (param $q i32) (result i32)
    (if (i32.or (i32.lt_s (i32.load8_s offset=31 (local.get $from)) (i32.const 0))
                (i32.and (i32.load8_u (local.get $from)) (i32.const 1))) (then (return (i32.const 0))))
    {"".join(f"(i64.store offset={8 * place} {at('s')} {_limb(place)})" for place in range(LIMBS))}
    (if (call $is_zero {at("s")}) (then (return (i32.const 0))))
    ;; z has the one form of s now: another one than came would be a second spelling
    {
        "".join(
            f'''(if (i64.ne (i64.load offset={8 * place} {at("s")}) (i64.load offset={8 * place} {at("z")}))
        (then (return (i32.const 0))))'''
            for place in range(LIMBS)
        )
    }
    """
    + compute("""
        ss = s ^ 1
        u1 = one - ss
        u2 = one + ss
        w = u2 ^ 1
        v = u1 ^ 1
        v = v * d
        v = zero - v
        v = v - w
        v = v * one
        k = v * w
        r = k ^ 1
        v3 = r * k
        r = v3 ^ 1
        r = r * k
        a = r ^ 1
        b = a ^ 2
        b = r * b
        a = a * b
        a = a ^ 1
        a = b * a
        b = a ^ 5
        a = b * a
        b = a ^ 10
        b = b * a
        c = b ^ 20
        b = c * b
        b = b ^ 10
        a = b * a
        b = a ^ 50
        b = b * a
        c = b ^ 100
        b = c * b
        b = b ^ 50
        a = b * a
        a = a ^ 2
        r = a * r
        r = r * v3
        c = r ^ 1
        c = c * k
        e = c - one
        f = c + one
    """)
    + f"""
    (if (i32.eqz (call $is_zero {at("e")})) (then
        (if (i32.eqz (call $is_zero {at("f")})) (then (return (i32.const 0))))
        (call $times {at("r")} {at("r")} {at("i")})))
    """
    + compute("""
        dx = r * u2
        dy = r * dx
        dy = dy * v
        x = s + s
        x = x * dx
        y = u1 * dy
    """)
    + f"""
    (if (call $negative {at("x")}) (then
        (call $minus {at("x")} {at("zero")} {at("x")}) (call $times {at("x")} {at("x")} {at("one")})))
    (call $times {at("t")} {at("x")} {at("y")})
    (if (i32.or (call $negative {at("t")}) (call $is_zero {at("y")})) (then (return (i32.const 0))))
    """
    + compute("""
        q.0 = y + x
        q.1 = y - x
        q.2 = t * 2d
    """)
    + """
    (i32.const 1))
"""
)

_DECODE_ALL: Final = f"""
;; decode_all(from, to, count): how many elements were decoded before the first that is none
(func $decode_all (export "decode_all") (param $from i32) (param $to i32) (param $count i32) (result i32)
    (local $done i32)
    (block $end (loop $next
        (br_if $end (i32.eq (local.get $done) (local.get $count)))
        (br_if $end (i32.eqz (call $decode (local.get $from) (local.get $to))))
        (local.set $from (i32.add (local.get $from) (i32.const 32)))
        (local.set $to (i32.add (local.get $to) (i32.const {ADDEND_BYTES})))
        (local.set $done (i32.add (local.get $done) (i32.const 1)))
        (br $next)))
    (local.get $done))
"""

_RECODE: Final = f"""
;; recode(from, to, count): weights of 32 bytes as signed digits, the first digits of all weights first
(func $recode (export "recode") (param $from i32) (param $to i32) (param $count i32)
    (local $place i32) (local $digit i32) (local $carry i32) (local $left i32) (local $cell i32)
    (local.set $left (local.get $count))
    (loop $weight
        (local.set $place (i32.const 0))
        (local.set $carry (i32.const 0))
        (local.set $cell (local.get $to))
        (loop $each
            (local.set $digit (i32.add (local.get $carry)
                (i32.load8_u (i32.add (local.get $from) (local.get $place)))))
            (local.set $carry (i32.ge_u (local.get $digit) (i32.const 128)))
            (i32.store8 (local.get $cell) (local.get $digit)) ;; 128 to 256 are -128 to 0 as signed bytes
            (local.set $cell (i32.add (local.get $cell) (local.get $count)))
            (local.set $place (i32.add (local.get $place) (i32.const 1)))
            (br_if $each (i32.lt_u (local.get $place) (i32.const {DIGITS}))))
        (local.set $from (i32.add (local.get $from) (i32.const 32)))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $weight (local.get $left))))
"""

_BUCKET: Final = (
    f"(i32.add (i32.const {_FIRST_BUCKET - SUM_BYTES}) (i32.mul (local.get $digit) (i32.const {SUM_BYTES})))"
)
_NEGATIVE_BUCKET: Final = _BUCKET.replace("(local.get $digit)", "(i32.sub (i32.const 0) (local.get $digit))")

_WEIGHTED_SUM: Final = f"""
;; weighted_sum(addends, digits, count): each addend into the bucket of its digit, digit by digit from the highest
(func (export "weighted_sum") (param $addends i32) (param $digits i32) (param $count i32)
    (local $place i32) (local $q i32) (local $from i32) (local $end i32) (local $digit i32) (local $bucket i32)
    (call $clear (i32.const {RESULT}))
    (local.set $place (i32.const {DIGITS}))
    (loop $digitwise
        (local.set $place (i32.sub (local.get $place) (i32.const 1)))
        {f"(call $double (i32.const {RESULT}))" * 8}
        (local.set $bucket (i32.const {_FIRST_BUCKET}))
        (loop $clearing
            (call $clear (local.get $bucket))
            (local.set $bucket (i32.add (local.get $bucket) (i32.const {SUM_BYTES})))
            (br_if $clearing (i32.le_u (local.get $bucket) (i32.const {_LAST_BUCKET}))))
        (local.set $q (local.get $addends))
        (local.set $from (i32.add (local.get $digits) (i32.mul (local.get $place) (local.get $count))))
        (local.set $end (i32.add (local.get $from) (local.get $count)))
        (loop $each
            (local.set $digit (i32.load8_s (local.get $from)))
            (if (i32.gt_s (local.get $digit) (i32.const 0)) (then (call $add {_BUCKET} (local.get $q))))
            (if (i32.lt_s (local.get $digit) (i32.const 0)) (then (call $subtract {_NEGATIVE_BUCKET} (local.get $q))))
            (local.set $q (i32.add (local.get $q) (i32.const {ADDEND_BYTES})))
            (local.set $from (i32.add (local.get $from) (i32.const 1)))
            (br_if $each (i32.lt_u (local.get $from) (local.get $end))))
        ;; the bucket of digit n enters n times: once in each running sum from its own on
        (call $clear (i32.const {_RUNNING}))
        (call $clear (i32.const {_TOTAL}))
        (local.set $bucket (i32.const {_LAST_BUCKET}))
        (loop $summing
            (call $join (i32.const {_RUNNING}) (local.get $bucket))
            (call $join (i32.const {_TOTAL}) (i32.const {_RUNNING}))
            (local.set $bucket (i32.sub (local.get $bucket) (i32.const {SUM_BYTES})))
            (br_if $summing (i32.ge_u (local.get $bucket) (i32.const {_FIRST_BUCKET}))))
        (call $join (i32.const {RESULT}) (i32.const {_TOTAL}))
        (br_if $digitwise (local.get $place))))
"""
