"""Members whose nodes answer over HTTP, and who say things about who did it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hostile_scenes import NOW_US, an_incident, served
from pollwatch.attribution.claim import Assertion
from pollwatch.attribution.scale import Confidence, Finding, Likelihood
from pollwatch.clock import ManualClock
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Role
from pollwatch.members.rules import Quorum
from pollwatch.node.attribution import lookup
from pollwatch.node.attribution.attributing import Speaker
from pollwatch.node.charter import enrol, staging
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.gateway import processes
from pollwatch.node.sharing import joint, releasing
from pollwatch.node.sharing.releasing import Decision
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.stages import Stage

DECISION = Decision("duty officer", "charter")
BLOCS = {"Alder": "west", "Birch": "west", "Cedar": "east", "Dogwood": "north"}
DAY_S = 86_400


@dataclass
class Scene:
    """The members, by name, with their gateways answering."""

    members: dict[str, Membership]
    clock: ManualClock

    def speaker(self, name: str) -> Speaker:
        """A member that has read what others sent, a minute later."""
        self.clock.advance(60)
        joint.take_in(self.members[name], self.clock)
        return Speaker(self.members[name], DECISION, self.clock)

    def claim(self, against: str) -> str:
        """Alder's claim; gives its id."""
        alder = self.members["Alder"]
        incident = lookup.incident_object_id(alder, "PW-1")
        named = alder.charter.member(against)
        words = Assertion(incident, Finding.NAMED, named, Likelihood.LIKELY, Confidence.LOW, "Its addresses.")
        return self.speaker("Alder").claim(words).id


@contextmanager
def scene(folder: Path, names: tuple[str, ...], quorum: Quorum) -> Iterator[Scene]:
    """Members under one charter, going all the way with one another; Alder has told all of an incident."""
    clock = ManualClock(NOW_US)
    cases = [folder / name.lower() for name in names]
    cards = [
        enrol.introduce(case, name, BLOCS[name], Role.MEMBER, f"http://127.0.0.1:{port}", clock)
        for case, name, port in zip(cases, names, processes.free_ports(len(names)), strict=True)
    ]
    terms = enrol.Terms("Watch", ("General election",), quorum, Tlp.AMBER, DAY_S)
    signed = enrol.begin(cases[0], enrol.draft(cards, terms, clock))
    for case in (*cases, *cases):
        signed = enrol.sign(case, signed.to_bytes(), clock).signed
    members = {name: Membership.open(case) for name, case in zip(names, cases, strict=True)}
    for each in members.values():
        for peer in each.peers:
            staging.switch(each, peer, Stage.CLAIM, Person.here("Ada"), "agreed", clock)
    with served(*members.values(), clock=clock):
        prepared = releasing.prepare_incident(members["Alder"], an_incident("PW-1"), None, clock)
        for peer in members["Alder"].peers:
            assert not releasing.release(members["Alder"], prepared, peer, DECISION, clock).problem
        yield Scene(members, clock)
