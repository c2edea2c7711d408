"""The work of the process that groups: it takes what steps brought, and writes what incidents are told differently.

Beside that, it merges event files (:mod:`pollwatch.node.watch.merging`), which would hold up the watch, too.

It gets what was committed, in order, and nothing else. On a quiet system it groups at once. Where grouping takes long,
it pauses four times as long: a fifth of one core at most.

Run as ``python -m pollwatch.node.watch.groupingwork DESCRIPTOR CASE`` by :mod:`pollwatch.node.watch.grouping`, which is
at the other end of the descriptor. When that is gone, this process ends at once: what it had not written, the next one
groups anew from what the case has.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from pollwatch.clock import US_PER_S, Clock, SystemClock, monotonic_s
from pollwatch.errors import StoreError
from pollwatch.incidents import liveevents, rows
from pollwatch.incidents.inputs import input_paths
from pollwatch.incidents.live import LiveCase
from pollwatch.incidents.livegrouping import LiveGrouping, Setting
from pollwatch.incidents.records import Case
from pollwatch.incidents.rolling import MOST_ROWS
from pollwatch.node.watch import memory
from pollwatch.node.watch.groupinglink import Answer, Done, Order, Sealable, Taken, Told, Trouble, Wanted
from pollwatch.node.watch.merging import Merging
from pollwatch.node.watch.recent import RecentLines
from pollwatch.store.disk import locked

_PAUSE: Final = 4.0
_RETRY_S: Final = 2.0
#: What actors do beside their attacks is looked at again so often at most.
_QUIET_S: Final = 15.0
#: How often an incident that goes on is sealed again.
_SEAL_AGAIN_US: Final = 600 * US_PER_S
#: Detection comes first where both want a core.
_NICE: Final = 15


class Work:
    """See the module."""

    def __init__(self, live: LiveCase, setting: Setting, link: Connection, clock: Clock) -> None:
        """Prepare; :meth:`run` begins."""
        memory.part_with_buffers()
        self._live = live
        self._link = link
        self._clock = clock
        self._grouping = LiveGrouping(live, setting, clock)
        self._lines = RecentLines()
        self._queue: deque[Wanted] = deque()
        self._changed = threading.Condition()
        self._draining = False
        self._loaded = 0
        self._saying = threading.Lock()
        self._merging = Merging(live, self._trouble)
        self._unsealed: set[str] = set()
        self._sealed_us: dict[str, int] = {}

    def run(self) -> None:
        """Group until told to drain."""
        threading.Thread(target=self._receive, name="receiving", daemon=True).start()
        self._load()
        memory.settle()
        self._merging.start()
        due_s = quiet_s = 0.0
        stale, aged = True, False
        while True:
            taken = self._next(due_s if stale else quiet_s if aged else None)
            for each in taken:
                matters = self._take(each)
                stale |= matters
                aged |= not matters and len(self._grouping) > 0
            now_s = monotonic_s()
            if self._draining or (stale and now_s >= due_s) or (aged and now_s >= quiet_s):
                done = not (stale or aged) or self._regroup()
                due_s = monotonic_s() + (_PAUSE * (monotonic_s() - now_s) if done else _RETRY_S)
                quiet_s = max(due_s, monotonic_s() + _QUIET_S)
                memory.give_back()
                stale, aged = not done, False
                if self._draining and done and not self._queue:
                    self._merging.end()
                    self._seal(everything=True)
                    self._say(Done())
                    return
            try:
                self._seal()
            except StoreError as error:
                self._trouble(str(error))

    def _receive(self) -> None:
        """Take what comes at once, so that who sends it need not wait for a grouping to end."""
        try:
            while True:
                wanted: Wanted = self._link.recv()
                with self._changed:
                    if wanted is Order.DRAIN:
                        self._draining = True
                    else:
                        self._queue.append(wanted)
                    self._changed.notify_all()
        except (EOFError, OSError):
            os._exit(0)  # the watch is gone

    def _say(self, what: Answer) -> None:
        with self._saying:
            self._link.send(what)

    def _trouble(self, why: str) -> None:
        self._say(Trouble(why))

    def _next(self, until_s: float | None) -> Sequence[Wanted]:
        """What was handed over, once there is something, or once it is time to group."""
        with self._changed:
            while not self._queue and not self._draining:
                now_s = monotonic_s()
                if until_s is not None and now_s >= until_s:
                    break
                self._changed.wait(None if until_s is None else until_s - now_s)
            taken = list(self._queue)
            self._queue.clear()
        return taken

    def _take(self, what: Wanted) -> bool:
        """Take in what was handed over; whether it changes detections."""
        if isinstance(what, Order):
            self._load()
            return True
        if isinstance(what, Setting):
            self._grouping.setting(what)
            return True
        self._lines.add(what.lines)
        if what.seq > self._loaded:
            self._grouping.observe(each.batch() for each in what.events)
        self._say(Taken(what.count))
        return self._grouping.change(what.changes)

    def _load(self) -> None:
        """Begin with what the case has."""
        self._grouping.load()
        self._loaded, readers = liveevents.recent(self._live, MOST_ROWS)
        self._grouping.load_events(readers)

    def _regroup(self) -> bool:
        try:
            regrouped = self._grouping.regroup(self._lines.fetch)
        except StoreError as error:
            self._trouble(str(error))
            return False
        self._unsealed |= {each.id for each in regrouped.incidents}
        if regrouped.incidents:
            self._say(Told(regrouped.new, tuple(regrouped.merged)))
        return True

    def _seal(self, *, everything: bool = False) -> None:
        """Hand over incidents that are to be sealed now, as they are: new ones at once, others now and then."""
        now_us = self._clock.now_us()
        self._sealed_us = {name: at for name, at in self._sealed_us.items() if now_us - at < _SEAL_AGAIN_US}
        chosen = self._unsealed if everything else self._unsealed - self._sealed_us.keys()
        if not chosen:
            return
        with self._live.database.reading() as connection:
            incidents = rows.read_incidents(connection, input_paths(connection), chosen)
        self._unsealed = self._unsealed - chosen
        self._sealed_us |= dict.fromkeys(chosen, now_us)
        self._say(Sealable(tuple(incidents.values())))


def main(descriptor: int, case_dir: Path) -> None:
    """Group for whoever is at the other end of a descriptor."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # they are the watch's, which says when to end
    os.nice(_NICE)
    clock = SystemClock()
    with Connection(descriptor) as link, Case.open(case_dir, clock, create=False) as case:
        setting: Setting = link.recv()
        # Whoever grouped for a watch that was killed may still be about to end.
        with locked(case.folder.live / "grouping.lock"):
            Work(case.watching(), setting, link, clock).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
