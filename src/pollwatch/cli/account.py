"""``pollwatch account``: who may come in to the console, from the machine that it runs on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.cli.casechoice import case_folder
from pollwatch.clock import SystemClock, rfc3339
from pollwatch.console.roles import Permission, Role
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext

if TYPE_CHECKING:
    from pollwatch.console.accounts.account import Account
    from pollwatch.console.accounts.desk import Desk

_ROLE = click.Choice([role.value for role in Role])
_SCOPE = click.Choice([each.value for each in Permission if each not in {Permission.SELF, Permission.ADMIN}])


@click.group(name="account")
def command() -> None:
    """Accounts of the console: add them, give roles, disable, reset, make tokens, check the audit trail.

    Whoever runs these commands has the case folder, and so everything. What they do is in the audit trail, too.
    """


@command.command()
@click.argument("name", default="lead")
@options.case_dir
@options.config_file
@click.option("--shown", default="", metavar="TEXT", help="How people call them.")
def setup(*, name: str, case_dir: Path | None, config_file: Path | None, shown: str) -> int:
    """Make the first account: a lead called NAME, and print the one-time link by which they choose a password.

    There is no password before that. Later accounts are made by leads in the console, or with `pollwatch account add`.
    """
    from pollwatch.errors import AccessError

    with _open(case_dir, config_file) as work:
        known = work.desk.accounts.by_name(name)
        if work.desk.accounts.has_lead():
            raise AccessError(_("there is a lead already; use: pollwatch account add NAME --role ROLE"))
        account = known or work.desk.accounts.add(name, Role.LEAD, shown)
        work.note("set up first account", account.name)
        _tell_link(work, account, work.desk.links.make(account.id))
    return 0


@command.command()
@click.argument("name")
@options.case_dir
@options.config_file
@click.option("--role", type=_ROLE, required=True, help="What they are in this office.")
@click.option("--shown", default="", metavar="TEXT", help="How people call them.")
def add(*, name: str, case_dir: Path | None, config_file: Path | None, role: str, shown: str) -> int:
    """Make an account called NAME, and print the one-time link by which its owner chooses a password."""
    with _open(case_dir, config_file) as work:
        account = work.desk.accounts.add(name, Role(role), shown)
        work.note("add account", account.name, role=role)
        _tell_link(work, account, work.desk.links.make(account.id))
    return 0


@command.command(name="list")
@options.case_dir
@options.config_file
@options.as_json
def listing(*, case_dir: Path | None, config_file: Path | None, as_json: bool) -> int:
    """List the accounts: role, what they sign in with, when they last did."""
    with _open(case_dir, config_file) as work:
        rows = [_row(work.desk, each) for each in work.desk.accounts.all()]
    if as_json:
        click.echo(pretty({"schema": "pollwatch.accounts/1", "accounts": list[Json](rows)}))
        return 0
    for row in rows:
        ways = ", ".join(map(str, row["signs_in_with"] or [])) if isinstance(row["signs_in_with"], list) else ""
        state = _("disabled") if row["disabled"] else (row["seen"] or _("never signed in"))
        click.echo(f"{row['name']}  {row['role']}  {ways or '-'}  {state}  {printable(str(row['shown']), 80)}")
    return 0


@command.command()
@click.argument("name")
@click.argument("role", type=_ROLE)
@options.case_dir
@options.config_file
def role(*, name: str, role: str, case_dir: Path | None, config_file: Path | None) -> int:
    """Give the account NAME another ROLE; its sessions end."""
    from pollwatch.console.accounts import managing

    with _open(case_dir, config_file) as work:
        account = work.desk.accounts.named(name)
        managing.set_role(work.desk, account, Role(role))
        work.note("account: role", account.name, role=role)
    return 0


@command.command()
@click.argument("name")
@options.case_dir
@options.config_file
@click.option("--undo", is_flag=True, help="Let them in again.")
def disable(*, name: str, case_dir: Path | None, config_file: Path | None, undo: bool) -> int:
    """Keep the account NAME out from this moment: its sessions and tokens end."""
    from pollwatch.console.accounts import managing

    with _open(case_dir, config_file) as work:
        account = work.desk.accounts.named(name)
        managing.disable(work.desk, account, disabled=not undo)
        work.note("account: enable" if undo else "account: disable", account.name)
    return 0


@command.command()
@click.argument("name")
@options.case_dir
@options.config_file
def reset(*, name: str, case_dir: Path | None, config_file: Path | None) -> int:
    """Take away all that NAME signs in with, end its sessions and tokens, and print a one-time link.

    For a forgotten password, a lost telephone or security key, and an account that somebody else may have used.
    """
    from pollwatch.console.accounts import managing

    with _open(case_dir, config_file) as work:
        account = work.desk.accounts.named(name)
        secret = managing.reset(work.desk, account)
        work.note("reset account", account.name)
        _tell_link(work, account, secret)
    return 0


@command.command()
@click.argument("name")
@options.case_dir
@options.config_file
@click.option("--for", "label", required=True, metavar="TEXT", help="What it is for.")
@click.option("--scope", "scopes", type=_SCOPE, multiple=True, required=True, help="What it may do; may be repeated.")
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True, help="How long it is good.")
def token(
    *, name: str, case_dir: Path | None, config_file: Path | None, label: str, scopes: tuple[str, ...], days: int
) -> int:
    """Make a token by which a program may use the API in the name of the account NAME, and print it: once."""
    from pollwatch.console.accounts import managing

    with _open(case_dir, config_file) as work:
        account = work.desk.accounts.named(name)
        made, text = managing.make_token(work.desk, account, label, [Permission(each) for each in scopes], days)
        work.note("make token", account.name, label=label, scope=" ".join(sorted(scopes)), token=made.id)
    click.echo(text)
    click.echo(
        _("token {id}, good until {when}; it is not shown again").format(id=made.id, when=rfc3339(made.expires_us)),
        err=True,
    )
    return 0


@command.command()
@options.case_dir
@options.config_file
@click.option("--check", "checks", is_flag=True, help="Hold every row against the private log.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many of the latest.")
@options.as_json
def trail(*, case_dir: Path | None, config_file: Path | None, checks: bool, limit: int, as_json: bool) -> int:
    """Show the audit trail, the latest last; with --check, find rows that were changed or removed.

    Ends with 4 where a row is not as it was sealed.
    """
    from pollwatch.node.evidence import rail
    from pollwatch.node.floor import auditing

    with _open(case_dir, config_file) as work:
        if checks:
            with rail.opened(work.case_dir, SystemClock()) as evidence:
                auditing.seal(work.desk.trail, evidence, SystemClock())
                found = auditing.check(work.desk.trail, evidence)
            for fault in found.faults:
                click.echo(
                    _("row {n}, sealed by entry {entry}: {what}").format(
                        n=fault.row, entry=fault.entry, what=fault.what
                    )
                )
            told = ngettext("{n} row is sealed", "{n} rows are sealed", found.sealed).format(n=found.sealed)
            click.echo(f"{told}; " + _("{n} are not as they were").format(n=len(found.faults)), err=True)
            return 4 if found.faults else 0
        rows = list(reversed(work.desk.trail.latest(limit)))
    if as_json:
        records: list[Json] = [{**row.record(), "at": rfc3339(row.at_us), "entry": row.entry} for row in rows]
        click.echo(pretty({"schema": "pollwatch.audit/1", "rows": records}))
        return 0
    for row in rows:
        words = " ".join(f"{key}={value}" for key, value in sorted(row.detail.items()))
        parts = (str(row.id), rfc3339(row.at_us) or "", row.actor.who or "-", row.action, row.about, words, row.outcome)
        click.echo("  ".join(printable(part) for part in parts if part))
    return 0


@dataclass(frozen=True, slots=True)
class _Work:
    """The accounts of a case, and how what is done is written down."""

    case_dir: Path
    desk: Desk
    origin: str

    def note(self, action: str, about: str, **detail: Json) -> None:
        from pollwatch.console.accounts.trail import Actor
        from pollwatch.sharing.decisions import account_name

        user = account_name()
        self.desk.trail.note(Actor(f"machine:{user}", user, "", ""), action, about, detail)


@contextmanager
def _open(case_dir: Path | None, config_file: Path | None) -> Iterator[_Work]:
    from pollwatch import config
    from pollwatch.cli.extras import need_console

    need_console()
    from pollwatch.node.floor import auditing
    from pollwatch.node.floor.entrance import desk_of

    settings = config.load(Path.cwd(), os.environ, config_file)
    folder = case_folder(case_dir, settings)
    with desk_of(folder, settings.console, SystemClock()) as desk:
        yield _Work(folder, desk, settings.console.origin or "http://localhost:8480")
        auditing.seal_now(folder, desk.trail, SystemClock())


def _tell_link(work: _Work, account: Account, secret: str) -> None:
    click.echo(f"{work.origin}/welcome?key={secret}")
    said = _("a one-time link for {name}, good for a day: give it to nobody else. It needs `pollwatch console` to run")
    click.echo(said.format(name=account.name), err=True)


def _row(desk: Desk, account: Account) -> dict[str, Json]:
    ways: list[Json] = ["password"] if account.password else []
    ways += [*desk.second_factors(account)]
    return {
        "name": account.name,
        "shown": account.shown,
        "role": account.role.value,
        "signs_in_with": [account.issuer] if account.issuer else ways,
        "disabled": account.disabled,
        "created": rfc3339(account.created_us),
        "seen": rfc3339(account.seen_us),
    }
