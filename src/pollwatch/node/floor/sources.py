"""Sources and what they can show, for the console."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pollwatch.clock import US_PER_S, Clock
from pollwatch.config import Config
from pollwatch.console.desks.sources import Coverage, Inputs
from pollwatch.console.services import NotThereError
from pollwatch.events.batch import EventBatch
from pollwatch.i18n import _
from pollwatch.incidents import liveness
from pollwatch.incidents.exposure import exposure, remedies
from pollwatch.incidents.liveness import Liveness
from pollwatch.incidents.quarantine import Quarantine
from pollwatch.incidents.records import Case
from pollwatch.node.case.surveying import survey
from pollwatch.node.floor.newest import newest_events

#: What the logs can show is worked out from so many of the newest events: fields that a log has, its last lines have.
_MOST_EVENTS: Final = 2_000_000
_STALE_US: Final = 300 * US_PER_S


@dataclass(slots=True)
class FloorSources:
    """Where the lines of one case come from."""

    case: Case
    settings: Callable[[], Config]
    clock: Clock
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _coverage: Coverage | None = None

    def inputs(self, most: int) -> Inputs:
        """What was read."""
        found = self.case.inputs()
        newest = tuple(reversed(found[-most:]))
        return Inputs(newest, len(found), sum(each.lines for each in found), sum(each.quarantined for each in found))

    def watch(self) -> Liveness | None:
        """The watch of the case and each of its sources, as it wrote down last."""
        return liveness.read(self.case.folder.database)

    def quarantine(self, path: str) -> Quarantine:
        """The lines of an input that were not understood.

        Raises:
            NotThereError: no such input.
        """
        if all(each.path != path for each in self.case.inputs()):
            raise NotThereError(_("The case has no input of this name."))
        return self.case.quarantine(path)

    def coverage(self) -> Coverage:
        """What the logs can show; worked out every few minutes at most."""
        now_us = self.clock.now_us()
        with self._lock:
            if self._coverage is None or now_us - self._coverage.at_us > _STALE_US:
                self._coverage = self._worked_out(now_us)
            return self._coverage

    def _worked_out(self, now_us: int) -> Coverage:
        newest = newest_events(self.case)
        telemetry = survey(_first(newest, _MOST_EVENTS), self.settings().assets)
        systems = tuple(exposure(asset, each) for asset, each in telemetry.items())
        events = sum(each.events for each in systems)
        complete = next(newest, None) is None
        return Coverage(systems, tuple(remedies(systems, telemetry)), events, complete, now_us)


def _first(batches: Iterator[EventBatch], most: int) -> Iterator[EventBatch]:
    """Batches until they hold so many events; the rest stays where it is."""
    count = 0
    while count < most and (batch := next(batches, None)) is not None:
        count += len(batch)
        yield batch
