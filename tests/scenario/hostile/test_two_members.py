"""The founding case: two members, each the other's only witness, and what a neutral witness adds to that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hostile_scenes import NOW_US, Lies, Served, an_incident, enrol_members
from pollwatch.attribution.claim import Assertion
from pollwatch.attribution.scale import Confidence, Finding, Likelihood, Stance
from pollwatch.attribution.verify import verify_record
from pollwatch.clock import ManualClock
from pollwatch.errors import PollwatchError, SignatureError
from pollwatch.evidence.manifest import Posted, parse_shared
from pollwatch.evidence.verify import verify_bytes
from pollwatch.evidence.witnessanswer import Cosigned
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Role
from pollwatch.node.attribution import lookup
from pollwatch.node.attribution.attributing import Speaker
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.demos import rival
from pollwatch.node.evidence import bundling
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.node.gateway import processes
from pollwatch.node.gateway.app import Turning
from pollwatch.node.logs import publishing, watching
from pollwatch.node.logs.watching import Verdict
from pollwatch.node.sharing import joint, releasing
from pollwatch.node.sharing.releasing import Decision
from pollwatch.sharing.peer import Peer
from pollwatch.stix import bundle, objects, signature

DECISION = Decision("duty officer", "charter")


@dataclass
class Two:
    """Alder, who acts; Birch, whose gateway may lie; and perhaps Elm, who belongs to neither."""

    alder: Membership
    birch: Membership
    elm: Membership | None
    lies: Lies
    clock: ManualClock


@contextmanager
def two(root: Path, *, neutral: bool) -> Iterator[Two]:
    """Enrolled, with their gateways answering."""
    members = [("Alder", Role.MEMBER), ("Birch", Role.MEMBER), *([("Elm", Role.AUDITOR)] if neutral else [])]
    ports, clock = processes.free_ports(len(members)), ManualClock(NOW_US)
    cases = enrol_members(root, members, ports, clock)
    apps = [Turning(JointFolder(case).gateway, clock) for case in cases]
    lies = Lies(apps[1])
    served: list[Served] = []
    try:
        for app, port in zip((apps[0], lies, *apps[2:]), ports, strict=True):
            served.append(Served(app, port))
        alder, birch, *elm = (Membership.open(case) for case in cases)
        yield Two(alder, birch, elm[0] if elm else None, lies, clock)
    finally:
        for each in served:
            each.close()


@pytest.mark.parametrize(("neutral", "grade"), [(False, "asserted"), (True, "quorum")])
def test_no_veto_on_publishing(tmp_path: Path, neutral: bool, grade: str) -> None:  # noqa: FBT001 - a parameter of the case
    """Attack 5 at n = 2: the only rival refuses; all is published, and a neutral witness restores the grade."""
    with two(tmp_path, neutral=neutral) as scene:
        scene.lies.answer("/witness/add-checkpoint", 403, b"we do not cosign accusations\n")
        with CaseEvidence.open(scene.alder.folder.case, scene.clock) as evidence:
            evidence.seal_batch("access.log", 1, [b"one", b"two"])
            evidence.seal_incident(an_incident("PW-1"))
        published = publishing.publish(scene.alder, scene.clock)
        assert published.grade == grade
        refusal = next(each.problem for each in published.cosignings if each.member == "Birch")
        assert "we do not cosign" in refusal
        # The evidence is exported and verifies offline; the policy of the charter grades it the same.
        policy = scene.alder.charter.policy(scene.alder.me).encode()
        witnesses = tuple(each.witness for each in scene.alder.peers)
        extras = bundling.Extras(witnesses=witnesses, policy=policy)
        with CaseEvidence.open(scene.alder.folder.case, scene.clock) as evidence:
            bundling.export(evidence, an_incident("PW-1"), tmp_path / "b.zip", scene.clock, None, extras)
        report = verify_bytes((tmp_path / "b.zip").read_bytes(), policy)
        assert (report.grade == "asserted") == (grade == "asserted")
        assert (report.not_later_us is not None) == neutral
        del scene.lies.told["/witness/add-checkpoint"]
        assert publishing.publish(scene.alder, scene.clock).grade == "quorum"


def test_no_word_in_the_others_name(tmp_path: Path) -> None:
    """At n = 2 nobody speaks for both: a claim stands beside its denial, and agreement needs the other's key."""
    with two(tmp_path, neutral=False) as scene:
        alder, birch = scene.alder, scene.birch
        prepared = releasing.prepare_incident(alder, an_incident("PW-1"), None, scene.clock)
        releasing.release(alder, prepared, birch.me, DECISION, scene.clock)
        incident = lookup.incident_object_id(alder, "PW-1")
        words = Assertion(incident, Finding.NAMED, birch.me, Likelihood.LIKELY, Confidence.LOW, "Their addresses.")
        claim = Speaker(alder, DECISION, scene.clock).claim(words)
        joint.take_in(birch, scene.clock)
        Speaker(birch, DECISION, scene.clock).opine(claim.id, Stance.STRONGLY_DISAGREE, "We never did this.")
        joint.take_in(alder, scene.clock)
        record = lookup.record_of(alder, claim.id)
        charter = alder.folder.load_charter()
        (judged,) = verify_record(record, charter).judged
        assert [each.author.name for each in judged.denials] == ["Birch"]
        # Alder turns the denial into agreement: unsigned, under its own key, and by itself for Birch.
        parts = list(bundle.read(record))
        denial = next(each for each in parts if each["type"] == "opinion")
        others = [each for each in parts if each is not denial]
        agreed = {**denial, "opinion": "strongly-agree"}
        for forged in (agreed, signature.sign(agreed, alder.keys.statement)):
            with pytest.raises(SignatureError):
                verify_record(bundle.write([*others, forged]), charter)
        maker = objects.Maker(birch.me, alder.keys.statement, alder.keys.id_secret, Tlp.AMBER, scene.clock.now_us())
        with pytest.raises(PollwatchError):
            verify_record(bundle.write([*others, maker.make("opinion", "x", opinion="agree")]), charter)
        # Birch cannot take the claim off the record either: both logs have both.
        for case in (alder.folder.case, birch.folder.case):
            with CaseEvidence.open(case, scene.clock) as evidence:
                entries = [parse_shared(each) for each in evidence.shared.reader().entries(0, evidence.shared.size)]
            kinds = [each.kind for each in entries if isinstance(each, Posted)]
            assert {"claim", "opinion"} <= set(kinds)


