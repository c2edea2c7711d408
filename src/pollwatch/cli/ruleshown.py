"""One rule, shown in full. Whoever wrote it may be an attacker: each line is made inert."""

from __future__ import annotations

from rich.text import Text

from pollwatch.canonical import Json
from pollwatch.cli import present
from pollwatch.cli.rulewords import rule_document
from pollwatch.detect.sigma.load import text_of
from pollwatch.detect.sigma.plan import Rule
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.incidents.advice import of_rule
from pollwatch.node.rules import wording
from pollwatch.node.rules.ruleset import Ruleset
from pollwatch.report.words import severity_word


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
        (_("asked of"), ", ".join(wording.routed(ruleset, rule))),
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
    _section(_("It fires when"), wording.meaning(ruleset, rule))
    _section(_("It looks first for"), wording.witnesses(rule))
    own = wording.samples_of(ruleset, rule)
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
    own, info = wording.samples_of(ruleset, rule), rule.info
    return {
        "schema": "pollwatch.rule/1",
        **rule_document(ruleset, rule),
        "description": info.description,
        "meaning": info.meaning,
        "steps": list(of_rule(info)),
        "author": info.author,
        "references": list(info.references),
        "falsepositives": list(info.falsepositives),
        "asked_of": list(wording.routed(ruleset, rule)),
        "condition": list(wording.meaning(ruleset, rule)),
        "witnesses": list(wording.witnesses(rule)),
        "samples": {"fire": list(own.fire), "silent": list(own.silent)},
        "yaml": text_of(info.path),
    }
