"""Did it work? And how grave is it, given that.

Severity is earned. Rules say how grave an attempt looks; what came of it moves that:

- *worked* (a rule saw it, a log-in was accepted after many refusals, an attacked page answered far larger than it
  does for anyone else): at least high; critical where what worked runs code, leaves a back door, takes data out or
  alters it.
- *refused* (every attempt answered with an error or a refusal): at most medium, however ugly the attempts.
- *unknown* (answered, but answers tell nothing): as the rules say, at most high; at most medium where there was
  only probing or guessing.
- a handful of guesses or probes within an hour, none of which worked, is what every server on the internet sees
  all day: at most low. The same over days is patience, and stays as it is.
- mere volume is a flood from ``FLOOD_LINES`` on, and then at least medium; below it at most low, and nothing at
  all where the only sign is that the server's own limit took hold.
- an office behind one address, an owner who mistyped, a device with an old password: at most low (``innocence``).
- known research scanners that only probe: at most low. Many kinds of probing by one actor: at least medium.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from pollwatch.clock import US_PER_S
from pollwatch.events.detection import Detection, Severity
from pollwatch.events.lines import LineSet
from pollwatch.events.taxonomy import DATABASE, MAIL, WEB_ERROR
from pollwatch.i18n import _, ngettext
from pollwatch.incidents.activity import Activity, Usual
from pollwatch.incidents.campaigns import Campaign
from pollwatch.incidents.innocence import excuse
from pollwatch.incidents.kinds import Kind, is_flood, is_of_windows, kind_of, kinds_of
from pollwatch.incidents.spool import KIND_AUTH, KIND_WEB, STATUS_OK, STATUS_REFUSED, Rows

#: A log-in after this many refusals of the same address is no typing mistake.
GUESSES: Final = 5
#: An answer is suspiciously large from this size on ...
LARGE_BYTES: Final = 20_000
#: ... and this many times the size that others get.
TIMES_LARGER: Final = 4
#: An answer from this size on, this many times the largest that anyone else gets, is odd.
ODD_BYTES: Final = 1_000
ODD_TIMES: Final = 2
#: How soon after a guess a log-in is the guesser's.
SOON_US: Final = 3600 * US_PER_S
_SAMPLE: Final = 5
_MANY: Final = 50
#: Fewer lines than this ...
FEW: Final = 20
#: ... within this time are background noise.
BRIEF_US: Final = 3600 * US_PER_S
_GRAVE: Final = frozenset({Kind.SHELL, Kind.THEFT, Kind.ALTERATION, Kind.EXPLOIT})
_ONLY_TRYING: Final = frozenset({Kind.PROBE, Kind.PASSWORD, Kind.OTHER})
#: Scanners that universities and companies run over the whole address space and say so.
RESEARCH: Final = frozenset({"censys", "shodan", "shadowserver", "internet-measurement", "zgrab", "stretchoid",
                             "binaryedge", "leakix", "expanse", "netcraft", "rapid7"})  # fmt: skip


#: What says nothing but that an answer was large: that it was large proves no more than that.
_MEASURED: Final = frozenset({"detector.unusual_size"})
#: Fewer lines than this are a busy visitor or a slow server, not a flood.
FLOOD_LINES: Final = 500


class Outcome(Enum):
    """What came of it, as far as the logs can say."""

    WORKED = "worked"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcome and severity.

    Attributes:
        sentences: what the answers show or suggest, beyond what the rules say.
        lines: the lines that show it.
    """

    outcome: Outcome
    severity: Severity
    sentences: tuple[str, ...]
    lines: LineSet


@dataclass(frozen=True, slots=True)
class _Sign:
    """Something that the lines show beyond what rules say; only what ``proves`` changes the outcome."""

    sentence: str
    lines: LineSet
    grave: bool = False
    proves: bool = True


