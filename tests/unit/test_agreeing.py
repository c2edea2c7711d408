"""Release by two persons: nothing leaves on one person's word, whatever names it types."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

from hostile_scenes import an_incident, served
from joint_scenes import enrolled, trusting
from pollwatch.attribution.claim import Assertion
from pollwatch.attribution.scale import Confidence, Finding
from pollwatch.cli.main import root
from pollwatch.clock import ManualClock
from pollwatch.errors import PolicyError
from pollwatch.members.marking import Tlp
from pollwatch.node.attribution import lookup
from pollwatch.node.attribution.attributing import Speaker
from pollwatch.node.charter import charters, drafting, enrol, staging
from pollwatch.node.charter.drafting import Change
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.sharing import agreeing, collecting, releasing, retracting
from pollwatch.node.sharing.releasing import Decision
from pollwatch.sharing import decisions
from pollwatch.sharing.decisions import Decisions, Person
from pollwatch.sharing.inbox import Mailbox
from pollwatch.sharing.ledger import Ledger
from pollwatch.sharing.stages import Stage, StageError
from pollwatch.sharing.taxii.grants import EVERYBODY, Terms
from pollwatch.stix import bundle

T = 1_793_700_000_000_000
ADA = Decision("Ada", "charter, section 3")
BEN = Person("Ben", "ben")


@dataclass
class Office:
    """Two members whose charter asks for two persons, the second one's gateway answering; and who is logged in here."""

    one: Membership
    two: Membership
    clock: ManualClock
    account: list[str] = field(default_factory=lambda: ["ada"])


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two members whose charter asks for two persons, going all the way with each other."""
    folder, clock = tmp_path_factory.mktemp("offices"), ManualClock(T)
    cases = [each.folder.case for each in enrolled(folder, "ab", clock)]
    draft = drafting.changed(Membership.open(cases[0]).folder.load_chain(), Change(terms={"releasers": 2}), clock)
    chain = enrol.sign(cases[1], enrol.amend(cases[0], draft, clock).chain.to_bytes(), clock).chain
    assert charters.take_up(cases[0], chain, clock)
    trusting(*map(Membership.open, cases), clock=clock)
    return folder


@pytest.fixture
def office(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """The office, copied for each test, with Ada logged in."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    one, two = (Membership.open(tmp_path / name) for name in "ab")
    made = Office(one, two, ManualClock(T))
    monkeypatch.setattr(decisions, "account_name", lambda: made.account[0])
    with served(two, clock=made.clock):
        yield made


def test_one_person_releases_nothing(office: Office) -> None:
    """Attack: one person releases alone, or names two people; nothing is recorded, and nothing leaves."""
    prepared = releasing.prepare_incident(office.one, an_incident("PW-1"), None, office.clock)
    alone = (Person("Ada", "ada"), Person("Ben", "ada"))
    for decision in (ADA, Decision("Ada and Ben", "charter"), Decision("Ada and Ben", "charter", alone)):
        with pytest.raises(PolicyError, match="two persons"):
            releasing.release(office.one, prepared, office.two.me, decision, office.clock)
    assert Ledger(office.one.folder.record).all() == ()
    assert Mailbox(office.two.folder.mailbox, office.clock).all() == ()


def test_what_the_second_person_agrees_to_is_what_leaves(office: Office) -> None:
    """Ada asks, Ben agrees; those bytes leave, the ledger names both, and the private log commits to both decisions."""
    prepared = releasing.prepare_incident(office.one, an_incident("PW-1"), None, office.clock)
    asked = agreeing.ask(office.one, prepared, [office.two.me], ADA, office.clock)
    for same in (Person("Ben", "ada"), Person("ada", "ben")):
        with pytest.raises(PolicyError, match="somebody else"):
            agreeing.agree(office.one, asked.number, same, office.clock)
    assert [each.number for each in agreeing.waiting(office.one)] == [asked.number]
    agreed = agreeing.agree(office.one, asked.number, BEN, office.clock)
    assert agreed == agreeing.agree(office.one, asked.number, BEN, office.clock)
    assert agreeing.waiting(office.one) == ()
    sent = releasing.release(office.one, agreed.prepared, office.two.me, agreed.decision, office.clock)
    assert not sent.problem
    (recorded,) = Ledger(office.one.folder.record).all()
    assert (recorded.release.released_by, recorded.release.body) == ("Ada and Ben", prepared.body)
    (mail,) = Mailbox(office.two.folder.mailbox, office.clock).all()
    assert mail.body == prepared.body
    kept = Decisions(office.one.folder.record)
    assert all(each.log_index is not None for kind in (agreeing.ASKED, agreeing.AGREED) for each in kept.all(kind))


