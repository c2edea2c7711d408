"""The audit of what entered a matching: giving openings to the auditor, and judging them as the auditor."""

from __future__ import annotations

from dataclasses import dataclass

from pollwatch import canonical
from pollwatch.canonical import Json
from pollwatch.clock import Clock, rfc3339
from pollwatch.errors import EvidenceError, FormatError, ProofError, StoreError
from pollwatch.i18n import _
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import bundling, rail
from pollwatch.node.evidence.bundling import Extras
from pollwatch.sharing.matching import audit, papers, reading, releases
from pollwatch.sharing.matching.messages import Message, Step
from pollwatch.sharing.matching.papers import Commitment, Finding
from pollwatch.sharing.matching.record import Record
from pollwatch.sharing.matching.runs import Outgoing, Runs


@dataclass(frozen=True, slots=True)
class Owed:
    """One set that entered a run, and what the audit of it came to.

    Attributes:
        commitment: to the set.
        finding: the auditor's; None where it was not opened (yet).
    """

    commitment: Commitment
    finding: Finding | None

    def record(self) -> dict[str, Json]:
        """The same as JSON."""
        found = self.finding
        return {
            "run": self.commitment.run,
            "member": self.commitment.member,
            "time": rfc3339(self.commitment.at_us),
            "size": self.commitment.size,
            "opened": None if found is None else found.opened,
            "problem": None if found is None else found.problem or None,
        }


def prepare(membership: Membership, runs: Runs, clock: Clock) -> list[tuple[str, str]]:
    """Put the releases beside the openings that are due, and let them leave for the auditor.

    Returns:
        By auditor, what cannot be opened yet; it is tried again at the next look.
    """
    charter, problems = membership.charter, []
    for run, opening in runs.openings():
        try:
            payload = releases.join(opening, _bundle(membership, opening, clock))
        except StoreError as error:
            problems.append((charter.matching.auditor, str(error)))
            continue
        auditor, at_us = charter.member(charter.matching.auditor), papers.whole_seconds(clock.now_us())
        message = Message(
            run, charter.digest, membership.me.name, auditor.name, Step.OPENING, payload=payload, at_us=at_us
        )
        body = message.to_bytes(membership.keys.statement)
        runs.opened(run, Outgoing(run, Step.OPENING, auditor.name, body))
    return problems


def judge(membership: Membership, record: Record, message: Message, sender: Member, clock: Clock) -> None:
    """Check an opening as the auditor, and post what was found; the same set is judged once.

    Raises:
        PeerError: a log cannot be read now; try again later.
    """
    charter, me = membership.charter, membership.me
    if charter.matching.auditor != me.name or _judged(record, me, message.run, sender.name):
        return
    problem, count = "", 0
    try:
        opening, bundle = releases.part(message.payload)
        audited = audit.check(opening, sender.name, charter)
        count = len(audited.leaves)
        if audited.commitment.run != message.run:
            raise ProofError("the opening is of another run")
        _check_logged(record, opening, membership)
        releases.check(audited, bundle, sender, charter.matching)
    except (EvidenceError, FormatError) as error:
        problem = str(error)[:500]
    at_us = papers.whole_seconds(clock.now_us())
    finding = Finding(message.run, charter.digest, me.name, sender.name, count, problem, at_us)
    record.post(f"{message.run} finding", finding.sign(membership.keys.statement))


def overview(membership: Membership, record: Record) -> tuple[Owed, ...]:
    """Every set that entered a matching, and what the auditor found.

    Raises:
        PeerError: a log cannot be read now.
    """
    auditor = membership.charter.matching.auditor
    found = _findings(record, membership.charter.member(auditor)) if auditor else {}
    owed: list[Owed] = []
    for member in membership.charter.members:
        for each in record.papers(member):
            paper = reading.read_or_none(each, member)
            if isinstance(paper, Commitment):
                owed.append(Owed(paper, found.get((paper.run, member.name))))
    return tuple(sorted(owed, key=lambda each: (each.commitment.at_us, each.commitment.member)))


def _bundle(membership: Membership, opening: bytes, clock: Clock) -> bytes:
    """The private log's entries about the releases of the opened items, with what opens them; empty without items."""
    leaves = canonical.loads(opening, max_bytes=audit.MAX_BYTES)["leaves"]
    entries = {leaf["entry"] for _place, leaf, _salt in leaves if leaf.get("entry") is not None}
    if not entries:
        return b""
    with rail.opened(membership.folder.case, clock) as evidence:
        kept = {each.entry: each.opening for each in evidence.openings.kept_entries("indicator")}
        attachments = {releases.name_of(entry): kept[entry] for entry in entries if entry in kept}
        cover = _("RELEASES BEHIND AN AUDITED MATCHING\n\nWhat it proves is checked by the auditor's pollwatch.\n")
        bundle = bundling.assemble(evidence, entries, clock, cover, Extras(attachments))
        return bundle.to_bytes(evidence.shared_signer)


def _check_logged(record: Record, opening: bytes, membership: Membership) -> None:
    """The commitments that the opening shows stand in their members' logs."""
    for name, text in canonical.loads(opening, max_bytes=audit.MAX_BYTES)["papers"].items():
        if text.encode("utf-8") not in record.papers(membership.charter.member(name)):
            raise ProofError(f"the commitment of {name} is not in its log")


def _judged(record: Record, me: Member, run: str, of: str) -> bool:
    return (run, of) in _findings(record, me)


def _findings(record: Record, auditor: Member) -> dict[tuple[str, str], Finding]:
    parsed = (reading.read_or_none(each, auditor) for each in record.papers(auditor))
    return {(each.run, each.of): each for each in parsed if isinstance(each, Finding)}
