"""JSON in columns (``framing_objects``) reads what the record-by-record reader reads, or leaves it alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.events.block import LineBlock
from pollwatch.formats.framing import iso_us
from pollwatch.formats.framing_json import Flattener, read_object
from pollwatch.formats.framing_objects import Cells, Objects, marked, sequences
from pollwatch.kernels import moments, objects, texts

KEYS = (
    st.sampled_from(["a", "b", "Image", "EventID", "a.b", "number", "ключ", "", "with \\ slash", "x" * 300]) | st.text()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
RECORDS = st.dictionaries(KEYS, VALUES, max_size=6)


def read(lines: list[bytes]) -> tuple[Objects, Cells]:
    """A block of these lines, in columns."""
    fields = Objects()
    cells = fields.read(LineBlock("x", 1, lines, [line.decode("utf-8", "replace") for line in lines]))
    assert cells is not None
    return fields, cells


def flat(fields: Objects, cells: Cells, row: int) -> dict[str, str | None]:
    """One record as its cells have it."""
    begin, end = (int(cells.row_end[row - 1]) if row else 0), int(cells.row_end[row])
    found = cells.column(np.arange(begin, end, dtype=np.int32))
    values = found.array().to_pylist()
    return {fields.flat[node]: value for node, value in zip(cells.node[begin:end].tolist(), values, strict=True)}


def agree(lines: list[bytes]) -> int:
    """Check each record that was read in columns; returns how many those are."""
    fields, cells = read(lines)
    fast = 0
    for row, line in enumerate(lines):
        if cells.row_state[row] == objects.FAST:
            fast += 1
            record = read_object(line.decode("utf-8"))
            assert isinstance(record, dict), line
            expected = {name: None if value is None else str(value) for name, value in Flattener()(record).items()}
            assert flat(fields, cells, row) == expected, line
    return fast


@settings(max_examples=150, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=6), st.integers(0, 3))
def test_columns_equal_records(records: list[dict[str, Any]], space: int) -> None:
    """Any JSON objects, with and without space between their parts."""
    encoded = [msgspec.json.encode(record) for record in records]
    agree([msgspec.json.format(line, indent=space - 1).replace(b"\n", b" ") for line in encoded])


@settings(max_examples=150, deadline=None)
@given(RECORDS, st.data())
def test_damaged_records_are_left_alone(record: dict[str, Any], data: st.DataObject) -> None:
    """A record with bytes changed, lost or added is read as the strict reader reads it, or not at all."""
    line = bytearray(msgspec.json.encode(record))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(line) - 1)) if line else 0
        piece = data.draw(
            st.sampled_from([b"", b'"', b"\\", b"{", b"}", b"[", b",", b":", b"\xff", b"\x00", b"1", b"\\u"])
        )
        line[at : at + data.draw(st.integers(0, 2))] = piece
    agree([b'{"a":1}', bytes(line).replace(b"\n", b" "), b'{"a":2}'])


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"  ",
        b"[1]",
        b'{"a":1',
        b'{"a":1}}',
        b'{"a":1}{"a":2}',
        b'{"a":1,}',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1},"a.b":2}',
        b'{"a":{"b":1},"a":{"c":2}}',
        b'{"a":01}',
        b'{"a":[1,]}',
        b'{"a":"\\ud800"}',
        b'{"a":"\t"}',
        b'{"a":"\xff"}',
        b'{"a":["\xff"]}',
        b'{"a":nul}',
        b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
)
def test_what_is_rare_or_broken_is_left_to_the_slower_reader(line: bytes) -> None:
    """Broken JSON, fields twice, half surrogates, raw control characters, nesting; their neighbours are read."""
    fields, cells = read([b'{"a":"x"}', line, b'{"a":"y"}'])
    assert cells.row_state.tolist()[1] == objects.SLOW
    if not fields.flat[1:]:  # no field came that could be meant by another name
        assert agree([b'{"a":"x"}', line, b'{"a":"y"}']) == 2


def test_escapes_are_read_wherever_they_stand() -> None:
    """At any distance from where many bytes are looked at at once, and at the buffer's end; broken ones are left."""
    good = ["\\n", "\\\\", '\\"', "\\u00e9", "\\\\\\n", "\\/\\t"]
    bad = ["\\x", "\\u12g4", "\\ud800", "\t", "\\", '"']
    for escapes, fast in ((good, True), (bad, False)):
        lines = [f'{{"a":"{"v" * at}{each}{"w" * 3}"}}'.encode() for at in range(70) for each in escapes]
        _, cells = read(lines)
        assert (cells.row_state == (objects.FAST if fast else objects.SLOW)).all()
        assert agree(lines) == (len(lines) if fast else 0)


