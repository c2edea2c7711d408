"""The monitor: seals that come late or not at all, logs that break, keys used elsewhere; looks at fixed moments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

import joint_scenes
from hostile_scenes import served
from pollwatch import canonical
from pollwatch.cli.main import root
from pollwatch.clock import US_PER_S, ManualClock, SystemClock, rfc3339
from pollwatch.evidence.manifest import Posted, parse_shared
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.verify import verify_bytes
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.demos import rival
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.node.gateway import processes
from pollwatch.node.logs import monitoring, publishing
from pollwatch.node.logs.monitoring import State, Watched

START_US = 1_793_736_000_000_000


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at the beginning of an interval of five minutes."""
    return ManualClock(START_US)


@pytest.fixture
def pair(tmp_path: Path, clock: ManualClock) -> Iterator[list[Membership]]:
    """Two members whose gateways run, by the same clock."""
    members = joint_scenes.enrolled(tmp_path, "ab", clock)
    with served(*members, clock=clock):
        yield members


def states(found: Sequence[Watched]) -> list[State]:
    """B's state, then our own."""
    return [each.state for each in found]


def test_seals_that_are_late_or_missing_show(pair: list[Membership], clock: ManualClock) -> None:
    """Attack 4: B goes silent for a while, then comes back; first it is late, then it has a gap, then it is fine."""
    a, b = pair
    for _interval in range(3):
        publishing.publish(b, clock)
        clock.advance(300)
    found = monitoring.look(a, clock, 300)
    assert states(found) == [State.FINE, State.FINE]
    assert found[0].last_seal_us == START_US + 600_000_000
    assert monitoring.exit_code(found) == 0
    clock.advance(900)
    found = monitoring.look(a, clock, 300)
    assert states(found) == [State.LATE, State.FINE]
    assert monitoring.exit_code(found) == 5
    publishing.publish(b, clock)
    found = monitoring.look(a, clock, 300)
    assert states(found) == [State.GAPS, State.FINE]
    assert "1 times" in found[0].detail
    assert states(monitoring.look(a, clock, 300)) == [State.FINE, State.FINE]  # told once
    assert states(monitoring.look(a, clock, 86_400)) == [State.FINE, State.FINE]
    clock.advance(-3_000)
    assert "yet to come" in monitoring.look(a, clock, 300)[0].detail


def test_a_log_that_stops_is_told_although_nothing_was_agreed(pair: list[Membership], clock: ManualClock) -> None:
    """Attack 4: B, whose seals came regularly, merely stops; nobody agreed on an interval, and it still shows."""
    a, b = pair
    for _interval in range(8):
        publishing.publish(b, clock)
        clock.advance(300)
    assert states(monitoring.look(a, clock)) == [State.FINE, State.FINE]
    clock.advance(1_200)
    found = monitoring.look(a, clock)
    assert states(found) == [State.LATE, State.FINE]
    assert "300 s" in found[0].detail
    assert monitoring.exit_code(found) == 5
    publishing.publish(b, clock)
    assert states(monitoring.look(a, clock)) == [State.FINE, State.FINE]


def test_back_dated_entries_are_told(pair: list[Membership], clock: ManualClock) -> None:
    """Attack 3: B seals with yesterday's date after A has looked; A says which entry was not there then."""
    a, b = pair
    publishing.publish(b, clock)
    assert states(monitoring.look(a, clock)) == [State.FINE, State.FINE]
    clock.advance(600)
    with CaseEvidence.open(b.folder.case, ManualClock(clock.us - 86_400_000_000)) as evidence:
        evidence.publish_seal()
    found = monitoring.look(a, clock)
    assert states(found) == [State.MISDATED, State.FINE]
    assert "back-dated" in found[0].detail
    assert monitoring.exit_code(found) == 5
    assert states(monitoring.look(a, clock)) == [State.FINE, State.FINE]  # told once


def test_a_back_dated_claim_is_told(pair: list[Membership], clock: ManualClock) -> None:
    """Attack 3: B posts a claim that says it was made last week, between seals of today; A's first look tells."""
    a, b = pair
    publishing.publish(b, clock)
    with CaseEvidence.open(b.folder.case, clock) as evidence:
        claim = {"created_by_ref": b.me.identity, "modified": rfc3339(clock.us - 7 * 86_400_000_000)}
        index = evidence.post(Posted.of("claim", "x", canonical.dumps(claim)))
    found = monitoring.look(a, clock)
    assert states(found) == [State.MISDATED, State.FINE]
    assert f"entry {index} " in found[0].detail


