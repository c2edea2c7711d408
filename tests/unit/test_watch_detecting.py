"""Detectors see the steps of a busy watch together, and none of what they have to say is lost by a death in between."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from pollwatch.detect.canary import CanaryDetector
from pollwatch.detect.engine import Engine
from pollwatch.detect.gathering import matched_together
from pollwatch.detect.indicators import Watchlist
from pollwatch.detect.match import Matches, RuleHits
from pollwatch.detect.sigma.load import LoadReport
from pollwatch.election.canaries import Canary
from pollwatch.events.batch import EventBatch
from pollwatch.events.taxonomy import WEB
from pollwatch.incidents.livestep import Observed
from pollwatch.node.watch import detecting
from pollwatch.node.watch.detecting import Detecting
from pollwatch.store.parts import write_part

BUSY, QUIET = 10, 2


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few events are many here."""
    monkeypatch.setattr(detecting, "_QUIET_ROWS", 5)
    monkeypatch.setattr(detecting, "_LOOK_ROWS", 1_000)
    monkeypatch.setattr(detecting, "_LOOK_STEPS", 3)


def begun(folder: Path) -> Detecting:
    """A watch's detection, with a canary as its only rule."""
    engine = Engine([], LoadReport(0, 0, ()), [CanaryDetector([Canary("file", ("secret-file",))])])
    return Detecting(engine, Watchlist(()), folder)


def step(first: int, rows: int, touched: int | None = None) -> EventBatch:
    """Events from a line on; in one of them the canary is touched."""
    numbers = list(range(first, first + rows))
    columns = {
        "time_us": pa.array(numbers, pa.int64()),
        "number": pa.array(numbers, pa.int64()),
        "c-ip": pa.array(["203.0.113.9"] * rows, pa.string()),
        "cs-uri": pa.array(["/secret-file" if each == touched else "/" for each in numbers], pa.string()),
    }
    return EventBatch(WEB, "x", pa.table(columns))


def told(watch: Detecting, *batches: EventBatch) -> list[int]:
    """The lines of what a step says."""
    return [number for each in watch.observe(batches, None, None) for _path, number in each.lines]


def kept(folder: Path, steps: Sequence[EventBatch | None]) -> list[list[Observed]]:
    """Steps as commits name them; None for one in which detectors only saw what came before."""
    return [
        []
        if each is None
        else [Observed(write_part(folder, 1, WEB, each.table).name, 1, WEB.category, WEB.product, WEB.service, None)]
        for each in steps
    ]


def test_a_quiet_watch_says_it_at_once_and_a_busy_one_with_the_next_steps(tmp_path: Path) -> None:
    """Few events are looked at as they come; many together with those of the next steps, or when nothing more comes."""
    watch = begun(tmp_path)
    assert told(watch, step(1, QUIET, touched=2)) == [2]
    assert not watch.behind
    assert told(watch, step(11, BUSY, touched=12)) == []
    assert watch.behind
    assert told(watch, step(21, BUSY)) == []
    assert told(watch, step(31, BUSY, touched=33)) == [12, 33]
    assert told(watch, step(41, BUSY, touched=42)) == []
    assert told(watch) == [42]
    assert not watch.behind


def test_what_detectors_had_not_seen_when_the_watch_was_killed_is_told_by_the_next(tmp_path: Path) -> None:
    """Killed behind a step that was committed and not looked at: its canary is told when the next one looks."""
    first, second, third = step(1, BUSY, touched=3), step(11, BUSY), step(21, BUSY)
    watch = begun(tmp_path)
    assert told(watch, first) == told(watch, second) == []
    again = begun(tmp_path)
    assert again.replay(kept(tmp_path, [first, second]), {1: "x"}, tmp_path) == 2 * BUSY
    assert again.behind
    assert told(again, third) == [3]


def test_a_look_between_two_steps_is_repeated_where_it_was(tmp_path: Path) -> None:
    """What is looked at in a replay was said: a replay that looked too early would swallow what nobody has said."""
    first, second, third = step(1, BUSY, touched=3), step(11, BUSY, touched=12), step(21, BUSY)
    watch = begun(tmp_path)
    assert told(watch, first) == []
    assert told(watch) == [3]
    assert told(watch, second) == told(watch, third) == []
    again = begun(tmp_path)
    again.replay(kept(tmp_path, [first, None, second, third]), {1: "x"}, tmp_path)
    assert told(again) == [12]


def test_batches_put_together_keep_whose_lines_they_are_and_what_rules_found(tmp_path: Path) -> None:
    """Two steps of two inputs each: rows, paths and hits stand where they did."""
    del tmp_path
    parts = [(("a", 3), ("b", 2)), (("a", 1), ("c", 4))]
    batches = [EventBatch(WEB, "a", step(10 * at, 5).table, part) for at, part in enumerate(parts)]
    matches = [Matches(batches[0], (RuleHits("r", pa.array([1, 4]).to_numpy()),))]
    matches += [Matches(batches[1], tuple(RuleHits(name, pa.array([at]).to_numpy()) for at, name in enumerate("qr")))]
    (whole,) = matched_together(matches, 100)
    assert whole.batch.inputs() == (("a", 3), ("b", 2), ("a", 1), ("c", 4))
    assert {hit.rule_id: hit.rows.tolist() for hit in whole.hits} == {"r": [1, 4, 6], "q": [5]}
    assert whole.batch.table["number"].to_pylist() == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]
    assert [len(each.batch) for each in matched_together(matches, 8)] == [5, 5]
