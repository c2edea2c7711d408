"""``pollwatch incidents except|exceptions|unexcept``: what is known to be harmless, for a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import rich_click as click

from pollwatch.cli import options
from pollwatch.cli.casechoice import incident, open_case, user, who
from pollwatch.clock import SystemClock, rfc3339
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext

if TYPE_CHECKING:
    from pollwatch.incidents.incident import Incident

_DAYS: Final = 30


@click.command(name="except")
@incident
@click.option("--reason", "-m", required=True, metavar="TEXT", help="Why it is harmless; kept in the history.")
@click.option("--days", type=click.IntRange(1, 400), default=_DAYS, show_default=True, help="For how long.")
@click.option("--rule", "rules", multiple=True, metavar="ID", help="Only these rules.  [default: the incident's]")
@click.option(
    "--network", "networks", multiple=True, metavar="CIDR", help="Only these addresses.  [default: the incident's]"
)
@click.option("--account", "accounts", multiple=True, metavar="NAME", help="Only these accounts.  [default: any]")
@click.option("--target", "targets", multiple=True, metavar="NAME", help="Only these targets.  [default: any]")
@click.option("--dry-run", is_flag=True, help="Only say what it would have hidden.")
@who
@options.case_dir
@options.config_file
def make(  # noqa: PLR0913 - one argument per option
    *,
    incident: str,
    reason: str,
    days: int,
    rules: tuple[str, ...],
    networks: tuple[str, ...],
    accounts: tuple[str, ...],
    targets: tuple[str, ...],
    dry_run: bool,
    who: str,
    case_dir: Path | None,
    config_file: Path | None,
) -> None:
    """Mark an incident as a false positive, and for a time whatever is like it.

    Hidden are incidents all of whose rules, addresses, accounts and targets are among those named, and which are no
    graver than this one. They stay in the case as false positives. Says first what it would have hidden so far.
    """
    from pollwatch.incidents.exceptions import DAY_US, scope

    with open_case(case_dir, config_file) as case:
        found = case.incident(incident)
        what = scope(
            rules or _rules(found), networks or (() if accounts else found.actors.ip), accounts, targets, found.severity
        )
        preview = case.tuning().preview(what)
        told = ngettext(
            "this exception would have hidden {n} incident",
            "this exception would have hidden {n} incidents",
            preview.incidents,
        )
        click.echo(told.format(n=preview.incidents), err=True)
        for each in preview.shown:
            click.echo(f"  {each.id}  {each.status}  {printable(each.title, 150)}", err=True)
        if not dry_run:
            expires_us = SystemClock().now_us() + days * DAY_US
            made = case.tuning().make(what, who or user(), reason, expires_us, found.id)
            click.echo(
                _("exception {n} holds until {until}").format(n=made.id, until=rfc3339(made.expires_us)), err=True
            )


def _rules(found: Incident) -> tuple[str, ...]:
    return tuple(rule.id for rule in found.rules)


@click.command(name="exceptions")
@options.case_dir
@options.config_file
def list_(*, case_dir: Path | None, config_file: Path | None) -> None:
    """List exceptions: number, state, until when, how many incidents each hid, who made it, why, what it covers."""
    with open_case(case_dir, config_file) as case:
        found = case.tuning().all()
    now_us = SystemClock().now_us()
    for each in found:
        state = "holds" if each.holds(now_us) else "ended"
        until = rfc3339(each.ended_us or each.expires_us) or ""
        row = (str(each.id), state, until, str(each.hidden), each.who, each.reason, each.scope.words)
        click.echo("\t".join(printable(cell, 2_000) for cell in row))


@click.command(name="unexcept")
@click.argument("number", metavar="N", type=int)
@who
@options.case_dir
@options.config_file
def end(*, number: int, who: str, case_dir: Path | None, config_file: Path | None) -> None:
    """End exception N of `incidents exceptions` now. What it hid comes back when it goes on."""
    with open_case(case_dir, config_file) as case:
        case.tuning().end(number, who or user())
    click.echo(_("exception {n} has ended").format(n=number), err=True)


COMMANDS: Final[tuple[click.Command, ...]] = (make, list_, end)
