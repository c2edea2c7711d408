"""The joint demo: four rival nodes of three blocs watch one election week; two of them are not honest.

Each office has its own part of a recorded week (:mod:`pollwatch.node.demos.dealing`) and scans it in a process of its
own; each has a gateway in a process of its own. Nothing is played: the logs fork, the poison is sent, and what the
honest ones find is what they find. Who prints the steps decides how they look.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pollwatch import config, durable
from pollwatch.clock import Clock
from pollwatch.election.assets import Assets
from pollwatch.election.calendar import Calendar
from pollwatch.errors import PeerError
from pollwatch.events.detection import Severity
from pollwatch.i18n import _
from pollwatch.incidents.records import Case
from pollwatch.members.charter import SignedCharter
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Role
from pollwatch.members.rules import MatchingRules, Quorum
from pollwatch.node.charter import enrol, staging
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.demos import dealing
from pollwatch.node.demos.demo import LOGS
from pollwatch.node.gateway import processes
from pollwatch.node.gateway.processes import GatewayProcess
from pollwatch.node.indicators import deciding, indicating
from pollwatch.node.indicators.deciding import Ruling
from pollwatch.node.indicators.desk import Desk
from pollwatch.node.logs import publishing
from pollwatch.report.story import Step
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.indicators import reading
from pollwatch.sharing.indicators.indicator import Act
from pollwatch.sharing.stages import Stage

ALDER: Final = "Alder Commission"
BIRCH: Final = "Birch Campaign"
CEDAR: Final = "Cedar Ministry"
DOGWOOD: Final = "Dogwood Observers"
#: Name and bloc; the first two would side with one another.
CAST: Final = ((ALDER, "west"), (BIRCH, "west"), (CEDAR, "east"), (DOGWOOD, "north"))
#: Which offices each attacker of the recorded week came to; everybody else visits one of them.
CAME_TO: Final[Mapping[str, Sequence[int]]] = {
    "198.51.100.17": (0, 2, 3),
    "198.51.100.42": (0,),
    "198.51.100.77": (0, 1, 3),
    "198.51.100.90": (1, 2),
    "198.51.100.130": (0, 1, 2, 3),
    "198.51.100.151": (2,),
    "192.0.2.222": (0, 2),
    "203.0.113.201": (0, 1, 3),
    "203.0.113.214": (3,),
    **{f"198.51.100.{number}": (2,) for number in range(160, 172)},
    **{f"203.0.113.{number}": (2,) for number in range(230, 238)},
}
#: How many offices an attacker came to before they are told of one another; Dogwood looks for them, and audits.
THRESHOLD: Final = 2
_SCAN_S: Final = 600.0
#: A flood has many sources, most of them somebody's hijacked machines: they are not released one by one.
_FEW: Final = 5
PEOPLE: Final = {ALDER: "Ada", BIRCH: "Ben", CEDAR: "Cor", DOGWOOD: "Dee"}


@dataclass
class Stage4:
    """Where the story plays.

    Attributes:
        week: the recorded week.
        root: where everything is left.
        clock: time.
        members: by name, once the charter is in force.
        artefacts: what third parties may look at, by name.
    """

    week: Path
    root: Path
    clock: Clock
    members: dict[str, Membership] = field(default_factory=dict)
    artefacts: dict[str, Path] = field(default_factory=dict)

    def office(self, name: str) -> Path:
        """An office's folder: its logs and its case."""
        return self.root / name.split(maxsplit=1)[0].lower()

    def case(self, name: str) -> Path:
        """An office's case."""
        return self.office(name) / "case"

    @property
    def evidence(self) -> Path:
        """What third parties get."""
        return self.root / "evidence"

    @property
    def assets(self) -> Assets:
        """The systems that the offices watch."""
        return config.load(self.root, {}, self.week / "pollwatch.toml").assets

    @property
    def calendar(self) -> Calendar:
        """The election."""
        return config.load(self.root, {}, self.week / "pollwatch.toml").calendar

    def desk(self, name: str) -> Desk:
        """An office's desk for indicators; it knows its own systems."""
        return Desk.open(self.case(name), self.clock, self.assets)


def gateways(stage: Stage4) -> tuple[GatewayProcess, ...]:
    """One process for each member, not started yet."""
    return tuple(GatewayProcess(each.folder.case, each.me) for each in stage.members.values())


def charter(stage: Stage4) -> Step:
    """All four introduce themselves, one drafts, all sign; each says how far it goes with each other."""
    stage.evidence.mkdir(parents=True, exist_ok=True)
    signed = SignedCharter.parse(_draft(stage, _cards(stage)))
    for name in (*PEOPLE, *PEOPLE):
        signed = enrol.sign(stage.case(name), signed.to_bytes(), stage.clock).signed
    stage.members = {name: Membership.open(stage.case(name)) for name in PEOPLE}
    for name, member in stage.members.items():
        for peer in member.peers:
            person = Person.here(PEOPLE[name])
            staging.switch(member, peer, Stage.CLAIM, person, _("agreed when the charter was signed"), stage.clock)
    stage.artefacts["charter"] = stage.evidence / "charter.note"
    stage.artefacts["charter"].write_bytes(signed.to_bytes())
    facts = [
        (each.name, _("bloc {bloc}, {address}").format(bloc=each.bloc, address=each.address))
        for each in signed.charter.members
    ]
    facts.append((_("a statement takes"), _("{n} members from {blocs} blocs").format(n=3, blocs=2)))
    facts.append(
        (_("stages"), _("each switched on by a named person: {people}").format(people=", ".join(PEOPLE.values())))
    )
    facts.append((_("fingerprint"), signed.charter.digest[:32]))
    return Step("charter", _("Four rivals of three blocs sign one charter"), tuple(facts), not signed.missing())


