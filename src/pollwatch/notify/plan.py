"""Who is to be told of an alarm now, and when to look again: pure, from the alarm, the settings and the clock.

Laws:

- An alarm is told to the people of its first step at once, of the next ones when nobody has answered for so long, and
  begins again after ``repeat``, until somebody answers or it is over.
- Quiet hours move a message to their end. They do not hold in the phases of an election in which nobody sleeps, nor for
  what is grave enough by the calendar; and where they would leave nobody of a step, the next step is reached at once.
- However many incidents come, those who were told are told again only when it has become graver, or when there is more
  and ``gather`` has passed; and nobody gets more than so many an hour. What is held back is in the next message.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pollwatch.clock import from_datetime, to_datetime
from pollwatch.events.detection import Severity
from pollwatch.notify.settings import NotifySettings, Person

Written: TypeAlias = tuple[str, str]
"""A message that was written: why, and the name of whom it is for."""
AlarmKind: TypeAlias = Literal["incidents", "blind", "asked"]
_DAY: Final = dt.timedelta(days=1)
_HOUR_US: Final = 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Alarm:
    """What somebody has to answer for.

    Attributes:
        count: how many incidents, sources or questions belong to it.
        priority: the highest of any of them, 1 to 5.
        text: why nobody is watching, or what was asked.
        told_us: when the last message about it was written; None before the first.
        told_count: how many belonged to it then.
        told_severity: how grave it was then.
        acked_us: when somebody answered for it; None while nobody has.
        ended_us: when it was over by itself.
    """

    id: int
    kind: AlarmKind
    opened_us: int
    severity: Severity
    priority: int
    count: int
    text: str = ""
    told_us: int | None = None
    told_count: int = 0
    told_severity: Severity = Severity.INFO
    acked_us: int | None = None
    acked_by: str = ""
    ended_us: int | None = None

    @property
    def open(self) -> bool:
        """Whether somebody still has to answer."""
        return self.acked_us is None and self.ended_us is None


@dataclass(frozen=True, slots=True)
class Send:
    """A message to one person; ``why`` names it for ever, among all to that person."""

    person: Person
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is due, and when to ask again; None = nothing more by the clock alone."""

    sends: tuple[Send, ...]
    next_us: int | None


def plan(
    alarm: Alarm,
    settings: NotifySettings,
    now_us: int,
    phase: str,
    written: Collection[Written],
    failed: Collection[str] = (),
    recent: Mapping[str, Sequence[int]] | None = None,
) -> Plan:
    """What is to be sent about an alarm now.

    Args:
        alarm: the alarm.
        settings: who is told.
        now_us: the time.
        phase: of the election, as the calendar has it now; empty for none.
        written: the messages about it that were written: why, and to whom.
        failed: names of people whom no message about it has reached although all their channels were tried.
        recent: for each person, when messages of alarms to them were written within the last hour.
    """
    if not alarm.open or not settings.steps:
        return Plan((), None)
    held = _Held(settings, now_us, recent or {})
    begun, sends, later = _steps(alarm, settings, now_us, phase, written, failed, held)
    if alarm.told_us is not None and not sends:
        update, again_us = _update(alarm, settings, now_us, written, held)
        sends += update
        later += [again_us] if again_us is not None else []
    later += held.later
    later.append(alarm.opened_us + (begun + 1) * settings.repeat_us)
    return Plan(tuple(sends), min((each for each in later if each > now_us), default=None))


