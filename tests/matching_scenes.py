"""Members that match in one process: real keys, real messages and papers, logs as plain lists of papers."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pollwatch.clock import US_PER_S, Clock, ManualClock
from pollwatch.errors import PeerError
from pollwatch.events.observable import Kind, Observable
from pollwatch.evidence.released import MatchCommitment
from pollwatch.members.charter import Charter
from pollwatch.members.keys import MemberKeys
from pollwatch.members.member import Member, Role
from pollwatch.members.rules import MatchingRules
from pollwatch.sharing import database
from pollwatch.sharing.matching import messages, reading, ristretto, voprf
from pollwatch.sharing.matching.circle import Circle
from pollwatch.sharing.matching.entering import Candidate
from pollwatch.sharing.matching.groups import Groups
from pollwatch.sharing.matching.messages import Message
from pollwatch.sharing.matching.party import Party
from pollwatch.sharing.matching.ristretto import Element, Scalar
from pollwatch.sharing.matching.runs import Runs
from pollwatch.sharing.matching.workers import Workers

#: In the middle of an epoch of a week.
NOW_US = 1_793_700_000_000_000
DAY_US = 86_400 * US_PER_S
ALONE = Workers(1)


def addresses(*numbers: int) -> list[Candidate]:
    """Indicators released two days ago."""
    return [
        Candidate(
            Observable(Kind.IPV4, f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"), NOW_US - 2 * DAY_US, "analyst", 7
        )
        for n in numbers
    ]


@dataclass
class Logs:
    """All members' logs, as everybody sees them; a name in ``silent`` shows nothing."""

    entries: dict[str, list[bytes]] = field(default_factory=dict)
    private: dict[str, list[MatchCommitment]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)


@dataclass
class MyLogs:
    """One member's way to the logs."""

    me: str
    logs: Logs

    def post(self, _subject: str, paper: bytes, private: MatchCommitment | None = None) -> int:
        """Append."""
        if private is not None:
            self.logs.private.setdefault(self.me, []).append(private)
        self.logs.entries.setdefault(self.me, []).append(paper)
        return len(self.logs.entries[self.me]) - 1

    def place(self, paper: bytes) -> int | None:
        """Look for a paper."""
        entries = self.logs.entries.get(self.me, [])
        return entries.index(paper) if paper in entries else None

    def papers(self, member: Member) -> tuple[bytes, ...]:
        """Read somebody's."""
        if member.name in self.logs.silent:
            raise PeerError(f"{member.name} cannot be reached")
        return tuple(self.logs.entries.get(member.name, ()))


@dataclass
class Node:
    """A member with its indicators.

    Attributes:
        party: its side of matching.
        keys: its keys.
        candidates: its released indicators.
        inbox: messages that were left for it, not yet looked at.
    """

    party: Party
    keys: MemberKeys
    candidates: list[Candidate] = field(default_factory=list)
    inbox: list[bytes] = field(default_factory=list)

    circle: Circle | None = None

    @property
    def me(self) -> Member:
        """The member."""
        return self.party.me

    def common(self, peer: str) -> set[str]:
        """What it found to have in common with another."""
        runs = self.party.runs.of(peer)
        found = (run.leaves[place].observable for run in runs for place in run.common)
        return {each.value for each in found if each is not None}


