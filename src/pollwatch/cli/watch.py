"""``pollwatch watch``: follow logs as they grow, and show what happens as it happens."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal

import rich_click as click

from pollwatch.cli import options
from pollwatch.clock import SystemClock


@click.command(
    epilog="Stop it with SIGTERM or Ctrl-C: what was read is written first (exit 143 or 130); a second Ctrl-C ends at "
    "once, and nothing is lost either. SIGHUP reads settings and rules again."
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@options.required_case_dir
@options.rule_dirs
@options.log_format
@click.option("--tz", "zone", type=options.Zone(), help="Zone of times that name none.  [default: UTC]")
@click.option(
    "--begin",
    type=click.Choice(("all", "file", "end")),
    help="Where to begin with a log that was never followed: with its rotated files, with the file, or at its end.",
)
@click.option("--once", is_flag=True, help="End when everything that is there now is in the case.")
@options.config_file
@click.option("--log-format", type=click.Choice(("text", "json")), default="text", show_default=True, help="Of stderr.")
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and errors on stderr.")
def command(  # noqa: PLR0913 - one parameter per option
    *,
    paths: tuple[str, ...],
    case_dir: Path,
    rule_dirs: tuple[Path, ...],
    fmt: str,
    zone: dt.tzinfo | None,
    begin: Literal["all", "file", "end"] | None,
    once: bool,
    config_file: Path | None,
    log_format: str,
    quiet: bool,
) -> int:
    """Follow logs as they grow: every line is detected on once, and incidents appear in the case as they happen.

    PATH is a file, a folder or a pattern; [[watch.source]] tables in pollwatch.toml name more. Rotated, truncated and
    compressed files are followed through. Killed at any moment and started again, it goes on exactly where it stopped.
    """
    from pollwatch.node.watch import daemon
    from pollwatch.node.watch.setup import Plan, WatchRequest
    from pollwatch.node.watch.telling import Teller

    clock = SystemClock()
    plan = Plan.make(WatchRequest(case_dir, paths, rule_dirs, fmt, zone, begin, config_file), clock)
    return daemon.watch(plan, clock, Teller(clock, as_json=log_format == "json", quiet=quiet), once=once)
