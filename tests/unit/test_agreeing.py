"""Release by two persons: nothing leaves on one person's word, whatever names it types."""

from __future__ import annotations

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
from pollwatch.node import agreeing, attributing, charters, drafting, enrol, releasing
from pollwatch.node.attributing import Speaker
from pollwatch.node.drafting import Change
from pollwatch.node.jointfolder import Membership
from pollwatch.node.releasing import Decision
from pollwatch.sharing import decisions
from pollwatch.sharing.decisions import Decisions, Person
from pollwatch.sharing.inbox import Mailbox
from pollwatch.sharing.ledger import Ledger

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


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """The office, with Ada logged in."""
    clock = ManualClock(T)
    cases = [each.folder.case for each in enrolled(tmp_path, "ab", clock)]
    draft = drafting.changed(Membership.open(cases[0]).folder.load_chain(), Change(terms={"releasers": 2}), clock)
    chain = enrol.sign(cases[1], enrol.amend(cases[0], draft, clock).chain.to_bytes(), clock).chain
    assert charters.take_up(cases[0], chain, clock)
    one, two = (Membership.open(case) for case in cases)
    trusting(one, two, clock=clock)
    made = Office(one, two, clock)
    monkeypatch.setattr(decisions, "account_name", lambda: made.account[0])
    with served(two, clock=clock):
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
    incident = attributing.incident_object_id(office.one, "PW-1")
    words = Assertion(incident, Finding.UNKNOWN, None, None, Confidence.HIGH, "No trace.")
    spoken = Speaker(office.one, ADA, office.clock).claim(words)
    assert spoken.asked
    assert spoken.log_index is None
    assert attributing.all_judged(office.one) == ()
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
