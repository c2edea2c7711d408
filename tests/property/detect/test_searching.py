"""The search for many literals finds exactly what stands in the texts of the group in which it is wanted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.kernels import searching
from pollwatch.kernels.literals import ANY, AT_END, AT_START, bits_for, index, no_grams, picked
from pollwatch.kernels.searching import hits

_GROUPS = 4
#: Few letters, so that literals overlap and stand in texts; one of each that is never folded, and one beyond ASCII.
_LETTERS = "ab.%é"


class Literal(NamedTuple):
    """What is looked for.

    Attributes:
        text: lower-case.
        marks: where in a text it counts.
        group: where it is wanted.
    """

    text: str
    marks: int
    group: int


_LITERALS = st.lists(
    st.builds(
        Literal,
        st.text(_LETTERS, min_size=1, max_size=7),
        st.sampled_from([0, 0, 0, AT_START, AT_END, AT_START | AT_END]),
        st.sampled_from([ANY, *range(_GROUPS)]),
    ),
    min_size=1,
    max_size=12,
)
_TEXTS = st.lists(st.tuples(st.integers(0, _GROUPS - 1), st.text(_LETTERS + "AB-", max_size=40)), max_size=12)


def _stands(literal: Literal, text: bytes) -> bool:
    wanted, text = literal.text.encode(), text.lower()
    if literal.marks == AT_START | AT_END:
        return text == wanted
    if literal.marks:
        return text.startswith(wanted) if literal.marks == AT_START else text.endswith(wanted)
    return wanted in text


def _found(literals: list[Literal], texts: list[tuple[int, bytes]]) -> set[tuple[int, int]]:
    laid, data = [each.text.encode() for each in literals], [text for _group, text in texts]
    starts = np.cumsum([0, *map(len, laid)], dtype=np.int64)
    flat = np.frombuffer(b"".join(laid), np.uint8)
    bits = bits_for(len(laid))
    grams, ends = picked(flat, starts, no_grams(bits), bits)
    made = index(flat, starts, np.array([each.marks for each in literals], np.uint8), grams, ends, bits)
    bounds = np.cumsum([0, *map(len, data)], dtype=np.int64)
    which, where = hits(
        made,
        np.frombuffer(b"".join(data), np.uint8),
        bounds[:-1],
        bounds[1:],
        np.arange(len(data), dtype=np.int32),
        np.array([group for group, _text in texts], np.int32),
        np.array([each.group for each in literals], np.int32),
    )
    pairs = list(zip(which.tolist(), where.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    return set(pairs)


def _expected(literals: list[Literal], texts: list[tuple[int, bytes]]) -> set[tuple[int, int]]:
    return {
        (nth, at)
        for nth, literal in enumerate(literals)
        for at, (group, text) in enumerate(texts)
        if literal.group in (ANY, group) and _stands(literal, text)
    }


@pytest.mark.parametrize("few", [True, False])
@settings(max_examples=300, deadline=None)
@given(literals=_LITERALS, texts=_TEXTS)
def test_found_is_what_stands_there(*, few: bool, literals: list[Literal], texts: list[tuple[int, str]]) -> None:
    """Any literals, in groups where one, few or many are wanted, at any place of a text."""
    if not few:  # more than a table of their own is for
        literals = literals + [Literal(f"zz{at}zz", 0, 0) for at in range(searching.FEW)]
    encoded = [(group, text.encode()) for group, text in texts]
    assert _found(literals, encoded) == _expected(literals, encoded)


@pytest.mark.parametrize("wanted", ["b", "ab", "aaab"])
def test_a_place_is_found_however_far_it_is(wanted: str) -> None:
    """Where all that is wanted ends in one byte, texts are looked at 32 bytes at a time, to the buffer's end."""
    texts = [(0, b"-" * before + wanted.upper().encode() + b"-" * (before % 40)) for before in range(150)]
    assert _found([Literal(wanted, 0, 0)], texts) == {(0, at) for at in range(150)}


def test_more_is_found_than_there_was_room_for() -> None:
    """Every literal stands in every text: 40,000 findings."""
    literals = [Literal(f"{at:04}", 0, ANY) for at in range(200)]
    texts = [(0, "".join(each.text for each in literals).encode())] * 200
    assert _found(literals, texts) == _expected(literals, texts)
