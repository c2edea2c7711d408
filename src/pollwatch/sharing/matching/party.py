"""One side of pair matching: what may be begun, what is answered, and what every message does to a run.

Without sockets, disks and clocks of its own: the log, the store of runs and the time come from outside, messages leave
through the store. Whoever uses it lets one process at a time do so.

::

    begin ──offer──▶ (other side) ──reply──▶ we evaluate ──answer──▶ it has learned ──final──▶ we have learned

Nothing is answered before the other side's commitment was found in its log as others see it, within its budget, and
nothing that was entered before in the epoch is taken again. What is refused is refused in our log, with the reason.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from pollwatch.clock import Clock
from pollwatch.errors import PolicyError
from pollwatch.events.observable import Observable
from pollwatch.evidence.keys import Signer
from pollwatch.evidence.released import MatchCommitment
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.sharing.matching import audit, budget, entering, pair, papers, reading
from pollwatch.sharing.matching.budget import BudgetError
from pollwatch.sharing.matching.checking import Checks, RefusedError, elements_of, elements_root
from pollwatch.sharing.matching.entering import Candidate, Choice
from pollwatch.sharing.matching.messages import Message, Step
from pollwatch.sharing.matching.papers import Closing, Commitment, Mode, Outcome, Reason, Refusal
from pollwatch.sharing.matching.record import Record
from pollwatch.sharing.matching.ristretto import ELEMENT_BYTES
from pollwatch.sharing.matching.runs import Outgoing, Run, Runs, State
from pollwatch.sharing.matching.workers import Workers

_NONCE_BYTES: Final = 32
#: So many refusals of one member's requests in one epoch are logged; more would let it fill our log.
MAX_REFUSALS: Final = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would cost and enter.

    Attributes:
        peer: with whom.
        choice: what enters and what does not.
        size: how large the set will look.
        spent: our spending with this peer in this epoch, before it.
        epoch: the epoch.
    """

    peer: Member
    choice: Choice
    size: int
    spent: budget.Spending
    epoch: int


