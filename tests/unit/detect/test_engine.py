"""The engine: routing, windows that slide over batches, runs that grow, and what people are told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from pollwatch.detect.engine import Engine
from pollwatch.detect.sigma.load import SHIPPED
from pollwatch.errors import RuleError
from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.events.detection import Detection, Severity
from pollwatch.events.taxonomy import AUTH, IDS, SYSLOG, WEB, WEB_ERROR

MINUTE = 60_000_000
RULES = """title: Missing page
id: 00000000-0000-4000-8000-000000000001
name: missing
logsource: {category: webserver}
detection:
  sel: {sc-status: 404}
  condition: sel
level: informational
---
title: Log-in accepted
id: 00000000-0000-4000-8000-000000000002
name: accepted
pollwatch: {mute: true}
logsource: {category: webserver}
detection:
  sel: {sc-status: 302}
  condition: sel
level: informational
---
title: Many missing pages
id: 00000000-0000-4000-8000-000000000003
name: many
correlation:
  type: event_count
  rules: missing
  group-by: [c-ip]
  timespan: 5m
  condition: {gte: 4}
level: medium
tags: [attack.t1595.003, attack.t1595, attack.reconnaissance, pollwatch.tool.dirb]
pollwatch: {why: "{ip} asked {count} times within {span}, for example {example}"}
---
title: Different missing pages
id: 00000000-0000-4000-8000-000000000004
name: different
correlation:
  type: value_count
  rules: missing
  group-by: [c-ip]
  timespan: 5m
  condition: {gte: 3, field: cs-uri}
level: low
---
title: In after many
id: 00000000-0000-4000-8000-000000000005
name: inside
correlation:
  type: temporal_ordered
  rules: [many, accepted]
  group-by: [c-ip]
  timespan: 10m
  generate: true
level: high
tags: [pollwatch.success]
---
title: Both
id: 00000000-0000-4000-8000-000000000006
name: both
correlation:
  type: temporal
  rules: [missing, accepted]
  group-by: [c-ip]
  timespan: 1m
level: low
"""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """An engine with the rules above and no others."""
    (tmp_path / "rules.yml").write_text(RULES, encoding="utf-8")
    return Engine.load([tmp_path], shipped=False)


def batch(
    rows: Sequence[tuple[float | None, str | None, int]], first: int = 1, uris: Sequence[str] = (), path: str = "a.log"
) -> EventBatch:
    """Requests as ``(minute, address, status)``."""
    n = len(rows)
    columns = {
        "time_us": pa.array([None if t is None else int(t * MINUTE) for t, _, _ in rows], pa.int64()),
        "number": pa.array(range(first, first + n), pa.int64()),
        "c-ip": pa.array([ip for _, ip, _ in rows], pa.string()),
        "cs-uri": pa.array(uris or ["/x"] * n, pa.string()),
        "cs-host": pa.array(["vote.example"] * n, pa.string()),
        "sc-status": pa.array([status for _, _, status in rows], pa.int64()),
    }
    return EventBatch(WEB, path, pa.table(columns))


def run(engine: Engine, batches: Sequence[EventBatch], watermarks: Sequence[float | None] = ()) -> list[Detection]:
    """Everything that the engine says about the batches, in order."""
    state, found = engine.start(), []
    for at, each in enumerate(batches):
        mark = watermarks[at] if at < len(watermarks) else None
        state, some = engine.step(state, engine.match(each), None if mark is None else int(mark * MINUTE))
        found += some
    return found + engine.step(state, None, None, done=True)[1]


def last(found: Sequence[Detection], title: str) -> Detection | None:
    """The last, fullest report of a rule."""
    return next((each for each in reversed(found) if each.title == title), None)


def numbers(detection: Detection | None) -> list[int]:
    """The line numbers of a detection."""
    return [] if detection is None else [number for _, number in detection.lines]


def test_window_slides_over_batches(engine: Engine) -> None:
    """An attack cut in two by a batch's edge is one detection with all its lines."""
    found = run(engine, [batch([(0, "i", 404), (1, "i", 404)]), batch([(2, "i", 404), (3, "i", 404)], 3)])
    assert numbers(last(found, "Many missing pages")) == [1, 2, 3, 4]


def test_slower_than_the_window_is_silent(engine: Engine) -> None:
    """Four in four minutes count, four in nine do not."""
    assert last(run(engine, [batch([(3 * at, "i", 404) for at in range(4)])]), "Many missing pages") is None


