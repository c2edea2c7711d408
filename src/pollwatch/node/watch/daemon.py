"""``pollwatch watch``: the loop, from followed files to incidents, until it is told to stop.

::

    this thread      read ─▶ understand ─▶ order ─▶ detect ─┐ one step
    keeping thread                                          └▶ seal, write, commit ─┐ what is in the case
    grouping process                                                                └▶ group, write incidents

One step is detected while the one before it is written; never more, so that a slow disk holds the reader up. Files are
buffers: what is not read yet waits there, and receivers write down before they acknowledge. A commit that fails is
tried again until it succeeds, with the same step. Whatever dies, the case stands as after some step, and who begins
again goes on behind it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from types import FrameType
from typing import Final

from pollwatch.clock import Clock, monotonic_s
from pollwatch.errors import PollwatchError
from pollwatch.i18n import _
from pollwatch.incidents.export import encodable
from pollwatch.incidents.live import LiveCase
from pollwatch.incidents.livefolding import Changes, OpenDetections
from pollwatch.incidents.livestep import LiveInput, Resumed
from pollwatch.incidents.records import Case
from pollwatch.node.notifying.loop import Background
from pollwatch.node.receive.process import Receivers
from pollwatch.node.watch import healthserver, memory
from pollwatch.node.watch.detecting import Detecting
from pollwatch.node.watch.grouping import Grouping
from pollwatch.node.watch.hearing import Hearing
from pollwatch.node.watch.keeping import Job, Keeper
from pollwatch.node.watch.ordering import Ordering
from pollwatch.node.watch.publishing import publish
from pollwatch.node.watch.reading import Key, Reader, Understood
from pollwatch.node.watch.setup import Plan
from pollwatch.node.watch.sources import SourceCounts
from pollwatch.node.watch.stepping import Detected, Positions, Stepper
from pollwatch.node.watch.telling import Systemd, Tell
from pollwatch.node.watch.warming import warm
from pollwatch.sources import kept
from pollwatch.sources.following import Chunk, Followed, Position
from pollwatch.store.disk import held

#: A step takes what came while the one before it was made; of a backlog so much.
_STEP_BYTES: Final = 4 << 20
_MOST_LINES: Final = 60_000
_GATHER_S: Final = 0.1
_IDLE_S: Final = 0.5


@dataclass(slots=True)
class Wishes:
    """What somebody outside asked for: by signals, or that it end when everything that is there now is in the case."""

    once: bool = False
    stop: int = 0
    reload: bool = False
    wake: Callable[[], None] = lambda: None

    def stopping(self) -> bool:
        """Whether it is to stop."""
        return self.stop != 0


class Watch:
    """See the module."""

    def __init__(
        self,
        live: LiveCase,
        plan: Plan,
        clock: Clock,
        tell: Tell,
        wishes: Wishes,
        receivers: Receivers,
        *,
        awaited: bool = False,
    ) -> None:
        """Take up where the last watch of the case stopped; :meth:`run` begins.

        Args:
            live: the case; the caller holds its watch lock.
            plan: what to follow and with what.
            clock: the time.
            tell: takes a sentence for the log.
            wishes: what it is to do, and when to end.
            receivers: they are at work already: what they take stays in files until it is read.
            awaited: somebody waits for its word that it is ready: it is said when everything is loaded.

        Raises:
            StoreError: the case cannot be used.
        """
        begun_s = monotonic_s()
        memory.part_with_buffers()
        self._live, self._plan, self._clock, self._tell, self._wishes = live, plan, clock, tell, wishes
        self._systemd = Systemd()
        engine = plan.engine()
        if awaited:
            warm(engine, clock, tell)
        self._detecting = Detecting(engine, plan.watchlist(), live.folder.live)
        with live.held(wishes.stopping, self._waits):
            resumed = live.begin()
            live.began(os.getpid())
        self._seq = resumed.seq
        self._inputs = resumed.inputs
        self._ordering = Ordering(_watermark(resumed))
        self._detecting.resume(resumed.state)
        names = {each.id: each.name for each in resumed.inputs.values()}
        replayed = self._detecting.replay(resumed.steps, names, live.folder.events)
        self._remark()
        remembered = {key: (each.format, each.context) for key, each in resumed.inputs.items()}
        self._reader = Reader(plan.read_options(), clock, plan.format_of, remembered)
        self._received = plan.received()
        self._receivers = receivers
        self._hearing = Hearing(live.folder.live, plan.sources, clock)
        self._counts = SourceCounts(live.database, clock, self._hearing)
        self._counts.begin(plan.kinds())
        open_ = OpenDetections()
        open_.restore(live.open_detections())
        self._stepper = Stepper(live, self._detecting, open_, plan.fields(), clock)
        self._grouping = Grouping(live.folder.root, plan.setting(), self._grouped, self._trouble)
        self._keeper = Keeper(live, self._stepper, self._counts, self._grouping, tell, clock)
        self._followed = self._follow([Position.loads(each) for each in resumed.positions])
        self._notifying = Background(live.folder.root, clock, partial(tell, "warning"))
        self._notifying.use(plan.settings.notify, plan.settings.calendar)
        self._committed: Positions = ()
        self._hungry = False
        took_s = round(monotonic_s() - begun_s, 2)
        tell("info", _("watching"), sources=len(plan.sources), step=self._seq, replayed=replayed, seconds=took_s)

    def run(self) -> None:
        """Watch until told to stop; then drain: what was read is in the case, grouped, sealed, and published.

        Raises:
            EvidenceError: the case's evidence does not check out.
        """
        self._grouping.start()
        self._keeper.start()
        memory.settle()
        self._systemd.say("READY=1")
        try:
            while not self._wishes.stopping():
                self._systemd.alive()
                self._raise_failures()
                self._receivers.ensure()
                if self._wishes.reload:
                    self._wishes.reload = False
                    self._reload()
                if not self._turn() and self._wishes.once and self._caught_up():
                    break
        finally:
            self._followed.close()
            self._receivers.stop()  # killed, they live on, and are found
            self._hearing.save()
        self._systemd.say("STOPPING=1")
        try:
            self._drain(finish=self._wishes.once)
        finally:
            self._notifying.end()

    def _turn(self) -> bool:
        """Read, and make a step of what is there; whether anything was there."""
        if not self._hungry:  # what comes while a step is written makes the next one
            self._keeper.wait(_GATHER_S)
        size = self._read()
        if not len(self._ordering):
            self._hungry = False
            self._idle()
            return False
        unread = self._followed.unread()
        self._hungry = bool(unread) or size * 2 >= _STEP_BYTES
        now_us = self._clock.now_us()
        before_us = self._ordering.watermark_us
        taken = self._ordering.take(_MOST_LINES, _STEP_BYTES, now_us, unread)
        self._step(taken, before_us)
        return True

    def _read(self) -> int:
        """Read what may be read; gives how many bytes that were."""
        size = 0
        for chunk in self._followed.read(_STEP_BYTES, self._ordering.full()):
            live = self._input_of(chunk)
            first = live.lines + 1 if chunk.source in self._received else chunk.before.number + 1
            read = self._reader.understand(chunk, live.key, live.name, first)
            live.lines += read.lines
            self._ordering.add(read)
            size += len(chunk.raw)
        for notice in self._followed.notices():
            count = self._counts.counts.get(notice.source)
            if count is not None and notice.kind in {"unreadable", "lost"}:
                count.problem = f"{notice.path}: {notice.kind} {notice.detail}".strip()
            self._tell("warning", _("a followed file"), **asdict(notice))
        return size

    def _step(self, taken: Sequence[Understood], before_us: int | None) -> None:
        self._seq += 1
        inputs = [self._inputs[each.key] for each in taken]
        positions = self._positions()
        detected = self._stepper.detect(self._seq, taken, inputs, positions, before_us, self._ordering.watermark_us)
        saving = self._keeper.saving
        due = saving.wait(0) and self._detecting.due(saving.took_s)
        state = self._detecting.snapshot(self._seq) if due else None
        self._keeper.put(Job(detected, state, self._followed.lag_bytes()))
        self._committed = positions

    def _idle(self) -> None:
        """Nothing came: note that we are alive, and wait."""
        positions = self._positions()
        if self._detecting.behind or ((positions != self._committed or self._counts.due()) and self._keeper.wait(0)):
            self._step((), self._ordering.watermark_us)
        self._followed.wait(_IDLE_S)

    def _caught_up(self) -> bool:
        """Whether everything that is there was read and written."""
        return (
            not len(self._ordering)
            and not self._detecting.behind
            and not any(self._followed.lag_bytes().values())
            and self._keeper.wait(0)
        )

    def _positions(self) -> Positions:
        """How far every file was read, as far as that is in the steps so far: what is at hand was not."""
        found = {each.key: each for each in self._followed.positions()}
        for read in reversed(list(self._ordering.pending())):
            before = read.chunk.before
            if before.offset:
                found[before.key] = before
            else:
                found.pop(before.key, None)
        return tuple((_encodable(key), position.dumps()) for key, position in sorted(found.items()))

    def _input_of(self, chunk: Chunk) -> LiveInput:
        """The input that a file is in the case; a new one is made where it is not there yet."""
        key, wished = _encodable(chunk.before.key), chunk.path
        if chunk.source in self._received:  # one input, whatever segments it lies in
            key, wished = (key[0], key[0], 0), str(kept.folder_of(self._live.folder.live, chunk.source))
        if key not in self._inputs:
            with self._live.held(lambda: False, self._waits):
                self._inputs[key] = self._live.admit(*key, wished)
        return self._inputs[key]

    def _reload(self) -> None:
        """Read the settings and rules again; what unchanged rules remember stays."""
        self._systemd.say("RELOADING=1")
        try:
            plan = self._plan.again()
            engine, watchlist = plan.engine(), plan.watchlist()
        except PollwatchError as error:
            self._tell("error", _("the settings stay as they were: {error}").format(error=error))
        else:
            self._empty()
            self._keeper.wait()
            self._plan = plan
            self._received = plan.received()
            self._receivers.use(plan.receives(), plan.receiver_options())
            self._hearing.begin(plan.sources)
            self._detecting.reload(engine, watchlist)
            self._remark()
            self._stepper.fields = plan.fields()
            self._grouping.setting(plan.setting())
            self._notifying.use(plan.settings.notify, plan.settings.calendar)
            self._reader.named = plan.format_of
            self._reader.again(plan.read_options())
            positions = self._followed.positions()
            self._followed.close()
            self._followed = self._follow(positions)
            self._counts.begin(plan.kinds())
            self._tell("info", _("settings and rules were read again"), sources=len(plan.sources))
        self._systemd.say("READY=1")

    def _drain(self, *, finish: bool) -> None:
        """Bring everything that was read into the case, group it, seal it, and publish a checkpoint."""
        self._empty()
        self._seq += 1
        changes = self._stepper.finish() if finish else Changes()
        state = self._detecting.snapshot(self._seq)
        detected = Detected(self._seq, (), (), (), changes, self._positions())
        self._keeper.put(Job(detected, state, self._followed.lag_bytes()))
        self._keeper.end()
        self._raise_failures()
        self._grouping.drain()
        self._raise_failures()
        with self._live.held(lambda: False, self._waits):
            publish(self._live, self._clock, self._grouping.sealable())
        self._live.stopped()
        self._tell("info", _("stopped; everything that was read is in the case"), step=self._seq)

    def _empty(self) -> None:
        """Make steps of all that was read, until detectors have seen it."""
        while len(self._ordering):
            before_us = self._ordering.watermark_us
            self._step(self._ordering.take(_MOST_LINES, _STEP_BYTES, self._clock.now_us()), before_us)
        if self._detecting.behind:
            self._step((), self._ordering.watermark_us)

    def _follow(self, positions: Sequence[Position]) -> Followed:
        followed = Followed(self._plan.watched())
        followed.resume(positions)
        self._wishes.wake = followed.wake
        return followed

    def _grouped(self, new: Sequence[str]) -> None:
        self._tell("info", _("new incidents"), incidents=" ".join(new[:8]), count=len(new))

    def _raise_failures(self) -> None:
        for failure in (*self._keeper.failures, self._grouping.failure):
            if failure is not None:
                raise failure

    def _remark(self) -> None:
        for remark in self._detecting.remarks:
            self._tell("warning", remark)
        self._detecting.remarks.clear()

    def _waits(self) -> None:
        self._tell("info", _("a scan holds the case; the watch waits for it and loses nothing"))

    def _trouble(self, why: str) -> None:
        self._tell("error", why)


def watch(plan: Plan, clock: Clock, tell: Tell, *, once: bool = False) -> int:
    """Watch into a case until a signal says otherwise.

    Returns:
        The exit code: 143 after SIGTERM, 130 after Ctrl-C, 0 where it came to its end (``once``).

    Raises:
        StoreError: another watch is at work in the case, or it cannot be used.
        EvidenceError: the case's evidence does not check out.
    """
    wishes = Wishes(once)
    with Case.open(plan.request.case_dir, clock) as case, _signals(wishes):
        taken = _("another watch is at work in {case}; a case has one").format(case=case.folder.root)
        listen = None if once else plan.settings.watch.health
        with held(case.folder.watch_lock, taken), healthserver.served(listen, plan.request.case_dir, clock, tell):
            awaited = listen is not None or Systemd().listens
            receivers = Receivers(case.folder.root)
            try:
                if not once:
                    receivers.use(plan.receives(), plan.receiver_options())
                Watch(case.watching(), plan, clock, tell, wishes, receivers, awaited=awaited).run()
            finally:
                receivers.stop()
    return 128 + wishes.stop if wishes.stop else 0


@contextmanager
def _signals(wishes: Wishes) -> Iterator[None]:
    """Take signals as wishes; a second Ctrl-C ends at once."""

    def stop(number: int, _frame: FrameType | None) -> None:
        if wishes.stop and number == signal.SIGINT:
            os._exit(130)
        wishes.stop = number
        wishes.wake()

    def reload(_number: int, _frame: FrameType | None) -> None:
        wishes.reload = True
        wishes.wake()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watermark(resumed: Resumed) -> int | None:
    """The last watermark that detection saw, as far as that is known."""
    marks = (each.watermark_us for step in reversed(resumed.steps) for each in reversed(step))
    return next((mark for mark in marks if mark is not None), None)


def _encodable(key: Key) -> Key:
    source, stream, generation = key
    return encodable(source), encodable(stream), generation
