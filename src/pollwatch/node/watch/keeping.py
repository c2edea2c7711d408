"""The thread that writes steps into the case, one after the other, and does not give up.

While a disk is full or a scan holds the case, the step waits here and the reader waits for it: nothing is lost, since
what is not read yet stays in its file.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from pollwatch.clock import Clock
from pollwatch.errors import StoreError
from pollwatch.i18n import _
from pollwatch.incidents.live import LiveCase
from pollwatch.node.watch import heartbeat
from pollwatch.node.watch.detecting import Snapshot
from pollwatch.node.watch.grouping import Grouping
from pollwatch.node.watch.handover import Handover
from pollwatch.node.watch.saving import Saving
from pollwatch.node.watch.sources import SourceCounts
from pollwatch.node.watch.stepping import Detected, Stepper
from pollwatch.node.watch.telling import Tell
from pollwatch.node.watch.tidying import Tidiable, Tidying

_RETRY_S: Final = 1.0


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
        tell: Tell,
        clock: Clock,
    ) -> None:
        """Prepare; :meth:`start` begins."""
        super().__init__("keeping")
        self._live = live
        self._stepper = stepper
        self._counts = counts
        self._grouping = grouping
        self._tell = tell
        self.saving = Saving(live, tell)
        self._tidying = Tidying(live, tell, clock)
        self._others: object = None

    def start(self) -> None:
        """Begin."""
        self.saving.start()
        self._tidying.start()
        super().start()

    def end(self) -> None:
        """Write what was handed over, and end."""
        super().end()
        self.saving.end()
        self._tidying.end()

    @property
    def failures(self) -> tuple[BaseException | None, ...]:
        """What ended this thread, or one of those that it hands over to; None while each is well."""
        return self.failure, self.saving.failure, self._tidying.failure

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
        """Have chores done that are due now and then."""
        if self._tidying.due():
            received = sorted(name for name, count in self._counts.counts.items() if count.kind != "files")
            self._tidying.put(Tidiable(tuple(received), tuple(data for _key, data in job.detected.positions)))

    def _waits(self) -> None:
        self._tell("info", _("a scan holds the case; the watch waits for it and loses nothing"))

    def _pause(self, seconds: float) -> None:
        threading.Event().wait(seconds)
