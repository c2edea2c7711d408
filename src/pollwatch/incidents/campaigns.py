"""From detections to campaigns of one actor, and from campaigns to groups: what is one thing that happened.

An *actor* is an address; where the log names none, an account (on its target), a host, a domain; where it names
nobody, the rule and its target. A *campaign* is everything one actor did, however slowly, as long as no pause
exceeds ``PAUSE_US``: an attack of six requests a day for three weeks is one campaign.

Campaigns of different actors are one group only for a stated reason (:func:`groups`):

- a detection over many addresses (distributed guessing) counted them: at least half of the lines for which the
  campaign stands out are lines of that detection. A flood never collects campaigns: an intrusion under its cover
  stays an incident of its own;
- the same attack tool with the same rare user agent, against the same target, at overlapping times;
- the same page attacked in the same way, more than once or twice: a page that ordinary visitors use (one
  that nobody else asks for is a scanner's word list, and two scanners share it by chance), at overlapping times;
- the same account guessed, one that is no word-list name, at overlapping times on the same target;
- floods of the same target within an hour: many sources that each send more than people do are one flood;
- an account that acts (sudo, su) on the host where it was just taken over;
- what a Windows machine's own log says was done on it within an hour by accounts, or by nobody it names: an intrusion
  there goes on under the names of people, of services and of the machine itself.
- what one of the own machines does, with who gives it orders or takes data from it, within a day.

Everything here rests on content, never on order of arrival.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pollwatch.clock import US_PER_S
from pollwatch.election.assets import host_name
from pollwatch.events.accounts import WORDLIST_ACCOUNTS
from pollwatch.events.detection import Detection
from pollwatch.events.lines import LineSet
from pollwatch.events.places import inside
from pollwatch.incidents.attack import technique
from pollwatch.incidents.kinds import Kind, is_flood, is_of_windows, kinds_of
from pollwatch.incidents.merging import Folded, order_of

_HOUR_US: Final = 3600 * US_PER_S
PAUSE_US: Final = 14 * 24 * _HOUR_US
#: How far apart two actors' activity may lie and still count as overlapping.
OVERLAP_US: Final = 24 * _HOUR_US
#: A flood or a distributed attack that pauses longer than this has ended.
WAVE_US: Final = 6 * _HOUR_US
TAKEOVER_US: Final = 24 * _HOUR_US
#: The share of a campaign's lines that a detection over many addresses must have counted to claim it.
CLAIMED: Final = 0.5
ActorKey: TypeAlias = "tuple[str, ...]"


@dataclass(frozen=True, slots=True)
class Traits:
    """What a campaign's own lines look like, from the spool; each a set of short hashes.

    Attributes:
        agents: rare user agents: of sources that are nearly all hostile.
        pages: attacked pages that ordinary visitors use too, each with the rule that fired on it.
    """

    agents: frozenset[int] = frozenset()
    pages: frozenset[tuple[int, str]] = frozenset()


@dataclass(slots=True)
class Campaign:
    """What one actor did."""

    actor: ActorKey
    parts: list[Folded]
    traits: Traits = field(default_factory=Traits)

    @property
    def detections(self) -> list[Detection]:
        """Its detections."""
        return [part.detection for part in self.parts]

    @property
    def first_us(self) -> int | None:
        """Earliest time."""
        return min((d.first_us for d in self.detections if d.first_us is not None), default=None)

    @property
    def last_us(self) -> int | None:
        """Latest time."""
        return max((d.last_us for d in self.detections if d.last_us is not None), default=None)

    @property
    def lines(self) -> LineSet:
        """All lines of its detections."""
        return LineSet.union(d.lines for d in self.detections)

    @property
    def places(self) -> frozenset[str]:
        """What it acts upon: targets where the log names them, else the logs themselves."""
        named = frozenset(host_name(t) for d in self.detections for t in d.targets if t)
        return named or frozenset(f"log {path}" for d in self.detections for path in d.lines.by_path)

    @property
    def is_wave(self) -> bool:
        """Whether it is the doing of many addresses at once."""
        return self.actor[0] == "many"

    @property
    def floods(self) -> bool:
        """Whether it is a flood of many addresses."""
        return self.is_wave and self.actor[1] == "flood"

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of its techniques."""
        return kinds_of(self.detections)


