"""Detections that are held for hours, many at a time: small, and none of them in the way of what comes and goes."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from pollwatch.events.detection import Detection
from pollwatch.events.lines import NO_LINES, LineSet

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Held:
    """A detection that is held.

    Numbers of lines are held as bytes: a small array lies where arrays that come and go are made, and one that stays
    for an hour keeps the memory around it from being given back.

    Attributes:
        detection: without its lines.
        numbers: its lines, by input.
    """

    detection: Detection
    numbers: tuple[tuple[str, bytes], ...]

    @classmethod
    def of(cls, detection: Detection) -> Held:
        """Hold a detection."""
        lines = detection.lines.by_path.items()
        return cls(replace(detection, lines=NO_LINES), tuple((path, numbers.tobytes()) for path, numbers in lines))

    @property
    def lines(self) -> LineSet:
        """Its lines."""
        return LineSet({path: np.frombuffer(numbers, np.int64) for path, numbers in self.numbers})

    @property
    def line_count(self) -> int:
        """How many lines it has."""
        return sum(len(numbers) for _path, numbers in self.numbers) // np.int64().itemsize

    def whole(self) -> Detection:
        """The detection, with its lines."""
        return replace(self.detection, lines=self.lines)


class Alike:
    """Gives one for all that are equal: what another process sends has a copy of its own of every text.

    Much of a detection is what its rule says, which is the same in thousands of them.
    """

    def __init__(self, most: int = 20_000) -> None:
        """None known yet; forgets what it knows when that is so much."""
        self._most = most
        self._known: dict[Hashable, Hashable] = {}

    def __len__(self) -> int:
        """How much is known."""
        return len(self._known)

    def held(self, detection: Detection) -> Held:
        """Hold a detection that shares with others what is equal."""
        one = self._one
        shared = replace(
            detection,
            rule_id=one(detection.rule_id),
            title=one(detection.title),
            techniques=one(detection.techniques),
            targets=one(detection.targets),
            logsource=one(detection.logsource),
            tool=one(detection.tool),
            meaning=one(detection.meaning),
            steps=one(detection.steps),
            lines=LineSet({one(path): numbers for path, numbers in detection.lines.by_path.items()}),
        )
        return Held.of(shared)

    def _one(self, value: T) -> T:
        if len(self._known) >= self._most:
            self._known.clear()
        return self._known.setdefault(value, value)  # type: ignore[return-value]
