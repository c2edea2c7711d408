"""A rule in words: what it is asked of, when it fires, what is looked for first, and its samples.

Text of a rule is its author's, who may be anybody: whoever shows it makes it inert.
"""

from __future__ import annotations

from pathlib import Path

from pollwatch.detect.explain import describe
from pollwatch.detect.sigma.plan import And, DetectorRule, EventRule, Leaf, Node, Not, Or, Rule
from pollwatch.detect.sigma.route import routes
from pollwatch.detect.sigma.samples import Samples, samples
from pollwatch.detect.sigma.witness import literals
from pollwatch.errors import RuleError
from pollwatch.i18n import _
from pollwatch.node.rules.ruleset import Ruleset

_SHOWN = 40
_DEEPEST = 12


def routed(ruleset: Ruleset, rule: Rule) -> list[str]:
    """The logsources of events that the rule is asked of: its own, and what we call it."""
    found = []
    for source in ruleset.logsources(rule):
        ours = [str(target) + (_(" (narrowed)") if more else "") for target, more in routes(source)]
        found += [str(source), *ours]
    return list(dict.fromkeys(found))


def meaning(ruleset: Ruleset, rule: Rule) -> list[str]:
    """The condition as an indented list."""
    if isinstance(rule, EventRule):
        return _tree(rule.condition, 0)
    if isinstance(rule, DetectorRule):
        return [_(each) for each in rule.fires_when]
    under = (ruleset.engine.rule(each) for each in rule.rules)
    seconds = rule.span_us // 1_000_000
    return [
        _("{kind} within {seconds} s, for each {fields}, of:").format(
            kind=rule.type.value, seconds=seconds, fields=", ".join(rule.group_by) or "-"
        ),
        *(f"  {each.info.title} ({each.info.id})" for each in under if each is not None),
    ]


def _tree(node: Node, depth: int) -> list[str]:
    start = "  " * depth
    if depth >= _DEEPEST:
        return [start + "…"]
    match node:
        case Leaf():
            return [start + describe(node)]
        case Not(child):
            return [start + _("not:"), *_tree(child, depth + 1)]
        case And(children) | Or(children):
            head = _("all of:") if isinstance(node, And) else _("one of:")
            lines = [line for child in children[:_SHOWN] for line in _tree(child, depth + 1)]
            more = len(children) - _SHOWN
            return [start + head, *lines, *([f"{start}  " + _("and {n} more").format(n=more)] if more > 0 else [])]


def witnesses(rule: Rule) -> list[str]:
    """The literals that the engine can look for before it asks the rule at all."""
    if not isinstance(rule, EventRule):
        return []
    anywhere = _("any text")
    found = dict.fromkeys(
        f"{leaf.field or anywhere}: {text!r}"
        for leaf in _leaves(rule.condition)
        for text in sorted(literals(leaf) or ())
    )
    listed = list(found)
    more = len(listed) - _SHOWN
    return [*listed[:_SHOWN], *([_("and {n} more").format(n=more)] if more > 0 else [])]


def _leaves(node: Node) -> list[Leaf]:
    """The tests of a condition that say something about events that fit: none from under a not."""
    match node:
        case Leaf():
            return [node]
        case Not():
            return []
        case And(children) | Or(children):
            return [leaf for child in children for leaf in _leaves(child)]


def samples_of(ruleset: Ruleset, rule: Rule) -> Samples:
    """The lines on which it must fire, and must not; none where it brings none."""
    if isinstance(rule, DetectorRule):
        return next(each.samples() for each in ruleset.engine.detectors if each.rule.info.id == rule.info.id)
    try:
        return samples(Path(rule.info.path)).get(rule.info.id, Samples((), ()))
    except RuleError:
        return Samples((), ())