def actor_of(detection: Detection) -> ActorKey:
    """Who is taken to have acted."""
    actors = detection.actors
    targets = tuple(sorted(map(host_name, detection.targets)))
    if len(actors.ip) == 1:
        return ("ip", actors.ip[0])
    if actors.ip:
        users = tuple(sorted(actors.user)) if len(actors.user) == 1 else ()
        return ("many", "flood" if is_flood(detection) else detection.rule_id, *targets, "for", *users)
    if actors.user:
        return ("user", *sorted(actors.user), "on", *targets)
    if actors.host:
        return ("host", *sorted(actors.host))
    if actors.domain:
        return ("domain", *sorted(actors.domain))
    # Of what was altered nobody is named; all of it at one place is one thing, whatever rules say it.
    altered = Kind.ALTERATION in kinds_of([detection])
    return ("nobody", Kind.ALTERATION.value if altered else detection.rule_id, *targets)


def campaigns(folded: Iterable[Folded]) -> list[Campaign]:
    """Each actor's campaigns; detections without a time join the actor's first."""
    by_actor: dict[ActorKey, list[Folded]] = defaultdict(list)
    for each in folded:
        by_actor[actor_of(each.detection)].append(each)
    found: list[Campaign] = []
    for actor, parts in by_actor.items():
        pause = WAVE_US if actor[0] == "many" else PAUSE_US
        parts = _outgrown(parts)  # noqa: PLW2901 - the same parts, fewer
        timeless = [part for part in parts if part.detection.first_us is None]
        runs: list[list[Folded]] = []
        end_us = 0
        for part in (p for p in parts if p.detection.first_us is not None):
            first, last = part.detection.first_us or 0, part.detection.last_us or part.detection.first_us or 0
            if runs and first - end_us <= pause:
                runs[-1].append(part)
                end_us = max(end_us, last)
            else:
                runs.append([part])
                end_us = last
        if timeless:
            runs[:1] = [[*runs[0], *timeless]] if runs else [timeless]
        found += [Campaign(actor, run) for run in runs]
    return found


def _outgrown(parts: Sequence[Folded]) -> list[Folded]:
    """Without those that are an earlier report of the same run: same rule, all lines also in a later, larger one."""
    kept: list[Folded] = []
    by_rule: dict[tuple[object, ...], list[Folded]] = defaultdict(list)
    for part in sorted(parts, key=lambda p: -len(p.detection.lines)):
        larger = by_rule[part.detection.rule_id, part.detection.severity, part.detection.succeeded]
        mine = part.detection.lines
        if not any(mine.within(other.detection.lines) for other in larger):
            larger.append(part)
            kept.append(part)
    return sorted(kept, key=lambda p: order_of(p.detection))


def groups(found: Sequence[Campaign]) -> list[list[Campaign]]:
    """Campaigns that are one thing that happened, by the reasons in this module's docstring."""
    joined = _Union(len(found))
    _join_waves(found, joined)
    _join_alike(found, joined, _tools)
    _join_alike(found, joined, _pages)
    _join_alike(found, joined, _accounts)
    _join_floods(found, joined)
    _join_takeovers(found, joined)
    _join_alike(found, joined, _on_a_machine, _HOUR_US)
    _join_held(found, joined)
    return [[found[index] for index in members] for members in joined.sets()]


class _Union:
    """Disjoint sets of indices; the smallest index stands for its set."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def find(self, item: int) -> int:
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.find(one), self.find(other)))
        self._parent[high] = low

    def sets(self) -> list[list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for item in range(len(self._parent)):
            found[self.find(item)].append(item)
        return list(found.values())


def _join_waves(found: Sequence[Campaign], joined: _Union) -> None:
    by_ip: dict[str, list[int]] = defaultdict(list)
    for index, campaign in enumerate(found):
        if campaign.actor[0] == "ip":
            by_ip[campaign.actor[1]].append(index)
    for index, wave in enumerate(found):
        if not wave.is_wave:
            continue
        lines = wave.lines
        for ip in sorted({ip for d in wave.detections for ip in d.actors.ip}):
            for other in by_ip.get(ip, ()):
                volume_only = found[other].kinds == {Kind.FLOOD}
                if (not wave.floods or volume_only) and share(found[other].lines, lines) >= CLAIMED:
                    joined.join(index, other)


def share(part: LineSet, whole: LineSet) -> float:
    """Which share of the one's lines the other holds."""
    size = len(part)
    return part.shared(whole) / size if size else 0.0


def _join_alike(
    found: Sequence[Campaign],
    joined: _Union,
    feature: Callable[[Campaign], Iterable[Hashable]],
    apart_us: int = OVERLAP_US,
) -> None:
    """Join campaigns that share a feature at one place at overlapping times."""
    buckets: dict[tuple[Hashable, str], list[int]] = defaultdict(list)
    for index, campaign in enumerate(found):
        if campaign.first_us is not None:
            for value in feature(campaign):
                for place in campaign.places:
                    buckets[value, place].append(index)
    for members in buckets.values():
        _join_runs(found, joined, members, apart_us)


