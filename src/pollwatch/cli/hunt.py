"""``pollwatch hunt``: was any of this here before?"""

from __future__ import annotations

import os
from pathlib import Path

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import indicatorwords as words
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.i18n import _


@click.command(name="hunt", epilog="Exit codes: 0 searched, 2 a value is none that can be searched for, 3 no case.")
@click.argument("names", nargs=-1, metavar="[INDICATOR...]")
@options.required_case_dir
@click.option(
    "--for",
    "values",
    multiple=True,
    metavar="VALUE",
    help="Only look for this address, network, domain, URL, hash or e-mail address; keep nothing. May be repeated.",
)
@options.config_file
@options.as_json
def command(
    *, names: tuple[str, ...], case_dir: Path, values: tuple[str, ...], config_file: Path | None, as_json: bool
) -> int:
    """Search everything that the case has of the past for accepted indicators: all of them, or those named.

    Hits become incidents of low or medium severity, or join the incident of the same actor. They stay here until you
    share them: nothing that others can see changes by a hunt.
    """
    from pollwatch import config
    from pollwatch.detect.indicators import Watched, Watchlist
    from pollwatch.errors import UsageError
    from pollwatch.events.detection import Severity
    from pollwatch.events.observable import guessed
    from pollwatch.node.indicators import hunting
    from pollwatch.node.indicators.desk import Desk
    from pollwatch.sharing.indicators.indicator import indicator_id

    settings = config.load(Path.cwd(), os.environ, config_file)
    desk = Desk.open(case_dir, SystemClock(), settings.assets)
    if values:
        wanted = []
        for value in values:
            try:
                sought = guessed(value)
            except ValueError as error:
                raise UsageError(_("{value!r}: {error}").format(value=value, error=error)) from error
            wanted.append(Watched(indicator_id(sought), sought, Severity.INFO, ""))
        hunted = hunting.look(desk, Watchlist(wanted))
    else:
        only = [desk.store.get(name).id for name in names] if names else None
        hunted = hunting.hunt(desk, settings.calendar, only)
    if as_json:
        click.echo(pretty({"schema": "pollwatch.hunt/1", **words.hunt_document(hunted)}))
    else:
        words.tell_hunt(hunted)
    return 0
