"""A real case of an exercise, by two offices whose names are not Latin, one of which is in nobody's reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dossier_scenes import ARABIC, KYIV, TYPST
from pollwatch.attribution.claim import Assertion
from pollwatch.attribution.scale import Confidence, Finding
from pollwatch.clock import ManualClock
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Role
from pollwatch.node.attribution import lookup
from pollwatch.node.attribution.attributing import Speaker
from pollwatch.node.case import scanning
from pollwatch.node.case.scanning import Request
from pollwatch.node.charter import enrol, staging
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.gateway import processes
from pollwatch.node.sharing import releasing
from pollwatch.node.sharing.releasing import Decision
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.stages import Stage

NOW_US = 1_793_700_000_000_000
DECISION = Decision("Oksana", "charter")
LINE = '198.51.100.9 - - [03/Nov/2026:0{0}:04:11 +0100] "GET /v?id=1%27+UNION+SELECT+{0} HTTP/1.1" 200 9 "-" "sqlmap"\n'


@dataclass(frozen=True)
class Drill:
    """Kyiv's case, its one incident, and the time."""

    case: Path
    incident: str
    clock: ManualClock


def begin(folder: Path) -> Drill:
    """Two offices, an incident in the first one's log, released and claimed; the other is never reached."""
    clock = ManualClock(NOW_US)
    cases, ports = [folder / "kyiv", folder / "arabic"], processes.free_ports(2)
    cards = [
        enrol.introduce(case, name, bloc, Role.MEMBER, f"http://127.0.0.1:{port}", clock, exercise=True)
        for case, name, bloc, port in zip(cases, (KYIV, ARABIC), ("east", "south"), ports, strict=True)
    ]
    signed = enrol.begin(cases[0], enrol.draft(cards, enrol.Terms("Навчання", (), None, Tlp.AMBER, 0), clock))
    for case in (*cases, *cases):
        signed = enrol.sign(case, signed.to_bytes(), clock).signed
    log = folder / "access.log"
    log.write_text("".join(LINE.format(hour) for hour in range(1, 9)), "utf-8")
    report = scanning.run(Request((str(log),), case_dir=cases[0]), clock, show_progress=False)
    (incident,) = report.incidents
    kyiv = Membership.open(cases[0])
    for peer in kyiv.peers:
        staging.switch(kyiv, peer, Stage.CLAIM, Person("Oksana", "test"), "agreed", clock)
        releasing.release(kyiv, releasing.prepare_incident(kyiv, incident, None, clock), peer, DECISION, clock)
    about = lookup.incident_object_id(kyiv, incident.id)
    unknown = Assertion(about, Finding.UNKNOWN, None, None, Confidence.MODERATE, f"Орендована адреса. {TYPST}")
    Speaker(kyiv, DECISION, clock).claim(unknown)
    return Drill(cases[0], incident.id, clock)
