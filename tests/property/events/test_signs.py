"""A sign says which texts need not be asked a pattern: none that fits it may be without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.events import meaning, signs, text
from pollwatch.events.batch import NUMBER, TIME, EventBatch, offsets_and_bytes
from pollwatch.events.signs import CLASSES, Signs
from pollwatch.events.taxonomy import WEB
from pollwatch.events.text import add_normalised
from pollwatch.kernels.signs import signs as marked

_REQUESTS = Path(__file__).parents[2] / "contract" / "requests"
#: What patterns of all kinds are made of: anchors, words, repeats, choices, classes, gaps.
_ODDITIES = (
    r"^ab|cd$",
    r"^$",
    r"\bor\b[^&]*=|and\b",
    r"=[^&]*[=?]",
    r"(?:a|bc){2,3}x?y",
    r"[^a-z]{2}q",
    r"(?i)K[^\d\s]{2,}\w\W",
    r"x*y+z|.\.{3}",
    r"[/=](?:[ab][cd]){4}",
    r"''|[^x']?\[(?:uv|w)?\]",
)


_ODD = [Signs({1: pattern, 2: pattern}) for pattern in _ODDITIES]


def _lost(of: Signs, texts: list[str]) -> list[tuple[str, str]]:
    """Texts that fit a pattern and have not its sign."""
    array = pa.array(texts, pa.string())
    offsets, data = offsets_and_bytes(array)
    found = np.zeros(len(texts), np.uint8)
    marked.function(data, offsets, CLASSES, of.table, found)  # type: ignore[attr-defined]
    lost = []
    for bit, pattern in of.patterns.items():
        fits = pc.match_substring_regex(array, pattern).to_numpy(zero_copy_only=False)
        lost += [(pattern, texts[at]) for at in np.flatnonzero(fits & (found & bit == 0)).tolist()]
    return lost


def _requests() -> list[str]:
    lines = [line for file in ("attacks.txt", "harmless.txt") for line in (_REQUESTS / file).read_text().split("\n")]
    return [*lines, *(line.lower() for line in lines)]


@pytest.mark.parametrize("column", sorted(text.SIGNS))
def test_no_known_request_loses_its_sign(column: str) -> None:
    """Whatever fits a pattern of a column, whole or cut anywhere, is marked to be asked it."""
    known = _requests()[::2]
    cut = [each[at % (len(each) + 1) :][: at % 29] for at, each in enumerate(known)]
    assert not _lost(text.SIGNS[column], [*known, *cut])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text("abcdKkorandxyzquvw'[]=?&/. 1é\n-", max_size=14),
            st.lists(st.sampled_from(["or", "and", "ab", "cd", "=", "&", "?", "..", "x", "[]", " ", "K"]), max_size=6)
            .map("".join),
        ),
        min_size=1, max_size=30,
    )
)  # fmt: skip
def test_no_pattern_of_any_make_loses_a_text(texts: list[str]) -> None:
    """Anchors, boundaries, repeats, choices and gaps are taken apart without losing a way through them."""
    for each in _ODD:
        assert not _lost(each, texts)


def test_an_honest_address_has_no_sign() -> None:
    """The signs are worth having: what visitors ask for all day is asked nothing."""
    array = pa.array(["/results/county/12?session=09f1e2", "/img/photo.png", "/search?q=polling+place&page=2"])
    offsets, data = offsets_and_bytes(array)
    found = np.zeros(3, np.uint8)
    marked.function(data, offsets, CLASSES, text.SIGNS["cs-uri"].table, found)  # type: ignore[attr-defined]
    assert not (found & meaning.ODD).any()
    assert (found & meaning.TOUCHED).tolist() == [0, 0, meaning.TOUCHED]


def test_columns_are_the_same_with_signs_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that kernels look at gets the columns that patterns alone give it."""
    texts: list[str | None] = [None, "", *_requests()[::7], "/a%2525b?c", "/x?", "?y", "/É/./..//z&#x41;"]
    batch = EventBatch(
        WEB,
        "x",
        pa.table(
            {
                TIME: pa.nulls(len(texts), pa.int64()),
                NUMBER: pa.array(range(len(texts)), pa.int64()),
                **{name: pa.array(texts).dictionary_encode() for name in ("cs-uri", "cs-user-agent", "cs-referer")},
            }
        ),
    )
    without = add_normalised(batch).table.to_pylist()
    for limit in ("_WORTH_LOADING", "_WORTH_COMPILING", "_WORTH_IT"):
        monkeypatch.setattr(signs, limit, 0)
    assert add_normalised(batch).table.to_pylist() == without
