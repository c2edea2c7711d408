"""``pollwatch share``: release an incident or indicators to another member, or take them back."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.errors import PeerError, SharingError, UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.members.marking import Tlp

if TYPE_CHECKING:
    from pollwatch.members.member import Member
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.indicators.desk import Desk
    from pollwatch.node.sharing.releasing import Decision, Prepared, Sent

#: How a publication for everybody is asked for (:mod:`pollwatch.node.public.publishing`).
_PUBLIC = "public"
_TLP = ("clear", "green", "amber", "amber+strict", "red")


@click.command(
    name="share",
    epilog="Exit codes: 0 delivered (or --dry-run), 5 recorded but not delivered, 6 marking, stage or check forbid it.",
)
@click.argument("subjects", nargs=-1, metavar="[INCIDENT|INDICATOR...]")
@click.option("--to", "receiver", default="", metavar="MEMBER", help="Who gets it; not with --retract.")
@options.required_case_dir
@click.option("--tlp", type=click.Choice(_TLP), help="Marking (TLP 2.0).  [default: the charter's]")
@click.option("--basis", default="", metavar="TEXT", help="Legal basis, for the ledger.  [default: the charter]")
@click.option("--released-by", default="", metavar="NAME", help="Who decided.  [default: the user's name]")
@click.option("--sighting", is_flag=True, help="Say only that we saw INDICATORs that other members told us of.")
@click.option("--retract", is_flag=True, help="Take it back from everybody who was ever given it; needs a --reason.")
@click.option("--reason", default="", metavar="TEXT", help="Why it is taken back; those who have it are told.")
@click.option("--dry-run", is_flag=True, help="Write what would leave to stdout, byte for byte; nothing leaves.")
@click.option("--waiting", is_flag=True, help="List what waits for a second person to agree.")
@click.option("--agree", "number", type=int, metavar="N", help="Agree to request N as the second person; it leaves.")
@options.config_file
@options.as_json
def command(  # noqa: PLR0913 - one argument per option
    *,
    subjects: tuple[str, ...],
    receiver: str,
    case_dir: Path,
    tlp: str | None,
    basis: str,
    released_by: str,
    sighting: bool,
    retract: bool,
    reason: str,
    dry_run: bool,
    waiting: bool,
    number: int | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Release an INCIDENT or INDICATORs to another member, as STIX 2.1, through the disclosure ledger.

    Told of an incident: what was done, how, when, and from where. Never told: raw lines, user names, what was attacked.
    Told of an indicator: what to look out for, and that we saw it where we did. Voters' data never leaves. Look first
    with --dry-run; the release then is those bytes exactly. With --retract, what was told is taken back.

    Where the charter asks for two persons, this asks; somebody else, logged in with another account, looks at it
    (--agree N --dry-run) and agrees (--agree N), and then those bytes leave.
    """
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.sharing import releasing

    clock = SystemClock()
    membership = Membership.open(case_dir)
    if waiting or number is not None:
        return _second(membership, number, released_by, dry_run=dry_run)
    decision = releasing.Decision(
        released_by or getpass.getuser(), basis or _("charter {name}").format(name=membership.charter.name)
    )
    if retract:
        if receiver or dry_run or len(subjects) != 1:
            raise UsageError(_("--retract takes one subject back from everybody who has it: no --to, no --dry-run"))
        return take_back(case_dir, subjects[0], reason, decision, config_file, as_json=as_json)
    if not receiver or not subjects:
        raise UsageError(_("say what is released, and to whom: pollwatch share INCIDENT --to MEMBER"))
    marking = Tlp.parse(tlp) if tlp else None
    given = _Given(case_dir, config_file, subjects, marking, membership.charter.member(receiver), sighting)
    prepared = _prepared(given, membership)
    if dry_run:
        sys.stdout.buffer.write(prepared.body)
        words = _("would leave for {receiver} under {tlp}: {size} bytes, SHA-256 {digest}")
        size, digest = len(prepared.body), prepared.sha256
        click.echo(words.format(receiver=given.to.name, tlp=prepared.tlp.label, size=size, digest=digest), err=True)
        return 0
    if sighting:
        _say_seen(given)
    if membership.charter.releasers > 1:
        from pollwatch.node.sharing import agreeing

        tell_asked(agreeing.ask(membership, prepared, [given.to], decision, clock).number)
        return 0
    sent = releasing.release(membership, prepared, given.to, decision, clock)
    if as_json:
        click.echo(pretty({"schema": "pollwatch.share/1", **document(sent)}))
    else:
        tell(sent)
    return PeerError.exit_code if sent.problem else 0


