"""Sums of many points: the program that we write says what libsodium says, also where somebody chose its input."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import pytest
import wasmtime

from pollwatch.errors import ConfigError, FormatError
from pollwatch.sharing.matching import curvecode, fieldcode, manysums, ristretto, voprf
from pollwatch.sharing.matching.ristretto import ORDER, Element, Scalar

#: Digits of eight bits at their edges, with and without a carry into the next; weights near zero and the order.
_EDGES = [
    1,
    2,
    127,
    128,
    129,
    255,
    256,
    ORDER - 1,
    ORDER - 2,
    ORDER // 2,
    int.from_bytes(b"\x7f" * 31, "little"),
    int.from_bytes(b"\x80" * 31, "little"),
    int.from_bytes(b"\xff" * 31, "little"),
    1 << 251,
]
_NOT_POINTS = [
    b"\x01" + bytes(31),
    b"\xff" * 32,
    b"\xff" * 31 + b"\x7f",
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 19 + 2).to_bytes(32, "little"),
    (2**255 - 20).to_bytes(32, "little"),
    bytes.fromhex("863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b9c5"),
    bytes(32),
]


def _points(count: int) -> list[Element]:
    return [voprf.hash_to_group(secrets.token_bytes(16)) for _ in range(count)]


def _slowly(points: Sequence[Element], weights: Sequence[Scalar]) -> Element:
    """The sum by libsodium, one by one."""
    total = ristretto.times(weights[0], points[0])
    for point, weight in zip(points[1:], weights[1:], strict=True):
        total = ristretto.plus(total, ristretto.times(weight, point))
    return total


@pytest.mark.parametrize("count", [1, 2, 3, 17, 300])
def test_sums_are_those_of_libsodium(count: int) -> None:
    """Random points with random weights have one sum, by whichever program."""
    points, weights = _points(count), [ristretto.random_scalar() for _ in range(count)]
    assert ristretto.weighted_sum(points, weights) == _slowly(points, weights)


def test_weights_at_the_edges_of_digits() -> None:
    """Each weight where a digit just carries, alone and together, multiplies as libsodium does."""
    weights = [ristretto.scalar_of(each) for each in _EDGES]
    points = _points(len(weights))
    for point, weight in zip(points, weights, strict=True):
        assert ristretto.weighted_sum([point], [weight]) == ristretto.times(weight, point)
    assert ristretto.weighted_sum(points, weights) == _slowly(points, weights)


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
    rest = ristretto.weighted_sum([points[0], points[1], points[0]], [weights[0], weights[0], weights[1]])
    assert rest == ristretto.times(weights[0], points[1])


@pytest.mark.parametrize("data", _NOT_POINTS)
@pytest.mark.parametrize("place", [0, 3, 4])
def test_malformed_points_are_refused_wherever_they_stand(data: bytes, place: int) -> None:
    """Attack: second spellings, no points and the identity, at each end and amidst others."""
    points = _points(4)
    points.insert(place, Element(data))
    with pytest.raises(FormatError):
        ristretto.weighted_sum(points, [ristretto.random_scalar() for _ in points])


@pytest.mark.parametrize("limb", [2**54 - 1, 2**54 - 2, 2**53 - 76, 2**51 + 2**13, 2**51 - 1, 0])
def test_no_product_overflows(limb: int) -> None:
    """Attack: every limb is as large as the bounds allow; products and differences stay right."""
    left, right = [limb] * 5, [limb, 2**54 - 1, limb, 2**54 - 1, limb]
    for other in (left, right, [1, 0, 0, 0, 0]):
        a, b = manysums.number(_laid(left)), manysums.number(_laid(other))
        assert _computed("times", left, other) == a * b % fieldcode.PRIME
        assert _computed("square", other) == b * b % fieldcode.PRIME
        assert _computed("canonical", other) == b
    small = [min(limb, 2**53 - 76)] * 5
    assert _computed("minus", small, small) == 0
    assert _computed("minus", [0] * 5, small) == -manysums.number(_laid(small)) % fieldcode.PRIME


def _laid(limbs: list[int]) -> bytes:
    return b"".join(each.to_bytes(8, "little") for each in limbs)


def _computed(name: str, *operands: list[int]) -> int:
    """What one function of the program makes of numbers in any spelling; its result is in the form for products."""
    store, found = manysums.start(0)
    places = [curvecode.FREE + 40 * place for place in range(len(operands))]
    for place, each in zip(places, operands, strict=True):
        found["memory"].write(store, _laid(each), place)
    found[name](store, curvecode.FREE + 400, *places)
    result = bytes(found["memory"].read(store, curvecode.FREE + 400, curvecode.FREE + 440))
    if name != "minus":
        assert all(int.from_bytes(result[at : at + 8], "little") < 2**51 + 2**13 for at in range(0, 40, 8))
    if name == "canonical":
        assert sum(int.from_bytes(result[8 * n : 8 * n + 8], "little") << 51 * n for n in range(5)) < fieldcode.PRIME
    return manysums.number(result)


def test_other_lengths_are_refused() -> None:
    """Attack: points that would shift all that follow, no points at all, and weights without points."""
    (point,), one = _points(1), ristretto.scalar_of(1)
    for points in ([Element(point[:31]), Element(point + b"\x00")], [], [point]):
        with pytest.raises(FormatError):
            ristretto.weighted_sum(points, [one, one])


def test_the_same_bytes_are_points_as_for_libsodium() -> None:
    """Of random even numbers below 2^255, the program takes exactly those that libsodium takes, as the same points."""
    taken = 0
    one = ristretto.scalar_of(1)
    for _ in range(200):
        data = (2 * secrets.randbelow(2**254)).to_bytes(32, "little")
        try:
            point = ristretto.element(data)
        except FormatError:
            assert manysums.weighted_sum([data], [one]) is None
            continue
        taken += 1
        assert manysums.weighted_sum([data], [one]) == point
    assert taken


def test_a_process_without_executable_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a hardened unit denies memory that can be written and executed, the error says which setting to change."""

    def denied(_engine: object, _text: str) -> object:
        raise wasmtime.WasmtimeError("unable to make memory executable")

    points, weights = _points(1), [ristretto.scalar_of(1)]
    manysums.compiled.cache_clear()
    monkeypatch.setattr(wasmtime, "Module", denied)
    with pytest.raises(ConfigError, match=r"unable to make memory executable.*MemoryDenyWriteExecute"):
        ristretto.weighted_sum(points, weights)
    monkeypatch.undo()
    assert ristretto.weighted_sum(points, weights) == points[0]
