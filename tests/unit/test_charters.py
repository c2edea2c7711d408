"""The charters of a node: signing on the record, changes, what each node takes up, and two changes that compete."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from hostile_scenes import enrol_members
from pollwatch.cli.main import root
from pollwatch.clock import US_PER_S, ManualClock
from pollwatch.errors import FormatError, PolicyError, PollwatchError, SignatureError, SplitError
from pollwatch.evidence import manifest
from pollwatch.evidence.manifest import Posted
from pollwatch.members.chain import Chain
from pollwatch.members.charter import SignedCharter
from pollwatch.members.member import Role
from pollwatch.members.rules import Amendment
from pollwatch.node.charter import charters, drafting, enrol
from pollwatch.node.charter.drafting import Change
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.sharing.stages import Gate, Stage

T = 1_793_700_000_000_000
NAMES = ("Alder", "Birch", "Cedar", "Dogwood")


@dataclass
class Four:
    """Four members of four blocs; three of them, of two blocs, may change the charter."""

    cases: list[Path]
    clock: ManualClock

    def chain(self, which: int) -> Chain:
        """The charters that a member holds."""
        return JointFolder(self.cases[which]).load_chain()

    def amend(self, change: Change, *signers: int) -> Chain:
        """A change, drafted by the first signer and signed by the others in turn."""
        first, *others = signers
        draft = drafting.changed(self.chain(first), change, self.clock)
        chain = enrol.amend(self.cases[first], draft, self.clock).chain
        for each in others:
            chain = enrol.sign(self.cases[each], chain.to_bytes(), self.clock).chain
        return chain


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four, enrolled once for all tests."""
    folder = tmp_path_factory.mktemp("four")
    enrolled(folder, NAMES)
    return folder


@pytest.fixture
def four(template: Path, tmp_path: Path) -> Four:
    """The four, enrolled; nothing runs. Copies, which each test changes for itself."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return Four([tmp_path / name.lower() for name in NAMES], ManualClock(T))


def enrolled(tmp_path: Path, names: Sequence[str]) -> Four:
    """So many members, enrolled."""
    clock = ManualClock(T)
    members = [(name, Role.MEMBER) for name in names]
    ports = tuple(range(9001, 9001 + len(names)))
    return Four(enrol_members(tmp_path, members, ports, clock), clock)


def posted(case: Path, clock: ManualClock) -> list[str]:
    """The subjects of the charter entries in a member's shared log."""
    with CaseEvidence.open(case, clock) as evidence:
        entries = [manifest.parse_shared(evidence.shared.entry(index)) for index in range(evidence.shared.size)]
    return [each.subject for each in entries if isinstance(each, Posted) and each.kind == "charter"]


def test_each_signature_and_version_is_an_entry(four: Four) -> None:
    """What a member signed stands in its log before anybody has it, and what was agreed to in every log."""
    first = four.chain(0).last.charter.digest
    for case, name in zip(four.cases, NAMES, strict=True):
        assert posted(case, four.clock) == [f"{first} signed by {name}", first]
    chain = four.amend(Change(terms={"reply_window_s": 60}), 0, 1, 2)
    second = chain.last.charter.digest
    assert posted(four.cases[1], four.clock)[2:] == [f"{second} signed by Birch"]
    assert posted(four.cases[2], four.clock)[2:] == [f"{second} signed by Cedar", second]
    assert charters.take_up(four.cases[3], chain, four.clock)
    assert posted(four.cases[3], four.clock)[2:] == [second]
    assert charters.take_up(four.cases[3], chain, four.clock)  # again: nothing more is posted
    assert posted(four.cases[3], four.clock)[2:] == [second]


def test_a_change_needs_as_many_as_the_charter_says_and_nobody_else(four: Four) -> None:
    """Three of four change the charter; the fourth, which is removed by it, cannot block."""
    draft = four.amend(Change(leaving=("Dogwood",)), 0, 1)
    assert draft.missing() == "1 more voting member"
    with pytest.raises(PolicyError, match="not agreed"):
        charters.take_up(four.cases[3], draft, four.clock)
    agreed = enrol.sign(four.cases[2], draft.to_bytes(), four.clock)
    assert agreed.in_force
    assert [each.name for each in Membership.open(four.cases[2]).charter.members] == ["Alder", "Birch", "Cedar"]
    assert charters.take_up(four.cases[3], agreed.chain, four.clock)
    with pytest.raises(PollwatchError, match="does not name"):
        Membership.open(four.cases[3])


