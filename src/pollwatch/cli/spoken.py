"""What the verbs share with which a member says something: who decides, what came of it, what is held."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.errors import PeerError, SourceError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.attribution.record import Record
    from pollwatch.node.attribution.attributing import Speaker, Spoken
    from pollwatch.node.charter.jointfolder import Membership

CODES = "Exit codes: 0 signed and delivered to all (or --dry-run), 5 signed but somebody could not be reached."
order_out = click.option(
    "--order",
    "order_out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write where each paper stands in the members' logs too: proves when, and in which order, it was said.",
)
dry_run = click.option(
    "--dry-run", is_flag=True, help="Write what all members would get to stdout, byte for byte; nothing is said."
)


def speaker(case_dir: Path, *, preview: bool = False) -> Speaker:
    """This member, after it has taken in what others sent: nobody answers what it has not read."""
    from pollwatch.node.attribution.attributing import Speaker
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.sharing import joint
    from pollwatch.node.sharing.releasing import Decision

    clock = SystemClock()
    membership = Membership.open(case_dir)
    joint.take_in(membership, clock)
    basis = _("charter {name}").format(name=membership.charter.name)
    speaker = Speaker(membership, Decision(getpass.getuser(), basis), clock, preview)
    if not preview:
        speaker.note_receipts()
    return speaker


def incident_id(membership: Membership, incident: str) -> str:
    """The STIX id of one of our incidents, from the beginning of its own id; ids of received ones stay."""
    from pollwatch.incidents.records import Case
    from pollwatch.node.attribution import lookup

    if incident.startswith("incident--"):
        return incident
    with Case.open(membership.folder.case, SystemClock(), create=False) as case:
        return lookup.incident_object_id(membership, case.incident(incident).id)


def object_id(membership: Membership, name: str) -> str:
    """The STIX id of what somebody names: one that is STIX already stays, all else is one of our incidents."""
    return name if "--" in name else incident_id(membership, name)


def tell(spoken: Spoken, schema: str, *, as_json: bool) -> int:
    """Say what came of it; gives the exit code."""
    from pollwatch.cli import share

    if spoken.asked:
        share.tell_asked(spoken.asked)
        return 0
    if spoken.log_index is None:
        sys.stdout.buffer.write(spoken.body)
        words = _(
            "would be posted in clear in the shared log, which every member reads and mirrors, and go to all members: "
            "{size} bytes. It shows that you ask or say this, and when; what was not released is not in it"
        )
        click.echo(words.format(size=len(spoken.body)), err=True)
        return 0
    if as_json:
        document: dict[str, Json] = {"schema": schema, "id": spoken.id, "shared_log_index": spoken.log_index}
        sent: list[Json] = [{**share.document(each)} for each in spoken.sent]
        click.echo(pretty({**document, "sent": sent, "withheld": {**spoken.withheld}}))
    else:
        click.echo(_("{id} signed and sealed, entry {index}").format(id=spoken.id, index=spoken.log_index))
        for each in spoken.sent:
            share.tell(each)
        for reason in spoken.withheld.values():
            options.complain(reason)
    return PeerError.exit_code if spoken.withheld or any(each.problem for each in spoken.sent) else 0


def export(membership: Membership, object_id: str, record: Path, order: Path | None) -> None:
    """Write the file of a case, and where its papers stand in the members' logs.

    Raises:
        SourceError: a file cannot be written.
    """
    from pollwatch.node.attribution import lookup, ordering
    from pollwatch.stix import bundle

    data = lookup.record_of(membership, object_id)
    written = {record: data}
    if order is not None:
        written[order] = ordering.order_of(membership, bundle.read(data), SystemClock())
    for path, content in written.items():
        try:
            path.write_bytes(content)
        except OSError as error:
            raise SourceError(f"{path} cannot be written: {error.strerror}") from error


def show(record: Record, case_dir: Path) -> None:
    """A record for a person; what members wrote is made inert."""
    from pollwatch.attribution.verify import told
    from pollwatch.node.charter.jointfolder import Membership

    for line in told(record, Membership.open(case_dir).charter):
        click.echo(printable(line, 4000))
