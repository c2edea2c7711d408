"""From detections to incidents, in one streaming pass and a short one at the end.

While a scan runs, :meth:`Grouper.observe` keeps one narrow row per event on disk (``spool``) and
:meth:`Grouper.add` folds detections (``merging``): memory follows the number of actors, not of lines.
:meth:`Grouper.finish` then makes campaigns and groups of them (``campaigns``), claims what the same visitors did
besides (``absorption``), judges what came of it (``outcome``), and tells it (``phases``, ``summary``, ``advice``).

A line belongs to one incident. Where two claim it, a single actor's incident comes before a wave of many
addresses, then the graver one: a flood never takes lines from an intrusion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np

from pollwatch.election.announced import Announced
from pollwatch.election.assets import Asset, Assets, host_name
from pollwatch.election.calendar import LOWEST, Calendar
from pollwatch.events.batch import EventBatch
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.lines import NO_LINES, LineSet, Numbers
from pollwatch.i18n import _
from pollwatch.incidents.absorption import FLOOD_SHARE, MOSTLY, absorbed
from pollwatch.incidents.activity import Activity, Usual, give_traits
from pollwatch.incidents.advice import advice
from pollwatch.incidents.bystanders import spare
from pollwatch.incidents.campaigns import CLAIMED, Campaign, campaigns, groups, share
from pollwatch.incidents.coverage import Telemetry
from pollwatch.incidents.identity import incident_id
from pollwatch.incidents.incident import ElectionContext, Incident, RuleCount
from pollwatch.incidents.kinds import is_flood
from pollwatch.incidents.merging import Folded, Folder, order_of
from pollwatch.incidents.outcome import Outcome, Verdict, judge
from pollwatch.incidents.phases import phases, tactics_of, techniques_of
from pollwatch.incidents.samples import LineId, chosen, raw
from pollwatch.incidents.spool import Spool
from pollwatch.incidents.summary import Story, actor_words, place_of, place_words, reasons, steps, summary, title

Fetch = Callable[[Sequence[LineId]], Mapping[LineId, str]]
"""Gives the text of lines by path and number; leaves out what cannot be read again."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A group on its way to becoming an incident."""

    campaigns: tuple[Campaign, ...]
    parts: tuple[Folded, ...]
    verdict: Verdict
    fired: LineSet
    claimed: LineSet

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
    def rank(self) -> tuple[object, ...]:
        """Who keeps a line that two claim: the smallest."""
        wave = all(campaign.is_wave for campaign in self.campaigns)
        return wave, -self.verdict.severity, order_of(self.parts[0].detection)

    @property
    def floods(self) -> bool:
        """Whether it is nothing but a flood from many addresses."""
        return any(c.is_wave for c in self.campaigns) and all(is_flood(part.detection) for part in self.parts)

    @property
    def follows(self) -> bool:
        """Whether what lies among its claimed lines is its actor's doing; a flood claims by volume."""
        return not self.nameless and not self.floods

    @property
    def nameless(self) -> bool:
        """Whether the log names no address in it."""
        return all(campaign.actor[0] not in {"ip", "many"} for campaign in self.campaigns)


