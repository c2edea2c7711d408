"""``pollwatch measure``: what follows from an incident: who decided it, to whom it went, what came of it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import abuse, block, handout, options, spoken
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.attribution.measure import Taken

_SCHEMA = "pollwatch.paper/1"
_KINDS = ("abuse-report", "takedown-request", "block", "prosecutors-package", "fact-sheet", "other")
_RESULTS = ("acted", "refused", "no-answer", "lifted")


@click.group(name="measure")
def command() -> None:
    """Put on record what was done about an incident, and make what is handed over.

    Nothing here blocks, sends or accuses by itself: a person decides, carries it out, and says so.
    """


command.add_command(abuse.abuse)
command.add_command(abuse.takedown)
command.add_command(block.command)
command.add_command(handout.prosecutor)
command.add_command(handout.factsheet)


@command.command(epilog=spoken.CODES)
@click.argument("subject", metavar="INCIDENT|CLAIM|STATEMENT")
@click.argument("kind", type=click.Choice(_KINDS))
@click.option("--by", "person", required=True, metavar="NAME", help="The person who decided it.")
@click.option("--to", "addressee", default="", metavar="WHOM", help="To whom it went.")
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What was handed over; its SHA-256 goes on record, and nothing else of it.",
)
@click.option("--text", required=True, help="Why, in your words, for the others and for third parties.")
@spoken.dry_run
@options.required_case_dir
@options.as_json
def state(  # noqa: PLR0913 - one argument per option
    *,
    subject: str,
    kind: str,
    person: str,
    addressee: str,
    file: Path | None,
    text: str,
    dry_run: bool,
    case_dir: Path,
    as_json: bool,
) -> int:
    """Sign that a measure of KIND was taken, and tell all members: who decided it, to whom it went, and why."""
    from pollwatch.attribution.measure import Deed, Kind

    speaker = spoken.speaker(case_dir, preview=dry_run)
    digest = sha256(file.read_bytes()).hexdigest() if file else ""
    about = spoken.object_id(speaker.membership, subject)
    said = speaker.act(about, Deed(Kind(kind), person, text, addressee, digest))
    return spoken.tell(said, _SCHEMA, as_json=as_json)


@command.command(epilog=spoken.CODES)
@click.argument("measure")
@click.argument("result", type=click.Choice(_RESULTS))
@click.option("--text", required=True, help="In your words, for the others and for third parties.")
@options.required_case_dir
@options.as_json
def result(*, measure: str, result: str, text: str, case_dir: Path, as_json: bool) -> int:
    """Sign what came of a MEASURE of yours."""
    from pollwatch.attribution.measure import Result

    said = spoken.speaker(case_dir).came_of(measure, Result(result), text)
    return spoken.tell(said, _SCHEMA, as_json=as_json)


@command.command(name="list")
@options.required_case_dir
@options.as_json
def list_command(*, case_dir: Path, as_json: bool) -> int:
    """List the measures that any member put on record, with what came of them."""
    from pollwatch.attribution.verify import told_measure
    from pollwatch.node.attribution import casefile

    taken = casefile.read(spoken.speaker(case_dir).membership).taken
    if as_json:
        listed: list[Json] = [_document(each) for each in taken]
        click.echo(pretty({"schema": "pollwatch.measures/1", "measures": listed}))
        return 0
    for each in taken:
        for line in told_measure(each):
            click.echo(printable(line, 4000))
    if not taken:
        click.echo(_("no measure is on record"))
    return 0


def _document(each: Taken) -> Json:
    deed = each.measure.deed
    outcomes: list[Json] = [
        {"result": one.result.value, "text": one.text, "created": one.created} for one in each.outcomes
    ]
    return {
        "id": each.measure.name.id,
        "member": each.measure.author.name,
        "about": each.measure.subject.id,
        "kind": deed.kind.value,
        "decided_by": deed.decided_by,
        "addressee": deed.addressee,
        "sha256": deed.digest,
        "text": deed.text,
        "created": each.measure.created,
        "outcomes": outcomes,
    }
