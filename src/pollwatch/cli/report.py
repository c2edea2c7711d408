"""``pollwatch report``: a case as one file to read, print or pass on."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.errors import StoreError
from pollwatch.i18n import _

_FORMATS = {".html": "html", ".htm": "html", ".md": "markdown", ".json": "navigator"}


@click.command()
@options.required_case_dir
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where to write.")
@click.option(
    "--as",
    "kind",
    type=click.Choice(["html", "markdown", "navigator"]),
    help="What to write; else from FILE's ending (.html, .md, .json), else HTML.",
)
@click.option("--tz", "zone", type=options.Zone(), help="Zone of the times shown.  [default: the election's, else UTC]")
@options.config_file
def command(
    *, case_dir: Path, output: Path | None, kind: str | None, zone: dt.tzinfo | None, config_file: Path | None
) -> int:
    """Write a report of a case: one HTML file, Markdown, or an ATT&CK Navigator layer.

    The HTML file needs no network and no other file; it prints well and works by keyboard.
    """
    from pollwatch.node.case.reporting import case_report
    from pollwatch.report.html import html_report
    from pollwatch.report.markdown import markdown_report
    from pollwatch.report.navigator import navigator_layer

    case = case_report(case_dir, SystemClock(), config_file, zone)
    match kind or _FORMATS.get(output.suffix.lower() if output else "", "html"):
        case "markdown":
            text = markdown_report(case)
        case "navigator":
            text = pretty(navigator_layer(case)) + "\n"
        case _:
            text = html_report(case)
    if output is None or str(output) == "-":
        sys.stdout.write(text)
        return 0
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise StoreError(f"{output}: {error.strerror or error}") from error
    click.echo(_("written: {file}").format(file=output), err=True)
    return 0
