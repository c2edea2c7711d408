"""Group matching: an item is shown to its holders when enough members from enough blocs hold it. Sans-IO.

Three parts, which may be played by the same members: *members* enter sets, *holders* hold the keys of the PRF, one
*collector*, whose set does not enter, looks for matches::

    initiator ──invite──▶ all          a paper that says who plays what, in its log
    member    ──blinded─▶ holders      r H(x), committed to in its log
    holder    ──evaluated▶ member      k (r H(x)) with a proof; the key is posted in the holder's log, one for all
    member    ──shares──▶ collector    polynomials of F(x), x's PRF output under the sum of all holders' keys
    collector ──hits────▶ members      bins, and who holds the item in each

Nobody can compute F without every holder, and a holder evaluates one committed, budgeted set per member and run. So
the collector, whatever it is told by others, can only try out what these entered. What remains: a member that colludes
with the collector learns who else holds what it entered itself. That holders of a hit come from enough blocs is the
collector's word and checked by each member from the names it is given; it is not enforced by cryptography, and the
collector sees which members hold *some* item together also where they are all of one bloc.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from pollwatch import canonical
from pollwatch.clock import Clock
from pollwatch.errors import EvidenceError, FormatError, PolicyError
from pollwatch.evidence.keys import Signer
from pollwatch.evidence.released import MatchCommitment
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member, Role
from pollwatch.sharing.matching import (
    audit,
    budget,
    entering,
    grouprules,
    messages,
    pair,
    papers,
    reading,
    searching,
    voprf,
)
from pollwatch.sharing.matching.checking import elements_root
from pollwatch.sharing.matching.entering import Candidate
from pollwatch.sharing.matching.gathering import Gathering
from pollwatch.sharing.matching.groups import Groups
from pollwatch.sharing.matching.holding import Holding, holder_name
from pollwatch.sharing.matching.messages import Message, Step
from pollwatch.sharing.matching.pair import Evaluation
from pollwatch.sharing.matching.papers import Commitment, Group, HolderKey, Mode
from pollwatch.sharing.matching.record import Record
from pollwatch.sharing.matching.ristretto import Element
from pollwatch.sharing.matching.runs import Outgoing, Run, Runs, State
from pollwatch.sharing.matching.tables import Shape
from pollwatch.sharing.matching.workers import Workers

_NONCE_BYTES: Final = 32


class Circle:
    """Our part in group runs."""

    def __init__(
        self, me: Member, charter: Charter, statement: Signer, record: Record, runs: Runs, groups: Groups, clock: Clock
    ) -> None:
        """Take part as a member; see :class:`pollwatch.sharing.matching.party.Party`."""
        self.me = me
        self.charter = charter
        self.rules = charter.matching
        self.runs = runs
        self.groups = groups
        self._statement = statement
        self._record = record
        self._clock = clock
        self._holding = Holding(me, charter, statement, record, runs, groups, clock)
        self._gathering = Gathering(me, charter, statement, runs, groups, clock)

    def draft(self, collector: Member, size: int, threshold: int | None = None) -> Group:
        """A group of all voting members but the collector, whose holders come from two blocs where there are two.

        Raises:
            PolicyError: the charter's rules do not allow it.
        """
        now_us = papers.whole_seconds(self._clock.now_us())
        members = [each for each in self.charter.members if each.role is Role.MEMBER and each != collector]
        holders: dict[str, Member] = {}
        for each in members:
            holders.setdefault(each.bloc, each)
        group = Group(
            secrets.token_hex(16),
            self.charter.digest,
            budget.epoch_of(self.rules, now_us),
            self.me.name,
            tuple(sorted(each.name for each in members)),
            tuple(sorted(each.name for each in list(holders.values())[:2])),
            collector.name,
            threshold or self.rules.threshold,
            self.rules.blocs,
            size,
            now_us,
        )
        grouprules.check(group, self.me, self.charter)
        return group

    def begin(self, group: Group) -> None:
        """Post a group and invite everybody who has a part in it.

        Raises:
            StoreError: it cannot be recorded; then nothing has left.
        """
        paper = group.sign(self._statement)
        self._record.post(f"{group.run} group", paper)
        self.groups.add(group.run, paper)
        self._invite(group)

    def take(self, message: Message, sender: Member) -> None:
        """Keep a message that was checked, if it belongs to a group that we have a part in.

        Raises:
            PeerError: the sender's log cannot be read now; nothing has changed, try again later.
        """
        if message.step is Step.INVITE:
            self._invited(message, sender)
            return
        group = self.group(message.run)
        if group is None or sender.name not in group.everybody:
            return
        allowed = {
            Step.BLINDED: sender.name in group.members and self.me.name in group.holders,
            Step.EVALUATED: sender.name in group.holders and self.me.name in group.members,
            Step.SHARES: sender.name in group.members and self.me.name == group.collector,
            Step.HITS: sender.name == group.collector and self.me.name in group.members,
        }
        if allowed.get(message.step):
            self.groups.keep(message.run, sender.name, message.step, message.paper, message.nonce, message.payload)

    def go_on(self, candidates: Iterable[Candidate], workers: Workers) -> list[tuple[str, str]]:
        """Do whatever can be done now in every group; gives, by run, what went wrong for good.

        Raises:
            PeerError: a log cannot be read now; try again later.
            StoreError: nothing could be recorded.
        """
        problems = []
        for run, _paper in self.groups.open():
            group = self.group(run)
            if group is None:
                continue
            try:
                if budget.is_over(self.rules, group.epoch, self._clock.now_us()):
                    self._end(group, State.ABANDONED, "the epoch ended before the run did")
                    continue
                self._step(group, candidates, workers)
            except (FormatError, EvidenceError, PolicyError) as error:
                problems.append((run, str(error)))
                self._end(group, State.ABANDONED, str(error))
        return problems

    def group(self, run: str) -> Group | None:
        """A group that we have a part in."""
        paper = self.groups.paper(run)
        if paper is None:
            return None
        for member in self.charter.members:
            found = reading.read_or_none(paper, member)
            if isinstance(found, Group):
                return found
        return None

    def _invite(self, group: Group) -> None:
        """Let an invitation leave for everybody who has a part; where it waits or went already, that one stays."""
        paper = self.groups.paper(group.run) or b""
        self.runs.send(
            self._message(group, Step.INVITE, name, paper=paper) for name in group.everybody if name != self.me.name
        )

    def _step(self, group: Group, candidates: Iterable[Candidate], workers: Workers) -> None:
        if group.member == self.me.name and self.runs.get(group.run) is None:
            self._invite(group)  # killed between keeping the group and inviting, we would wait for nobody
        if self.me.name in group.members and self.runs.get(group.run) is None:
            self._enter(group, candidates, workers)
        if self.me.name in group.holders:
            self._holding.evaluate(group, workers)
        if self.me.name in group.members:
            self._share(group, workers)
            self._learn(group)
        if self.me.name == group.collector:
            self._gathering.look(group, workers)

    def _invited(self, message: Message, sender: Member) -> None:
        found = reading.read_or_none(message.paper, sender)
        if not isinstance(found, Group) or found.run != message.run or self.me.name not in found.everybody:
            return
        try:
            grouprules.check(found, sender, self.charter)
        except PolicyError:
            return  # whoever invites to something else than the charter says gets nobody
        if message.paper in self._record.papers(sender):
            self.groups.add(found.run, message.paper)

    def _enter(self, group: Group, candidates: Iterable[Candidate], workers: Workers) -> None:
        """Commit to our set, then let the holders evaluate it."""
        now_us = self._clock.now_us()
        others = tuple(name for name in group.members if name != self.me.name)
        ours = reading.commitments(self._record.papers(self.me), self.me)
        for other in others:
            budget.check(self.rules, budget.spent(ours, other, group.epoch), group.size, self.me.name)
        choice = entering.choose(candidates, self.rules, (), now_us)
        key = self.runs.key(Mode.GROUP, group.run, group.epoch)
        entered = entering.enter(choice.items[: group.size], group.size, key.scalar, workers)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        commitment = Commitment(
            group.run,
            Mode.GROUP,
            self.charter.digest,
            group.epoch,
            self.me.name,
            others,
            group.size,
            entered.tree().root(),
            elements_root(entered),
            key.public,
            hashlib.sha256(nonce).digest(),
            papers.whole_seconds(now_us),
        )
        paper = commitment.sign(self._statement)
        run = Run(
            group.run,
            Mode.GROUP,
            group.member,
            group.epoch,
            group.member == self.me.name,
            State.PREPARED,
            papers.whole_seconds(now_us),
            paper,
            None,
            entered.seed,
            nonce,
            entered.leaves,
            entered.elements,
        )
        self.runs.add(run)
        self._commit(group, run)

    def _commit(self, group: Group, run: Run) -> None:
        """Post our commitment, unless that was done before a crash, and send our set to the holders."""
        place = self._record.place(run.commitment)
        if place is None:
            commitment = reading.read_commitment(run.commitment, self.me, self.charter)
            private = MatchCommitment(run.run, run.entered.items, commitment.root)
            place = self._record.post(f"{run.run} commitment", run.commitment, private)
        # Our own part as a holder first: once the run counts as posted, nobody comes back here.
        if self.me.name in group.holders:
            self.groups.keep(run.run, self.me.name, Step.BLINDED, run.commitment, b"", run.elements)
        self.runs.posted(
            run.run,
            place,
            [
                self._message(group, Step.BLINDED, name, paper=run.commitment, payload=run.elements)
                for name in group.holders
                if name != self.me.name
            ],
        )

    def _share(self, group: Group, workers: Workers) -> None:
        """When every holder has answered: unblind, make our shares, and send them."""
        run = self.runs.get(group.run)
        if run is None or run.state not in {State.PREPARED, State.WAITING} or self.groups.owners(group.run):
            return
        if run.state is State.PREPARED:
            self._commit(group, run)
        if self.groups.senders(group.run, Step.EVALUATED) != set(group.holders):
            return
        ours = entering.split(run.elements)
        answers = [self._check_evaluation(group, self.charter.member(name), ours, workers) for name in group.holders]
        factor = self.runs.key(Mode.GROUP, group.run, group.epoch).scalar
        places = [place for place, leaf in enumerate(run.leaves) if leaf.observable is not None]

        def unblinded(part: Sequence[int]) -> list[bytes]:
            inputs = [run.leaves[place].point_input for place in part]
            return voprf.finalize_all(inputs, factor, [[answer[place] for place in part] for answer in answers])

        outputs = workers.map_pieces(unblinded, places)
        number = group.members.index(self.me.name) + 1
        shares, owners = searching.make(outputs, places, number, Shape(group.size, group.threshold))
        message = self._message(
            group, Step.SHARES, group.collector, paper=run.commitment, nonce=run.nonce, payload=shares
        )
        self.runs.send((message,))
        self.groups.keep_owners(group.run, owners)

    def _check_evaluation(
        self, group: Group, holder: Member, ours: Sequence[Element], workers: Workers
    ) -> list[Element]:
        part = self.groups.part(group.run, holder.name, Step.EVALUATED)
        if part is None:
            raise PolicyError(f"nothing came from {holder.name}")
        paper, _nonce, payload = part
        keys = [
            found
            for each in self._record.papers(holder)
            if isinstance(found := reading.read_or_none(each, holder), HolderKey) and found.run == group.run
        ]
        stated = reading.read_or_none(paper, holder)
        if keys != [stated] or not isinstance(stated, HolderKey):
            raise PolicyError(f"{holder.name} has posted no key for this run, or more than one")
        evaluation = Evaluation.parse(payload, len(ours))
        pair.check(pair.public_key(stated.key), ours, evaluation, workers)
        return list(evaluation.elements)

    def _learn(self, group: Group) -> None:
        """Take what the collector found, as far as it can be true."""
        run, part = self.runs.get(group.run), self.groups.part(group.run, group.collector, Step.HITS)
        if run is not None and run.state is State.COMPLETED:  # killed between learning and ending
            self._end(group, State.COMPLETED, "")
            return
        owners = np.frombuffer(self.groups.owners(group.run), dtype="<i4")
        if run is None or part is None or not owners.size:
            return
        holders: dict[int, set[str]] = {}
        beacon: audit.Beacon | None = None
        try:
            record = canonical.loads(part[2], max_bytes=messages.MAX_BYTES)
            for cell, names in record["hits"]:
                place = int(owners[cell]) if 0 <= cell < owners.size else -1
                self._check_hit(group, place, names)
                holders.setdefault(place, set()).update(names)
            shares = {
                name: (paper.encode("utf-8"), bytes.fromhex(nonce)) for name, (paper, nonce) in record["shares"].items()
            }
            beacon = audit.Beacon(group.run, shares)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(
                f"{group.collector} answers with something else than hits ({type(error).__name__})"
            ) from None
        done = replace(run, state=State.COMPLETED, common=tuple(sorted(holders)))
        self.groups.keep_hits(group.run, holders.items())
        self.runs.advance(done, (), self._opening(group, done, beacon))
        self._end(group, State.COMPLETED, "")

    def _check_hit(self, group: Group, place: int, names: object) -> None:
        """Refuse hits that cannot be: no item of ours, too few holders, too few blocs."""
        blocs = {each.name: each.bloc for each in self.charter.members}
        if not isinstance(names, list) or not all(isinstance(name, str) and name in group.members for name in names):
            raise FormatError(f"{group.collector} names holders that did not take part")
        fits = self.me.name in names and len(set(names)) >= group.threshold
        if place < 0 or not fits or len({blocs[name] for name in names}) < group.blocs:
            raise PolicyError(f"{group.collector} told of a hit that cannot be one")

    def _opening(self, group: Group, run: Run, beacon: audit.Beacon) -> bytes:
        if self.rules.auditor in {"", self.me.name} or not self.rules.audit_permille:
            return b""
        if set(beacon.shares) != set(group.members) or beacon.shares[self.me.name] != (run.commitment, run.nonce):
            raise PolicyError(f"{group.collector} keeps back shares of the beacon")
        key = self.runs.key(Mode.GROUP, group.run, group.epoch)
        return audit.open_set(beacon, self.me.name, run.entered, key.scalar, self.rules.audit_permille)

    def _end(self, group: Group, state: State, problem: str) -> None:
        """Destroy our keys, and say in our log how it ended for our set."""
        run = self.runs.get(group.run)
        if run is not None and not run.closed:
            if state is not State.COMPLETED:
                self.runs.advance(replace(run, state=state, problem=problem))
            self.runs.destroy_key(Mode.GROUP, group.run, group.epoch)
            outcome = papers.Outcome.COMPLETED if state is State.COMPLETED else papers.Outcome.ABANDONED
            now_us = papers.whole_seconds(self._clock.now_us())
            closing = papers.Closing(group.run, self.charter.digest, self.me.name, outcome, True, now_us)
            self._record.post(f"{group.run} closing", closing.sign(self._statement))
            self.runs.close(group.run)
        holding = self.me.name in group.holders and self.runs.has_key(Mode.GROUP, holder_name(group.run), group.epoch)
        if state is State.COMPLETED and holding:
            return  # others still need our evaluation
        self.runs.destroy_key(Mode.GROUP, holder_name(group.run), group.epoch)
        self.groups.end(group.run, state.value)

    def _message(
        self, group: Group, step: Step, to: str, paper: bytes = b"", nonce: bytes = b"", payload: bytes = b""
    ) -> Outgoing:
        at_us = papers.whole_seconds(self._clock.now_us())
        message = Message(group.run, self.charter.digest, self.me.name, to, step, paper, nonce, payload, at_us)
        return Outgoing(group.run, step, to, message.to_bytes(self._statement))
