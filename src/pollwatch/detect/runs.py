"""Runs: consecutive fulfilled windows of one group, told as one thing that grows.

A run is reported when it starts, whenever it has doubled, and when it ends, always with all its lines. So an attack
of 3,561 failures is a handful of reports about one run, not thousands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pollwatch.detect.observations import Codes, Observations, empty
from pollwatch.events.batch import LogSource

#: Lines that one run names; those beyond are counted. 64 bytes each.
MOST_LINES = 1_000_000

_NAMED = ("path", "ip", "user", "host", "target")


@dataclass(slots=True)
class Run:
    """What a detection is made of.

    Attributes:
        parts: its observations, as they came.
        values: a number per distinct value in them, where those are counted.
        size: how many observations there were.
        reported: how many there were when it was reported last.
        closed: something followed too late to belong to it.
        named: how many of its lines it can name.
    """

    group: int
    first_us: int
    last_us: int
    parts: list[Observations] = field(default_factory=list)
    values: list[npt.NDArray[np.uint64]] = field(default_factory=list)
    size: int = 0
    reported: int = 0
    example: str = ""
    closed: bool = False
    logsource: LogSource = field(default_factory=LogSource)
    named: int = 0

    def add(self, seen: Observations, values: npt.NDArray[np.uint64] | None) -> None:
        """Take observations in, at least one, in order of time."""
        self.first_us = min(self.first_us, int(seen.time[0]))
        self.last_us = max(self.last_us, int(seen.time[-1]))
        self.size += len(seen)
        if self.named < MOST_LINES:
            self.named += len(seen)
            self.parts.append(seen)
        if values is not None:
            self.values.append(np.unique(values))

    @property
    def beyond(self) -> int:
        """How many of its lines are only counted."""
        return self.size - self.named

    def seen(self) -> Observations:
        """Its observations, in order of arrival."""
        if len(self.parts) > 1:
            self.parts = [Observations.concat(self.parts)]
        return self.parts[0] if self.parts else empty()

    def distinct(self) -> int:
        """How many different values there were, where those are counted."""
        if len(self.values) > 1:
            self.values = [np.unique(np.concatenate(self.values))]
        return len(self.values[0]) if self.values else 0

    def rename(self, codes: Codes) -> None:
        """Names have new codes."""
        for part in self.parts:
            for name in _NAMED:
                setattr(part, name, codes[getattr(part, name)])

    def names_used(self) -> list[npt.NDArray[Any]]:
        """All codes of names in use."""
        return [getattr(part, name) for part in self.parts for name in _NAMED]
