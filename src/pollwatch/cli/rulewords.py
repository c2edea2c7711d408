"""Rules in words, on a terminal and as JSON. They come from anywhere: their text is made inert before it is shown."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from pollwatch.canonical import Json
from pollwatch.cli import present
from pollwatch.detect.sigma.load import Refused
from pollwatch.detect.sigma.plan import CorrelationRule, DetectorRule, EventRule, Rule
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext
from pollwatch.node.rules.importing import Import
from pollwatch.node.rules.ruleset import Ruleset
from pollwatch.report.words import severity_word, thousands

_SHOWN = 20


def rows(heads: Sequence[str], found: Sequence[Sequence[str]], *, styles: Sequence[str] = ()) -> None:
    """A table on a terminal; tab-separated rows, without heads, for another program."""
    if not sys.stdout.isatty():
        present.plain(found)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in heads:
        table.add_column(head)
    for number, row in enumerate(found):
        style = styles[number] if styles else ""
        table.add_row(*(Text(printable(cell, 240), style=style if at == 1 else "") for at, cell in enumerate(row)))
    present.console().print(table)


def told(text: str) -> None:
    """A sentence of ours on stderr; what others wrote in it was made inert before."""
    present.console(stderr=True).print(Text(text))


def tell_list(ruleset: Ruleset, found: Sequence[Rule]) -> None:
    """One row a rule, then where the rules come from."""
    rows(
        (_("id"), _("level"), _("logsource"), _("ATT&CK"), _("from"), _("title")),
        [
            (
                rule.info.id,
                severity_word(rule.info.severity.word) if sys.stdout.isatty() else rule.info.severity.word,
                ", ".join(map(str, ruleset.logsources(rule))),
                " ".join(rule.info.techniques),
                ruleset.origin(rule.info.path),
                rule.info.title,
            )
            for rule in found
        ],
        styles=[present.STYLE[rule.info.severity] for rule in found],
    )
    for origin in ruleset.origins:
        count = sum(ruleset.origin(rule.info.path) == origin.name for rule in ruleset.rules)
        words = ngettext("{name}: {n} rule", "{name}: {n} rules", count).format(
            name=printable(origin.name), n=thousands(count)
        )
        if origin.imported is not None:
            source = printable(origin.imported.source)
            words += _(", imported {at} from {source}").format(at=printable(origin.imported.at), source=source)
        told(words)
    if ruleset.refused:
        told(refused_words(len(ruleset.refused)))


def refused_words(count: int) -> str:
    """One sentence about rules that did not load."""
    return ngettext(
        "{n} rule did not load; `pollwatch rules list --refused` says why",
        "{n} rules did not load; `pollwatch rules list --refused` says why",
        count,
    ).format(n=count)


def tell_refused(ruleset: Ruleset, found: Sequence[Refused]) -> None:
    """One row a rule that was refused."""
    rows(
        (_("from"), _("file"), _("reason")),
        [(ruleset.origin(each.path), each.path, _reason(each)) for each in found],
    )
    if not found:
        told(_("every rule loaded"))


def _reason(refused: Refused) -> str:
    return str(refused.error).removeprefix(f"{refused.path}: ")


def list_document(ruleset: Ruleset, found: Sequence[Rule], refused: Sequence[Refused]) -> dict[str, Json]:
    """The list as JSON; text of rules is as it stands in them."""
    sources: list[Json] = []
    for origin in ruleset.origins:
        made = origin.imported
        source: dict[str, Json] = {"name": origin.name, "folder": origin.folder}
        if made is not None:
            source |= {"source": made.source, "digest": made.digest, "imported": made.at}
        sources.append(source)
    return {
        "schema": "pollwatch.rules/1",
        "sources": sources,
        "rules": [rule_document(ruleset, rule) for rule in found],
        "refused": [
            {"from": ruleset.origin(each.path), "path": each.path, "title": each.title, "reason": _reason(each)}
            for each in refused
        ],
    }


def rule_document(ruleset: Ruleset, rule: Rule) -> dict[str, Json]:
    """One rule as JSON."""
    info = rule.info
    return {
        "id": info.id,
        "name": info.name,
        "title": info.title,
        "level": info.severity.word,
        "status": info.status,
        "kind": _kind(rule),
        "logsources": [str(each) for each in ruleset.logsources(rule)],
        "techniques": list(info.techniques),
        "tactics": list(info.tactics),
        "tags": list(info.tags),
        "from": ruleset.origin(info.path),
        "path": info.path,
        "speaks": info.output,
    }


def _kind(rule: Rule) -> str:
    match rule:
        case EventRule():
            return "event"
        case DetectorRule():
            return "detector"
        case CorrelationRule():
            return rule.type.value


def tell_import(done: Import) -> None:
    """What an import brought, and what it did not."""
    made = done.imported
    rows((_("file"), _("reason")), [*done.refused, *done.left_out])
    if done.kept:
        words = _("{name}: {loaded} rules of {files} files imported; scans use them from now on")
    else:
        words = _("{name}: {loaded} rules of {files} files would be imported; nothing was kept")
    told(words.format(name=made.name, loaded=thousands(made.loaded), files=thousands(made.files)))
    if done.refused or done.left_out:
        words = _("{refused} rules do not load, {left} files were not taken; the reasons stand above")
        told(words.format(refused=len(done.refused), left=len(done.left_out)))
    if done.before is not None:
        words = _("in place of {loaded} rules imported {at}")
        told(words.format(loaded=thousands(done.before.loaded), at=printable(done.before.at)))


def import_document(done: Import) -> dict[str, Json]:
    """An import as JSON."""
    made, before = done.imported, done.before
    return {
        "schema": "pollwatch.rules-import/1",
        "name": made.name,
        "source": made.source,
        "digest": made.digest,
        "at": made.at,
        "files": made.files,
        "loaded": made.loaded,
        "refused": [{"path": path, "reason": reason} for path, reason in done.refused],
        "left_out": [{"path": path, "reason": reason} for path, reason in done.left_out],
        "replaced": None if before is None else {"digest": before.digest, "at": before.at, "loaded": before.loaded},
        "kept": done.kept,
    }
