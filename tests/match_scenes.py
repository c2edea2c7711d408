"""Members that match over HTTP: real gateways, indicators that an analyst released, and one who does as he likes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

import joint_scenes
from hostile_scenes import served
from pollwatch.clock import Clock, ManualClock
from pollwatch.events.observable import Kind, Observable, guessed
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Role
from pollwatch.members.rules import MatchingRules
from pollwatch.node.charter import enrol, staging
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.gateway import processes
from pollwatch.node.indicators import deciding
from pollwatch.node.indicators.deciding import Ruling
from pollwatch.node.indicators.desk import Desk
from pollwatch.node.match import matching
from pollwatch.node.match.matching import Logs, Stepped
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.indicators.indicator import Act, Report
from pollwatch.sharing.indicators.innocents import Innocents
from pollwatch.sharing.indicators.store import IndicatorStore, Reported
from pollwatch.sharing.matching import entering, papers, reading, ristretto, server
from pollwatch.sharing.matching.checking import elements_root
from pollwatch.sharing.matching.entering import Candidate, Entered
from pollwatch.sharing.matching.messages import MEDIA_TYPE, Message, Step
from pollwatch.sharing.matching.papers import Commitment, Mode
from pollwatch.sharing.matching.workers import Workers
from pollwatch.sharing.stages import Stage

NOW_US = 1_793_700_000_000_000
DAY_US = 86_400_000_000
ALONE = Workers(1)
CAST = (("Alder", Role.MEMBER), ("Birch", Role.MEMBER), ("Cedar", Role.MEMBER), ("Elm", Role.AUDITOR))
#: Small enough to be used up in a test.
RULES = MatchingRules(items=100, runs=2, auditor="Elm", audit_permille=500)


@dataclass
class Watch:
    """Members by name, their gateways answering, and one clock."""

    members: dict[str, Membership]
    clock: Any

    def __getitem__(self, name: str) -> Membership:
        """A member."""
        return self.members[name]

    def look(self, name: str) -> Stepped:
        """One member looks into its box and sends what must leave."""
        return matching.step(self[name], self.clock, ALONE)

    def looks(self, *names: str, rounds: int = 4) -> None:
        """Some members look in turn, several times."""
        for _ in range(rounds):
            for name in names:
                self.look(name)

    def begin(self, name: str, peer: str) -> str:
        """One member begins with another, as its own program lets it."""
        return matching.begin(self[name], self[peer].me, self.clock, ALONE).run

    def common(self, name: str, peer: str) -> set[str]:
        """What a member found to have in common with another."""
        found = [run.leaves[place].observable for run in matching.runs(self[name]).of(peer) for place in run.common]
        return {each.value for each in found if each is not None}

    def logged(self, name: str) -> list[papers.Paper]:
        """What stands in a member's log about matching, as everybody reads it at its gateway."""
        member = self[name].me
        other = next(each for each in self.members.values() if each.me != member)
        return [reading.read(each, member) for each in Logs(other, self.clock).papers(member)]

    def says(self, sender: str, message: Message) -> httpx.Response:
        """Any message of a member, under its true signature, to the receiver's gateway."""
        return self.sends(sender, message.receiver, message.to_bytes(self[sender].keys.statement))

    def sends(self, sender: str, receiver: str, body: bytes) -> httpx.Response:
        """Any bytes from a member's node to a gateway."""
        with joint_scenes.client(self[sender], self[receiver].me, self.clock) as client:
            return client.post(server.PATH, content=body, headers={"content-type": MEDIA_TYPE})


@dataclass(frozen=True)
class Forged:
    """An offer as a hostile program makes it: any set, any key, any size."""

    commitment: Commitment
    entered: Entered
    key: ristretto.Scalar
    nonce: bytes
    paper: bytes

    def offer(self, watch: Watch, to: str, payload: bytes | None = None) -> Message:
        """The message that offers it."""
        sent = self.entered.elements if payload is None else payload
        return Message(
            self.commitment.run,
            self.commitment.charter,
            self.commitment.member,
            watch[to].me.name,
            Step.OFFER,
            self.paper,
            payload=sent,
            at_us=watch.clock.us,
        )


