"""Guessing is hopeless, and nobody can lock out somebody else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console_scenes import PASSWORD, Hall, hall
from pollwatch.clock import US_PER_S
from pollwatch.console.accounts import managing, throttle
from pollwatch.console.accounts.desk import WrongError
from pollwatch.console.accounts.sessions import Stage
from pollwatch.console.accounts.settings import AccessSettings
from pollwatch.console.accounts.throttle import LONGEST_WAIT_S, Caller, TooOftenError
from pollwatch.console.accounts.totp import new_secret
from pollwatch.console.roles import Role
from pollwatch.sharing.limits import Rate

OWNER = Caller("198.51.100.1", "198.51.100.1")


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    """A console with one account; what one network may try goes by a real clock, and has a test of its own."""
    monkeypatch.setattr(throttle, "_NETWORK", Rate(1000, 1000))
    with hall(tmp_path / "case") as found:
        found.account("anna")
        yield found


def stranger(number: int) -> Caller:
    """One of very many machines."""
    return Caller(f"203.0.{number >> 8}.{number & 255}", "")


def tried(console: Hall, caller: Caller, password: str = "wrong", name: str = "anna") -> str:  # noqa: S107 - it is wrong
    """How a try ends."""
    try:
        console.desk.by_password(name, password, caller, "")
    except WrongError:
        return "wrong"
    except TooOftenError as error:
        return f"wait {error.wait_s}"
    return "in"


def test_one_place_may_fail_five_times_and_then_waits_longer_and_longer(console: Hall) -> None:
    """A guesser at one address gets five tries, and then fewer than a hundred a day."""
    assert [tried(console, stranger(1)) for _try in range(6)] == ["wrong"] * 5 + ["wait 15"]
    begun_us, tries = console.clock.now_us(), 0
    while console.clock.now_us() - begun_us < 24 * 3600 * US_PER_S:
        outcome = tried(console, stranger(1))
        tries += outcome == "wrong"
        console.clock.advance(int(outcome.partition("wait ")[2] or 0))
    assert 90 < tries < 110


def test_a_right_password_does_not_help_while_one_waits(console: Hall) -> None:
    """Whoever guesses right in the waiting time is not told so."""
    for _try in range(5):
        tried(console, stranger(1))
    assert tried(console, stranger(1), PASSWORD) == "wait 15"


def test_a_thousand_machines_together_are_held_back(console: Hall) -> None:
    """A botnet that tries a few times from each address gets 25 tries at an account, then one in a long while."""
    outcomes = [tried(console, stranger(number)) for number in range(60)]
    assert outcomes.count("wrong") == 25
    console.clock.advance(16)
    assert [tried(console, stranger(number)) for number in range(1000, 1003)].count("wrong") == 1


def test_strangers_do_not_lock_out_the_owner_at_a_known_browser(console: Hall) -> None:
    """Whatever a botnet does to an account, its owner signs in: by the browser's cookie, or from a known network."""
    entered = console.desk.by_password("anna", PASSWORD, OWNER, "")
    for number in range(60):
        tried(console, stranger(number))
    assert tried(console, stranger(7777), PASSWORD).startswith("wait")
    elsewhere = Caller("192.0.2.200", "192.0.2.200", device=entered.device)
    assert tried(console, elsewhere, PASSWORD) == "in"
    assert tried(console, OWNER, PASSWORD) == "in"


def test_somebody_in_the_owners_own_network_does_not_lock_out_the_owners_browser(console: Hall) -> None:
    """An infected machine in the office uses up the office's tries; the owner's browser has its own."""
    entered = console.desk.by_password("anna", PASSWORD, OWNER, "")
    for _try in range(8):
        tried(console, OWNER)
    assert tried(console, OWNER, PASSWORD).startswith("wait")
    assert tried(console, Caller(OWNER.network, "", device=entered.device), PASSWORD) == "in"


