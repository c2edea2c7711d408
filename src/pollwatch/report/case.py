"""What a report is made of: everything it shows, gathered beforehand, so that a report never reads a log."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pollwatch.clock import UTC, to_datetime
from pollwatch.election.calendar import Calendar
from pollwatch.events.detection import Severity
from pollwatch.events.printable import printable
from pollwatch.incidents.coverage import CoverageAnswer
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.light import Light
from pollwatch.incidents.scanned import ScannedInput


@dataclass(frozen=True, slots=True)
class CaseReport:
    """One case at one moment.

    Attributes:
        title: e.g. the election's name, or the case folder's.
        member: who watches; may be empty.
        generated_us: when the report was made.
        zone: for all times shown; named on the page.
        exercise: whether all of it is an exercise; each form of the report then says so.
        calendar: the elections watched, for the chart's background.
        case_dir: what to write after ``--case`` in "how to check this"; empty where there is no case folder.
    """

    title: str
    member: str
    generated_us: int
    light: Light
    incidents: tuple[Incident, ...]
    inputs: tuple[ScannedInput, ...]
    coverage: tuple[CoverageAnswer, ...]
    calendar: Calendar
    case_dir: str = ""
    zone: dt.tzinfo = UTC
    exercise: bool = False

    def when(self, us: int | None, *, seconds: bool = True) -> str:
        """A moment in the report's zone, or a dash."""
        if us is None:
            return "–"
        moment = to_datetime(us).astimezone(self.zone)
        return moment.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")

    @property
    def told(self) -> tuple[Incident, ...]:
        """The incidents that are told in full: low and above."""
        return tuple(incident for incident in self.incidents if incident.severity > Severity.INFO)

    @property
    def minor(self) -> tuple[Incident, ...]:
        """Small matters, listed for those who want to know."""
        return tuple(incident for incident in self.incidents if incident.severity == Severity.INFO)

    @property
    def zone_name(self) -> str:
        """The zone's name, e.g. ``Europe/Amsterdam``."""
        return str(self.zone)


def actor_names(incident: Incident, limit: int = 6) -> list[str]:
    """Who acted, inert and cut to a few, addresses first."""
    actors = incident.actors
    names = [*actors.ip, *actors.host, *actors.domain] or [f"user {user}" for user in actors.user]
    shown = [printable(name, 80) for name in names[:limit]]
    return [*shown, f"+{len(names) - limit}"] if len(names) > limit else shown
