"""Small batches that are matched as one have the matches that each has by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pollwatch.detect import match as matching
from pollwatch.detect.engine import Engine
from pollwatch.detect.gathering import groups
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


def test_many_small_batches_are_worth_what_one_large_batch_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever watches never gets a large batch: after enough small ones the compiled loops are loaded all the same."""
    monkeypatch.setattr(matching, "ready", lambda: False)
    planned = Engine.load().plan(WEB)
    answers = [planned.worth_compiling(500) for _ in range(2_000)]
    assert not answers[0]
    assert answers[-1]
    assert sorted(answers) == answers
