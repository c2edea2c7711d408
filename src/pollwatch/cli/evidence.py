"""``pollwatch evidence``: look after a case's own logs."""

from __future__ import annotations

import re
from pathlib import Path

import rich_click as click

from pollwatch.cli import options
from pollwatch.errors import UsageError
from pollwatch.i18n import _

_UNIT_S = {"s": 1, "m": 60, "h": 3_600}

_which = click.option(
    "--log",
    "which",
    type=click.Choice(("shared", "private")),
    default="shared",
    show_default=True,
    help="Which of the case's two logs.",
)


@click.group(name="evidence")
def command() -> None:
    """Check a case's logs, and show what others need to check them."""


@command.command()
@options.required_case_dir
def fsck(*, case_dir: Path) -> None:
    """Recompute both logs from their entries: every bundle, every tile, the signed roots. Changes nothing."""
    from pollwatch.evidence.fsck import check_all
    from pollwatch.evidence.log import open_reader
    from pollwatch.evidence.manifest import parse_private, parse_shared
    from pollwatch.node.sealing import CaseKeys

    keys = CaseKeys.load(case_dir / "evidence")
    for name, signer, parse in (("private", keys.private, parse_private), ("shared", keys.shared, parse_shared)):
        signed, reader = open_reader(case_dir / "evidence" / name / "public", signer.verifier)
        check_all(reader, signed.checkpoint.root)
        for entry in reader.entries(0, reader.size):
            parse(entry)
        text = _("{name} log {origin}: {size} entries, all as signed.")
        click.echo(text.format(name=name, origin=signer.name, size=reader.size), err=True)


@command.command()
@options.required_case_dir
@_which
def checkpoint(*, case_dir: Path, which: str) -> None:
    """Print a log's latest signed checkpoint, with its cosignatures."""
    from pollwatch.evidence.log import open_reader
    from pollwatch.node.sealing import CaseKeys

    keys = CaseKeys.load(case_dir / "evidence")
    signer = keys.shared if which == "shared" else keys.private
    signed, _reader = open_reader(case_dir / "evidence" / which / "public", signer.verifier)
    click.echo(signed.to_bytes(), nl=False)


@command.command()
@options.required_case_dir
def policy(*, case_dir: Path) -> None:
    """Print the policy line that lets others verify this case's bundles: give it to them in person.

    They add the witnesses that they trust, and how many of them must have cosigned.
    """
    from pollwatch.evidence.policy import Policy
    from pollwatch.node.sealing import CaseKeys

    verifier = CaseKeys.load(case_dir / "evidence").shared.verifier
    click.echo(Policy((verifier,), {}, {}, "none").to_bytes(), nl=False)
    click.echo(_("Fingerprint: {fingerprint}").format(fingerprint=verifier.fingerprint), err=True)


class _Every(click.ParamType[int]):
    """How long an interval is, in seconds: ``300``, ``300s``, ``5m``, ``1h``; from one second to a day."""

    name = "interval"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds."""
        given = re.fullmatch(r"([0-9]{1,6})([smh]?)", str(value), re.ASCII)
        seconds = int(given[1]) * _UNIT_S[given[2] or "s"] if given else 0
        if not 1 <= seconds <= 86_400:
            self.fail(_("{value!r} is no interval; write e.g. 300, 90s, 5m or 1h").format(value=value), param, ctx)
        return seconds


@command.command()
@options.required_case_dir
@click.option("--every", "every_s", type=_Every(), metavar="INTERVAL", help="One seal per interval: 5m, 90s, 1h.")
@click.option("--once", is_flag=True, help="Seal the present interval if it has no seal yet, and end: for a timer.")
@click.option("--off", is_flag=True, help="End it: from now on every scan publishes a seal of its own again.")
def sealer(*, case_dir: Path, every_s: int | None, once: bool, off: bool) -> None:
    """Seal the case at a fixed interval, also when nothing happened, until stopped.

    Others then learn nothing from when a seal comes. As long as an interval is configured, scans publish no seal of
    their own. Without --every the interval of the last time holds. Intervals that were missed are not made up for.
    """
    from pollwatch.clock import SystemClock
    from pollwatch.node import interval, sealing_loop

    if off and (every_s or once):
        raise UsageError(_("--off goes with neither --every nor --once"))
    if off:
        interval.remove(case_dir / "evidence")
        return

    def tell(index: int) -> None:
        click.echo(_("seal {index}").format(index=index), err=True)

    sealing_loop.run(case_dir, every_s, SystemClock(), once=once, tell=tell)
