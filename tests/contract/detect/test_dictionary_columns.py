"""Whoever reads event batches takes text as strings or as codes of a dictionary, and finds the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from tests.contract.detect.test_rules import ENGINE, SAMPLES, parsed
from tests.contract.test_formats import ANCHOR_US, CASES, GOLDEN, block_of, format_of, framed

from pollwatch.detect import indicators
from pollwatch.detect.indicators import Watched, Watchlist
from pollwatch.events.batch import EventBatch, encoded, is_text, plain
from pollwatch.events.detection import Detection, Severity
from pollwatch.events.lines import LineSet
from pollwatch.events.observable import guessed
from pollwatch.events.taxonomy import WEB
from pollwatch.events.text import add_normalised
from pollwatch.formats import registry
from pollwatch.formats.interface import ParseContext
from pollwatch.incidents.coverage import Telemetry
from pollwatch.incidents.grouping import Grouper
from pollwatch.incidents.neighbours import look
from pollwatch.incidents.spool import Spool
from pollwatch.store.events import EventReader, EventWriter

LOOKED_FOR = ("198.51.100.0/24", "203.0.113.7", "2001:db8::/32", "example.org", "evil.example", "http://vote.example/a")
WATCHLIST = Watchlist(Watched(each, guessed(each), Severity.LOW, f"{each} is known") for each in LOOKED_FOR)


def golden(case: str) -> list[EventBatch]:
    """The batches of a golden input."""
    each, definition = format_of(case)
    records = framed((GOLDEN / f"{case}.in.log").read_bytes(), each.framing)
    return list(
        each.parser(ParseContext("golden.log", ANCHOR_US, definition=definition)).parse(block_of(records)).batches
    )


def in_codes(batch: EventBatch) -> EventBatch:
    """The same events in the least comfortable codes: values in no order, twice, unused; two dictionaries."""
    table = batch.table
    for at, field in enumerate(table.schema):
        if is_text(field.type):
            array = plain(table[field.name])
            middle = len(array) // 2
            column = pa.chunked_array([_codes(array[:middle]), _codes(array[middle:])])
            table = table.set_column(at, field.name, column)
    return EventBatch(batch.logsource, batch.path, table)


def _codes(array: pa.Array) -> pa.Array:
    values = list(reversed(array.drop_null().to_pylist()))  # a value as often as there are events that have it
    places = {value: at for at, value in enumerate(values)}
    indices = pa.array([None if value is None else places[value] for value in array.to_pylist()], pa.int32())
    return pa.DictionaryArray.from_arrays(indices, pa.array([*values, "198.51.100.250", ""], pa.string()))


def found(batches: Sequence[EventBatch]) -> tuple[list[Detection], object]:
    """What rules, indicators, incidents, coverage and the look at neighbours make of some batches."""
    state, detections, telemetry = ENGINE.start(), list[Detection](), Telemetry()
    with Grouper() as grouper:
        for batch in batches:
            grouper.observe(batch)
            telemetry.observe(batch)
            state, some = ENGINE.step(state, ENGINE.match(batch), None)
            detections += [*some, *indicators.match(WATCHLIST, batch)]
        state, some = ENGINE.step(state, None, None, done=True)
        detections += some
        grouper.add(detections)
        incidents = grouper.finish(lambda _wanted: {})
    near = look(batches, ["198.51.100.7", "203.0.113.7"], LineSet({}))
    return sorted(detections, key=repr), (incidents, telemetry, near)


@pytest.mark.parametrize("case", CASES)
def test_codes_change_nothing_in_golden_inputs(case: str) -> None:
    """Detections, incidents and counts are the same, whichever kind of text column a format gives."""
    batches = golden(case)
    assert found([in_codes(batch) for batch in batches]) == found(batches)


def test_codes_change_nothing_where_rules_fire() -> None:
    """All samples of web and log-in rules on which they fire, as one input: the same detections of either kind."""
    lines = defaultdict[str, list[str]](list)
    for each in SAMPLES.values():
        chosen = registry.detect(each.fire, "lines").format
        if chosen is not None and chosen.name in {"weblog", "syslog"} and each.fire[0][:1] in "2N":
            lines[chosen.name] += each.fire
    batches = [batch for some in lines.values() for batch in parsed(some)]
    assert {each.logsource for each in batches} >= {WEB}
    texts, codes = found(batches), found([in_codes(batch) for batch in batches])
    assert len(texts[0]) > 40
    assert codes == texts


def test_normal_forms_are_the_same() -> None:
    """What a text means as servers see it is added for codes as for texts."""
    for batch in (each for case in CASES for each in golden(case)):
        texts, codes = add_normalised(batch).table, add_normalised(in_codes(batch)).table
        assert texts.column_names == codes.column_names
        assert all(plain(codes[name]).equals(plain(texts[name])) for name in texts.column_names)


def test_both_kinds_tell_the_same() -> None:
    """Codes and values of either kind of column stand for the same texts."""
    array = pa.array(["a", None, "", "a", "b"])
    for column in (
        array,
        pa.chunked_array([array]),
        _codes(array),
        pa.chunked_array([_codes(array[:2]), _codes(array[2:])]),
    ):
        codes, values = encoded(column)
        assert [None if code < 0 else values[code].as_py() for code in codes.tolist()] == array.to_pylist()
        assert plain(column).equals(array)


def test_kept_events_and_visitors_are_the_same(tmp_path: Path) -> None:
    """A case keeps the same events, and the spool the same rows, of either kind."""
    batches = [batch for case in CASES for batch in golden(case)]
    kept = []
    for name, some in (("texts", batches), ("codes", [in_codes(batch) for batch in batches])):
        writer, spool = EventWriter(tmp_path / name), Spool()
        for batch in some:
            writer.add(batch)
            spool.write(batch)
        files = writer.publish("golden.log", "00")
        events = [each.table.to_pylist() for each in EventReader(tmp_path / name, "golden.log", files).batches()]
        rows = [
            [getattr(part, column).tolist() for column in ("ip", "user", "thread", "host", "stem")]
            for part in spool.batches()
        ]
        spool.close()
        kept.append((events, rows))
    assert kept[0] == kept[1]