def _join_runs(found: Sequence[Campaign], joined: _Union, members: Iterable[int], apart_us: int) -> None:
    """Join those of the campaigns that follow one another without a longer pause."""
    leader, *others = sorted(members, key=lambda i: (found[i].first_us or 0, i))
    end_us = found[leader].last_us or 0
    for index in others:
        if (found[index].first_us or 0) - end_us <= apart_us:
            joined.join(leader, index)
            end_us = max(end_us, found[index].last_us or 0)
        else:
            leader, end_us = index, found[index].last_us or 0


def _join_floods(found: Sequence[Campaign], joined: _Union) -> None:
    """Floods of one place within an hour; who sends a tenth of what the largest sends may just be there as well."""
    volume = [c for c in found if Kind.FLOOD in c.kinds and c.kinds <= _ONLY_VOLUME]
    largest: dict[str, int] = defaultdict(int)
    size = {id(c): len(c.lines) for c in volume}
    for campaign in volume:
        for place in campaign.places:
            largest[place] = max(largest[place], size[id(campaign)])

    def flooded(campaign: Campaign) -> Iterable[Hashable]:
        mine = size.get(id(campaign), 0)
        big = mine and any(mine * 10 >= largest[place] for place in campaign.places)
        return ("flood",) if big else ()

    _join_alike(found, joined, flooded, apart_us=_HOUR_US)


_ONLY_VOLUME: Final = frozenset({Kind.FLOOD, Kind.PROBE, Kind.OTHER})


def _tools(campaign: Campaign) -> Iterable[Hashable]:
    if campaign.actor[0] != "ip":
        return ()
    tools = {d.tool.lower() for d in campaign.detections if d.tool}
    return [(tool, agent) for tool in tools for agent in campaign.traits.agents]


def _pages(campaign: Campaign) -> Iterable[Hashable]:
    return campaign.traits.pages


def _accounts(campaign: Campaign) -> Iterable[Hashable]:
    if campaign.actor[0] != "ip":
        return ()
    named: set[str] = set()
    for detection in campaign.detections:
        if Kind.PASSWORD in kinds_of([detection]):
            named.update(user for user in detection.actors.user if user.lower() not in WORDLIST_ACCOUNTS)
    return named if len(named) <= _TARGETED else ()


def _on_a_machine(campaign: Campaign) -> Iterable[Hashable]:
    """Something to have in common where a Windows machine's log names no address."""
    nameless = campaign.actor[0] not in {"ip", "many"}
    return ("on this machine",) if nameless and all(map(is_of_windows, campaign.detections)) else ()


#: Who tries more accounts than this works through a list; sharing one of them says little.
_TARGETED: Final = 5


def _join_takeovers(found: Sequence[Campaign], joined: _Union) -> None:
    """An account's own deeds belong to whoever took it over on that host within the day before."""
    taken: Mapping[str, list[tuple[int, Detection]]] = defaultdict(list)
    for index, campaign in enumerate(found):
        if campaign.actor[0] in {"ip", "many"}:
            for detection in campaign.detections:
                for user in detection.actors.user if detection.succeeded else ():
                    taken[user].append((index, detection))
    for index, campaign in enumerate(found):
        if campaign.actor[0] != "user" or campaign.first_us is None:
            continue
        for user in {user for d in campaign.detections for user in d.actors.user}:
            for other, success in taken.get(user, ()):
                same_place = campaign.places & found[other].places
                since_us = campaign.first_us - (success.first_us or campaign.first_us)
                if same_place and -_HOUR_US <= since_us <= TAKEOVER_US:
                    joined.join(index, other)


#: Tactics of somebody who already has a machine.
_HELD: Final = frozenset({"command-and-control", "exfiltration"})


def _join_held(found: Sequence[Campaign], joined: _Union) -> None:
    """What one of the own machines does belongs to whoever gives it orders, or takes data from it, about then."""
    held: dict[str, list[int]] = defaultdict(list)
    for index, campaign in enumerate(found):
        mine = (d for d in campaign.detections if any(technique(each).tactic in _HELD for each in d.techniques))
        for machine in sorted({target for d in mine for target in d.targets if inside(target)}):
            held[machine].append(index)
    for index, campaign in enumerate(found):
        if campaign.actor[0] == "ip" and campaign.actor[1] in held:
            held[campaign.actor[1]].append(index)
    for members in held.values():
        _join_runs(found, joined, set(members), TAKEOVER_US)
