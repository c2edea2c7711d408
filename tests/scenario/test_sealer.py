"""What others see of a member who seals at a fixed interval: that it seals, and nothing else."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from commands import told
from evidence_scenes import LINES, an_incident, fetch
from pollwatch.clock import US_PER_S, ManualClock
from pollwatch.errors import ProofError, StoreError
from pollwatch.events.lines import LineSet
from pollwatch.evidence import verify
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import open_reader
from pollwatch.evidence.manifest import Batch, Canary, Posted, Sequence, parse_private
from pollwatch.evidence.policy import Group, Policy
from pollwatch.evidence.request import build_add_checkpoint
from pollwatch.evidence.seal import Seal
from pollwatch.evidence.witness import Witness
from pollwatch.evidence.witnessanswer import read_cosignatures
from pollwatch.members.rules import Quorum
from pollwatch.node.evidence import bundling, erasing, rhythm, sealer, sealing_loop
from pollwatch.node.evidence.casekeys import CaseKeys
from pollwatch.node.evidence.interval import Interval
from pollwatch.node.evidence.sealing import CaseEvidence

EVERY_S = 3_600
START_US = 1_793_750_400 * US_PER_S  # 2026-11-04T00:00:00Z, the beginning of an interval


def seen_by_a_mirror(case: Path) -> tuple[list[tuple[str, int]], list[int], list[int]]:
    """All that can be fetched: files with their sizes, the sizes of the entries, and the times that they state."""
    public = case / "evidence" / "shared" / "public"
    files = sorted((str(path.relative_to(public)), path.stat().st_size) for path in public.rglob("*") if path.is_file())
    _signed, reader = open_reader(public, CaseKeys.load(case / "evidence").shared.verifier)
    entries = list(reader.entries(0, reader.size))
    return files, [len(entry) for entry in entries], [Seal.parse(entry).at_us for entry in entries]


@dataclass
class Day:
    """A member's day of 24 intervals, and a mirror that looks several times in each.

    Attributes:
        case: the member's.
        busy: whether it is scanned into all day, one scan lasting for hours, exported from, erased from, held.
        seen: when the mirror looked, in microseconds since the day began, and what there was to see.
    """

    case: Path
    busy: bool
    clock: ManualClock = field(default_factory=lambda: ManualClock(START_US))
    seen: list[tuple[int, object]] = field(default_factory=list)

    def look(self) -> None:
        """The mirror looks; its own clock is right."""
        at_us = self.clock.us // US_PER_S * US_PER_S - START_US
        self.seen.append((at_us, seen_by_a_mirror(self.case)))

    def run(self) -> list[tuple[int, object]]:
        """Live through it."""
        sealer.configure(self.case, Interval(EVERY_S), self.clock)
        with ExitStack() as scans:
            evidence: CaseEvidence | None = None
            for tick in range(24):
                self.look()
                if self.busy and tick % 12 == 3:
                    evidence = scans.enter_context(CaseEvidence.open(self.case, self.clock))
                if evidence is not None:
                    self.work(evidence, tick)
                self.look()
                if self.busy and tick % 12 in {9, 11}:
                    scans.close()
                    evidence = None
                if self.busy and tick % 12 == 10:  # exported from, for so long that a seal falls due meanwhile
                    evidence = scans.enter_context(CaseEvidence.open(self.case, self.clock))
                    bundling.export(evidence, an_incident([3, 4], "log-4"), self.case / "b.zip", self.clock, fetch)
                # The busy machine wakes late, by milliseconds.
                self.clock.us += tick * 1_000 if self.busy else 0
                sealer.seal_if_due(self.case, self.clock)
                self.look()
                sealer.keep_rhythm(self.case, self.clock)
                assert sealer.seal_if_due(self.case, self.clock) is None
                self.clock.us = START_US + (tick * EVERY_S + EVERY_S // 2) * US_PER_S
                if evidence is not None:
                    self.work(evidence, tick + 100)
                self.look()
                self.clock.us = START_US + (tick + 1) * EVERY_S * US_PER_S
        return self.seen

    def work(self, evidence: CaseEvidence, tick: int) -> None:
        """What a busy member does to its private log."""
        for number in range(3):
            evidence.seal_batch(f"log-{tick}", 1 + 20 * number, LINES[:20])
        evidence.seal_incident(an_incident([3, 4], f"log-{tick}"))
        if tick == 5:
            held = erasing.place_hold(evidence, f"log-{tick}", "a court asked", self.clock)
            erasing.release_hold(evidence, held.id, "it no longer asks", self.clock)
        with suppress(StoreError):  # not sealed yet: it says when to ask again
            bundling.export(evidence, an_incident([3, 4], f"log-{tick}"), self.case / "c.zip", self.clock, fetch)


def test_a_busy_day_looks_like_an_idle_one(tmp_path: Path) -> None:
    """Attack: a mirror looks four times an hour, to learn when something was noticed. It sees the same every time."""
    busy, idle = Day(tmp_path / "busy", busy=True).run(), Day(tmp_path / "idle", busy=False).run()
    assert len(busy) == 96
    assert busy == idle
    assert len({repr(each) for _at_us, each in idle}) == 25  # nothing yet, then each seal as it comes
    with CaseEvidence.open(tmp_path / "busy", ManualClock(START_US)) as evidence:
        assert evidence.private.size > 60


@pytest.mark.parametrize("neutral", [False, True])
@pytest.mark.parametrize("members", [2, 4])
def test_an_embargoed_entry_opens_after_a_year(tmp_path: Path, members: int, neutral: bool) -> None:  # noqa: FBT001 - a case
    """Sealed in November, closed for twelve months of further seals, then opened: a policy says who saw it back then.

    Where there is a neutral witness, it is the only one that cosigned: the rivals refused.
    """
    clock = ManualClock(START_US)
    names = "bcd"[: members - 1]
    keys = {name: Signer(f"{name}.example/witness", KeyType.COSIGNATURE, name.encode() * 32) for name in (*names, "e")}
    sealer.configure(tmp_path / "case", Interval(86_400), clock)
    incident = an_incident([3, 4])
    with CaseEvidence.open(tmp_path / "case", clock) as evidence:
        evidence.seal_batch("access.log", 1, LINES[:20])
        evidence.seal_incident(incident)
        log = evidence.shared.verifier
    sealer.seal_if_due(tmp_path / "case", clock)
    asked = ["e"] if neutral else list(names)
    with sealer.shared_only(tmp_path / "case", clock) as shared:
        for name in asked:
            witness = Witness(tmp_path / name, [keys[name]], clock, [log])
            answer = witness.add_checkpoint(build_add_checkpoint(0, (), shared.signed))
            witness.close()
            shared.add_cosignatures(read_cosignatures(answer.body, shared.signed, [keys[name].verifier]).lines)
    for _month in range(13):
        clock.advance(28 * 86_400)
        sealer.seal_if_due(tmp_path / "case", clock)
        sealer.keep_rhythm(tmp_path / "case", clock)
    with CaseEvidence.open(tmp_path / "case", clock) as evidence:
        bundling.export(evidence, incident, tmp_path / "b.zip", clock, fetch)
    needed = Quorum.usual_cosigners(["a", *names])
    blocs = {log.name: "a", **{name: name for name in names}}
    groups = {"rivals": Group(needed, tuple(names)), "all": Group(1, ("rivals", "e"))}
    policy = Policy((log,), {name: key.verifier for name, key in keys.items()}, groups, "all", blocs)
    report = verify.verify_file(tmp_path / "b.zip", policy.to_bytes())
    assert (report.grade, report.not_later_us) == ("quorum" if neutral else "cross-bloc", START_US)
    alone = verify.verify_file(tmp_path / "b.zip", replace(policy, quorum="rivals").to_bytes())
    assert (alone.grade == "asserted") is neutral
    assert clock.now_us() > START_US + 360 * 86_400 * US_PER_S


def test_what_is_not_sealed_yet_waits_for_its_turn(tmp_path: Path) -> None:
    """Attack: watch for seals out of turn, to learn when a member looks. An export makes none; it says when to ask."""
    clock = ManualClock(START_US)
    sealer.configure(tmp_path, Interval(EVERY_S), clock)
    sealer.seal_if_due(tmp_path, clock)
    clock.advance(10)
    with CaseEvidence.open(tmp_path, clock) as evidence:
        evidence.seal_batch("access.log", 1, LINES[:20])
        with pytest.raises(StoreError, match="2026-11-04T01:00:00Z"):
            bundling.export(evidence, an_incident([3]), tmp_path / "b.zip", clock, fetch)
        assert evidence.shared.size == 1
    clock.advance(EVERY_S)
    sealer.seal_if_due(tmp_path, clock)
    with CaseEvidence.open(tmp_path, clock) as evidence:
        bundling.export(evidence, an_incident([3]), tmp_path / "b.zip", clock, fetch)
    assert verify.verify_file(tmp_path / "b.zip").kind == "bundle"


def no_trouble(error: StoreError) -> None:
    """Nothing may go wrong."""
    raise AssertionError(error)


def test_a_sealer_outlives_a_disk_that_was_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that says no for a while: it is told each time, tried again within the interval, and sealed at last."""
    clock = ManualClock(START_US)
    sealer.configure(tmp_path, Interval(EVERY_S), clock)
    real, failures = sealer.seal_if_due, iter(range(3))

    def failing(case_dir: Path, now: ManualClock) -> int | None:
        if next(failures, None) is not None:
            raise StoreError("No space left on device")
        return real(case_dir, now)

    told: list[int] = []
    problems: list[str] = []

    def sleep(seconds: float) -> None:
        clock.advance(seconds)
        if told:
            raise KeyboardInterrupt

    monkeypatch.setattr(sealer, "seal_if_due", failing)
    with pytest.raises(KeyboardInterrupt):
        sealing_loop.run(
            tmp_path, None, clock, once=False, tell=told.append, trouble=lambda e: problems.append(str(e)), sleep=sleep
        )
    assert (told, len(problems)) == ([0], 3)
    assert seen_by_a_mirror(tmp_path)[2] == [START_US]  # fifteen seconds late, and nobody sees that


