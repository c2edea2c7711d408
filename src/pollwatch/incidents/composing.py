"""What people say about where an incident ends: several are one, or one is two. Each is told afresh.

Joining needs nothing but the incidents. Parting needs the detections: those that meet a :class:`Part` go, with their
lines; what only stood beside them (lines on which no rule fired) stays, for nobody can tell whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from pollwatch.election.assets import Assets, host_name
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.lines import LineSet
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.incidents.advice import general
from pollwatch.incidents.incident import Incident, Phase, RuleCount
from pollwatch.incidents.merging import Folder
from pollwatch.incidents.outcome import Outcome, Verdict
from pollwatch.incidents.phases import PAUSE_US, phases, tactics_of, techniques_of
from pollwatch.incidents.summary import Story, actor_words, place_of, place_words, reasons, summary, title

_MOST_REASONS: Final = 12
_MOST_SAMPLES: Final = 24
_T = TypeVar("_T")
_ACTORS: Final = ("ip", "user", "host", "domain")


@dataclass(frozen=True, slots=True)
class Part:
    """Which detections of an incident are meant: of any of these rules, by any of these actors; naming none means all.

    Attributes:
        rules: rule ids.
        actors: addresses, accounts, hosts or domains, as detections name them.
        called: host names and log paths with the names of their systems, as they were called when it was parted: what
            is found later is told in the same words.
    """

    rules: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    called: tuple[tuple[str, str], ...] = ()

    def meets(self, detection: Detection) -> bool:
        """Whether a detection is meant."""
        named = {value for kind in _ACTORS for value in getattr(detection.actors, kind)}
        return (not self.rules or detection.rule_id in self.rules) and (not self.actors or bool(named & {*self.actors}))


def calling(part: Part, incident: Incident, assets: Assets) -> Part:
    """A part that knows how the systems of an incident are called."""
    hosts = ((host_name(each), assets.of_target(each)) for each in incident.targets)
    paths = ((each, assets.of_path(each)) for each in incident.lines.by_path)
    return replace(part, called=tuple((each, asset.name) for each, asset in (*hosts, *paths) if asset is not None))


def joined(parts: Sequence[Incident]) -> Incident:
    """Several incidents as one; it is named after the gravest and has the id of the first.

    Args:
        parts: at least one.
    """
    if len(parts) == 1:
        return parts[0]
    ranked = sorted(parts, key=lambda i: (-i.severity, i.election.priority, i.first_us or 0, i.id))
    gravest = ranked[0]
    others = [printable(each.title, 120) for each in ranked[1:] if each.title != gravest.title]
    beside = _("With it: {titles}.").format(titles="; ".join(dict.fromkeys(others))) if others else ""
    told = " ".join(filter(None, (gravest.summary, "" if beside in gravest.summary else beside)))
    times = [t for each in parts for t in (each.first_us, each.last_us) if t is not None]
    return replace(
        gravest,
        id=parts[0].id,
        summary=told,
        why=_distinct(each.why for each in ranked)[:_MOST_REASONS],
        phases=_phases([phase for each in parts for phase in each.phases]),
        techniques=_distinct(each.techniques for each in ranked),
        tactics=_distinct(each.tactics for each in ranked),
        tools=tuple(sorted(_distinct(each.tools for each in ranked))),
        actors=Actors(*(_distinct(getattr(each.actors, kind) for each in ranked) for kind in _ACTORS)),
        targets=_distinct(each.targets for each in ranked),
        first_us=min(times, default=None),
        last_us=max(times, default=None),
        lines=LineSet.union(each.lines for each in parts),
        samples=_distinct(each.samples for each in ranked)[:_MOST_SAMPLES],
        rules=_rules(parts),
        election=min((each.election for each in parts), key=lambda context: context.priority),
    )


def parted(
    incident: Incident, detections: Iterable[Detection], part: Part, known: LineSet | None = None
) -> tuple[Incident | None, Incident | None]:
    """One incident as two: what stays, and what goes. Either is None where nothing would be left of it.

    Args:
        incident: to be parted.
        detections: its own; those without a line in it are left out.
        part: which of them go.
        known: lines that went before and still go.
    """
    own = [each for each in detections if each.lines.shared(incident.lines)]
    going = [each for each in own if part.meets(each)]
    lines = LineSet.union(each.lines for each in going) & incident.lines
    if known is not None:
        lines |= known & incident.lines
    # A line on which a rule of each side fired goes: it was asked for by name.
    left = incident.lines - lines
    staying = [each for each in own if not part.meets(each) and each.lines.shared(left)]
    called = dict(part.called)
    return _retold(incident, staying, left, called), _retold(incident, going, lines, called)


def _retold(
    incident: Incident, detections: Sequence[Detection], lines: LineSet, called: Mapping[str, str]
) -> Incident | None:
    """An incident as these of its detections tell it."""
    folder = Folder()
    folder.add(replace(each, lines=each.lines & lines) for each in detections)
    folded = folder.done()
    if not folded or not len(lines):
        return None
    own = [each.detection for each in folded]
    worked = any(each.succeeded for each in own)
    gravest = max(each.severity for each in own)
    # What came of it is known of the whole only: a half in which nothing worked is as grave as its rules say.
    severity = incident.severity if worked else min(incident.severity, gravest)
    targets = tuple(dict.fromkeys(t for each in own for t in each.targets if t))
    hosts = list(dict.fromkeys(map(host_name, targets)))
    named = [called.get(each, each) for each in hosts] if hosts else [*filter(None, map(called.get, lines.by_path))]
    places = list(dict.fromkeys(named)) or [place_of(path) for path in sorted(lines.by_path)[:1]]
    times = [t for each in own for t in (each.first_us, each.last_us) if t is not None]
    story = Story(
        folded,
        Actors(*(_distinct(getattr(each.actors, kind) for each in own) for kind in _ACTORS)),
        places,
        Verdict(Outcome.WORKED if worked else Outcome.UNKNOWN, severity, (), LineSet({})),
        lines,
        max(len(lines) - len(LineSet.union(each.lines for each in own)), 0),
        min(times, default=None),
        max(times, default=None),
    )
    counts = {each.id: each for each in incident.rules}
    return replace(
        incident,
        title=title(story),
        severity=severity,
        summary=summary(story),
        why=reasons(story),
        phases=phases(own),
        techniques=techniques_of(own),
        tactics=tactics_of(own),
        tools=tuple(sorted({each.tool for each in own if each.tool})),
        actors=story.actors,
        targets=targets,
        first_us=story.first_us,
        last_us=story.last_us,
        lines=lines,
        samples=tuple(each for each in incident.samples if _has(lines, each.path, each.number)),
        rules=_counted(own, counts),
        advice=_advice(incident, story, severity),
    )


def _advice(incident: Incident, story: Story, severity: Severity) -> tuple[str, ...]:
    """Whom to call and what to keep stay as they were; what lies between is about what is left."""
    if severity <= Severity.LOW or len(incident.advice) < 2:
        return incident.advice[-1:]
    worked = story.verdict.outcome is Outcome.WORKED
    actor, place = actor_words(story.actors), place_words(story.places)
    steps = [step.format(actor=actor, place=place) for step in general(story.kind, worked=worked)]
    return (incident.advice[0], *steps, incident.advice[-1])


def _has(lines: LineSet, path: str, number: int) -> bool:
    return bool(len(LineSet.of(path, [number]) & lines))


def _counted(detections: Sequence[Detection], known: dict[str, RuleCount]) -> tuple[RuleCount, ...]:
    sets: dict[str, list[LineSet]] = {}
    titles: dict[str, str] = {}
    for each in detections:
        sets.setdefault(each.rule_id, []).append(each.lines)
        titles.setdefault(each.rule_id, known[each.rule_id].title if each.rule_id in known else each.title)
    counts = [RuleCount(rule, titles[rule], len(LineSet.union(lines))) for rule, lines in sets.items()]
    return tuple(sorted(counts, key=lambda each: (-each.count, each.id)))


def _rules(parts: Sequence[Incident]) -> tuple[RuleCount, ...]:
    counts: dict[str, RuleCount] = {}
    for rule in (rule for each in parts for rule in each.rules):
        known = counts.get(rule.id)
        counts[rule.id] = RuleCount(rule.id, rule.title, rule.count + (known.count if known else 0))
    return tuple(sorted(counts.values(), key=lambda each: (-each.count, each.id)))


def _phases(found: Sequence[Phase]) -> tuple[Phase, ...]:
    """Steps of the same technique that touch one another are one step."""
    kept: list[Phase] = []
    for phase in sorted(found, key=lambda p: (p.technique, p.first_us is None, p.first_us or 0)):
        last = kept[-1] if kept else None
        if last is not None and last.technique == phase.technique and _touch(last, phase):
            times = [t for each in (last, phase) for t in (each.first_us, each.last_us) if t is not None]
            first, end = min(times, default=None), max(times, default=None)
            kept[-1] = replace(last, first_us=first, last_us=end, lines=last.lines + phase.lines)
        else:
            kept.append(phase)
    return tuple(sorted(kept, key=lambda p: (p.first_us is None, p.first_us or 0, p.last_us or 0, p.technique)))


def _touch(before: Phase, after: Phase) -> bool:
    if before.last_us is None or after.first_us is None:
        return before.last_us is None and after.first_us is None
    return after.first_us - before.last_us <= PAUSE_US


def _distinct(sets: Iterable[Iterable[_T]]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(each for several in sets for each in several))
