"""What others see of a member who seals at a fixed interval: that it seals, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from evidence_scenes import LINES, an_incident, fetch
from pollwatch.clock import US_PER_S, ManualClock
from pollwatch.errors import ProofError, StoreError
from pollwatch.evidence import checkpoint, verify
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import open_reader
from pollwatch.evidence.manifest import Batch, Canary, Sequence, parse_private
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.seal import Seal
from pollwatch.node import bundling, rhythm, sealer, sealing_loop
from pollwatch.node.casekeys import CaseKeys
from pollwatch.node.interval import Interval
from pollwatch.node.sealing import CaseEvidence

EVERY_S = 3_600
START_US = 1_793_750_400 * US_PER_S  # 2026-11-04T00:00:00Z, the beginning of an interval


def seen_by_a_mirror(case: Path) -> tuple[list[tuple[str, int]], list[int], list[int]]:
    """All that can be fetched: files with their sizes, the sizes of the entries, and the times that they state."""
    public = case / "evidence" / "shared" / "public"
    files = sorted((str(path.relative_to(public)), path.stat().st_size) for path in public.rglob("*") if path.is_file())
    _signed, reader = open_reader(public, CaseKeys.load(case / "evidence").shared.verifier)
    entries = list(reader.entries(0, reader.size))
    return files, [len(entry) for entry in entries], [Seal.parse(entry).at_us for entry in entries]


def a_day(case: Path, *, busy: bool) -> list[object]:
    """A day of 24 intervals. A busy one is scanned into all day, one scan lasting for hours; an export comes in too."""
    clock = ManualClock(START_US)
    sealer.configure(case, Interval(EVERY_S), clock)
    seen: list[object] = []
    with ExitStack() as scans:
        evidence: CaseEvidence | None = None
        for tick in range(24):
            if busy and tick % 12 == 3:
                evidence = scans.enter_context(CaseEvidence.open(case, clock))
            if evidence is not None:
                for number in range(3):
                    evidence.seal_batch(f"log-{tick}", 1 + 20 * number, LINES[:20])
            if busy and tick % 12 == 9:
                scans.close()
                evidence = None
            clock.us += tick * 1_000 if busy else 0  # the busy machine wakes late, by milliseconds
            sealer.seal_if_due(case, clock)
            sealer.keep_rhythm(case, clock)
            assert sealer.seal_if_due(case, clock) is None
            seen.append(seen_by_a_mirror(case))
            clock.us = START_US + (tick + 1) * EVERY_S * US_PER_S
    return seen


def test_a_busy_day_looks_like_an_idle_one(tmp_path: Path) -> None:
    """Attack: a mirror compares a member's days, to learn when something was noticed. It sees the same every time."""
    busy, idle = a_day(tmp_path / "busy", busy=True), a_day(tmp_path / "idle", busy=False)
    assert busy == idle
    with CaseEvidence.open(tmp_path / "busy", ManualClock(START_US)) as evidence:
        assert evidence.private.size > 30


def test_an_embargoed_entry_opens_after_a_year(tmp_path: Path) -> None:
    """Sealed in November, kept closed for twelve months of further seals, then opened: seen by a witness back then."""
    clock = ManualClock(START_US)
    witness = Signer("b.example/witness", KeyType.COSIGNATURE, bytes(range(1, 33)))
    sealer.configure(tmp_path, Interval(86_400), clock)
    incident = an_incident([3, 4])
    with CaseEvidence.open(tmp_path, clock) as evidence:
        evidence.seal_batch("access.log", 1, LINES[:20])
        evidence.seal_incident(incident)
    sealer.seal_if_due(tmp_path, clock)
    with sealer.shared_only(tmp_path, clock) as shared:
        shared.add_cosignatures([checkpoint.sign(shared.signed.checkpoint, witness, clock.now_us() // US_PER_S)])
    for _month in range(13):
        clock.advance(28 * 86_400)
        sealer.seal_if_due(tmp_path, clock)
        sealer.keep_rhythm(tmp_path, clock)
    with CaseEvidence.open(tmp_path, clock) as evidence:
        bundling.export(evidence, incident, tmp_path / "b.zip", clock, fetch)
        policy = Policy((evidence.shared.verifier,), {"b": witness.verifier}, {}, "b").to_bytes()
    report = verify.verify_file(tmp_path / "b.zip", policy)
    assert (report.grade, report.not_later_us) == ("quorum", START_US)
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


def test_missed_intervals_are_not_made_up_for(tmp_path: Path) -> None:
    """After an outage there is one seal for the present interval; the hole stays for everybody to see."""
    clock = ManualClock(START_US)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt
        clock.advance(seconds + (5 * EVERY_S + 7 if len(waits) == 2 else 0))

    told: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        sealing_loop.run(tmp_path, EVERY_S, clock, once=False, tell=told.append, sleep=sleep)
    assert told == [0, 1, 2]
    assert waits == [EVERY_S, EVERY_S, EVERY_S - 7]
    times = seen_by_a_mirror(tmp_path)[2]
    assert [(at_us - START_US) // US_PER_S for at_us in times] == [0, EVERY_S, 7 * EVERY_S + 7]


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
        command = [sys.executable, "-m", "pollwatch", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

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
