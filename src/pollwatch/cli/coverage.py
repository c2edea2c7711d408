"""``pollwatch coverage``: per system and per threat, what the logs at hand can show."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
from rich.padding import Padding
from rich.text import Text

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import UTC, SystemClock
from pollwatch.errors import UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollwatch.incidents.exposure import Exposure, Remedy
    from pollwatch.sources.interface import Failure

_MARK = {"seen": ("●", "green"), "partly": ("◐", "yellow"), "unknown": ("○", "red")}
_FIRST = 5


@click.command(epilog="Exit codes: 0 fine, 3 a log could not be read.")
@click.argument("logs", nargs=-1, metavar="[LOG]...")
@options.case_dir
@options.config_file
@options.log_format
@options.as_json
def command(*, logs: tuple[str, ...], case_dir: Path | None, config_file: Path | None, fmt: str, as_json: bool) -> int:
    """Say what LOGs, or a case's events, can show of the EU's 23 threats to elections, for each system.

    Systems are those of the configuration; without any, all lines count as one. What cannot be determined says why,
    and at the end stands what to switch on first.
    """
    if bool(logs) == (case_dir is not None):
        raise UsageError(_("name either logs or --case DIR"))
    from pollwatch import config
    from pollwatch.incidents.exposure import exposure, remedies
    from pollwatch.incidents.records import Case
    from pollwatch.node.case.reading import ReadOptions
    from pollwatch.node.case.surveying import survey
    from pollwatch.node.rules import trying

    settings = config.load(Path.cwd(), os.environ, config_file)
    failures: list[Failure] = []
    if case_dir is not None:
        with Case.open(case_dir, SystemClock(), create=False) as case:
            telemetry = survey(case.events(), settings.assets)
    else:
        reading = ReadOptions(fmt, UTC, settings.reading_of)
        telemetry = survey(trying.events(logs, reading, failures), settings.assets)
    found = [exposure(asset, each) for asset, each in telemetry.items()]
    todo = remedies(found, telemetry)
    if as_json:
        click.echo(pretty(_document(found, todo)))
    else:
        _tell(found, todo)
    for failure in failures:
        options.complain(failure.message)
    return 3 if failures else 0


def _name(found: Exposure, *, several: bool) -> str:
    if found.asset is not None:
        return f"{printable(found.asset.name)} ({found.asset.kind})"
    return _("lines of no configured system") if several else _("all logs")


def _tell(found: Sequence[Exposure], todo: Sequence[Remedy]) -> None:
    from pollwatch.cli import present

    out = present.console()
    for each in found:
        events = ngettext("{n} event", "{n} events", each.events).format(n=each.events)
        out.print(Text.assemble((_name(each, several=len(found) > 1), "bold"), (f"  {events}", "dim")))
        for verdict in each.verdicts:
            mark, style = _MARK[verdict.state]
            out.print(Text.assemble((f"  {mark} ", style), printable(verdict.threat.name)))
            out.print(Padding(Text(verdict.answer, style="dim"), (0, 0, 0, 4)))
    if todo:
        out.print(Text("\n" + _("Switch on first"), style="bold"))
    for number, remedy in enumerate(todo[:_FIRST], 1):
        told = ngettext("{n} threat", "{n} threats", remedy.threats).format(n=remedy.threats)
        where = f" ({', '.join(map(printable, remedy.systems))}: {told})" if remedy.systems else f" ({told})"
        out.print(Text.assemble(f"  {number}. {remedy.what}", (where, "dim")))


def _document(found: Sequence[Exposure], todo: Sequence[Remedy]) -> dict[str, Json]:
    return {
        "schema": "pollwatch.coverage/1",
        "systems": [
            {
                "system": None if each.asset is None else each.asset.name,
                "kind": None if each.asset is None else each.asset.kind,
                "events": each.events,
                "threats": [
                    {
                        "number": verdict.threat.number,
                        "threat": verdict.threat.name,
                        "phase": verdict.threat.phase,
                        "aimed_at": verdict.threat.system,
                        "state": verdict.state,
                        "answer": verdict.answer,
                        "shown": list(verdict.shown),
                        "missing": list(verdict.missing),
                    }
                    for verdict in each.verdicts
                ],
            }
            for each in found
        ],
        "switch_on_first": [
            {"what": each.what, "systems": list(each.systems), "threats": each.threats} for each in todo
        ],
    }
