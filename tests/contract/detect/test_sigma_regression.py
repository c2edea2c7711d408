"""SigmaHQ's own regression recordings: each rule fires on its events, read as a scan reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from pollwatch.detect.engine import Engine
from pollwatch.node.case.reading import InputCount, ReadOptions, read
from pollwatch.sources.files import expand

DATA = Path(__file__).parents[3].parent / "shared" / "data"
RECORDINGS = DATA / "sigma-regression"
_ID = re.compile(r"^id: *(\S+)", re.MULTILINE)

pytestmark = pytest.mark.skipif(not RECORDINGS.exists(), reason="needs ../shared")


@dataclass(frozen=True)
class Recording:
    """An event log, the rule that must fire on it, and on how many of its events at least."""

    log: Path
    rule_id: str
    count: int


def recordings() -> list[Recording]:
    """All of SigmaHQ's recordings of Windows events."""
    found = []
    for info in sorted(RECORDINGS.rglob("info.yml")):
        described = yaml.load(info.read_text(), yaml.CSafeLoader)
        found += [
            Recording(RECORDINGS / each["path"], described["rule_metadata"][0]["id"], each.get("match_count", 1))
            for each in described.get("regression_tests_info") or ()
        ]
    return found


def fired(engine: Engine, log: Path, rule_id: str) -> int:
    """On how many events of a log a rule fires; all of them must be understood."""
    (source,), _ = expand([str(log)])
    count = InputCount(source.path)
    rows = [
        len(hit.rows)
        for _, parsed in read(source, ReadOptions(), count)
        for batch in parsed.batches
        for hit in engine.match(batch).hits
        if hit.rule_id == rule_id
    ]
    assert (count.format, count.quarantined) == ("windows", 0), log
    return sum(rows)


def test_every_recording_fires_its_rule() -> None:
    """Each of the 202 recordings, as .evtx and as JSON, fires the rule it was recorded for, as often as it says.

    Ten belong to rules outside the corpus at hand; those are read all the same, and must be understood.
    """
    every = recordings()
    texts = {path: path.read_text() for path in (DATA / "sigma-rules").rglob("*.yml")}
    paths = {found[1]: path for path, text in texts.items() if (found := _ID.search(text))}
    engine = Engine.load([paths[each.rule_id] for each in every if each.rule_id in paths], shipped=False)
    assert not engine.report.refused
    ruled = sum(each.rule_id in paths for each in every)
    silent = [
        log
        for each in every
        for log in (each.log, each.log.with_suffix(".json"))
        if fired(engine, log, each.rule_id) < each.count and each.rule_id in paths
    ]
    assert not silent
    assert (len(every), ruled) == (202, 192)
