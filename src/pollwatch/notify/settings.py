"""``[notify]`` of ``pollwatch.toml``: who is told, over which channels, in which order, and when nobody is.

What is secret about a channel (passwords, tokens, telephone numbers in an address) never stands here: a channel names a
file, or a systemd credential, that holds it.
"""

from __future__ import annotations

import datetime as dt
import os.path
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast
from zoneinfo import ZoneInfo

from pollwatch.clock import from_datetime, rfc3339
from pollwatch.election.settings import start_of
from pollwatch.election.tables import Table, numbered
from pollwatch.election.vocabulary import HOT_PHASES, PHASES
from pollwatch.errors import ConfigError
from pollwatch.events.detection import Severity

#: How much a message may say: that there is something; what kind of thing; or which systems and addresses, too.
Detail: TypeAlias = Literal["bare", "plain", "full"]
DETAILS: Final[tuple[Detail, ...]] = ("bare", "plain", "full")
#: In a step: whoever is on duty at that moment.
ON_DUTY: Final = "on-duty"
_SEVERITIES: Final = tuple(each.word for each in Severity)
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:_[A-Z]{2})?", re.ASCII)
_CREDENTIAL: Final = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to reach somebody.

    Attributes:
        name: how people refer to it.
        file: holds its address; empty where a credential does.
        credential: name of the systemd credential that holds it.
        detail: how much may be said over it.
    """

    name: str
    file: str = ""
    credential: str = ""
    detail: Detail = "plain"


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of the day, in the person's zone; they may go past midnight."""

    begin: dt.time
    end: dt.time

    def holds(self, moment: dt.datetime) -> bool:
        """Whether a moment on the local clock lies in them."""
        at = moment.time().replace(tzinfo=None, fold=0)
        if self.begin <= self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is told.

    Attributes:
        name: for people.
        role: what they are, for the telephone tree.
        telephone: for the telephone tree only.
        urgent: the channels that carry alarms.
        digest: the channels that carry the summary.
        language: of what they get.
        quiet: when they are left in peace, unless it is one of the phases in which nobody is, or grave enough.
    """

    name: str
    role: str = ""
    telephone: str = ""
    urgent: tuple[str, ...] = ()
    digest: tuple[str, ...] = ()
    language: str = "en"
    quiet: Quiet | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """Who is on duty from when until when."""

    person: str
    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Step:
    """Whom an alarm reaches that nobody has answered for so long."""

    after_us: int
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """All of it; without people nobody is told.

    Attributes:
        channels: by name.
        people: in the order of the file.
        steps: by time.
        shifts: by beginning.
        zone: of quiet hours and summaries.
        link: where the console is reached, without a final slash; empty = no links in messages.
        urgent_from: from which severity on something is urgent whatever the calendar says.
        urgent_priority: from which priority (1 is the highest) on it is urgent.
        wake_priority: from which priority on quiet hours do not hold.
        awake_in: phases in which nobody's quiet hours hold.
        digest_at: when the summary goes out.
        gather_us: further news of an alarm that was told wait so long, unless they are graver.
        repeat_us: an alarm that nobody answers begins again after so long.
        most_per_hour: messages of alarms to one person.
        stale_us: what happened longer ago is in the summary, and no alarm.
    """

    channels: Mapping[str, Channel] = field(default_factory=dict)
    people: tuple[Person, ...] = ()
    steps: tuple[Step, ...] = ()
    shifts: tuple[Shift, ...] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    link: str = ""
    urgent_from: Severity = Severity.HIGH
    urgent_priority: int = 2
    wake_priority: int = 2
    awake_in: frozenset[str] = HOT_PHASES
    digest_at: tuple[dt.time, ...] = (dt.time(8),)
    gather_us: int = 5 * 60_000_000
    repeat_us: int = 30 * 60_000_000
    most_per_hour: int = 12
    stale_us: int = 24 * 3600 * 1_000_000

    def words(self) -> Iterator[tuple[str, str]]:
        """Each setting in words, without what is nobody else's business."""
        for each in self.channels.values():
            yield f"channel.{each.name}", f"{each.file or 'credential ' + each.credential}, {each.detail}"
        for person in self.people:
            yield (
                f"person.{person.name}",
                ", ".join(dict.fromkeys((*person.urgent, *person.digest))) or "telephone only",
            )
        for step in self.steps:
            yield f"step.{step.after_us // 60_000_000}", ", ".join(step.people)
        for shift in self.shifts:
            yield f"shift.{shift.person}", f"{rfc3339(shift.start_us)} to {rfc3339(shift.end_us)}"

    def person(self, name: str) -> Person | None:
        """Somebody by name."""
        return next((each for each in self.people if each.name == name), None)

    def on_duty(self, now_us: int) -> tuple[Person, ...]:
        """Who is on duty."""
        names = dict.fromkeys(each.person for each in self.shifts if each.start_us <= now_us < each.end_us)
        return tuple(person for name in names if (person := self.person(name)) is not None)

    def told(self, step: Step, now_us: int) -> tuple[Person, ...]:
        """The people of a step; whoever is on duty where it says so."""
        found: dict[str, Person] = {}
        for name in step.people:
            people = self.on_duty(now_us) if name == ON_DUTY else (self.person(name),)
            found |= {each.name: each for each in people if each is not None}
        return tuple(found.values())