def test_bytes_that_were_exchanged_in_between_are_not_agreed_to(office: Office) -> None:
    """Attack: what Ada asked for is replaced in the outbox before Ben agrees."""
    prepared = releasing.prepare_incident(office.one, an_incident("PW-1"), None, office.clock)
    asked = agreeing.ask(office.one, prepared, [office.two.me], ADA, office.clock)
    path = office.one.folder.outbox / f"{prepared.content}.json"
    path.write_bytes(prepared.body.replace(b"203.0.113.7", b"203.0.113.8"))
    with pytest.raises(PolicyError, match="changed since"):
        agreeing.agree(office.one, asked.number, BEN, office.clock)


def test_nothing_is_said_either_before_two_agree(office: Office) -> None:
    """A claim is not even posted in the shared log before the second person agreed; then it is what was asked for."""
    prepared = releasing.prepare_incident(office.one, an_incident("PW-1"), None, office.clock)
    asked = agreeing.ask(office.one, prepared, [office.two.me], ADA, office.clock)
    agreed = agreeing.agree(office.one, asked.number, BEN, office.clock)
    releasing.release(office.one, agreed.prepared, office.two.me, agreed.decision, office.clock)
    incident = lookup.incident_object_id(office.one, "PW-1")
    words = Assertion(incident, Finding.UNKNOWN, None, None, Confidence.HIGH, "No trace.")
    spoken = Speaker(office.one, ADA, office.clock).claim(words)
    assert spoken.asked
    assert spoken.log_index is None
    assert lookup.all_judged(office.one) == ()
    agreed = agreeing.agree(office.one, spoken.asked, BEN, office.clock)
    assert agreed.said is not None
    said = Speaker(office.one, agreed.decision, office.clock).say(agreed.said, agreed.prepared)
    assert (said.id, said.body) == (spoken.id, spoken.body)
    assert said.log_index is not None
    assert len(Mailbox(office.two.folder.mailbox, office.clock).all()) == 2


def test_the_verbs_ask_and_agree(office: Office) -> None:
    """`share --waiting` lists, `--agree` refuses whoever asked and lets somebody else's login release."""
    prepared = releasing.prepare_incident(office.one, an_incident("PW-1"), None, office.clock)
    number = str(agreeing.ask(office.one, prepared, [office.two.me], ADA, office.clock).number)
    case = str(office.one.folder.case)
    listed = CliRunner().invoke(root, ["share", "--waiting", "--case", case])
    assert listed.output.split("\t")[0] == number
    shown = CliRunner().invoke(root, ["share", "--agree", number, "--dry-run", "--case", case])
    assert shown.stdout_bytes == prepared.body
    refused = CliRunner().invoke(root, ["share", "--agree", number, "--released-by", "Ben", "--case", case])
    assert isinstance(refused.exception, PolicyError)
    office.account[0] = "ben"
    done = CliRunner().invoke(root, ["share", "--agree", number, "--released-by", "Ben", "--case", case])
    assert "recorded as disclosure" in done.output  # our clock is not the gateway's: what left is refused, and kept


def test_a_collection_is_filled_by_two(office: Office) -> None:
    """Attack: one person puts a release where others fetch it. Ada asks, Ben agrees; only then can anybody fetch it."""
    one, clock, case = office.one, office.clock, str(office.one.folder.case)
    shelf = collecting.make(one, Terms("Incidents", "", Tlp.AMBER, (EVERYBODY,), ()), clock)
    prepared = releasing.prepare_incident(one, an_incident("PW-1"), None, clock)
    with pytest.raises(PolicyError, match="two persons"):
        collecting.publish(one, "Incidents", prepared, ADA, clock)
    asked = collecting.ask(one, "Incidents", prepared, ADA, clock)
    assert collecting.ask(one, "Incidents", prepared, ADA, clock).number == asked.number  # not asked for twice
    assert (asked.receivers, asked.shelf) == ((office.two.me.name,), shelf.id)
    assert f"(collection {shelf.id})" in CliRunner().invoke(root, ["share", "--waiting", "--case", case]).output
    with pytest.raises(PolicyError, match="two persons"):
        collecting.publish_agreed(one, asked, clock)
    with collecting.store(one, clock) as store:
        assert store.count(shelf) == 0
    office.account[0] = "ben"
    agree = ["share", "--agree", str(asked.number), "--released-by", "Ben", "--case", case]
    done = CliRunner().invoke(root, agree)
    assert done.exit_code == 0, done.output
    assert "new objects in Incidents" in done.output
    (told,) = Ledger(one.folder.record).all()
    assert (told.release.released_by, told.release.body) == ("Ada and Ben", prepared.body)
    with collecting.store(one, clock) as store:
        count = store.count(shelf)
    assert count > 0
    assert "0 new objects" in CliRunner().invoke(root, agree).output  # again: nothing more
    assert len(Ledger(one.folder.record).all()) == 1


