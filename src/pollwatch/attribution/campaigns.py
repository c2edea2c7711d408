"""Campaigns: incidents of several members and elections that may be the same hand's work, by what was shared.

Incidents are linked where all name the same address or domain, or where a member told of a campaign that they are part
of. Two such links join into one campaign only where incidents of two members each name both: whoever plants one
address, or tells of one incident with the addresses of two campaigns in it, does not make them one. So an incident can
be part of several campaigns, and what a member told as one is joined to nothing by that. Techniques are shown and link
nothing: everybody uses them. A link is a reason to look, not a proof. Addresses are shared, rented, hijacked, and
planted; whoever tells of an incident chooses what it names. So every link says which members reported it and how many
of all incidents have it, and what is known to be shared by many counts as weak.

Nobody can link another's incident to anything by signing for it: what an incident names is read from its own author's
objects alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from pollwatch.attribution.record import Judged
from pollwatch.clock import parse_rfc3339
from pollwatch.election.calendar import Calendar, PhaseSpan
from pollwatch.errors import FormatError, PolicyError
from pollwatch.events.observable import Kind, Observable
from pollwatch.members.member import Member
from pollwatch.stix import pattern
from pollwatch.stix.constants import StixObject

#: The types of the objects that are read.
TYPES: Final = (
    *("incident", "threat-actor", "indicator", "attack-pattern", "campaign"),
    *("relationship", "sighting"),
)
#: From so many incidents on, an indicator that more than half of them have links nothing.
ENOUGH: Final = 6
_LINKING: Final = frozenset({Kind.IPV4, Kind.IPV6, Kind.DOMAIN})
_MIN_INCIDENTS: Final = 2

#: Why to think twice about each of some observables, in their order; empty where nothing is known against them.
Warner = Callable[[Sequence[Observable]], Sequence[tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Part:
    """An incident that was released or received.

    Attributes:
        id: STIX id.
        name: what its author calls it.
        member: its author.
        first_us: when it began, as its author says; None where that is not known.
        last_us: when it ended.
        phase: the most urgent phase of an election that it touches, as our own calendar has it.
        techniques: ids of ATT&CK techniques.
    """

    id: str
    name: str
    member: Member
    first_us: int | None
    last_us: int | None
    phase: PhaseSpan | None
    techniques: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Common:
    """An address or domain that several incidents name.

    Attributes:
        observable: what.
        incidents: STIX ids of all incidents that name it.
        among: how many incidents there are in all: the base rate is ``len(incidents)`` in so many.
        members: who named it in an incident, or says that it saw it too.
        warnings: why to think twice: it is known to be shared by many, or somebody's own.
    """

    observable: Observable
    incidents: tuple[str, ...]
    among: int
    members: tuple[Member, ...]
    warnings: tuple[str, ...]

    @property
    def links(self) -> bool:
        """Whether it links incidents: not where most of many incidents have it."""
        return self.among < ENOUGH or 2 * len(self.incidents) <= self.among

    @property
    def weak(self) -> bool:
        """Whether its link is weak, or none."""
        return bool(self.warnings) or not self.links


@dataclass(frozen=True, slots=True)
class Told:
    """A campaign that a member told of.

    Attributes:
        id: STIX id.
        name: what the member calls it.
        member: who told of it.
        incidents: STIX ids of those of its incidents that are here.
    """

    id: str
    name: str
    member: Member
    incidents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Campaign:
    """Incidents that hang together.

    Attributes:
        parts: its incidents, by when they began.
        common: what at least two of them name, the rarest first; what links nothing stands among it.
        told: what members told of.
        judged: the claims about its incidents, with everything that was said of them.
        weak: whether it would fall apart without its weak links.
    """

    parts: tuple[Part, ...]
    common: tuple[Common, ...]
    told: tuple[Told, ...]
    judged: tuple[Judged, ...]
    weak: bool

    @property
    def members(self) -> tuple[Member, ...]:
        """Who reported its incidents."""
        return _members(each.member for each in self.parts)

    @property
    def blocs(self) -> tuple[str, ...]:
        """Their blocs."""
        return tuple(sorted({each.bloc for each in self.members}))

    @property
    def first_us(self) -> int | None:
        """When the first of its incidents began."""
        return min((each.first_us for each in self.parts if each.first_us is not None), default=None)

    @property
    def last_us(self) -> int | None:
        """When the last of its incidents ended."""
        return max((each.last_us for each in self.parts if each.last_us is not None), default=None)

    @property
    def phases(self) -> tuple[PhaseSpan, ...]:
        """The phases of elections that its incidents fall in, each once, by time."""
        found = {each.phase for each in self.parts if each.phase is not None}
        return tuple(sorted(found, key=lambda each: (each.start_us, each.election, each.phase)))

    @property
    def techniques(self) -> tuple[tuple[str, int], ...]:
        """Each technique, and in how many of its incidents it was used; the most frequent first."""
        counts = Counter(technique for each in self.parts for technique in each.techniques)
        return tuple(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


def find(
    objects: Iterable[StixObject],
    judged: Sequence[Judged],
    author: Callable[[str], Member | None],
    calendar: Calendar,
    warnings: Warner,
) -> tuple[Campaign, ...]:
    """Group incidents into campaigns.

    Args:
        objects: of :data:`TYPES`, each accepted as its creator's; several versions of one may be among them.
        judged: every claim.
        author: the member of an identity's id; what nobody known signed is left out.
        calendar: the elections.
        warnings: knows what many share.

    Returns:
        Those of two incidents or more, and those that a member told of; what began last comes first.
    """
    read = _Reading(objects, author, calendar)
    common = read.common(warnings)
    told = read.told()
    groups = _groups(read.parts, told, (each for each in common if each.links))
    firm = _groups(read.parts, told, (each for each in common if not each.weak))
    campaigns = (
        Campaign(
            tuple(sorted((read.parts[each] for each in group), key=lambda part: (part.first_us or 0, part.id))),
            tuple(each for each in common if len(group.intersection(each.incidents)) >= _MIN_INCIDENTS),
            tuple(each for each in told if group.intersection(each.incidents)),
            tuple(each for each in judged if each.claim.assertion.incident in group),
            weak=not any(group <= each for each in firm),
        )
        for group in groups
    )
    return tuple(sorted(campaigns, key=lambda each: (-(each.first_us or 0), each.parts[0].id)))


def having(campaigns: Iterable[Campaign], identifier: str) -> tuple[Campaign, ...]:
    """The campaigns with an incident or told campaign of this STIX id, or the beginning of it.

    Raises:
        PolicyError: none has, or the beginning fits several ids.
    """
    found: dict[str, list[Campaign]] = defaultdict(list)
    for campaign in campaigns:
        named: tuple[Part | Told, ...] = (*campaign.parts, *campaign.told)
        for each in named:
            if each.id.startswith(identifier):
                found[each.id].append(campaign)
    if not found:
        raise PolicyError(f"no campaign has an incident {identifier[:80]!r}; see: pollwatch campaigns list")
    if len(found) > 1:
        raise PolicyError(f"{identifier[:80]!r} begins several ids; give more of it")
    return tuple(*found.values())


class _Reading:
    """What the objects say, each in the words of the author of the incident that it is about."""

    def __init__(
        self, objects: Iterable[StixObject], author: Callable[[str], Member | None], calendar: Calendar
    ) -> None:
        self._author = author
        self._by_id = _latest(objects)
        self._of_actor: dict[str, list[str]] = defaultdict(list)
        self._actors: dict[str, list[StixObject]] = defaultdict(list)
        for incident, actor in self._links("incident", "related-to", "threat-actor"):
            self._of_actor[actor["id"]].append(incident["id"])
            self._actors[incident["id"]].append(actor)
        incidents = (each for each in self._by_id.values() if each["type"] == "incident")
        known = ((each, member) for each in incidents if (member := self._member(each)) is not None)
        techniques = self._techniques()
        self.parts = {each["id"]: self._part(each, member, calendar, techniques[each["id"]]) for each, member in known}

    def common(self, warnings: Warner) -> list[Common]:
        """What two incidents or more name, the rarest first."""
        named: dict[Observable, set[str]] = defaultdict(set)
        seen_by: dict[Observable, list[Member]] = defaultdict(list)
        sighted = self._sighted()
        for indicator, actor in self._links("indicator", "indicates", "threat-actor"):
            incidents = [each for each in self._of_actor[actor["id"]] if each in self.parts]
            for observable in _observables(indicator):
                named[observable].update(incidents)
                seen_by[observable] += [*(self.parts[each].member for each in incidents), *sighted[indicator["id"]]]
        shared = [each for each, incidents in named.items() if len(incidents) >= _MIN_INCIDENTS]
        found = [
            Common(each, tuple(sorted(named[each])), len(self.parts), _members(seen_by[each]), tuple(why))
            for each, why in zip(shared, warnings(shared) if shared else (), strict=True)
        ]
        return sorted(found, key=lambda each: (len(each.incidents), each.observable.kind, each.observable.value))

    def told(self) -> list[Told]:
        """The campaigns that members told of. Whose incidents they join is the teller's word, and shown as that."""
        incidents: dict[str, list[str]] = defaultdict(list)
        for each in self._relations("related-to"):
            target = self._by_id.get(each["target_ref"])
            if target is not None and target["type"] == "campaign" and _same_author(each, target):
                incidents[target["id"]] += [each["source_ref"]] if each["source_ref"] in self.parts else []
        return [
            Told(key, str(self._by_id[key].get("name", "")), member, tuple(sorted(set(found))))
            for key, found in sorted(incidents.items())
            if found and (member := self._member(self._by_id[key])) is not None
        ]

    def _part(self, incident: StixObject, member: Member, calendar: Calendar, techniques: set[str]) -> Part:
        key = incident["id"]
        actors = self._actors[key]
        first = min((us for each in actors if (us := _time(each, "first_seen")) is not None), default=None)
        last = max((us for each in actors if (us := _time(each, "last_seen")) is not None), default=first)
        phase = calendar.phase_during(first, last)
        return Part(key, str(incident.get("name", "")), member, first, last, phase, tuple(sorted(techniques)))

    def _techniques(self) -> defaultdict[str, set[str]]:
        """The techniques of each incident."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for actor, technique in self._links("threat-actor", "uses", "attack-pattern"):
            references = technique.get("external_references") or [{}]
            identifier = str(references[0].get("external_id") or technique.get("name", ""))
            for incident in self._of_actor[actor["id"]]:
                found[incident].add(identifier)
        return found

    def _sighted(self) -> defaultdict[str, list[Member]]:
        """Who says that it saw each indicator; everybody says so of itself alone."""
        found: defaultdict[str, list[Member]] = defaultdict(list)
        for each in self._by_id.values():
            if each["type"] == "sighting" and (member := self._member(each)) is not None:
                found[each["sighting_of_ref"]].append(member)
        return found

    def _links(self, source: str, word: str, target: str) -> Iterator[tuple[StixObject, StixObject]]:
        """Objects that are related so, where one author signed both and the relationship."""
        for each in self._relations(word):
            one, other = self._by_id.get(each["source_ref"]), self._by_id.get(each["target_ref"])
            if one is None or other is None or (one["type"], other["type"]) != (source, target):
                continue
            if _same_author(each, one) and _same_author(each, other):
                yield one, other

    def _relations(self, word: str) -> Iterator[StixObject]:
        for each in self._by_id.values():
            if each["type"] == "relationship" and each["relationship_type"] == word:
                yield each

    def _member(self, each: StixObject) -> Member | None:
        return self._author(str(each.get("created_by_ref")))


def _latest(objects: Iterable[StixObject]) -> dict[str, StixObject]:
    """The last version of each object; what was taken back is gone."""
    found: dict[str, StixObject] = {}
    for each in objects:
        held = found.setdefault(each["id"], each)
        if _same_author(each, held) and each.get("modified", "") > held.get("modified", ""):
            found[each["id"]] = each
    return {key: each for key, each in found.items() if each.get("revoked") is not True}


def _groups(parts: Mapping[str, Part], told: Iterable[Told], common: Iterable[Common]) -> set[frozenset[str]]:
    """The incidents of each campaign. One that lies within another is told there, unless that is a word on others'."""
    linked = _joined({frozenset(each.incidents) for each in common}, parts)
    said = {frozenset(each.incidents): {parts[one].member for one in each.incidents} == {each.member} for each in told}
    whole = linked | {each for each, own in said.items() if own}
    return {each for each in linked | said.keys() if not any(each < other for other in whole)}


