"""Which ATT&CK techniques the rules are about, in which logs, and which of them the logs at hand could show at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pollwatch.clock import Clock
from pollwatch.detect.sigma.plain import resolve
from pollwatch.detect.sigma.plan import And, DetectorRule, EventRule, Leaf, Node, Not, Or, Rule
from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.incidents.attack import TACTICS, Technique, technique
from pollwatch.incidents.coverage import Telemetry
from pollwatch.incidents.records import Case
from pollwatch.node.rules.ruleset import Ruleset, fits


@dataclass(slots=True)
class Covered:
    """One technique.

    Attributes:
        rules: ids of the rules about it.
        fed: those of them that the logs at hand could make fire; None where no logs were given.
        logsources: how many rules there are in each.
    """

    technique: Technique
    rules: list[str] = field(default_factory=list)
    fed: list[str] | None = None
    logsources: Counter[str] = field(default_factory=Counter)


def covered(ruleset: Ruleset, rules: Iterable[Rule], telemetry: Telemetry | None = None) -> list[Covered]:
    """The techniques that rules are tagged with, under their present ids.

    Args:
        ruleset: all rules: correlations are fed through others.
        rules: those to look at.
        telemetry: of the logs at hand; None to leave out which rules they feed.
    """
    found: dict[str, Covered] = {}
    for rule in rules:
        fed = telemetry is not None and feeds(ruleset, rule, telemetry)
        for meant in {each.id: each for each in map(technique, rule.info.techniques)}.values():
            entry = found.setdefault(meant.id, Covered(meant, fed=None if telemetry is None else []))
            entry.rules.append(rule.info.id)
            entry.logsources.update(map(str, ruleset.logsources(rule)))
            if fed and entry.fed is not None:
                entry.fed.append(rule.info.id)
    return [found[each] for each in sorted(found)]


def tactics(found: Sequence[Covered]) -> list[tuple[str, int, int | None]]:
    """Each tactic of ATT&CK: how many techniques have a rule, and how many a rule that the logs feed."""
    result: list[tuple[str, int, int | None]] = []
    for tactic in TACTICS:
        mine = [each for each in found if tactic in each.technique.tactics]
        told = any(each.fed is not None for each in found)
        result.append((tactic, len(mine), sum(bool(each.fed) for each in mine) if told else None))
    return result


def feeds(ruleset: Ruleset, rule: Rule, telemetry: Telemetry) -> bool:
    """Whether logs have events that a rule is asked of, with a value in at least one field that it looks at.

    A correlation needs all that is under it.
    """
    if isinstance(rule, DetectorRule):
        return any(
            count
            and any(each.covers(source) for each in rule.logsources)
            and set(rule.columns) <= set(_filled(telemetry, source))
            for source, count in telemetry.events.items()
        )
    if not isinstance(rule, EventRule):
        under = [ruleset.engine.rule(each) for each in rule.rules]
        return all(each is not None and feeds(ruleset, each, telemetry) for each in under)
    looked_at = _fields(rule.condition)
    return any(
        fits(rule.logsource, source)
        and (None in looked_at or any(resolve(_filled(telemetry, source), each) for each in looked_at if each))
        for source, count in telemetry.events.items()
        if count
    )


def telemetry_of(batches: Iterable[EventBatch]) -> Telemetry:
    """What logs say at all."""
    telemetry = Telemetry()
    for batch in batches:
        telemetry.observe(batch)
    return telemetry


def telemetry_of_case(case_dir: Path, clock: Clock) -> Telemetry:
    """What the events of a case say at all.

    Raises:
        StoreError: there is no case, or it cannot be read.
    """
    with Case.open(case_dir, clock, create=False) as case:
        return telemetry_of(case.events())


def _filled(telemetry: Telemetry, logsource: LogSource) -> dict[str, int]:
    return {name: count for (source, name), count in telemetry.filled.items() if source == logsource and count}


def _fields(node: Node) -> set[str | None]:
    match node:
        case Leaf(name, _test):
            return {name}
        case Not(child):
            return _fields(child)
        case And(children) | Or(children):
            return {name for child in children for name in _fields(child)}
