"""``pollwatch hypotheses hints``: what is known of groups beside an incident, with how little it says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.attribution.hints import Hints, Labelled, Overlap, Rate
    from pollwatch.node.attribution.hinting import Known


@click.command(name="hints")
@click.argument("incident")
@options.required_case_dir
@options.config_file
@options.as_json
def command(*, incident: str, case_dir: Path, config_file: Path | None, as_json: bool) -> int:
    """Tell which known groups use what was used in INCIDENT, and how many others do too. A hint, never an answer.

    INCIDENT is one of the case, or one that was released or received (incident--...). Techniques and groups are
    ATT&CK's, as they come with the program; words about addresses are those of the indicators that were taken in
    (pollwatch indicators). Nothing of it is sent, sealed or counted anywhere: whoever follows a hint adds a hypothesis.
    """
    from pollwatch import config
    from pollwatch.node.attribution import hinting
    from pollwatch.node.indicators.desk import Desk

    settings = config.load(Path.cwd(), os.environ, config_file)
    known, found = hinting.find(Desk.open(case_dir, SystemClock(), settings.assets), incident)
    if as_json:
        click.echo(pretty(_document(known, found)))
    else:
        _tell(known, found)
    return 0


def _tell(known: Known, found: Hints) -> None:
    from pollwatch.incidents import attack

    click.echo(_("Hints beside {incident}. They name nobody: anybody can use these techniques.").format(
        incident=printable(known.name)
    ))  # fmt: skip
    for each, rate in found.techniques.items():
        name = attack.technique(each).name
        words = _("  {technique} {name}: used by {count} of {of} known groups")
        click.echo(words.format(technique=printable(each), name=printable(name), count=rate.count, of=rate.of))
    if not found.overlaps:
        click.echo(_("No known group was reported to use any of it; that says nothing either."))
    for overlap in found.overlaps:
        words = _(
            "  {group} ({id}): {shared} of {all} techniques here, {repertoire} in all; "
            "{count} of {of} groups share as many"
        )
        click.echo(
            words.format(
                group=printable(overlap.group.name), id=overlap.group.id, shared=len(overlap.shared),
                all=len(found.techniques), repertoire=overlap.repertoire, count=overlap.as_many.count,
                of=overlap.as_many.of,
            )
        )  # fmt: skip
    for label in found.labelled:
        words = _("  {value}: {source} says {group}, as of {count} of its {of} indicators")
        said = {"value": printable(label.value, 300), "source": printable(label.source), "group": label.group.name}
        click.echo(words.format(**said, count=label.said.count, of=label.said.of))
        for warning in label.warnings:
            click.echo(_("    but: {warning}").format(warning=printable(warning)))


def _document(known: Known, found: Hints) -> Json:
    techniques: Json = {each: _rate(rate) for each, rate in found.techniques.items()}
    overlaps: list[Json] = [_overlap(each) for each in found.overlaps]
    labelled: list[Json] = [_labelled(each) for each in found.labelled]
    return {
        "schema": "pollwatch.hints/1",
        "incident": known.name,
        "techniques": techniques,
        "overlaps": overlaps,
        "labelled": labelled,
    }


def _overlap(each: Overlap) -> Json:
    shared: list[Json] = [*each.shared]
    return {
        "group": each.group.id,
        "name": each.group.name,
        "shared": shared,
        "repertoire": each.repertoire,
        "groups_sharing_as_many": _rate(each.as_many),
    }


def _labelled(each: Labelled) -> Json:
    warnings: list[Json] = [*each.warnings]
    said = _rate(each.said)
    return {"value": each.value, "group": each.group.id, "source": each.source, "said": said, "warnings": warnings}


def _rate(each: Rate) -> Json:
    return {"count": each.count, "of": each.of}