def _joined(links: Collection[frozenset[str]], parts: Mapping[str, Part]) -> set[frozenset[str]]:
    """Links as they join: any two that have incidents of two members in common."""
    leader = {each: each for each in links}

    def root(each: frozenset[str]) -> frozenset[str]:
        while leader[each] != each:
            leader[each] = leader[leader[each]]  # halves the path: a long chain is walked once
            each = leader[each]
        return each

    beside: dict[str, list[frozenset[str]]] = defaultdict(list)
    for each in links:
        for incident in each:
            beside[incident].append(each)
    for near in beside.values():
        for one, other in combinations(near, 2):
            if root(one) != root(other) and len({parts[each].member.identity for each in one & other}) > 1:
                leader[root(one)] = root(other)
    groups: dict[frozenset[str], frozenset[str]] = defaultdict(frozenset)
    for each in links:
        groups[root(each)] |= each
    return set(groups.values())


def _observables(indicator: StixObject) -> list[Observable]:
    """The addresses and domains of an indicator; a pattern that asks for more than any one of them names none."""
    if indicator.get("pattern_type") != "stix":
        return []
    try:
        return [each for each in pattern.observables(indicator["pattern"]) if each.kind in _LINKING]
    except FormatError:
        return []


def _time(each: StixObject, name: str) -> int | None:
    """A time in an object; None where there is none."""
    try:
        return parse_rfc3339(each[name])
    except (KeyError, TypeError, ValueError):
        return None


def _same_author(one: StixObject, other: StixObject) -> bool:
    return one.get("created_by_ref") == other.get("created_by_ref")


def _members(found: Iterable[Member]) -> tuple[Member, ...]:
    """Each once, by name."""
    return tuple(sorted({each.identity: each for each in found}.values(), key=lambda each: each.name))
