"""Accounts: what they prove themselves with, sessions, tokens, links."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console_scenes import CHEAP, NOW_US, PASSWORD, Hall, Visitor, hall
from pollwatch.clock import US_PER_S, ManualClock
from pollwatch.console.accounts import managing, totp
from pollwatch.console.accounts.account import normal_name
from pollwatch.console.accounts.challenges import GOOD_FOR_S, Challenges
from pollwatch.console.accounts.passwords import Cost, Passwords, check_choice
from pollwatch.console.accounts.sessions import Stage
from pollwatch.console.accounts.settings import AccessSettings
from pollwatch.console.accounts.throttle import Caller
from pollwatch.console.roles import Permission, Role
from pollwatch.errors import AccessError

HERE = Caller("192.0.2.7", "192.0.2.7", "Firefox")


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Hall]:
    """A console that asks nobody for a second factor."""
    with hall(tmp_path / "case") as found:
        yield found


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Hall]:
    """A console that asks leads for a second factor."""
    with hall(tmp_path / "case", AccessSettings(second_factor=frozenset({Role.LEAD}))) as found:
        yield found


# Passwords


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "password1234",
        "qwertyuiopasdf",
        "123456789012",
        "pollwatch2026",
        "annaannaanna",
        "Summer2026!!",
        "a" * 129,
    ],
)
def test_passwords_that_are_soon_guessed_are_refused(password: str) -> None:
    """What is short, common, a walk over the keyboard, or made of what is known of its owner is no password here."""
    with pytest.raises(AccessError):
        check_choice(password, ("anna", "Anna"))


@pytest.mark.parametrize("password", [PASSWORD, "vierkante fiets zingt zacht", "Tq7$hw0!pLmZ2r", "ёлка фонарь медь"])
def test_passwords_that_are_hard_to_guess_are_taken(password: str) -> None:
    """Words that do not belong together are taken, in any alphabet, without rules about signs."""
    check_choice(password, ("anna", "Anna"))


def test_a_password_is_hashed_anew_when_the_cost_rises(console: Hall) -> None:
    """Whoever signs in with a hash of an old cost gets one of today's; the password stays."""
    account = console.desk.accounts.add("old", Role.CLERK)
    console.desk.accounts.set_password(account.id, Passwords(Cost(1, 16, 1)).hashed(PASSWORD))
    before = console.desk.accounts.named("old").password
    console.desk.by_password("old", PASSWORD, HERE, "")
    after = console.desk.accounts.named("old").password
    assert before != after
    assert after is not None
    assert "m=8,t=1,p=1" in after
    console.desk.by_password("old", PASSWORD, HERE, "")
    assert console.desk.accounts.named("old").password == after


