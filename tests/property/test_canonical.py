"""The quick ways to canonical bytes give the same bytes as the slow one, for whatever a reader can give."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pollwatch import canonical
from pollwatch.errors import FormatError
from pollwatch.events.detection import Severity
from pollwatch.members.marking import Tlp

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
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
@example({True: 1, None: 2})
@example([{"a": (1, [Severity.HIGH], Tlp.AMBER)}, {"b": {3: 4}}])
def test_all_ways_give_the_same_bytes(value: object) -> None:
    """Any JSON value: keys of every plane and kind, numbers of every size, control characters, half surrogate pairs."""
    expected = outcome(by_rfc8785, value)
    assert outcome(canonical.dumps, value) == expected
    if keys_are_texts(value):  # as any reader gives it
        assert outcome(canonical.dumps_read, value) == expected
    if isinstance(expected, bytes):  # a float may be written as an integer that no reader takes
        again = outcome(by_rfc8785, canonical.loads_lenient(expected))
        assert again == expected if is_read(expected) else again == "refused"


def is_read(data: bytes) -> bool:
    """Whether the strict reader takes it."""
    try:
        canonical.loads(data)
    except FormatError:
        return False
    return True


def by_rfc8785(value: Any) -> bytes:  # noqa: ANN401 - any JSON value, and what is none
    """The bytes as the audited library makes them."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise FormatError("not representable") from error


def keys_are_texts(value: object) -> bool:
    """Whether all keys of all objects in it are texts."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and keys_are_texts(each) for key, each in value.items())
    return not isinstance(value, list | tuple) or all(map(keys_are_texts, value))


def test_a_value_within_itself_is_refused() -> None:
    """A list that holds itself has no end; writing it ends all the same."""
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(FormatError):
        canonical.dumps(circle)


def test_a_number_that_no_double_holds_is_refused() -> None:
    """1e999 would be read as infinity, which no JSON can say; it is refused when it is read."""
    with pytest.raises(FormatError, match="beyond"):
        canonical.loads_lenient(b'{"x":1e999}')
    assert canonical.loads_lenient(json.JSONEncoder().encode({"x": 1e308}).encode()) == {"x": 1e308}
