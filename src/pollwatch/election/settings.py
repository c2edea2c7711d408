"""``[[election]]`` and ``[[asset]]`` of ``pollwatch.toml``: from parsed TOML to the calendar and the assets.

Only a name and election day are needed; the phases that are not written are derived from it (``_derived``).
A written phase replaces the derived one of its name; ``jurisdiction`` in ``[[election.phase]]`` lets a phase
differ for one place. A date as an end means: until that day is over, in the election's zone.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from pollwatch.clock import from_datetime
from pollwatch.election.assets import Asset, Assets, Network
from pollwatch.election.calendar import Calendar, Election, PhaseSpan
from pollwatch.election.tables import Point, Table, numbered
from pollwatch.election.vocabulary import KINDS, PHASES
from pollwatch.errors import ConfigError

DAY = dt.timedelta(days=1)
DEFAULT_OPEN = dt.time(7)
DEFAULT_CLOSE = dt.time(20)
#: Results night ends at noon of the next day.
RESULTS_END = dt.time(12)


def parse_elections(tables: Sequence[Mapping[str, object]], where: str = "pollwatch.toml") -> Calendar:
    """The calendar that the ``[[election]]`` tables describe.

    Args:
        tables: the parsed array of tables.
        where: the file, for messages.

    Raises:
        ConfigError: naming the table, the key and the nearest valid word.
    """
    elections = tuple(map(_election, numbered(tables, f"{where}: [[election]]")))
    _no_twins([f"{e.name} / {e.jurisdiction}" for e in elections], f"{where}: [[election]]")
    return Calendar(elections)


def parse_assets(tables: Sequence[Mapping[str, object]], where: str = "pollwatch.toml") -> Assets:
    """The assets that the ``[[asset]]`` tables describe.

    Args:
        tables: the parsed array of tables.
        where: the file, for messages.

    Raises:
        ConfigError: naming the table, the key and the nearest valid word.
    """
    assets = tuple(map(_asset, numbered(tables, f"{where}: [[asset]]")))
    _no_twins([asset.name for asset in assets], f"{where}: [[asset]]")
    return Assets(assets)


def _no_twins(names: Sequence[str], where: str) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ConfigError(f"{where}: name {name!r} stands twice; give each its own")


def _election(table: Table) -> Election:
    name, jurisdiction, zone = table.text("name"), table.text("jurisdiction", ""), table.zone("zone")
    opens, closes, day = _polls(table, zone)
    deadline, early = table.point("registration_deadline"), table.point("early_voting")
    certification = table.point("certification")
    tables = numbered(table.tables("phase"), f"{table.where} [[election.phase]]")
    written = [_phase(each, name, jurisdiction, zone) for each in tables]
    table.done()
    for key, point in (("registration_deadline", deadline), ("early_voting", early)):
        if point is not None and start_of(point, zone) > closes:
            raise table.fail(key, "lies after the polls have closed")
    if certification is not None and start_of(certification, zone) < opens:
        raise table.fail("certification", "lies before the polls open")
    spans = _derived(day, closes, zone, deadline, early, certification)
    named = {span.phase for span in written if span.jurisdiction == jurisdiction}
    derived = [
        PhaseSpan(name, jurisdiction, phase, from_datetime(start), from_datetime(end))
        for phase, (start, end) in spans.items()
        if phase not in named and start < end
    ]
    phases = tuple(sorted([*written, *derived], key=lambda s: (s.start_us, s.end_us, s.phase)))
    return Election(name, jurisdiction, zone.key, from_datetime(opens), from_datetime(closes), phases)


def _polls(table: Table, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime, dt.date]:
    """When polls open and close, and election day; ``day`` may be left out where one of them holds the date."""
    day, opens, closes = table.point("day"), table.time_or_point("polls_open"), table.time_or_point("polls_close")
    date = _date_of(day) or _date_of(opens) or _date_of(closes)
    if date is None:
        raise table.fail("day", "is missing: write election day as day = 2026-11-03")
    start, end = _on_day(date, opens, DEFAULT_OPEN, zone), _on_day(date, closes, DEFAULT_CLOSE, zone)
    if end <= start and isinstance(closes, dt.time):
        end += DAY  # polls that close at or past midnight
    if end <= start:
        raise table.fail("polls_close", "must lie after polls_open")
    return start, end, date


def _date_of(value: dt.time | Point | None) -> dt.date | None:
    if isinstance(value, dt.datetime):
        return value.date()
    return value if isinstance(value, dt.date) else None


def _on_day(day: dt.date, value: dt.time | Point | None, default: dt.time, zone: ZoneInfo) -> dt.datetime:
    if isinstance(value, dt.datetime):
        return start_of(value, zone)
    time = value if isinstance(value, dt.time) else default
    return dt.datetime.combine(day, time, zone)


def start_of(point: Point, zone: ZoneInfo) -> dt.datetime:
    """The moment that a point on the local calendar is, or begins with."""
    if not isinstance(point, dt.datetime):
        return dt.datetime.combine(point, dt.time(), zone)
    return point if point.tzinfo else point.replace(tzinfo=zone)


def end_of(point: Point, zone: ZoneInfo) -> dt.datetime:
    """The moment after: a day ends when the next one begins (23 or 25 hours later when clocks change)."""
    if isinstance(point, dt.datetime):
        return start_of(point, zone)
    return dt.datetime.combine(point + DAY, dt.time(), zone)


def _phase(table: Table, election: str, jurisdiction: str, zone: ZoneInfo) -> PhaseSpan:
    name = table.choice("name", PHASES)
    place = table.text("jurisdiction", jurisdiction)
    start, end = table.point("start"), table.point("end")
    table.done()
    if start is None or end is None:
        raise table.fail("start" if start is None else "end", "is missing")
    first, after = start_of(start, zone), end_of(end, zone)
    if after <= first:
        raise table.fail("end", "must lie after start")
    return PhaseSpan(election, place, name, from_datetime(first), from_datetime(after))


def _derived(
    day: dt.date,
    closes: dt.datetime,
    zone: ZoneInfo,
    deadline: Point | None,
    early: Point | None,
    certification: Point | None,
) -> dict[str, tuple[dt.datetime, dt.datetime]]:
    """Phases as most elections have them, counted from election day; known dates replace the rules of thumb."""

    def before(days: int) -> dt.datetime:
        return dt.datetime.combine(day - days * DAY, dt.time(), zone)

    election_day = before(0)
    night_ends = max(dt.datetime.combine(day + DAY, RESULTS_END, zone), closes + dt.timedelta(hours=8))
    certified = end_of(certification, zone) if certification is not None else before(-30)
    certifying = max(night_ends, dt.datetime.combine(certified.date() - 7 * DAY, dt.time(), zone))
    registered = end_of(deadline, zone) if deadline is not None else before(14)
    spans = {
        "preparation": (before(365), before(180)),
        "registration": (before(180), registered),
        "campaign": (before(60), election_day),
        "election-day": (election_day, closes),
        "results-night": (closes, night_ends),
        "canvass": (night_ends, certifying),
        "certification": (certifying, max(certified, certifying)),
        "aftermath": (max(certified, certifying), before(-120)),
    }
    if deadline is not None:
        # The rush begins the day before; both days decide whether people can vote at all.
        eve = dt.datetime.combine((registered - dt.timedelta(microseconds=1)).date() - DAY, dt.time(), zone)
        spans["registration-deadline"] = (eve, registered)
    if early is not None:
        spans["early-voting"] = (start_of(early, zone), election_day)
    return spans


def _asset(table: Table) -> Asset:
    name, owner = table.text("name"), table.text("owner", "")
    kind = table.choice("kind", KINDS, "other")
    seen = table.texts("appears_as")
    critical, place = table.choices("critical_phases", PHASES), table.text("jurisdiction", "")
    table.done()
    if not seen:
        raise table.fail("appears_as", 'is missing: say how logs name it, e.g. appears_as = ["portal.example.org"]')
    hosts: list[str] = []
    networks: list[Network] = []
    paths: list[str] = []
    for entry in seen:
        if (network := _network(table, entry)) is not None:
            networks.append(network)
        elif entry.startswith("path:") or "/" in entry or entry.endswith((".log", ".json", ".jsonl", ".gz")):
            paths.append(entry.removeprefix("path:"))
        elif " " in entry:
            raise table.fail("appears_as", f"{entry!r} is no host name, address, network or path of a log")
        else:
            hosts.append(entry.lower().rstrip("."))
    return Asset(name, owner, kind, tuple(hosts), tuple(networks), tuple(paths), frozenset(critical), place)


def _network(table: Table, entry: str) -> Network | None:
    """The address or network, or None where the entry is something else."""
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        head, slash, tail = entry.partition("/")
        looks_numeric = head and all(c in "0123456789.:" for c in head)
        if (slash and tail.isdigit() and looks_numeric) or (looks_numeric and head.count(".") == 3 and not slash):
            raise table.fail("appears_as", f"{entry!r} is no valid address or network") from None
        return None