def test_exact_edge_of_the_window_counts(engine: Engine) -> None:
    """The time span includes its own end."""
    rows = [(0.0, "i", 404), (1.0, "i", 404), (2.0, "i", 404), (5.0, "i", 404)]
    assert numbers(last(run(engine, [batch(rows)]), "Many missing pages")) == [1, 2, 3, 4]


def test_groups_are_apart_and_nobody_is_no_group(engine: Engine) -> None:
    """Two addresses with three each are no four, nor are four requests without an address."""
    rows = [(0, ip, 404) for ip in ("a", "b", "a", "b", "a", "b", None, None, None, None)]
    assert last(run(engine, [batch(rows)]), "Many missing pages") is None


def test_lines_out_of_order_count(engine: Engine) -> None:
    """Real logs step back in time; a line that comes late still completes its window."""
    found = run(
        engine, [batch([(3, "i", 404), (9, "i", 404)]), batch([(2, "i", 404), (4, "i", 404), (1, "i", 404)], 3)]
    )
    assert numbers(last(found, "Many missing pages")) == [1, 3, 4, 5]


def test_thousands_of_failures_are_few_detections(engine: Engine) -> None:
    """A brute force of 3,561 tries in many batches is a handful of reports, the last with every line."""
    batches = [
        batch([(at / 10, "i", 404) for at in range(s, min(s + 100, 3_561))], s + 1) for s in range(0, 3_561, 100)
    ]
    found = [each for each in run(engine, batches) if each.title == "Many missing pages"]
    assert len(found) <= 8
    assert len(found[-1].lines) == 3_561


def test_pause_longer_than_the_window_makes_two_runs(engine: Engine) -> None:
    """Two attacks hours apart are told apart, and the first is reported in full."""
    first = [(at / 10, "i", 404) for at in range(5)]
    found = run(engine, [batch(first), batch([(600 + t, ip, s) for t, ip, s in first], 6)])
    assert [numbers(each) for each in found if each.title == "Many missing pages"] == [
        [1, 2, 3, 4, 5],
        [6, 7, 8, 9, 10],
    ]


def test_distinct_values_count(engine: Engine) -> None:
    """The same missing page again and again is no scan; three different ones are."""
    rows = [(at, "i", 404) for at in range(3)]
    assert last(run(engine, [batch(rows)]), "Different missing pages") is None
    found = last(run(engine, [batch(rows, uris=["/a", "/b", "/c"])]), "Different missing pages")
    assert found is not None
    assert numbers(found) == [1, 2, 3]


def test_success_after_many_failures_carries_all_lines(engine: Engine) -> None:
    """A correlation over a correlation: the failures and the success, in this order only."""
    failures = [(at / 10, "i", 404) for at in range(5)]
    found = last(run(engine, [batch(failures), batch([(3, "i", 302)], 6)]), "In after many")
    assert found is not None
    assert numbers(found) == [1, 2, 3, 4, 5, 6]
    assert found.succeeded
    assert (
        last(run(engine, [batch([(0, "i", 302), *((1 + t, i, s) for t, i, s in failures)])]), "In after many") is None
    )
    assert last(run(engine, [batch([*failures, (30, "i", 302)])]), "In after many") is None
    assert last(run(engine, [batch([*failures, (3, "j", 302)])]), "In after many") is None


def test_temporal_takes_any_order(engine: Engine) -> None:
    """Both within a minute, whichever came first."""
    assert numbers(last(run(engine, [batch([(0, "i", 302), (0.5, "i", 404)])]), "Both")) == [1, 2]
    assert last(run(engine, [batch([(0, "i", 302), (2, "i", 404)])]), "Both") is None


def test_old_observations_are_forgotten(engine: Engine) -> None:
    """With a watermark the state stays small, and finished runs are reported before the end."""
    state, found = engine.start(), []
    for at in range(50):
        rows = [(at * 10 + k / 10, f"192.0.2.{k}", 404) for k in range(8)] + [(at * 10.0, "i", 404)] * 4
        state, some = engine.step(state, engine.match(batch(rows, 1 + at * 12)), int(at * 10 * MINUTE))
        found += some
    assert all(len(table) < 150 for table in state.tables.values())
    assert last(found, "Many missing pages") is not None


