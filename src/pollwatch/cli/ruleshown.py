"""One rule, shown in full. Whoever wrote it may be an attacker: each line is made inert."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from pollwatch.canonical import Json
from pollwatch.cli import present
from pollwatch.cli.rulewords import rule_document
from pollwatch.detect.explain import describe
from pollwatch.detect.sigma.load import text_of
from pollwatch.detect.sigma.plan import And, DetectorRule, EventRule, Leaf, Node, Not, Or, Rule
from pollwatch.detect.sigma.route import routes
from pollwatch.detect.sigma.samples import Samples, samples
from pollwatch.detect.sigma.witness import literals
from pollwatch.errors import RuleError
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.incidents.advice import of_rule
from pollwatch.node.rules.ruleset import Ruleset
from pollwatch.report.words import severity_word

_SHOWN = 40
_DEEPEST = 12


def tell(ruleset: Ruleset, rule: Rule) -> None:
    """The rule for a person: what it says of itself, what it means here, and its YAML."""
    out, info = present.console(), rule.info
    out.print(Text(printable(info.title), style="bold " + present.STYLE[info.severity]))
    facts = [
        (_("id"), info.id),
        (_("level"), severity_word(info.severity.word)),
        (_("from"), f"{ruleset.origin(info.path)}: {info.path}"),
        (_("author"), info.author),
        (_("ATT&CK"), " ".join((*info.techniques, *info.tactics))),
        (_("asked of"), ", ".join(_routed(ruleset, rule))),
        (_("reports"), _("yes") if info.output else _("no: it only feeds correlations")),
    ]
    width = max(len(name) for name, _value in facts) + 2
    for name, value in facts:
        if value:
            out.print(Text.assemble((f"{name:<{width}}", "dim"), printable(value, 1_000)))
    if info.description:
        out.print(Text("\n" + printable(info.description, 2_000)))
    if info.meaning:
        out.print(Text("\n" + printable(info.meaning, 2_000)))
    _section(_("What to do first"), list(of_rule(info)))
    _section(_("It fires when"), meaning(ruleset, rule))
    _section(_("It looks first for"), _witnesses(rule))
    own = _samples(ruleset, rule)
    _section(_("It must fire on"), list(own.fire))
    _section(_("It must not fire on"), list(own.silent))
    _section(info.path, text_of(info.path).splitlines())


def _section(title: str, lines: list[str]) -> None:
    out = present.console()
    if lines:
        out.print(Text("\n" + printable(title), style="bold"))
    for line in lines:
        out.print(Text("  " + printable(line, 2_000)))


def document(ruleset: Ruleset, rule: Rule) -> dict[str, Json]:
    """The rule as JSON."""
    own, info = _samples(ruleset, rule), rule.info
    return {
        "schema": "pollwatch.rule/1",
        **rule_document(ruleset, rule),
        "description": info.description,
        "meaning": info.meaning,
        "steps": list(of_rule(info)),
        "author": info.author,
        "references": list(info.references),
        "falsepositives": list(info.falsepositives),
        "asked_of": list(_routed(ruleset, rule)),
        "condition": list(meaning(ruleset, rule)),
        "witnesses": list(_witnesses(rule)),
        "samples": {"fire": list(own.fire), "silent": list(own.silent)},
        "yaml": text_of(info.path),
    }


def _routed(ruleset: Ruleset, rule: Rule) -> list[str]:
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


def _witnesses(rule: Rule) -> list[str]:
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


def _samples(ruleset: Ruleset, rule: Rule) -> Samples:
    if isinstance(rule, DetectorRule):
        return next(each.samples() for each in ruleset.engine.detectors if each.rule.info.id == rule.info.id)
    try:
        return samples(Path(rule.info.path)).get(rule.info.id, Samples((), ()))
    except RuleError:
        return Samples((), ())