def test_two_members_change_it_together_or_not_at_all(tmp_path: Path) -> None:
    """With two members both sign a change; one signature more than once is still one."""
    two = enrolled(tmp_path, NAMES[:2])
    draft = two.amend(Change(terms={"releasers": 2}), 0)
    again = enrol.sign(two.cases[0], draft.to_bytes(), two.clock)
    assert again.chain == draft
    assert not again.in_force
    done = enrol.sign(two.cases[1], draft.to_bytes(), two.clock)
    assert done.in_force
    assert Membership.open(two.cases[1]).charter.releasers == 2
    assert Membership.open(two.cases[0]).charter.releasers == 1
    assert charters.take_up(two.cases[0], done.chain, two.clock)


def test_a_member_is_added_with_its_own_signature(four: Four, tmp_path: Path) -> None:
    """A new member's card is taken where it has every key, and it is in when it has signed; it starts at witness."""
    case = tmp_path / "elm"
    card = enrol.introduce(case, "Elm", "elm", Role.MEMBER, "http://127.0.0.1:9009", four.clock)
    draft = four.amend(Change(cards=(card,), terms={"amendment": Amendment(4, 2)}), 0, 1, 2)
    assert draft.missing() == "the consent of Elm"
    done = enrol.sign(case, draft.to_bytes(), four.clock)
    assert done.in_force
    assert charters.take_up(four.cases[0], done.chain, four.clock)
    elm = Membership.open(four.cases[0]).peer("Elm")
    assert Gate(JointFolder(four.cases[0]).stages).stage(elm) is Stage.WITNESS
    assert len(Membership.open(case).peers) == 4


def test_nobody_says_something_of_a_member_without_it(four: Four) -> None:
    """Attack 10: a majority moves Dogwood's address to a server of its own; without Dogwood's key that is no change."""
    before = four.chain(0)
    dogwood = before.last.charter.member("Dogwood")
    moved = replace(dogwood, address="http://127.0.0.1:6666")
    members = (*before.last.charter.members[:3], moved)
    draft = replace(before.last.charter, members=members, previous=before.last.charter.digest)
    chain = enrol.amend(four.cases[0], draft, four.clock).chain
    for each in (1, 2):
        chain = enrol.sign(four.cases[each], chain.to_bytes(), four.clock).chain
    assert chain.missing() == "the consent of Dogwood"
    with pytest.raises(PolicyError, match="otherwise than its card"):
        enrol.sign(four.cases[3], chain.to_bytes(), four.clock)


def test_who_sides_with_whom_is_for_the_others_to_judge(four: Four) -> None:
    """Attack 15: Dogwood turns out to be Cedar's; the others count both as one bloc without asking Dogwood."""
    done = four.amend(Change(blocs={"Dogwood": "cedar"}, roles={"Dogwood": Role.OBSERVER}), 0, 1, 2)
    assert not done.missing()
    assert Membership.open(four.cases[2]).charter.member("Dogwood").bloc == "cedar"
    assert charters.take_up(four.cases[3], done, four.clock)
    assert Membership.open(four.cases[3]).me.bloc == "cedar"


def test_a_name_is_never_given_to_somebody_else(four: Four, tmp_path: Path) -> None:
    """Attack 10: a majority removes Dogwood and lets somebody else be called so."""
    card = enrol.introduce(tmp_path / "x", "Dogwood", "x", Role.MEMBER, "http://127.0.0.1:9009", four.clock)
    with pytest.raises(PolicyError, match="passes to somebody else"):
        four.amend(Change(cards=(card,), leaving=("Dogwood",)), 0, 1, 2)


def test_a_removed_member_cannot_change_the_charter(four: Four) -> None:
    """Attack: Dogwood was removed, and signs changes on as if nothing were."""
    chain = four.amend(Change(leaving=("Dogwood",)), 0, 1, 2)
    after = replace(chain.last.charter, previous=chain.last.charter.digest, reply_window_s=1)
    dogwood = Membership.open(four.cases[3]).keys.statement  # its node does not know yet
    draft = enrol.amend(four.cases[2], after, four.clock).chain
    forged = SignedCharter(after, draft.last.note.adding((charters.amendment.notes.sign(after.text, dogwood),)))
    with pytest.raises(SignatureError, match="no say"):
        charters.take_up(four.cases[0], draft.ending_with(forged), four.clock)


