"""The telephone tree of an office, from its settings."""

from __future__ import annotations

import datetime as dt
from typing import Final

from pollwatch.clock import to_datetime
from pollwatch.config import Config
from pollwatch.i18n import _
from pollwatch.notify.settings import ON_DUTY, NotifySettings, Person, Step
from pollwatch.report.phonetree import Entry, PhoneTree, Rung

_SHIFTS: Final = 14


def of(settings: Config, now_us: int, zone: dt.tzinfo, office: str, *, exercise: bool) -> PhoneTree:
    """The tree as it is now, in the language that is spoken.

    Args:
        settings: the configuration.
        now_us: the time.
        zone: for times.
        office: whose tree it is; empty = the node's name.
        exercise: whether nothing of it is real.
    """
    notify = settings.notify
    coming = [each for each in notify.shifts if each.end_us > now_us][:_SHIFTS]
    duty = tuple(
        (_when(each.start_us, zone), _when(each.end_us, zone), each.person, _telephone(notify.person(each.person)))
        for each in coming
    )
    named = {name for step in notify.steps for name in step.people}
    rungs = [_rung(notify, step, now_us) for step in notify.steps]
    others = [each for each in notify.people if each.telephone and each.name not in named]
    if others:
        rungs.append(Rung(_("Further"), tuple(map(_entry, others))))
    return PhoneTree(
        language=_("en"),
        office=office or settings.node.name,
        rungs=tuple(rungs),
        duty=duty,
        owners=tuple((each.name, each.owner) for each in settings.assets.entries if each.owner),
        made=_when(now_us, zone),
        exercise=exercise,
    )


def _rung(notify: NotifySettings, step: Step, now_us: int) -> Rung:
    minutes = step.after_us // 60_000_000
    text = _("When nobody has it after {n} minutes") if minutes else _("First")
    entries = []
    for name in step.people:
        if name == ON_DUTY:
            present = notify.on_duty(now_us)
            entries.append(Entry(_("Whoever is on duty"), "", ", ".join(map(_telephone, present)), _("see below")))
        elif (person := notify.person(name)) is not None:
            entries.append(_entry(person))
    return Rung(text.format(n=minutes), tuple(entries))


def _entry(person: Person) -> Entry:
    quiet = person.quiet
    note = (
        ""
        if quiet is None
        else _("leave in peace {begin}–{end} if you can").format(
            begin=quiet.begin.strftime("%H:%M"), end=quiet.end.strftime("%H:%M")
        )
    )
    return Entry(person.name, person.role, _telephone(person), note)


def _telephone(person: Person | None) -> str:
    return (person.telephone if person is not None else "") or "–"


def _when(us: int, zone: dt.tzinfo) -> str:
    return to_datetime(us).astimezone(zone).strftime("%Y-%m-%d %H:%M")
