"""Check a record of claims and opinions, offline: the part that a rival audits.

    python -m pollwatch.attribution.verify RECORD.json --charter CHARTER [--order ORDER.json] [--policy POLICY]

A record is a STIX bundle. Checked: the charter carries all its members' signatures; every object was signed by the
member that it says created it, and unchanged since; each opinion, signature, answer and retraction is about exactly
the claim, statement or inquiry that stands in the record; only a respondent denies, only the asked answer, only an
author takes back; a statement is counted by the quorum of the charter that held when it closed. What members said that
have gone since, or with keys that they have changed since, is read as of when they say they said it. With an order
file: where each paper stands in the members' logs, by when others had cosigned that, and what came after what
(:mod:`pollwatch.attribution.order`); an opinion that came later than it says counts as late. Not checked, because no
signature can: that what is claimed is true, and that nothing was left out of the record.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from pollwatch.attribution import matrix, proven
from pollwatch.attribution import order as orders
from pollwatch.attribution import record as records
from pollwatch.attribution.matrix import Matrix
from pollwatch.attribution.measure import Taken
from pollwatch.attribution.notice import Notice
from pollwatch.attribution.order import OrderFile
from pollwatch.attribution.proven import Proven
from pollwatch.attribution.record import Asked, Judged, Record
from pollwatch.attribution.subject import Named
from pollwatch.attribution.tally import Part, Tally
from pollwatch.clock import rfc3339
from pollwatch.errors import EvidenceError, FormatError, PolicyError, PollwatchError, SignatureError
from pollwatch.events.printable import printable
from pollwatch.evidence.policy import Policy
from pollwatch.i18n import _
from pollwatch.members.chain import Chain
from pollwatch.members.charter import Charter, SignedCharter
from pollwatch.members.roll import Charters, Roll
from pollwatch.stix import accept, bundle, ids

#: How charters and records are called where they travel in an evidence bundle.
CHARTER: Final = "charter.note"
ORDER: Final = "order.json"
RECORDS: Final = re.compile(r"record\.json|claim-[1-9][0-9]{0,5}\.json", re.ASCII)


def verify_record(data: bytes, charter: SignedCharter) -> Record:
    """Check a record under a first charter.

    Raises:
        SignatureError: an object or the record as a whole is not what was signed; the message names it.
    """
    try:
        charter.check_complete()
    except PolicyError as error:
        raise SignatureError(str(error)) from error
    return read_record(data, charter.charter)


def read_record(data: bytes, charters: Charters, back: Mapping[str, str] | None = None) -> Record:
    """Check a record under a charter that was agreed to, or under all of them.

    Args:
        data: the record.
        charters: the one in force, or all up to it.
        back: what the order of events shows to have been dated back.

    Raises:
        SignatureError: an object or the record as a whole is not what was signed; the message names it.
    """
    try:
        received = bundle.read(data)
        accept.check(received, charters)
        return records.read(received, charters, back)
    except (FormatError, PolicyError) as error:
        raise SignatureError(str(error)) from error


def read_chain(data: bytes) -> Chain:
    """All charters from the first to the last, or a first one alone, if every one of them was agreed to.

    Raises:
        FormatError: not well formed.
        EvidenceError: a signature is missing or wrong.
        PolicyError: a change that was not agreed to.
    """
    chain = Chain.parse(data)
    chain.verify()
    return chain


@dataclass(frozen=True, slots=True)
class Attached:
    """What members said, as it travels in an evidence bundle or beside one.

    Attributes:
        chain: the charters under which it was checked.
        records: what was said, counted by what the order shows where there is one.
        proven: in which order; empty where none came along.
    """

    chain: Chain
    records: tuple[Record, ...]
    proven: tuple[Proven, ...] = ()

    def told(self) -> Iterator[str]:
        """All of it in words, line by line."""
        charter = self.chain.last.charter
        for each in self.records:
            yield from told(each, charter)
        if self.proven:
            yield from proven.told(self.proven, proven.dated_back(self.proven, charter.quorum.blocs))


def read_attached(
    attachments: Mapping[str, bytes], chain: Chain | None = None, policy: bytes | None = None
) -> Attached:
    """Check the records that travel in an evidence bundle, and their order where it travels along.

    Args:
        attachments: the bundle's, by name.
        chain: the reader's own charters; None believes those that travel along.
        policy: the reader's own; its witnesses count beside the charter's.

    Raises:
        SignatureError: a record or a charter is not what was signed, or there is no charter.
        EvidenceError: a proof in the order does not hold.
    """
    if chain is None:
        if CHARTER not in attachments:
            raise SignatureError(f"no {CHARTER} came along; name the charter that you know with --charter")
        try:
            chain = read_chain(attachments[CHARTER])
        except (FormatError, PolicyError) as error:
            raise SignatureError(f"{CHARTER}: {error}") from error
    roll = Roll.of_chain(chain)
    data = [attachments[name] for name in sorted(filter(RECORDS.fullmatch, attachments))]
    found = tuple(read_record(each, roll) for each in data)
    if ORDER not in attachments:
        return Attached(chain, found)
    trusted = None if policy is None else Policy.parse(policy)
    order = read_order(attachments[ORDER], data, roll, trusted)
    back = proven.dated_back(order, roll.charter.quorum.blocs)
    return Attached(chain, tuple(read_record(each, roll, back) for each in data) if back else found, order)


def read_order(order: bytes, data: Sequence[bytes], charters: Charters, policy: Policy | None) -> tuple[Proven, ...]:
    """Check when, and in which order, the papers of some records were said.

    Args:
        order: an order file (:mod:`pollwatch.attribution.order`).
        data: the records, each of which was read.
        charters: that they were checked under.
        policy: the reader's own; its witnesses count beside the charter's.

    Raises:
        EvidenceError: a proof in it does not hold.
    """
    received = {Named.of(each): each for one in data for each in bundle.read(one) if records.is_spoken(each)}
    try:
        return orders.check(OrderFile.parse(order), list(received.values()), charters, policy)
    except (FormatError, PolicyError) as error:
        raise SignatureError(str(error)) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0 checked, 2 usage, 3 unreadable, 4 does not check out."""
    parser = argparse.ArgumentParser(prog="pollwatch.attribution.verify", description=_("Check a record offline."))
    parser.add_argument("record", type=Path)
    parser.add_argument("--charter", type=Path, required=True)
    parser.add_argument("--order", type=Path, help=_("where the papers stand in the members' logs"))
    parser.add_argument("--policy", type=Path, help=_("further witnesses that you know (C2SP tlog-policy)"))
    chosen = parser.parse_args(arguments)
    try:
        chain = read_chain(chosen.charter.read_bytes())
        files = {"record.json": chosen.record, **({ORDER: chosen.order} if chosen.order else {})}
        policy = chosen.policy.read_bytes() if chosen.policy else None
        found = read_attached({name: path.read_bytes() for name, path in files.items()}, chain, policy)
    except OSError as error:
        _say(_("cannot be read: {error}").format(error=error), sys.stderr)
        return 3
    except PollwatchError as error:
        _say(_("does not check out: {error}").format(error=error), sys.stderr)
        return EvidenceError.exit_code
    for line in (*told_charter(chain), *found.told()):
        _say(line, sys.stdout)
    return 0