def _cards(stage: Stage4) -> list[bytes]:
    """How each introduces itself; who did so before goes on with the address on its card."""
    cards = []
    for (name, bloc), port in zip(CAST, processes.free_ports(len(CAST)), strict=True):
        known = enrol.own_card(stage.case(name))
        address = f"http://127.0.0.1:{port}" if known is None else known.address
        cards.append(enrol.introduce(stage.case(name), name, bloc, Role.MEMBER, address, stage.clock))
    return cards


def _draft(stage: Stage4, cards: Sequence[bytes]) -> bytes:
    """Alder's draft, signed by it; kept, since nobody signs a second one that excludes the first."""
    path = stage.root / "charter.draft"
    if not path.exists():
        rules = MatchingRules(threshold=THRESHOLD, blocs=2, min_age_s=0, auditor=DOGWOOD)
        terms = enrol.Terms(
            "River Valley joint watch", ("Alderland",), Quorum(3, 2, 2), Tlp.GREEN, 7 * 86_400, matching=rules
        )
        begun = enrol.begin(stage.case(ALDER), enrol.draft(cards, terms, stage.clock))
        durable.write_file(path, begun.to_bytes())
    return path.read_bytes()


def scan(stage: Stage4) -> Step:
    """Each office has its own part of the week, and scans it in a process of its own."""
    offices = [stage.office(name) / "logs" for name in PEOPLE]
    dealing.deal(stage.week, LOGS, offices, CAME_TO)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda name: _scan_one(stage, name), PEOPLE))
    facts = []
    for name, document in zip(PEOPLE, found, strict=True):
        counts: dict[str, int] = {}
        for each in document["incidents"]:
            counts[each["severity"]] = counts.get(each["severity"], 0) + 1
        told = ", ".join(f"{count} {severity}" for severity, count in counts.items())
        lines = sum(each["lines"] for each in document["inputs"])
        facts.append((name, _("{lines} lines: {incidents}").format(lines=lines, incidents=told or _("nothing"))))
    return Step(
        "scan",
        _("Each office finds what attacked it in its own logs, and seals that"),
        tuple(facts),
        all(document["incidents"] for document in found),
    )


def _scan_one(stage: Stage4, name: str) -> dict[str, Any]:
    logs = stage.office(name) / "logs"
    arguments = ["scan", *(str(logs / each) for each in LOGS), "--case", str(stage.case(name))]
    arguments += ["--config", str(stage.week / "pollwatch.toml"), "--json", "-q"]
    code, said = processes.run_module("pollwatch", *arguments, within_s=_SCAN_S)
    if code:
        raise PeerError(f"the scan of {name} ended with {code}: {said[-300:]}")
    document: dict[str, Any] = json.loads(said)
    return document


def publish(stage: Stage4) -> Step:
    """Each publishes its log, and has it cosigned by the others over HTTP."""
    facts, expected = [], True
    for name, member in stage.members.items():
        done = publishing.publish(member, stage.clock)
        by = ", ".join(each.member.split()[0] for each in done.cosignings if not each.problem)
        facts.append((name, _("{size} entries, cosigned by {others}").format(size=done.size, others=by or _("nobody"))))
        expected = expected and len([each for each in done.cosignings if not each.problem]) == len(CAST) - 1
    return Step("publish", _("Each publishes its log; all others cosign and mirror it"), tuple(facts), expected)


def release(stage: Stage4) -> Step:
    """At each office a person looks at the sources of what was found, and releases them for matching."""
    facts = []
    for name in PEOPLE:
        desk = stage.desk(name)
        with Case.open(stage.case(name), stage.clock, create=False) as case:
            grave = [
                each for each in case.incidents() if each.severity >= Severity.MEDIUM and len(each.actors.ip) <= _FEW
            ]
        sources = {address for each in grave for address in each.actors.ip}
        data = "".join(f"{each}\n" for each in ("value", *sorted(sources))).encode("ascii")
        terms = indicating.Terms(desk.own, Tlp.GREEN, None, sha256(data).hexdigest())
        indicating.take(desk, indicating.sort(desk, reading.read_bytes(data, "csv"), terms), terms)
        ruling = Ruling(Act.RELEASE, PEOPLE[name], _("source of an incident of ours"), override=True)
        decided = deciding.decide(desk, deciding.choose(desk, sorted(sources), None, ""), ruling)
        facts.append((name, _("{n} addresses, by {person}").format(n=len(decided.done), person=PEOPLE[name])))
    return Step(
        "release", _("A person at each office releases the sources of its incidents for matching"), tuple(facts)
    )


def expected_common() -> dict[str, frozenset[str]]:
    """What matching has to find: the addresses that came to enough offices of two blocs, and to which.

    Dogwood looks for matches, so that its own set does not enter.
    """
    names = list(PEOPLE)
    blocs = dict(CAST)
    found = {}
    for address, numbers in CAME_TO.items():
        offices = frozenset(names[number] for number in numbers) - {DOGWOOD}
        if len(offices) >= THRESHOLD and len({blocs[each] for each in offices}) >= 2:
            found[address] = offices
    return found
