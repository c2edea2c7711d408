"""``pollwatch explain``: what pollwatch makes of one line, and why."""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.clock import UTC, SystemClock


@click.command()
@click.argument("line")
@click.option("--format", "fmt", default="", metavar="NAME[:DEFINITION]", help="Read the line as this format.")
@click.option("--tz", "zone", type=options.Zone(), help="Zone of times that name none.  [default: UTC]")
@options.rule_dirs
@click.option("--all", "show_all", is_flag=True, help="Also show the rules that came nowhere near.")
@options.as_json
def command(
    *, line: str, fmt: str, zone: dt.tzinfo | None, rule_dirs: tuple[Path, ...], show_all: bool, as_json: bool
) -> int:
    """Show how a LINE is read and which rules it meets: format scores, fields, rules, and why not.

    LINE is the line itself, or - to read the first line of stdin.
    """
    from pollwatch.cli import present
    from pollwatch.node.case import explaining
    from pollwatch.sources.decode import decode, scrub
    from pollwatch.sources.interface import MAX_RECORD_BYTES

    # Not as text: a line that is no valid UTF-8 is read like one in a file.
    raw = sys.stdin.buffer.readline(MAX_RECORD_BYTES).rstrip(b"\r\n") if line == "-" else os.fsencode(line)
    text = scrub(decode([raw], "utf-8")[0])
    explanation = explaining.explain(text, fmt, zone or UTC, rule_dirs, SystemClock().now_us())
    if as_json:
        click.echo(pretty(explaining.document(explanation)))
    else:
        present.explanation(explanation, show_all=show_all)
    return 0 if explanation.format else 3
