"""Runs: consecutive fulfilled windows of one group, told as one thing that grows.

A run is reported when it starts, whenever it has doubled, and when it ends, always with all its lines. So an attack
of 3,561 failures is a handful of reports about one run, not thousands.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pollwatch.detect.observations import NAMED, OBSERVED, OBSERVED_TYPES, Codes, Observations, resized
from pollwatch.events.batch import LogSource

#: Lines that one run names; those beyond are counted.
MOST_LINES: Final = 1_000_000
#: Fewer lines of nobody than this are not worth the trouble.
_FEW: Final = 1_024


@dataclass(slots=True)
class Run:
    """What a detection is made of.

    Attributes:
        spans: where its lines stand among those of all runs, each as a first place and the one behind the last.
        values: a number per distinct value in them, where those are counted.
        size: how many observations there were.
        reported: how many there were when it was reported last.
        closed: something followed too late to belong to it.
        named: how many of its lines it can name.
    """

    group: int
    first_us: int
    last_us: int
    spans: list[tuple[int, int]] = field(default_factory=list)
    values: list[npt.NDArray[np.uint64]] = field(default_factory=list)
    size: int = 0
    reported: int = 0
    example: str = ""
    closed: bool = False
    logsource: LogSource = field(default_factory=LogSource)
    named: int = 0

    @property
    def beyond(self) -> int:
        """How many of its lines are only counted."""
        return self.size - self.named

    def distinct(self) -> int:
        """How many different values there were, where those are counted."""
        if len(self.values) > 1:
            self.values = [np.unique(np.concatenate(self.values))]
        return len(self.values[0]) if self.values else 0


@dataclass(slots=True)
class RunLines:
    """The lines of all runs of one correlation, one after another: 40 bytes each, no memory of its own for a run.

    An attacker who comes from ever new addresses leaves a run each: as arrays of their own they cost ten times as much,
    and what is freed between them could not be used again.

    Attributes:
        columns: by the names of :class:`Observations`.
        size: how many places are in use.
        live: how many of them are a run's.
    """

    columns: dict[str, npt.NDArray[Any]] = field(
        default_factory=lambda: {name: np.empty(0, kind) for name, kind in OBSERVED_TYPES.items()}
    )
    size: int = 0
    live: int = 0

    def add(self, run: Run, seen: Observations, begin: int, end: int, values: npt.NDArray[np.uint64] | None) -> None:
        """Let a run have the observations from one place on to before another one: at least one, in order of time."""
        run.first_us = min(run.first_us, int(seen.time[begin]))
        run.last_us = max(run.last_us, int(seen.time[end - 1]))
        run.size += end - begin
        if run.named < MOST_LINES:
            run.named += end - begin
            self._place(run, {name: getattr(seen, name)[begin:end] for name in OBSERVED}, end - begin)
            self.live += end - begin
        if values is not None:
            run.values.append(np.unique(values[begin:end]))

    def of(self, run: Run) -> Observations:
        """A run's observations, in order of arrival; it stands in one piece from then on."""
        if len(run.spans) > 1:
            parts = {name: np.concatenate([column[a:b] for a, b in run.spans]) for name, column in self.columns.items()}
            run.spans = []
            self._place(run, parts, run.named)
        first, end = run.spans[0] if run.spans else (0, 0)
        return Observations(*(self.columns[name][first:end].astype(np.int64) for name in OBSERVED))

    def latest(self, run: Run) -> tuple[Codes, Codes]:
        """Inputs and numbers of the lines that a run got last; it has at least one."""
        first, end = run.spans[-1]
        return self.columns["path"][first:end], self.columns["number"][first:end]

    def release(self, run: Run) -> None:
        """A run is over: its places are nobody's."""
        self.live -= run.named
        run.spans, run.named = [], 0

    def tidy(self, runs: Collection[Run]) -> None:
        """Close up if most places are nobody's.

        Args:
            runs: all that have lines here.
        """
        if self.size <= 2 * self.live + _FEW:
            return
        spans = [span for run in runs for span in run.spans]
        places = np.concatenate([np.arange(a, b) for a, b in spans] or [np.empty(0, np.int64)])
        self.columns = {name: column[places] for name, column in self.columns.items()}
        self.size = 0
        for run in runs:
            if run.named:
                run.spans = [(self.size, self.size + run.named)]
                self.size += run.named

    def forget(self, runs: Collection[Run], most: int) -> int:
        """Name only so many lines any longer: those go first that were reported, of the runs that ended first.

        Args:
            runs: all that have lines here.
            most: lines to be left.

        Returns:
            How many are only counted from now on.
        """
        before = self.live
        for run in sorted(runs, key=lambda each: each.last_us):
            if self.live <= most:
                break
            self._keep_last(run, min(run.named, run.size - run.reported))
        self.tidy(runs)
        return before - self.live

    def rename(self, codes: Codes) -> None:
        """Names have new codes."""
        for name in NAMED:
            column = self.columns[name]
            column[: self.size] = codes[column[: self.size]]

    def names_used(self) -> list[npt.NDArray[Any]]:
        """All codes of names in use."""
        return [self.columns[name][: self.size] for name in NAMED]

    def _place(self, run: Run, parts: dict[str, npt.NDArray[Any]], many: int) -> None:
        begin, self.size = self.size, self.size + many
        if self.size > len(self.columns["time"]):
            room = max(_FEW, self.size + self.size // 2)
            for name, column in self.columns.items():
                self.columns[name] = resized(column[:begin], room)
        for name, column in self.columns.items():
            column[begin : self.size] = parts[name]
        if run.spans and run.spans[-1][1] == begin:
            begin = run.spans.pop()[0]
        run.spans.append((begin, self.size))

    def _keep_last(self, run: Run, many: int) -> None:
        """Let a run name only the last of its lines."""
        self.live -= run.named - many
        kept: list[tuple[int, int]] = []
        run.named = many
        for first, end in reversed(run.spans):
            if many:
                kept.append((max(first, end - many), end))
                many -= kept[-1][1] - kept[-1][0]
        run.spans = kept[::-1]