@dataclass
class Scene:
    """Some members under one charter."""

    nodes: dict[str, Node]
    charter: Charter
    logs: Logs
    clock: ManualClock
    problems: list[tuple[str, str]] = field(default_factory=list)

    def begin(self, name: str, peer: str) -> str:
        """One member begins with another; gives the run."""
        party = self.nodes[name].party
        plan = party.plan(self.charter.member(peer), self.nodes[name].candidates)
        return party.begin(plan, ALONE).run

    def deliver(self, *kept_back: str) -> list[Message]:
        """Carry everything that must leave, except to some; gives what was carried."""
        carried = []
        for node in self.nodes.values():
            for each in node.party.runs.unsent():
                if each.receiver not in kept_back and each.receiver in self.nodes:
                    receiver = self.nodes[each.receiver]
                    receiver.inbox.append(each.body)
                    node.party.runs.received(each, b"receipt")
                    carried.append(messages.read(each.body, self.charter, receiver.me)[0])
        return carried

    def look(self, name: str) -> None:
        """One member looks into its box."""
        with database.kept_open():
            self._look(self.nodes[name])

    def _look(self, node: Node) -> None:
        while node.inbox:
            message, sender = messages.read(node.inbox.pop(0), self.charter, node.me)
            node.party.take(message, sender, node.candidates, ALONE)
            if node.circle is not None:
                node.circle.take(message, sender)
        node.party.settle()
        if node.circle is not None:
            self.problems += node.circle.go_on(node.candidates, ALONE)

    def run(self, rounds: int = 8) -> None:
        """Let everybody deliver and look until nothing moves."""
        for _ in range(rounds):
            self.deliver()
            for name in self.nodes:
                self.look(name)

    def papers(self, name: str) -> list[object]:
        """What stands in a member's log about matching."""
        member = self.charter.member(name)
        return [reading.read(each, member) for each in self.logs.entries.get(name, ())]

    def say(self, sender: str, message: Message) -> None:
        """Leave any message of a member in its receiver's box, under the sender's true signature."""
        body = message.to_bytes(self.nodes[sender].keys.statement)
        self.nodes[message.receiver].inbox.append(body)


def scene(
    folder: Path,
    names: Sequence[str] = ("Alder", "Birch"),
    rules: MatchingRules | None = None,
    auditor: str = "",
    one_bloc: Sequence[str] = (),
) -> Scene:
    """Members that have enrolled; nothing has happened yet. Each is a bloc of its own, save those of ``one_bloc``."""
    clock = ManualClock(NOW_US)
    keys = {name: MemberKeys.create(folder / name / "in", folder / name / "out", name.lower()) for name in names}
    blocs = {name: "the same" if name in one_bloc else name for name in names}
    members = tuple(_member(name, each, blocs[name], name == auditor) for name, each in sorted(keys.items()))
    charter = _charter(members, rules or MatchingRules(), clock)
    logs = Logs()
    nodes = {
        each.name: Node(
            Party(
                each, charter, keys[each.name].statement, MyLogs(each.name, logs), Runs(folder / each.name / "m"), clock
            ),
            keys[each.name],
        )
        for each in members
    }
    for name, node in nodes.items():
        party, record = node.party, MyLogs(name, logs)
        groups = Groups(folder / name / "m")
        node.circle = Circle(party.me, charter, keys[name].statement, record, party.runs, groups, clock)
    return Scene(nodes, charter, logs, clock)


def _member(name: str, keys: MemberKeys, bloc: str, audits: bool) -> Member:  # noqa: FBT001 - says itself
    from pollwatch.evidence.keys import Signer

    number = zlib.crc32(name.encode("utf-8")) % 40_000
    return Member(
        name,
        f"bloc of {bloc}",
        Role.AUDITOR if audits else Role.MEMBER,
        f"http://127.0.0.1:{20_000 + number}",
        f"identity--00000000-0000-4000-8000-{number:012x}",
        log=Signer.generate(f"{name.lower()}/shared").verifier,
        witness=keys.outer.witness.verifier,
        statement=keys.statement.verifier,
        gateway=keys.outer.gateway.verifier,
        request=keys.request.verifier,
    )


def _charter(members: Iterable[Member], rules: MatchingRules, clock: Clock) -> Charter:
    from pollwatch.members.marking import Tlp
    from pollwatch.members.rules import Quorum

    them = tuple(members)
    voters = sum(each.role is Role.MEMBER for each in them)
    effective = clock.now_us() // US_PER_S * US_PER_S
    return Charter("Watch", them, (), Quorum(voters, min(voters, 2), 1), Tlp.AMBER, 0, effective, matching=rules)


def blind_evaluate(
    key: Scalar, blinded: Sequence[Element], nonce: Scalar | None = None
) -> tuple[list[Element], voprf.Proof]:
    """``BlindEvaluate`` of RFC 9497: each element multiplied by the key, with one proof for all."""
    evaluated = ristretto.times_all(key, blinded)
    return evaluated, voprf.prove(key, blinded, evaluated, nonce)
