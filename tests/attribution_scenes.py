"""Members of one charter who say things about who did it, with real keys and without any node."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from pollwatch.attribution import claim as claims
from pollwatch.attribution import notice
from pollwatch.attribution import record as records
from pollwatch.attribution.claim import Assertion, Claim
from pollwatch.attribution.record import Record
from pollwatch.attribution.scale import Confidence, Finding, Likelihood
from pollwatch.attribution.subject import Named
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.members.charter import Charter, SignedCharter
from pollwatch.members.delivery import Delivery, Receipt
from pollwatch.members.keys import handle_of
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member, Role
from pollwatch.members.rules import Quorum
from pollwatch.stix import accept, bundle, constants, objects
from pollwatch.stix.constants import StixObject
from pollwatch.stix.objects import Maker

T = 1_793_700_000_000_000


class Table:
    """All members of a joint watch at one table; each speaks with its own key, at the time that it wants."""

    def __init__(
        self, blocs: Sequence[tuple[str, str]], quorum: Quorum, roles: Sequence[Role] = (), *, exercise: bool = False
    ) -> None:
        """One member for each name and bloc."""
        made = []
        self._keys: dict[str, Signer] = {}
        self._gateways: dict[str, Signer] = {}
        for number, (name, bloc) in enumerate(blocs):
            uses = ("log", "statement", "gateway", "request")
            handle = handle_of(name, exercise=exercise)
            signers = {use: Signer.generate(f"{handle}/{use}") for use in uses}
            witness = Signer.generate(f"{handle}/witness", KeyType.COSIGNATURE)
            self._keys[name], self._gateways[name] = signers["statement"], signers["gateway"]
            role = roles[number] if roles else Role.MEMBER
            keys = {use: signer.verifier for use, signer in signers.items()} | {"witness": witness.verifier}
            made.append(Member(name, bloc, role, f"http://[::1]:{number + 1}", f"identity--{uuid.uuid4()}", **keys))
        members = tuple(sorted(made, key=lambda each: each.name))
        self.charter = Charter("Watch", members, (), quorum, Tlp.AMBER, 86_400, T, exercise=exercise)
        self.said: list[StixObject] = []
        self.incident = self.maker(members[0].name).make("incident", "I-1", name="What happened")
        self._actor = self.maker(members[0].name).make("threat-actor", "I-1", name="Whoever did it")

    def member(self, name: str) -> Member:
        """A member by name."""
        return self.charter.member(name)

    def key(self, name: str) -> Signer:
        """A member's statement key."""
        return self._keys[name]

    def maker(self, name: str, after_s: int = 0) -> Maker:
        """What makes a member's objects, some time after the beginning."""
        secret = name.encode().ljust(32, b".")
        return Maker(self.member(name), self._keys[name], secret, Tlp.AMBER, T + after_s * 1_000_000)

    def say(self, made: StixObject) -> StixObject:
        """Keep what a member signed."""
        self.said.append(made)
        return made

    def notice(self, about: Named, by: str, receiver: str, after_s: int = 0) -> StixObject:
        """A notice that a member has something of another's, with the receipt that its gateway gave."""
        at_us = T + after_s * 1_000_000
        delivery = Delivery(self.charter.digest, by, receiver, "0" * 64, Tlp.AMBER, at_us)
        receipt = Receipt(delivery, at_us, (about.digest,)).sign(self._gateways[receiver])
        return self.say(notice.to_stix(about, self.member(receiver), receipt, self.maker(by, after_s)))

    def claim(self, by: str, against: str, after_s: int = 0) -> Claim:
        """A claim that names a member."""
        assertion = Assertion(
            self.incident["id"], Finding.NAMED, self.member(against), Likelihood.LIKELY, Confidence.LOW, "Addresses."
        )
        made, _target = claims.to_stix(assertion, self._actor, self.maker(by, after_s))
        return claims.from_stix(self.say(made), self.member(by), self.charter)

    def everything(self) -> list[StixObject]:
        """All that was said, with what it is about and what a reader of STIX needs."""
        frame = [constants.marking(Tlp.AMBER), constants.PROJECT, constants.SIGNATURE_DEFINITION]
        frame += [constants.CLAIM_DEFINITION, constants.STATEMENT_DEFINITION, constants.PAPER_DEFINITION]
        frame += [objects.identity(each, self.charter) for each in self.charter.members]
        return bundle.order([*frame, self.incident, self._actor, *self.said])

    def record(self) -> Record:
        """All that was said, read as a stranger reads it: signatures first."""
        return read(self.everything(), self.charter)

    def signed_charter(self) -> SignedCharter:
        """The charter with everybody's signature."""
        first, *rest = self.charter.members
        signed = SignedCharter.begin(self.charter, self._keys[first.name])
        for each in rest:
            signed = signed.signing(self._keys[each.name])
        return signed


def read(received: list[StixObject], charter: Charter) -> Record:
    """Check every signature, then read."""
    accept.check(received, charter)
    return records.read(received, charter)


def four() -> Table:
    """Four members of three blocs; a statement takes three of them from two blocs."""
    return Table((("Alder", "west"), ("Birch", "west"), ("Cedar", "east"), ("Dogwood", "north")), Quorum(3, 2, 1))


def two() -> Table:
    """The founding case: two members, each a bloc of its own."""
    return Table((("Alder", "west"), ("Birch", "east")), Quorum(2, 2, 1))
