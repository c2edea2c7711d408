"""``pollwatch incidents``: look at what a case holds, and say what was done about it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options, triage, tuning
from pollwatch.cli.casechoice import incident as _incident
from pollwatch.cli.casechoice import open_case as _open
from pollwatch.cli.casechoice import user as _user
from pollwatch.cli.casechoice import who as _who
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.incidents.incident import Status
    from pollwatch.incidents.records import Case

_STATUSES = ("open", "acknowledged", "closed", "false-positive")


@click.group(name="incidents")
def command() -> None:
    """Look at the incidents of a case, and record what was done about them.

    ID is an incident's id, or enough of its beginning to tell it from the others.
    """


@command.command(name="list")
@options.case_dir
@options.config_file
@click.option(
    "--min-severity",
    type=click.Choice(options.SEVERITIES),
    default="low",
    show_default=True,
    help="Show incidents from this severity on.",
)
@click.option("--status", type=click.Choice(_STATUSES), help="Show incidents in this state only.")
@click.option("--with-lines", is_flag=True, help="Name every line of each incident (with --json).")
@options.as_json
def list_(
    *,
    case_dir: Path | None,
    config_file: Path | None,
    min_severity: str,
    status: Status | None,
    with_lines: bool,
    as_json: bool,
) -> None:
    """List incidents, what matters most first."""
    from pollwatch.cli import casebook
    from pollwatch.events.detection import Severity
    from pollwatch.incidents.export import incidents_document

    with _open(case_dir, config_file) as case:
        found = case.incidents(Severity.parse(min_severity), status)
    if as_json:
        click.echo(pretty(incidents_document(found, with_lines=with_lines)))
    else:
        casebook.table(found)


@command.command()
@_incident
@options.case_dir
@options.config_file
@click.option("--with-lines", is_flag=True, help="Name every line of the incident (with --json).")
@options.as_json
def show(*, incident: str, case_dir: Path | None, config_file: Path | None, with_lines: bool, as_json: bool) -> None:
    """Show one incident: what happened, why we say so, what to do, and what was done."""
    from pollwatch.cli import casebook
    from pollwatch.incidents.export import show_document

    with _open(case_dir, config_file) as case:
        found, history = case.incident(incident), case.history(incident)
    if as_json:
        click.echo(pretty(show_document(found, history, with_lines=with_lines)))
    else:
        casebook.page(found, history)


@command.command()
@_incident
@click.option("--false-positive", is_flag=True, help="It was no attack; stays so while it merely goes on.")
@click.option("--reason", "-m", default="", metavar="TEXT", help="Why; kept in the history.")
@_who
@options.case_dir
@options.config_file
def close(
    *, incident: str, false_positive: bool, reason: str, who: str, case_dir: Path | None, config_file: Path | None
) -> None:
    """Close an incident. A later scan opens it again if it goes on."""
    status: Status = "false-positive" if false_positive else "closed"
    with _open(case_dir, config_file) as case:
        _move(case, incident, status, who, reason)


@command.command()
@_incident
@click.option("--reason", "-m", default="", metavar="TEXT", help="What you make of it; kept in the history.")
@_who
@options.case_dir
@options.config_file
def acknowledge(*, incident: str, reason: str, who: str, case_dir: Path | None, config_file: Path | None) -> None:
    """Say that somebody is working on an incident."""
    with _open(case_dir, config_file) as case:
        _move(case, incident, "acknowledged", who, reason)


@command.command()
@_incident
@click.option("--reason", "-m", default="", metavar="TEXT", help="Why; kept in the history.")
@_who
@options.case_dir
@options.config_file
def reopen(*, incident: str, reason: str, who: str, case_dir: Path | None, config_file: Path | None) -> None:
    """Open an incident again."""
    with _open(case_dir, config_file) as case:
        _move(case, incident, "open", who, reason)


@command.command()
@_incident
@click.argument("text", metavar="TEXT")
@_who
@options.case_dir
@options.config_file
def note(*, incident: str, text: str, who: str, case_dir: Path | None, config_file: Path | None) -> None:
    """Write a note to an incident. TEXT - reads it from stdin."""
    written = sys.stdin.read() if text == "-" else text
    with _open(case_dir, config_file) as case:
        found = case.add_note(incident, who or _user(), written.strip())
    click.echo(_("{id}: noted").format(id=found.id), err=True)


def _move(case: Case, incident: str, status: Status, who: str, reason: str) -> None:
    from pollwatch.report.words import status_word

    found = case.set_status(incident, status, who or _user(), reason)
    click.echo(_("{id} is now: {status}").format(id=found.id, status=status_word(found.status)), err=True)


for _each in (*triage.COMMANDS, *tuning.COMMANDS):
    command.add_command(_each)