def test_a_fork_is_proven_filed_and_ends_with_four(pair: list[Membership], clock: ManualClock) -> None:
    """Attack 2: B rewrites its log between two looks; the proof verifies alone and stands in A's own log, once."""
    a, b = pair
    publishing.publish(b, clock)
    told: list[Sequence[Watched]] = []

    def sleep(seconds: float) -> None:
        clock.advance(seconds)
        if len(told) == 1:
            rival.rewrite(b.folder.case, lambda _entry: Posted.of("policy", "x", b"x").to_bytes(), clock)

    clock.advance(100)
    code = monitoring.run(a.folder.case, 300, None, clock, told.append, 3, sleep)
    assert code == 4
    assert [each[0].state for each in told] == [State.FINE, State.FORKED, State.FORKED]
    assert clock.us == START_US + 600_000_000  # looks begin at fixed moments
    path = told[1][0].proof
    assert path is not None
    assert verify_bytes(path.read_bytes()).kind == "fork-proof"
    with CaseEvidence.open(a.folder.case, clock) as evidence:
        entries = [parse_shared(each) for each in evidence.shared.reader().entries(0, evidence.shared.size)]
    assert [each for each in entries if isinstance(each, ForkProof)] == [ForkProof.parse(path.read_bytes())]


def test_a_key_that_is_used_elsewhere_shows(pair: list[Membership], clock: ManualClock) -> None:
    """Attack 9: somebody with A's stolen key has another log cosigned; A sees it in what B cosigned."""
    a, b = pair
    publishing.publish(a, clock)
    assert states(monitoring.look(a, clock))[-1] is State.FINE
    # The thief's log is what B cosigned; ours is the rewritten one, which B has never seen.
    rival.rewrite(a.folder.case, lambda _entry: Posted.of("policy", "x", b"x").to_bytes(), clock)
    found = monitoring.look(a, clock)
    assert found[-1].state is State.MISUSED
    assert found[-1].views[0].by == b.me.name
    assert monitoring.exit_code(found) == 4


def test_views_of_three_members_are_shown_and_silence_is_no_end(tmp_path: Path, clock: ManualClock) -> None:
    """With three members each log has two views; a member that is down is out of reach, and the watch goes on."""
    a, b, c = joint_scenes.enrolled(tmp_path, "abc", clock)
    told: list[Sequence[Watched]] = []
    with served(b, clock=clock), served(c, clock=clock) as down:
        publishing.publish(b, clock)
        publishing.publish(c, clock)

        def sleep(seconds: float) -> None:
            clock.advance(seconds)
            down()

        assert monitoring.run(a.folder.case, 300, 300, clock, told.append, 2, sleep) == 5
    first, second = told
    assert states(first) == [State.FINE, State.FINE, State.FINE]
    assert [(view.by, view.size) for view in first[0].views] == [("C", first[0].size)]
    assert [view.size for view in first[2].views] == [None, None]  # A has published nothing
    assert states(second) == [State.FINE, State.UNREACHABLE, State.FINE]


def test_the_command_looks_once(tmp_path: Path) -> None:
    """``evidence watch --once`` prints one line per member, or one JSON line, and ends with the look's exit code."""
    a, b = joint_scenes.enrolled(tmp_path, "ab", SystemClock())
    command = ["evidence", "watch", "--case", str(a.folder.case), "--once"]
    with processes.running(joint_scenes.gateway(b)):
        publishing.publish(b, ManualClock(SystemClock().now_us() - 600 * US_PER_S))
        plain = CliRunner().invoke(root, command, standalone_mode=False)
        late = CliRunner().invoke(root, [*command, "--expect", "5m", "--json"], standalone_mode=False)
    assert (plain.return_value, [line.partition(",")[0] for line in plain.stdout.splitlines()]) == (
        0,
        ["B: fine", "A: fine"],
    )
    document = json.loads(late.stdout)
    assert document["schema"] == "pollwatch.evidence-watch/1"
    assert document["members"][0]["state"] == "late"
    assert late.return_value == 5