def _second(membership: Membership, number: int | None, name: str, *, dry_run: bool) -> int:
    """List what waits for a second person, or agree to it as that person."""
    from pollwatch.node.attribution.attributing import Speaker
    from pollwatch.node.sharing import agreeing, releasing
    from pollwatch.sharing.decisions import Person

    clock = SystemClock()
    asked = agreeing.waiting(membership)
    if number is None:
        for each in asked:
            shelf = " " + _("(collection {name})").format(name=each.shelf) if each.shelf else ""
            told = ", ".join(each.receivers) + shelf
            parts = (str(each.number), each.prepared.subject, told, each.prepared.tlp.label)
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
    if agreed.shelf == _PUBLIC:
        from pollwatch.cli import public
        from pollwatch.node.public import publishing

        public.told(publishing.publish_agreed(membership.folder.case, agreed, clock))
        return 0
    if agreed.shelf:
        from pollwatch.cli import collections
        from pollwatch.node.sharing import collecting

        return collections.tell(collecting.publish_agreed(membership, agreed, clock))
    problems = []
    for receiver in agreed.receivers:
        try:
            to = membership.charter.member(receiver)
            sent = releasing.release(membership, agreed.prepared, to, agreed.decision, clock)
        except SharingError as error:  # severed meanwhile, or no member any more: the others get it all the same
            options.complain(str(error))
            problems.append(str(error))
            continue
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


@dataclass(frozen=True, slots=True)
class _Given:
    """What the user wants to tell, and to whom."""

    case_dir: Path
    config_file: Path | None
    subjects: tuple[str, ...]
    tlp: Tlp | None
    to: Member
    sighting: bool

    @property
    def indicators(self) -> bool:
        """Whether it is about indicators, not about an incident."""
        return self.sighting or all(map(_names_indicator, self.subjects))

    def desk(self) -> Desk:
        """What is needed to work with indicators."""
        from pollwatch import config
        from pollwatch.node.indicators.desk import Desk

        assets = config.load(Path.cwd(), os.environ, self.config_file).assets
        return Desk.open(self.case_dir, SystemClock(), assets)


def _names_indicator(subject: str) -> bool:
    """Whether somebody who writes this means an indicator: its id, or the address, domain ... that it is about."""
    from pollwatch.events.observable import guessed

    try:
        return subject.upper().startswith("IND-") or bool(guessed(subject))
    except ValueError:
        return False


def _prepared(given: _Given, membership: Membership) -> Prepared:
    from pollwatch.incidents.records import Case
    from pollwatch.node.sharing import releasing, telling

    clock = SystemClock()
    if given.indicators:
        desk = given.desk()
        chosen = [desk.store.get(each) for each in given.subjects]
        if not given.sighting:
            return telling.prepare_indicators(desk, chosen, given.to, given.tlp)
        with Case.open(given.case_dir, clock, create=False) as case:
            return telling.prepare_sightings(desk, chosen, given.to, given.tlp, case.incidents())
    if len(given.subjects) != 1:
        raise UsageError(_("one incident at a time; indicators (IND-...) can be shared together"))
    with Case.open(given.case_dir, clock, create=False) as case:
        found = case.incident(given.subjects[0])
    return releasing.prepare_incident(membership, found, given.tlp, clock, given.to)


def _say_seen(given: _Given) -> None:
    """Count our own bloc among those that saw it: a person has just said so."""
    from pollwatch.incidents.records import Case
    from pollwatch.node.sharing import telling

    desk = given.desk()
    with Case.open(given.case_dir, SystemClock(), create=False) as case:
        telling.note_seen(desk, [desk.store.get(each) for each in given.subjects], case.incidents())


def take_back(
    case_dir: Path, subject: str, reason: str, decision: Decision, config_file: Path | None, *, as_json: bool
) -> int:
    """Retract an incident or an indicator, and say who was told."""
    from pollwatch import config
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.indicators.desk import Desk
    from pollwatch.node.sharing import retracting

    clock = SystemClock()
    if _names_indicator(subject):
        desk = Desk.open(case_dir, clock, config.load(Path.cwd(), os.environ, config_file).assets)
        done = retracting.retract_indicator(desk, desk.store.get(subject), reason, decision)
    else:
        done = retracting.retract_incident(Membership.open(case_dir), subject, reason, decision, clock)
    if as_json:
        told: dict[str, Json] = {
            "schema": "pollwatch.retraction/1",
            "objects": list(done.objects),
            "sent": [dict(document(each)) for each in done.sent],
            "asked": list(done.asked),
            "unsent": [{"to": name, "reason": why} for name, why in done.unsent],
        }
        click.echo(pretty(told))
    else:
        click.echo(_("{count} objects are taken back").format(count=len(done.objects)))
        for sent in done.sent:
            tell(sent)
        for number in done.asked:
            tell_asked(number)
        for name, why in done.unsent:
            options.complain(_("{name} cannot be told: {why}").format(name=name, why=why))
    return PeerError.exit_code if done.unsent or any(each.problem for each in done.sent) else 0


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
