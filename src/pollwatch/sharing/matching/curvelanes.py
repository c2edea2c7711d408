"""Points of ristretto255, four at a time: the formulas that compute with them.

A point in sums is (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z; one that is added is (y + x, y - x, 2dxy, 2) times Z.
Formulas: Hisil, Wong, Carter, Dawson 2008 (complete for this curve); ristretto255: RFC 9496, sections 4.2 and 4.3. No
step depends on what the numbers are.

Encodings are those of doubled points: one inversion serves many then (the "batch encoding" of the Ristretto group's
authors). Who wants a multiple of a point multiplies it by half of the number.
"""

from __future__ import annotations

from typing import Final

from pollwatch.sharing.matching.fieldlanes import NUMBERS_BYTES, VECTOR, VECTOR_BYTES, function, splat
from pollwatch.sharing.matching.formulas import constants, written

#: Four points.
POINTS_BYTES: Final = 4 * NUMBERS_BYTES
#: Place in the room for each four points: the point; while it is encoded e, f, g, h, and eg, fh, and products.
ROOM_BYTES: Final = 7 * NUMBERS_BYTES


def text() -> str:
    """Constants, and the functions on points."""
    return "\n".join((constants(), *_FUNCTIONS))


_FUNCTIONS: Final = (
    # power(to, x): x to (p - 5) / 8
    written(
        "power",
        "ptr %to, ptr %x",
        """
        a = x ^ 1
        b = a ^ 2
        b = x * b
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
        to = x * a
        """,
    ),
    # inverse(to, x), zero of zero
    written("inverse", "ptr %to, ptr %x", "do power a x\na = a ^ 3\nb = x ^ 1\nb = b * x\nto = a * b"),
    # root(to, square, u, v): SQRT_RATIO_M1, and whether u / v is a square
    written(
        "root",
        "ptr %to, ptr %square, ptr %u, ptr %v",
        """
        a = v ^ 1
        a = a * v
        b = a ^ 1
        b = b * v
        b = b * u
        do power b b
        a = a * u
        r = b * a
        c = r ^ 1
        c = c * v
        e = c - u
        right = e zero
        e = c + u
        turned = e zero
        e = u * i
        e = c + e
        both = e zero
        both = turned | both
        square = right | turned
        e = r * i
        r = both ? e : r
        do absolute to r
        """,
    ),
    written("absolute", "ptr %to, ptr %x", "m = x odd\nn = 0 - x\nto = m ? n : x"),
    # decode(p, valid, s): from a number as it was unpacked; valid loses the lanes that are no point, or the identity
    written(
        "decode",
        "ptr %p, ptr %valid, ptr %s",
        """
        do canonical k s
        good = s same k
        bad = s odd
        m = s zero
        bad = bad | m
        k = s ^ 1
        u1 = 1 - k
        u2 = 1 + k
        w = u2 ^ 1
        v = u1 ^ 1
        v = v * d
        v = 0 - v
        v = v - w
        k = v * w
        do root r m one k
        good = good & m
        k = r * u2
        n = r * k
        n = n * v
        x = s + s
        x = x * k
        do absolute p.0 x
        p.1 = u1 * n
        p.2 = 0 + 1
        p.3 = p.0 * p.1
        m = p.3 odd
        bad = bad | m
        m = p.1 zero
        bad = bad | m
        bad = ! bad
        good = good & bad
        valid = valid & good
        """,
    ),
    # map(p, t): MAP of section 4.3.4
    written(
        "map",
        "ptr %p, ptr %t",
        """
        r = t ^ 1
        r = r * i
        a = r + 1
        u = a * one_minus_d_sq
        a = r * d
        a = minus_one - a
        b = r + d
        v = a * b
        do root s square u v
        a = s * t
        do absolute a a
        a = 0 - a
        s = square ? s : a
        a = square ? minus_one : r
        b = r - 1
        n = a * b
        n = n * d_minus_one_sq
        n = n - v
        a = s + s
        a = a * v
        b = n * sqrt_ad_minus_one
        k = s ^ 1
        e = 1 - k
        f = 1 + k
        p.0 = a * f
        p.1 = e * b
        p.2 = b * f
        p.3 = a * e
        """,
    ),
    # cached(q, p): a point as it is added
    written("cached", "ptr %q, ptr %p", "q.0 = p.1 + p.0\nq.1 = p.1 - p.0\nq.2 = p.3 * 2d\nq.3 = p.2 + p.2"),
    # sums and doubles; without T, which is not needed where the next step is a doubling, or the encoding
    *(
        written(
            name,
            "ptr %p, ptr %q",
            f"""
            a = p.1 - p.0
            a = a * q.1
            b = p.1 + p.0
            b = b * q.0
            c = p.3 * q.2
            k = p.2 * q.3
            e = b - a
            f = k - c
            g = k + c
            h = b + a
            p.0 = e * f
            p.1 = g * h
            p.2 = f * g
            {last}
            """,
        )
        for name, last in (("add", "p.3 = e * h"), ("add_without_t", ""))
    ),
    *(
        written(
            name,
            "ptr %p",
            f"""
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
            {last}
            """,
        )
        for name, last in (("double", "p.3 = e * h"), ("double_without_t", ""))
    ),
    # prepare(r, product): from X, Y and Z what the encoding of the doubled point needs: e, f, g and h, all times the
    # square of Z; and the product of all that will be inverted
    written(
        "prepare",
        "ptr %r, ptr %product",
        """
        a = r.0 ^ 1
        b = r.1 ^ 1
        a = a + b
        c = r.2 ^ 1
        e = r.0 * r.1
        r.2 = a * c
        a = e + e
        r.0 = a * c
        e = e ^ 1
        e = e * d
        c = c ^ 1
        r.1 = c + e
        r.3 = c - e
        r.4 = r.0 * r.2
        r.5 = r.3 * r.1
        k = r.4 * r.5
        r.6 = 0 + product
        product = k * product
        """,
    ),
    # encode(to, r, inverse): the encoding of the doubled point; from the inverse of a product to that of the one before
    written(
        "encode",
        "ptr %to, ptr %r, ptr %inverse",
        """
        a = r.6 * inverse
        b = r.4 * r.5
        inverse = inverse * b
        z = r.4 * a
        t = r.5 * a
        a = r.4 * z
        m = a odd
        a = 0 - r.0
        b = r.1 * i
        e = m ? r.2 : r.0
        g = m ? a : r.2
        h = m ? b : r.3
        k = m ? i : invsqrt_a_minus_d
        a = h * e
        a = a * z
        m = a odd
        a = 0 - g
        g = m ? a : g
        a = h - g
        g = g * t
        k = k * g
        a = a * k
        do absolute a a
        do pack to a
        """,
    ),
    written("neutral", "ptr %p", "p.0 = 0 + 0\np.1 = 0 + 1\np.2 = 0 + 1\np.3 = 0 + 0"),
    function(
        "not",
        "ptr %mask",
        f"""%old = load {VECTOR}, ptr %mask, align {VECTOR_BYTES}
%new = xor {VECTOR} %old, {splat(-1)}
store {VECTOR} %new, ptr %mask, align {VECTOR_BYTES}""",
    ),
)
