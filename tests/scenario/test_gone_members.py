"""Members that were removed, left, or changed their key: what they said stays said, and nothing new counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from hostile_scenes import NOW_US
from pollwatch.attribution.opinion import to_stix
from pollwatch.attribution.scale import Stance
from pollwatch.attribution.tally import Part
from pollwatch.attribution.verify import read_record
from pollwatch.cli.main import root
from pollwatch.clock import ManualClock
from pollwatch.errors import PeerError, PolicyError
from pollwatch.evidence.keys import Signer
from pollwatch.members.charter import Charter
from pollwatch.members.roll import Roll
from pollwatch.members.rules import Quorum
from pollwatch.node.attribution import casefile, lookup
from pollwatch.node.charter import charters, drafting, enrol, leaving, renewing, roster, staging
from pollwatch.node.charter.drafting import Change
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.charter.renewing import Wish
from pollwatch.node.demos import rival
from pollwatch.node.logs import publishing, watching
from pollwatch.node.sharing import joint
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.stages import Gate, Stage
from pollwatch.stix.constants import StixObject
from pollwatch.stix.objects import Maker
from said_scenes import DAY_S, Scene, scene

MINUTE_US = 60_000_000


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Scene]:
    """Three members of three blocs, in which two may make a statement, and change the charter."""
    names = ("Alder", "Cedar", "Dogwood")
    with scene(tmp_path, names, Quorum(2, 2, 1)) as found:
        yield found


def amend(scene: Scene, change: Change, *signers: str) -> None:
    """Change the charter; every member that is still in takes it up, and acts under it."""
    cases = {name: each.folder.case for name, each in scene.members.items()}
    first, *others = signers
    draft = drafting.changed(scene.members[first].folder.load_chain(), change, scene.clock)
    chain = enrol.amend(cases[first], draft, scene.clock).chain
    for name in others:
        chain = enrol.sign(cases[name], chain.to_bytes(), scene.clock).chain
    for name, case in cases.items():
        assert charters.take_up(case, chain, scene.clock)
        if name in {each.name for each in chain.last.charter.members}:
            scene.members[name] = Membership.open(case)


def everything(scene: Scene, name: str) -> bytes:
    """All that a member holds about the incident."""
    return lookup.record_of(scene.members[name], lookup.incident_object_id(scene.members["Alder"], "PW-1"))


def claim_and_denial(scene: Scene) -> str:
    """Alder claims that it was Dogwood, who denies, and a statement is signed by both that did not do it; its id."""
    claim = scene.claim("Dogwood")
    scene.speaker("Dogwood").opine(claim, Stance.STRONGLY_DISAGREE, "It was not us.")
    closes_us = scene.clock.now_us() + 10 * MINUTE_US
    draft = scene.speaker("Cedar").draft("So it was", "As claimed.", [claim], closes_us).id
    scene.speaker("Alder").opine(draft, Stance.AGREE, "Yes.")
    for name in scene.members:
        scene.speaker(name)
    scene.clock.advance(3600)
    return claim


def check_read(scene: Scene, claim: str) -> None:
    """Whoever is left reads claim, denial and statement as before, and passes them on; so does an auditor."""
    for name in ("Alder", "Cedar"):
        record = casefile.read(scene.members[name])
        (judged,) = record.judged
        assert (judged.claim.id, [each.author.name for each in judged.denials]) == (claim, ["Dogwood"])
        assert [each.adopted for each in record.tallies] == [True]
        parts = {each.member.name: each.part for each in record.tallies[0].voices}
        assert parts == {"Alder": Part.SIGNED, "Cedar": Part.SIGNED, "Dogwood": Part.RESPONDENT}
        audited = read_record(everything(scene, name), Roll.of_chain(scene.members[name].folder.load_chain()))
        assert audited.judged == record.judged
    # An opinion of Alder's carries all of it along, and Cedar's gateway takes that.
    said = scene.speaker("Alder").opine(
        casefile.read(scene.members["Alder"]).tallies[0].statement.name.id, Stance.AGREE, "!"
    )
    assert [each.problem for each in said.sent if each.disclosure.release.receiver == "Cedar"] == [""]
    assert [each.refused for each in joint.take_in(scene.members["Cedar"], scene.clock)] == [""]


def forged(scene: Scene, key: Signer, claim: str, at_us: int, old: Charter) -> StixObject:
    """What the holder of Dogwood's key signs: an opinion on the claim, dated as it likes."""
    maker = Maker(old.member("Dogwood"), key, b"x" * 32, scene.members["Alder"].charter.tlp_default, at_us)
    subject = lookup.find_claim(scene.members["Alder"], claim).subject
    return to_stix(subject, Stance.STRONGLY_AGREE, "We admit it.", maker)


def bring(scene: Scene, found: StixObject) -> str:
    """Alder brings it to Cedar, with its own claim; gives what Cedar's gateway says, or then its inside node."""
    alder, cedar = scene.members["Alder"], scene.members["Cedar"]
    whole = [*casefile.about(alder, casefile.read(alder).judged[0].claim.source), found]
    try:
        rival.deliver(alder, alder.charter.member("Cedar"), whole, casefile.marking(whole), scene.clock)
    except PeerError as error:
        return f"gateway: {error}"
    (taken,) = joint.take_in(cedar, scene.clock)
    return f"inside: {taken.refused}"