def test_no_node_goes_back(four: Four) -> None:
    """Attack 7: an older charter, with all its signatures, is offered again, or put in the place of the newer one."""
    before = four.chain(2)
    four.amend(Change(terms={"reply_window_s": 60}), 0, 1, 2)
    with pytest.raises(PolicyError, match="never goes back"):
        enrol.sign(four.cases[2], before.to_bytes(), four.clock)
    assert not charters.take_up(four.cases[2], before, four.clock) or four.chain(2) != before
    assert len(four.chain(2).charters) == 2
    folder = JointFolder(four.cases[2])
    folder.charter.write_bytes(before.last.to_bytes())  # restored from a backup
    assert Membership.open(four.cases[2]).charter.reply_window_s == 60
    foreign = replace(before.last.charter, reply_window_s=7)
    signed = SignedCharter.begin(foreign, Membership.open(four.cases[2]).keys.statement)
    folder.charter.write_bytes(signed.to_bytes())
    assert Membership.open(four.cases[2]).charter.reply_window_s == 60


def test_two_changes_that_compete_are_told_with_both(four: Four) -> None:
    """Attack 1, of charters: Cedar signs two changes that exclude each other; who holds one names Cedar with both."""
    left = four.amend(Change(terms={"reply_window_s": 60}), 0, 1, 2)
    signers = [Membership.open(case).keys.statement for case in four.cases[1:]]
    before = Chain(left.charters[:1])
    other = replace(before.last.charter, previous=before.last.charter.digest, reply_window_s=90)
    rival = before.followed_by(SignedCharter(other, charters.amendment.notes.sign_note(other.text, signers)))
    with pytest.raises(SplitError, match="Birch, Cedar") as caught:
        charters.take_up(four.cases[2], rival, four.clock)
    assert "reply_window_s: 60 here, 90 there" in str(caught.value)
    (kept,) = JointFolder(four.cases[2]).forks.iterdir()
    assert Chain.parse(kept.read_bytes()) == rival
    assert posted(four.cases[2], four.clock)[-1] == other.digest
    assert four.chain(2) == left
    done = CliRunner().invoke(root, ["charter", "check", str(JointFolder(four.cases[2]).charters), str(kept)])
    assert isinstance(done.exception, SplitError)


def test_an_honest_node_does_not_sign_two_changes(four: Four) -> None:
    """Two drafts are brought to Birch one after the other; it signs the second only where it takes back the first."""
    one = drafting.changed(four.chain(0), Change(terms={"reply_window_s": 60}), four.clock)
    two = drafting.changed(four.chain(0), Change(terms={"reply_window_s": 90}), four.clock)
    first = enrol.amend(four.cases[0], one, four.clock).chain
    second = enrol.amend(four.cases[2], two, four.clock).chain
    enrol.sign(four.cases[1], first.to_bytes(), four.clock)
    with pytest.raises(PolicyError, match="excludes this one"):
        enrol.sign(four.cases[1], second.to_bytes(), four.clock)
    enrol.sign(four.cases[1], second.to_bytes(), four.clock, instead=True)
    assert posted(four.cases[1], four.clock)[-2:] == [
        f"{one.digest} taken back by Birch",
        f"{two.digest} signed by Birch",
    ]


def test_a_charter_holds_from_its_time(four: Four) -> None:
    """A change that was agreed to for tomorrow holds tomorrow, without anybody doing anything, and not before."""
    tomorrow = T + 86_400 * US_PER_S
    chain = four.amend(Change(terms={"reply_window_s": 60}, effective_us=tomorrow), 0, 1, 2)
    folder = JointFolder(four.cases[2])
    assert folder.load_chain() == chain
    assert folder.load_charter().charter.reply_window_s == 86_400
    assert not folder.turn(tomorrow - 1)
    assert folder.turn(tomorrow)
    assert folder.load_charter().charter.reply_window_s == 60
    assert not folder.turn(T)  # a clock that goes wrong puts no older charter in force
    assert folder.load_charter().charter.reply_window_s == 60


def test_a_draft_of_an_older_charter_is_told_from_a_split(four: Four) -> None:
    """A draft that was overtaken by another change is refused with what differs, and convicts nobody."""
    late = enrol.amend(
        four.cases[3], drafting.changed(four.chain(3), Change(terms={"releasers": 2}), four.clock), four.clock
    ).chain
    four.amend(Change(terms={"reply_window_s": 60}), 0, 1, 2)
    with pytest.raises(PolicyError, match=r"amend\n  .*releasers: 1 here, 2 there"):
        enrol.sign(four.cases[2], late.to_bytes(), four.clock)


@pytest.mark.parametrize("wrong", [b"", b"{}", b'{"charters":[],"schema":"pollwatch.charters/1"}', b"x" * 100])
def test_what_is_no_chain_is_refused(wrong: bytes) -> None:
    """Attack 12: something else than charters is offered."""
    with pytest.raises((FormatError, SignatureError)):
        Chain.parse(wrong)