def test_an_export_does_not_hold_up_the_sealer(tmp_path: Path) -> None:
    """Attack: watch for late seals, to learn when a member exports. However long that takes, the seal comes in time."""
    clock = ManualClock(START_US)
    sealer.configure(tmp_path, Interval(EVERY_S), clock)
    with CaseEvidence.open(tmp_path, clock) as evidence:
        evidence.seal_batch("access.log", 1, LINES[:20])
    sealer.seal_if_due(tmp_path, clock)
    clock.advance(EVERY_S)
    seals = []

    def slow(path: str, first: int, count: int) -> list[bytes]:
        seals.append(sealer.seal_if_due(tmp_path, clock))
        return fetch(path, first, count)

    with CaseEvidence.open(tmp_path, clock) as evidence:
        assert evidence.shared.size == 1  # as it is when the export begins
        bundling.export_lines(evidence, LineSet.of("access.log", [3]), tmp_path / "b.zip", clock, slow)
        assert evidence.post(Posted.of("policy", "x", b"x")) == 2
        with pytest.raises(StoreError, match="closed"):
            evidence.shared.append([b"x"])
    assert seals == [1]
    assert verify.verify_file(tmp_path / "b.zip").kind == "bundle"


def test_missed_intervals_are_not_made_up_for(tmp_path: Path) -> None:
    """After an outage there is one seal for the present interval; the hole stays for everybody to see."""
    clock = ManualClock(START_US)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt
        clock.advance(seconds + (5 * EVERY_S + 127 if len(waits) == 2 else 0))

    told: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        sealing_loop.run(tmp_path, EVERY_S, clock, once=False, tell=told.append, trouble=no_trouble, sleep=sleep)
    assert told == [0, 1, 2]
    assert waits == [EVERY_S, EVERY_S, EVERY_S - 127]
    times = seen_by_a_mirror(tmp_path)[2]
    assert [(at_us - START_US) // US_PER_S for at_us in times] == [0, EVERY_S, 7 * EVERY_S + 120]  # by the minute


def test_a_sealer_that_was_killed_goes_on(tmp_path: Path) -> None:
    """A crash after the seal was appended and before its index was noted: no second seal in that interval."""
    clock = ManualClock(START_US)
    sealer.configure(tmp_path, Interval(EVERY_S), clock)
    sealer.seal_if_due(tmp_path, clock)
    with CaseEvidence.open(tmp_path, clock) as evidence:
        evidence.openings._db.execute("UPDATE seals SET entry = NULL")  # noqa: SLF001 - forges the crash
    assert sealer.seal_if_due(tmp_path, clock) is None
    (tmp_path / "evidence" / "sealer.json").write_bytes(b"{}")
    with pytest.raises(StoreError, match=r"sealer\.json"):
        sealer.seal_if_due(tmp_path, clock)


def test_sequence_entries_leave_no_gap(tmp_path: Path) -> None:
    """Each continues the one before; an input's span shows the records covered, and a hole where there is one."""
    clock = ManualClock(START_US)
    with CaseEvidence.open(tmp_path, clock) as evidence:
        evidence.seal_batch("a", 1, LINES[:20])
        evidence.seal_batch("b", 1, LINES[:10])
        assert rhythm.append_sequence(evidence) == 2
        assert rhythm.append_sequence(evidence) is None
        evidence.seal_batch("a", 21, LINES[20:30])
        evidence.seal_batch("a", 41, LINES[40:50])
        rhythm.append_canary(evidence, clock)
        assert rhythm.append_canary(evidence, clock) is None
        assert rhythm.append_sequence(evidence) == 6
        first, second = (Sequence.parse(evidence.private.entry(index)) for index in (2, 6))
        second.check_follows(evidence.private.entry(2))
        assert (first.end_entry, second.first_entry, second.end_entry) == (2, 2, 6)
        assert isinstance(parse_private(evidence.private.entry(5)), Canary)
        kept = rhythm.KeptSequence.parse(evidence.openings.kept_entries(Sequence.KIND)[1].opening)
        (span,) = kept.spans
        assert (span.path, span.runs) == ("a", ((21, 30), (41, 50)))
        assert kept.tree().root() == second.root
        batches = {}
        for index in (3, 4):
            batch = Batch.parse(evidence.private.entry(index))
            batches[index] = (batch.first_number, batch.lines)
        span.check(second, batches)
        for wrong in ({3: batches[3]}, {**batches, 4: (41, 9)}):
            with pytest.raises(ProofError, match="batch 4"):
                span.check(second, wrong)
        with pytest.raises(ProofError, match="does not continue"):
            first.check_follows(evidence.private.entry(6))


def test_the_command_turns_it_on_and_off(tmp_path: Path) -> None:
    """`evidence sealer --once` seals at most once an interval and stops scans from sealing; --off undoes that."""
    (tmp_path / "auth.log").write_bytes(
        b"Nov  3 20:00:01 h sshd[1]: Failed password for root from 192.0.2.7 port 2 ssh2\n"
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return told(*arguments, cwd=tmp_path)

    done = run("evidence", "sealer", "--case", "c", "--every", "1h", "--once")
    assert (done.returncode, done.stderr.strip()) == (0, "seal 0")
    assert run("scan", "auth.log", "--case", "c", "-q").returncode == 0
    refused = run("seal", "now", "--case", "c")
    assert refused.returncode == 2
    assert "3600" in refused.stderr
    _signed, reader = open_reader(
        tmp_path / "c" / "evidence" / "shared" / "public", CaseKeys.load(tmp_path / "c" / "evidence").shared.verifier
    )
    assert reader.size <= 2  # a second one only where the hour has changed meanwhile
    assert run("evidence", "sealer", "--case", "c", "--off").returncode == 0
    assert run("evidence", "sealer", "--case", "c", "--every", "0").returncode == 2
    assert run("evidence", "sealer", "--case", "c", "--once").returncode == 3
