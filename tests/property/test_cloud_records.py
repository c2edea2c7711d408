"""Records of cloud services in which anything stands where something else is meant: none is lost, none raises."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random  # noqa: TID251 - its type: hypothesis makes it, seeded
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.canonical import compact
from pollwatch.events.block import LineBlock
from pollwatch.formats import registry
from pollwatch.formats.interface import ParseContext

GOLDEN = Path(__file__).parents[1] / "contract" / "golden"
LOGS = ("azure", "cloudtrail", "defender", "duo", "github", "google", "m365", "okta")
ODD: tuple[Any, ...] = (
    *(None, 1, 1.5, "x", "", [], {}, [1], [None], [[]], {"a": 1}, "{", "[]", '{"a":1}', True, 10**18, "203.0.113.6:5"),
    *("number", "time_us", "userIdentity", "resources", "category", "properties"),
)


def bent(value: Any, chance: Random) -> Any:  # noqa: ANN401 - any JSON value
    """A JSON value in which now and then something else stands, under another name too."""
    if chance.random() < 0.12:
        return chance.choice(ODD)
    if isinstance(value, dict):
        names = [name if chance.random() > 0.03 else str(chance.choice(ODD)) for name in value]
        return {name: bent(each, chance) for name, each in zip(names, value.values(), strict=True)}
    return [bent(each, chance) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("log", LOGS)
@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=8, deadline=None)
def test_bent_records_are_events_or_quarantined(log: str, chance: Random) -> None:
    """Whatever a record holds, it is one event or one quarantined record, and no two columns have one name."""
    chosen, _definition = registry.by_name(log)
    lines = [
        compact(bent(json.loads(line), chance))
        for path in sorted((GOLDEN / log).glob("*.in.log"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.endswith("}")
    ]
    parsed = chosen.parser(ParseContext("x", 0)).parse(LineBlock("x", 1, [each.encode() for each in lines], lines))
    numbers = [number for batch in parsed.batches for number in batch.table["number"].to_pylist()]
    assert sorted([*numbers, *(each.number for each in parsed.quarantined)]) == list(range(1, len(lines) + 1))
    for batch in parsed.batches:
        assert len(set(batch.table.column_names)) == len(batch.table.column_names)
    assert 0 <= chosen.sniff(lines) <= 1