def test_line_without_time_takes_the_one_before(engine: Engine) -> None:
    """A line whose date cannot be read still counts; without any time nothing can be said of windows."""
    assert numbers(last(run(engine, [batch([(0, "i", 404), (None, "i", 404)] * 2)]), "Many missing pages")) == [
        1,
        2,
        3,
        4,
    ]
    assert last(run(engine, [batch([(None, "i", 404)] * 9)]), "Many missing pages") is None


def test_detection_says_who_when_and_why(engine: Engine) -> None:
    """A detection carries its rule's header, actors, target, times and a sentence made inert."""
    rows = [(at, "192.0.2.1", 404) for at in range(4)]
    found = last(run(engine, [batch(rows, uris=["/\x1b[31mred"] * 4)]), "Many missing pages")
    assert found is not None
    assert found.severity is Severity.MEDIUM
    assert found.techniques == ("T1595.003", "T1595")
    assert found.tool == "dirb"
    assert found.actors.ip == ("192.0.2.1",)
    assert found.targets == ("vote.example",)
    assert (found.first_us, found.last_us) == (0, 3 * MINUTE)
    assert found.why == "192.0.2.1 asked 4 times within 3 minutes, for example /\\x1b[31mred"


def test_rules_that_only_feed_are_silent(engine: Engine) -> None:
    """A rule that a correlation counts does not report each line by itself."""
    titles = {each.title for each in run(engine, [batch([(0, "i", 404)])])}
    assert titles == set()


def test_single_rules_report_once_per_actor_and_target() -> None:
    """Many lines of one visitor are one detection; two visitors are two."""
    requests = ["/?q=<script>alert(1)</script>"] * 6
    found = run(Engine.load(), [batch([(0, ip, 200) for ip in "aababb"], uris=requests)])
    assert sorted(numbers(each) for each in found if "script" in each.title) == [[1, 2, 4], [3, 5, 6]]


@pytest.mark.parametrize(
    ("source", "event_source", "expected"),
    [
        ("{category: webserver}", WEB, True),
        ("{category: webserver}", WEB_ERROR, True),
        ("{category: webserver}", AUTH, False),
        ("{product: nginx}", WEB, True),
        ("{product: apache, service: error}", WEB, False),
        ("{product: apache, service: error}", WEB_ERROR, True),
        ("{category: proxy}", WEB, True),
        ("{product: linux}", SYSLOG, True),
        ("{product: linux, service: sshd}", AUTH, True),
        ("{product: linux, service: sudo}", AUTH, False),
        ("{service: auth}", AUTH, True),
        ("{product: windows}", AUTH, False),
        ("{product: suricata}", IDS, True),
        ("{product: zeek, service: conn}", LogSource(product="zeek", service="conn"), True),
    ],
)
def test_rules_meet_only_their_own_events(tmp_path: Path, source: str, event_source: LogSource, expected: bool) -> None:  # noqa: FBT001
    """Logsources, also in the other words that rules use for them."""
    text = f"title: t\nid: 00000000-0000-4000-8000-000000000009\nlogsource: {source}\n"
    text += "detection: {sel: {f: x}, condition: sel}\n"
    (tmp_path / "r.yml").write_text(text, encoding="utf-8")
    table = pa.table({"time_us": pa.array([0]), "number": [1], "f": ["x"], "program": ["sshd-session"]})
    engine = Engine.load([tmp_path], shipped=False)
    assert bool(engine.match(EventBatch(event_source, "a", table)).hits) is expected


def test_explain_says_what_failed() -> None:
    """For each rule that could apply: does it fit, and if not, which part of it does not hold."""
    engine = Engine.load()
    explained = {each.rule.info.name: each for each in engine.explain(batch([(0, "i", 404)], uris=["/.env"]))}
    assert explained["hidden_files"].fits
    assert not explained["secret_file_served"].fits
    assert any("sc-status" in part for part in explained["secret_file_served"].parts)
    assert "ssh_protocol_noise" not in explained


def test_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """A mistyped rules folder must not look like a folder without rules."""
    with pytest.raises(RuleError, match="no such file or folder"):
        Engine.load([tmp_path / "nowhere"])


def test_shipped_pack_lies_in_the_package() -> None:
    """The rules travel with the wheel."""
    assert len(list(SHIPPED.rglob("*.yml"))) >= 40