def forged(
    watch: Watch,
    name: str,
    to: str,
    items: Sequence[Candidate],
    size: int,
    key: ristretto.Scalar | None = None,
    *,
    log: bool = True,
    **changes: object,
) -> Forged:
    """An offer that a member's own program would not make; its commitment is truly signed, and logged if wished."""
    from dataclasses import replace

    member = watch[name]
    secret = key or ristretto.random_scalar()
    entered = entering.enter(items, size, secret, ALONE)
    nonce = secrets.token_bytes(32)
    at_us = papers.whole_seconds(watch.clock.us)
    made = Commitment(
        secrets.token_hex(16),
        Mode.PAIR,
        member.charter.digest,
        watch.clock.us // (member.charter.matching.epoch_s * 1_000_000),
        name,
        (watch[to].me.name,),
        size,
        entered.tree().root(),
        elements_root(entered),
        ristretto.base_times(secret),
        hashlib.sha256(nonce).digest(),
        at_us,
    )
    made = replace(made, **changes)  # type: ignore[arg-type]
    paper = made.sign(member.keys.statement)
    if log:
        Logs(member, watch.clock).post(f"{made.run} commitment", paper)
    return Forged(made, entered, secret, nonce, paper)


def fishing(*numbers: int) -> list[Candidate]:
    """Addresses that nobody released; a hostile program does not care."""
    return [
        Candidate(Observable(Kind.IPV4, f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"), NOW_US - 2 * DAY_US, "nobody")
        for n in numbers
    ]


class _NobodyToSpare(Innocents):
    """No warning lists: compiling those takes longer than a test."""

    def __init__(self) -> None:
        """Load nothing."""

    def warnings(self, observables: Sequence[Observable]) -> list[tuple[str, ...]]:
        """Warn of nothing."""
        return [() for _ in observables]


def release(member: Membership, values: Iterable[str], clock: Clock) -> None:
    """An analyst accepts and releases indicators, as the program lets her: sealed in the private log."""
    desk = Desk(member.folder.case, clock, IndicatorStore(member.folder.indicators), _NobodyToSpare(), member)
    now_us = clock.now_us()
    found = [guessed(each) for each in values]
    desk.store.add(
        [
            Reported(Report(each, desk.own, False, each.value, "1", each.value, Tlp.GREEN, now_us, None, now_us), ())
            for each in found
        ]
    )
    for act in (Act.ACCEPT, Act.RELEASE):
        chosen = [desk.store.get(each.value) for each in found]
        decided = deciding.decide(desk, chosen, Ruling(act, "Ann Analyst", "seen here"))
        assert not decided.refused


def enrolled(root: Path, rules: MatchingRules = RULES) -> list[Path]:
    """The members' folders, under a charter in force, at stage ``match`` with one another."""
    clock = ManualClock(NOW_US - 3 * DAY_US)
    cases = [root / name.lower() for name, _role in CAST]
    ports = processes.free_ports(len(CAST))
    cards = [
        enrol.introduce(case, name, name.lower(), role, f"http://127.0.0.1:{port}", clock)
        for case, (name, role), port in zip(cases, CAST, ports, strict=True)
    ]
    terms = enrol.Terms("Watch", (), None, Tlp.AMBER, 86_400, matching=rules)
    signed = enrol.begin(cases[0], enrol.draft(cards, terms, clock))
    for case in (*cases, *cases):
        signed = enrol.sign(case, signed.to_bytes(), clock).signed
    for case in cases:
        member = Membership.open(case)
        for peer in member.peers:
            staging.switch(member, peer, Stage.MATCH, Person.here("operator"), "agreed", clock)
    return cases


@contextmanager
def watching(cases: Sequence[Path], clock: Clock) -> Iterator[Watch]:
    """The members of these folders, with their gateways answering."""
    members = {each.me.name: each for each in map(Membership.open, cases)}
    with served(*members.values(), clock=clock):
        yield Watch(members, clock)
