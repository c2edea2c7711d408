"""Exceptions: what they cover, what they would have hidden, what they hide, and when they stop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from case_scenes import START_US, scan
from pollwatch.clock import ManualClock
from pollwatch.errors import UsageError
from pollwatch.events.detection import Actors, Severity
from pollwatch.incidents.exceptions import DAY_US, scope
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.records import Case


@pytest.fixture
def clock() -> ManualClock:
    """On election day."""
    return ManualClock(START_US)


@pytest.fixture
def case(tmp_path: Path, clock: ManualClock) -> Iterator[Case]:
    """Three people were here."""
    with Case.open(tmp_path / "case", clock) as case:
        scan(case, {"a.log": ["ann", "bob", "bob", "cyd!"]})
        yield case


def of(case: Case, name: str) -> Incident:
    """The incident of somebody."""
    return next(each for each in case.incidents() if name in each.actors.user)


def test_a_preview_says_what_would_have_been_hidden(case: Case) -> None:
    """An exception for a rule would have hidden the two medium incidents, and not the graver one; nothing changes."""
    preview = case.tuning().preview(scope(rules=["seen"]))
    assert preview.incidents == 2
    assert {row.id for row in preview.shown} == {of(case, "ann").id, of(case, "bob").id}
    assert case.tuning().preview(scope(rules=["seen"], accounts=["bob"])).incidents == 1
    assert case.tuning().preview(scope(rules=["seen"], networks=["192.0.2.0/24"])).incidents == 0
    assert {each.status for each in case.incidents()} == {"open"}


def test_a_preview_warns_of_what_people_took_for_real(case: Case) -> None:
    """An incident that somebody is working on counts as confirmed: the exception would have hidden it."""
    case.set_status(of(case, "ann").id, "acknowledged", "ada")
    preview = case.tuning().preview(scope(rules=["seen"]))
    assert (preview.waiting, preview.confirmed) == (2, 1)


def test_what_an_exception_covers_is_hidden_now_and_later(case: Case) -> None:
    """Open incidents become false positives, and so does a new one; the history says by which exception."""
    made = case.tuning().make(scope(accounts=["bob", "dan"]), "ada", "our robot", START_US + DAY_US)
    assert of(case, "bob").status == "false-positive"
    assert of(case, "ann").status == "open"
    scan(case, {"b.log": ["dan", "eve"]})
    assert of(case, "dan").status == "false-positive"
    assert of(case, "eve").status == "open"
    assert [(each.kind, each.text) for each in case.history(of(case, "dan").id)] == [("excepted", str(made.id))]
    assert case.tuning().all()[0].hidden == 2


def test_an_exception_ends(case: Case, clock: ManualClock) -> None:
    """After its day what it hid is open again as soon as it goes on, and what is new is not hidden any more."""
    case.tuning().make(scope(accounts=["bob", "dan"]), "ada", "our robot", START_US + DAY_US, of(case, "bob").id)
    scan(case, {"b.log": ["bob"]})
    assert of(case, "bob").status == "false-positive"
    clock.advance(2 * 86_400)
    assert of(case, "bob").status == "false-positive"
    scan(case, {"c.log": ["bob", "bob", "bob", "dan"]})
    assert of(case, "bob").status == "open"
    assert of(case, "dan").status == "open"


def test_an_exception_can_be_ended(case: Case) -> None:
    """Whoever ends it is written down, and from then on it hides nothing."""
    made = case.tuning().make(scope(accounts=["bob", "dan"]), "ada", "robot", START_US + DAY_US, of(case, "bob").id)
    assert not case.tuning().end(made.id, "lea").holds(START_US)
    scan(case, {"b.log": ["dan"]})
    assert of(case, "dan").status == "open"
    assert case.history(of(case, "bob").id)[-1].who == "lea"


def test_a_robot_that_grows_teeth_is_seen(case: Case) -> None:
    """An attacker who takes over an excepted account (hiding in an exception) does graver things, and is seen."""
    case.tuning().make(scope(accounts=["bob"]), "ada", "our robot", START_US + DAY_US)
    scan(case, {"b.log": ["bob!"]})
    assert of(case, "bob").status == "open"


def test_an_exception_does_not_hide_company(case: Case) -> None:
    """An incident of an excepted account and another one is of both, and stays open."""
    case.tuning().make(scope(accounts=["dan"]), "ada", "our robot", START_US + DAY_US)
    scan(case, {"b.log": ["dan+eve"]})
    assert of(case, "eve").status == "open"


def test_what_somebody_opened_again_stays_open(case: Case) -> None:
    """People have the last word over an exception."""
    case.tuning().make(scope(accounts=["bob"]), "ada", "our robot", START_US + DAY_US)
    case.set_status(of(case, "bob").id, "open", "lea", "look once more")
    scan(case, {"b.log": ["bob", "bob"]})
    assert of(case, "bob").status == "open"


def test_networks_cover_addresses(case: Case) -> None:
    """Every address must lie in a network, of either version; an incident without any is not covered."""
    one = replace(of(case, "ann"), actors=Actors(ip=("192.0.2.7", "2001:db8::7")))
    assert scope(networks=["192.0.2.0/24", "2001:db8::/32"]).covers(one)
    assert not scope(networks=["192.0.2.0/24"]).covers(one)
    assert not scope(networks=["0.0.0.0/0"]).covers(of(case, "ann"))
    assert not scope(networks=["0.0.0.0/0"]).covers(replace(one, actors=Actors(ip=("not an address",))))


def test_nonsense_is_refused(case: Case) -> None:
    """An exception for everything, for no network, for ever, from yesterday, or without a reason is none."""
    with pytest.raises(UsageError, match="hide all"):
        scope(targets=["portal"])
    with pytest.raises(UsageError, match=r"192\.0\.2\.7"):
        scope(networks=["300.1.1.1\x1b[31m"])
    for reason, until in (("", DAY_US), ("x", -1), ("x", 401 * DAY_US)):
        with pytest.raises(UsageError):
            case.tuning().make(scope(rules=["seen"]), "ada", reason, START_US + until)
    assert case.tuning().all() == []
    assert scope(rules=["seen"]).most == Severity.MEDIUM
