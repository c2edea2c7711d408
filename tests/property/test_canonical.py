"""The quick way to canonical bytes gives the same bytes as the slow one, for whatever a reader can give."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pollwatch import canonical
from pollwatch.errors import FormatError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def outcome(dumps: object, value: object) -> bytes | str:
    """The bytes, or that there are none."""
    assert callable(dumps)
    try:
        return bytes(dumps(value))
    except FormatError:
        return "refused"


@settings(max_examples=500, deadline=None)
@given(JSON)
@example({"\U0001f5f3": 1, "\uffff": 2})
@example({"a": [1.0, 2.5], "b": 1e21})
@example([-0.0, 2**53, -(2**53)])
@example({"x": '\x00\x1f\x7f\u2028\ud7ff/\\"'})
@example({"x": "\ud800"})
@example({"\udfff": 1})
def test_both_ways_give_the_same_bytes(value: object) -> None:
    """Any JSON value: keys of every plane, numbers of every size, every control character, half surrogate pairs."""
    assert outcome(canonical.dumps_read, value) == outcome(canonical.dumps, value)


def test_a_number_that_no_double_holds_is_refused() -> None:
    """1e999 would be read as infinity, which no JSON can say; it is refused when it is read."""
    with pytest.raises(FormatError, match="beyond"):
        canonical.loads_lenient(b'{"x":1e999}')
    assert canonical.loads_lenient(json.JSONEncoder().encode({"x": 1e308}).encode()) == {"x": 1e308}
