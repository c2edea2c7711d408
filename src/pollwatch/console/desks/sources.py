"""What the page of sources and coverage asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pollwatch.incidents.exposure import Exposure, Remedy
from pollwatch.incidents.liveness import Liveness
from pollwatch.incidents.quarantine import Quarantine
from pollwatch.incidents.scanned import ScannedInput


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was read.

    Attributes:
        newest: the inputs that came last, the last first; at most as many as were asked for.
        total: how many inputs the case has.
        lines: in all of them.
        quarantined: of these, lines that were not understood.
    """

    newest: tuple[ScannedInput, ...]
    total: int
    lines: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the logs can show.

    Attributes:
        systems: each system with a verdict per threat.
        remedies: what to switch on, what helps most first.
        events: how many of the newest events this rests on.
        all_events: whether these are all that there are.
        at_us: when it was worked out.
    """

    systems: tuple[Exposure, ...]
    remedies: tuple[Remedy, ...]
    events: int
    all_events: bool
    at_us: int


class SourceDesk(Protocol):
    """Where the lines come from, what was not understood, and what they can show."""

    def inputs(self, most: int) -> Inputs:
        """What was read."""
        ...

    def watch(self) -> Liveness | None:
        """The watch of the case and each of its sources, as it wrote down last; None where none ever ran.

        Raises:
            StoreError: the case cannot be read.
        """
        ...

    def quarantine(self, path: str) -> Quarantine:
        """The lines of an input that were not understood: counts by reason, and the first few of each.

        Raises:
            NotThereError: no such input.
        """
        ...

    def coverage(self) -> Coverage:
        """What the logs can show; worked out every few minutes at most."""
        ...
