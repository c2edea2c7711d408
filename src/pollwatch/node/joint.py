"""Acting as a member: take in, claim, and answer. Used by the command line and by the demo.

Publishing is :mod:`pollwatch.node.publishing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pollwatch import canonical
from pollwatch.attribution import claim as claims
from pollwatch.attribution import opinion as opinions
from pollwatch.attribution import record as records
from pollwatch.attribution.claim import Assertion, Claim
from pollwatch.attribution.record import Judged, Record
from pollwatch.attribution.scale import Stance
from pollwatch.clock import Clock
from pollwatch.errors import PolicyError
from pollwatch.members.marking import Tlp
from pollwatch.node import rail, releasing
from pollwatch.node.jointfolder import JointFolder, Membership
from pollwatch.node.releasing import Decision, Sent
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.inbox import Mail, Mailbox
from pollwatch.stix import accept, bundle, constants, ids, objects
from pollwatch.stix.constants import StixObject
from pollwatch.stix.leaf import Leaf
from pollwatch.stix.objects import Maker

#: The types of what is said, and of what it is about.
_SPOKEN_TYPES = ("incident", "relationship", "opinion", "report", "note")


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A delivery that was taken in.

    Attributes:
        mail: the delivery.
        kinds: how many objects of each STIX type.
        new: how many objects were not held before.
        record: what is said in it about who did it.
    """

    mail: Mail
    kinds: dict[str, int]
    new: int
    record: Record


@dataclass(frozen=True, slots=True)
class Spoken:
    """A claim or an opinion that was signed, sealed in the shared log and sent to the others."""

    id: str
    log_index: int
    sent: tuple[Sent, ...]


def take_in(membership: Membership, clock: Clock) -> tuple[TakenIn, ...]:
    """Fetch what waits at the gateway, check it again, keep it, and seal claims and opinions in the shared log.

    Raises:
        EvidenceError: what waits does not check out although the gateway took it: the gateway cannot be trusted.
    """
    mailbox = Mailbox(membership.folder.mailbox, clock)
    collection = Collection(membership.folder.record)
    taken = []
    for mail in mailbox.waiting():
        received = bundle.read(mail.body)
        authors = accept.check(received, membership.charter)
        said = records.read(received, membership.charter)
        held = {each["id"] for each in _all_spoken(collection)}
        spoken = [each for each in received if records.is_spoken(each) and each["id"] not in held]
        if spoken:
            with rail.opened(membership.folder.case, clock) as evidence:
                for each in spoken:
                    rail.post(evidence, records.posted_as(each), each["id"], canonical.dumps(each))
        new = collection.add(received, authors, clock.now_us())
        mailbox.fetched(mail)
        taken.append(TakenIn(mail, accept.kinds(received), len(new), said))
    return tuple(taken)


def claim(membership: Membership, assertion: Assertion, decision: Decision, clock: Clock) -> Spoken:
    """Sign a claim, seal it in the shared log, and send it to all other members.

    Raises:
        PolicyError: the incident was never released or received, or the claim contradicts itself.
    """
    context = _context(membership, assertion.incident)
    tlp = _marking(context)
    actor = next(each for each in context if each["type"] == "threat-actor")
    assertion = assertion if assertion.evidence else replace(assertion, evidence=_evidence(context[0]))
    made, _target = claims.to_stix(assertion, actor, releasing.maker(membership, tlp, clock.now_us()))
    return _speak(membership, made, tlp, decision, clock)


def opine(membership: Membership, claim_id: str, stance: Stance, text: str, decision: Decision, clock: Clock) -> Spoken:
    """Sign an opinion of a claim, seal it in the shared log, and send it to all other members.

    Raises:
        PolicyError: there is no such claim, it is one's own, or no reason is given.
    """
    subject = find_claim(membership, claim_id)
    tlp = constants.marking_of(subject.source) or membership.charter.tlp_default
    made = opinions.to_stix(subject.subject, stance, text, releasing.maker(membership, tlp, clock.now_us()))
    return _speak(membership, made, tlp, decision, clock)


def find_claim(membership: Membership, claim_id: str) -> Claim:
    """A claim that was made or received, by its id or the beginning of it.

    Raises:
        PolicyError: there is none.
    """
    held = Collection(membership.folder.record).get(claim_id)
    if not claims.is_claim(held.source):
        raise PolicyError(f"{claim_id} is no claim but a {ids.kind_of(held.source['id'])}")
    return claims.from_stix(held.source, membership.charter.member(held.author), membership.charter)


