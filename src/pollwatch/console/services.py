"""What the console asks of the node, as protocols; :mod:`pollwatch.node.floor` answers them, tests may do so as well.

Each protocol is one desk of the watch floor. Methods may be called from several threads at once, read the case as it
is at that moment, and raise what :mod:`pollwatch.errors` has; words for people come in the language spoken now
(:func:`pollwatch.i18n.speaking`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pollwatch.clock import Clock
from pollwatch.console.desks.alarms import AlarmDesk
from pollwatch.console.desks.asking import AskDesk, SavedDesk
from pollwatch.console.desks.attack import AttackDesk
from pollwatch.console.desks.clerk import ClerkDesk
from pollwatch.console.desks.incidents import IncidentDesk
from pollwatch.console.desks.joint import JointDesk
from pollwatch.console.desks.rules import RuleDesk
from pollwatch.console.desks.settings import SettingsDesk
from pollwatch.console.desks.sources import SourceDesk
from pollwatch.election.assets import Assets
from pollwatch.election.calendar import Calendar
from pollwatch.errors import PollwatchError


class NotThereError(PollwatchError):
    """What was asked for is not in the case: the page is 404."""


class RefusedError(PollwatchError):
    """What was asked cannot be done as it was said; the message says what to write instead: the page is 400."""


@dataclass(frozen=True, slots=True)
class Office:
    """Whose watch floor this is.

    Attributes:
        title: the first election's name, or the case folder's.
        member: who watches, as in the joint watch; may be empty.
        zone: the zone of the office, for all times.
        calendar: the elections watched.
        exercise: whether nothing of it is real; every page says so.
        case_dir: the case folder, for commands that a page shows.
        assets: the systems that are watched.
    """

    title: str
    member: str
    zone: dt.tzinfo
    calendar: Calendar
    exercise: bool
    case_dir: Path
    assets: Assets

    def system(self, target: str) -> str:
        """What the office calls the system that a log names; as the log has it, where the settings do not know it."""
        asset = self.assets.of_target(target)
        return target if asset is None else asset.name

    def system_at(self, target: str) -> str:
        """The same with the name that the log has, where two hosts of one system must be told apart."""
        called = self.system(target)
        return target if called == target else f"{called} ({target})"


class Changes(Protocol):
    """Tells when the case has changed, whoever changed it: daemon, command line or another console."""

    def look(self) -> str:
        """A word that differs from what it was before whenever something that pages show was committed. Quick."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the pages ask. A page names the desks that it needs."""

    offices: Callable[[], Office]
    clock: Clock
    changes: Changes
    incidents: IncidentDesk
    clerk: ClerkDesk
    rules: RuleDesk
    sources: SourceDesk
    attack: AttackDesk
    joint: JointDesk
    asking: AskDesk
    saved: SavedDesk
    settings: SettingsDesk
    alarms: AlarmDesk

    @property
    def office(self) -> Office:
        """Whose watch floor this is, by the settings as they are now."""
        return self.offices()
