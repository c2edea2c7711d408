"""``pollwatch incidents assign|merge|split|ask|asks|answer``: the work on incidents beyond their state."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import rich_click as click

from pollwatch.cli import options
from pollwatch.cli.casechoice import incident, open_case, reason, user, who
from pollwatch.clock import rfc3339
from pollwatch.events.printable import printable
from pollwatch.i18n import _


@click.command()
@incident
@click.argument("assignee", metavar="NAME")
@who
@options.case_dir
@options.config_file
def assign(*, incident: str, assignee: str, who: str, case_dir: Path | None, config_file: Path | None) -> None:
    """Say who works on an incident. NAME - says that nobody does."""
    with open_case(case_dir, config_file) as case:
        found = case.incident(incident).id
        case.triage().assign(found, "" if assignee == "-" else assignee, who or user())
    click.echo(_("{id}: assigned").format(id=found), err=True)


@click.command()
@incident
@click.argument("others", metavar="ID...", nargs=-1, required=True)
@reason
@who
@options.case_dir
@options.config_file
def merge(
    *, incident: str, others: tuple[str, ...], reason: str, who: str, case_dir: Path | None, config_file: Path | None
) -> None:
    """Say that incidents are one: the others become part of ID, also when a later scan finds more of them."""
    with open_case(case_dir, config_file) as case:
        ids = [case.incident(each).id for each in (incident, *others)]
        one = case.triage().merge(ids, who or user(), reason)
    click.echo(_("{id} is now: {title}").format(id=one.id, title=printable(one.title, 200)), err=True)


@click.command()
@incident
@click.option("--rule", "rules", multiple=True, metavar="ID", help="What this rule found goes; may be repeated.")
@click.option(
    "--actor", "actors", multiple=True, metavar="NAME", help="What this address or account did goes; may be repeated."
)
@reason
@who
@options.case_dir
@options.config_file
def split(
    *,
    incident: str,
    rules: tuple[str, ...],
    actors: tuple[str, ...],
    reason: str,
    who: str,
    case_dir: Path | None,
    config_file: Path | None,
) -> None:
    """Say that an incident is two: what the rules found, or the actors did, becomes one of its own.

    With both, only what meets both goes. A later scan that finds more of it puts it there as well.
    """
    from pollwatch import config
    from pollwatch.errors import UsageError
    from pollwatch.incidents.composing import Part

    if not rules and not actors:
        raise UsageError(_("what goes? Give --rule or --actor"))
    assets = config.load(Path.cwd(), os.environ, config_file).assets
    with open_case(case_dir, config_file) as case:
        found = case.incident(incident).id
        stays, goes = case.triage().split(found, Part(rules, actors), who or user(), reason, assets)
    for each in (stays, goes):
        click.echo(f"{each.id}  {printable(each.title, 200)}", err=True)


@click.command()
@click.argument("text", metavar="TEXT")
@click.option("--incident", default="", metavar="ID", help="What it is about.")
@who
@options.case_dir
@options.config_file
def ask(*, text: str, incident: str, who: str, case_dir: Path | None, config_file: Path | None) -> None:
    """Say that you are not sure; whoever reads the inbox sees it until somebody answers."""
    with open_case(case_dir, config_file) as case:
        about = case.incident(incident).id if incident else ""
        asked = case.asking().ask(who or user(), text, (), about)
    click.echo(_("question {n} is in the inbox").format(n=asked.id), err=True)


@click.command()
@options.case_dir
@options.config_file
def asks(*, case_dir: Path | None, config_file: Path | None) -> None:
    """List the questions that nobody answered yet: number, when, who, about what, in their words."""
    with open_case(case_dir, config_file) as case:
        found = case.asking().waiting()
    for each in found:
        row = (str(each.id), rfc3339(each.at_us) or "", each.who, each.incident_id, each.text)
        click.echo("\t".join(printable(cell, 4_000) for cell in row))


@click.command()
@click.argument("number", metavar="N", type=int)
@click.argument("text", metavar="TEXT")
@who
@options.case_dir
@options.config_file
def answer(*, number: int, text: str, who: str, case_dir: Path | None, config_file: Path | None) -> None:
    """Answer question N of `incidents asks`; who asked sees it at once."""
    with open_case(case_dir, config_file) as case:
        case.asking().answer(number, who or user(), text)
    click.echo(_("answered"), err=True)


COMMANDS: Final[tuple[click.Command, ...]] = (assign, merge, split, ask, asks, answer)
