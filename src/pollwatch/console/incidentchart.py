"""An incident's steps as bars over the election calendar, as geometry; the template only draws."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pollwatch.election.calendar import Calendar
from pollwatch.events.printable import printable
from pollwatch.incidents.incident import Incident
from pollwatch.report.timeline import LETTER, WIDTH, Band, Scale, Tick, bands, ticks

_TOP = 44
_ROW = 34
_MIN_BAR = 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """One phase of the incident; ``y`` is the top of its row."""

    label: str
    technique: str
    x: float
    y: int
    width: float
    label_x: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Chart:
    """All of it, in a space ``width`` wide and ``height`` high."""

    width: int
    height: int
    bands: tuple[Band, ...]
    ticks: tuple[Tick, ...]
    steps: tuple[Step, ...]


def incident_chart(incident: Incident, calendar: Calendar, zone: dt.tzinfo) -> Chart | None:
    """The chart of an incident; None where nothing of it has a time."""
    if incident.first_us is None or incident.last_us is None:
        return None
    scale = Scale.around(incident.first_us, incident.last_us)
    timed = [phase for phase in incident.phases if phase.first_us is not None]
    steps = []
    for row, phase in enumerate(timed):
        first, last = phase.first_us or scale.start, phase.last_us or phase.first_us or scale.start
        x, width = scale.x(first), scale.width(first, last, _MIN_BAR)
        label = printable(phase.name, 60)
        fits = x + len(label) * LETTER <= WIDTH
        steps.append(
            Step(
                label,
                phase.technique,
                x,
                _TOP + row * _ROW,
                width,
                x if fits else x + width,
                "start" if fits else "end",
            )
        )
    height = _TOP + len(steps) * _ROW + 8
    return Chart(WIDTH, height, bands(calendar, scale), ticks(zone, scale), tuple(steps))
