"""The incident: one actor set, one target, one campaign of steps in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pollwatch.events.detection import Actors, Severity
from pollwatch.events.lines import LineSet

Status = Literal["open", "acknowledged", "closed", "false-positive"]


@dataclass(frozen=True, slots=True)
class Phase:
    """One step of an incident: consecutive activity of one ATT&CK technique.

    Attributes:
        name: for people, e.g. ``Password guessing``.
        technique: ATT&CK id.
        tactic: ATT&CK tactic's short name, e.g. ``credential-access``.
        lines: how many lines show it.
    """

    name: str
    technique: str
    tactic: str
    first_us: int | None
    last_us: int | None
    lines: int


@dataclass(frozen=True, slots=True)
class RuleCount:
    """A rule that fired in an incident and on how many lines."""

    id: str
    title: str
    count: int


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line shown as evidence: attacker-written bytes, decoded; escape it for whatever you write it to."""

    path: str
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class ElectionContext:
    """Where in the election calendar the incident fell.

    Attributes:
        election: the election's name; empty where no calendar is configured.
        phase: e.g. ``results-night``.
        priority: 1 (drop everything) to 5 (when there is time).
    """

    election: str
    phase: str
    priority: int


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that happened. The fields are those of the ``scan --json`` contract."""

    id: str
    title: str
    severity: Severity
    status: Status
    summary: str
    why: tuple[str, ...]
    phases: tuple[Phase, ...]
    techniques: tuple[str, ...]
    tactics: tuple[str, ...]
    tools: tuple[str, ...]
    actors: Actors
    targets: tuple[str, ...]
    first_us: int | None
    last_us: int | None
    lines: LineSet
    samples: tuple[RawLine, ...]
    rules: tuple[RuleCount, ...]
    advice: tuple[str, ...]
    election: ElectionContext
