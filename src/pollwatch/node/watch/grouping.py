"""Grouping in a thread of its own, so that however long it takes, detections are stored meanwhile.

It gets what was committed, in order, and nothing else: killed at any moment, a new one groups what stands in the case
and comes to the same. On a quiet system it groups at once. Where grouping takes long, it pauses four times as long: a
fifth of one core at most.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pollwatch.clock import US_PER_S, Clock, monotonic_s
from pollwatch.errors import StoreError
from pollwatch.events.batch import EventBatch
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.livefolding import Changes
from pollwatch.incidents.livegrouping import LiveGrouping, Setting
from pollwatch.incidents.regroup import Regrouped
from pollwatch.node.watch.reading import Understood
from pollwatch.node.watch.recent import RecentLines

_PAUSE: Final = 4.0
_RETRY_S: Final = 2.0
#: What actors do beside their attacks is looked at again so often at most.
_QUIET_S: Final = 15.0
#: Events that may wait for grouping; whoever brings more waits.
_MOST_WAITING: Final = 300_000
#: How often an incident that goes on is sealed again.
_SEAL_AGAIN_US: Final = 600 * US_PER_S


@dataclass(frozen=True, slots=True)
class Committed:
    """What a step brought to the case.

    Attributes:
        batches: its events, those of several inputs as one batch.
    """

    read: tuple[Understood, ...]
    batches: tuple[EventBatch, ...]
    changes: Changes


class GroupingThread:
    """See the module."""

    def __init__(
        self,
        grouping: LiveGrouping,
        load: Callable[[LiveGrouping], None],
        told: Callable[[Regrouped], None],
        trouble: Callable[[str], None],
        clock: Clock,
    ) -> None:
        """Prepare; :meth:`start` begins.

        Args:
            grouping: owned by the thread from now on.
            load: gives it what the case has; called in the thread.
            told: told what changed among the incidents.
            trouble: told why that could not be written; it is tried again.
            clock: for when incidents are sealed.
        """
        self._grouping = grouping
        self._load = load
        self._told = told
        self._trouble = trouble
        self._clock = clock
        self._lines = RecentLines()
        self._queue: deque[Committed | Setting | None] = deque()
        self._waiting = 0
        self._changed = threading.Condition()
        self._draining = False
        self._settled = False
        self._unsealed: dict[str, Incident] = {}
        self._sealed_us: dict[str, int] = {}
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="grouping", daemon=True)

    def start(self) -> None:
        """Begin: with what the case has."""
        self._thread.start()

    def put(self, committed: Committed) -> None:
        """Hand over what a step brought; waits while too much waits already."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting < _MOST_WAITING or self.failure is not None)
            self._queue.append(committed)
            self._waiting += sum(map(len, committed.batches))
            self._settled = False
            self._changed.notify_all()

    def setting(self, setting: Setting) -> None:
        """Judge by something else from now on."""
        with self._changed:
            self._queue.append(setting)
            self._changed.notify_all()

    def again(self) -> None:
        """Somebody else changed the case: begin again with what it has."""
        with self._changed:
            self._queue.append(None)
            self._changed.notify_all()

    def settled(self) -> bool:
        """Whether everything that was handed over is in the incidents."""
        with self._changed:
            return self._settled and not self._queue

    def drain(self) -> None:
        """Group what was handed over, and end."""
        with self._changed:
            self._draining = True
            self._changed.notify_all()
        self._thread.join()

    def sealable(self, *, everything: bool = False) -> list[Incident]:
        """Incidents that are to be sealed now: new ones at once, others now and then."""
        now_us = self._clock.now_us()
        with self._changed:
            chosen = [
                each
                for each in self._unsealed.values()
                if everything or now_us - self._sealed_us.get(each.id, 0) >= _SEAL_AGAIN_US
            ]
            for each in chosen:
                del self._unsealed[each.id]
                self._sealed_us[each.id] = now_us
        return chosen

    def _run(self) -> None:
        try:
            self._load(self._grouping)
            self._loop()
        except BaseException as error:  # noqa: BLE001 - raised where the watch is run
            with self._changed:
                self.failure = error
                self._changed.notify_all()

    def _loop(self) -> None:
        due_s = quiet_s = 0.0
        stale, aged = True, False
        while True:
            with self._changed:
                while not self._queue and not self._draining:
                    now_s = monotonic_s()
                    until_s = due_s if stale else quiet_s if aged else None
                    if until_s is not None and now_s >= until_s:
                        break
                    self._settled = not stale and not aged
                    self._changed.wait(None if until_s is None else until_s - now_s)
                taken, draining = list(self._queue), self._draining
                self._queue.clear()
                self._waiting = 0
                self._changed.notify_all()
            for each in taken:
                matters = self._take(each)
                stale |= matters
                aged |= not matters and len(self._grouping) > 0
            if draining or (stale and monotonic_s() >= due_s) or (aged and monotonic_s() >= quiet_s):
                begun_s = monotonic_s()
                done = not (stale or aged) or self._regroup()
                took_s = monotonic_s() - begun_s
                due_s = monotonic_s() + (_PAUSE * took_s if done else _RETRY_S)
                quiet_s = max(due_s, monotonic_s() + _QUIET_S)
                stale, aged = not done, False
                if draining and done and not self._queue:
                    return

    def _take(self, what: Committed | Setting | None) -> bool:
        """Take in what was handed over; whether it changes detections."""
        if what is None:
            self._load(self._grouping)
            return True
        if isinstance(what, Setting):
            self._grouping.setting(what)
            return True
        self._lines.add((block, len(each.chunk.raw) // len(each.blocks)) for each in what.read for block in each.blocks)
        self._grouping.observe(what.batches)
        return self._grouping.change(what.changes)

    def _regroup(self) -> bool:
        try:
            regrouped = self._grouping.regroup(self._lines.fetch)
        except StoreError as error:
            self._trouble(str(error))
            return False
        with self._changed:
            for gone in regrouped.merged:
                self._unsealed.pop(gone, None)
            self._unsealed |= {each.id: each for each in regrouped.incidents}
        if regrouped.incidents:
            self._told(regrouped)
        return True
