"""``pollwatch lookalikes``: domains that copy one's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.i18n import _, ngettext

if TYPE_CHECKING:
    from pollwatch.node.lookalikes import Looked


@click.command(name="lookalikes", epilog="Exit codes: 0 fine, 2 no domain to compare with, 3 a file cannot be read.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--own", "own", multiple=True, metavar="FILE",
              help="Your own domains, one a line.  [default: hosts of the assets configured]")  # fmt: skip
@click.option("--least", default=0.5, show_default=True, type=click.FloatRange(0.5, 1.0), metavar="SCORE",
              help="Leave out what is less sure.")  # fmt: skip
@options.as_json
def command(*, files: tuple[str, ...], own: tuple[str, ...], least: float, as_json: bool) -> int:
    """Find domains in FILE that copy your own: typing errors, letters that look alike, words added, other endings.

    FILE lists the names of others, one a line, or is a table or log that names them: certificates as certificate
    transparency publishes them, what a resolver was asked, new registrations. `-` is stdin; .gz and .zst are read as
    they are. Nothing is asked of any network.
    """
    from pollwatch import config
    from pollwatch.node.lookalikes import look

    assets = () if own else config.load(Path.cwd(), os.environ, None).assets.entries
    looked = look(own, files, [host for asset in assets for host in asset.hosts], SystemClock())
    found = [each for each in looked.found if each.score >= least]
    if as_json:
        told = [{"domain": x.domain, "target": x.target, "reason": x.reason, "score": x.score} for x in found]
        click.echo(pretty({"schema": "pollwatch.lookalikes/1", "lookalikes": told}))
        return 0
    from pollwatch.cli.rulewords import rows

    rows(
        (_("score"), _("domain"), _("copies"), _("how")),
        [(f"{each.score:.2f}", each.domain, each.target, each.reason) for each in found],
    )
    _sum_up(looked, len(found))
    return 0


def _sum_up(looked: Looked, found: int) -> None:
    from pollwatch.report.words import thousands

    words = ngettext(
        "{n} of {names} names copies one of {own} domains",
        "{n} of {names} names copy one of {own} domains",
        found,
    )
    click.echo(words.format(n=thousands(found), names=thousands(looked.names), own=thousands(looked.owned)), err=True)