def test_a_hash_is_argon2id_and_the_usual_cost_is_rfc_9106s_second_choice() -> None:
    """The database holds argon2id with 64 MiB and three passes, and no password."""
    assert Passwords().hashed(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_no_secret_is_kept_in_clear(console: Hall) -> None:
    """Whoever reads the case's database finds neither password, session, token, link nor recovery code in it."""
    anna = console.account("anna", Role.LEAD)
    entered = console.desk.by_password("anna", PASSWORD, HERE, "")
    _token, text = managing.make_token(console.desk, anna, "probe", [Permission.READ], 1)
    link, codes = console.desk.links.make(anna.id), console.desk.codes.renew(anna.id)
    with sqlite3.connect(console.case_dir / "case.sqlite") as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    data = (console.case_dir / "case.sqlite").read_bytes()
    for secret in (PASSWORD, entered.cookie, entered.device, text, link, *codes, codes[0].replace("-", "")):
        assert secret.encode() not in data
    assert b"$argon2id$" in data


# Six digits


@pytest.mark.parametrize(
    ("seconds", "digits"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_digits_are_those_of_the_rfc(seconds: int, digits: str) -> None:
    """RFC 6238, appendix B, SHA-1, the last six of its eight digits."""
    assert totp.digits(b"12345678901234567890", seconds // 30) == digits


def test_digits_are_good_once(strict: Hall) -> None:
    """Whoever looks over a shoulder cannot use the digits again, nor those of the step before (replay)."""
    anna = strict.account("anna", Role.LEAD)
    secret = totp.new_secret()
    step = NOW_US // US_PER_S // 30
    strict.desk.accounts.set_totp(anna.id, secret, step - 5)

    def try_digits(typed: str) -> Stage | None:
        half = strict.desk.by_password("anna", PASSWORD, HERE, "")
        assert half.stage is Stage.SECOND
        session = strict.desk.sessions.find(half.cookie)
        assert session is not None
        assert strict.desk.viewer(session) is None
        try:
            return strict.desk.by_digits(session, typed, HERE, half.cookie).stage
        except AccessError:
            return None

    assert try_digits(totp.digits(secret, step)) is Stage.FULL
    assert try_digits(totp.digits(secret, step)) is None
    assert try_digits(totp.digits(secret, step - 1)) is None
    assert try_digits(totp.digits(secret, step + 1)) is Stage.FULL
    assert try_digits(totp.digits(secret, step + 9)) is None


def test_a_recovery_code_is_good_once_however_it_is_typed(strict: Hall) -> None:
    """Small letters, spaces and an O for a zero do not matter; a second time does."""
    anna = strict.account("anna")
    code = strict.desk.codes.renew(anna.id)[0]
    assert not strict.desk.codes.use(anna.id, "ABCD-EFGH-JKMN-PQRS")
    assert strict.desk.codes.use(anna.id, " " + code.lower().replace("-", " ").replace("0", "o"))
    assert not strict.desk.codes.use(anna.id, code)
    assert strict.desk.codes.left(anna.id) == 9


@given(st.text(max_size=40))
def test_no_text_makes_the_readers_of_codes_fail(text: str) -> None:
    """Digits, codes and names of any kind are read or refused, and nothing else."""
    totp.step_of(b"x" * 20, text, NOW_US)
    totp.code_digest(text)
    with contextlib.suppress(AccessError):
        assert normal_name(normal_name(text)) == normal_name(text)


def test_the_qr_code_says_what_authenticator_apps_read() -> None:
    """The address names issuer, account and secret; nothing in a name can add a parameter."""
    address = totp.address(b"12345678901234567890", "anna&secret=X", "Alder: council")
    assert address.startswith("otpauth://totp/pollwatch%20Alder%3A%20council:anna%26secret%3DX?secret=GEZDGNBVGY3TQOJQ")
    assert address.count("secret=") == 1


# Challenges


def test_a_challenge_is_one_browsers_once_and_in_time() -> None:
    """A stolen challenge is worth nothing in another browser, for another purpose, twice, or late (replay)."""
    clock = ManualClock(NOW_US)
    challenges = Challenges(clock)
    made = challenges.make("a", "browser")
    for purpose, browser, given_back in (("a", "other", made), ("b", "browser", made), ("a", "browser", made[:-1])):
        with pytest.raises(AccessError, match="does not belong"):
            challenges.take(given_back, purpose, browser)
    changed = bytes([made[0] ^ 1]) + made[1:]
    with pytest.raises(AccessError, match="does not belong"):
        challenges.take(changed, "a", "browser")
    challenges.take(made, "a", "browser")
    with pytest.raises(AccessError, match="used already"):
        challenges.take(made, "a", "browser")
    late = challenges.make("a", "browser")
    clock.advance(GOOD_FOR_S + 1)
    with pytest.raises(AccessError, match="too long"):
        challenges.take(late, "a", "browser")


# Sessions


def test_a_session_ends_when_it_is_not_used_and_when_it_is_old(console: Hall) -> None:
    """An hour without use ends it; so do twelve hours of use."""
    console.account("anna")
    first = console.desk.by_password("anna", PASSWORD, HERE, "").cookie
    console.clock.advance(3599)
    assert console.desk.sessions.find(first) is not None
    console.clock.advance(3601)
    assert console.desk.sessions.find(first) is None
    second = console.desk.by_password("anna", PASSWORD, HERE, "").cookie
    for _half_hour in range(23):
        console.clock.advance(1800)
        assert console.desk.sessions.find(second) is not None
    console.clock.advance(1800)
    assert console.desk.sessions.find(second) is None


def test_using_a_session_writes_seldom(console: Hall) -> None:
    """Every write wakes all who look at the case: a page that is asked for every second does not write every second."""
    console.account("anna")
    cookie = console.desk.by_password("anna", PASSWORD, HERE, "").cookie
    with sqlite3.connect(console.case_dir / "case.sqlite") as raw:
        before = raw.execute("PRAGMA data_version").fetchone()
        for _second in range(100):
            console.clock.advance(1)
            assert console.desk.sessions.find(cookie) is not None
        assert raw.execute("PRAGMA data_version").fetchone() == before
    raw.close()


def test_who_proved_themselves_long_ago_is_not_fresh(console: Hall) -> None:
    """A quarter of an hour after signing in, some things ask for a proof once more; then the session has a new name."""
    console.account("anna")
    cookie = console.desk.by_password("anna", PASSWORD, HERE, "").cookie
    console.clock.advance(1000)
    session = console.desk.sessions.find(cookie)
    assert session is not None
    assert not console.desk.sessions.fresh(session)
    with pytest.raises(AccessError):
        console.desk.prove_again(session, HERE, cookie, password=PASSWORD + "x", typed="")
    renewed = console.desk.prove_again(session, HERE, cookie, password=PASSWORD, typed="").cookie
    again = console.desk.sessions.find(renewed)
    assert again is not None
    assert console.desk.sessions.fresh(again)
    assert again.created_us == session.created_us
    assert console.desk.sessions.find(cookie) is None


def test_a_stolen_password_alone_does_not_prove_again_where_there_are_digits(console: Hall) -> None:
    """With digits set up, a password is not enough for what cannot be taken back."""
    anna = console.account("anna")
    cookie = console.desk.by_password("anna", PASSWORD, HERE, "").cookie
    secret = totp.new_secret()
    console.desk.accounts.set_totp(anna.id, secret)
    session = console.desk.sessions.find(cookie)
    assert session is not None
    with pytest.raises(AccessError):
        console.desk.prove_again(session, HERE, cookie, password=PASSWORD, typed="")
    digits = totp.digits(secret, NOW_US // US_PER_S // 30)
    assert console.desk.prove_again(session, HERE, cookie, password=PASSWORD, typed=digits).cookie


# Accounts


def test_names_that_look_the_same_are_the_same(console: Hall) -> None:
    """Full-width and capital letters are no second account of the same name (homographs)."""
    console.account("anna")
    for twin in ("ANNA", "ａｎｎａ", " Anna "):  # noqa: RUF001 - that is the attack
        with pytest.raises(AccessError, match="already"):
            console.desk.accounts.add(twin, Role.CLERK)
    for bad in ("аnna", "an na", "", "-x", "x" * 65, "a\x00b", "a\nb", "<b>"):  # noqa: RUF001 - Cyrillic
        with pytest.raises(AccessError):
            console.desk.accounts.add(bad, Role.CLERK)


def test_the_last_lead_stays(console: Hall) -> None:
    """Nobody can make it so that nobody manages accounts."""
    anna = console.account("anna", Role.LEAD)
    for act in (
        lambda: managing.set_role(console.desk, anna, Role.CLERK),
        lambda: managing.disable(console.desk, anna, disabled=True),
    ):
        with pytest.raises(AccessError, match="only lead"):
            act()
    console.account("bob", Role.LEAD)
    managing.set_role(console.desk, anna, Role.CLERK)


def test_a_disabled_account_is_out_at_once(console: Hall) -> None:
    """Sessions, tokens and links end in the moment, and its right password is no way in."""
    anna = console.account("anna")
    visitor = Visitor(console.app).signed_in("anna")
    _token, text = managing.make_token(console.desk, anna, "probe", [Permission.READ], 9)
    link = console.desk.links.make(anna.id)
    managing.disable(console.desk, anna, disabled=True)
    assert visitor.get("/me").status_code == 303
    assert console.desk.program(text) is None
    assert console.desk.links.owner(link) is None
    assert Visitor(console.app).sign_in("anna").status_code == 400
    managing.disable(console.desk, anna, disabled=False)
    assert Visitor(console.app).sign_in("anna").status_code == 303


def test_another_role_ends_sessions(console: Hall) -> None:
    """Whoever becomes less (or more) comes in anew: no session lives through a change of what it may."""
    anna = console.account("anna", Role.ANALYST)
    visitor = Visitor(console.app).signed_in("anna")
    managing.set_role(console.desk, anna, Role.OBSERVER)
    assert visitor.get("/me").status_code == 303


# Links


def test_a_link_is_good_once_for_a_day_and_looking_does_not_use_it_up(console: Hall) -> None:
    """A program that previews the message opens the link; its owner still gets in; nobody after that."""
    account = console.desk.accounts.add("new", Role.CLERK)
    key = console.desk.links.make(account.id)
    assert "Welcome, new" in Visitor(console.app).get(f"/welcome?key={key}").text
    visitor = Visitor(console.app)
    visitor.get(f"/welcome?key={key}")
    weak = visitor.post("/welcome", {"key": key, "password": "password1234", "repeated": "password1234"})
    assert weak.status_code == 400
    assert visitor.post("/welcome", {"key": key, "password": PASSWORD, "repeated": PASSWORD}).status_code == 303
    assert visitor.get("/me").status_code == 200
    late = Visitor(console.app)
    assert late.get(f"/welcome?key={key}").status_code == 404
    assert late.post("/welcome", {"key": key, "password": PASSWORD, "repeated": PASSWORD}).status_code == 404
    second = console.desk.links.make(account.id)
    third = console.desk.links.make(account.id)
    assert console.desk.links.owner(second) is None
    console.clock.advance(25 * 3600)
    assert console.desk.links.owner(third) is None


def test_a_reset_takes_away_everything(console: Hall) -> None:
    """After a reset nothing that somebody else may have had is worth anything; the link leads in."""
    anna = console.account("anna", Role.LEAD)
    visitor = Visitor(console.app).signed_in("anna")
    console.desk.accounts.set_totp(anna.id, totp.new_secret())
    codes = console.desk.codes.renew(anna.id)
    _token, text = managing.make_token(console.desk, anna, "probe", [Permission.READ], 9)
    key = managing.reset(console.desk, anna)
    assert visitor.get("/me").status_code == 303
    assert Visitor(console.app).sign_in("anna").status_code == 400
    assert console.desk.program(text) is None
    assert not console.desk.codes.use(anna.id, codes[0])
    assert console.desk.accounts.named("anna").totp is None
    assert console.desk.links.owner(key) == anna.id


# Tokens


def test_a_token_may_what_its_scope_and_its_owners_role_both_allow(console: Hall) -> None:
    """No token for what its owner may not, nor ever for accounts; a role that shrinks shrinks its tokens."""
    anna = console.account("anna", Role.ANALYST)
    for scope in ([Permission.ADMIN], [Permission.SELF], [Permission.AUDIT], []):
        with pytest.raises(AccessError):
            managing.make_token(console.desk, anna, "probe", scope, 9)
    token, text = managing.make_token(console.desk, anna, "probe", [Permission.READ, Permission.DECIDE], 9)
    viewer = console.desk.program(text)
    assert viewer is not None
    assert viewer.id == f"token:{token.id}"
    assert viewer.permissions == {Permission.READ, Permission.DECIDE}
    managing.set_role(console.desk, anna, Role.OBSERVER)
    shrunk = console.desk.program(text)
    assert shrunk is not None
    assert shrunk.permissions == {Permission.READ}
    assert console.desk.program(text[:-1]) is None
    console.clock.advance(9 * 86_400)
    assert console.desk.program(text) is None


def test_the_cost_of_tests_is_not_the_usual_cost() -> None:
    """The tests' cheap hashes are theirs alone."""
    assert Cost() != CHEAP
