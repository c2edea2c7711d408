"""What must hold before anything is computed with another member's set, and before its answer is believed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pollwatch.clock import Clock
from pollwatch.errors import EvidenceError, FormatError, PolicyError
from pollwatch.evidence import merkle
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.sharing.matching import budget, entering, pair, reading, ristretto
from pollwatch.sharing.matching.entering import Entered
from pollwatch.sharing.matching.messages import Message
from pollwatch.sharing.matching.pair import Evaluation
from pollwatch.sharing.matching.papers import Commitment, Mode, Reason
from pollwatch.sharing.matching.record import Record
from pollwatch.sharing.matching.ristretto import ELEMENT_BYTES, Element
from pollwatch.sharing.matching.runs import Run, Runs
from pollwatch.sharing.matching.workers import Workers


class RefusedError(PolicyError):
    """A request that we do not answer."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """Say why."""
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of one member.

    Attributes:
        me: who we are.
        charter: the one in force.
        record: the logs.
        runs: what entered before.
        clock: the time.
    """

    me: Member
    charter: Charter
    record: Record
    runs: Runs
    clock: Clock

    def check_set(self, message: Message, sender: Member) -> Commitment:
        """Accept a set that the other side enters, before anything is computed with it."""
        commitment = self._commitment(message.paper, sender)
        if commitment.run != message.run or commitment.mode is not Mode.PAIR or commitment.others != (self.me.name,):
            raise RefusedError(Reason.MALFORMED, "the commitment is for another run, or with somebody else")
        if commitment.size not in entering.BUCKETS or commitment.size > self.charter.matching.items:
            sizes = ", ".join(str(size) for size in entering.BUCKETS if size <= self.charter.matching.items)
            raise RefusedError(Reason.SIZE, f"a set of {commitment.size} is of no public size; those are {sizes}")
        if len(message.payload) != commitment.size * ELEMENT_BYTES:
            raise RefusedError(Reason.SIZE, f"{len(message.payload)} bytes are not {commitment.size} elements")
        try:
            elements = entering.split(message.payload)
            for each in elements:
                ristretto.element(each)
        except FormatError as error:
            raise RefusedError(Reason.MALFORMED, str(error)) from None
        if merkle.root_of(merkle.leaf_hashes(elements)) != commitment.elements:
            raise RefusedError(Reason.OTHER_SET, "the elements are not those that the commitment fixed")
        try:
            pair.public_key(commitment.key)
        except EvidenceError as error:
            raise RefusedError(Reason.WRONG_KEY, str(error)) from None
        budget.check_epoch(self.charter.matching, commitment, self.clock.now_us())
        self._check_spending(message.paper, commitment, sender)
        self._check_new(commitment, sender, elements)
        return commitment

    def _check_spending(self, paper: bytes, commitment: Commitment, sender: Member) -> None:
        """Accept a commitment that stands in the sender's log, where everybody counts it, within its budget."""
        logged = self.record.papers(sender)
        if paper not in logged:
            raise RefusedError(Reason.NOT_LOGGED, f"the commitment is not in the log of {sender.name}")
        before = [each for each in reading.commitments(logged, sender) if each != commitment]
        budget.check(
            self.charter.matching, budget.spent(before, self.me.name, commitment.epoch), commitment.size, sender.name
        )
        with_us = [each for each in before if each.epoch == commitment.epoch and each.others == (self.me.name,)]
        if any(each.mode is Mode.PAIR and each.key != commitment.key for each in with_us):
            raise RefusedError(Reason.WRONG_KEY, "the runs of one epoch with one member have one key")

    def _check_new(self, commitment: Commitment, sender: Member, elements: Sequence[Element]) -> None:
        """Refuse what was entered before: the same set, most of it, and our own elements sent back."""
        fresh = set(elements)
        for run in self.runs.of(sender.name):
            if fresh & elements_of(run.elements):
                raise RefusedError(Reason.REPEATED, "elements of our own set came back as somebody else's")
            if run.run == commitment.run or run.mode is not Mode.PAIR:
                continue
            if run.paper and self._commitment(run.paper, sender).root == commitment.root:
                raise RefusedError(Reason.REPLAYED, "a set with this root was entered before")
            again = len(fresh & elements_of(run.theirs)) if run.epoch == commitment.epoch else 0
            if again:
                raise RefusedError(
                    Reason.REPEATED, f"{again} of {len(elements)} elements were entered before in this epoch"
                )

    def check_evaluation(self, run: Run, message: Message, sender: Member, workers: Workers) -> Run:
        """Accept what the other side made of our set."""
        commitment = self._commitment(run.paper, sender)
        if hashlib.sha256(message.nonce).digest() != commitment.nonce:
            raise RefusedError(Reason.OTHER_SET, "the share of the beacon is not the one that was committed to")
        ours = entering.split(run.elements)
        try:
            evaluation = Evaluation.parse(message.payload, len(ours))
            pair.check(pair.public_key(commitment.key), ours, evaluation, workers)
        except EvidenceError as error:
            raise RefusedError(Reason.WRONG_KEY, str(error)) from None
        except FormatError as error:
            raise RefusedError(Reason.MALFORMED, str(error)) from None
        return replace(run, mine=b"".join(evaluation.elements), their_nonce=message.nonce)

    def _commitment(self, paper: bytes, member: Member) -> Commitment:
        try:
            return reading.read_commitment(paper, member, self.charter)
        except (FormatError, EvidenceError) as error:
            raise RefusedError(Reason.MALFORMED, str(error)) from None


def elements_root(entered: Entered) -> bytes:
    """The root over a set's elements, to which the commitment binds."""
    return merkle.root_of(merkle.leaf_hashes(entering.split(entered.elements)))


def elements_of(joined: bytes) -> set[bytes]:
    """Elements that lie one after the other."""
    return {joined[at : at + ELEMENT_BYTES] for at in range(0, len(joined), ELEMENT_BYTES)}
