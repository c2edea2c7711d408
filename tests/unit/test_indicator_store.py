"""The store of indicators: who said what, who decided what, and where an indicator stands."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from pollwatch.errors import PolicyError, StoreError
from pollwatch.events.observable import Observable, guessed
from pollwatch.members.marking import Tlp
from pollwatch.sharing import database
from pollwatch.sharing.indicators import store as stores
from pollwatch.sharing.indicators.indicator import Act, Decision, Origin, Report, Source, State
from pollwatch.sharing.indicators.store import IndicatorStore, Reported, Retraction

DAY_US = 86_400_000_000
NOW_US = 1_793_700_000_000_000
BIRCH = Source("Birch", Origin.MEMBER, "b")
CEDAR = Source("Cedar", Origin.MEMBER, "c")
ADDRESS = guessed("203.0.113.7")


def report(observable: Observable = ADDRESS, source: Source = BIRCH, name: str = "indicator--1") -> Report:
    """Somebody's word that an observable is bad."""
    return Report(observable, source, True, name, "1", f"sha of {name}", Tlp.GREEN, NOW_US, None, NOW_US)


def decision(act: Act, at_us: int = NOW_US, warnings: tuple[str, ...] = ()) -> Decision:
    """Somebody's decision."""
    return Decision(act, "analyst", "looked at it", at_us, 7, warnings)


@pytest.fixture
def store(tmp_path: Path) -> IndicatorStore:
    """An empty store."""
    return IndicatorStore(tmp_path / "indicators.sqlite")


def state_of(store: IndicatorStore, name: str, now_us: int = NOW_US) -> State:
    """Where an indicator stands, of a kind that lasts a week."""
    found = store.get(name)
    return found.state(now_us, found.observed_us + 7 * DAY_US)


def test_two_sources_of_one_observable_are_one_indicator(store: IndicatorStore) -> None:
    """What two members say about one address is one indicator with two reports; said twice, it is kept once."""
    first = store.add([Reported(report(), ("tor-exits",)), Reported(report(source=CEDAR), ("tor-exits",))])
    assert (len(first.fresh), first.again, first.unchanged) == (1, (), 0)
    again = store.add([Reported(report(), ("tor-exits",))])
    assert (again.fresh, again.again, again.unchanged) == ((), (), 1)
    (only,) = store.all()
    assert [each.source for each in only.reports] == [BIRCH, CEDAR]
    assert only.weak
    assert store.get("203.0.113.7") == store.get(only.id[:8].lower()) == only


def test_a_later_version_supersedes_the_earlier_one(store: IndicatorStore) -> None:
    """A source that corrects its object is taken at its last word, also where that names another thing."""
    store.add([Reported(report())])
    other = guessed("198.51.100.9")
    store.add([Reported(replace(report(other), version="2", sha256="other"))])
    assert state_of(store, "203.0.113.7") is State.RETRACTED
    assert state_of(store, "198.51.100.9") is State.NEW


def test_decisions_move_it_and_a_retraction_does_for_good(store: IndicatorStore) -> None:
    """Accepted, rejected, expired; once its only source retracts, also later copies of the object stay retracted."""
    (name,) = store.add([Reported(report())]).fresh
    store.decide([name], decision(Act.ACCEPT))
    assert state_of(store, name) is State.ACCEPTED
    assert state_of(store, name, NOW_US + 8 * DAY_US) is State.EXPIRED
    store.decide([name], decision(Act.REJECT))
    assert state_of(store, name) is State.REJECTED
    store.decide([name], decision(Act.ACCEPT, warnings=("tor-exits",)))
    assert state_of(store, name) is State.OVERRIDE
    gone = Retraction("Birch", "indicator--1", NOW_US, sha256="", reason="a mistake")
    assert store.retract(gone) == (name,)
    assert store.retract(gone) == ()
    store.add([Reported(replace(report(), version="3", sha256="later"))])
    assert state_of(store, name) is State.RETRACTED
    assert [each.reason for each in store.retractions()] == ["a mistake"]


def test_released_ones_are_given_with_their_time(store: IndicatorStore) -> None:
    """Only what an analyst released, long enough ago, not withdrawn, retracted or ended, may be shared and matched."""
    values = [guessed(f"203.0.113.{number}") for number in range(5)]
    for number, value in enumerate(values):
        ended = NOW_US if number == 4 else None
        store.add([Reported(replace(report(value, name=f"indicator--{number}"), until_us=ended))])
    names = [store.get(each.value).id for each in values]
    store.decide(names[1:], decision(Act.RELEASE, NOW_US - DAY_US))
    store.decide([names[2]], decision(Act.WITHDRAW))
    store.retract(Retraction("Birch", "indicator--3", NOW_US, sha256="", reason=""))
    assert [each.id for each in store.released(NOW_US)] == [names[1]]
    assert [each.released_us for each in store.released(NOW_US)] == [NOW_US - DAY_US]
    assert store.released(NOW_US - 2 * DAY_US) == ()


def test_nothing_that_was_said_or_decided_can_be_changed(store: IndicatorStore, tmp_path: Path) -> None:
    """A member of staff who wants to have decided otherwise is refused by the file itself."""
    (name,) = store.add([Reported(report())]).fresh
    store.decide([name], decision(Act.ACCEPT))
    for change in ("UPDATE decisions SET who = 'x'", "DELETE FROM decisions", "UPDATE reports SET source = 'x'"):
        with (
            pytest.raises(StoreError, match="never"),
            database.opened(tmp_path / "indicators.sqlite", stores._SCHEMA) as opened,  # noqa: SLF001 - its own schema
        ):
            opened.execute(change)
    assert sqlite3.connect(tmp_path / "indicators.sqlite").execute("SELECT count(*) FROM reports").fetchone() == (1,)


def test_an_unknown_or_ambiguous_name_is_refused(store: IndicatorStore) -> None:
    """A name that fits none is said to, with where to look."""
    with pytest.raises(PolicyError, match="indicators list"):
        store.get("203.0.113.7")
