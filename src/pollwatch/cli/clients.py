"""``pollwatch clients``: passwords for third parties' clients of this member's gateway."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock, rfc3339
from pollwatch.events.printable import printable
from pollwatch.i18n import _


@click.group(name="clients")
def command() -> None:
    """Let clients of third parties (a SIEM, a TAXII reader) ask this gateway in a member's name, by a password."""


@command.command()
@click.argument("name")
@options.required_case_dir
@click.option("--member", required=True, metavar="MEMBER", help="Whose client it is: it may read what that member may.")
def add(*, case_dir: Path, name: str, member: str) -> int:
    """Make a password for the client NAME, and print it: once, for only a hash of it is kept.

    What such a client posts is taken for that member, marked unsigned, and never counts in statements.
    """
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.gateway import pushing
    from pollwatch.sharing import clients

    clock = SystemClock()
    membership = Membership.open(case_dir)
    whose = membership.charter.member(member)
    made, password = clients.make(name, whose, clock.now_us())
    pushing.change_clients(membership, clock, lambda known: clients.added(known, made))
    click.echo(password)
    said = _("client {name} of {member}: give it this password over a safe way; it is not shown again")
    click.echo(said.format(name=name, member=whose.name), err=True)
    return 0


@command.command(name="list")
@options.required_case_dir
@options.as_json
def listing(*, case_dir: Path, as_json: bool) -> int:
    """List the clients."""
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.gateway import pushing

    found = pushing.clients_of(Membership.open(case_dir), SystemClock())
    if as_json:
        rows = [{"name": each.name, "member": each.member, "made": rfc3339(each.made_us)} for each in found]
        click.echo(pretty({"schema": "pollwatch.clients/1", "clients": rows}))
        return 0
    for each in found:
        click.echo(f"{each.name}  {printable(each.member, 80)}  {rfc3339(each.made_us)}")
    return 0


@command.command()
@click.argument("name")
@options.required_case_dir
def remove(*, case_dir: Path, name: str) -> int:
    """Remove the client NAME: its password is worth nothing from now on."""
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.gateway import pushing
    from pollwatch.sharing import clients

    pushing.change_clients(Membership.open(case_dir), SystemClock(), lambda known: clients.without(known, name))
    return 0