def judge(group: Sequence[Campaign], activity: Activity, usual: Usual) -> Verdict:
    """What came of a group of campaigns."""
    detections = [d for campaign in group for d in campaign.detections]
    signs = [sign for campaign in group for sign in _signs(campaign, activity, usual)]
    proofs = [sign for sign in signs if sign.proves]
    told = [d for d in detections if d.succeeded]
    kinds = kinds_of(detections)
    if reason := excuse(group, activity):
        severity = min(Severity.LOW, max(d.severity for d in detections))
        outcome = Outcome.REFUSED if not told and _all_refused(group, activity) else Outcome.UNKNOWN
        return Verdict(outcome, severity, (reason,), LineSet.union(d.lines for d in told))
    if told or proofs:
        grave = any(p.grave for p in proofs) or any(kind_of(t) in _GRAVE for d in told for t in d.techniques)
        outcome, severity = Outcome.WORKED, Severity.CRITICAL if grave else Severity.HIGH
        # A rule may count a harmless success (a robot's log-in) as info: then nothing was won.
        strongest = max((d.severity for d in told), default=Severity.HIGH)
        if not proofs and strongest < Severity.MEDIUM:
            outcome, severity = Outcome.UNKNOWN, max(d.severity for d in detections)
    else:
        outcome = Outcome.REFUSED if _all_refused(group, activity) else Outcome.UNKNOWN
        severity = max(d.severity for d in detections)
        if Kind.FLOOD in kinds and kinds <= {*_ONLY_TRYING, Kind.FLOOD}:
            severity = _flooded(severity, detections)
        else:
            refused = outcome is Outcome.REFUSED or _only_trying(detections, kinds)
            severity = _weighed(min(severity, Severity.MEDIUM if refused else Severity.HIGH), detections, kinds)
    found = LineSet.union([*(sign.lines for sign in signs), *(d.lines for d in told)])
    return Verdict(outcome, severity, tuple(sign.sentence for sign in signs), found)


def _flooded(severity: Severity, detections: Sequence[Detection]) -> Severity:
    floods = [d for d in detections if is_flood(d)]
    if len(LineSet.union(d.lines for d in floods)) >= FLOOD_LINES:
        return min(max(severity, Severity.MEDIUM), Severity.HIGH)
    # That a server's own limit took hold says how the limit is set, not what the visitor wanted.
    limited = all(d.logsource == WEB_ERROR for d in floods)
    return min(severity, Severity.INFO if limited else Severity.LOW)


def _weighed(severity: Severity, detections: Sequence[Detection], kinds: frozenset[Kind]) -> Severity:
    tools = {d.tool.lower() for d in detections if d.tool}
    if kinds <= {Kind.PROBE, Kind.OTHER} and any(name in tool for tool in tools for name in RESEARCH):
        return min(severity, Severity.LOW)
    fired = LineSet.union(d.lines for d in detections)
    few = len(fired) < FEW and _span_us(detections) < BRIEF_US
    if severity == Severity.MEDIUM and few and _only_trying(detections, kinds):
        return Severity.LOW
    techniques = {t for d in detections if d.severity >= Severity.LOW for t in d.techniques}
    # An administrator at work shows many kinds too; of who only knocks, they show that it is meant.
    many = len(techniques) >= 3 and len(fired) >= FEW and not all(map(is_of_windows, detections))
    return max(severity, Severity.MEDIUM) if many and severity == Severity.LOW else severity


def _only_trying(detections: Sequence[Detection], kinds: frozenset[Kind]) -> bool:
    """Whether there was nothing but probing and guessing.

    What a machine's own log says was done on it (a log emptied, its protection switched off), or a database's or mail
    server's in it, is more than a try, although it is of no kind that has a name here.
    """
    deeds = (d for d in detections if is_of_windows(d) or d.logsource in {DATABASE, MAIL})
    done = any(Kind.OTHER in kinds_of([d]) for d in deeds)
    return kinds <= _ONLY_TRYING and not done


def _span_us(detections: Sequence[Detection]) -> int:
    times = [t for d in detections for t in (d.first_us, d.last_us) if t is not None]
    return max(times) - min(times) if times else 0


def _signs(campaign: Campaign, activity: Activity, usual: Usual) -> list[_Sign]:
    if campaign.floods:
        return []
    rows = activity.of([ip for d in campaign.detections for ip in d.actors.ip])
    signs = []
    if Kind.PASSWORD in campaign.kinds:
        signs += _login_after_guesses(campaign, rows, activity)
    if campaign.kinds & {Kind.EXPLOIT, Kind.THEFT}:
        signs += _large_answers(campaign, rows, activity, usual.sizes)
    return signs


