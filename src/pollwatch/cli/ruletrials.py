"""What rules did on samples and logs, and what they cover, in words and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pollwatch.canonical import Json
from pollwatch.cli.rulewords import rows, told
from pollwatch.detect.sigma.plan import Rule
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.node.rules.covering import Covered, tactics
from pollwatch.node.rules.trying import Cost, Tally, Trial
from pollwatch.report.navigator import coverage_layer
from pollwatch.report.words import thousands

_SHOWN = 5


def tell_trials(trials: Sequence[Trial]) -> None:
    """What went otherwise than it should, row by row, and how many did not."""
    wrong = [each for each in trials if each.passed is False]
    untried = [each for each in trials if each.passed is None]
    rows(
        (_("id"), _("rule"), _("tried on"), _("which"), _("what happened")),
        [(each.rule_id, each.title, each.kind, each.what, each.told) for each in (*wrong, *untried)],
    )
    words = _("{right} did as they should, {wrong} did not, {untried} could not be tried")
    right = len(trials) - len(wrong) - len(untried)
    told(words.format(right=thousands(right), wrong=thousands(len(wrong)), untried=thousands(len(untried))))


def trials_document(trials: Sequence[Trial]) -> dict[str, Json]:
    """All trials as JSON; ``passed`` is null where a rule could not be tried."""
    return {
        "schema": "pollwatch.rules-test/1",
        "passed": sum(each.passed is True for each in trials),
        "failed": sum(each.passed is False for each in trials),
        "untried": sum(each.passed is None for each in trials),
        "trials": [
            {
                "id": each.rule_id,
                "title": each.title,
                "kind": each.kind,
                "what": each.what,
                "passed": each.passed,
                "told": each.told,
            }
            for each in trials
        ],
    }


def tell_tally(rules: Sequence[Rule], tally: Tally) -> None:
    """One row a rule that fired, the busiest first."""
    found = _fired(rules, tally)
    rows(
        (_("id"), _("rule"), _("events"), _("detections")),
        [
            (rule.info.id, rule.info.title, str(tally.events[rule.info.id]), str(tally.detections[rule.info.id]))
            for rule in found
        ],
    )
    words = _("{n} of {rules} rules fired on {events} events")
    told(words.format(n=thousands(len(found)), rules=thousands(len(rules)), events=thousands(tally.read)))


def tally_document(rules: Sequence[Rule], tally: Tally) -> dict[str, Json]:
    """How often rules fired, as JSON."""
    return {
        "schema": "pollwatch.rules-tally/1",
        "events": tally.read,
        "asked": len(rules),
        "rules": [
            {
                "id": rule.info.id,
                "title": rule.info.title,
                "events": tally.events[rule.info.id],
                "detections": tally.detections[rule.info.id],
            }
            for rule in _fired(rules, tally)
        ],
    }


def _fired(rules: Sequence[Rule], tally: Tally) -> list[Rule]:
    found = [rule for rule in rules if tally.events[rule.info.id] or tally.detections[rule.info.id]]
    return sorted(found, key=lambda rule: (-tally.events[rule.info.id], rule.info.id))


def tell_coverage(found: Sequence[Covered]) -> None:
    """The tactics, then the techniques with their rules and logs."""
    with_logs = any(each.fed is not None for each in found)
    rows(
        (_("technique"), _("name"), _("tactics"), _("rules"), _("fed"), _("logsources")),
        [
            (
                each.technique.id,
                each.technique.name,
                " ".join(each.technique.tactics),
                str(len(each.rules)),
                "" if each.fed is None else str(len(each.fed)),
                _logsources(each),
            )
            for each in found
        ],
    )
    for tactic, count, fed in tactics(found):
        words = _("{tactic}: {n} techniques, {fed} of them fed") if with_logs else _("{tactic}: {n} techniques")
        told(words.format(tactic=tactic, n=count, fed=fed))


def _logsources(covered: Covered) -> str:
    listed = covered.logsources.most_common()
    if not sys.stdout.isatty():
        return ", ".join(f"{name} {count}" for name, count in listed)
    shown = ", ".join(name for name, _count in listed[:_SHOWN])
    return shown + (_(" and {n} more").format(n=len(listed) - _SHOWN) if len(listed) > _SHOWN else "")


def coverage_document(found: Sequence[Covered]) -> dict[str, Json]:
    """The coverage as JSON; ``fed`` is null where no logs were given."""
    return {
        "schema": "pollwatch.rules-coverage/1",
        "tactics": [{"tactic": tactic, "techniques": count, "fed": fed} for tactic, count, fed in tactics(found)],
        "techniques": [
            {
                "technique": each.technique.id,
                "name": each.technique.name,
                "tactics": list(each.technique.tactics),
                "rules": list(each.rules),
                "fed": None if each.fed is None else list(each.fed),
                "logsources": dict(sorted(each.logsources.items())),
            }
            for each in found
        ],
    }


def layer(found: Sequence[Covered]) -> dict[str, Json]:
    """A Navigator layer; where logs were given, of what they feed."""
    counts = {each.technique.id: len(each.rules if each.fed is None else each.fed) for each in found}
    comments = {each.technique.id: printable(", ".join(sorted(each.logsources)), 1_000) for each in found}
    return coverage_layer({each: count for each, count in counts.items() if count}, comments)


def tell_costs(found: Sequence[Cost], events: int, rules: int) -> None:
    """One row a rule, the dearest first."""
    rows(
        (_("id"), _("rule"), _("ms"), _("µs an event"), _("events"), _("hits")),
        [
            (
                each.rule.info.id,
                each.rule.info.title,
                f"{each.seconds * 1e3:.1f}",
                f"{each.seconds * 1e6 / max(each.events, 1):.2f}",
                str(each.events),
                str(each.hits),
            )
            for each in found
        ],
    )
    words = _("{rules} rules are asked of these {events} events; each was timed alone")
    told(words.format(rules=thousands(rules), events=thousands(events)))


def costs_document(found: Sequence[Cost], events: int, rules: int) -> dict[str, Json]:
    """The costs as JSON."""
    return {
        "schema": "pollwatch.rules-profile/1",
        "events": events,
        "asked": rules,
        "rules": [
            {
                "id": each.rule.info.id,
                "title": each.rule.info.title,
                "seconds": each.seconds,
                "events": each.events,
                "hits": each.hits,
            }
            for each in found
        ],
    }
