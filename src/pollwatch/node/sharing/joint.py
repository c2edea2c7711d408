"""What comes from other members, and what travels with evidence.

Publishing is :mod:`pollwatch.node.logs.publishing`; saying who did it, :mod:`pollwatch.node.attribution.attributing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pollwatch import canonical
from pollwatch.attribution import record as records
from pollwatch.attribution.record import Record
from pollwatch.clock import Clock
from pollwatch.election.assets import Assets
from pollwatch.errors import RetiredKeyError
from pollwatch.node.attribution import casefile, lookup
from pollwatch.node.charter import heeding
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.evidence import rail
from pollwatch.node.gateway import pushing
from pollwatch.node.gateway.outpost import Outpost
from pollwatch.node.sharing import collecting, hearing, releasing
from pollwatch.node.sharing.hearing import Heard, Word
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.inbox import Mail
from pollwatch.stix import accept, bundle


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A delivery that was taken in.

    Attributes:
        mail: the delivery.
        kinds: how many objects of each STIX type.
        new: how many objects were not held before.
        record: what is said in it about who did it.
        heard: what is said in it about indicators; None where nothing is.
        refused: why nothing of it was kept: something in it is signed with a key that is not in use any more, and was
            not said while it was. Empty for what was taken in.
    """

    mail: Mail
    kinds: dict[str, int]
    new: int
    record: Record
    heard: Heard | None = None
    refused: str = ""


def take_in(membership: Membership, clock: Clock, assets: Assets | None = None) -> tuple[TakenIn, ...]:
    """Fetch what waits at the gateway, check it again, keep it, and seal claims and opinions in the shared log.

    What was posted to our collections is taken in as well (:mod:`pollwatch.node.sharing.collecting`). Indicators become
    known, and nothing more; what a sender takes back goes out of use here, and the incidents in which it counted say
    so. Who talks to us and has not got a retraction of ours yet is told now.

    Args:
        membership: who takes in.
        clock: the time.
        assets: our own systems: indicators of them are marked.

    Raises:
        EvidenceError: what waits does not check out although the gateway took it: the gateway cannot be trusted.
    """
    collecting.take_in(membership, clock, assets or Assets())
    with pushing.opened(membership, clock) as outpost:
        taken = [_take_in(membership, outpost, each, assets or Assets(), clock) for each in outpost.mail()]
    senders = {each.mail.sender for each in taken}
    for member in membership.peers:  # whoever has gone since it sent something is told nothing more
        if member.name in senders:
            releasing.remind(membership, member, clock)
    return tuple(taken)


def _take_in(membership: Membership, outpost: Outpost, number: int, assets: Assets, clock: Clock) -> TakenIn:
    collection = Collection(membership.folder.record)
    mail = outpost.one_mail(number)
    received = bundle.read(mail.body)
    roll = membership.roll
    try:
        authors = accept.check(received, roll)
        heeding.check_not_new(membership, received, authors)
    except RetiredKeyError as error:  # whoever brings it must not keep us from taking in the rest
        outpost.mail_done(number)
        return TakenIn(mail, accept.kinds(received), 0, records.read((), roll), refused=str(error))
    said = records.read(received, roll)
    held = {each["id"] for each in casefile.said(collection)}
    spoken = [each for each in received if records.is_spoken(each) and each["id"] not in held]
    if spoken:
        with rail.opened(membership.folder.case, clock) as evidence:
            for each in spoken:
                rail.post(evidence, records.posted_as(each), each["id"], canonical.dumps(each))
    hearing.post_retraction(membership, mail, received, clock)
    word = Word(mail.sender, mail.tlp, mail.sha256)
    indicators = hearing.take(membership, word, received, assets, clock)
    new = collection.add(received, authors, clock.now_us())
    outpost.mail_done(number)
    return TakenIn(mail, accept.kinds(received), len(new), said, indicators)


@dataclass(frozen=True, slots=True)
class Travelling:
    """What travels with the evidence of an incident.

    Attributes:
        attachments: file name to bytes: the charter, and each claim about it with all opinions on it.
        policy: the C2SP policy by which others judge this member's log; None where no charter is in force.
    """

    attachments: dict[str, bytes]
    policy: bytes | None


def travelling(case_dir: Path, incident_id: str) -> Travelling:
    """What the joint watch adds to the evidence of an incident; nothing where no charter is in force.

    Raises:
        EvidenceError: keys are missing, or the charter was changed.
    """
    if not JointFolder(case_dir).charter.exists():
        return Travelling({}, None)
    membership = Membership.open(case_dir)
    incident = lookup.incident_object_id(membership, incident_id)
    found = {"charter.note": membership.folder.load_chain().to_bytes()}
    about = [each.claim.id for each in lookup.all_judged(membership) if each.claim.assertion.incident == incident]
    found |= {f"claim-{number}.json": lookup.record_of(membership, each) for number, each in enumerate(about, 1)}
    return Travelling(found, membership.charter.policy(membership.me).encode("utf-8"))