class Grouper:
    """Takes events and detections as they come; gives incidents at the end."""

    def __init__(
        self,
        calendar: Calendar | None = None,
        assets: Assets | None = None,
        announced: Sequence[Announced] = (),
        spool: Spool | None = None,
    ) -> None:
        """Nothing seen yet.

        Args:
            calendar: the elections watched; without one every priority is the calm one.
            assets: the systems watched, their kinds and owners.
            announced: tests that somebody was asked to make.
            spool: where it is kept who did what; None = in a temporary file.
        """
        self._announced = announced
        self._calendar = calendar or Calendar()
        self._assets = assets or Assets()
        self._spool = spool or Spool()
        self._folder = Folder()
        self.telemetry = Telemetry()

    def __enter__(self) -> Self:
        """As a context, it removes its temporary file at the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the temporary file."""
        self.close()

    def close(self) -> None:
        """Remove the temporary file; may be called twice."""
        self._spool.close()

    def observe(self, batch: EventBatch) -> None:
        """Remember who did what in a batch, whether or not any rule fires on it."""
        self.telemetry.observe(batch)
        self._spool.write(batch)

    def add(self, detections: Iterable[Detection]) -> None:
        """Take detections, in any order."""
        self._folder.add(detections)

    def finish(self, fetch: Fetch) -> list[Incident]:
        """All incidents: by priority, then severity, then time.

        Args:
            fetch: called once, with the lines that are to be shown.
        """
        return self._incidents(self._folder, fetch, NO_LINES)

    def of(self, detections: Iterable[Detection], fetch: Fetch, elsewhere: LineSet) -> list[Incident]:
        """The incidents of these detections alone, whatever was added; may be asked again and again.

        Args:
            detections: in any order.
            fetch: as for :meth:`finish`.
            elsewhere: lines that other incidents have.
        """
        folder = Folder()
        folder.add(detections)
        return self._incidents(folder, fetch, elsewhere)

    def _incidents(self, folder: Folder, fetch: Fetch, elsewhere: LineSet) -> list[Incident]:
        found = campaigns(folder.done())
        addresses = sorted({ip for c in found for d in c.detections for ip in d.actors.ip})
        activity = Activity(self._spool, addresses)
        spare(found, activity)
        usual = give_traits(found, activity)
        drafts = _followed([_draft(group, activity, usual) for group in groups(found)], activity, usual)
        drafts = [_expected(draft, self._announced) for draft in drafts]
        told = [
            self._told(draft, lines, taken) for taken in (set[str](),) for draft, lines in _partition(drafts, elsewhere)
        ]
        texts = fetch([line for each in told for line in each.picked]) if told else {}
        incidents = [each.incident(texts) for each in told]
        return sorted(incidents, key=lambda i: (i.election.priority, -i.severity, i.first_us or 0, i.id))

    def _told(self, draft: _Draft, lines: LineSet, taken: set[str]) -> _Told:
        detections = draft.detections
        targets = tuple(dict.fromkeys(t for d in detections for t in d.targets if t))
        assets = self._assets.resolve(targets, lines.by_path)
        unnamed = [host_name(t) for t in targets if self._assets.of_target(t) is None]
        named = list(dict.fromkeys([*(asset.name for asset in assets), *unnamed]))
        story = Story(
            draft.parts,
            _actors(detections),
            named or [place_of(path) for path in sorted(lines.by_path)[:1]],
            draft.verdict,
            lines,
            max(len(lines) - len(draft.fired), 0),
            draft.first_us,
            draft.last_us,
            assets,
        )
        context, owner = self._context(story, assets)
        return _Told(
            incident_id(detections, taken), story, targets, context, owner,
            chosen(detections, draft.verdict.lines, lines),
        )  # fmt: skip

    def _context(self, story: Story, assets: Sequence[Asset]) -> tuple[ElectionContext, str]:
        """Phase and priority at the asset that matters most then, and who answers for it."""
        severity = story.verdict.severity
        best = (LOWEST + 1, "", "", "")
        for asset in assets or (None,):
            span = self._calendar.phase_during(story.first_us, story.last_us, (asset and asset.jurisdiction) or None)
            phase, election = (span.phase, span.election) if span else ("", "")
            kind, critical = (asset.kind, asset.critical_phases) if asset else ("", None)
            priority = self._calendar.priority(kind, phase, severity, critical)
            if priority < best[0]:
                best = (priority, election, phase, asset.owner if asset else "")
        priority, election, phase, owner = best
        return ElectionContext(election, phase, priority), owner


@dataclass(frozen=True, slots=True)
class _Told:
    """An incident but for the text of its lines."""

    id: str
    story: Story
    targets: tuple[str, ...]
    context: ElectionContext
    owner: str
    picked: Sequence[LineId]

    def incident(self, texts: Mapping[LineId, str]) -> Incident:
        """The incident, with the text of the lines that are shown."""
        story, detections = self.story, self.story.detections
        verdict = story.verdict
        actor, place = actor_words(story.actors), place_words(story.places)
        return Incident(
            id=self.id,
            title=title(story),
            severity=verdict.severity,
            status="open",
            summary=summary(story),
            why=reasons(story),
            phases=phases(detections),
            techniques=techniques_of(detections),
            tactics=tactics_of(detections),
            tools=tuple(sorted({d.tool for d in detections if d.tool})),
            actors=story.actors,
            targets=self.targets,
            first_us=story.first_us,
            last_us=story.last_us,
            lines=story.lines,
            samples=raw(self.picked, texts),
            rules=_rules(detections),
            advice=advice(
                story.kind,
                verdict.outcome,
                verdict.severity,
                owner=self.owner,
                place=place,
                actor=actor,
                own=steps(story),
            ),
            election=self.context,
        )


def _draft(group: Sequence[Campaign], activity: Activity, usual: Usual) -> _Draft:
    parts = tuple(sorted((part for c in group for part in c.parts), key=lambda part: order_of(part.detection)))
    verdict = judge(group, activity, usual)
    fired = LineSet.union(part.detection.lines for part in parts)
    claimed = LineSet({})
    addresses = sorted({ip for c in group for d in c.detections for ip in d.actors.ip})
    if addresses and verdict.severity >= Severity.MEDIUM:
        times = [t for c in group for t in (c.first_us, c.last_us) if t is not None]
        # Of a flooder's requests, those that were answered before the server began to refuse are as much flood.
        mostly = FLOOD_SHARE if all(is_flood(part.detection) for part in parts) else MOSTLY
        claimed = absorbed(activity, addresses, fired, min(times, default=None), max(times, default=None), mostly)
    return _Draft(tuple(group), parts, verdict, fired, claimed | verdict.lines)


