"""Three rival offices, one of which publishes: a denied claim, a statement with dissent, and a log half signed for.

No gateway runs: what the others sign is put into Alder's folder as its gateway would have after checking it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from hostile_scenes import NOW_US, an_incident
from pollwatch.attribution import claim as claims
from pollwatch.attribution import opinion as opinions
from pollwatch.attribution import statement
from pollwatch.attribution.claim import Assertion
from pollwatch.attribution.scale import Confidence, Finding, Likelihood, Stance
from pollwatch.attribution.statement import Draft
from pollwatch.attribution.subject import Named
from pollwatch.clock import US_PER_S, ManualClock
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Role
from pollwatch.members.rules import Quorum
from pollwatch.node.attribution import casefile, lookup
from pollwatch.node.charter import enrol
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.sharing import releasing
from pollwatch.node.sharing.releasing import Decision
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.publication import Words
from pollwatch.stix import accept
from pollwatch.stix.constants import StixObject
from pollwatch.stix.objects import Maker

NAMES = {"Alder": "west", "Birch": "west", "Cedar": "east"}
DECISION = Decision("Ada", "press law")
DENIAL = "We deny this in full: the network was leased to a third party, and the lease is public."
HOSTILE = (
    "</p></article><script>window.pwned=1</script><img src=x onerror=window.pwned=1> "
    "\u202egpj.exe\u202c \x1b[2J {{ 7*7 }}"
)
WORDS = (
    Words("en", "Guessed passwords at the results page", "Somebody tried.\n\nNothing was changed."),
    Words("nl", "Wachtwoorden geraden bij de uitslagenpagina", "Iemand heeft het geprobeerd."),
)


@dataclass
class Offices:
    """The members, by name, and the time."""

    members: dict[str, Membership]
    clock: ManualClock

    @property
    def alder(self) -> Membership:
        """Whoever publishes."""
        return self.members["Alder"]

    @property
    def case(self) -> Path:
        """Alder's."""
        return self.alder.folder.case

    def maker(self, name: str, tlp: Tlp = Tlp.CLEAR) -> Maker:
        """Makes a member's objects, a minute later."""
        self.clock.advance(60)
        return releasing.maker(self.members[name], tlp, self.clock.now_us())

    def keep(self, *said: StixObject) -> None:
        """Alder has taken in what somebody signed, and posted that it has."""
        authors = accept.check(said, self.alder.roll)
        Collection(self.alder.folder.record).add(said, authors, self.clock.now_us())

    def opine(self, name: str, about: str, stance: Stance, text: str, tlp: Tlp = Tlp.CLEAR) -> None:
        """A member's opinion of a claim or statement."""
        _source, subject = lookup.subject(self.alder, about)
        self.keep(opinions.to_stix(subject, stance, text, self.maker(name, tlp)))

    def claim(self) -> str:
        """Alder's claim against Cedar; gives its id."""
        context = self._context()
        actor = next(each for each in context if each["type"] == "threat-actor")
        named = self.alder.charter.member("Cedar")
        about, text = context[0]["id"], "Its networks were used."
        words = Assertion(about, Finding.NAMED, named, Likelihood.LIKELY, Confidence.LOW, text)
        made = claims.to_stix(words, actor, self.maker("Alder"))[0]
        self.keep(made)
        return str(made["id"])

    def statement(self) -> str:
        """What Alder and Birch say together of the incident; Cedar dissents. Gives its id."""
        closes_us = self.clock.us // US_PER_S * US_PER_S + 86_400 * US_PER_S
        draft = Draft(
            "Attacked from the same places", "We saw the same.", (Named.of(self._context()[0]),), (), closes_us
        )
        made = statement.to_stix(draft, self.maker("Alder"))
        self.keep(made)
        self.opine("Birch", made["id"], Stance.AGREE, "Here too.")
        self.opine("Cedar", made["id"], Stance.DISAGREE, HOSTILE)
        return str(made["id"])

    def cosign(self, name: str) -> None:
        """A member signs for the present state of Alder's log."""
        self.clock.advance(60)
        signer = self.members[name].keys.outer.witness
        with rail.opened(self.case, self.clock) as evidence:
            signed = evidence.shared.signed
            line = checkpoints.sign(signed.checkpoint, signer, self.clock.now_us() // US_PER_S)
            evidence.shared.add_cosignatures([line])

    def seal(self) -> None:
        """Alder's log grows."""
        with rail.opened(self.case, self.clock) as evidence:
            evidence.publish_seal()

    def _context(self) -> list[StixObject]:
        about = lookup.incident_object_id(self.alder, "PW-1")
        return casefile.context_of(Collection(self.alder.folder.record), about)


def copied(watch: Offices, folder: Path) -> Offices:
    """The same offices once more, in a folder of their own."""
    members = {}
    for name, each in watch.members.items():
        shutil.copytree(each.folder.case, folder / name.lower())
        members[name] = Membership.open(folder / name.lower())
    return Offices(members, ManualClock(watch.clock.us))


def offices(folder: Path, tlp: Tlp = Tlp.CLEAR, releasers: int = 1) -> Offices:
    """Alder, Birch and Cedar under one charter; Alder's incident was released with this marking."""
    clock = ManualClock(NOW_US)
    cases = [folder / name.lower() for name in NAMES]
    cards = [
        enrol.introduce(case, name, bloc, Role.MEMBER, f"http://127.0.0.1:{8000 + number}", clock)
        for number, (case, (name, bloc)) in enumerate(zip(cases, NAMES.items(), strict=True))
    ]
    terms = enrol.Terms("The watch of three", ("General election",), Quorum(2, 2, 1), Tlp.AMBER, 86_400, releasers)
    signed = enrol.begin(cases[0], enrol.draft(cards, terms, clock))
    for case in (*cases, *cases):
        signed = enrol.sign(case, signed.to_bytes(), clock).signed
    members = {name: Membership.open(case) for name, case in zip(NAMES, cases, strict=True)}
    alder = members["Alder"]
    prepared = releasing.prepare_incident(alder, an_incident("PW-1"), tlp, clock)
    both = replace(DECISION, persons=(Person("Ada", "ada"), Person("Bob", "bob")))
    releasing.recorded(alder, prepared, members["Birch"].me, both, clock)
    return Offices(members, clock)
