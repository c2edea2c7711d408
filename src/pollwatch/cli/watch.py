"""``pollwatch watch``: follow logs as they grow, and show what happens as it happens."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal

import rich_click as click

from pollwatch.cli import casechoice, options
from pollwatch.cli.working import WorkingGroup
from pollwatch.clock import SystemClock
from pollwatch.i18n import _


@click.group(name="watch", cls=WorkingGroup)
def command() -> None:
    """Follow logs as they grow: `pollwatch watch [PATH]... [--case DIR]` (the same as `watch run`).

    What is followed, and the case, may also stand in pollwatch.toml: `pollwatch watch` alone then begins.
    """


@command.command(
    epilog="Stop it with SIGTERM or Ctrl-C: what was read is written first (exit 143 or 130); a second Ctrl-C ends at "
    "once, and nothing is lost either. SIGHUP reads settings and rules again."
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@options.case_dir
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
def run(  # noqa: PLR0913 - one parameter per option
    *,
    paths: tuple[str, ...],
    case_dir: Path | None,
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

    PATH is a file, a folder or a pattern; [[watch.source]] tables in pollwatch.toml name more. Without --case, the case
    is that of [node] there. Rotated, truncated and compressed files are followed through. Killed at any moment and
    started again, it goes on exactly where it stopped.
    """
    import os
    import sys

    # One thread detects while another hashes: whoever comes back from a library waits this long for the interpreter.
    sys.setswitchinterval(0.0005)
    # Its frames are small: handing them to threads costs more than it gains. Polars asks when it is first imported.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    # What it lets go of it gives back soon: it runs for months, and its busiest minute is not what it needs always.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:500,muzzy_decay_ms:0")
    from pollwatch.node.watch import daemon
    from pollwatch.node.watch.setup import Plan, WatchRequest
    from pollwatch.node.watch.telling import Teller

    clock = SystemClock()
    folder = casechoice.configured_case(case_dir, config_file)
    plan = Plan.make(WatchRequest(folder, paths, rule_dirs, fmt, zone, begin, config_file), clock)
    return daemon.watch(plan, clock, Teller(clock, as_json=log_format == "json", quiet=quiet), once=once)


@command.command()
@click.option("--receiver", is_flag=True, help="The unit of `pollwatch receive` instead of that of `pollwatch watch`.")
def unit(*, receiver: bool) -> None:
    """Print a systemd unit that may do nothing but this; its first line says where to put it."""
    import sys

    from pollwatch.node.watch import units

    program = str(Path(sys.argv[0]).absolute()) if Path(sys.argv[0]).name == "pollwatch" else "/usr/bin/pollwatch"
    click.echo(units.receive(program) if receiver else units.watch(program), nl=False)


@command.command()
@options.case_dir
@click.option("--source", "names", multiple=True, metavar="NAME", help="Only this source; may be repeated.")
@click.option(
    "--within",
    type=click.FloatRange(1, 3600),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait.",
)
@click.option("--word", is_flag=True, help="Only print the word that this case's watch listens for.")
@options.config_file
def canary(
    *, case_dir: Path | None, names: tuple[str, ...], within: float, word: bool, config_file: Path | None
) -> int:
    """Send a sign of life into each source, and wait until the watch has detected it there.

    Syslog and HTTP sources get it by the network, the journal by `logger`. Files are never written to: let their own
    program write the word while this waits (a web server by a request for /?WORD, sshd by a log-in as WORD). The exit
    code is 3 if some source was not heard in time.
    """
    import os

    from pollwatch import config
    from pollwatch.errors import SourceError, UsageError
    from pollwatch.node.watch import canarying, heartbeat

    settings = config.load(Path.cwd(), os.environ, config_file)
    folder = casechoice.case_folder(case_dir, settings)
    live = folder / "live"
    if not live.is_dir():
        raise UsageError(_("{case}: no watch has been at work in this case").format(case=folder))
    if word:
        click.echo(heartbeat.word_of(live))
        return 0
    sources = settings.watch.sources
    unknown = [name for name in names if name not in {each.name for each in sources}]
    if unknown or not sources:
        known = ", ".join(each.name for each in sources) or _("none")
        raise UsageError(_("no such source; pollwatch.toml names: {names}").format(names=known))
    silent = canarying.run(
        live, [each for each in sources if not names or each.name in names], within, SystemClock(), _told
    )
    if silent:
        raise SourceError(_("not heard within {n} seconds: {names}").format(n=round(within), names=", ".join(silent)))
    return 0


def _told(sentence: str) -> None:
    from pollwatch.events.printable import printable

    click.echo(printable(sentence, 500), err=True)
