"""Small batches that are matched as one have the matches that each has by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pollwatch.detect import match as matching
from pollwatch.detect.engine import Engine
from pollwatch.detect.gathering import groups, together
from pollwatch.detect.interface import Seen
from pollwatch.events.batch import NUMBER, TIME, EventBatch, LogSource
from pollwatch.events.taxonomy import WEB

RULE = """title: {field}
id: 00000000-0000-4000-8000-00000000000{number}
logsource: {{category: webserver}}
detection:
  sel: {{{field}: {value}}}
  condition: {condition}
level: low
"""
OTHER = LogSource("", "windows", "security")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Rules that name a field as we do, in other words, in other letters, and one that asks for its absence."""
    folder: Path = tmp_path_factory.mktemp("rules")
    asked = [("sc-status", 404, "sel"), ("status", 404, "sel"), ("SC-Status", 404, "sel"), ("cs-host", "null", "sel")]
    asked.append(("cs-host", "vote", "not sel"))
    for number, (field, value, condition) in enumerate(asked):
        text = RULE.format(number=number, field=field, value=value, condition=condition)
        (folder / f"{number}.yml").write_text(text)
    return Engine.load([folder], shipped=False)


def batch(logsource: LogSource = WEB, **columns: list[Any]) -> EventBatch:
    """Some events; names with an underscore have a hyphen."""
    arrays = {name.replace("_", "-"): pa.array(values) for name, values in columns.items()}
    length = len(next(iter(arrays.values())))
    arrays[TIME], arrays[NUMBER] = pa.array([0] * length), pa.array(range(1, length + 1))
    return EventBatch(logsource, "x", pa.table(arrays))


BATCHES = [
    batch(sc_status=[404, 200], cs_host=["vote", None]),
    batch(sc_status=[200, 404, 404]),
    batch(OTHER, EventID=[1]),
    batch(sc_status=["404", "200"]),
    batch(status=[404, 200]),
    batch(sc_status=[404], status=[200]),
    batch(Sc_Status=[404]),
    batch(cs_host=["vote", "count"]),
]


def test_matches_are_those_of_each_batch(engine: Engine) -> None:
    """Columns that others lack, other types, other names and other letters change no verdict."""
    told = [[(hit.rule_id, hit.rows.tolist()) for hit in found.hits] for found in engine.match_all(BATCHES)]
    alone = [engine.match(each) for each in BATCHES]
    assert told == [[(hit.rule_id, hit.rows.tolist()) for hit in found.hits] for found in alone]
    assert sum(map(len, told)) > 10


def test_only_what_means_the_same_goes_together() -> None:
    """A status as text, one under another name and one in other letters stay apart; so do other logsources."""
    found = groups(BATCHES)
    assert sorted(place for group in found for place in group) == list(range(len(BATCHES)))
    assert [0, 1] in found
    for apart in ({0, 2}, {1, 3}, {1, 4}, {1, 5}, {1, 6}):
        assert not any(apart <= set(group) for group in found)


def test_events_of_several_inputs_are_one_batch_and_keep_their_lines(engine: Engine) -> None:
    """What a watch sees at once of two servers is told of the lines of each; what might mix them up stands alone."""
    some = [
        EventBatch(WEB, "a.log", batch(sc_status=[404, 200]).table),
        batch(OTHER, EventID=[1]),
        EventBatch(WEB, "b.log", batch(sc_status=[404]).table),
        EventBatch(WEB, "c.log", batch(sc_status=["404"]).table),
    ]
    timeless = some[0].table.set_column(some[0].table.column_names.index(TIME), TIME, pa.array([None, 0], pa.int64()))
    found = together([*some, EventBatch(WEB, "d.log", timeless)], 100)
    assert [each.inputs() for each in found] == [
        (("a.log", 2), ("b.log", 1)),
        (("x", 1),),
        (("c.log", 1),),
        (("d.log", 2),),
    ]
    assert [each.inputs() for each in together(some[::2], 2)] == [(("a.log", 2),), (("b.log", 1),)]
    _state, told = engine.step(engine.start(), engine.match(found[0]), None)
    missing = [each for each in told if each.rule_id.endswith("0000")]
    lines = {path: numbers.tolist() for each in missing for path, numbers in each.lines.by_path.items()}
    assert lines == {"a.log": [1], "b.log": [1]}
    seen = Seen(found[0]).frame("sc-status")
    assert seen.select("path", "number", "sc-status").rows() == [
        ("a.log", 1, 404),
        ("a.log", 2, 200),
        ("b.log", 1, 404),
    ]


def test_many_small_batches_are_worth_what_one_large_batch_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever watches never gets a large batch: after enough small ones the compiled loops are loaded all the same."""
    monkeypatch.setattr(matching, "ready", lambda: False)
    planned = Engine.load().plan(WEB)
    answers = [planned.worth_compiling(500) for _ in range(2_000)]
    assert not answers[0]
    assert answers[-1]
    assert sorted(answers) == answers
