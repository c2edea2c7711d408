"""SigmaHQ's own regression recordings: each rule fires on its events, read as a scan reads them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from pollwatch.detect.engine import Engine
from pollwatch.events.batch import NUMBER, EventBatch, LogSource
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


def events(log: Path) -> list[EventBatch]:
    """A log's events, read as a scan reads them; all of them must be understood."""
    (source,), _ = expand([str(log)])
    count = InputCount(source.path)
    batches = [batch for _, parsed in read(source, ReadOptions(), count) for batch in parsed.batches]
    assert (count.format, count.quarantined, count.parsed) == ("windows", 0, count.lines), log
    return batches


def fired(engine: Engine, logs: Sequence[Path]) -> Counter[tuple[str, Path]]:
    """On how many events of each log each rule fires. Logs of one logsource are matched together, to be quick."""
    by_source: dict[LogSource, list[tuple[Path, pa.Table]]] = defaultdict(list)
    for log in logs:
        for batch in events(log):
            by_source[batch.logsource].append((log, batch.table))
    found: Counter[tuple[str, Path]] = Counter()
    for source, parts in by_source.items():
        owners = [log for log, table in parts for _ in range(table.num_rows)]
        table = pa.concat_tables([table for _, table in parts], promote_options="default")
        table = table.set_column(table.schema.get_field_index(NUMBER), NUMBER, pa.array(range(1, len(owners) + 1)))
        for hit in engine.match(EventBatch(source, "all", table)).hits:
            found.update((hit.rule_id, owners[row]) for row in hit.rows.tolist())
    return found


def test_every_recording_fires_its_rule() -> None:
    """Each of the 202 recordings, as .evtx and as JSON, fires the rule it was recorded for, as often as it says.

    Ten belong to rules outside the corpus at hand; those are read all the same, and must be understood.
    """
    every = recordings()
    texts = {path: path.read_text() for path in (DATA / "sigma-rules").rglob("*.yml")}
    paths = {found[1]: path for path, text in texts.items() if (found := _ID.search(text))}
    engine = Engine.load([paths[each.rule_id] for each in every if each.rule_id in paths], shipped=False)
    assert not engine.report.refused
    logs = {each: (each.log, each.log.with_suffix(".json")) for each in every}
    found = fired(engine, [log for both in logs.values() for log in both])
    ruled = [each for each in every if each.rule_id in paths]
    assert not [log for each in ruled for log in logs[each] if found[each.rule_id, log] < each.count]
    assert (len(every), len(ruled)) == (202, 192)
