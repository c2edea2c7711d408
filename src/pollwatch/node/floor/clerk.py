"""The clerk's desk over a case: how it stands, and questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.clock import US_PER_S, Clock
from pollwatch.config import Config
from pollwatch.console.desks.clerk import Standing
from pollwatch.console.services import NotThereError
from pollwatch.election.assets import Asset
from pollwatch.errors import StoreError
from pollwatch.events.detection import Severity
from pollwatch.events.printable import printable
from pollwatch.incidents import light
from pollwatch.incidents.asking import Ask
from pollwatch.incidents.inbox import Inbox
from pollwatch.incidents.inboxquery import Question
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.records import Case
from pollwatch.node.charter.jointfolder import JointFolder
from pollwatch.node.floor.watching import watching
from pollwatch.node.notifying import tree
from pollwatch.report.phonetree import PhoneTree

_WAITING: Final = Question(statuses=("open", "acknowledged"))
#: Scans of longer ago than this say nothing about now.
STALE_US: Final = 2 * 86_400 * US_PER_S


@dataclass(frozen=True, slots=True)
class FloorClerk:
    """See :class:`pollwatch.console.desks.clerk.ClerkDesk`.

    Attributes:
        case: the case.
        inbox: its inbox.
        clock: the time.
        settings: the configuration as it is now.
        helpers: the names of those who can help, as they are now.
    """

    case: Case
    inbox: Inbox
    clock: Clock
    settings: Callable[[], Config]
    helpers: Callable[[], Sequence[str]]

    def standing(self) -> Standing:
        """How it stands now."""
        counts = {each.value: each.incidents for each in self.inbox.facets(_WAITING).severities}
        grave = counts[Severity.HIGH.word] + counts[Severity.CRITICAL.word]
        medium = counts[Severity.MEDIUM.word]
        minor = counts[Severity.LOW.word] + counts[Severity.INFO.word]
        inputs = self.case.inputs()
        watched = watching(self.case.folder.database, inputs, self.clock.now_us(), STALE_US)
        blindness = watched.troubles[0] if watched.troubles else light.blindness(inputs, ())
        first = self._first() if grave + medium else None
        return Standing(
            light.shown(grave, medium, minor, blindness), first, grave + medium, watched, self._owner(first)
        )

    def ask(self, who: str, text: str, name: str) -> Ask:
        """I am not sure: tell those who can help."""
        try:
            about = self.case.incident(name).id if name else ""
        except StoreError as error:
            raise NotThereError(printable(str(error), 300)) from error
        return self.case.asking().ask(who, text, self.helpers(), about)

    def answer(self, number: int, who: str, text: str) -> Ask:
        """Answer a question."""
        try:
            return self.case.asking().answer(number, who, text)
        except StoreError as error:
            raise NotThereError(printable(str(error), 300)) from error

    def waiting(self) -> list[Ask]:
        """The questions that nobody answered yet."""
        return self.case.asking().waiting()

    def asked_by(self, who: str) -> list[Ask]:
        """The latest questions of somebody."""
        return self.case.asking().of(who)

    def phones(self) -> PhoneTree:
        """Whom to call, in which order, as the settings have it."""
        settings = self.settings()
        exercise = JointFolder(self.case.folder.root).is_exercise
        return tree.of(settings, self.clock.now_us(), settings.notify.zone, "", exercise=exercise)

    def systems(self) -> Sequence[Asset]:
        """What is watched, and who is called about it."""
        return self.settings().assets.entries

    def _first(self) -> Incident | None:
        """The incident to begin with: of those that the light is about, the most pressing."""
        page = self.inbox.page(_WAITING, "severity", rows=1)
        return self.case.incident(page.rows[0].id) if page.rows else None

    def _owner(self, incident: Incident | None) -> str:
        if incident is None:
            return ""
        hit = self.settings().assets.resolve(incident.targets, incident.lines.by_path)
        return next((each.owner for each in hit if each.owner), "")
