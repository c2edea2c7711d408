"""Four members who tell one another of indicators: Alder and Birch are honest, Cedar and Cypress of one bloc."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hostile_scenes import NOW_US
from pollwatch.clock import ManualClock
from pollwatch.election.settings import parse_assets
from pollwatch.events.detection import Severity
from pollwatch.events.observable import guessed
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Role
from pollwatch.node.case import scanning
from pollwatch.node.charter import enrol, staging
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.gateway import processes
from pollwatch.node.indicators import deciding, indicating, watchlist
from pollwatch.node.indicators.deciding import Ruling
from pollwatch.node.indicators.desk import Desk
from pollwatch.node.sharing import joint, releasing  # fmt: skip
from pollwatch.node.sharing.releasing import Decision, Prepared, Sent
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.indicators import reading, scoring
from pollwatch.sharing.indicators.indicator import Act, Indicator, State
from pollwatch.sharing.stages import Stage
from pollwatch.stix import constants, objects, signature, watching
from pollwatch.stix.constants import StixObject
from pollwatch.stix.watching import Seen, Watched

DECISION = Decision("operator", "charter")
BLOCS = {"Alder": "a", "Birch": "b", "Cedar": "c", "Cypress": "c"}
ASSETS = parse_assets([{"name": "Voter portal", "appears_as": ["vote.alder.example", "45.155.204.16/28"]}])
ATTACKER = "45.155.205.7"


@dataclass
class Four:
    """The four, their gateways answering until ``down`` is called."""

    members: dict[str, Membership]
    clock: ManualClock
    down: Callable[[], None]

    def __getitem__(self, name: str) -> Membership:
        """A member by name."""
        return self.members[name]

    def desk(self, name: str) -> Desk:
        """A member's desk for indicators; Alder's knows its own systems."""
        return Desk.open(self[name].folder.case, self.clock, ASSETS)

    def poison(self, sender: str, receiver: str, *values: str, confidence: int = 100) -> Sent:
        """Sign and deliver indicators and sightings of anything, as a node does that checks nothing."""
        me = self[sender]

        def build(maker: objects.Maker) -> list[StixObject]:
            made = [constants.marking(maker.tlp), constants.PROJECT, constants.SIGNATURE_DEFINITION]
            identity = objects.identity(me.me, me.charter)
            made.append(identity)
            for value in values:
                watched = Watched(value, guessed(value), NOW_US - 3_600_000_000, None, None)
                each = watching.to_stix([watched], maker, identity)[-1]
                each = signature.sign({**each, "confidence": confidence}, me.keys.statement)
                made += [each, watching.sighting(each, Seen(NOW_US - 60_000_000, NOW_US, 999_999), maker)]
            return made

        prepared = releasing.prepare(me, f"indicator {values}", Tlp.AMBER, build, self.clock, self[receiver].me)
        return self.send(sender, receiver, prepared)

    def send(self, sender: str, receiver: str, prepared: Prepared) -> Sent:
        """Release something; it must arrive."""
        sent = releasing.release(self[sender], prepared, self[receiver].me, DECISION, self.clock)
        assert not sent.problem
        return sent

    def take_in(self, name: str) -> tuple[joint.TakenIn, ...]:
        """A member looks into its inbox."""
        return joint.take_in(self[name], self.clock, ASSETS)

    def rule(self, name: str, act: Act, *values: str, reason: str = "", override: bool = False) -> deciding.Decided:
        """An analyst decides about indicators."""
        desk = self.desk(name)
        return deciding.decide(desk, [desk.store.get(v) for v in values], Ruling(act, "Ann", reason, override))


def enrol_four(folder: Path) -> None:
    """Make the folders of the four, who share with one another."""
    clock = ManualClock(NOW_US)
    cases = [folder / name.lower() for name in BLOCS]
    cards = [
        enrol.introduce(case, name, bloc, Role.MEMBER, f"http://127.0.0.1:{port}", clock)
        for case, (name, bloc), port in zip(cases, BLOCS.items(), processes.free_ports(4), strict=True)
    ]
    signed = enrol.begin(cases[0], enrol.draft(cards, enrol.Terms("Watch", (), None, Tlp.AMBER, 0), clock))
    for case in (*cases, *cases):
        signed = enrol.sign(case, signed.to_bytes(), clock).signed
    for case in cases:
        membership = Membership.open(case)
        for peer in membership.peers:
            staging.switch(membership, peer, Stage.CLAIM, Person.here("test"), "agreed", clock)


def visits(path: Path, *clients: str) -> Path:
    """A log of ordinary visits by these."""
    lines = [
        f'{client} - - [03/Nov/2026:{number // 60 % 24:02d}:{number % 60:02d}:00 +0000] "GET / HTTP/1.1" 200 9 "-" "x"'
        for number in range(200)
        for client in (clients[number % len(clients)],)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def scan(four: Four, name: str, *paths: Path) -> None:
    """A member scans logs into its case."""
    request = scanning.Request(tuple(map(str, paths)), case_dir=four[name].folder.case)
    scanning.run(request, four.clock)


def severities(four: Four, name: str) -> dict[str, Severity]:
    """How grave each indicator's hit would be at a member now."""
    return {each.observable.value: each.severity for each in watchlist.build(four.desk(name)).watched}


def state(found: Indicator) -> State:
    """Where an indicator stands."""
    return scoring.state(found, NOW_US)


def own_word(desk: Desk, value: str) -> tuple[indicating.Sorted, indicating.Terms]:
    """A member's own note of an indicator."""
    terms = indicating.Terms(desk.own, Tlp.AMBER, None, "")
    return indicating.sort(desk, reading.read_bytes(f"{value}\n".encode()), terms), terms
