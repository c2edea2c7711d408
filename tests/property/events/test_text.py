"""Normalising text: never crashes, is bounded, and says the same for a column as for each text alone."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pollwatch.events.batch import EventBatch
from pollwatch.events.decoding import LONGEST
from pollwatch.events.taxonomy import WEB
from pollwatch.events.text import add_normalised, normalise

pieces = st.sampled_from(
    [
        "%",
        "%25",
        "%2e",
        "%c0%af",
        "%u002f",
        "&lt;",
        "&#x3c;",
        "\\u003c",
        "/*",
        "*/",
        "/*!50000",
        "+",
        "..",
        "\\",
        "\x00",
        "A",
        "é",
        "\uff53",
        " ",
        "\n",
        "?",
        "%ff",
        "%00",
        "/./",
    ]
)
uris = st.one_of(st.text(max_size=20), st.lists(pieces, max_size=12).map("".join))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.none(), uris), max_size=8))
@example([None])
@example([])
@example(["?"])
def test_column_equals_each_text(values: list[str | None]) -> None:
    """The shortcut for plain rows changes nothing."""
    n = len(values)
    columns = {"time_us": pa.nulls(n, pa.int64()), "number": pa.array(range(1, n + 1), pa.int64())}
    text = pa.array(values, pa.string())
    batch = EventBatch(WEB, "x", pa.table({**columns, "cs-uri": text, "cs-user-agent": text}))
    table = add_normalised(batch).table
    assert table["cs-uri"].to_pylist() == values
    assert table["norm.cs-user-agent"].to_pylist() == [
        None if v is None else normalise(v, plus=False)[0] for v in values
    ]
    for value, stem, query, whole in zip(
        values, *(table[f"norm.cs-uri{part}"].to_pylist() for part in ("-stem", "-query", "")), strict=True
    ):
        if value is None:
            assert (stem, query, whole) == (None, None, None)
            continue
        first, mark, rest = value.partition("?")
        assert stem == normalise(first)[0]
        assert query == (normalise(rest)[0] if mark else None)
        assert whole == (f"{stem}?{query}" if mark else stem)


@settings(max_examples=300, deadline=None)
@given(uris)
def test_normal_form_is_bounded(text: str) -> None:
    """No text grows without limit, and none keeps control characters or capitals."""
    normal, layers = normalise(text)
    assert len(normal) <= 20 * LONGEST
    assert 0 <= layers <= 5
    assert "\x00" not in normal
    assert normal == normal.lower() or not normal.isascii()


def test_adding_twice_changes_nothing() -> None:
    """A batch that has its normalised columns is left alone."""
    batch = EventBatch(WEB, "x", pa.table({"time_us": pa.nulls(1, pa.int64()), "number": [1], "cs-uri": ["/%41"]}))
    once = add_normalised(batch)
    assert add_normalised(once) is once