def test_a_known_browser_is_known_for_its_own_account_only(console: Hall) -> None:
    """Somebody with an account of their own gets no further at another's by the cookie that they have."""
    console.account("mallory")
    device = console.desk.by_password("mallory", PASSWORD, stranger(1), "").device
    for number in range(40):
        tried(console, stranger(number + 10))
    assert tried(console, Caller("192.0.2.1", "", device=device), PASSWORD).startswith("wait")


def test_no_wait_is_longer_than_a_quarter_of_an_hour_and_a_lead_can_end_it(console: Hall) -> None:
    """An account is never locked: the longest wait is bounded, and a reset gives a link that no guesser holds back."""
    for number in range(40):
        tried(console, stranger(number))
        console.clock.advance(LONGEST_WAIT_S // 2)
    outcome = tried(console, stranger(9999), PASSWORD)
    assert int(outcome.split()[1]) <= LONGEST_WAIT_S
    console.clock.advance(LONGEST_WAIT_S)
    assert tried(console, stranger(9999), PASSWORD) == "in"
    for number in range(40):
        tried(console, stranger(number))
    key = managing.reset(console.desk, console.desk.accounts.named("anna"))
    assert console.desk.set_up(key, PASSWORD, OWNER, "").stage is Stage.FULL


def test_names_that_nobody_has_are_told_nothing_else(console: Hall) -> None:
    """Answers do not tell which names exist: neither words, nor waits, nor when one waits."""
    for name in ("anna", "nobody"):
        assert [tried(console, stranger(3), name=name) for _try in range(6)] == ["wrong"] * 5 + ["wait 15"]
    assert [tried(console, stranger(100 + n), name="nobody") for n in range(30)].count("wrong") == 20


def test_tries_at_the_same_moment_all_count(console: Hall) -> None:
    """Twenty tries in parallel are no more than five (a race for the counter)."""
    with ThreadPoolExecutor(10) as threads:
        outcomes = list(threads.map(lambda _try: tried(console, stranger(5)), range(20)))
    assert outcomes.count("wrong") == 5


def test_one_network_trying_many_names_is_held_back(tmp_path: Path) -> None:
    """One password on many names (spraying) from one address ends after twenty tries; right ones do not count."""
    with hall(tmp_path / "case") as console:
        console.account("anna")
        assert [tried(console, OWNER, PASSWORD) for _each in range(30)] == ["in"] * 30
        outcomes = [tried(console, stranger(8), name=f"person{number}") for number in range(40)]
        assert outcomes.count("wrong") in range(20, 26)


def test_digits_are_counted_too(tmp_path: Path) -> None:
    """Whoever has the password gets five tries at the six digits from a place, not a million."""
    with hall(tmp_path / "case", AccessSettings(second_factor=frozenset({Role.CLERK}))) as console:
        anna = console.account("anna")
        console.desk.accounts.set_totp(anna.id, new_secret())
        half = console.desk.by_password("anna", PASSWORD, stranger(1), "")
        session = console.desk.sessions.find(half.cookie)
        assert session is not None
        wrong = 0
        for number in range(8):
            try:
                console.desk.by_digits(session, f"{number:06}", stranger(1), half.cookie)
            except WrongError:
                wrong += 1
            except TooOftenError:
                pass
        assert wrong == 5


def test_a_flood_of_names_neither_fills_the_database_nor_the_trail(
    console: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of made-up names from many addresses leaves bounded tables and a bounded trail, which says how many."""
    monkeypatch.setattr(throttle, "_MOST_ROWS", 100)
    for number in range(150):
        tried(console, stranger(number), name=f"x{number}")
    with sqlite3.connect(console.case_dir / "case.sqlite") as raw:
        assert raw.execute("SELECT count(*) FROM sign_in_tries").fetchone()[0] <= 101
        assert raw.execute("SELECT count(*) FROM audit").fetchone()[0] <= 55
    raw.close()