def test_records_of_the_same_fields_in_the_same_order_are_one_sequence() -> None:
    """Their outline has a mark for each value, in the nested form that they were written in."""
    fields, cells = read([b'{"a":{"b":1,"c":2}}', b'{"a":{"b":3,"c":4}}', b'{"a":{"c":1,"b":2}}', b"{}"])
    numbers, nodes = sequences(cells)
    assert numbers.tolist() == [0, 0, 1, 2]
    outline = fields.outline(nodes[1])
    assert list(outline["a"]) == ["c", "b"]
    assert [marked(value) for value in outline["a"].values()] == [0, 1]
    assert marked("x") is None


def test_more_fields_than_columns_are_not_for_columns() -> None:
    """An input that names its fields at random is told from others."""
    lines = [b'{"f%d":1}' % number for number in range(1_500)]
    assert Objects().read(LineBlock("x", 1, lines, [line.decode() for line in lines])) is None


TIMES = st.datetimes(*(dt.datetime(year, 1, 1) for year in (1981, 2199))).flatmap(  # noqa: DTZ001 - wall clocks
    lambda moment: st.sampled_from(["", "Z", "+01:00", "-0330", "+00:00", "+24:00", " ", "x", ".", "+1"]).map(
        lambda zone: moment.isoformat(sep="T" if moment.second % 2 else " ") + zone
    )
)


@settings(max_examples=200, deadline=None)
@given(st.lists(TIMES | st.text(max_size=25), min_size=1, max_size=20))
def test_times_in_columns_equal_times_one_by_one(logged: list[str]) -> None:
    """Whatever stands in the column: what is read there is what the slower reader reads."""
    encoded = [text.encode("utf-8", "replace") for text in logged]
    lengths = np.array([len(each) for each in encoded], np.int32)
    starts = (np.cumsum(lengths) - lengths).astype(np.int32)
    times, zoned = moments.iso_times(np.frombuffer(b"".join(encoded), np.uint8), starts, lengths)
    for text, time_us, named in zip(logged, times.tolist(), zoned.tolist(), strict=True):
        if time_us != moments.UNUSUAL:
            assert time_us == iso_us(text), text
            assert bool(named) == (iso_us(text, dt.timezone(dt.timedelta(hours=5))) == time_us), text


def test_texts_made_to_collide_do_not_make_the_dictionary_slow() -> None:
    """Beyond so many tries a text stands in the dictionary twice; each place still reads as it was written."""
    data = np.frombuffer(b"abcabcx", np.uint8)
    starts, lengths = np.array([0, 3, 6, 0], np.int32), np.array([3, 3, 1, 3], np.int32)
    kinds = np.array([texts.PLAIN, texts.PLAIN, texts.PLAIN, texts.NULL], np.uint8)
    places = texts.Places(data, starts, lengths, kinds)
    cells = np.arange(4, dtype=np.int32)
    made = texts.encode(places, np.array([0, 4]), cells, cells, 4, texts.Scratch())
    assert made.codes.tolist() == [[0, 0, 1, -1]]
    assert made.valid.tolist() == [[0b0111]]
    assert made.nulls.tolist() == [1]
    assert bytes(made.texts) == b"abcx"
    assert made.offsets.tolist() == [0, 3, 4]
