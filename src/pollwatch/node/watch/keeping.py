"""The thread that writes steps into the case, one after the other, and does not give up.

While a disk is full or a scan holds the case, the step waits here and the reader waits for it: nothing is lost, since
what is not read yet stays in its file.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import sqlalchemy as sa

from pollwatch.clock import Clock, monotonic_s
from pollwatch.errors import PollwatchError, StoreError
from pollwatch.i18n import _
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.live import LiveCase
from pollwatch.node.evidence import rhythm
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.node.floor import auditing
from pollwatch.node.watch import heartbeat, memory
from pollwatch.node.watch.detecting import Snapshot
from pollwatch.node.watch.grouping import Grouping
from pollwatch.node.watch.handover import Handover
from pollwatch.node.watch.saving import Saving
from pollwatch.node.watch.sources import SourceCounts
from pollwatch.node.watch.stepping import Detected, Stepper
from pollwatch.node.watch.telling import Tell
from pollwatch.sources import kept
from pollwatch.sources.position import Position

_RETRY_S: Final = 1.0
_CHORES_EVERY_S: Final = 15.0
_SEAL_EVERY_S: Final = 600.0


class Wish(Protocol):
    """Whether the watch is to stop."""

    def stopping(self) -> bool:
        """Whether it is to stop."""


@dataclass(frozen=True, slots=True)
class Job:
    """A step to be written.

    Attributes:
        detected: the step.
        state: the detection state behind it; None where it is not to be saved.
        lag_bytes: by source.
    """

    detected: Detected
    state: Snapshot | None
    lag_bytes: Mapping[str, int]


class Keeper(Handover[Job]):
    """See the module."""

    def __init__(
        self,
        live: LiveCase,
        stepper: Stepper,
        counts: SourceCounts,
        grouping: Grouping,
        wish: Wish,
        tell: Tell,
        clock: Clock,
    ) -> None:
        """Prepare; :meth:`start` begins."""
        super().__init__("keeping")
        self._live = live
        self._stepper = stepper
        self._counts = counts
        self._grouping = grouping
        self._wish = wish
        self._tell = tell
        self._clock = clock
        self.saving = Saving(live, tell)
        self._chores: deque[Callable[[], None]] = deque()
        self._tidied_s = self._sealed_s = monotonic_s()
        self._others: object = None

    def start(self) -> None:
        """Begin."""
        self.saving.start()
        super().start()

    def end(self) -> None:
        """Write what was handed over, and end."""
        super().end()
        self.saving.end()

    def _do(self, each: Job) -> None:
        self._keep(each)
        self._tidy(each)

    def _keep(self, job: Job) -> None:
        """Write a step, however often it takes; a stop does not interrupt it but for a case that somebody holds."""
        detected = job.detected
        sealable = self._grouping.sealable()
        self._counts.add(detected.read)

        def also(connection: sa.Connection) -> None:
            self._counts.write(connection, job.lag_bytes)

        while True:
            with self._live.held(lambda: False, self._waits):
                try:
                    self._look_for_others()
                    self._stepper.keep(detected, sealable, also)
                    break
                except StoreError as error:
                    self._tell("error", str(error))
            self._pause(_RETRY_S)
        if detected.heard:
            heartbeat.note(self._live.folder.live, detected.heard, self._counts.clock.now_us())
        if job.state is not None:
            self.saving.put(job.state)
        if detected.read or detected.changes.written or detected.changes.removed:
            self._grouping.put(detected)

    def _look_for_others(self) -> None:
        """Whether a scan changed the case since the last step; then what it found is grouped along."""
        others = self._live.scans()
        if self._others is not None and others != self._others:
            self._grouping.again()
        self._others = others

    def _tidy(self, job: Job) -> None:
        """Do one of the chores that are due now and then; one at a time, so that no step waits for several."""
        now_s = monotonic_s()
        if not self._chores and now_s - self._tidied_s >= _CHORES_EVERY_S:
            self._tidied_s = now_s
            self._chores += self._due(job, now_s)
        if self._chores:
            self._chores.popleft()()

    def _due(self, job: Job, now_s: float) -> Iterator[Callable[[], None]]:
        """Keep what was received, what the logs get as time passes, and no memory that is free."""
        positions = [Position.loads(data) for _key, data in job.detected.positions]
        for source in sorted(name for name, count in self._counts.counts.items() if count.kind != "files"):
            yield partial(self._keep_received, source, [each for each in positions if each.source == source])
        yield partial(self._keep_rhythm, now_s)
        yield memory.give_back

    def _keep_rhythm(self, now_s: float) -> None:
        """What the logs get as time passes: a sequence entry, and a seal where no sealer does that at its own times."""
        if now_s - self._sealed_s < _SEAL_EVERY_S:
            return
        self._sealed_s = now_s
        try:
            with self._live.held(self._wish.stopping) as got:
                if got:
                    publish(self._live, self._clock)
        except PollwatchError as error:
            self._tell("warning", str(error))

    def _keep_received(self, source: str, positions: Sequence[Position]) -> None:
        """Keep the segments of a received source that were read to their end, and make room for what comes."""
        try:
            kept.keep(self._live.folder.live, source, positions)
        except StoreError as error:
            self._tell("warning", str(error))

    def _waits(self) -> None:
        self._tell("info", _("a scan holds the case; the watch waits for it and loses nothing"))

    def _pause(self, seconds: float) -> None:
        threading.Event().wait(seconds)


def publish(live: LiveCase, clock: Clock, incidents: Sequence[Incident] = ()) -> None:
    """Seal incidents, bring the private log in order, and publish a seal where no sealer does; the lock is held."""
    with CaseEvidence.open(live.folder.root, clock, wait=True) as evidence:
        evidence.seal_incidents(incidents)
        auditing.seal_case(live.folder.root, evidence, clock)  # of a console that is gone, or could not
        rhythm.append_due(evidence, clock)
        if evidence.interval is None:
            evidence.publish_seal()
