"""``pollwatch measure block``: whom a block would hit, and then, if a person decides so, the file that does it."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock, rfc3339
from pollwatch.errors import UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.node.measures.blocking import Hit, Preview

_SHOWN = 5


@click.command(name="block")
@click.argument("incident")
@click.option("--only", multiple=True, metavar="ADDRESS|DOMAIN", help="Look at these, not at all of the incident's.")
@click.option(
    "--format",
    "form",
    type=click.Choice(("nftables", "pf", "csv", "stix")),
    default="nftables",
    show_default=True,
    help="For which firewall, or for what else.",
)
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the list; else only look.")
@click.option("--days", type=click.IntRange(1, 90), default=7, show_default=True, help="How long it is to last.")
@click.option("--by", "person", default="", metavar="NAME", help="The person who decides it.")
@click.option("--reason", default="", metavar="TEXT", help="Why.")
@click.option("--override", is_flag=True, help="Block what warnings name, too.")
@options.required_case_dir
@options.config_file
@options.as_json
def command(  # noqa: PLR0913 - one argument per option
    *,
    incident: str,
    only: tuple[str, ...],
    form: str,
    out: Path | None,
    days: int,
    person: str,
    reason: str,
    override: bool,
    case_dir: Path,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Show whom a block of what INCIDENT came from would hit besides; with -o, write it as a person decided it.

    What is shown is what the logs of this case show: who else came from an address and was served or let in, and which
    names share it. Own systems, other members and what warning lists name are left out without --override. The list
    ends after --days; nothing is blocked by pollwatch itself.
    """
    from pollwatch import config
    from pollwatch.node.indicators.desk import Desk
    from pollwatch.node.measures import blocking
    from pollwatch.node.measures.blocking import Ruling

    settings = config.load(Path.cwd(), os.environ, config_file)
    desk = Desk.open(case_dir, SystemClock(), settings.assets)
    seen = blocking.preview(desk, incident, only)
    digest = ""
    if out is not None:
        if not person or not reason:
            raise UsageError(_("a block is decided by a person for a reason; give --by and --reason"))
        digest = blocking.export(desk, seen, Ruling(person, reason, days, override), form, out)
    if as_json:
        click.echo(pretty(_document(seen, digest)))
        return 0
    for hit in seen.hits:
        _tell(hit, spared=bool(hit.warnings) and not override)
    if out is None:
        click.echo(_("Nothing was written. To decide: -o FILE --by NAME --reason TEXT"))
    else:
        words = _(
            "{file} written, SHA-256 {digest}; noted with {incident}. To tell the others: pollwatch measure state"
        )
        click.echo(words.format(file=printable(str(out)), digest=digest, incident=seen.incident))
    return 0


def _tell(hit: Hit, *, spared: bool) -> None:
    near = hit.near
    head = _("{value}: left out, see below") if spared else _("{value}")
    click.echo(head.format(value=printable(hit.observable.value, 300)))
    for warning in hit.warnings:
        click.echo("  " + _("warning: {text}").format(text=printable(warning)))
    if not near.innocent:
        words = _("nobody else was served or let in from there, as far as these logs show ({n} other events)")
        click.echo("  " + words.format(n=near.events))
        return
    words = _("would also hit: {n} requests served or log-ins let in, {first} to {last}")
    click.echo("  " + words.format(n=near.honoured, first=rfc3339(near.first_us), last=rfc3339(near.last_us)))
    for title, counter in (
        (_("accounts"), near.users),
        (_("visitors' programs"), near.agents),
        (_("names that share it"), near.domains),
        (_("own names asked for"), near.hosts),
    ):
        if counter:
            click.echo(f"    {title}: {_counted(counter)}")


def _counted(counter: Counter[str]) -> str:
    told = [f"{printable(value, 120)} ({count})" for value, count in counter.most_common(_SHOWN)]
    more = len(counter) - len(told)
    return ", ".join(told) + (" " + _("and {n} more").format(n=more) if more else "")


def _document(seen: Preview, digest: str) -> Json:
    hits: list[Json] = [_hit(each) for each in seen.hits]
    return {"schema": "pollwatch.block/1", "incident": seen.incident, "hits": hits, "sha256": digest}


def _hit(each: Hit) -> Json:
    near, warnings = each.near, list[Json](each.warnings)
    counts: dict[str, Json] = {
        name: dict(sorted(counter.items()))
        for name, counter in (
            ("users", near.users),
            ("agents", near.agents),
            ("hosts", near.hosts),
            ("domains", near.domains),
        )
    }
    return {
        "kind": each.observable.kind.value,
        "value": each.observable.value,
        "warnings": warnings,
        "other_events": near.events,
        "honoured": near.honoured,
        "first": rfc3339(near.first_us),
        "last": rfc3339(near.last_us),
        **counts,
    }
