"""Group matching's tables: what the collector finds is exactly what enough members hold."""

from __future__ import annotations

from hashlib import sha512
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.errors import FormatError
from pollwatch.sharing.matching import mersenne, tables
from pollwatch.sharing.matching.tables import Shape


def _output(item: int) -> bytes:
    return sha512(b"%d" % item).digest()


def _found(sets: list[list[int]], shape: Shape) -> set[tuple[int, frozenset[int]]]:
    """Items and their holders, as the holders see them."""
    shares = [tables.make([_output(item) for item in each], number, shape) for number, each in enumerate(sets, 1)]
    hits = tables.find([tables.read(tables.to_bytes(each), shape) for each in shares], shape)
    seen: dict[int, set[int]] = {}
    for hit in hits:
        items = {sets[member - 1][int(shares[member - 1].owners[hit.cell])] for member in hit.holders}
        assert len(items) == 1
        seen.setdefault(items.pop(), set()).update(hit.holders)
    return {(item, frozenset(holders)) for item, holders in seen.items()}


def _truth(sets: list[list[int]], threshold: int) -> set[tuple[int, frozenset[int]]]:
    holders = {
        item: frozenset(number for number, each in enumerate(sets, 1) if item in each) for each in sets for item in each
    }
    return {(item, who) for item, who in holders.items() if len(who) >= threshold}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 5).flatmap(
        lambda threshold: st.tuples(
            st.just(threshold),
            st.lists(st.sets(st.integers(0, 40), max_size=20).map(sorted), min_size=threshold, max_size=8),
        )
    )
)
def test_the_collector_finds_exactly_what_enough_hold(drawn: tuple[int, list[list[int]]]) -> None:
    """For any sets: every item with enough holders, with all its holders, and nothing else."""
    threshold, sets = drawn
    assert _found(sets, Shape(20, threshold)) == _truth(sets, threshold)


def test_full_sets_miss_nothing() -> None:
    """Sets as large as a run allows, with a third of them over the threshold: no miss, no false hit."""
    sets = [[10_000 * member + each for each in range(200)] + list(range(member, 300, 3)) for member in range(3)]
    sets = [sorted({*each, *range(300, 350)}) for each in sets]
    assert _found(sets, Shape(350, 3)) == _truth(sets, 3)


def test_below_the_threshold_shares_are_as_random_as_filling() -> None:
    """Attack: the collector looks for two holders of one item where three are needed, by their shares alone."""
    shape = Shape(500, 3)
    outputs = [_output(item) for item in range(500)]
    left, right = (tables.make(outputs, number, shape) for number in (1, 2))
    filled = left.owners >= 0
    assert not (left.values == right.values).any()
    # A line through nothing would show as one ratio: 2 * f(1) = f(2) holds no more often than chance.
    assert not (mersenne.times(left.values, 2) == right.values)[filled].any()
    mean = float(left.values[filled].astype(np.float64).mean()) / mersenne.PRIME
    assert abs(mean - 0.5) < 0.02


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, mersenne.PRIME - 1), min_size=1, max_size=5), st.integers(0, mersenne.PRIME - 1))
def test_the_field_fits_plain_arithmetic(numbers: list[int], factor: int) -> None:
    """Sums, differences and products of arrays are what Python's own numbers give."""
    values, prime = np.array(numbers, dtype=np.uint64), mersenne.PRIME
    other = np.array(numbers[::-1], dtype=np.uint64)
    assert mersenne.times(values, factor).tolist() == [each * factor % prime for each in numbers]
    pairs = list(zip(numbers, numbers[::-1], strict=True))
    differences = [(left - right) * factor % prime for left, right in pairs]
    assert mersenne.scaled_differences(values, other, factor).tolist() == differences
    assert mersenne.plus(values, other).tolist() == [(left + right) % prime for left, right in pairs]


@given(st.integers(0, 2**64 - 1))
def test_any_number_is_brought_into_the_field(number: int) -> None:
    """Also those next to the prime and its multiples."""
    for each in (number, mersenne.PRIME, mersenne.PRIME + 1, 2 * mersenne.PRIME, 2**64 - 1):
        assert mersenne.folded(np.array([each], dtype=np.uint64)).tolist() == [each % mersenne.PRIME]


@given(st.binary(max_size=4000))
def test_foreign_shares_are_read_strictly(data: bytes) -> None:
    """Attack: shares of another size, or a number in a second spelling; nothing else than a refusal comes of it."""
    shape = Shape(1, 2)
    with pytest.raises(FormatError):
        tables.read(data if len(data) != shape.share_bytes else data[1:], shape)
    with pytest.raises(FormatError, match="spelling"):
        tables.read(b"\xff" * shape.share_bytes, shape)


def test_a_search_can_be_split() -> None:
    """Parts of the bins, looked at by several threads, give together what one search gives."""
    shape = Shape(50, 3)
    sets = [list(range(each, 50 + each)) for each in range(5)]
    shares = [tables.make([_output(i) for i in items], number, shape).values for number, items in enumerate(sets, 1)]
    middle = shape.cells // 3 + 1
    parts = tables.find(shares, shape, 0, middle) + tables.find(shares, shape, middle)
    assert parts == tables.find(shares, shape)
    for hit in parts:
        assert len(hit.holders) >= 3


def test_the_search_equals_interpolating_every_combination() -> None:
    """The shared divided differences find what Lagrange interpolation of each combination finds."""
    shape = Shape(12, 4)
    sets = [[each for each in range(30) if (each * 7 + member * 5) % 4][:12] for member in range(6)]
    shares = [tables.make([_output(i) for i in items], number, shape).values for number, items in enumerate(sets, 1)]
    prime = mersenne.PRIME
    expected: dict[int, set[int]] = {}
    for cell in range(shape.cells):
        for chosen in combinations(range(1, 7), 4):
            total = 0
            for number in chosen:
                weight = int(shares[number - 1][cell])
                for other in chosen:
                    if other != number:
                        weight = weight * other * pow(other - number, -1, prime) % prime
                total = (total + weight) % prime
            if total == 0:
                expected.setdefault(cell, set()).update(chosen)
    found: dict[int, set[int]] = {}
    for hit in tables.find(shares, shape):
        found.setdefault(hit.cell, set()).update(hit.holders)
    assert found == expected
    assert found
