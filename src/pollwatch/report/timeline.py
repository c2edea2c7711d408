"""The timeline as geometry: incidents as bars over the election calendar. The template only draws."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise

from babel.dates import format_date

from pollwatch.clock import from_datetime, to_datetime
from pollwatch.election.calendar import Calendar
from pollwatch.election.vocabulary import HOT_PHASES
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.incidents.incident import Incident
from pollwatch.report.case import CaseReport
from pollwatch.report.words import phase_word

WIDTH = 1000
LEFT = 12
ROW = 36
TOP = 52
_MIN_BAR = 6.0
#: What a letter of a label takes, rather too much than too little.
LETTER = 7.0
_MAX_TICKS = 9
_STEPS_S = (60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800, 2592000, 7776000, 31536000)
#: From steps of a season on, a date needs its year.
_YEARLY_S = 7776000


@dataclass(frozen=True, slots=True)
class Band:
    """A phase of the calendar behind the bars; ``label`` is empty where it would not fit."""

    x: float
    width: float
    phase: str
    label: str
    hot: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled moment on the axis."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One incident; ``y`` is the top of its row, ``steps`` are its phases, as ``(x, width)``."""

    id: str
    severity: str
    label: str
    x: float
    y: int
    width: float
    label_x: float
    label_anchor: str
    steps: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All geometry, in a coordinate space :data:`WIDTH` wide and ``height`` high."""

    height: int
    bands: tuple[Band, ...]
    ticks: tuple[Tick, ...]
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """A stretch of time over the chart's width; ``start`` and ``end`` in microseconds."""

    start: int
    end: int

    @classmethod
    def around(cls, first_us: int, last_us: int) -> Scale:
        """With a margin on both sides, so that one moment is a chart too."""
        margin = max((last_us - first_us) // 25, 60_000_000)
        return cls(first_us - margin, last_us + margin)

    def x(self, us: int) -> float:
        """Where a moment lies; what is beyond the stretch lies at its edge."""
        share = (min(max(us, self.start), self.end) - self.start) / (self.end - self.start)
        return round(LEFT + share * (WIDTH - 2 * LEFT), 1)

    def width(self, first: int, last: int, least: float) -> float:
        """How wide a span is, and never less than ``least``."""
        return max(least, round(self.x(last) - self.x(first), 1))


def timeline(case: CaseReport) -> Timeline | None:
    """The chart of a case, or None where no incident has a time."""
    spans = [(i.first_us, i.last_us) for i in case.told if i.first_us is not None and i.last_us is not None]
    if not spans:
        return None
    first, last = min(s[0] for s in spans), max(s[1] for s in spans)
    scale = Scale.around(first, last)
    dated = sorted((i for i in case.told if i.first_us is not None), key=lambda i: (i.first_us or 0, i.id))
    bars = tuple(_bar(incident, row, scale) for row, incident in enumerate(dated))
    return Timeline(TOP + len(bars) * ROW + 10, bands(case.calendar, scale), ticks(case.zone, scale), bars)


def _bar(incident: Incident, row: int, scale: Scale) -> Bar:
    first = incident.first_us or scale.start
    left, width = scale.x(first), scale.width(first, incident.last_us or first, _MIN_BAR)
    label = printable(incident.title, 90)
    # The label stands above the bar and begins with it, or ends with it where the page would cut it off.
    fits = left + len(label) * LETTER <= WIDTH
    label_x, anchor = (left, "start") if fits else (left + width, "end")
    return Bar(
        incident.id,
        incident.severity.word,
        label,
        left,
        TOP + row * ROW,
        width,
        label_x,
        anchor,
        tuple(
            (scale.x(phase.first_us), scale.width(phase.first_us, phase.last_us, 2.0))
            for phase in incident.phases
            if phase.first_us is not None and phase.last_us is not None
        ),
    )


def bands(calendar: Calendar, scale: Scale) -> tuple[Band, ...]:
    """The phase that speaks for each stretch of time; phases overlap, stretches do not."""
    edges = {scale.start, scale.end}
    edges |= {us for span in calendar.spans for us in (span.start_us, span.end_us) if scale.start < us < scale.end}
    stretches: list[tuple[int, int, str]] = []
    ordered = sorted(edges)
    for start, end in pairwise(ordered):
        speaking = calendar.phase_at(start)
        phase = speaking.phase if speaking else ""
        if stretches and stretches[-1][2] == phase:
            stretches[-1] = (stretches[-1][0], end, phase)
        else:
            stretches.append((start, end, phase))
    found = []
    for start, end, phase in stretches:
        width = scale.width(start, end, 0)
        words = phase_word(phase)
        label = words if width > 7 * len(words) + 8 else ""
        if phase:
            found.append(Band(scale.x(start), width, phase, label, phase in HOT_PHASES))
    return tuple(found)


def ticks(zone: dt.tzinfo, scale: Scale) -> tuple[Tick, ...]:
    """Round moments in a zone, as many as fit."""
    span_s = (scale.end - scale.start) / 1_000_000
    step_s = next((step for step in _STEPS_S if span_s / step <= _MAX_TICKS), _STEPS_S[-1])
    moment = to_datetime(scale.start).astimezone(zone).replace(second=0, microsecond=0, minute=0)
    if step_s >= 86400:
        moment = moment.replace(hour=0)
    found = []
    while (us := from_datetime(moment)) < scale.end:
        if us > scale.start:
            clock = step_s < 86400 and moment.hour
            shape = "d MMM yy" if step_s >= _YEARLY_S else "dd MMM"
            label = moment.strftime("%H:%M") if clock else format_date(moment.date(), shape, locale=_("en"))
            found.append(Tick(scale.x(us), label))
        moment += dt.timedelta(seconds=step_s)
    return tuple(found)
