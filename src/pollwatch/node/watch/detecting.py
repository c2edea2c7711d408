"""Detection that outlives its process: the state between two steps, saved now and then, and brought up to date.

Saving the state at every step would cost more than detecting. It is saved when that costs a twentieth of the time at
most; what was observed since (event files, in order, each with its watermark) is named in the commits of the steps.
A watch that begins again restores the state and observes the same events again; what they make it say was said
already and is thrown away. The engine is pure, so the state is then the one that was lost.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pollwatch.clock import US_PER_S, monotonic_s
from pollwatch.detect import indicators
from pollwatch.detect.engine import Engine
from pollwatch.detect.gathering import matched_together, together
from pollwatch.detect.indicators import Watchlist
from pollwatch.detect.match import Matches
from pollwatch.detect.saved import Frozen
from pollwatch.detect.state import State
from pollwatch.errors import StoreError
from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.events.detection import Detection
from pollwatch.incidents.livestep import Observed
from pollwatch.store.disk import publish
from pollwatch.store.parts import read_part

#: Events of a source come late by this much at most without anything being missed, as in a scan.
LATE_US: Final = 3_600 * US_PER_S
#: Saving the state may take this share of the time, and happens no more often than this.
_SHARE: Final = 0.05
_LEAST_S: Final = 5.0
#: Events of several inputs that are seen as one batch.
_MOST_TOGETHER: Final = 30_000
#: A batch costs a detector nearly the same however few events it has, and what it asks is about minutes or weeks. So it
#: sees some steps of a busy watch together: when so many events are at hand, or so many steps, and at once where a step
#: has few. That rests on the events alone, so that a watch that begins again comes to the same.
_QUIET_ROWS: Final = 2_000
_LOOK_ROWS: Final = 15_000
_LOOK_STEPS: Final = 4
#: Observations that correlations hold: a fifth of what a scan may, since the state is saved again and again.
_MOST_OBSERVED: Final = 400_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state as it was after a step, and the file that it is to be."""

    seq: int
    path: Path
    state: Frozen

    def write(self) -> None:
        """Write it, which takes a while, and holds up nobody who detects.

        Raises:
            StoreError: the disk is full or not writable.
        """
        incoming = self.path.with_name(f".{self.path.name}")
        data = self.state.to_bytes()
        try:
            descriptor = os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            publish(incoming, self.path)
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror}; is the disk full?") from error


@dataclass(frozen=True, slots=True)
class _Unseen:
    """A step that detectors have not seen, and the watermark before it."""

    matches: tuple[Matches, ...]
    before_us: int | None


def _bounded(state: State) -> State:
    state.most = _MOST_OBSERVED
    return state


def seen_together(batches: Sequence[EventBatch]) -> list[EventBatch]:
    """The events of a step as detection sees them: small batches of several inputs as one."""
    return together(batches, _MOST_TOGETHER)


