"""A member uses the joint watch as an oracle: it attacks from addresses it owns, and reads off what was noticed.

Cedar sends from many addresses, each in an hour of its own: half of them attack in ways that Alder's rules see, half
send what nobody would notice. Alder reads its logs every hour, seals on schedule, takes in and hunts for what Cedar
reports, matches with it, and tells of a few. After each hour Cedar asks Alder's gateway for all that it may have, and
notes everything: how many files and bytes, which times, how quickly. A classifier then learns from half of the
addresses which of the others were seen. (Probe-response attacks: Bethencourt, Franklin, Vernon 2005.)
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

import joint_scenes
from hostile_scenes import served
from pollwatch.clock import US_PER_S, ManualClock
from pollwatch.election.assets import Assets
from pollwatch.election.calendar import Calendar
from pollwatch.evidence.checkpoint import open_checkpoint
from pollwatch.evidence.seal import Seal
from pollwatch.evidence.tiles import TileReader
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Role
from pollwatch.members.rules import MatchingRules
from pollwatch.node.case import scanning
from pollwatch.node.charter import enrol, staging
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import sealer
from pollwatch.node.evidence.interval import Interval
from pollwatch.node.gateway import processes
from pollwatch.node.indicators import deciding, hunting, indicating
from pollwatch.node.indicators.desk import Desk, source_of
from pollwatch.node.match import matching
from pollwatch.node.sharing import releasing
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.indicators import reading
from pollwatch.sharing.indicators.indicator import Act, Source
from pollwatch.sharing.matching.workers import Workers
from pollwatch.sharing.stages import Stage

START_US = 1_793_750_400 * US_PER_S
HOUR_US = 3_600 * US_PER_S
#: Of the attacks that were seen, how many Alder tells Cedar of: these are no secret.
TOLD_PERCENT = 15
_PROBES = 3


@dataclass
class Probe:
    """One address of Cedar's, and what Cedar could see in its hour.

    Attributes:
        address: the address.
        attacks: whether it did something that the rules see.
        seen: whether Alder has an incident of it.
        told: whether Alder told Cedar.
        sight: what Cedar noted, in numbers.
        quickness: how long Alder's gateway took, by route.
    """

    address: str
    attacks: bool
    seen: bool = False
    told: bool = False
    sight: list[float] = field(default_factory=list)
    quickness: list[float] = field(default_factory=list)


@dataclass
class Experiment:
    """The two nodes, and the probes so far."""

    alder: Membership
    cedar: Membership
    clock: ManualClock
    folder: Path
    probes: list[Probe]
    _size: int = 0

    def run(self) -> None:
        """The whole week."""
        for hour, probe in enumerate(self.probes):
            self.clock.us = START_US + hour * HOUR_US
            self._act(probe, hour)
            self._watch(probe, hour)
            self.clock.us = START_US + (hour + 1) * HOUR_US - US_PER_S
            probe.sight += self._look()
            probe.quickness += self._time()
        self._ask_afterwards()

    def _act(self, probe: Probe, hour: int) -> None:
        """Thirty requests, of the same number and length whether they attack or not."""
        query = "?id=1%27%20UNION%20SELECT%20name,pw%20FROM%20staff--%20" if probe.attacks else "?page=results&area=12"
        lines = []
        for number in range(30):
            at = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(self.clock.us // US_PER_S + number))
            path = f"/status{query}{number}".ljust(80, "x") if not probe.attacks else f"/status{query}{number}"
            lines.append(f'{probe.address} - - [{at}] "GET {path} HTTP/1.1" 200 512 "-" "Mozilla/5.0"\n')
        (self.folder / "logs").mkdir(exist_ok=True)
        (self.folder / "logs" / f"access-{hour:04d}.log").write_text("".join(lines), "utf-8")

    def _watch(self, probe: Probe, hour: int) -> None:
        """Alder reads the hour's log, tells of some of what it saw, and its sealer seals."""
        path = self.folder / "logs" / f"access-{hour:04d}.log"
        request = scanning.Request((str(path),), case_dir=self.alder.folder.case)
        report = scanning.run(request, self.clock, show_progress=False)
        found = [each for each in report.incidents if probe.address in each.actors.ip]
        probe.seen = bool(found)
        if found and crc32(probe.address.encode()) % 100 < TOLD_PERCENT:
            prepared = releasing.prepare_incident(self.alder, found[0], None, self.clock)
            decision = releasing.Decision("duty officer", "charter")
            probe.told = not releasing.release(self.alder, prepared, self.cedar.me, decision, self.clock).problem
        for _tick in range(12):
            sealer.seal_if_due(self.alder.folder.case, self.clock)
            self.clock.us += 300 * US_PER_S
        sealer.keep_rhythm(self.alder.folder.case, self.clock)

    def _look(self) -> list[float]:
        """Everything that can be fetched of Alder's log since the last look, and what its gateway lists."""
        with joint_scenes.client(self.cedar, self.alder.me, self.clock) as client:
            signed = open_checkpoint(client.get("/log/checkpoint").content, self.alder.me.log)
            reader = TileReader(lambda path: client.get(f"/log/{path}").content, signed.checkpoint.size)
            fresh = list(reader.entries(self._size, signed.checkpoint.size))
            times = [Seal.parse(each).at_us for each in fresh if b'"type":"seal"' in each]
            gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
            lists = [client.get(path) for path in ("/taxii2/", "/charter")]
            root = urlsplit(lists[0].json()["api_roots"][0]).path
            lists += [client.get(f"{root}{path}") for path in ("", "collections/")]
            for shelf in lists[-1].json().get("collections", ()):
                lists += [client.get(f"{root}collections/{shelf['id']}/{path}/") for path in ("manifest", "objects")]
        sight = [len(fresh), sum(map(len, fresh)), len(times), statistics.pstdev(gaps) if gaps else 0.0]
        sight += [float(times[0] % HOUR_US) if times else -1.0, float(len(signed.note.signatures))]
        self._size = signed.checkpoint.size
        return sight + [value for each in lists for value in (float(each.status_code), float(len(each.content)))]

    def _time(self) -> list[float]:
        """How quickly each route answers, in milliseconds: the quickest of some tries."""
        found = []
        with joint_scenes.client(self.cedar, self.alder.me, self.clock) as client:
            for path in ("/log/checkpoint", "/charter", "/taxii2/"):
                tries = []
                for _try in range(_PROBES):
                    before = time.perf_counter()
                    client.get(path)
                    tries.append((time.perf_counter() - before) * 1000)
                found.append(min(tries))
        return found

    def _ask_afterwards(self) -> None:
        """Cedar reports all its addresses, Alder uses and hunts for them; then both match. Cedar notes what it gets."""
        every = [each.address for each in self.probes]
        alder = self._desk(self.alder)
        cedar = source_of(self.cedar.me, self.alder.me)
        _decide(alder, every, cedar, Act.ACCEPT)
        hunting.hunt(alder, Calendar(()), hunting.pending(alder))
        _decide(self._desk(self.cedar), every, self._desk(self.cedar).own, Act.RELEASE)
        told = [each.address for each in self.probes if each.told]
        _decide(alder, [*told, "198.18.0.1"], alder.own, Act.RELEASE)
        with Workers() as workers:
            run = matching.begin(self.cedar, self.alder.me, self.clock, workers)
            for _turn in range(4):
                matching.step(self.cedar, self.clock, workers)
                matching.step(self.alder, self.clock, workers)
        done = matching.runs(self.cedar).get(run.run)
        assert done is not None
        common = {found.value for place in done.common if (found := done.leaves[place].observable) is not None}
        after = self._look()
        for each in self.probes:
            each.sight += [float(each.address in common), *after]

    def _desk(self, member: Membership) -> Desk:
        return Desk.open(member.folder.case, self.clock, Assets())