def _steps(
    alarm: Alarm,
    settings: NotifySettings,
    now_us: int,
    phase: str,
    written: Collection[Written],
    failed: Collection[str],
    held: _Held,
) -> tuple[int, list[Send], list[int]]:
    """The round that has begun, what its steps send now, and when more is due."""
    elapsed = max(0, now_us - alarm.opened_us)
    round_ = elapsed // settings.repeat_us
    into_us = elapsed - round_ * settings.repeat_us
    sends: list[Send] = []
    later: list[int] = []
    reached = True  # whether everything before this step has reached somebody; else it is due at once
    for number, step in enumerate(settings.steps):
        if into_us < step.after_us and reached:
            later.append(alarm.opened_us + round_ * settings.repeat_us + step.after_us)
            break
        people = settings.told(step, now_us)
        awake = [each for each in people if not is_quiet(each, settings, now_us, phase, alarm.priority)]
        later += [quiet_until(each, settings, now_us) for each in people if each not in awake]
        for each in awake:
            why = f"alarm {alarm.id} round {round_} step {number}"
            if each.urgent and (why, each.name) not in written and held.may(each):
                sends.append(Send(each, why))
        reached = any(each.name not in failed and each.urgent for each in awake)
    return round_, sends, later


def _update(
    alarm: Alarm, settings: NotifySettings, now_us: int, written: Collection[Written], held: _Held
) -> tuple[list[Send], int | None]:
    """News for those who were told, and when they may have them if not now."""
    graver = alarm.severity > alarm.told_severity
    if alarm.told_us is None or not (graver or alarm.count > alarm.told_count):
        return [], None
    ready_us = alarm.told_us if graver else alarm.told_us + settings.gather_us
    if now_us < ready_us:
        return [], ready_us
    why = f"alarm {alarm.id} news {alarm.count} {int(alarm.severity)}"
    names = {name for _why, name in written}
    told = (each for each in settings.people if each.name in names and (why, each.name) not in written)
    return [Send(each, why) for each in told if held.may(each)], None


class _Held:
    """Keeps count of what each person got within the hour."""

    def __init__(self, settings: NotifySettings, now_us: int, recent: Mapping[str, Sequence[int]]) -> None:
        self._most = settings.most_per_hour
        self._recent = {
            name: sorted(each for each in times if each > now_us - _HOUR_US) for name, times in recent.items()
        }
        self.later: list[int] = []

    def may(self, person: Person) -> bool:
        """Whether one more message may go to somebody now; when it may, if not."""
        got = self._recent.get(person.name, [])
        if len(got) < self._most:
            return True
        self.later.append(got[-self._most] + _HOUR_US)
        return False


def is_quiet(person: Person, settings: NotifySettings, now_us: int, phase: str, priority: int) -> bool:
    """Whether somebody is to be left in peace with something of this priority."""
    if person.quiet is None or phase in settings.awake_in or priority <= settings.wake_priority:
        return False
    return person.quiet.holds(to_datetime(now_us).astimezone(settings.zone))


def quiet_until(person: Person, settings: NotifySettings, now_us: int) -> int:
    """When somebody's quiet hours are over, also on a day whose clocks are changed; now, where they do not hold."""
    local = to_datetime(now_us).astimezone(settings.zone)
    if person.quiet is None or not person.quiet.holds(local):
        return now_us
    for days in range(3):
        end = dt.datetime.combine(local.date() + days * _DAY, person.quiet.end, settings.zone)
        if from_datetime(end) > now_us:
            return from_datetime(end)
    return now_us


def digest_slot(settings: NotifySettings, now_us: int) -> int:
    """The last moment before now at which a summary is due; each day's times are on that day's own clock."""
    today = to_datetime(now_us).astimezone(settings.zone).date()
    moments = (
        from_datetime(dt.datetime.combine(today - days * _DAY, at, settings.zone))
        for days in range(3)
        for at in settings.digest_at
    )
    return max(each for each in moments if each <= now_us)


def next_digest(settings: NotifySettings, now_us: int) -> int:
    """The first moment after now at which a summary is due."""
    today = to_datetime(now_us).astimezone(settings.zone).date()
    moments = (
        from_datetime(dt.datetime.combine(today + days * _DAY, at, settings.zone))
        for days in range(3)
        for at in settings.digest_at
    )
    return min(each for each in moments if each > now_us)