def parse_notify(values: Mapping[str, object], where: str) -> NotifySettings:
    """The settings that the ``[notify]`` table describes.

    Args:
        values: the parsed table.
        where: the file, for messages; channels' files are relative to it.

    Raises:
        ConfigError: naming the table, the key and the nearest valid word.
    """
    table = Table(values, f"{where}: [notify]")
    zone = table.zone("zone")
    language = _language(table, "en")
    channels = _channels(table, where)
    people = tuple(
        _person(each, channels, language) for each in numbered(table.tables("person"), f"{where}: [[notify.person]]")
    )
    names = [each.name for each in people]
    _no_twins(names, f"{where}: [[notify.person]]")
    steps = tuple(_step(each, names) for each in numbered(table.tables("step"), f"{where}: [[notify.step]]"))
    shifts = tuple(_shift(each, names, zone) for each in numbered(table.tables("shift"), f"{where}: [[notify.shift]]"))
    defaults = NotifySettings()
    found = NotifySettings(
        channels={each.name: each for each in channels},
        people=people,
        steps=tuple(sorted(steps, key=lambda each: each.after_us)) or _everybody(people),
        shifts=tuple(sorted(shifts, key=lambda each: each.start_us)),
        zone=zone,
        link=_link(table),
        urgent_from=Severity(_SEVERITIES.index(table.choice("urgent_from", _SEVERITIES, "high"))),
        urgent_priority=_within(table, "urgent_priority", defaults.urgent_priority, 0, 5),
        wake_priority=_within(table, "wake_priority", defaults.wake_priority, 0, 5),
        awake_in=frozenset(table.choices("awake_in", PHASES) if table.has("awake_in") else HOT_PHASES),
        digest_at=tuple(_time(table, "digest_at", each) for each in table.texts("digest_at")) or defaults.digest_at,
        gather_us=_minutes(table, "gather_minutes", 5),
        repeat_us=_minutes(table, "repeat_minutes", 30),
        most_per_hour=_within(table, "most_per_hour", defaults.most_per_hour, 1, 1000),
        stale_us=_within(table, "stale_hours", 24, 1, 10_000) * 3600 * 1_000_000,
    )
    table.done()
    return found


def _everybody(people: Iterable[Person]) -> tuple[Step, ...]:
    """Without steps, everybody who has a channel for alarms is told at once."""
    named = tuple(each.name for each in people if each.urgent)
    return (Step(0, named),) if named else ()


