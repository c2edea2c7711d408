"""Saying who did it, as a member: claims, opinions, inquiries, statements, retractions, hypotheses.

Each is signed, sealed in the shared log, kept, and only then sent to all others, with the whole file of its case
(:mod:`pollwatch.node.casefile`): what others hold is on record before they hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from pollwatch import canonical
from pollwatch.attribution import claim as claims
from pollwatch.attribution import closing, hypotheses, inquiry, matrix, notice, paper, retraction, statement
from pollwatch.attribution import opinion as opinions
from pollwatch.attribution import record as records
from pollwatch.attribution.claim import Assertion, Claim
from pollwatch.attribution.closing import Outcome
from pollwatch.attribution.hypotheses import Fit, Hypothesis, Item
from pollwatch.attribution.inquiry import Inquiry
from pollwatch.attribution.matrix import Matrix
from pollwatch.attribution.record import Asked, Judged
from pollwatch.attribution.scale import Stance
from pollwatch.attribution.statement import Draft, Statement
from pollwatch.attribution.subject import Named, Subject
from pollwatch.clock import Clock
from pollwatch.errors import PolicyError
from pollwatch.members.delivery import read_receipt
from pollwatch.members.member import Member
from pollwatch.members.roll import Naming
from pollwatch.node import agreeing, casefile, rail, releasing
from pollwatch.node.jointfolder import Membership
from pollwatch.node.releasing import Decision, Prepared, Sent
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.ledger import Ledger
from pollwatch.sharing.stages import StageError
from pollwatch.stix import accept, bundle, constants, ids
from pollwatch.stix.constants import StixObject
from pollwatch.stix.leaf import Leaf
from pollwatch.stix.objects import Maker


@dataclass(frozen=True, slots=True)
class Spoken:
    """Something that was signed, sealed in the shared log and sent to the others; or would be.

    Attributes:
        id: STIX id.
        body: the whole file of its case, as all others get it.
        log_index: its place in the shared log; None where it was only previewed.
        sent: what came of sending it, by member.
        withheld: why it was not sent to a member with whom we do not go so far, by its name.
        asked: number of the request to which a second person has to agree before it is said; 0 where none has to.
    """

    id: str
    body: bytes
    log_index: int | None = None
    sent: tuple[Sent, ...] = ()
    withheld: dict[str, str] = field(default_factory=dict)
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Speaker:
    """A member that is about to say something.

    Attributes:
        membership: whose.
        decision: who decided that it is said, and why that is allowed.
        clock: time.
        preview: whether things are only prepared, as they would be said; nothing is sealed, kept or sent.
    """

    membership: Membership
    decision: Decision
    clock: Clock
    preview: bool = False

    def claim(self, assertion: Assertion) -> Spoken:
        """Claim who acted in an incident, or that this is not known.

        Raises:
            PolicyError: the incident was never released or received, or the claim contradicts itself.
        """
        context = casefile.context_of(self._collection, assertion.incident)
        actor = next(each for each in context if each["type"] == "threat-actor")
        assertion = assertion if assertion.evidence else replace(assertion, evidence=_evidence(context[0]))
        return self._speak(lambda maker: claims.to_stix(assertion, actor, maker)[0], context)

    def opine(self, subject_id: str, stance: Stance, text: str) -> Spoken:
        """Agree with a claim or draft statement, or not.

        Raises:
            PolicyError: there is none of that id, it is one's own, or no reason is given.
        """
        source, subject = _subject(self.membership, subject_id)
        return self._speak(lambda maker: opinions.to_stix(subject, stance, text, maker), [source])

    def ask(self, asked: Member, about: str, text: str, reply_by_us: int) -> Spoken:
        """Ask another member formally; ``about`` is an incident's or claim's id, or empty.

        Raises:
            PolicyError: nobody else is asked, no time is left, or there is nothing of that id.
        """
        context = [self._collection.get(about).source] if about else []
        about_id = context[0]["id"] if context else ""
        return self._speak(lambda maker: inquiry.ask(asked, about_id, text, reply_by_us, maker), context)

    def answer(self, inquiry_id: str, text: str) -> Spoken:
        """Answer an inquiry.

        Raises:
            PolicyError: there is none of that id, or another member was asked.
        """
        asked = find_inquiry(self.membership, inquiry_id)
        return self._speak(lambda maker: inquiry.answer(asked, text, maker), [asked.source])

    def draft(self, title: str, text: str, about: Sequence[str], closes_us: int, replaces: str = "") -> Spoken:
        """Draft a statement about claims, incidents or inquiries, and sign it as the first.

        Raises:
            PolicyError: nothing of these ids is held, or the draft cannot be.
        """
        context = [self._collection.get(each).source for each in about]
        held = [find_claim(self.membership, each["id"]) for each in context if claims.is_claim(each)]
        earlier = find_statement(self.membership, replaces).name if replaces else None
        respondents = statement.respondents_of(held)
        draft = Draft(title, text, tuple(map(Named.of, context)), respondents, closes_us, earlier)
        return self._speak(lambda maker: statement.to_stix(draft, maker), context)

    def retract(self, object_id: str, text: str) -> Spoken:
        """Take back something that this member said.

        Raises:
            PolicyError: it was never said, or by somebody else.
        """
        held = self._collection.get(object_id)
        if held.author != self.membership.me.name or not records.is_spoken(held.source):
            raise PolicyError(f"{held.source['id']} was not said by this member; only its author takes it back")
        return self._speak(lambda maker: retraction.to_stix(Named.of(held.source), text, maker), [held.source])

    def close(self, claim_id: str, outcome: Outcome, text: str) -> Spoken:
        """Say how a claim ended.

        Raises:
            PolicyError: there is no claim of that id, or no reason is given.
        """
        found = find_claim(self.membership, claim_id)
        return self._speak(lambda maker: closing.to_stix(found.name, outcome, text, maker), [found.source])

    def suppose(self, incident: str, text: str, respondent: Member | None) -> Spoken:
        """Put a hypothesis about an incident on the list.

        Raises:
            PolicyError: the incident was never released or received, or there are no words.
        """
        context = casefile.context_of(self._collection, incident)
        about = context[0]["id"]
        return self._speak(lambda maker: hypotheses.suppose(about, text, respondent, maker), context)

    def add_item(self, incident: str, text: str, evidence: tuple[Leaf, ...] = ()) -> Spoken:
        """Add an item of evidence about an incident; without leaves, those that came with the incident.

        Raises:
            PolicyError: the incident was never released or received, or there are no words.
        """
        context = casefile.context_of(self._collection, incident)
        leaves = evidence or (_evidence(context[0]) if _author(self.membership, context[0]) == self._me else ())
        return self._speak(lambda maker: hypotheses.add_item(context[0]["id"], text, leaves, maker), context)

    def rate(self, item_id: str, hypothesis_id: str, fit: Fit, text: str) -> Spoken:
        """Say how an item fits a hypothesis.

        Raises:
            PolicyError: there is no such item or hypothesis, or no reason is given.
        """
        item, hypothesis = find_item(self.membership, item_id), find_hypothesis(self.membership, hypothesis_id)
        context = [self._collection.get(item.name.id).source]
        return self._speak(lambda maker: hypotheses.rate(item, hypothesis, fit, text, maker), context)

    @property
    def _me(self) -> Member:
        return self.membership.me

    @property
    def _collection(self) -> Collection:
        return Collection(self.membership.folder.record)

    def _speak(self, make: Callable[[Maker], StixObject], about: Sequence[StixObject]) -> Spoken:
        """Seal first, then keep, then send."""
        tlp = casefile.marking(about) if about else self.membership.charter.tlp_default
        made = make(releasing.maker(self.membership, tlp, self.clock.now_us()))
        whole = casefile.about(self.membership, made)
        if self.preview:
            return Spoken(made["id"], bundle.write(whole))
        subject = f"{paper.kind(made) or records.posted_as(made)} {made['id']}"
        prepared = releasing.prepare(self.membership, subject, casefile.marking(whole), _fixed(whole), self.clock)
        if self.membership.charter.releasers > 1:
            peers = self.membership.peers
            asked = agreeing.ask(self.membership, prepared, peers, self.decision, self.clock, made)
            return Spoken(made["id"], prepared.body, asked=asked.number)
        return self.say(made, prepared)

    def say(self, made: StixObject, prepared: Prepared) -> Spoken:
        """Say what was made: seal it in the shared log, keep it, and send it with the file of its case.

        Raises:
            PolicyError: the charter asks for two persons, and only one has decided.
        """
        releasing.check_agreed(self.membership, self.decision)
        index = self._keep(made)
        sent, withheld = [], {}
        for each in self.membership.peers:
            try:
                sent.append(releasing.release(self.membership, prepared, each, self.decision, self.clock))
            except StageError as error:
                withheld[each.name] = str(error)
        self.note_receipts()
        return Spoken(made["id"], prepared.body, index, tuple(sent), withheld)

    def note_receipts(self) -> None:
        """Put on record that those whom this member named or asked have it, where their gateways' receipts say so.

        A notice is sealed and kept, and travels with the file of its case from then on.
        """
        record = casefile.read(self.membership)
        named = [(each.claim.name, each.claim.assertion.respondent) for each in record.judged if self._waits(each)]
        named += [(each.inquiry.name, each.inquiry.asked) for each in record.asked if self._waits_for_answer(each)]
        for name, receiver in named:
            receipt = None if receiver is None else self._receipt(name, receiver)
            if receiver is not None and receipt is not None:
                tlp = casefile.marking([self._collection.get(name.id).source])
                maker = releasing.maker(self.membership, tlp, self.clock.now_us())
                self._keep(notice.to_stix(name, receiver, receipt, maker))

    def _waits(self, judged: Judged) -> bool:
        return judged.claim.claimant == self._me and judged.notice is None

    def _waits_for_answer(self, asked: Asked) -> bool:
        return asked.inquiry.asker == self._me and asked.notice is None

    def _receipt(self, name: Named, receiver: Member) -> bytes | None:
        """The first receipt of that member for this object."""
        for disclosure in Ledger(self.membership.folder.record).all(receiver.name):
            if disclosure.receipt and name.digest in read_receipt(disclosure.receipt, receiver.gateway).spoken:
                return disclosure.receipt
        return None

    def _keep(self, made: StixObject) -> int:
        """Seal something that was said in the shared log, then keep it; gives its place there."""
        with rail.opened(self.membership.folder.case, self.clock) as evidence:
            index = rail.post(evidence, records.posted_as(made), made["id"], canonical.dumps(made))
        self._collection.add((made,), {made["id"]: self._me}, self.clock.now_us())
        return index


def find_claim(membership: Membership, claim_id: str) -> Claim:
    """A claim that was made or received, by its id or the beginning of it.

    Raises:
        PolicyError: there is none.
    """
    held = Collection(membership.folder.record).get(claim_id)
    if not claims.is_claim(held.source):
        raise PolicyError(f"{claim_id} is no claim but a {ids.kind_of(held.source['id'])}")
    return claims.from_stix(held.source, _author(membership, held.source), _naming(membership, held.source))


def find_statement(membership: Membership, statement_id: str) -> Statement:
    """A draft statement, by its id or the beginning of it.

    Raises:
        PolicyError: there is none.
    """
    held = Collection(membership.folder.record).get(statement_id)
    if not statement.is_statement(held.source):
        raise PolicyError(f"{statement_id} is no statement but a {ids.kind_of(held.source['id'])}")
    return statement.from_stix(held.source, _author(membership, held.source), _naming(membership, held.source).members)


def find_inquiry(membership: Membership, inquiry_id: str) -> Inquiry:
    """An inquiry, by its id or the beginning of it.

    Raises:
        PolicyError: there is none.
    """
    held = Collection(membership.folder.record).get(inquiry_id)
    if paper.kind(held.source) != "inquiry":
        raise PolicyError(f"{inquiry_id} is no inquiry; see: pollwatch inquire")
    return inquiry.inquiry_from_stix(held.source, _author(membership, held.source), _naming(membership, held.source))


def find_item(membership: Membership, item_id: str) -> Item:
    """An item of evidence, by its id or the beginning of it.

    Raises:
        PolicyError: there is none.
    """
    held = Collection(membership.folder.record).get(item_id)
    if paper.kind(held.source) != "item":
        raise PolicyError(f"{item_id} is no item of evidence; see: pollwatch hypotheses show")
    return hypotheses.item_from_stix(held.source, _author(membership, held.source))


def find_hypothesis(membership: Membership, hypothesis_id: str) -> Hypothesis:
    """A hypothesis, by its id, the beginning of it, or its name where it is always on the list.

    Raises:
        PolicyError: there is none.
    """
    for each in hypotheses.standing():
        if each.id == hypothesis_id:
            return each
    held = Collection(membership.folder.record).get(hypothesis_id)
    if paper.kind(held.source) != "hypothesis":
        raise PolicyError(f"{hypothesis_id} is no hypothesis; see: pollwatch hypotheses show")
    author = _author(membership, held.source)
    return hypotheses.hypothesis_from_stix(held.source, author, _naming(membership, held.source))


def matrix_of(membership: Membership, incident: str) -> Matrix:
    """The matrix of competing hypotheses about an incident."""
    found = Collection(membership.folder.record).get(incident).source["id"]
    return matrix.build(found, casefile.read(membership).papers, membership.charter)


def all_judged(membership: Membership) -> tuple[Judged, ...]:
    """Every claim that was made or received, with everything that was said of it."""
    return casefile.read(membership).judged


def record_of(membership: Membership, object_id: str) -> bytes:
    """The file of a claim, statement, inquiry or incident, as a STIX bundle that anyone can check offline.

    There is no way to leave an opinion out: the respondent's denial travels with the claim.

    Raises:
        PolicyError: nothing of that id was said, shared or received.
    """
    root = Collection(membership.folder.record).get(object_id).source
    return bundle.write(casefile.about(membership, root))


def incident_object_id(membership: Membership, incident_id: str) -> str:
    """The STIX id of one of our incidents, by our own id; ids that are STIX already stay."""
    if incident_id.startswith("incident--"):
        return incident_id
    return ids.stable_id(membership.keys.id_secret, "incident", incident_id)


def _subject(membership: Membership, subject_id: str) -> tuple[StixObject, Subject]:
    held = Collection(membership.folder.record).get(subject_id)
    if claims.is_claim(held.source):
        return held.source, find_claim(membership, held.source["id"]).subject
    return held.source, find_statement(membership, held.source["id"]).subject


def _author(membership: Membership, each: StixObject) -> Member:
    author = membership.roll.by_identity(each["created_by_ref"])
    if author is None:
        raise PolicyError(f"{each['id']} is by a member that is no longer in the charter")
    return author


def _naming(membership: Membership, each: StixObject) -> Naming:
    """What the names in an object meant when it was made."""
    return membership.roll.naming(accept.said_us(each))


def _evidence(incident: StixObject) -> tuple[Leaf, ...]:
    """The commitments that came with an incident."""
    extension = incident.get("extensions", {}).get(constants.CLAIM_EXTENSION, {})
    return tuple(Leaf.from_record(each) for each in extension.get("evidence", ()))


def _fixed(made: Iterable[StixObject]) -> Callable[[Maker], Iterable[StixObject]]:
    everything = tuple(made)
    return lambda _maker: everything
