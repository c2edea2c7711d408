"""``pollwatch share``: release an incident to another member."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.errors import PeerError, UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.node.jointfolder import Membership
    from pollwatch.node.releasing import Sent

_TLP = ("clear", "green", "amber", "amber+strict", "red")


@click.command(
    name="share",
    epilog="Exit codes: 0 delivered (or --dry-run), 5 recorded but not delivered, 6 marking or stage forbid it.",
)
@click.argument("incident", required=False)
@click.option("--to", "receiver", metavar="MEMBER", help="Who gets it.")
@options.required_case_dir
@click.option("--tlp", type=click.Choice(_TLP), help="Marking (TLP 2.0).  [default: the charter's]")
@click.option("--basis", default="", metavar="TEXT", help="Legal basis, for the ledger.  [default: the charter]")
@click.option("--released-by", default="", metavar="NAME", help="Who decided.  [default: the user's name]")
@click.option("--dry-run", is_flag=True, help="Write what would leave to stdout, byte for byte; nothing leaves.")
@click.option("--waiting", is_flag=True, help="List what waits for a second person to agree.")
@click.option("--agree", "number", type=int, metavar="N", help="Agree to request N as the second person; it leaves.")
@options.as_json
def command(  # noqa: PLR0913 - one argument per option
    *,
    incident: str | None,
    receiver: str | None,
    case_dir: Path,
    tlp: str | None,
    basis: str,
    released_by: str,
    dry_run: bool,
    waiting: bool,
    number: int | None,
    as_json: bool,
) -> int:
    """Release INCIDENT to another member, as STIX 2.1, through the disclosure ledger.

    Told: what was done, how, when, and from where. Never told: raw lines, user names, what was attacked. Look first
    with --dry-run; the release then is those bytes exactly.

    Where the charter asks for two persons, this asks; somebody else, logged in with another account, looks at it
    (--agree N --dry-run) and agrees (--agree N), and then those bytes leave.
    """
    from pollwatch.incidents.records import Case
    from pollwatch.members.marking import Tlp
    from pollwatch.node import releasing
    from pollwatch.node.jointfolder import Membership

    clock = SystemClock()
    membership = Membership.open(case_dir)
    if waiting or number is not None:
        return _second(membership, number, released_by, dry_run=dry_run)
    if incident is None or receiver is None:
        raise UsageError(_("say what is released, and to whom: pollwatch share INCIDENT --to MEMBER"))
    to = membership.charter.member(receiver)
    with Case.open(case_dir, clock, create=False) as case:
        found = case.incident(incident)
    prepared = releasing.prepare_incident(membership, found, Tlp.parse(tlp) if tlp else None, clock)
    if dry_run:
        sys.stdout.buffer.write(prepared.body)
        words = _("would leave for {receiver} under {tlp}: {size} bytes, SHA-256 {digest}")
        click.echo(
            words.format(receiver=to.name, tlp=prepared.tlp.label, size=len(prepared.body), digest=prepared.sha256),
            err=True,
        )
        return 0
    decision = releasing.Decision(
        released_by or getpass.getuser(), basis or _("charter {name}").format(name=membership.charter.name)
    )
    if membership.charter.releasers > 1:
        from pollwatch.node import agreeing

        tell_asked(agreeing.ask(membership, prepared, [to], decision, clock).number)
        return 0
    sent = releasing.release(membership, prepared, to, decision, clock)
    if as_json:
        click.echo(pretty({"schema": "pollwatch.share/1", **document(sent)}))
    else:
        tell(sent)
    return PeerError.exit_code if sent.problem else 0


def _second(membership: Membership, number: int | None, name: str, *, dry_run: bool) -> int:
    """List what waits for a second person, or agree to it as that person."""
    from pollwatch.node import agreeing, releasing
    from pollwatch.node.attributing import Speaker
    from pollwatch.sharing.decisions import Person

    clock = SystemClock()
    asked = agreeing.waiting(membership)
    if number is None:
        for each in asked:
            parts = (str(each.number), each.prepared.subject, ", ".join(each.receivers), each.prepared.tlp.label)
            click.echo("\t".join(printable(part) for part in (*parts, each.by.name, each.prepared.sha256)))
        return 0
    if dry_run:
        sys.stdout.buffer.write(next((each.prepared.body for each in asked if each.number == number), b""))
        return 0
    agreed = agreeing.agree(membership, number, Person.here(name), clock)
    if agreed.said is not None:
        from pollwatch.cli import spoken

        said = Speaker(membership, agreed.decision, clock).say(agreed.said, agreed.prepared)
        return spoken.tell(said, "pollwatch.said/1", as_json=False)
    problems = []
    for receiver in agreed.receivers:
        to = membership.charter.member(receiver)
        sent = releasing.release(membership, agreed.prepared, to, agreed.decision, clock)
        tell(sent)
        problems.append(sent.problem)
    return PeerError.exit_code if any(problems) else 0


def tell_asked(number: int) -> None:
    """That somebody else has to agree, for a person."""
    words = _(
        "asked for as request {number}; nothing has left. The charter says that two persons agree: somebody else, from "
        "an account of their own, runs: pollwatch share --agree {number}"
    )
    click.echo(words.format(number=number))


def document(sent: Sent) -> dict[str, str | int | bool | None]:
    """A release as JSON."""
    left = sent.disclosure.release
    return {
        "disclosure": sent.disclosure.number,
        "to": left.receiver,
        "subject": left.subject,
        "tlp": left.tlp.word,
        "sha256": left.sha256,
        "bytes": len(left.body),
        "received": sent.disclosure.received_us is not None,
        "again": sent.again,
        "problem": sent.problem or None,
    }


def tell(sent: Sent) -> None:
    """A release for a person."""
    left, number = sent.disclosure.release, sent.disclosure.number
    facts = {
        "subject": printable(left.subject),
        "receiver": printable(left.receiver),
        "number": number,
        "tlp": left.tlp.label,
        "digest": left.sha256,
    }
    if sent.problem:
        words = _(
            "{subject} is recorded as disclosure {number} to {receiver}, but there is no receipt; "
            "run the same command again, or: pollwatch disclosures --retry"
        )
        click.echo(words.format(**facts), err=True)
        options.complain(sent.problem)
    elif sent.again:
        click.echo(_("{receiver} has {subject} already (disclosure {number}); nothing left now").format(**facts))
    else:
        words = _("{subject} left for {receiver} under {tlp}: disclosure {number}, SHA-256 {digest}, receipt kept")
        click.echo(words.format(**facts))