class Detecting:
    """The engine and its state.

    Attributes:
        engine: the rules.
        watchlist: indicators to look for.
        remarks: what could not be taken over, in sentences; for the log.
    """

    def __init__(self, engine: Engine, watchlist: Watchlist, folder: Path) -> None:
        """Begin before the first event.

        Args:
            engine: the rules.
            watchlist: indicators to look for.
            folder: where states are saved.
        """
        self.engine = engine
        self.watchlist = watchlist
        self.remarks: list[str] = []
        self._folder = folder
        self._state: State = _bounded(engine.start())
        self._saved_s = monotonic_s()
        self._unseen: list[_Unseen] = []

    @property
    def behind(self) -> bool:
        """Whether there are events that detectors have not seen: then no state can be saved, and no rules changed."""
        return len(self._unseen) > 0

    @property
    def dropped(self) -> int:
        """Observations forgotten for want of memory."""
        return self._state.dropped

    @property
    def late(self) -> int:
        """Observations that came after their window had been judged."""
        return self._state.late

    def resume(self, name: str) -> None:
        """Take a saved state over; where that cannot be read, detection begins anew, and says so."""
        if not name:
            return
        try:
            self._state = _bounded(self.engine.restore((self._folder / name).read_bytes()))
        except (OSError, StoreError) as error:
            self.remarks.append(f"{self._folder / name}: {error}; slow attacks that had begun may go unseen")
        else:
            self._tell_forgotten()

    def replay(self, steps: Sequence[Sequence[Observed]], names: dict[int, str], events: Path) -> int:
        """Observe again what was observed since the state was saved; gives how many events that were.

        Args:
            steps: each with its batches, in order.
            names: how each input is called, by its row.
            events: the case's folder of event files.
        """
        seen = 0
        for step in steps:
            batches: list[EventBatch] = []
            for each in step:
                try:
                    table = read_part(events, each.file)
                except StoreError as error:  # erased meanwhile, or damaged: the rest still counts
                    self.remarks.append(str(error))
                    continue
                logsource = LogSource(each.category, each.product, each.service)
                batches.append(EventBatch(logsource, names[each.input_id], table))
            marks = [each.watermark_us for each in step]
            seen += sum(map(len, batches))
            if batches or not step:
                before_us, watermark_us = (marks[0], marks[-1]) if marks else (None, None)
                self.observe(seen_together(batches), before_us, watermark_us)
        return seen

    def observe(
        self, batches: Sequence[EventBatch], before_us: int | None, watermark_us: int | None
    ) -> list[Detection]:
        """Take a step's events in; says what is new. Where many come, detectors see those of a few steps as one.

        Args:
            batches: as :func:`seen_together` gives them; none lets detectors see what they have not.
            before_us: the watermark before them.
            watermark_us: the watermark behind all of them.
        """
        found: list[Detection] = []
        matches = self.engine.match_all(batches)
        for nth, each in enumerate(matches, 1):
            mark = watermark_us if nth == len(matches) else before_us
            self._state, told = self.engine.follow(self._state, each, mark)
            found += told
            found += indicators.match(self.watchlist, each.batch)
        self._unseen.append(_Unseen(tuple(matches), before_us))
        rows = sum(len(each.batch) for each in matches)
        held = sum(len(each.batch) for step in self._unseen for each in step.matches)
        if rows < _QUIET_ROWS or held >= _LOOK_ROWS or len(self._unseen) >= _LOOK_STEPS:
            found += self._look(watermark_us)
        return found

    def _look(self, watermark_us: int | None) -> list[Detection]:
        """Show the detectors what they have not seen yet."""
        found: list[Detection] = []
        before_us = self._unseen[0].before_us
        together = matched_together([each for step in self._unseen for each in step.matches], _MOST_TOGETHER)
        self._unseen.clear()
        for nth, each in enumerate(together, 1):
            mark = watermark_us if nth == len(together) else before_us
            self._state, told = self.engine.look(self._state, each, mark)
            found += told
        return found

    def finish(self) -> list[Detection]:
        """What is to be told if nothing more comes; the state stays as it is, for more may come all the same."""
        after = self.engine.restore(self.engine.save(self._state))
        return self.engine.step(after, None, None, done=True)[1]

    def due(self, cost_s: float) -> bool:
        """Whether it is time to save the state, if that takes so long."""
        return not self.behind and monotonic_s() - self._saved_s >= max(_LEAST_S, cost_s / _SHARE)

    def snapshot(self, seq: int) -> Snapshot:
        """The state after a step, to be written once the step is."""
        state = self.engine.freeze(self._state)
        self._saved_s = monotonic_s()
        return Snapshot(seq, self._folder / f"state-{seq:012d}", state)

    def reload(self, engine: Engine, watchlist: Watchlist) -> None:
        """Go on with other rules; what unchanged rules remember stays."""
        self._state = _bounded(engine.restore(self.engine.save(self._state)))
        self.engine, self.watchlist = engine, watchlist
        self._tell_forgotten()

    def _tell_forgotten(self) -> None:
        if self._state.forgotten:
            self.remarks.append(
                f"{len(self._state.forgotten)} rules have changed; what they had seen until now is forgotten"
            )
