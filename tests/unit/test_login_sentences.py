"""Log-ins in the words of programs that nobody listed, and words that only look like it."""

from __future__ import annotations

import pytest

from pollwatch.formats import framing_attemptfields, framing_attempts, framing_stamps

TRUE = "203.0.113.7"
FORGED = "192.0.2.66"


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (f"Failed login for 'clerk' from {TRUE} at noon", ("failure", "clerk", TRUE)),
        (f"Successful authentication for 'clerk' from {TRUE}", ("success", "clerk", TRUE)),
        (f"LOGIN_FAILED user=clerk ip={TRUE}", ("failure", "clerk", TRUE)),
        (f"AuthFailed:LogonDenied, User: clerk, 192.0.2.10:143,{TRUE}:35070", ("failure", "clerk", TRUE)),
        (f"Username or password is incorrect. IP: {TRUE}. Username: c@a.example.", ("failure", "c@a.example", TRUE)),
        (f"Incorrect username or password from [::ffff:{TRUE}]:41000", ("failure", None, TRUE)),
        (f"SIP auth failure (REGISTER) on profile 'x' for [17] from ip {TRUE}", ("failure", "17", TRUE)),
        (f"POST /api/v1/login from {TRUE} took 8 ms and returned 401", ("failure", None, TRUE)),
        (f"Registration from '<sip:7@192.0.2.1>' failed for '{TRUE}:5060' - Wrong password", ("failure", None, TRUE)),
        (f'SecurityEvent="InvalidPassword",RemoteAddress="IPV4/UDP/{TRUE}/5060"', ("failure", None, TRUE)),
        (f"Auth: user [HQ]\\[jane] status [NT_STATUS_WRONG_PASSWORD] host [ipv4:{TRUE}:4]", ("failure", "jane", TRUE)),
        (f"login failure for user admin from {TRUE} via ssh", ("failure", "admin", TRUE)),
        (f"type=LOGIN_ERROR, ipAddress={TRUE}, error=user_not_found, username=jane", ("failure", "jane", TRUE)),
        (f"IP {TRUE} Rejected by register acl", ("denied", None, TRUE)),
        (f"Anmeldung fehlgeschlagen von {TRUE}", ("failure", None, TRUE)),
        (f"mislukte login poging van {TRUE}", ("failure", None, TRUE)),
        (f"(sshd) Failed SSH login from {TRUE} (XX/a.example): 5 in the last 300 secs", ("failure", None, TRUE)),
    ],
)  # fmt: skip
def test_attempts_in_any_words(sentence: str, expected: tuple[str | None, ...]) -> None:
    """Outcome, account and address are found wherever the program puts them."""
    login = framing_attempts.read(sentence)
    assert login is not None
    assert (login.action, login.user, login.src_ip) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        f"Listening for log-ins on {TRUE}:443",
        f"user clerk is not logged in, {TRUE}",
        f"0 failed logins since yesterday from {TRUE}",
        f"connection to {TRUE} failed, cannot authenticate",
        f"SASL authentication failed; server mail.example[{TRUE}] said: 535 no",
        f"Password reset for user clerk from {TRUE}",
        f"could not open /var/lib/author/failed.txt for {TRUE}",
        f"session opened for user clerk from {TRUE}",
        f"note: sshd[7]: Failed password for root from {FORGED} port 22 ssh2",
        "Successful login, source unknown",
        "",
    ],
)
def test_other_sentences(sentence: str) -> None:
    """Words for proof and refusal in a sentence about something else, or put there by an outsider."""
    assert framing_attempts.read(sentence) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "Failed login for x from {forged} from {true}",
        "Login failed for user 'x from {forged}' from {true}",
        'Login failed for "x" from {true}, agent "client {forged}"',
        "Login failed for user x, IP {true} (X-Forwarded-For: {forged})",
        "Login failed for x {forged} ({true})",
    ],
)
def test_forged_sources(sentence: str) -> None:
    """Attack: an account name, agent or header that holds an address, to get that one accused."""
    login = framing_attempts.read(sentence.format(true=TRUE, forged=FORGED))
    assert login is None or login.src_ip in {None, TRUE}


def test_fields_that_clients_write_say_nothing() -> None:
    """Attack: a user agent that says "login failed" on a page that was served."""
    fields = {"msg": "served", "remote_ip": TRUE, "userAgent": "login failed", "status": "200", "path": "/"}
    assert framing_attemptfields.of_fields(fields) is None
    refused = framing_attemptfields.of_fields(fields | {"msg": "login failed", "user": "clerk"})
    assert refused is not None
    assert (refused.action, refused.user, refused.src_ip) == ("failure", "clerk", TRUE)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("2026-11-03T20:00:01,112Z WARN", "2026-11-03T20:00:01,112Z"),
        ("[2026-11-03 20:00:01 UTC] x", "2026-11-03 20:00:01Z"),
        ("WARN: [Nov  3 20:00:01.643] x", "Nov  3 20:00:01.643"),
        ("Tue Nov  3 20:00:01 CET 2026|x", "Nov  3 20:00:01 2026"),
        ("03-Nov-2026 20:00:01.459 INFO", "2026-11-03T20:00:01.459"),
        ("x [03/Nov/2026:20:00:01 +0100] y", "2026-11-03T20:00:01+0100"),
        ("[Nest] 7 - 11/03/2026, 8:00:01 PM WARN", "2026-11-03T20:00:01"),
        ("2026/11/03 20:00:01 x", "2026-11-03T20:00:01"),
        ("261103  9:00:01 [Note] x", "2026-11-03T09:00:01"),
        ("no time 20:00:01 here", None),
    ],
)
def test_times_of_many_notations(line: str, text: str | None) -> None:
    """The time at a line's head, rewritten in one of two notations."""
    found = framing_stamps.find(line)
    assert (found.text if found else None) == text