def _decide(desk: Desk, addresses: Sequence[str], source: Source, act: Act) -> None:
    """Take addresses in from a source, and decide about all of them alike."""
    data = "".join(f"{each}\n" for each in ("value", *addresses)).encode()
    terms = indicating.Terms(source, Tlp.AMBER, None, sha256(data).hexdigest())
    indicating.take(desk, indicating.sort(desk, reading.read_bytes(data, "csv"), terms), terms)
    ruling = deciding.Ruling(act, "Ada", "looked at", override=True)
    decided = deciding.decide(desk, deciding.choose(desk, addresses, None, ""), ruling)
    assert not decided.refused


@contextmanager
def week(folder: Path, addresses: int, seed: int) -> Iterator[Experiment]:
    """Two members that go all the way with one another, and as many probes; half of them attack."""
    clock = ManualClock(START_US)
    cases = [folder / name for name in ("alder", "cedar")]
    cards = [
        enrol.introduce(case, case.name.capitalize(), case.name, Role.MEMBER, f"http://127.0.0.1:{port}", clock)
        for case, port in zip(cases, processes.free_ports(2), strict=True)
    ]
    rules = MatchingRules(min_age_s=0, items=4096)
    terms = enrol.Terms("Watch", (), None, Tlp.AMBER, 0, matching=rules)
    signed = enrol.begin(cases[0], enrol.draft(cards, terms, clock))
    for case in (*cases, *cases):
        signed = enrol.sign(case, signed.to_bytes(), clock).signed
    alder, cedar = (Membership.open(case) for case in cases)
    for one, other in ((alder, cedar), (cedar, alder)):
        staging.switch(one, other.me, Stage.CLAIM, Person.here("Ada"), "agreed", clock)
    sealer.configure(alder.folder.case, Interval(300), clock)
    chosen = [number < addresses // 2 for number in range(addresses)]
    np.random.default_rng(seed).shuffle(chosen)
    probes = [Probe(f"198.51.{100 + n // 250}.{n % 250 + 1}", attacks) for n, attacks in enumerate(chosen)]
    with served(alder, cedar, clock=clock):
        yield Experiment(alder, cedar, clock, folder, probes)


def table(probes: Sequence[Probe], *, timing: bool) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What Cedar noted about each undisclosed address, and whether that one was seen."""
    secret = [each for each in probes if not each.told]
    columns = np.array([each.sight + (each.quickness if timing else []) for each in secret], dtype=np.float64)
    return columns, np.array([each.seen for each in secret])
