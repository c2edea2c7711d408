"""Private matching as a member does it: its indicators, its logs, its gateway's box, and the way to the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from pollwatch.clock import Clock
from pollwatch.errors import EvidenceError, FormatError, PeerError, PolicyError
from pollwatch.events.observable import Observable
from pollwatch.evidence import log as logs
from pollwatch.evidence import manifest
from pollwatch.evidence.manifest import Posted
from pollwatch.evidence.released import MatchCommitment
from pollwatch.evidence.tiles import TileReader
from pollwatch.i18n import _
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.gateway import pushing
from pollwatch.node.gateway.outpost import Outpost
from pollwatch.node.logs import watching
from pollwatch.node.match import auditing
from pollwatch.sharing import database
from pollwatch.sharing.decisions import check_text
from pollwatch.sharing.indicators.store import IndicatorStore
from pollwatch.sharing.matching import budget, entering, messages, papers, reading, server
from pollwatch.sharing.matching.circle import Circle
from pollwatch.sharing.matching.entering import Candidate
from pollwatch.sharing.matching.groups import Groups
from pollwatch.sharing.matching.messages import Message, Step
from pollwatch.sharing.matching.papers import Group
from pollwatch.sharing.matching.party import Party, Plan
from pollwatch.sharing.matching.runs import Held, Outgoing, Run, Runs
from pollwatch.sharing.matching.workers import Workers
from pollwatch.sharing.peer import Peer
from pollwatch.sharing.stages import Gate, Stage
from pollwatch.store import disk


@dataclass(frozen=True, slots=True)
class Stepped:
    """What one look at the box came to.

    Attributes:
        taken: messages that did something.
        problems: by member, what could not be done now; it is tried again at the next look.
    """

    taken: int
    problems: tuple[tuple[str, str], ...]


class Logs:
    """The shared logs as matching needs them (:class:`pollwatch.sharing.matching.party.Record`)."""

    def __init__(self, membership: Membership, clock: Clock) -> None:
        """Read and write as a member."""
        self._membership = membership
        self._clock = clock

    def post(self, subject: str, paper: bytes, private: MatchCommitment | None = None) -> int:
        """Put a paper into our shared log; see the protocol."""
        with rail.opened(self._membership.folder.case, self._clock) as evidence:
            if private is not None:
                evidence.append_private(private)
                if evidence.interval is None:  # no sealer does it: what enters must be sealed before it does
                    evidence.publish_seal()
            return rail.post(evidence, papers.KIND, subject, paper)

    def place(self, paper: bytes) -> int | None:
        """Where a paper stands in our shared log."""
        return next((place for place, each in _papers(self._own()) if each == paper), None)

    def papers(self, member: Member) -> tuple[bytes, ...]:
        """Every paper about matching in a member's shared log, as it shows it to us now.

        Raises:
            PeerError: the log cannot be read, or contradicts what was seen of it before.
        """
        if member == self._membership.me:
            return tuple(each for _place, each in _papers(self._own()))
        checked = watching.check_peer(self._membership, member, self._clock)
        if not checked.sound or checked.size is None:
            raise PeerError(f"the log of {member.name} cannot be counted on ({checked.verdict}): {checked.detail}")
        return tuple(each for _place, each in _papers(self._copy(member, checked.size)))

    def known(self, member: Member) -> tuple[bytes, ...]:
        """The same from our last copy of the log, without asking anybody; nothing where there is none."""
        if member == self._membership.me:
            return self.papers(member)
        last = watching.latest(self._membership, member)
        return () if last is None else tuple(each for _place, each in _papers(self._copy(member, last)))

    def _own(self) -> TileReader:
        return logs.open_reader(self._membership.folder.public, self._membership.me.log)[1]

    def _copy(self, member: Member, size: int) -> TileReader:
        copy = self._membership.folder.mirrors / sha256(member.log.name.encode("utf-8")).hexdigest()
        return TileReader(lambda path: (copy / path).read_bytes(), size)


def party(membership: Membership, clock: Clock) -> Party:
    """Our side of pair matching."""
    runs = Runs(membership.folder.matching)
    statement = membership.keys.statement
    return Party(membership.me, membership.charter, statement, Logs(membership, clock), runs, clock)


def circle(membership: Membership, clock: Clock) -> Circle:
    """Our part in group runs."""
    folder, statement = membership.folder.matching, membership.keys.statement
    record = Logs(membership, clock)
    return Circle(membership.me, membership.charter, statement, record, Runs(folder), Groups(folder), clock)


@contextmanager
def taking_turns(membership: Membership) -> Iterator[None]:
    """One process at a time works on our runs."""
    Runs(membership.folder.matching)
    with disk.locked(membership.folder.matching / "lock"), database.kept_open():
        yield


def candidates(membership: Membership, peer: Member | None, clock: Clock) -> tuple[Candidate, ...]:
    """Our released indicators; without those that we have from that very member alone."""
    held = {(each.kind, each.value): each.reason for each in Runs(membership.folder.matching).holds()}
    found = []
    for each in IndicatorStore(membership.folder.indicators).released(clock.now_us()):
        release, sources = each.release, {report.source.name for report in each.standing_reports}
        if release is None or (peer is not None and sources == {peer.name}):
            continue
        reason = held.get((each.observable.kind.value, each.observable.value), "")
        if release.entry is None and membership.charter.matching.auditor:
            reason = reason or "its release was never sealed, and the auditor would say so"
        found.append(Candidate(each.observable, release.at_us, release.who, release.entry, reason))
    return tuple(found)


def plan(membership: Membership, peer: Member, clock: Clock) -> Plan:
    """What a run would enter and cost; changes nothing.

    Raises:
        PolicyError: the stage, the budget or the lack of anything new forbids it.
    """
    Gate(membership.folder.stages).check(peer, Stage.MATCH)
    return party(membership, clock).plan(peer, candidates(membership, peer, clock))


def begin(membership: Membership, peer: Member, clock: Clock, workers: Workers) -> Run:
    """Begin a run: commit in our log, then offer.

    Raises:
        PolicyError: the stage, the budget or the lack of anything new forbids it.
        StoreError: it cannot be recorded; then nothing has left.
    """
    with taking_turns(membership):
        ours = party(membership, clock)
        ours.settle()
        return ours.begin(plan(membership, peer, clock), workers)


def begin_group(membership: Membership, collector: Member, threshold: int | None, clock: Clock) -> Group:
    """Begin a group run: post who plays which part, and invite them.

    Raises:
        PolicyError: the charter's rules, the budget or the lack of anything to enter forbid it.
        StoreError: it cannot be recorded; then nothing has left.
    """
    with taking_turns(membership):
        group = plan_group(membership, collector, threshold, clock)
        circle(membership, clock).begin(group)
        return group


def plan_group(membership: Membership, collector: Member, threshold: int | None, clock: Clock) -> Group:
    """A group run as it would begin; changes nothing.

    Raises:
        PolicyError: the charter's rules, the budget or the lack of anything to enter forbid it.
    """
    rules, gate = membership.charter.matching, Gate(membership.folder.stages)
    choice = entering.choose(candidates(membership, None, clock), rules, (), clock.now_us())
    if not choice.items:
        raise PolicyError("nothing can be entered: no indicator was released long enough ago")
    size = entering.bucket(len(choice.items), rules.items)
    group = circle(membership, clock).draft(collector, size, threshold)
    for name in group.everybody:
        if name != membership.me.name:
            gate.check(membership.charter.member(name), Stage.MATCH)
    ours = reading.commitments(Logs(membership, clock).papers(membership.me), membership.me)
    for name in group.members:
        budget.check(rules, budget.spent(ours, name, group.epoch), group.size, membership.me.name)
    return group


def step(membership: Membership, clock: Clock, workers: Workers) -> Stepped:
    """Look into the box once, do what the messages ask for, and send what must leave.

    Raises:
        StoreError: our own folder cannot be read or written.
    """
    with taking_turns(membership):
        ours = party(membership, clock)
        ours.settle()
        taken, problems = _take_all(membership, ours, clock, workers)
        ours.settle()
        problems += _go_on(membership, clock, workers)
        problems += auditing.prepare(membership, ours.runs, clock)
        return Stepped(taken, (*problems, *_send_all(membership, ours, clock)))


def _take_all(membership: Membership, ours: Party, clock: Clock, workers: Workers) -> tuple[int, list[tuple[str, str]]]:
    with pushing.opened(membership, clock) as outpost:
        return _take_each(membership, outpost, ours, clock, workers)


def _take_each(
    membership: Membership, outpost: Outpost, ours: Party, clock: Clock, workers: Workers
) -> tuple[int, list[tuple[str, str]]]:
    gate = Gate(membership.folder.stages)
    taken, problems = 0, []
    for number in outpost.messages():
        try:
            message, sender = messages.read(outpost.one_message(number).body, membership.charter, membership.me)
        except (FormatError, EvidenceError, PolicyError):
            outpost.message_done(number)  # from before the charter changed, or the gateway took what it must not
            continue
        if gate.stage(sender) < Stage.MATCH:
            continue
        try:
            _take(membership, ours, message, sender, clock, workers)
        except PeerError as error:
            problems.append((sender.name, str(error)))
            continue
        outpost.message_done(number)
        taken += 1
    return taken, problems


def _take(
    membership: Membership, ours: Party, message: Message, sender: Member, clock: Clock, workers: Workers
) -> None:
    if message.step in {Step.OFFER, Step.REPLY, Step.ANSWER, Step.FINAL, Step.REFUSAL}:
        ours.take(message, sender, candidates(membership, sender, clock), workers)
    elif message.step is Step.OPENING:
        auditing.judge(membership, Logs(membership, clock), message, sender, clock)
    else:
        circle(membership, clock).take(message, sender)


def _go_on(membership: Membership, clock: Clock, workers: Workers) -> list[tuple[str, str]]:
    """Whatever can be done now in group runs."""
    try:
        return circle(membership, clock).go_on(candidates(membership, None, clock), workers)
    except PeerError as error:
        return [(_("group"), str(error))]


def _send_all(membership: Membership, ours: Party, clock: Clock) -> Iterable[tuple[str, str]]:
    """Send what has no receipt yet; one that cannot be reached holds up nobody else."""
    gate = Gate(membership.folder.stages)
    failed: dict[str, str] = {}
    for each in ours.runs.unsent():
        if each.receiver in failed:
            continue
        try:
            ours.runs.received(each, _send(membership, each, gate, clock))
        except (PeerError, FormatError, EvidenceError) as error:
            failed[each.receiver] = str(error)
    return failed.items()


def _send(membership: Membership, message: Outgoing, gate: Gate, clock: Clock) -> bytes:
    receiver = membership.charter.member(message.receiver)
    gate.check(receiver, Stage.MATCH)
    with Peer(membership.way_to(receiver, clock)) as peer:
        receipt = peer.leave(server.PATH, message.body, messages.MEDIA_TYPE)
    messages.open_receipt(receipt, message.body, receiver.gateway)
    return receipt


def _papers(reader: TileReader) -> Iterator[tuple[int, bytes]]:
    for place, entry in enumerate(reader.entries(0, reader.size)):
        parsed = manifest.parse_shared(entry)
        if isinstance(parsed, Posted) and parsed.kind == papers.KIND and parsed.text is not None:
            yield place, parsed.text.encode("utf-8")


def runs(membership: Membership) -> Runs:
    """Our runs."""
    return Runs(membership.folder.matching)


def hold(membership: Membership, observable: Observable, who: str, reason: str, clock: Clock) -> None:
    """Keep an observable out of matching.

    Raises:
        FormatError: no reason is given.
    """
    check_text("the reason", reason)
    runs(membership).hold(Held(observable.kind.value, observable.value, who, reason, clock.now_us()))


def lift(membership: Membership, observable: Observable, clock: Clock) -> bool:
    """Let an observable into matching again; gives whether it was held."""
    return runs(membership).lift(observable.kind.value, observable.value, clock.now_us())
