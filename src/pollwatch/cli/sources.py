"""``pollwatch sources``: what would be read, as what, and what was not understood."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import rich_click as click

from pollwatch.canonical import compact
from pollwatch.cli import options
from pollwatch.clock import UTC, SystemClock
from pollwatch.errors import FormatError, SourceError, UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _


@click.group()
def command() -> None:
    """Look at inputs: their formats, and the lines that were not understood."""


@command.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@options.log_format
@click.option("--tz", "zone", type=options.Zone(), help="Zone of times that name none.  [default: UTC]")
@options.as_json
def formats(*, paths: tuple[str, ...], fmt: str, zone: dt.tzinfo | None, as_json: bool) -> int:
    """Show which format each input is read as, and how the others scored."""
    from pollwatch.cli import present
    from pollwatch.node.case import foldered, inputs, reading

    wanted = reading.ReadOptions(fmt, zone or UTC)
    code = 0
    with tempfile.TemporaryDirectory(prefix="pollwatch-") as spool:
        sources, failures = inputs.open_sources(paths, Path(spool), SystemClock())
        passed = {source.path for source in foldered.set_aside(sources, wanted)[1]}
        for source in sources:
            try:
                verdict = reading.verdict(source, wanted)
            except SourceError as error:
                options.complain(str(error))
                code = 3
                continue
            name = verdict.format.name if verdict.format else reading.UNKNOWN
            code = code if verdict.format or source.path in passed else 3
            if as_json:
                scores = {score_name: round(score, 3) for score_name, score in verdict.scores}
                click.echo(compact({"path": source.path, "format": name, "scores": scores}))
            else:
                scored = ", ".join(f"{each} {score:.2f}" for each, score in verdict.scores if score > 0)
                present.plain([(source.path, name, scored)])
    for failure in failures:
        options.complain(failure.message)
    return 3 if failures else code


@command.command()
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@options.case_dir
@options.log_format
@click.option("--limit", default=1000, show_default=True, help="Show at most this many lines.")
@options.as_json
def quarantine(*, paths: tuple[str, ...], case_dir: Path | None, fmt: str, limit: int, as_json: bool) -> int:
    """Show the lines that were not understood, and why: of some inputs, or of a case.

    Nothing is lost by it: lines in quarantine are counted, kept and sealed like all others.
    """
    from pollwatch.cli import present

    if bool(paths) == (case_dir is not None):
        raise UsageError(_("name either inputs or --case DIR"))
    rows = _of_case(case_dir, limit) if case_dir is not None else _of_inputs(paths, fmt, limit)
    for path, number, reason, text in rows:
        if as_json:
            click.echo(compact({"path": path, "number": number, "reason": reason, "text": text}))
        else:
            present.plain([(f"{path}:{number}", reason, printable(text, 200))])
    return 0


def _of_inputs(paths: Sequence[str], fmt: str, limit: int) -> Iterator[tuple[str, int, str, str]]:
    from pollwatch.node.case import inputs, reading

    options_read = reading.ReadOptions(fmt, UTC)
    with tempfile.TemporaryDirectory(prefix="pollwatch-") as spool:
        sources, failures = inputs.open_sources(paths, Path(spool), SystemClock())
        for failure in failures:
            options.complain(failure.message)
        for source in sources:
            try:
                for block, parsed in reading.read(source, options_read, reading.InputCount(source.path)):
                    for each in parsed.quarantined[:limit]:
                        yield source.path, each.number, each.reason, block.text[each.number - block.first_number]
                    limit -= min(limit, len(parsed.quarantined))
            except (SourceError, FormatError) as error:
                options.complain(str(error))


def _of_case(case_dir: Path, limit: int) -> Iterator[tuple[str, int, str, str]]:
    from pollwatch.incidents.records import Case

    with Case.open(case_dir, SystemClock()) as case:
        for each in case.quarantine().lines[:limit]:
            yield each.path, each.number, each.reason, each.head.decode("utf-8", "replace")