def _expected(draft: _Draft, announced: Sequence[Announced]) -> _Draft:
    """A draft that is somebody's announced test is low, unless it worked: then the test has found something."""
    verdict = draft.verdict
    if not announced or verdict.outcome is Outcome.WORKED:
        return draft
    addresses = {ip for d in draft.detections for ip in d.actors.ip}
    test = next((each for each in announced if each.covers(addresses, draft.first_us, draft.last_us)), None)
    if test is None:
        return draft
    sentence = _("Addresses and time are those of an announced test: {name}.").format(name=test.name)
    expected = replace(verdict, severity=min(verdict.severity, Severity.LOW), sentences=(*verdict.sentences, sentence))
    return replace(draft, verdict=expected)


def _followed(drafts: Sequence[_Draft], activity: Activity, usual: Usual) -> list[_Draft]:
    """Drafts of accounts (or of nobody) that lie within what an address's incident claims are part of that one.

    Such is the account that an intruder adds: its line names the new account and no address, but it stands in the
    intruder's session.
    """
    joins: dict[int, list[Campaign]] = {}
    left: list[int] = []
    claimants = [(n, draft.claimed) for n, draft in enumerate(drafts) if len(draft.claimed) and draft.follows]
    for index, draft in enumerate(drafts):
        near = claimants if draft.nameless else ()
        home = next((n for n, claimed in near if share(draft.fired, claimed) >= CLAIMED), None)
        if home is None:
            left.append(index)
        else:
            joins.setdefault(home, []).extend(draft.campaigns)
    return [_draft([*drafts[i].campaigns, *joins[i]], activity, usual) if i in joins else drafts[i] for i in left]


def _partition(drafts: Sequence[_Draft], elsewhere: LineSet) -> list[tuple[_Draft, LineSet]]:
    """Each draft with the lines that are its own: first those that fired, then those that are claimed.

    A draft whose every line belongs to others adds no incident: its lines are told there.
    """
    taken = _Taken([elsewhere, *(lines for draft in drafts for lines in (draft.fired, draft.claimed))])
    taken.take(elsewhere)
    found: list[tuple[_Draft, LineSet]] = []
    for flood in (False, True):  # what others claim they keep, too: a flood that comes on top changes nothing
        ranked = sorted((draft for draft in drafts if draft.floods is flood), key=lambda draft: draft.rank)
        own = [taken.take(draft.fired) for draft in ranked]
        pairs = zip(ranked, own, strict=True)
        found += [(draft, fired | taken.take(draft.claimed)) for draft, fired in pairs if len(fired)]
    return found


class _Taken:
    """Which lines are spoken for: a bit per line."""

    def __init__(self, sets: Iterable[LineSet]) -> None:
        size: dict[str, int] = {}
        for lines in sets:
            for path, numbers in lines.by_path.items():
                size[path] = max(size.get(path, 0), int(numbers[-1]) + 1)
        self._by_path = {path: np.zeros(length, dtype=bool) for path, length in size.items()}

    def take(self, lines: LineSet) -> LineSet:
        """The lines that were still free; they no longer are."""
        free: dict[str, Numbers] = {}
        for path, numbers in lines.by_path.items():
            kept = numbers[~self._by_path[path][numbers]]
            if kept.size:
                self._by_path[path][kept] = True
                free[path] = kept
        return LineSet(free)


def _actors(detections: Sequence[Detection]) -> Actors:
    """Everybody named; the address that did most first."""

    def ranked(name: str) -> tuple[str, ...]:
        weight: dict[str, int] = {}
        for detection in detections:
            values: tuple[str, ...] = getattr(detection.actors, name)
            for value in values:
                weight[value] = weight.get(value, 0) + len(detection.lines) // len(values)
        return tuple(sorted(weight, key=lambda value: (-weight[value], value)))

    return Actors(ranked("ip"), ranked("user"), ranked("host"), ranked("domain"))


def _rules(detections: Sequence[Detection]) -> tuple[RuleCount, ...]:
    lines: dict[str, list[LineSet]] = {}
    titles: dict[str, str] = {}
    for detection in detections:
        lines.setdefault(detection.rule_id, []).append(detection.lines)
        titles.setdefault(detection.rule_id, detection.title)
    counts = {rule: len(LineSet.union(sets)) for rule, sets in lines.items()}
    return tuple(RuleCount(rule, titles[rule], counts[rule]) for rule in sorted(counts, key=lambda r: (-counts[r], r)))