def test_what_a_removed_member_said_stays_said_and_no_more(three: Scene) -> None:
    """Attack: a member that was removed goes on speaking through another one, also as if it had spoken before."""
    claim = claim_and_denial(three)
    dogwood, old = three.members["Dogwood"], three.members["Alder"].charter
    # Its log is known to Cedar, with one more opinion that only Alder was sent.
    staging.switch(dogwood, old.member("Cedar"), Stage.ALONE, Person.here("Dora"), "a test", three.clock)
    late = three.speaker("Dogwood").opine(casefile.read(dogwood).tallies[0].statement.name.id, Stance.DISAGREE, "No.")
    staging.switch(dogwood, old.member("Cedar"), Stage.CLAIM, Person.here("Dora"), "a test", three.clock)
    publishing.publish(dogwood, three.clock)
    assert watching.check_peer(three.members["Cedar"], dogwood.me, three.clock).sound
    three.speaker("Alder")
    three.clock.advance(60)
    removed_us = three.clock.now_us()
    amend(three, Change(leaving=("Dogwood",)), "Alder", "Cedar")
    assert [each.name for each in three.members["Cedar"].charter.members] == ["Alder", "Cedar"]
    check_read(three, claim)
    held = {each["id"] for each in casefile.said(Collection(three.members["Cedar"].folder.record))}
    assert late.id in held  # it came with the file that Alder sent, and Dogwood's log has it
    three.clock.advance(60)
    key = dogwood.keys.statement
    assert "says nothing more" in bring(three, forged(three, key, claim, three.clock.now_us(), old))
    assert "gateway" in bring(three, forged(three, key, claim, three.clock.now_us(), old))
    dated_back = bring(three, forged(three, key, claim, removed_us - 30 * MINUTE_US, old))
    assert dated_back.startswith("inside: ")
    assert "stands nowhere in its log" in dated_back
    check_read(three, claim)  # nothing of it was kept, and the rest goes on


def test_what_an_earlier_key_signed_stays_signed_and_no_more(three: Scene) -> None:
    """Attack: a thief of a statement key that was changed since signs with it, now and dated back."""
    claim = claim_and_denial(three)
    old = three.members["Alder"].charter
    stolen = three.members["Dogwood"].keys.statement
    changed_us = three.clock.now_us()
    card = renewing.renew(three.members["Dogwood"].folder.case, Wish(uses=("statement", "gateway")), three.clock).card
    amend(three, Change(cards=[card]), "Alder", "Cedar", "Dogwood")
    assert three.members["Dogwood"].keys.statement != stolen
    check_read(three, claim)
    three.clock.advance(60)
    assert "says nothing more" in bring(three, forged(three, stolen, claim, three.clock.now_us(), old))
    assert "stands nowhere" in bring(three, forged(three, stolen, claim, changed_us - 30 * MINUTE_US, old))
    # With its new key it goes on, about what was said before.
    asked = casefile.read(three.members["Dogwood"]).judged[0].claim.id
    three.speaker("Dogwood").opine(asked, Stance.STRONGLY_DISAGREE, "Still not us.")
    three.speaker("Cedar")
    (judged,) = casefile.read(three.members["Cedar"]).judged
    assert [each.author.name for each in judged.denials] == ["Dogwood", "Dogwood"]


def test_a_notice_of_leaving_is_acted_on_by_whoever_reads_it(three: Scene) -> None:
    """Whoever leaves is let alone, and its keys say nothing more; a notice that is dated back undoes nothing."""
    claim = claim_and_denial(three)
    dogwood, old = three.members["Dogwood"], three.members["Alder"].charter
    for name in ("Alder", "Cedar"):
        publishing.publish(dogwood, three.clock)
        assert watching.check_peer(three.members[name], dogwood.me, three.clock).sound
    three.clock.advance(60)
    long_ago = ManualClock(NOW_US - 365 * DAY_S * 1_000_000)
    with pytest.MonkeyPatch.context() as patch:  # attack: the notice says that it left a year ago
        notice = leaving.notice
        patch.setattr(leaving, "notice", lambda membership, why, _now_us: notice(membership, why, long_ago.now_us()))
        leaving.leave(dogwood, Person.here("Dora"), "the election is over", three.clock)
    left_us = three.clock.now_us()
    for name in ("Alder", "Cedar"):
        member = three.members[name]
        checked = watching.check_peer(member, dogwood.me, three.clock)  # Dogwood lets nobody in; our mirror has it
        assert "it has left the joint watch: the election is over" in checked.detail
        assert Gate(member.folder.stages).stage(dogwood.me) is Stage.ALONE
        line = next(each for each in roster.lines(member) if each.member == dogwood.me)
        assert "it has left: the election is over" in line.sentence
        with pytest.raises(PolicyError, match="revokes its keys"):
            staging.switch(member, dogwood.me, Stage.SHARE, Person.here("Ada"), "why not", three.clock)
    check_read(three, claim)
    three.clock.advance(60)
    assert "says nothing more" in bring(three, forged(three, dogwood.keys.statement, claim, three.clock.now_us(), old))
    assert "stands nowhere" in bring(three, forged(three, dogwood.keys.statement, claim, left_us - 10 * MINUTE_US, old))
    alder = three.members["Alder"]
    closes_us = three.clock.now_us() + DAY_S * 1_000_000
    incident = lookup.incident_object_id(alder, "PW-1")
    draft = three.speaker("Alder").draft("More", "More of it.", [incident], closes_us).id
    tally = next(each for each in casefile.read(alder).tallies if each.statement.name.id == draft)
    assert {each.member.name: each.part for each in tally.voices}["Dogwood"] is Part.LEFT
    assert not tally.adopted
    three.speaker("Cedar").opine(draft, Stance.AGREE, "Yes.")
    three.speaker("Alder")
    assert next(each for each in casefile.read(alder).tallies if each.statement.name.id == draft).adopted
    shown = CliRunner().invoke(root, ["members", "--case", str(alder.folder.case)])
    assert "it has left: the election is over" in shown.output
