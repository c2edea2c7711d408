"""Saying who did it, as a member: claims, opinions, inquiries, statements, retractions, hypotheses.

Each is signed, sealed in the shared log, kept, and only then sent to all others, with the whole file of its case
(:mod:`pollwatch.node.attribution.casefile`): what others hold is on record before they hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from pollwatch import canonical
from pollwatch.attribution import claim as claims
from pollwatch.attribution import closing, hypotheses, inquiry, measure, notice, paper, retraction, statement
from pollwatch.attribution import opinion as opinions
from pollwatch.attribution import record as records
from pollwatch.attribution.claim import Assertion
from pollwatch.attribution.closing import Outcome
from pollwatch.attribution.hypotheses import Fit
from pollwatch.attribution.measure import Deed, Result
from pollwatch.attribution.record import Asked, Judged
from pollwatch.attribution.scale import Stance
from pollwatch.attribution.statement import Draft
from pollwatch.attribution.subject import Named
from pollwatch.attribution.tally import Tally
from pollwatch.clock import Clock
from pollwatch.errors import PolicyError
from pollwatch.members.delivery import read_receipt
from pollwatch.members.member import Member
from pollwatch.node.attribution import casefile, lookup
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.sharing import agreeing, releasing
from pollwatch.node.sharing.releasing import Decision, Prepared, Sent
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.ledger import Ledger
from pollwatch.sharing.stages import StageError
from pollwatch.stix import bundle, constants
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
        source, subject = lookup.subject(self.membership, subject_id)
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
        asked = lookup.find_inquiry(self.membership, inquiry_id)
        return self._speak(lambda maker: inquiry.answer(asked, text, maker), [asked.source])

    def draft(self, title: str, text: str, about: Sequence[str], closes_us: int, replaces: str = "") -> Spoken:
        """Draft a statement about claims, incidents or inquiries, and sign it as the first.

        Raises:
            PolicyError: nothing of these ids is held, or the draft cannot be.
        """
        context = [self._collection.get(each).source for each in about]
        held = [lookup.find_claim(self.membership, each["id"]) for each in context if claims.is_claim(each)]
        earlier = lookup.find_statement(self.membership, replaces).name if replaces else None
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
        found = lookup.find_claim(self.membership, claim_id)
        return self._speak(lambda maker: closing.to_stix(found.name, outcome, text, maker), [found.source])

    def act(self, object_id: str, deed: Deed) -> Spoken:
        """Put a measure on record: what was done about an incident, claim or statement, and who decided it.

        Raises:
            PolicyError: nothing of that id was said, released or received.
        """
        about = self._collection.get(object_id).source
        return self._speak(lambda maker: measure.to_stix(Named.of(about), deed, maker), [about])

    def came_of(self, measure_id: str, result: Result, text: str) -> Spoken:
        """Say what came of a measure of this member.

        Raises:
            PolicyError: there is none of that id, or it is another member's.
        """
        found = lookup.find_measure(self.membership, measure_id)
        return self._speak(lambda maker: measure.to_outcome(found, result, text, maker), [found.source])

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
        leaves = evidence or (_evidence(context[0]) if lookup.author(self.membership, context[0]) == self._me else ())
        return self._speak(lambda maker: hypotheses.add_item(context[0]["id"], text, leaves, maker), context)

    def rate(self, item_id: str, hypothesis_id: str, fit: Fit, text: str) -> Spoken:
        """Say how an item fits a hypothesis.

        Raises:
            PolicyError: there is no such item or hypothesis, or no reason is given.
        """
        item, hypothesis = (
            lookup.find_item(self.membership, item_id),
            lookup.find_hypothesis(self.membership, hypothesis_id),
        )
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
        """Put on record that those whom this member named, asked or sent a draft have it, where their receipts say so.

        A notice is sealed and kept, and travels with the file of its case from then on.
        """
        record = casefile.read(self.membership)
        named = [(each.claim.name, each.claim.assertion.respondent) for each in record.judged if self._waits(each)]
        named += [(each.inquiry.name, each.inquiry.asked) for each in record.asked if self._waits_for_answer(each)]
        named += [(each.statement.name, member) for each in record.tallies for member in self._unheard(each)]
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

    def _unheard(self, tally: Tally) -> list[Member]:
        """Of whom nothing on record shows that it has a draft of this member."""
        mine = tally.statement.drafter == self._me
        return [each.member for each in tally.voices if mine and each.notice is None and each.member != self._me]

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


def _evidence(incident: StixObject) -> tuple[Leaf, ...]:
    """The commitments that came with an incident."""
    extension = incident.get("extensions", {}).get(constants.CLAIM_EXTENSION, {})
    return tuple(Leaf.from_record(each) for each in extension.get("evidence", ()))


def _fixed(made: Iterable[StixObject]) -> Callable[[Maker], Iterable[StixObject]]:
    everything = tuple(made)
    return lambda _maker: everything
