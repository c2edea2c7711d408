"""Many small event files of a watch become few, beside everything else, and no event is lost or comes back by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from pollwatch.clock import SystemClock
from pollwatch.events.batch import NUMBER
from pollwatch.events.taxonomy import WEB
from pollwatch.incidents import liveevents
from pollwatch.incidents.live import LiveCase
from pollwatch.incidents.livefolding import Changes
from pollwatch.incidents.livestep import Observed, Part, Step
from pollwatch.incidents.quarantine import QuarantineTally
from pollwatch.incidents.records import Case
from pollwatch.node.watch import merging
from pollwatch.node.watch.merging import Merging
from pollwatch.store.parts import merge, write_part
from watching import until

STEPS, ROWS = 30, 5


@contextmanager
def watched(root: Path) -> Iterator[tuple[Case, LiveCase]]:
    """A case with an event file of each of some steps, which no watch needs to observe again."""
    with Case.open(root, SystemClock()) as case:
        live = case.watching()
        live.begin()
        live.began(1)
        source = live.admit("web", "a", 1, "a.log")
        for seq in range(1, STEPS + 1):
            numbers = list(range((seq - 1) * ROWS + 1, seq * ROWS + 1))
            table = pa.table({"time_us": pa.array(numbers, pa.int64()), NUMBER: pa.array(numbers, pa.int64())})
            file = write_part(live.folder.events, source.id, WEB, table)
            part = Part(source, 1, ROWS, ROWS, numbers[0], numbers[-1], (file,), QuarantineTally())
            observed = Observed(file.name, source.id, WEB.category, WEB.product, WEB.service, None)
            live.commit(Step(seq, (part,), ((source.key, b"here"),), (observed,), Changes()))
        live.saved(STEPS, "state")
        yield case, live


def lines_of(case: Case) -> list[int]:
    """The events of a case, by their lines."""
    return [number for batch in case.events() for number in batch.table[NUMBER].to_pylist()]


def test_small_files_become_one_and_go_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All events are there before and after; what was merged is removed once nobody reads it any more."""
    troubles: list[str] = []
    monkeypatch.setattr(merging, "_EVERY_S", 0.01)
    with watched(tmp_path / "case") as (case, live):
        left = live.folder.events / ".merging" / "half-written.incoming"  # by one that was killed
        left.parent.mkdir()
        left.write_bytes(b"PAR1")
        thread = Merging(live, troubles.append)
        thread.start()
        until(lambda: not liveevents.mergeable(live))
        files = list(live.folder.events.glob("*/live-*.parquet"))
        assert len(files) == STEPS + 1
        assert lines_of(case) == list(range(1, STEPS * ROWS + 1))
        monkeypatch.setattr(merging, "_GRACE_S", 0.0)
        until(lambda: len(list(live.folder.events.glob("*/live-*.parquet"))) == 1)
        thread.end()
        assert lines_of(case) == list(range(1, STEPS * ROWS + 1))
        assert not left.exists()
    assert troubles == []


def test_lines_that_are_erased_meanwhile_stay_erased(tmp_path: Path) -> None:
    """Attack on privacy: whoever merges had read lines that are erased before the merged file is listed."""
    with watched(tmp_path / "case") as (case, live):
        ((input_id, files),) = liveevents.mergeable(live)
        merged = merge(live.folder.events, files)
        case.erase({"a.log": [(3, 4)]})
        assert not liveevents.put_in_place(live, input_id, merged)
        kept = [each for each in range(1, STEPS * ROWS + 1) if each not in {3, 4}]
        assert lines_of(case) == kept
        ((input_id, files),) = liveevents.mergeable(live)
        assert liveevents.put_in_place(live, input_id, merge(live.folder.events, files))
        assert lines_of(case) == kept


def test_what_was_merged_holds_no_line_that_is_erased_later(tmp_path: Path) -> None:
    """Attack on privacy: what was merged stands there for a while, for whoever reads it, and so would the line."""
    with watched(tmp_path / "case") as (case, live):
        ((input_id, files),) = liveevents.mergeable(live)
        assert liveevents.put_in_place(live, input_id, merge(live.folder.events, files))
        assert len(list(live.folder.events.glob("*/*.parquet"))) == STEPS + 1
        half = merge(live.folder.events, files)  # by one that is killed now
        case.erase({"a.log": [(3, 4)]})
        (left,) = live.folder.events.glob("**/*.parquet*")
        assert left.name.startswith("live-")
        assert lines_of(case) == [each for each in range(1, STEPS * ROWS + 1) if each not in {3, 4}]
        assert not liveevents.put_in_place(live, input_id, half)


def test_a_damaged_file_is_told_and_nothing_else_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read stays as it is, and its name is in the trouble that is told."""
    troubles: list[str] = []
    monkeypatch.setattr(merging, "_EVERY_S", 0.01)
    with watched(tmp_path / "case") as (_case, live):
        files = sorted(live.folder.events.glob("*/live-*.parquet"))
        files[3].write_bytes(b"PAR1 not any more")
        thread = Merging(live, troubles.append)
        thread.start()
        until(lambda: len(troubles) > 0)
        thread.end()
        assert files[3].name in troubles[0]
        assert sorted(live.folder.events.glob("*/live-*.parquet")) == files
