"""An incident in words: its title, one sentence, and why it is believed.

What attackers wrote (account names, hosts) goes through ``printable`` before it stands in a sentence.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from pollwatch.clock import US_PER_S, UTC, to_datetime
from pollwatch.election.assets import Asset
from pollwatch.events.detection import Actors, Detection, Severity
from pollwatch.events.lines import LineSet
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext
from pollwatch.incidents.kinds import Kind, kinds_of, leading
from pollwatch.incidents.merging import Folded
from pollwatch.incidents.outcome import Outcome, Verdict
from pollwatch.incidents.threats import Threat, of_incident

#: Threats of the EU's list that one incident is said to be.
_MOST_THREATS = 2
_MOST_REASONS: Final = 8
_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class Story:
    """What an incident is told from.

    Attributes:
        parts: its folded detections, in order.
        actors: who acted.
        places: names of what was acted upon: assets, else hosts, else logs.
        lines: all its lines.
        absorbed: how many of them no rule fired on.
        assets: the systems that were hit, as far as they are known.
        kind: what names it: of what worked the kind that matters most, else the one with most lines.
        rule: the title of the rule that names it: of its kind, rather what was done than with which tool.
    """

    parts: Sequence[Folded]
    actors: Actors
    places: Sequence[str]
    verdict: Verdict
    lines: LineSet
    absorbed: int
    first_us: int | None
    last_us: int | None
    assets: Sequence[Asset] = ()
    kind: Kind = field(init=False)
    rule: str = field(init=False)

    def __post_init__(self) -> None:
        """Find what names it, once."""
        leading_ones = _leading(self.detections)
        kind = _kind(leading_ones)
        named = [d for d in leading_ones if kind in kinds_of([d])] or leading_ones
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "rule", min(named, key=lambda d: (bool(d.tool), -len(d.lines), d.rule_id)).title)

    @property
    def detections(self) -> list[Detection]:
        """Its detections."""
        return [part.detection for part in self.parts]


def _leading(detections: Sequence[Detection]) -> list[Detection]:
    """Those that name it: what worked, else what is gravest."""
    gravest = max(d.severity for d in detections)
    worked = [d for d in detections if d.succeeded and d.severity >= Severity.MEDIUM]
    return worked or [d for d in detections if d.severity == gravest]


def _kind(detections: Sequence[Detection]) -> Kind:
    if any(d.succeeded for d in detections):
        return leading(kinds_of(detections))
    lines: dict[Kind, list[LineSet]] = {}
    for detection in detections:
        for kind in kinds_of([detection]) or {Kind.OTHER}:
            lines.setdefault(kind, []).append(detection.lines)
    sizes = {kind: len(LineSet.union(sets)) for kind, sets in lines.items()}
    most = max(sizes.values())
    return leading(kind for kind, size in sizes.items() if size == most)


def place_of(path: str) -> str:
    """What to call a system of which only the log is known."""
    return _("the system that writes {log}").format(log=printable(PurePath(path).name or path, _NAME))


def actor_words(actors: Actors) -> str:
    """Who acted, in few words."""
    if len(actors.ip) == 1:
        return printable(actors.ip[0], _NAME)
    if actors.ip:
        return ngettext("{n} address", "{n} addresses", len(actors.ip)).format(n=len(actors.ip))
    for names in (actors.user, actors.host, actors.domain):
        if len(names) == 1:
            return printable(names[0], _NAME)
        if names:
            return _("{first} and {n} more").format(first=printable(names[0], _NAME), n=len(names) - 1)
    return _("an unnamed source")


def place_words(places: Sequence[str]) -> str:
    """What was acted upon, in few words."""
    if not places:
        return _("an unnamed system")
    if len(places) == 1:
        return printable(places[0], _NAME)
    return _("{first} and {n} more").format(first=printable(places[0], _NAME), n=len(places) - 1)


def title(story: Story) -> str:
    """A line for a list: what, where, who."""
    worked = story.verdict.outcome is Outcome.WORKED
    template = _titles(worked=worked).get(story.kind) or _("{rule}: {place}, by {actor}")
    return template.format(
        rule=printable(story.rule.partition(": ")[0], 100),  # "Path traversal: climbing out ..."; the rest is below
        place=place_words(story.places),
        actor=actor_words(story.actors),
    )


def _titles(*, worked: bool) -> dict[Kind, str]:
    if worked:
        return {
            Kind.SHELL: _("Web shell in use on {place}, by {actor}"),
            Kind.THEFT: _("Data taken from {place} by {actor}"),
            Kind.ALTERATION: _("Content altered on {place} by {actor}"),
            Kind.PRIVILEGE: _("Administrator rights used on {place} by {actor}"),
            Kind.EXPLOIT: _("Attack that got through on {place}: {rule}, by {actor}"),
            Kind.PASSWORD: _("Log-in to {place} after password guessing by {actor}"),
            Kind.ACCESS: _("Account taken over on {place} by {actor}"),
        }
    return {
        Kind.SHELL: _("Web shell sought on {place} by {actor}"),
        Kind.THEFT: _("Attack that may have taken data from {place}, by {actor}"),
        Kind.ALTERATION: _("Alteration tried on {place} by {actor}"),
        Kind.PRIVILEGE: _("Suspicious use of administrator rights on {place} by {actor}"),
        Kind.EXPLOIT: _("{rule} tried on {place} by {actor}"),
        Kind.PASSWORD: _("Password guessing on {place} by {actor}"),
        Kind.ACCESS: _("Unusual log-in to {place} by {actor}"),
        Kind.FLOOD: _("Flood of traffic to {place} from {actor}"),
        Kind.LOOKALIKE: _("Lookalike or phishing attempt: {rule}, by {actor}"),
        Kind.PROBE: _("Probing of {place} by {actor}"),
    }


def summary(story: Story) -> str:
    """One sentence: who did what to what, when, how much of it, and whether it worked."""
    template = ngettext(
        "{span}, {actor} left {n} line of this kind in the logs of {place}: {what}; {outcome}.",
        "{span}, {actor} left {n} lines of this kind in the logs of {place}: {what}; {outcome}.",
        len(story.lines),
    )
    told = template.format(
        span=span_words(story.first_us, story.last_us),
        actor=actor_words(story.actors),
        n=len(story.lines),
        place=place_words(story.places),
        what=_what(story),
        outcome=_outcome(story),
    )
    return told[:1].upper() + told[1:]


def span_words(first_us: int | None, last_us: int | None) -> str:
    """When, as people write it; the day once where it is the same."""
    if first_us is None or last_us is None:
        return _("at an unknown time")
    first, last = _span(first_us, last_us, UTC)
    if not last:
        return _("at {first}").format(first=first)
    return _("between {first} and {last}").format(first=first, last=last)


def in_zone(summary: str, first_us: int | None, last_us: int | None, zone: dt.tzinfo) -> str:
    """A summary, which is kept in UTC, as people of a zone read it: its span in their time, under their zone's name."""
    if first_us is None or last_us is None:
        return summary
    first, last = _span(first_us, last_us, UTC)
    shown_first, shown_last = _span(first_us, last_us, zone)
    before, found, rest = summary.partition(first)
    between, found_last, after = rest.partition(last) if last else ("", "", rest)
    if not found or found_last != last:
        return summary  # written by an older version, which put it otherwise
    return f"{before}{shown_first}{between}{shown_last}{after}"


