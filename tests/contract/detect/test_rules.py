"""Each shipped rule fires on its own sample, stays silent on the other, and can be understood by a clerk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pollwatch.clock import from_datetime
from pollwatch.detect.engine import Engine
from pollwatch.detect.sigma.load import SHIPPED
from pollwatch.detect.sigma.plan import Rule
from pollwatch.detect.sigma.samples import START, Samples, samples
from pollwatch.events.batch import EventBatch
from pollwatch.events.block import LineBlock
from pollwatch.formats import registry
from pollwatch.formats.interface import ParseContext
from pollwatch.incidents.advice import of_rule
from pollwatch.incidents.attack import technique

ENGINE = Engine.load()
SAMPLES: dict[str, Samples] = {
    rule_id: each for path in sorted(SHIPPED.rglob("*.yml")) for rule_id, each in samples(path).items()
}
RULES = [pytest.param(rule, id=rule.info.name) for rule in ENGINE.rules]


def parsed(lines: Sequence[str]) -> Iterator[EventBatch]:
    """The lines' event batches, read by the format that fits them best."""
    framing = "json" if lines[0].startswith("{") else "lines"
    chosen = registry.detect(lines, framing).format
    assert chosen is not None, f"no format reads {lines[0]!r}"
    raw = [json.dumps(json.loads(line)).encode() if framing == "json" else line.encode() for line in lines]  # noqa: TID251
    parser = chosen.parser(ParseContext(path="sample", anchor_us=from_datetime(START) + 86_400_000_000))
    result = parser.parse(LineBlock("sample", 1, raw, [each.decode() for each in raw]))
    assert not result.quarantined, result.quarantined
    yield from result.batches


def fired(lines: Sequence[str]) -> set[str]:
    """Ids of the rules that fired, those that only feed correlations included."""
    state, found = ENGINE.start(), set[str]()
    detections = []
    for batch in parsed(lines):
        matches = ENGINE.match(batch)
        found |= {hit.rule_id for hit in matches.hits}
        state, some = ENGINE.step(state, matches, None)
        detections += some
    state, some = ENGINE.step(state, None, None, done=True)
    return found | {each.rule_id for each in (*detections, *some)}


def test_every_shipped_rule_is_loaded() -> None:
    """No shipped rule is refused."""
    assert [str(each.error) for each in ENGINE.report.refused] == []
    assert len(ENGINE.rules) >= 150


@pytest.mark.parametrize("rule", RULES)
def test_rule_has_samples(rule: Rule) -> None:
    """A rule without a firing and a silent sample does not ship."""
    mine = SAMPLES.get(rule.info.id)
    assert mine is not None
    assert mine.fire
    assert mine.silent


@pytest.mark.parametrize("rule", RULES)
def test_rule_fires_on_its_sample(rule: Rule) -> None:
    """Each line that is no part of a series fires by itself; a correlation fires on all of them together."""
    lines = SAMPLES[rule.info.id].fire
    assert rule.info.id in fired(lines)
    if not hasattr(rule, "span_us"):
        silent = [line for line in lines if rule.info.id not in fired([line])]
        assert silent == []


@pytest.mark.parametrize("rule", RULES)
def test_rule_is_silent_on_its_other_sample(rule: Rule) -> None:
    """A rule says nothing about what only looks like its business."""
    lines = SAMPLES[rule.info.id].silent
    assert rule.info.id not in fired(lines)


@pytest.mark.parametrize("rule", RULES)
def test_rule_can_be_understood(rule: Rule) -> None:
    """A rule says in plain words what it means, what to do, what else it may be, and whose work it is."""
    info = rule.info
    assert info.author == "pollwatch"
    assert info.description.endswith((".", "!"))
    assert len(info.description.split()) >= 8
    assert info.falsepositives
    assert all(step.endswith((".", "?", "!")) for step in of_rule(info))
    assert of_rule(info)
    assert [technique(each).id for each in info.techniques] == list(info.techniques), "an id that ATT&CK has revoked"
    assert info.name.replace("_", "-") == Path(info.path).stem
    if info.output and info.severity > 0:
        assert info.techniques
        assert info.why


def test_rule_ids_and_names_are_unique() -> None:
    """Two rules never share an id or a name."""
    ids = [rule.info.id for rule in ENGINE.rules]
    names = [rule.info.name for rule in ENGINE.rules]
    assert len(set(ids)) == len(ids)
    assert len(set(names)) == len(names)
