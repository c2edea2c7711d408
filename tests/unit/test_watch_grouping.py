"""What a watch hands over to the process that groups for it."""

from __future__ import annotations

from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pyarrow as pa
import pytest

from pollwatch.events.batch import NUMBER, EventBatch
from pollwatch.events.taxonomy import WEB
from pollwatch.incidents.livefolding import Changes
from pollwatch.incidents.livegrouping import Setting
from pollwatch.node.watch import grouping
from pollwatch.node.watch.grouping import Grouping
from pollwatch.node.watch.groupinglink import Committed, Done, Order, Taken, Wanted
from pollwatch.node.watch.stepping import Detected


def _step(seq: int) -> Detected:
    batch = EventBatch(WEB, "a.log", pa.table({NUMBER: pa.array([1, 2, 3], pa.int64())}))
    return Detected(seq, (), (), (), Changes(), (), together=(batch,))


class Ended:
    """A process that is gone."""

    def wait(self) -> int:
        """At once."""
        return 0


def test_who_groups_too_slowly_finds_the_rest_in_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps beyond what may wait are handed over without their events; then the case is to be read again, once."""
    monkeypatch.setattr(grouping, "_MOST_EVENTS", 6)
    ours, theirs = Pipe()
    handed = Grouping(Path(), Setting(), lambda _new: None, lambda _why: None, lambda _case: (ours, Ended()))
    handed.start()
    assert isinstance(theirs.recv(), Setting)
    for seq in range(1, 5):
        handed.put(_step(seq))
    steps: list[Wanted] = [theirs.recv() for _ in range(4)]
    for _ in range(4):
        theirs.send(Taken(3))
    assert theirs.recv() is Order.AGAIN
    handed.put(_step(5))
    steps.append(theirs.recv())
    theirs.send(Done())
    theirs.close()
    handed.drain()
    assert [len(each.events) for each in steps if isinstance(each, Committed)] == [1, 1, 0, 0, 1]
    assert isinstance(steps[4], Committed)
    assert steps[4].events[0].batch().table[NUMBER].to_pylist() == [1, 2, 3]
    assert handed.failure is None


def test_whoever_groups_for_a_watch_that_ends_and_dies_again_and_again_is_given_up() -> None:
    """A watch that ends does not wait for ever; it says what was not done."""
    troubles: list[str] = []

    def begin(_case: Path) -> tuple[Connection, Ended]:
        ours, theirs = Pipe()
        theirs.close()
        return ours, Ended()

    handed = Grouping(Path(), Setting(), lambda _new: None, troubles.append, begin)
    handed.start()
    handed.drain()
    assert "could not be grouped" in str(handed.failure)
    assert troubles