def told_charter(chain: Chain) -> Iterator[str]:
    """Under which charter a record was read."""
    if chain.last.charter.exercise:
        yield _("EXERCISE: nothing in it is real")
    words = (
        _("charter {digest}, signed by all members") if len(chain.charters) == 1 else _("charter {digest}, agreed to")
    )
    yield words.format(digest=chain.last.charter.digest)


def told(record: Record, charter: Charter) -> Iterator[str]:
    """A record in words, line by line; what members wrote is in it as they wrote it."""
    for judged in record.judged:
        yield from told_claim(judged)
    for tally in record.tallies:
        yield from _statement(tally)
    for asked in record.asked:
        yield from _inquiry(asked)
    for taken in record.taken:
        yield from told_measure(taken)
    for incident in dict.fromkeys(each.incident for each in record.papers.items):
        yield from _hypotheses(matrix.build(incident, record.papers, charter))


def told_claim(judged: Judged) -> Iterator[str]:
    """A claim with everything that was said of it, for people; still to be made printable."""
    assertion = judged.claim.assertion
    yield _("claim by {claimant}: {whom} (likelihood: {likelihood}; confidence: {confidence}) [{id}]").format(
        id=judged.claim.id,
        claimant=judged.claim.claimant.name,
        whom=assertion.respondent.name if assertion.respondent else assertion.finding.value,
        likelihood=assertion.likelihood.word if assertion.likelihood else "-",
        confidence=assertion.confidence.value,
    )
    for each in judged.opinions:
        kind = _("denial by the respondent") if each.denial else _("opinion")
        yield f"  {kind}, {each.author.name}: {each.stance.value}: {each.text}"
    if judged.notice is not None and judged.reply_by_us is not None:
        replies = [each.created for each in judged.opinions if each.author == judged.notice.receiver]
        yield "  " + _reply(judged.notice, judged.reply_by_us, replies)
    if judged.retraction is not None:
        yield "  " + _("taken back by its claimant: {text}").format(text=judged.retraction.text)
    for said in judged.ending.said:
        yield f"  {said.author.name}: {said.outcome}: {said.text}"
    if judged.ending.outcome is not None:
        by = ", ".join(each.name for each in judged.ending.by)
        yield "  " + _("closed as {outcome}, say {members}").format(outcome=judged.ending.outcome, members=by)