def all_judged(membership: Membership) -> tuple[Judged, ...]:
    """Every claim that was made or received, with every opinion on it."""
    return records.read(_all_spoken(Collection(membership.folder.record)), membership.charter).judged


def _all_spoken(collection: Collection) -> list[StixObject]:
    """Every object that was said, with the incidents that it may be about."""
    held = [each.source for kind in _SPOKEN_TYPES for each in collection.of_type(kind)]
    return [each for each in held if each["type"] == "incident" or records.is_spoken(each)]


def record_of(membership: Membership, claim_id: str) -> bytes:
    """A claim with what it is about and every opinion on it, as a STIX bundle that anyone can check offline.

    There is no way to leave an opinion out: the respondent's denial travels with the claim.

    Raises:
        PolicyError: there is no such claim.
    """
    subject = find_claim(membership, claim_id)
    return bundle.write(bundle.order(_record(membership, subject.source)))


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
    incident = incident_object_id(membership, incident_id)
    found = {"charter.note": membership.folder.charter.read_bytes()}
    about = [each.claim.id for each in all_judged(membership) if each.claim.assertion.incident == incident]
    found |= {f"claim-{number}.json": record_of(membership, each) for number, each in enumerate(about, 1)}
    return Travelling(found, membership.charter.policy(membership.me).encode("utf-8"))


def _record(membership: Membership, claim_object: StixObject, *more: StixObject) -> list[StixObject]:
    extension = claim_object["extensions"][constants.CLAIM_EXTENSION]
    given = [
        each.source
        for each in Collection(membership.folder.record).of_type("opinion")
        if each.source["object_refs"] == [claim_object["id"]]
    ]
    target = constants.CONSTANTS.get(claim_object["target_ref"])
    frame = [constants.PROJECT, constants.SIGNATURE_DEFINITION, constants.CLAIM_DEFINITION]
    frame += [objects.identity(each, membership.charter) for each in membership.charter.members]
    frame += [] if target is None else [target]
    context = _context(membership, extension["incident"])
    return [constants.marking(_marking(context)), *frame, *context, claim_object, *given, *more]


def _speak(membership: Membership, made: StixObject, tlp: Tlp, decision: Decision, clock: Clock) -> Spoken:
    """Seal first, then keep, then send: what others hold is on record before they hold it."""
    with rail.opened(membership.folder.case, clock) as evidence:
        index = rail.post(evidence, records.posted_as(made), made["id"], canonical.dumps(made))
    collection = Collection(membership.folder.record)
    collection.add((made,), {made["id"]: membership.me}, clock.now_us())
    about = made if claims.is_claim(made) else collection.get(made["object_refs"][0]).source
    subject = f"{records.posted_as(made)} {made['id']}"
    prepared = releasing.prepare(membership, subject, tlp, _fixed(_record(membership, about)), clock)
    sent = [releasing.release(membership, prepared, each, decision, clock) for each in membership.peers]
    return Spoken(made["id"], index, tuple(sent))


def _fixed(made: Iterable[StixObject]) -> Callable[[Maker], Iterable[StixObject]]:
    everything = tuple(made)
    return lambda _maker: everything


def _context(membership: Membership, incident: str) -> list[StixObject]:
    """The incident, its actor, and the relationship between them, as they were released or received."""
    collection = Collection(membership.folder.record)
    main = collection.get(incident).source
    for held in reversed(collection.of_type("relationship")):
        link = held.source
        if (link["relationship_type"], link["source_ref"]) == ("related-to", main["id"]):
            return [main, collection.get(link["target_ref"]).source, link]
    raise PolicyError(f"{incident} is no incident that was released or received; release it first: pollwatch share")


def incident_object_id(membership: Membership, incident_id: str) -> str:
    """The STIX id of one of our incidents, by our own id; ids that are STIX already stay."""
    if incident_id.startswith("incident--"):
        return incident_id
    return ids.stable_id(membership.keys.id_secret, "incident", incident_id)


def _evidence(incident: StixObject) -> tuple[Leaf, ...]:
    """The commitments that came with an incident."""
    extension = incident.get("extensions", {}).get(constants.CLAIM_EXTENSION, {})
    return tuple(Leaf.from_record(each) for each in extension.get("evidence", ()))


def _marking(context: Iterable[StixObject]) -> Tlp:
    return max((each for each in map(constants.marking_of, context) if each is not None), default=Tlp.AMBER_STRICT)
