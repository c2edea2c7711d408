"""Many points at once: the program that we write says what libsodium says, also where somebody chose its input."""

from __future__ import annotations

import ctypes
import secrets
from collections.abc import Sequence

import pytest
import rbcl

from pollwatch.errors import FormatError
from pollwatch.sharing.matching import manypoints, program, ristretto, voprf
from pollwatch.sharing.matching.ristretto import ORDER, Element, Scalar

#: Digits of four and of eight bits at their edges, with and without a carry into the next; near zero and the order.
_EDGES = [
    1,
    2,
    7,
    8,
    9,
    15,
    16,
    127,
    128,
    129,
    255,
    256,
    ORDER - 1,
    ORDER - 2,
    ORDER // 2,
    ORDER // 2 + 1,
    int.from_bytes(b"\x77" * 31, "little"),
    int.from_bytes(b"\x78" * 31, "little"),
    int.from_bytes(b"\x7f" * 31, "little"),
    int.from_bytes(b"\x80" * 31, "little"),
    int.from_bytes(b"\x88" * 31, "little"),
    int.from_bytes(b"\xff" * 31, "little"),
    1 << 251,
    1 << 252,
]
#: No points, second spellings, and the identity: among them those of RFC 9496, appendix A.2.
_NOT_POINTS = [
    bytes(32),
    b"\x01" + bytes(31),
    b"\xff" * 32,
    b"\xff" * 31 + b"\x7f",
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 19 + 2).to_bytes(32, "little"),
    (2**255 - 20).to_bytes(32, "little"),
    *map(
        bytes.fromhex,
        (
            "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
            "c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562",
            "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
            "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
            "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
            "a45fdc55c76448c049a1ab33f17023edfb2be3581e9c7aade8a6125215e04220",
            "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b9c5",
        ),
    ),
]


@pytest.fixture(autouse=True)
def _compiled() -> None:
    """The program is at hand: it does what otherwise libsodium does for so few points."""
    program.compiled()


def _points(count: int) -> list[Element]:
    return [voprf.hash_to_group(secrets.token_bytes(16)) for _ in range(count)]


def _negative(point: Element) -> Element:
    return ristretto.times(ristretto.scalar_of(-1), point)


def _slow_sum(points: Sequence[Element], weights: Sequence[Scalar]) -> Element:
    """The sum by libsodium, one by one."""
    total = ristretto.times(weights[0], points[0])
    for point, weight in zip(points[1:], weights[1:], strict=True):
        total = ristretto.plus(total, ristretto.times(weight, point))
    return total


@pytest.mark.parametrize("count", [2, 3, 4, 5, 17, 257])
def test_multiples_are_those_of_libsodium(count: int) -> None:
    """Points times a secret number, and sums of lists times it, have one result, whoever computes it, for any count."""
    factor, points, others = ristretto.random_scalar(), _points(count), _points(count)
    assert ristretto.times_all(factor, points) == [ristretto.times(factor, each) for each in points]
    doubled = [ristretto.plus(ristretto.plus(*each), each[0]) for each in zip(points, others, strict=True)]
    found = ristretto.sums_times_all(factor, [points, others, points])
    assert found == [ristretto.times(factor, each) for each in doubled]


def test_hashes_are_those_of_libsodium() -> None:
    """Points from uniform bytes, times a number: random ones, and halves that are zero, above p, or have bit 255."""
    edges = [bytes(32), b"\xff" * 32, (2**255 - 19).to_bytes(32, "little"), b"\x01" + bytes(31), bytes(31) + b"\x80"]
    uniform = [secrets.token_bytes(64) for _ in range(40)] + [each + secrets.token_bytes(32) for each in edges]
    uniform += [secrets.token_bytes(32) + each for each in edges] + [edges[1] + edges[2]]
    factor = ristretto.random_scalar()
    hashed = [Element(rbcl.crypto_core_ristretto255_from_hash(each)) for each in uniform]
    assert ristretto.hashed_times_all(factor, uniform) == [ristretto.times(factor, each) for each in hashed]