def test_two_take_back_what_was_told(office: Office) -> None:
    """A retraction is asked for once a receiver and a collection, and leaves for both when the second person agrees."""
    one, two, clock = office.one, office.two, office.clock
    shelf = collecting.make(one, Terms("Incidents", "", Tlp.AMBER, (EVERYBODY,), ()), clock)
    prepared = releasing.prepare_incident(one, an_incident("PW-1"), None, clock)
    asked = collecting.ask(one, "Incidents", prepared, ADA, clock)
    collecting.publish_agreed(one, agreeing.agree(one, asked.number, BEN, clock), clock)
    back = retracting.retract_incident(one, "PW-1", "it was a test of ours", ADA, clock)
    assert (len(back.asked), back.sent) == (2, ())
    assert retracting.retract_incident(one, "PW-1", "it was a test of ours", ADA, clock).asked == back.asked
    assert Mailbox(two.folder.mailbox, clock).all() == ()
    for number in back.asked:
        agreed = agreeing.agree(one, number, BEN, clock)
        if agreed.shelf:
            assert collecting.publish_agreed(one, agreed, clock).added > 0
        else:
            assert not releasing.release(one, agreed.prepared, two.me, agreed.decision, clock).problem
    (mail,) = Mailbox(two.folder.mailbox, clock).all()
    assert any(each.get("revoked") for each in bundle.read(mail.body))
    with collecting.store(one, clock) as store:
        assert store.holds(shelf, next(each["id"] for each in bundle.read(mail.body) if each.get("revoked")))
    assert retracting.retract_incident(one, "PW-1", "it was a test of ours", ADA, clock).asked == ()


def test_what_a_severed_member_is_owed_leaves_first_when_it_is_let_in_again(office: Office) -> None:
    """What is taken back from a severed member stands in the ledger without a receipt, and goes out with its stage."""
    one, two, clock = office.one, office.two, office.clock
    case = str(one.folder.case)
    both = Decision("Ada and Ben", "charter", (Person("Ada", "ada"), BEN))
    prepared = releasing.prepare_incident(one, an_incident("PW-1"), None, clock)
    assert not releasing.release(one, prepared, two.me, both, clock).problem
    (asked,) = retracting.retract_incident(one, "PW-1", "it was a test of ours", ADA, clock).asked
    staging.switch(one, two.me, Stage.ALONE, BEN, "a test", clock)
    agreed = agreeing.agree(one, asked, BEN, clock)
    sent = releasing.release(one, agreed.prepared, two.me, agreed.decision, clock)
    assert "stage 'alone'" in sent.problem
    assert Ledger(one.folder.record).get(sent.disclosure.number).receipt == b""
    assert len(Mailbox(two.folder.mailbox, clock).all()) == 1
    with pytest.raises(StageError):  # what is no retraction is not even recorded
        releasing.release(one, releasing.prepare_incident(one, an_incident("PW-2"), None, clock), two.me, both, clock)
    back = CliRunner().invoke(root, ["members", "stage", "B", "share", "--by", "Ben", "--reason", "x", "--case", case])
    assert "retraction" in back.output
    staging.switch(one, two.me, Stage.SHARE, BEN, "a test", clock)
    releasing.remind(one, two.me, clock)  # by the gateway's clock, which is not the command's
    assert len(Mailbox(two.folder.mailbox, clock).all()) == 2
    assert Ledger(one.folder.record).unconfirmed() == ()
