"""The election calendar: which phase a moment falls in, and what priority that gives to what happens then.

Priority is 1 (drop everything) to 5 (when there is time) and comes from one table: severity counts 0 (info) to
4 (critical); a phase adds 2 where it is critical for the kind of system hit (``CRITICAL_PHASES``, or the asset's
own ``critical_phases``), 1 where it is a hot phase for everybody (``HOT_PHASES``), else 0; priority is 6 minus
that sum, within 1 to 5::

                        info   low   medium   high   critical
    calm phase            5     5      4        3        2
    hot phase             5     4      3        2        1
    critical phase        5     4      2        1        1

Info stays 5 and low stays at 4 or 5 whatever the night: the watch is quiet by default. A high incident on the
results system is thus 1 on results night and 3 three months before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pollwatch.election.vocabulary import CRITICAL_PHASES, HOT_PHASES, URGENCY
from pollwatch.events.detection import Severity

LOWEST = 5


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """One phase of one election in one jurisdiction.

    Attributes:
        election: the election's name.
        jurisdiction: where it holds; empty = everywhere.
        phase: a word of ``PHASES``.
        start_us: first microsecond.
        end_us: first microsecond after it.
    """

    election: str
    jurisdiction: str
    phase: str
    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Election:
    """One election as configured; ``phases`` holds both what was written and what was derived."""

    name: str
    jurisdiction: str
    zone: str
    polls_open_us: int
    polls_close_us: int
    phases: tuple[PhaseSpan, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """All elections that are watched; may be empty."""

    elections: tuple[Election, ...] = ()

    @property
    def spans(self) -> tuple[PhaseSpan, ...]:
        """All phases of all elections, in order of time; what a chart draws."""
        return tuple(
            sorted((s for e in self.elections for s in e.phases), key=lambda s: (s.start_us, s.end_us, s.phase))
        )

    def phase_at(self, us: int | None, jurisdiction: str | None = None) -> PhaseSpan | None:
        """The phase that speaks for a moment, or None outside of all phases.

        Where phases overlap, the most urgent one; where elections do, then the one whose phase ends first. A phase
        of no jurisdiction holds everywhere; ``jurisdiction=None`` asks for any.
        """
        return None if us is None else self.phase_during(us, us, jurisdiction)

    def phase_during(
        self, first_us: int | None, last_us: int | None, jurisdiction: str | None = None
    ) -> PhaseSpan | None:
        """The most urgent phase that a span of time touches, or None."""
        if first_us is None or last_us is None:
            return None
        touched = (
            span
            for election in self.elections
            for span in election.phases
            if span.start_us <= last_us and first_us < span.end_us and _holds(span, jurisdiction)
        )
        return min(touched, key=lambda s: (URGENCY.index(s.phase), s.end_us, s.election, s.jurisdiction), default=None)

    def priority(self, kind: str, phase: str, severity: Severity, critical_phases: Iterable[str] | None = None) -> int:
        """1 (drop everything) to 5 (when there is time), from the table in this module's docstring.

        Args:
            kind: of the asset hit; empty or unknown counts as ``other``.
            phase: a word of ``PHASES``, or empty.
            severity: of the incident.
            critical_phases: the asset's own critical phases, instead of its kind's.
        """
        critical = set(critical_phases) if critical_phases else CRITICAL_PHASES.get(kind, CRITICAL_PHASES["other"])
        urgency = 2 if phase in critical else 1 if phase in HOT_PHASES else 0
        floor = {Severity.INFO: LOWEST, Severity.LOW: 4}.get(severity, 1)
        return max(floor, min(LOWEST, 6 - int(severity) - urgency))


def _holds(span: PhaseSpan, jurisdiction: str | None) -> bool:
    return jurisdiction is None or not span.jurisdiction or span.jurisdiction == jurisdiction
