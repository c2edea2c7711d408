"""The chain of custody of an own incident, from all records of who had it: inputs, seals, people's work, what left.

What left is asked of three records: the ledger of decisions, the record of all that went over HTTP, and the runs of
private matching, in which what an incident names can have entered without leaving.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from pollwatch.clock import Clock
from pollwatch.errors import PeerError
from pollwatch.evidence.seal import Seal
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.records import Case
from pollwatch.node.attribution import lookup
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.evidence.openings import Openings
from pollwatch.node.gateway import answered
from pollwatch.node.match import auditing, matching
from pollwatch.node.measures.blocking import observable
from pollwatch.report.dossier.custody import Custody, Handled, Matched, Original, SealedBatch, Sent, Told
from pollwatch.sharing.egress import Egress, Left
from pollwatch.sharing.ledger import Ledger
from pollwatch.sharing.matching.runs import Runs


@dataclass(frozen=True, slots=True)
class Handing:
    """Who decided to hand something over, to whom, and why."""

    person: str
    addressee: str
    reason: str


def of(membership: Membership, own: Incident, handing: Handing, clock: Clock) -> Custody:
    """The whole chain.

    Raises:
        StoreError: a record cannot be read.
    """
    case_dir, paths = membership.folder.case, own.lines.by_path
    with Case.open(case_dir, clock, create=False) as case:
        originals = tuple(
            Original(each.path, each.digest, each.size_bytes, each.lines)
            for each in case.inputs()
            if each.path in paths
        )
        changes = case.history(own.id)
    handled = tuple(Handled(each.at_us, each.who, f"{each.kind} ({each.status}): {each.text}") for each in changes)
    with rail.opened(case_dir, clock) as evidence:
        sealed = tuple(each for path in sorted(paths) for each in _batches(evidence.openings, path))
    about = lookup.incident_object_id(membership, own.id).encode("ascii")
    told = tuple(
        Told(
            each.at_us,
            each.release.receiver,
            each.release.released_by,
            each.release.legal_basis,
            each.release.sha256,
            each.received_us,
        )
        for each in Ledger(membership.folder.record).containing(about)
    )
    left, unread = _left(membership, clock)
    digests = {each.sha256 for each in told}
    sent = tuple(
        Sent(
            (each.first_us, each.last_us),
            each.times,
            each.member,
            f"{each.method} {each.target}".strip(),
            each.status,
            each.size,
            each.sha256.hex(),
        )
        for each in left
        if each.sha256.hex() in digests or about in (each.body or b"")
    )
    matched = tuple(_matched(membership, own, clock))
    return Custody(
        originals, sealed, handled, told, sent, matched, unread, handing.person, handing.addressee, handing.reason
    )


def _left(membership: Membership, clock: Clock) -> tuple[tuple[Left, ...], str]:
    """What left over HTTP; and why that is not all, where the gateway is not in reach."""
    try:
        return answered.everything(membership, clock), ""
    except PeerError as error:
        with closing(Egress(membership.folder.egress)) as ours:
            return ours.all(), str(error)


def _matched(membership: Membership, own: Incident, clock: Clock) -> Iterator[Matched]:
    """The runs of matching in which an address or name of the incident entered, with what their audit found.

    Asks nobody: an auditor's findings are those of the last copy of its log.
    """
    if not membership.folder.matching.exists():
        return
    named = {observable(each) for each in (*own.actors.ip, *own.actors.domain)} - {None}
    name = membership.charter.matching.auditor
    auditor = membership.charter.member(name) if name else None
    logs = matching.Logs(membership, clock)
    found = {} if auditor is None else auditing.findings(logs.known(auditor), auditor)
    for run in Runs(membership.folder.matching).all():
        items = sum(leaf.observable in named for leaf in run.leaves)
        if items:
            finding = found.get((run.run, membership.me.name))
            opened, problem = (None, "") if finding is None else (finding.opened, finding.problem)
            yield Matched(run.at_us, run.peer, run.run, run.state.value, items, len(run.leaves), opened, problem)


def _batches(openings: Openings, path: str) -> list[SealedBatch]:
    found = []
    for each in openings.batches_of(path):
        seal = openings.seal_covering(each.entry + 1)
        at_us = None if seal is None else Seal.parse(seal.data).at_us
        entry = None if seal is None else seal.entry
        found.append(SealedBatch(path, each.first_number, each.lines, each.entry, entry, at_us, each.erased))
    return found