def test_a_split_is_shown_by_its_two_signatures(tmp_path: Path) -> None:
    """Attack 2 at n = 2: Birch rewrites its log; with nobody else to ask, its own two signatures convict it."""
    with two(tmp_path, neutral=False) as scene:
        publishing.publish(scene.birch, scene.clock)
        (seen,) = watching.check_peers(scene.alder, scene.clock)
        assert seen.verdict is Verdict.FIRST_SEEN
        rival.rewrite(scene.birch.folder.case, lambda _entry: Posted.of("policy", "x", b"x").to_bytes(), scene.clock)
        (checked,) = watching.check_peers(scene.alder, scene.clock)
        assert checked.verdict is Verdict.FORKED
        assert checked.proof is not None
        report = verify_bytes(checked.proof.read_bytes())
        assert report.log == scene.birch.me.log.name


@pytest.mark.parametrize(("neutral", "verdict"), [(False, Verdict.FIRST_SEEN), (True, Verdict.FORKED)])
def test_what_a_neutral_witness_adds(tmp_path: Path, neutral: bool, verdict: Verdict) -> None:  # noqa: FBT001 - as above
    """Attack 1 at n = 2: Birch has another log for Alder; alone Alder cannot know, but what Elm cosigned convicts."""
    with two(tmp_path, neutral=neutral) as scene:
        with CaseEvidence.open(scene.birch.folder.case, scene.clock) as evidence:
            evidence.publish_seal()
            signed, tiles = evidence.shared.signed, evidence.shared.reader()
            if scene.elm is not None:
                with Peer(scene.birch.way_to(scene.elm.me, scene.clock)) as peer:
                    assert isinstance(peer.cosign(signed, tiles), Cosigned)
        rival.rewrite(scene.birch.folder.case, lambda _entry: Posted.of("policy", "x", b"x").to_bytes(), scene.clock)
        (checked,) = watching.check_peers(scene.alder, scene.clock, ["Birch"])
        assert checked.verdict is verdict
        if checked.proof is not None:
            verify_bytes(checked.proof.read_bytes())
