"""Stages: how far a member goes with another, who says so, and what is left when a process dies in between."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from hostile_scenes import served
from joint_scenes import enrolled
from pollwatch.cli.main import root
from pollwatch.clock import ManualClock
from pollwatch.errors import FormatError, PolicyError, StoreError
from pollwatch.evidence import manifest
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.manifest import Decision
from pollwatch.evidence.published import Published
from pollwatch.evidence.request import build_add_checkpoint
from pollwatch.node.charter import staging
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.sharing import stages
from pollwatch.sharing.decisions import Decisions, Person
from pollwatch.sharing.stages import Gate, Stage, StageError

CLOCK = ManualClock(1_793_700_000_000_000)
ADA = Person("Ada", "ada")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Membership, Membership]:
    """Two members under one charter; nothing runs."""
    one, two = enrolled(tmp_path, "ab", CLOCK)
    return one, two


def sealed_decisions(member: Membership) -> list[bytes]:
    """The decision entries in a member's private log after the first, which says that it signed the charter."""
    with CaseEvidence.open(member.folder.case, CLOCK) as evidence:
        entries = [evidence.private.entry(index) for index in range(evidence.private.size)]
    return [each for each in entries if isinstance(manifest.parse_private(each), Decision)][1:]


def test_joining_lets_others_cosign_and_no_more(pair: tuple[Membership, Membership]) -> None:
    """After joining, a member is at the stage that its charter speaks of; telling it something is switched on later."""
    one, two = pair
    gate = Gate(one.folder.stages)
    assert gate.stage(two.me) is Stage.WITNESS
    gate.check(two.me, Stage.WITNESS)
    with pytest.raises(StageError, match="'witness' here, and this needs 'share'"):
        gate.check(two.me, Stage.SHARE)


def test_a_stage_is_switched_by_a_named_person_on_the_record(pair: tuple[Membership, Membership]) -> None:
    """Person, reason and time are kept, and the private log commits to them, before anything more is allowed."""
    one, two = pair
    switched = staging.switch(one, two.me, Stage.CLAIM, ADA, "agreed at the meeting", CLOCK)
    assert (switched.before, switched.after, switched.sealed) == (Stage.WITNESS, Stage.CLAIM, True)
    assert Gate(one.folder.stages).stage(two.me) is Stage.CLAIM
    assert stages.read(one.folder.outer_stages) == stages.read(one.folder.stages)
    (decided,) = staging.history(one)
    assert decided.content["by"] == {"name": "Ada", "account": "ada"}
    assert decided.content["reason"] == "agreed at the meeting"
    assert sealed_decisions(one) == [decided.entry.to_bytes()]
    with pytest.raises(FormatError):
        staging.switch(one, two.me, Stage.SHARE, ADA, "", CLOCK)


def test_severing_waits_for_nobody(pair: tuple[Membership, Membership]) -> None:
    """While a scan holds the private log, a severing takes effect all the same, and is sealed when the scan ends."""
    one, two = pair
    with CaseEvidence.open(one.folder.case, CLOCK):  # as a scan does, perhaps for hours
        with pytest.raises(StoreError):
            staging.switch(one, two.me, Stage.CLAIM, ADA, "more", CLOCK)
        assert Gate(one.folder.stages).stage(two.me) is Stage.WITNESS
        switched = staging.switch(one, two.me, Stage.ALONE, ADA, "poisoned us", CLOCK)
        assert not switched.sealed
        assert Gate(one.folder.stages).stage(two.me) is Stage.ALONE
        assert stages.read(one.folder.outer_stages)[two.me.identity] is Stage.ALONE
    assert sealed_decisions(one) == []
    with rail.opened(one.folder.case, CLOCK):
        pass
    (decided,) = staging.history(one)
    assert sealed_decisions(one) == [decided.entry.to_bytes()]
    assert decided.log_index is not None