def _statement(tally: Tally) -> Iterator[str]:
    draft = tally.statement.draft
    yield _(
        "statement {title!r}, closing {closes}: {outcome} ({needed} members from {blocs} blocs have to sign) [{id}]"
    ).format(
        id=tally.statement.name.id,
        title=draft.title,
        closes=rfc3339(draft.closes_us),
        outcome=_("adopted") if tally.adopted else _("not adopted"),
        needed=tally.needed,
        blocs=tally.needed_blocs,
    )
    for voice in tally.voices:
        yield f"  {voice.member.name} ({voice.member.bloc}): {voice.part.value}"
        for number, each in enumerate(voice.said):
            late = _("late") + ", " if number >= len(voice.said) - voice.late else ""
            yield f"    {late}{each.stance.value}: {each.text}"
        if voice.notice is not None:
            received = rfc3339(voice.notice.received_us)
            yield "    " + _("received it on {received}, as its own receipt shows").format(received=received)
        elif voice.part is Part.UNREACHED:
            yield "    " + _("no receipt on record shows that it had this")
        if voice.back:
            yield "    " + _(
                "late: {n} of these says that it came in time; the order of events shows otherwise"
            ).format(n=voice.back)


def _inquiry(asked: Asked) -> Iterator[str]:
    question = asked.inquiry
    yield _("inquiry by {asker} to {asked}, to be answered by {reply_by}: {text} [{id}]").format(
        id=question.name.id,
        asker=question.asker.name,
        asked=question.asked.name,
        reply_by=rfc3339(question.reply_by_us),
        text=question.text,
    )
    for each in asked.answers:
        yield "  " + _("answer, {created}: {text}").format(created=each.created, text=each.text)
    if not asked.answers:
        yield "  " + _("no answer in this record")
    if asked.notice is not None:
        yield "  " + _reply(asked.notice, question.reply_by_us, [each.created for each in asked.answers])


def _reply(notice: Notice, until_us: int, replies: Sequence[str]) -> str:
    """What a receipt makes of an answer or of a missing one."""
    until = ids.timestamp(until_us)
    if any(created <= until for created in replies):
        words = _("{member} received it on {received}, and replied before {until}")
    elif replies:
        words = _("{member} received it on {received}, and replied later than {until}")
    else:
        words = _("{member} received it on {received}; until {until} no reply is silence, as its own receipt shows")
    return words.format(member=notice.receiver.name, received=rfc3339(notice.received_us), until=until)


def told_measure(taken: Taken) -> Iterator[str]:
    """A measure in words, line by line."""
    deed, whose = taken.measure.deed, taken.measure.author.name
    yield _("measure of {member}: {kind}, decided by {person}{addressee}: {text} [{id}]").format(
        id=taken.measure.name.id,
        member=whose,
        kind=deed.kind,
        person=deed.decided_by,
        addressee=f", {deed.addressee}" if deed.addressee else "",
        text=deed.text,
    )
    if deed.digest:
        yield "  " + _("handed over: SHA-256 {digest}").format(digest=deed.digest)
    for each in taken.outcomes:
        yield f"  {each.created}: {each.result}: {each.text}"


def _hypotheses(found: Matrix) -> Iterator[str]:
    texts = {each.id: each.text for each in found.hypotheses}
    yield _("hypotheses about {incident}:").format(incident=found.incident)
    for name, text in texts.items():
        mark = "*" if name in found.leading else " "
        against = found.against.get(name)
        known = _("not examined") if against is None else f"{against.least:g}-{against.most:g}"
        yield f"  {mark} {text}  " + _("(against it: {known})").format(known=known)
    for without in found.without_member:
        if without.leading != found.leading:
            names = "; ".join(texts[name] for name in without.leading) or _("none")
            yield "  " + _("without the evidence of {member} leads: {names}").format(member=without.what, names=names)


def _say(text: str, stream: TextIO) -> None:
    stream.write(printable(text, 4000) + "\n")


if __name__ == "__main__":
    sys.exit(main())