def test_numbers_at_the_edges_of_digits() -> None:
    """Each number where a digit just carries multiplies as libsodium does, also points that are multiples of others."""
    generator = voprf.GENERATOR
    points = [generator, _negative(generator), *_points(2)]
    points += [ristretto.times(ristretto.scalar_of(each), generator) for each in (2, 4, 8, ORDER // 2)]
    for number in _EDGES:
        factor = ristretto.scalar_of(number)
        assert ristretto.times_all(factor, points) == [ristretto.times(factor, each) for each in points]


@pytest.mark.parametrize("place", [0, 3, 4])
@pytest.mark.parametrize("data", _NOT_POINTS)
def test_malformed_points_are_refused_wherever_they_stand(data: bytes, place: int) -> None:
    """Attack: second spellings, no points and the identity, at each end and amidst others, to multiply or to sum."""
    good = _points(5)
    points = list(good)
    points[place] = Element(data)
    factor, weights = ristretto.random_scalar(), [ristretto.random_scalar() for _ in points]
    for computed in (
        lambda: ristretto.times_all(factor, points),
        lambda: ristretto.sums_times_all(factor, [good, points]),
        lambda: ristretto.weighted_sum(points, weights),
    ):
        with pytest.raises(FormatError):
            computed()


def test_sums_that_are_the_identity_are_refused() -> None:
    """Attack: holders whose answers cancel out, which no key could tell from another."""
    points = _points(6)
    others = [*points[:3], _negative(points[3]), *points[4:]]
    with pytest.raises(FormatError):
        ristretto.sums_times_all(ristretto.random_scalar(), [points, others])


def test_the_same_bytes_are_points_as_for_libsodium() -> None:
    """Of random even numbers below 2^255, the program takes exactly those that libsodium takes."""
    factor = ristretto.random_scalar()
    taken, refused = [], 0
    for _ in range(120):
        data = Element((2 * secrets.randbelow(2**254)).to_bytes(32, "little"))
        try:
            taken.append(ristretto.element(data))
        except FormatError:
            refused += 1
            with pytest.raises(FormatError):
                ristretto.times_all(factor, [data, voprf.GENERATOR])
    assert taken
    assert refused
    assert ristretto.times_all(factor, taken) == [ristretto.times(factor, each) for each in taken]


@pytest.mark.parametrize("count", [2, 3, 17, 260])
def test_sums_are_those_of_libsodium(count: int) -> None:
    """Random points with random weights have one sum, by whichever program."""
    points, weights = _points(count), [ristretto.random_scalar() for _ in range(count)]
    assert ristretto.weighted_sum(points, weights) == _slow_sum(points, weights)


def test_weights_at_the_edges_of_digits() -> None:
    """Each weight where a digit just carries, beside a small one and all together, multiplies as libsodium does."""
    weights = [ristretto.scalar_of(each) for each in _EDGES]
    points = _points(len(weights))
    one = ristretto.scalar_of(1)
    for point, weight in zip(points, weights, strict=True):
        expected = ristretto.plus(ristretto.times(weight, point), voprf.GENERATOR)
        assert ristretto.weighted_sum([point, voprf.GENERATOR], [weight, one]) == expected
    assert ristretto.weighted_sum(points, weights) == _slow_sum(points, weights)


def test_one_point_many_times() -> None:
    """Attack: equal points with equal weights fall into one bucket, where careless sums fail."""
    (point,) = _points(1)
    for weight in map(ristretto.scalar_of, _EDGES):
        five = ristretto.scalar_of(5 * ristretto.number_of(weight))
        assert ristretto.weighted_sum([point] * 5, [weight] * 5) == ristretto.times(five, point)


def test_what_cancels_out_is_refused() -> None:
    """Attack: points and weights whose sum is the identity, for which any proof would hold; alone and among others."""
    points = _points(2)
    weights = [ristretto.scalar_of(number) for number in (7, ORDER - 7)]
    with pytest.raises(FormatError):
        ristretto.weighted_sum([points[0]] * 2, weights)
    rest = ristretto.weighted_sum([points[0], points[0], points[1]], [*weights, weights[0]])
    assert rest == ristretto.times(weights[0], points[1])


def test_other_lengths_are_refused() -> None:
    """Attack: what would make the program read beyond its input: points, lists and weights of other lengths."""
    (point,), one = _points(1), ristretto.scalar_of(1)
    for points in ([Element(point[:31]), Element(point + b"\x00")], [], [point]):
        with pytest.raises(FormatError):
            ristretto.weighted_sum(points, [one, one])
    with pytest.raises(FormatError):
        ristretto.times_all(one, [Element(point[:31]), Element(point + b"\x00")])
    with pytest.raises((FormatError, ValueError)):
        ristretto.sums_times_all(one, [[point] * 3, [point] * 2])
    for half, lists in ((one, [b""]), (one[:31], [point]), (one, [point + b"\x00"]), (one, [point * 2, point])):
        with pytest.raises(FormatError):
            manypoints.summed_multiplied(half, lists)
    with pytest.raises(FormatError):
        manypoints.hashed_multiplied(one, point)


def test_few_points_do_not_wait_for_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set that libsodium does in less time than compiling takes is left to it, with the same results and refusals."""
    points, weights = _points(12), [ristretto.random_scalar() for _ in range(12)]
    uniform = [secrets.token_bytes(64) for _ in points]

    def results() -> list[object]:
        return [
            ristretto.times_all(weights[0], points),
            ristretto.sums_times_all(weights[0], [points, points[::-1][1:] + points[:1]]),
            ristretto.hashed_times_all(weights[0], uniform),
            ristretto.weighted_sum(points, weights),
        ]

    expected = results()
    monkeypatch.setattr(program, "is_ready", lambda: False)
    monkeypatch.setattr(program, "compiled", lambda: pytest.fail("compiled"))
    ristretto.expect(1_000)
    assert results() == expected
    with pytest.raises(FormatError):
        ristretto.weighted_sum([points[0]] * 2, [weights[0], ristretto.scalar_of(-ristretto.number_of(weights[0]))])


def test_what_memory_held_is_forgotten() -> None:
    """What follows from a secret number does not stay where it was computed."""
    memory = program.Memory(100)
    with memory as address:
        ctypes.memset(address, 7, 100)
    assert ctypes.string_at(address, 100) == bytes(100)
