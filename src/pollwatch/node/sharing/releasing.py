"""Releasing to another member: prepare, preview, record, deliver, keep the receipt."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from pollwatch import canonical, durable
from pollwatch.attribution import record as records
from pollwatch.clock import Clock
from pollwatch.errors import PeerError, PolicyError, SharingError
from pollwatch.evidence import salted
from pollwatch.evidence.manifest import Disclosure as DisclosureEntry
from pollwatch.incidents.incident import Incident
from pollwatch.members.delivery import Delivery, open_receipt
from pollwatch.members.marking import Tlp, check_release
from pollwatch.members.member import Member
from pollwatch.node.charter import quarrels
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.sharing import voterdata
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.ledger import Disclosure, Ledger, Release, entry_of
from pollwatch.sharing.peer import Peer
from pollwatch.sharing.stages import Gate, Stage
from pollwatch.stix import accept, bundle, objects
from pollwatch.stix import incident as incidents
from pollwatch.stix.constants import StixObject
from pollwatch.stix.leaf import Leaf
from pollwatch.stix.objects import Maker

#: What the subject of a retraction begins with.
RETRACTION: Final = "retraction of "


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided that something leaves, and why that is allowed.

    Attributes:
        released_by: name of the person, or of both.
        legal_basis: why that is allowed.
        persons: who they are, where two were asked (:mod:`pollwatch.node.sharing.agreeing`).
    """

    released_by: str
    legal_basis: str
    persons: tuple[Person, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What would leave, byte for byte.

    Attributes:
        subject: what it is about.
        content: digest of what is told, whenever it is told.
        tlp: marking of the whole.
        body: the bytes.
    """

    subject: str
    content: str
    tlp: Tlp
    body: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """Of the bytes, in hex."""
        return sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a release to one member.

    Attributes:
        disclosure: its record in the ledger.
        again: whether it had been received before, so that nothing left now.
        problem: why there is no receipt; empty when there is one.
    """

    disclosure: Disclosure
    again: bool = False
    problem: str = ""


def maker(membership: Membership, tlp: Tlp, now_us: int) -> Maker:
    """Makes this member's objects; what was made before keeps its creation time."""
    created = Collection(membership.folder.record).created(membership.me)
    return Maker(membership.me, membership.keys.statement, membership.keys.id_secret, tlp, now_us, created)


def prepare_incident(
    membership: Membership, incident: Incident, tlp: Tlp | None, clock: Clock, receiver: Member | None = None
) -> Prepared:
    """An incident as it would leave. Preparing it again gives the same bytes until the incident changes.

    Args:
        membership: who tells.
        incident: what is told.
        tlp: its marking; None = the charter's.
        clock: the time.
        receiver: who is to have this copy (:func:`prepare`).

    Raises:
        PolicyError: the marking forbids it, or it was retracted.
        StoreError: the preview cannot be kept.
    """
    marking = check_release(membership.charter.tlp_default if tlp is None else tlp, ())
    with rail.opened(membership.folder.case, clock) as evidence:
        leaf = rail.incident_leaf(evidence, incident.id)
    build = _incident_builder(membership, incident, leaf)
    return prepare(membership, f"incident {incident.id}", marking, build, clock, receiver)


def _incident_builder(
    membership: Membership, incident: Incident, leaf: Leaf | None
) -> Callable[[Maker], Iterable[StixObject]]:
    evidence = () if leaf is None else (leaf,)
    identity = objects.identity(membership.me, membership.charter)
    return lambda made_by: incidents.to_stix(incident, made_by, identity, evidence).everything


def prepare(
    membership: Membership,
    subject: str,
    tlp: Tlp,
    build: Callable[[Maker], Iterable[StixObject]],
    clock: Clock,
    receiver: Member | None = None,
) -> Prepared:
    """What a builder makes, as it would leave; kept, so that what was previewed is what leaves.

    Args:
        membership: who tells.
        subject: what it is about.
        tlp: marking of the whole.
        build: makes the objects.
        clock: the time.
        receiver: who is to have this copy. It then differs from every other member's in the times of its objects,
            so that a copy that turns up elsewhere shows whose it was. None = the same bytes for all.

    Raises:
        PolicyError: the marking forbids it, it holds what looks like voters' data, or a part of it was retracted.
    """
    keys = membership.keys
    timeless = Maker(membership.me, keys.statement, keys.id_secret, tlp, 0)
    whose = b"" if receiver is None else f"\nfor {receiver.name}".encode()
    content = sha256(bundle.write(bundle.order(build(timeless))) + whose).hexdigest()
    path = membership.folder.outbox / f"{content}.json"
    if path.exists():
        body = path.read_bytes()
    else:
        body = bundle.write(bundle.order(build(_maker_of_copy(membership, tlp, clock.now_us(), receiver))))
    told = bundle.read(body)
    check_release(tlp, ((each["id"], accept.marking(each)) for each in told))
    voterdata.check(told, voterdata.load(membership.folder.never))
    _check_not_retracted(membership, told)
    if not path.exists():
        durable.make_folder(path.parent, mode=0o700)
        durable.write_file(path, body, mode=0o600)
    return Prepared(subject, content, tlp, body)


def _maker_of_copy(membership: Membership, tlp: Tlp, now_us: int, receiver: Member | None) -> Maker:
    """A maker whose objects are changed at a time that only this receiver's copies can have."""
    made = maker(membership, tlp, now_us)
    if receiver is None:
        return made
    members = membership.charter.members
    begin_ms = now_us // 1000 // len(members) * len(members)
    return replace(made, now_us=1000 * (begin_ms + members.index(receiver)), first_us=1000 * begin_ms)


def _check_not_retracted(membership: Membership, told: Iterable[StixObject]) -> None:
    gone = Collection(membership.folder.record).revoked(membership.me)
    for each in told:
        if each["id"] in gone and not each.get("revoked"):
            raise PolicyError(f"{each['id']} was retracted; what was taken back is not told again under the same name")


def release(membership: Membership, prepared: Prepared, receiver: Member, decision: Decision, clock: Clock) -> Sent:
    """Record a release, then deliver it. What was received already is not sent again.

    A receiver that cannot be reached is no error here: the release is on record, and :func:`retry` sends the same
    bytes again. Nor is one that was severed, where something is taken back: it is owed, stands in the ledger without a
    receipt, and is told before anything else as soon as we go so far again (:func:`remind`).

    Raises:
        StageError: we do not go so far with the receiver; nothing is recorded.
        PolicyError: the receiver holds another charter.
        StoreError: it cannot be recorded; then nothing has left.
    """
    if not prepared.subject.startswith(RETRACTION):
        Gate(membership.folder.stages).check(receiver, needs(prepared.body))
    disclosure = recorded(membership, prepared, receiver, decision, clock)
    if disclosure.receipt:
        return Sent(disclosure, again=True)
    if not prepared.subject.startswith(RETRACTION):
        remind(membership, receiver, clock)
    return _deliver(membership, Ledger(membership.folder.record), disclosure, clock)


def handed_over(
    membership: Membership, prepared: Prepared, receiver: Member, decision: Decision, clock: Clock
) -> Disclosure:
    """Record a release whose bytes somebody carries to the receiver, as a file; only then may they have it.

    Raises:
        StageError: we do not go so far with the receiver; nothing is recorded.
        PolicyError: the charter asks for two persons.
        StoreError: it cannot be recorded; then nothing may leave.
    """
    Gate(membership.folder.stages).check(receiver, needs(prepared.body))
    return recorded(membership, prepared, receiver, decision, clock)


def recorded(
    membership: Membership, prepared: Prepared, receiver: Member, decision: Decision, clock: Clock
) -> Disclosure:
    """The record of a release to a member, made where there is none yet; only then may it leave, whichever way.

    How far we go with that member is asked when it does leave, or is fetched.

    Raises:
        PolicyError: the charter asks for two persons, and only one has decided.
        StoreError: it cannot be recorded; then nothing may leave.
    """
    check_agreed(membership, decision)
    ledger = Ledger(membership.folder.record)
    known = ledger.known(receiver.name, prepared.content)
    return known or _record(membership, ledger, prepared, receiver, decision, clock)


def check_agreed(membership: Membership, decision: Decision) -> None:
    """Accept a decision that as many persons took as the charter says.

    Raises:
        PolicyError: it asks for two, and not two have agreed.
    """
    accounts = {each.account for each in decision.persons}
    if membership.charter.releasers > 1 and len(accounts) < membership.charter.releasers:
        raise PolicyError(
            "the charter says that two persons agree before anything leaves: ask with pollwatch share INCIDENT (or "
            "collections publish), and let somebody else agree with pollwatch share --agree N"
        )


def needs(body: bytes) -> Stage:
    """The stage that a body needs: saying who did it is more than telling what was seen."""
    return Stage.CLAIM if any(map(records.is_spoken, bundle.read(body))) else Stage.SHARE


def remind(membership: Membership, receiver: Member, clock: Clock) -> tuple[Sent, ...]:
    """Deliver the retractions that a member has not got yet, before anything else is said between us.

    Where it cannot be reached or is severed they wait; nothing is lost by it.
    """
    ledger = Ledger(membership.folder.record)
    told = []
    for each in ledger.unconfirmed():
        if each.release.receiver == receiver.name and each.release.subject.startswith(RETRACTION):
            with suppress(SharingError):
                told.append(_deliver(membership, ledger, each, clock))
    return tuple(told)


def retry(membership: Membership, clock: Clock) -> tuple[Sent, ...]:
    """Send everything again that has no receipt yet: the same bytes, under the same numbers.

    Who is no member any more gets nothing more.
    """
    ledger = Ledger(membership.folder.record)
    members = {each.name for each in membership.peers}
    owed = [each for each in ledger.unconfirmed() if each.release.receiver in members]
    return tuple(_deliver(membership, ledger, each, clock) for each in owed)


def _record(
    membership: Membership, ledger: Ledger, prepared: Prepared, receiver: Member, decision: Decision, clock: Clock
) -> Disclosure:
    """Seal, then write down; if we stop in between, a commitment to something that never left stays in the log."""
    at_us, salt = clock.now_us(), salted.new_salt()
    left = Release(
        receiver.name,
        prepared.subject,
        prepared.content,
        prepared.tlp,
        decision.released_by,
        decision.legal_basis,
        prepared.body,
        prepared.sha256,
    )
    commitment = salted.commitment(salt, canonical.dumps(entry_of(left, at_us)))
    with rail.opened(membership.folder.case, clock) as evidence:
        index = evidence.append_private(DisclosureEntry(receiver.name, prepared.tlp.label, commitment, at_us))
        if prepared.subject.startswith(RETRACTION):  # nobody can say later that it was never made, or made earlier
            rail.post_digest(evidence, "retraction", prepared.sha256, prepared.body)
    received = bundle.read(prepared.body)
    Collection(membership.folder.record).add(received, accept.check(received, membership.roll), at_us)
    return ledger.record(left, at_us, salt, index)


def _deliver(membership: Membership, ledger: Ledger, disclosure: Disclosure, clock: Clock) -> Sent:
    left = disclosure.release
    receiver = membership.charter.member(left.receiver)
    delivery = Delivery(
        membership.charter.digest, membership.me.name, receiver.name, left.sha256, left.tlp, disclosure.at_us
    )
    note = delivery.to_header(membership.keys.statement)
    try:
        with Peer(membership.way_to(receiver, clock, needs(left.body))) as peer:
            answer = peer.deliver(note, left.body)
    except PeerError as error:
        return Sent(disclosure, problem=str(error))
    except PolicyError as error:  # it goes by another charter, and refuses us
        quarrels.keep(membership.folder, receiver, str(error), clock)
        raise
    quarrels.settled(membership.folder, receiver)
    receipt = open_receipt(answer, delivery, receiver.gateway)
    ledger.confirm(disclosure.number, receipt.received_us, answer)
    return Sent(ledger.get(disclosure.number))