def _span(first_us: int, last_us: int, zone: dt.tzinfo) -> tuple[str, str]:
    """Begin and end as people write them; the day once where it is the same, the zone where it must be said."""
    first, last = (to_datetime(us).astimezone(zone) for us in (first_us, last_us))
    if first_us // US_PER_S == last_us // US_PER_S:
        return f"{first:%Y-%m-%d %H:%M:%S %Z}", ""
    begin = f"{first:%Y-%m-%d %H:%M:%S}" if f"{first:%Z}" == f"{last:%Z}" else f"{first:%Y-%m-%d %H:%M:%S %Z}"
    return begin, f"{last:%H:%M:%S %Z}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M:%S %Z}"


def _what(story: Story) -> str:
    ranked = sorted(story.detections, key=lambda d: (-d.severity, -len(d.lines), d.rule_id))
    titles = list(dict.fromkeys(printable(d.title, 100) for d in ranked))
    more = len(titles) - 3
    shown = ", ".join(f"“{each}”" for each in titles[:3])  # a rule's title may hold commas
    return _("{shown} and {n} more").format(shown=shown, n=more) if more > 0 else shown


def _outcome(story: Story) -> str:
    if story.verdict.outcome is Outcome.WORKED:
        return _("the logs show that it worked")
    if story.kind is Kind.FLOOD:
        return _("whether the service held cannot be told from this alone")
    if story.verdict.outcome is Outcome.REFUSED:
        return _("every attempt was refused")
    return _("the logs do not show that it worked, and cannot rule it out")


def reasons(story: Story) -> tuple[str, ...]:
    """Why it is believed: what the rules say, gravest first, then what the answers and the company it kept show."""
    ranked = _gravest_first(story)
    told = list(dict.fromkeys(_reason(part) for part in ranked))
    more = len(told) - _MOST_REASONS
    shown = told[:_MOST_REASONS]
    if more > 0:
        shown.append(
            ngettext("{n} more rule says the same kind of thing.", "{n} more rules say the same kind of thing.", more)
            .format(n=more)
        )  # fmt: skip
    shown += [part.detection.meaning for part in ranked[:1] if part.detection.meaning]
    shown += story.verdict.sentences
    if len(story.actors.ip) > 1:
        shown.append(
            _("These {n} addresses are taken as one: same aim, same tool or same account, at the same time.").format(
                n=len(story.actors.ip)
            )
        )
    if story.absorbed:
        shown.append(
            ngettext(
                "{n} further line of the same source belongs to it although it looks harmless by itself.",
                "{n} further lines of the same source belong to it although they look harmless by themselves.",
                story.absorbed,
            ).format(n=story.absorbed)
        )
    if story.verdict.severity >= Severity.MEDIUM:
        shown += map(_listed, of_incident([story.kind], story.assets)[:_MOST_THREATS])
    return tuple(shown)


def _listed(threat: Threat) -> str:
    return _("In the EU's list of threats to elections: no. {n}, {name} ({phase}, {system}).").format(
        n=threat.number, name=threat.name, phase=threat.phase, system=threat.system
    )


def steps(story: Story) -> tuple[str, ...]:
    """What the gravest rule that fired says to do first; empty where it leaves that to the kind of attack."""
    return next((part.detection.steps for part in _gravest_first(story)), ())


def _gravest_first(story: Story) -> list[Folded]:
    return sorted(story.parts, key=lambda p: (-p.detection.succeeded, -p.detection.severity, -len(p.detection.lines)))


def _reason(part: Folded) -> str:
    count = len(part.detection.lines)
    if count <= part.largest:
        return part.detection.why
    why = part.detection.why
    if why.endswith((".", "!", "?")):
        return _("{why} In all, {n} lines show this.").format(why=why, n=count)
    return _("{why}; in all, {n} lines show this.").format(why=why, n=count)