def _channels(table: Table, where: str) -> tuple[Channel, ...]:
    found = []
    folder = Path(where).parent.absolute()
    for each in numbered(table.tables("channel"), f"{where}: [[notify.channel]]"):
        name, file, credential = each.text("name"), each.text("file", ""), each.text("credential", "")
        detail = cast("Detail", each.choice("detail", DETAILS, "plain"))
        if each.has("url"):
            raise each.fail(
                "url", "does not belong here: write the address into a file that only you can read, and name that: file"
            )
        each.done()
        if bool(file) == bool(credential):
            raise each.fail(
                "file", "names the file with the channel's address; or credential the systemd credential; one of them"
            )
        if credential and not _CREDENTIAL.fullmatch(credential):
            raise each.fail("credential", f"{credential!r} is no name of a systemd credential")
        path = os.path.normpath(folder / Path(file).expanduser()) if file else ""
        found.append(Channel(name, path, credential, detail))
    _no_twins([each.name for each in found], f"{where}: [[notify.channel]]")
    return tuple(found)


def _person(table: Table, channels: Sequence[Channel], language: str) -> Person:
    known = [each.name for each in channels]
    name, role, telephone = table.text("name"), table.text("role", ""), table.text("telephone", "")
    if name == ON_DUTY:
        raise table.fail("name", f"{name!r} means whoever is on duty; call the person otherwise")
    urgent, digest = table.choices("urgent", known), table.choices("digest", known)
    tongue = _language(table, language)
    hours = table.text("quiet", "")
    table.done()
    return Person(name, role, telephone, urgent, digest, tongue, _quiet(table, hours) if hours else None)


def _step(table: Table, names: Sequence[str]) -> Step:
    after, people = table.count("after_minutes", 0), table.choices("people", (*names, ON_DUTY))
    table.done()
    if not people:
        raise table.fail("people", "names whom this step reaches")
    return Step(after * 60_000_000, people)


def _shift(table: Table, names: Sequence[str], zone: ZoneInfo) -> Shift:
    person = table.choice("person", names)
    start, end = table.point("start"), table.point("end")
    table.done()
    if start is None or end is None:
        raise table.fail("start", "and end say from when until when the shift lasts")
    begin, until = from_datetime(start_of(start, zone)), from_datetime(start_of(end, zone))
    if until <= begin:
        raise table.fail("end", "must lie after start")
    return Shift(person, begin, until)


def _quiet(table: Table, text: str) -> Quiet:
    begin, dash, end = text.partition("-")
    if not dash:
        raise table.fail("quiet", f"must be written as 22:00-07:00, not {text!r}")
    return Quiet(_time(table, "quiet", begin.strip()), _time(table, "quiet", end.strip()))


def _time(table: Table, key: str, text: str) -> dt.time:
    try:
        found = dt.time.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None or len(text) > 8 or ":" not in text:
        raise table.fail(key, f"must be a time of day such as 07:00, not {text!r}")
    return found


def _minutes(table: Table, key: str, default: int) -> int:
    return _within(table, key, default, 1, 7 * 24 * 60) * 60_000_000


def _within(table: Table, key: str, default: int, least: int, most: int) -> int:
    found = table.count(key, default)
    if not least <= found <= most:
        raise table.fail(key, f"must be {least} to {most}, not {found}")
    return found


def _language(table: Table, default: str) -> str:
    found = table.text("language", default)
    if not _LANGUAGE.fullmatch(found):
        raise table.fail("language", f"must be a language such as en, nl or pt_BR, not {found!r}")
    return found


def _link(table: Table) -> str:
    found = table.text("link", "")
    if found and not found.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise table.fail("link", f"must be the console's address with https://, not {found!r}")
    return found.rstrip("/")


def _no_twins(names: Sequence[str], where: str) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ConfigError(f"{where}: name {name!r} stands twice; give each its own")
