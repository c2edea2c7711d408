"""``pollwatch disclosures``: what did we ever tell them?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch import canonical
from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock, rfc3339
from pollwatch.errors import PeerError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.sharing.ledger import Disclosure


@click.command(name="disclosures")
@options.required_case_dir
@click.option("--to", "receiver", default="", metavar="MEMBER", help="Only what left for this member.")
@click.option(
    "--containing", "text", default="", metavar="TEXT", help="Only what holds this: an address, a name, an id."
)
@click.option(
    "--leaked",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="STIX that turned up elsewhere: say whose copy it is.",
)
@click.option("--show", "number", type=int, metavar="N", help="Write the bytes of disclosure N to stdout.")
@click.option("--retry", "again", is_flag=True, help="Send everything again that has no receipt: the same bytes.")
@options.as_json
def command(
    *,
    case_dir: Path,
    receiver: str,
    text: str,
    leaked: Path | None,
    number: int | None,
    again: bool,
    as_json: bool,
) -> int:
    """List everything that ever left for other members: what, when, to whom, by whose decision, with receipt."""
    from pollwatch.cli import present, share
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.sharing import releasing
    from pollwatch.sharing.ledger import Ledger

    membership = Membership.open(case_dir)
    ledger = Ledger(membership.folder.record)
    if number is not None:
        sys.stdout.buffer.write(ledger.get(number).release.body)
        return 0
    if leaked is not None:
        return _trace(membership, leaked, as_json=as_json)
    if again:
        sent = releasing.retry(membership, SystemClock())
        for each in sent:
            share.tell(each)
        return PeerError.exit_code if any(each.problem for each in sent) else 0
    to = membership.charter.member(receiver).name if receiver else ""
    found = ledger.all(to)
    if text:
        found = tuple(
            each for each in ledger.containing(canonical.dumps(text)[1:-1]) if to in {"", each.release.receiver}
        )
    if as_json:
        click.echo(pretty({"schema": "pollwatch.disclosures/1", "disclosures": [_document(each) for each in found]}))
    else:
        present.plain(
            [
                (
                    str(each.number),
                    rfc3339(each.at_us) or "",
                    each.release.receiver,
                    each.release.tlp.label,
                    each.release.subject,
                    each.release.released_by,
                    f"{len(each.release.body)} B",
                    each.release.sha256[:16],
                    rfc3339(each.received_us) or "no receipt",
                )
                for each in found
            ]
        )
    return 0


def _trace(membership: Membership, leaked: Path, *, as_json: bool) -> int:
    """Say whose copy each object is that turned up elsewhere."""
    from pollwatch.node.sharing import tracing

    found = tracing.trace(membership, leaked.read_bytes())
    if as_json:
        traced: list[Json] = [
            {
                "object": each.object_id,
                "ours": each.ours,
                "receivers": list(each.receivers),
                "disclosures": [_document(one) for one in each.disclosures],
            }
            for each in found
        ]
        click.echo(pretty({"schema": "pollwatch.traced/1", "objects": traced}))
        return 0
    for each in found:
        if not each.ours:
            words = _("says that it is ours, and is not as we signed it")
        elif not each.disclosures:
            words = _("is ours, and left for nobody: look nearer home")
        else:
            numbers = ", ".join(str(one.number) for one in each.disclosures)
            words = _("was given like this to {receivers} only (disclosures {numbers})")
            words = words.format(receivers=", ".join(map(printable, each.receivers)), numbers=numbers)
        click.echo(f"{each.object_id}  {words}")
    if not found:
        click.echo(_("nothing in it says that it is ours; see also: pollwatch disclosures --containing TEXT"))
    return 0


def _document(each: Disclosure) -> dict[str, Json]:
    left = each.release
    return {
        "number": each.number,
        "time": rfc3339(each.at_us),
        "to": left.receiver,
        "subject": left.subject,
        "tlp": left.tlp.word,
        "released_by": left.released_by,
        "legal_basis": left.legal_basis,
        "sha256": left.sha256,
        "bytes": len(left.body),
        "private_log_index": each.log_index,
        "received": rfc3339(each.received_us),
        "receipt": each.receipt.decode("utf-8") or None,
    }