def test_who_goes_further_while_another_severs_is_refused(
    pair: tuple[Membership, Membership], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a severing and a going further at the same moment, the severing stands."""
    one, two = pair
    sealing = rail.seal_decisions

    def severed_meanwhile(case_dir: Path, evidence: CaseEvidence) -> None:
        sealing(case_dir, evidence)
        staging._replace(one.folder, two.me, Stage.ALONE, None)

    monkeypatch.setattr(rail, "seal_decisions", severed_meanwhile)
    with pytest.raises(PolicyError, match="meanwhile"):
        staging.switch(one, two.me, Stage.CLAIM, ADA, "more", CLOCK)
    assert Gate(one.folder.stages).stage(two.me) is Stage.ALONE


def test_nothing_unreadable_allows_anything(pair: tuple[Membership, Membership]) -> None:
    """Without its file, with a broken one, or one of unknown words, everybody is at the first stage."""
    one, two = pair
    gate, path = Gate(one.folder.stages), one.folder.stages
    good = path.read_bytes()
    for bad in (b"", good[:-1], good.replace(b"witness", b"wittness"), good.replace(b"stages/1", b"stages/2"), b"[]"):
        path.write_bytes(bad)
        assert gate.stage(two.me) is Stage.ALONE
    path.unlink()
    assert gate.stage(two.me) is Stage.ALONE
    path.write_bytes(good)
    assert gate.stage(two.me) is Stage.WITNESS


def test_what_a_process_that_died_left_is_made_up_for(pair: tuple[Membership, Membership]) -> None:
    """Killed after severing and before recording it: the next look records that it was found so, once."""
    one, two = pair
    stages.write(one.folder.stages, {two.me.identity: Stage.ALONE})  # and the gateway's copy was not written
    staging.settle(one, CLOCK)
    staging.settle(one, CLOCK)
    assert stages.read(one.folder.outer_stages) == {two.me.identity: Stage.ALONE}
    (decided,) = staging.history(one)
    assert decided.content["after"] == "alone"
    assert "cut short" in decided.content["reason"]
    assert len(sealed_decisions(one)) == 1


def test_decisions_are_only_ever_added_to(pair: tuple[Membership, Membership]) -> None:
    """Attack: an operator rewrites who decided; the record refuses, and the log's commitment would not fit."""
    one, two = pair
    staging.switch(one, two.me, Stage.ALONE, ADA, "why", CLOCK)
    with sqlite3.connect(one.folder.record) as database:
        for change in ("UPDATE decisions SET content = X'7B7D'", "DELETE FROM decisions"):
            with pytest.raises(sqlite3.IntegrityError, match="never changed"):
                database.execute(change)
    database.close()
    assert len(Decisions(one.folder.record).all("stage")) == 1


def test_an_unknown_request_needs_the_last_stage() -> None:
    """A route that nobody thought of is open to nobody who is not trusted with everything."""
    assert stages.inbound("GET", "/new") is stages.outbound("PUT", "/log/x") is Stage.CLAIM
    assert stages.inbound("GET", "/taxii2/api/") is Stage.SHARE
    assert stages.outbound("GET", "/log/checkpoint") is Stage.RECEIVE
    assert stages.inbound("POST", "/match/begin") is Stage.MATCH


def test_the_verbs_say_who_and_how_far(pair: tuple[Membership, Membership]) -> None:
    """`members`, `members stage` and `sever` do what their users type, and refuse what cannot be meant."""
    one, _two = pair

    def pollwatch(*words: str) -> str:
        done = CliRunner().invoke(root, [*words, "--case", str(one.folder.case)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.output

    assert "B (b, member)" in pollwatch("members")
    assert "witness, with the charter" in pollwatch("members")
    assert "witness → share" in pollwatch("members", "stage", "b", "share", "--by", "Ada", "--reason", "agreed")
    assert "by Ada (agreed)" in pollwatch("members")
    assert "share → alone" in pollwatch("sever", "b")
    assert '"stage": "alone"' in pollwatch("members", "--json")
    done = CliRunner().invoke(root, ["sever", "A", "--case", str(one.folder.case)])
    assert isinstance(done.exception, PolicyError)


def test_nothing_is_cosigned_for_a_severed_member_whoever_brings_it(pair: tuple[Membership, Membership]) -> None:
    """Attack: a severed member brings its checkpoint and keys without signing the request, as any log may."""
    one, two = pair
    with CaseEvidence.open(two.folder.case, CLOCK) as evidence:
        evidence.publish_seal()
    public = Published(two.folder.public)
    checkpoint = SignedCheckpoint.parse(public.read("checkpoint") or b"")
    bodies = {
        "/witness/add-keys": public.read("keys") or b"",
        "/witness/add-checkpoint": build_add_checkpoint(0, (), checkpoint),
    }
    with served(one, clock=CLOCK), httpx.Client(base_url=one.me.address) as stranger:
        staging.switch(one, two.me, Stage.ALONE, ADA, "a test", CLOCK)
        assert {path: stranger.post(path, content=body).status_code for path, body in bodies.items()} == {
            "/witness/add-keys": 403,
            "/witness/add-checkpoint": 403,
        }
        assert stranger.post("/witness/add-checkpoint", content=b"old 0\n\nnonsense").status_code == 400
        assert stranger.post("/witness/add-keys", content=b"nonsense").status_code == 400
        staging.switch(one, two.me, Stage.WITNESS, ADA, "a test", CLOCK)
        assert [stranger.post(path, content=body).status_code for path, body in bodies.items()] == [200, 200]
