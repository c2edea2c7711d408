"""JSON records as real programs write them, and nested objects as flat dotted columns.

msgspec reads what is JSON. What it refuses and Python's own reader takes is taken all the same: half surrogate pairs,
raw control characters, NaN, numbers beyond a double. A client that gets one of these into its user agent must not
make its request disappear into the quarantine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import msgspec

from pollwatch.events.batch import NUMBER, TIME, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats.framing import EMPTY_LINE, NOT_AN_OBJECT, NOT_JSON

Flat: TypeAlias = "dict[str, str | int | None]"

MAX_DEPTH = 100
MAX_COLUMNS = 1_000
_FLAT_DEPTH = 16
LONGEST_NAME = 256
#: The column that keeps, as one JSON object, the fields that get no column of their own.
REST = "_rest"

#: The closing quote is optional, or each quote of a broken text would scan all that follows.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_encode = msgspec.json.Encoder(order="deterministic").encode


def json_records(
    block: LineBlock, read: Callable[[str], dict[str, Any] | str] | None = None
) -> tuple[list[tuple[int, dict[str, Any]]], list[Quarantined]]:
    """Every record of the block that is a JSON object, with its number; the others quarantined with the reason.

    Args:
        block: the records.
        read: reads one, where not all are JSON; gives the object, or the reason why it is none.
    """
    read = read or read_object
    found: list[tuple[int, dict[str, Any]]] = []
    quarantined: list[Quarantined] = []
    for number, text in enumerate(block.text, block.first_number):
        record = read(text)
        if isinstance(record, str):
            quarantined.append(Quarantined(number, record))
        else:
            found.append((number, record))
    return found, quarantined


def read_object(text: str) -> dict[str, Any] | str:
    """The JSON object that a record is, or the reason why it is none."""
    if not text or text.isspace():
        return EMPTY_LINE
    if text.count("{") + text.count("[") > MAX_DEPTH and depth(text) > MAX_DEPTH:
        return f"JSON nested more than {MAX_DEPTH} levels deep"
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        value = _read_leniently(text)
        if value is None:
            return NOT_JSON.format(why=str(error)[:120])
    return value if isinstance(value, dict) else NOT_AN_OBJECT


def depth(text: str) -> int:
    """How deep the brackets of a JSON text nest, strings left out."""
    level = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        level += 1 if bracket in "[{" else -1
        deepest = max(deepest, level)
    return deepest


def _read_leniently(text: str) -> object:
    try:
        return _without_surrogates(json.loads(text, strict=False))
    except (ValueError, RecursionError):
        return None


def _without_surrogates(value: Any) -> Any:  # noqa: ANN401 - any JSON value, of bounded depth
    """The value with half surrogate pairs as U+FFFD; whole pairs were joined by the reader."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(each) for each in value]
    return value


_RESERVED = frozenset({TIME, NUMBER, REST})


class Flattener:
    """Nested objects as dotted names; arrays, and what lies deeper than 16 levels, as JSON text. Null stays null.

    One input has at most :data:`MAX_COLUMNS` columns: the first names that it uses. Fields with other names, or with
    names longer than any program gives, stand together in :data:`REST`. A field with the name of a batch's own
    column gets a leading underscore.
    """

    __slots__ = ("_names",)

    def __init__(self) -> None:
        """Start before the first record."""
        self._names: set[str] = set()

    def __call__(self, record: dict[str, Any]) -> Flat:
        """One record's fields."""
        flat: Flat = {}
        rest: dict[str, Any] = {}
        names = self._names
        for name, value in _leaves(record, "", 1):
            if name not in names:
                if len(names) >= MAX_COLUMNS or len(name) > LONGEST_NAME:
                    rest[name] = value
                    continue
                names.add(name)
            flat[flat_name(name)] = as_column(value)
        if rest:
            flat[REST] = json_text(rest)
        return flat


def flat_name(name: str) -> str:
    """The column of a field's full name."""
    return f"_{name}" if name in _RESERVED else name


def _leaves(record: dict[str, Any], prefix: str, level: int) -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        name = prefix + key
        if isinstance(value, dict) and value and level < _FLAT_DEPTH:
            yield from _leaves(value, name + ".", level + 1)
        else:
            yield name, value


def as_column(value: object) -> str | int | None:
    """A JSON value as a column holds it: text as it is, arrays and objects as JSON text, truth as true/false."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return value if isinstance(value, int) else repr(value)
    return json_text(value)


def json_text(value: object) -> str:
    """A value that was JSON, as JSON text; keys in order, so that equal values are equal text."""
    try:
        return _encode(value).decode("utf-8")
    except (OverflowError, msgspec.MsgspecError, UnicodeError):
        return str(value)  # an integer beyond 64 bits


def text_of(record: dict[str, Any], *path: str) -> str | None:
    """The text at a path of nested names, numbers in digits; None where it is missing or no single value."""
    value: Any = record
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    if value is None or isinstance(value, (dict, list)):
        return None
    column = as_column(value)
    return column if column is None or isinstance(column, str) else str(column)
