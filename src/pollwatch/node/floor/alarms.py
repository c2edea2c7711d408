"""The alarms behind the links of messages, for the console."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pollwatch.clock import Clock
from pollwatch.console.desks.alarms import Linked
from pollwatch.errors import UsageError
from pollwatch.node.notifying import acting
from pollwatch.notify import message
from pollwatch.notify.plan import Alarm
from pollwatch.notify.settings import NotifySettings
from pollwatch.store.database import Database


@dataclass(frozen=True, slots=True)
class FloorAlarms:
    """Answers from the case.

    Attributes:
        database: the case's.
        settings: who is told, as the settings are now.
        clock: the time.
    """

    database: Database
    settings: Callable[[], NotifySettings]
    clock: Clock

    def linked(self, token: str) -> Linked | None:
        """The alarm of a link; None where it is of none."""
        try:
            alarm, person = acting.whose(self.database, self.settings(), token, links_only=True)
        except UsageError:
            return None
        return _linked(alarm, person)

    def take(self, token: str) -> Linked | None:
        """Whoever has the link has the alarm; None where it is of none."""
        found = self.linked(token)
        if found is None:
            return None
        done = acting.answer(self.database, self.settings(), found.number, found.person, self.clock)
        return _linked(done.alarm, found.person)


def _linked(alarm: Alarm, person: str) -> Linked:
    return Linked(alarm.id, message.head(alarm), person, alarm.opened_us, alarm.open, alarm.acked_by)