def _login_after_guesses(campaign: Campaign, rows: Rows, activity: Activity) -> list[_Sign]:
    guessing = [d for d in campaign.detections if Kind.PASSWORD in kinds_of([d])]
    logins = rows.take((rows.kind == KIND_AUTH) & (rows.user != 0))
    refused = logins.take(logins.status == STATUS_REFUSED)
    if any(d.succeeded for d in guessing) or len(refused) < GUESSES:
        return []
    accepted = logins.take(logins.status == STATUS_OK)
    if not len(accepted):
        return []
    # Who was let in here before the guessing began is at home here; and it must be an account that was guessed.
    begin = refused.time.min()
    at_home = np.unique(accepted.user[accepted.time < begin])
    news = accepted.take(np.isin(accepted.user, refused.user) & ~np.isin(accepted.user, at_home))
    times = np.sort(refused.time)
    before = np.searchsorted(times, news.time)
    # A day later it may be someone who was let in for a reason; right after the guesses it is not.
    last = times[np.maximum(before - 1, 0)]
    near = news.take((before >= GUESSES) & (news.time - last <= SOON_US))
    if not len(near):
        return []
    sentence = ngettext(
        "A log-in was accepted from the same source right after {n} refused one.",
        "A log-in was accepted from the same source right after {n} refused ones.",
        int(np.searchsorted(times, near.time.min())),
    ).format(n=int(np.searchsorted(times, near.time.min())))
    return [_Sign(sentence, activity.lines(near))]


def _large_answers(campaign: Campaign, rows: Rows, activity: Activity, sizes: Mapping[int, np.ndarray]) -> list[_Sign]:
    kinds = {Kind.EXPLOIT, Kind.THEFT}
    attacks = [d for d in campaign.detections if kinds_of([d]) & kinds and d.rule_id not in _MEASURED]
    own = rows.take((rows.kind == KIND_WEB) & (rows.status >= 200) & (rows.status < 300) & (rows.bytes >= 0))
    web = own.take(activity.inside(own, LineSet.union(d.lines for d in attacks)))
    if not len(web):
        return []
    usual = np.array([_usual_size(page, sizes, own) for page in web.stem.tolist()])
    large = web.take((usual > 0) & (web.bytes >= LARGE_BYTES) & (web.bytes >= TIMES_LARGER * usual))
    if len(large):
        return [_Sign(_larger(large), activity.lines(large), grave=True)]
    most = np.array([_most(page, sizes) for page in web.stem.tolist()])
    odd = web.take((most > 0) & (web.bytes >= ODD_BYTES) & (web.bytes >= ODD_TIMES * most))
    # A page that repeats what was asked grows by itself: this is a reason to look, not a proof.
    return [_Sign(_larger(odd) + " " + _("That may be data."), activity.lines(odd), proves=False)] if len(odd) else []


def _larger(rows: Rows) -> str:
    return ngettext(
        "{n} attacked request was answered far larger than the page is for others; the largest with {size} bytes.",
        "{n} attacked requests were answered far larger than the page is for others; the largest with {size} bytes.",
        len(rows),
    ).format(n=len(rows), size=int(rows.bytes.max()))


def _usual_size(page: int, sizes: Mapping[int, np.ndarray], own: Rows) -> float:
    """What the page weighs for others (95th percentile), else the attacker's own median; 0 = cannot be told."""
    others = sizes.get(page)
    if others is not None and others.size >= _SAMPLE:
        return max(float(np.percentile(others, 95)), 1.0)
    mine = own.bytes[own.stem == page]
    return max(float(np.median(mine)) * 2, 1.0) if mine.size >= _SAMPLE else 0.0


def _most(page: int, sizes: Mapping[int, np.ndarray]) -> float:
    """The most that the page weighs for anyone else, where enough others asked for it; else 0."""
    others = sizes.get(page)
    return max(float(others.max()), 1.0) if others is not None and others.size >= _MANY else 0.0


def _all_refused(group: Sequence[Campaign], activity: Activity) -> bool:
    """Whether every attack line that has an outcome was refused."""
    seen = 0
    for campaign in group:
        addresses = sorted({ip for d in campaign.detections for ip in d.actors.ip})
        rows = activity.of(addresses)
        rows = rows.take(activity.inside(rows, campaign.lines) & (rows.status > 0))
        if (rows.status < 400).any():
            return False
        seen += len(rows)
    return seen > 0
