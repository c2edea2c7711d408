"""``pollwatch evidence``: look after a case's own logs."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pollwatch.cli import options
from pollwatch.i18n import _

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
