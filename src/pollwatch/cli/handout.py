"""``pollwatch measure prosecutor`` and ``factsheet``: what is handed to those who act in law and in politics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.node.measures.handouts import Packed

_CODES = (
    "Exit codes: 0 written, 3 there is no such incident or a file cannot be written, 6 no charter is in force, the "
    "incident was never released, or its evidence cannot be enclosed."
)
_out = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder to write to.",
)


@click.command(epilog=_CODES)
@click.argument("incident")
@_out
@click.option("--by", "person", required=True, metavar="NAME", help="The person who decides it.")
@click.option("--to", "addressee", required=True, metavar="WHOM", help="For whom it is made.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, or under which request or law.")
@options.required_case_dir
@options.config_file
@options.as_json
def prosecutor(  # noqa: PLR0913 - one argument per option
    *,
    incident: str,
    out: Path,
    person: str,
    addressee: str,
    reason: str,
    case_dir: Path,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Write a package about INCIDENT for a prosecutor: dossier, evidence bundle, record and chain of custody.

    The chain of custody says what was read, when it was sealed, who worked on it, and who was told before. It shows
    more than you released to other members: read it before you hand it over. That it was made is noted with the
    incident.
    """
    from pollwatch.node.measures import handouts
    from pollwatch.node.measures.handouts import Handing

    handing = Handing(person, addressee, reason)
    packed = handouts.package(case_dir, incident, out, handing, SystemClock(), config_file=config_file)
    return _tell(packed, "prosecutors-package", as_json=as_json)


@click.command(epilog=_CODES)
@click.argument("incident")
@_out
@options.required_case_dir
@options.as_json
def factsheet(*, incident: str, out: Path, case_dir: Path, as_json: bool) -> int:
    """Write a fact sheet about INCIDENT for diplomats: what is said together, by whom, and against whose word.

    It never says more than the statements that were adopted; denial and dissent stand in it word for word.
    """
    from pollwatch.node.measures import handouts

    packed = handouts.fact_sheet(case_dir, incident, out, SystemClock(), language=_("en"))
    return _tell(packed, "fact-sheet", as_json=as_json)


def _tell(packed: Packed, kind: str, *, as_json: bool) -> int:
    if as_json:
        click.echo(
            pretty(
                {"schema": "pollwatch.handout/1", "kind": kind, "folder": str(packed.folder), "sha256": packed.digest}
            )
        )
        return 0
    for path in sorted(packed.folder.iterdir()):
        click.echo(_("written: {file}").format(file=printable(str(path))), err=True)
    click.echo(_("It stands for all of it: SHA-256 {digest} of SHA256SUMS").format(digest=packed.digest))
    click.echo(_("To tell the others: pollwatch measure state INCIDENT {kind} --file SHA256SUMS").format(kind=kind))
    return 0