class Party:
    """Our side."""

    def __init__(
        self, me: Member, charter: Charter, statement: Signer, record: Record, runs: Runs, clock: Clock
    ) -> None:
        """Take part as a member.

        Args:
            me: who we are.
            charter: the one in force.
            statement: our statement key.
            record: the logs.
            runs: where runs are kept.
            clock: the time.
        """
        self.me = me
        self.charter = charter
        self.rules = charter.matching
        self.runs = runs
        self._statement = statement
        self._record = record
        self._clock = clock
        self._checks = Checks(me, charter, record, runs, clock)

    def plan(self, peer: Member, candidates: Iterable[Candidate]) -> Plan:
        """What a run with a peer would enter and cost now; changes nothing.

        Raises:
            PolicyError: there is nothing new to enter.
            BudgetError: the budget does not allow it.
        """
        now_us = self._clock.now_us()
        epoch = budget.epoch_of(self.rules, now_us)
        choice = entering.choose(candidates, self.rules, self._known(peer, epoch), now_us)
        spent = budget.spent(reading.commitments(self._record.papers(self.me), self.me), peer.name, epoch)
        most = self.rules.items - spent.items
        if not choice.items:
            raise PolicyError(
                f"nothing new can be entered with {peer.name} (too young {choice.young}, held {choice.held}, "
                f"entered before or known to be common {choice.known}); a run would only spend budget"
            )
        if most < entering.BUCKETS[0]:
            budget.check(self.rules, spent, entering.BUCKETS[0], self.me.name)
        room = max(size for size in entering.BUCKETS if size <= most)
        if len(choice.items) > room:
            choice = replace(choice, items=choice.items[:room], left_out=choice.left_out + len(choice.items) - room)
        size = entering.bucket(len(choice.items), most)
        budget.check(self.rules, spent, size, self.me.name)
        return Plan(peer, choice, size, spent, epoch)

    def begin(self, plan: Plan, workers: Workers) -> Run:
        """Commit to a set in our log, then offer it.

        Raises:
            StoreError: it cannot be recorded; then nothing has left.
        """
        run = self._commit(secrets.token_hex(16), plan, workers, began=True)
        offer = self._message(run, Step.OFFER, paper=run.commitment, payload=run.elements)
        self.runs.posted(run.run, run.entry or 0, (offer,))
        return replace(run, state=State.WAITING)

    def take(self, message: Message, sender: Member, candidates: Iterable[Candidate], workers: Workers) -> None:
        """Let a message that was checked (:func:`pollwatch.sharing.matching.messages.read`) do what it does.

        Raises:
            PeerError: the sender's log cannot be read now; nothing has changed, try again later.
            StoreError: nothing could be recorded; nothing has changed.
        """
        run = self.runs.get(message.run)
        try:
            if message.step is Step.OFFER and run is None:
                self._answer_offer(message, sender, candidates, workers)
            elif run is not None and _is_with(run, sender) and run.state is State.WAITING:
                self._continue(run, message, sender, workers)
        except RefusedError as error:
            self._refuse(message, sender, error.reason, str(error))
        except BudgetError as error:
            self._refuse(message, sender, error.reason, str(error))

    def settle(self) -> None:
        """After a crash and at an epoch's end: find or forget what was not posted, end what is late, destroy keys."""
        now_us = self._clock.now_us()
        pairs = [each for each in self.runs.all() if each.mode is Mode.PAIR]
        for run in pairs:
            over = budget.is_over(self.rules, run.epoch, now_us)
            if run.state is State.PREPARED:
                place = self._record.place(run.commitment)
                if place is None:
                    self.runs.drop(run.run)
                else:
                    kind = Step.OFFER if run.began else Step.REPLY
                    message = self._message(run, kind, paper=run.commitment, payload=run.elements)
                    self.runs.posted(run.run, place, (message,))
            elif run.state is State.WAITING and over:
                self.runs.advance(replace(run, state=State.ABANDONED, problem="the epoch ended before the run did"))
            if over:
                self.runs.forget(run.run)
        for run in self.runs.all():
            if run.mode is Mode.PAIR:
                self._close(run, now_us)

    def _answer_offer(
        self, message: Message, sender: Member, candidates: Iterable[Candidate], workers: Workers
    ) -> None:
        commitment = self._checks.check_set(message, sender)
        epoch = commitment.epoch
        now_us = self._clock.now_us()
        choice = entering.choose(candidates, self.rules, self._known(sender, epoch), now_us)
        spent = budget.spent(reading.commitments(self._record.papers(self.me), self.me), sender.name, epoch)
        most = self.rules.items - spent.items
        sizes = [size for size in entering.BUCKETS if size <= most]
        if not sizes:
            budget.check(self.rules, spent, entering.BUCKETS[0], self.me.name)
        items = choice.items[: sizes[-1]]
        plan = Plan(sender, replace(choice, items=items), entering.bucket(len(items), most), spent, epoch)
        budget.check(self.rules, spent, plan.size, self.me.name)
        run = self._commit(message.run, plan, workers, began=False, paper=message.paper, theirs=message.payload)
        reply = self._message(run, Step.REPLY, paper=run.commitment, payload=run.elements)
        self.runs.posted(run.run, run.entry or 0, (reply,))

    def _continue(self, run: Run, message: Message, sender: Member, workers: Workers) -> None:
        match message.step:
            case Step.REPLY if run.began and not run.paper:
                self._checks.check_set(message, sender)
                self._evaluate(replace(run, paper=message.paper, theirs=message.payload), workers)
            case Step.ANSWER if not run.began:
                checked = self._checks.check_evaluation(run, message, sender, workers)
                self._finish(checked, workers)
            case Step.FINAL if run.began and run.evaluated:
                self._finish(self._checks.check_evaluation(run, message, sender, workers), workers)
            case Step.REFUSAL:
                refusal = reading.read_or_none(message.paper, sender)
                if isinstance(refusal, Refusal) and refusal.run == run.run and refusal.to == self.me.name:
                    problem = f"{sender.name} refused ({refusal.reason}): {refusal.detail}"
                    self.runs.advance(replace(run, state=State.REFUSED, problem=problem))
            case _:
                pass  # out of turn: whoever sends this helps nobody, and changes nothing

    def _evaluate(self, run: Run, workers: Workers) -> None:
        """Evaluate the other side's set, and answer first, since we asked."""
        key = self.runs.key(Mode.PAIR, run.peer, run.epoch)
        evaluation = pair.evaluate(key, entering.split(run.theirs), workers)
        done = replace(run, evaluated=b"".join(evaluation.elements))
        answer = self._message(run, Step.ANSWER, nonce=run.nonce, payload=evaluation.to_bytes())
        self.runs.advance(done, (answer,))

    def _finish(self, run: Run, workers: Workers) -> None:
        """Compare everything of the epoch; the side that was asked sends its answer now."""
        messages: tuple[Outgoing, ...] = ()
        if not run.began:
            key = self.runs.key(Mode.PAIR, run.peer, run.epoch)
            evaluation = pair.evaluate(key, entering.split(run.theirs), workers)
            run = replace(run, evaluated=b"".join(evaluation.elements))
            messages = (self._message(run, Step.FINAL, nonce=run.nonce, payload=evaluation.to_bytes()),)
        earlier = [
            each
            for each in self.runs.of(run.peer)
            if each.epoch == run.epoch and each.mode is Mode.PAIR and each.run != run.run and each.mine
        ]
        theirs = set().union(*(elements_of(each.evaluated) for each in (*earlier, run)))
        run = replace(run, state=State.COMPLETED, common=_places(run, theirs))
        self.runs.advance(run, messages, self._opening(run))
        for each in earlier:  # what they entered now may be what we entered then
            more = tuple(sorted({*each.common, *_places(each, elements_of(run.evaluated))}))
            if more != each.common:
                self.runs.advance(replace(each, common=more))

    def _opening(self, run: Run) -> bytes:
        """What the auditor gets to see of our set; nothing where none was agreed, or where we are it."""
        if self.rules.auditor in {"", self.me.name} or not self.rules.audit_permille:
            return b""
        beacon = audit.Beacon(
            run.run,
            {self.me.name: (run.commitment, run.nonce), run.peer: (run.paper, run.their_nonce)},
        )
        key = self.runs.key(Mode.PAIR, run.peer, run.epoch)
        return audit.open_set(beacon, self.me.name, run.entered, key.scalar, self.rules.audit_permille)

    def _commit(
        self,
        run_id: str,
        plan: Plan,
        workers: Workers,
        *,
        began: bool,
        paper: bytes = b"",
        theirs: bytes = b"",
    ) -> Run:
        """Fix our set: keep it, then post the commitment. From there on it is spent, whatever happens."""
        now_us = papers.whole_seconds(self._clock.now_us())
        key = self.runs.key(Mode.PAIR, plan.peer.name, plan.epoch)
        entered = entering.enter(plan.choice.items, plan.size, key.scalar, workers)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        commitment = Commitment(
            run_id,
            Mode.PAIR,
            self.charter.digest,
            plan.epoch,
            self.me.name,
            (plan.peer.name,),
            plan.size,
            entered.tree().root(),
            elements_root(entered),
            key.public,
            hashlib.sha256(nonce).digest(),
            now_us,
        )
        run = Run(
            run_id,
            Mode.PAIR,
            plan.peer.name,
            plan.epoch,
            began,
            State.PREPARED,
            now_us,
            commitment.sign(self._statement),
            None,
            entered.seed,
            nonce,
            entered.leaves,
            entered.elements,
            paper,
            theirs,
        )
        self.runs.add(run)
        private = MatchCommitment(run_id, entered.items, commitment.root)
        return replace(run, entry=self._record.post(f"{run_id} commitment", run.commitment, private))

    def _refuse(self, message: Message, sender: Member, reason: Reason, detail: str) -> None:
        """Say in our log and to the sender why a request is not answered; end the run it was for."""
        now_us = papers.whole_seconds(self._clock.now_us())
        epoch = budget.epoch_of(self.rules, now_us)
        run = self.runs.get(message.run)
        if run is not None and _is_with(run, sender):
            self.runs.advance(replace(run, state=State.REFUSED, problem=f"we refused ({reason}): {detail}"))
        if not self.runs.refuse(message.run, sender.name, epoch, reason.value, now_us):
            return
        if self.runs.refusals(sender.name, epoch) > MAX_REFUSALS:
            return
        refusal = Refusal(message.run, self.charter.digest, self.me.name, sender.name, reason, detail[:500], now_us)
        paper = refusal.sign(self._statement)
        self._record.post(f"{message.run} refusal", paper)
        body = Message(
            message.run, self.charter.digest, self.me.name, sender.name, Step.REFUSAL, paper=paper, at_us=now_us
        ).to_bytes(self._statement)
        self.runs.send((Outgoing(message.run, Step.REFUSAL, sender.name, body),))

    def _close(self, run: Run, now_us: int) -> None:
        """Say in our log how a run ended; destroy the epoch's key when nothing can need it any more."""
        outcomes = {
            State.COMPLETED: Outcome.COMPLETED,
            State.REFUSED: Outcome.REFUSED,
            State.ABANDONED: Outcome.ABANDONED,
        }
        over = budget.is_over(self.rules, run.epoch, now_us)
        spent = budget.spent(reading.commitments(self._record.papers(self.me), self.me), run.peer, run.epoch)
        waiting = any(
            each.state in {State.PREPARED, State.WAITING}
            for each in self.runs.of(run.peer)
            if each.epoch == run.epoch and each.mode is run.mode
        )
        if over or (spent.runs >= self.rules.runs and not waiting):
            self.runs.destroy_key(run.mode, run.peer, run.epoch)
        if run.closed or run.state not in outcomes or self.runs.has_key(run.mode, run.peer, run.epoch):
            return
        closing = Closing(run.run, self.charter.digest, self.me.name, outcomes[run.state], key_destroyed=True, at_us=0)
        paper = replace(closing, at_us=papers.whole_seconds(now_us)).sign(self._statement)
        self._record.post(f"{run.run} closing", paper)
        self.runs.close(run.run)

    def _known(self, peer: Member, epoch: int) -> set[Observable]:
        """What must not enter again: all of this epoch, and what is known to be common."""
        known: set[Observable | None] = set()
        for run in self.runs.of(peer.name):
            if run.mode is not Mode.PAIR:
                continue
            places = range(len(run.leaves)) if run.epoch == epoch else run.common
            known.update(run.leaves[place].observable for place in places)
        return {each for each in known if each is not None}

    def _message(self, run: Run, step: Step, paper: bytes = b"", nonce: bytes = b"", payload: bytes = b"") -> Outgoing:
        message = Message(
            run.run,
            self.charter.digest,
            self.me.name,
            run.peer,
            step,
            paper,
            nonce,
            payload,
            papers.whole_seconds(self._clock.now_us()),
        )
        return Outgoing(run.run, step, run.peer, message.to_bytes(self._statement))


def _is_with(run: Run, sender: Member) -> bool:
    return run.mode is Mode.PAIR and run.peer == sender.name


def _places(run: Run, theirs: set[bytes]) -> tuple[int, ...]:
    mine = (run.mine[at : at + ELEMENT_BYTES] for at in range(0, len(run.mine), ELEMENT_BYTES))
    return tuple(place for place, each in enumerate(mine) if each in theirs)
