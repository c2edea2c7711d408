"""The thread that does a watch's chores now and then: what was received is kept, and free memory given back.

One of them takes a tenth of a second. In the thread that writes steps into the case, lines waited for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pollwatch.clock import Clock, monotonic_s
from pollwatch.errors import PollwatchError, StoreError
from pollwatch.incidents.live import LiveCase
from pollwatch.node.watch import memory
from pollwatch.node.watch.handover import Handover
from pollwatch.node.watch.publishing import publish
from pollwatch.node.watch.telling import Tell
from pollwatch.sources import kept
from pollwatch.sources.position import Position

_EVERY_S: Final = 15.0
_SEAL_EVERY_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Tidiable:
    """What is in the case.

    Attributes:
        received: sources that are received.
        positions: how far every followed file was read, encoded.
    """

    received: tuple[str, ...]
    positions: tuple[bytes, ...]


class Tidying(Handover[Tidiable]):
    """See the module."""

    def __init__(self, live: LiveCase, tell: Tell, clock: Clock) -> None:
        """Prepare; :meth:`start` begins."""
        super().__init__("tidying")
        self._live = live
        self._tell = tell
        self._clock = clock
        self._tidied_s = self._sealed_s = monotonic_s()

    def due(self) -> bool:
        """Whether it is time for chores, and the last ones are done."""
        return monotonic_s() - self._tidied_s >= _EVERY_S and self.wait(0)

    def _do(self, each: Tidiable) -> None:
        self._tidied_s = monotonic_s()
        self._keep_received(each.received, [Position.loads(data) for data in each.positions])
        self._keep_rhythm()
        memory.give_back()

    def _keep_received(self, sources: Iterable[str], positions: list[Position]) -> None:
        """Keep the segments of received sources that were read to their end, and make room for what comes."""
        for source in sources:
            try:
                kept.keep(self._live.folder.live, source, [each for each in positions if each.source == source])
            except StoreError as error:
                self._tell("warning", str(error))

    def _keep_rhythm(self) -> None:
        """What the logs get as time passes: a sequence entry, and a seal where no sealer does that at its own times."""
        now_s = monotonic_s()
        if now_s - self._sealed_s < _SEAL_EVERY_S:
            return
        self._sealed_s = now_s
        try:
            with self._live.held(lambda: self._ended) as got:
                if got:
                    publish(self._live, self._clock)
        except PollwatchError as error:
            self._tell("warning", str(error))
