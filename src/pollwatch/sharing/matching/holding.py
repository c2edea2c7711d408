"""The holders' part in group matching: each evaluates one committed, budgeted set per member, under one posted key."""

from __future__ import annotations

from dataclasses import dataclass

from pollwatch.clock import Clock
from pollwatch.errors import EvidenceError, FormatError, PolicyError, PollwatchError
from pollwatch.evidence import merkle
from pollwatch.evidence.keys import Signer
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.sharing.matching import budget, entering, pair, papers, reading
from pollwatch.sharing.matching.budget import BudgetError
from pollwatch.sharing.matching.groups import Groups
from pollwatch.sharing.matching.messages import Message, Step
from pollwatch.sharing.matching.papers import Group, HolderKey, Mode, Reason, Refusal
from pollwatch.sharing.matching.record import Record
from pollwatch.sharing.matching.ristretto import ELEMENT_BYTES, Element
from pollwatch.sharing.matching.runs import Outgoing, Runs, State
from pollwatch.sharing.matching.workers import Workers


@dataclass(frozen=True, slots=True)
class Holding:
    """One holder; its attributes are those of :class:`pollwatch.sharing.matching.circle.Circle`."""

    me: Member
    charter: Charter
    statement: Signer
    record: Record
    runs: Runs
    groups: Groups
    clock: Clock

    def evaluate(self, group: Group, workers: Workers) -> None:
        """Evaluate each member's set once, under one key for all."""
        for name in sorted(self.groups.senders(group.run, Step.BLINDED)):
            if self.groups.part(group.run, name, Step.HOLDING) is not None:
                continue
            part = self.groups.part(group.run, name, Step.BLINDED)
            if part is None:
                continue
            paper, _nonce, payload = part
            try:
                elements = self._check_set(group, self.charter.member(name), paper, payload)
            except (FormatError, EvidenceError, PolicyError) as error:
                self._refuse(group, name, error)
                continue
            key = self.runs.key(Mode.GROUP, holder_name(group.run), group.epoch)
            evaluation = pair.evaluate(key, elements, workers).to_bytes()
            holding = self._holder_paper(group, key.public)
            if name == self.me.name:
                self.groups.keep(group.run, name, Step.EVALUATED, holding, b"", evaluation)
            else:
                self.runs.send((self._answer(group, name, holding, evaluation),))
            self.groups.keep(group.run, name, Step.HOLDING, b"", b"", b"")
        if all(self.groups.part(group.run, name, Step.HOLDING) is not None for name in group.members):
            self.runs.destroy_key(Mode.GROUP, holder_name(group.run), group.epoch)
            if self.me.name not in group.members and self.me.name != group.collector:
                self.groups.end(group.run, State.COMPLETED.value)

    def _holder_paper(self, group: Group, public: Element) -> bytes:
        """Our key for this run as it stands in our log, posted the first time."""
        for each in self.record.papers(self.me):
            found = reading.read_or_none(each, self.me)
            if isinstance(found, HolderKey) and found.run == group.run and found.key == public:
                return each
        now_us = papers.whole_seconds(self.clock.now_us())
        paper = HolderKey(group.run, self.charter.digest, self.me.name, public, now_us).sign(self.statement)
        self.record.post(f"{group.run} holder", paper)
        return paper

    def _check_set(self, group: Group, member: Member, paper: bytes, payload: bytes) -> list[Element]:
        """Accept a member's set as committed to in its log and within its budget."""
        commitment = reading.read_commitment(paper, member, self.charter)
        others = tuple(name for name in group.members if name != member.name)
        if (commitment.run, commitment.mode, commitment.others) != (group.run, Mode.GROUP, others):
            raise PolicyError(f"{member.name} committed to another run")
        if commitment.size != group.size or len(payload) != group.size * ELEMENT_BYTES:
            raise PolicyError(f"the set of {member.name} has another size than the group's")
        budget.check_epoch(self.charter.matching, commitment, self.clock.now_us())
        elements = entering.split(payload)
        if merkle.root_of(merkle.leaf_hashes(elements)) != commitment.elements:
            raise PolicyError(f"{member.name} sent other elements than it committed to")
        logged = self.record.papers(member)
        if paper not in logged:
            raise PolicyError(f"the commitment of {member.name} is not in its log")
        before = [each for each in reading.commitments(logged, member) if each != commitment]
        for other in others:
            budget.check(self.charter.matching, budget.spent(before, other, group.epoch), group.size, member.name)
        return elements

    def _refuse(self, group: Group, name: str, error: PollwatchError) -> None:
        """Say in our log why a member's set is not evaluated; the run waits for it in vain, and all see for whom."""
        reason = error.reason if isinstance(error, BudgetError) else Reason.OTHER_SET
        at_us = papers.whole_seconds(self.clock.now_us())
        refusal = Refusal(group.run, self.charter.digest, self.me.name, name, reason, str(error)[:500], at_us)
        self.record.post(f"{group.run} refusal", refusal.sign(self.statement))
        self.groups.keep(group.run, name, Step.HOLDING, b"", b"", b"")

    def _answer(self, group: Group, to: str, paper: bytes, payload: bytes) -> Outgoing:
        at_us = papers.whole_seconds(self.clock.now_us())
        words = group.run, self.charter.digest, self.me.name, to, Step.EVALUATED
        message = Message(*words, paper, payload=payload, at_us=at_us)
        return Outgoing(group.run, Step.EVALUATED, to, message.to_bytes(self.statement))


def holder_name(run: str) -> str:
    """Under which name a holder's secret key of a run is kept."""
    return f"holder {run}"
