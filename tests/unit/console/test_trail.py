"""The audit trail: whatever is done has a row, and who changes a row later is found out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from console_scenes import ORIGIN, PASSWORD, Hall, Visitor, hall, run
from pollwatch.console.accounts import managing
from pollwatch.console.accounts.trail import UNKNOWN, Actor
from pollwatch.console.roles import Permission, Role
from pollwatch.evidence.manifest import parse_private
from pollwatch.node.evidence import rail
from pollwatch.node.floor import auditing


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Hall]:
    """A console with a lead and a clerk."""
    with hall(tmp_path / "case") as found:
        found.account("anna", Role.LEAD)
        found.account("bob")
        yield found


def told(console: Hall) -> list[tuple[str, str, str, str]]:
    """Who, what, to what, outcome: oldest first."""
    rows = reversed(console.desk.trail.latest(1000))
    return [(row.actor.who, row.action, row.about, row.outcome) for row in rows]


def test_everything_about_accounts_is_in_the_trail(console: Hall) -> None:
    """Signing in and out, refusals and changes, each with who, what, to whom and how it ended; no secret among them."""
    anna = Visitor(console.app)
    anna.sign_in("anna", "not this one")
    anna.signed_in("anna")
    made = anna.post("/accounts", {"name": "carl", "role": "observer"})
    bob = console.desk.accounts.named("bob")
    anna.post("/accounts/role", {"account": bob.id, "role": "analyst"})
    anna.post("/accounts/role", {"account": console.desk.accounts.named("anna").id, "role": "clerk"})
    token = anna.post("/me/tokens", {"label": "probe", "scope": "read", "days": "9"})
    anna.get("/audit/export.jsonl")
    Visitor(console.app).sign_in("nobody")
    clerk = Visitor(console.app).signed_in("bob")
    clerk.post("/accounts", {"name": "eve", "role": "lead"})
    anna.post("/sign-out")
    assert told(console) == [
        ("Anna", "sign in", "anna", "refused"),
        ("Anna", "sign in", "anna", "done"),
        ("Anna", "add account", "carl", "done"),
        ("Anna", "account: role analyst", "bob", "done"),
        ("Anna", "account: role clerk", "anna", "refused"),
        ("Anna", "make token", "anna", "done"),
        ("Anna", "export audit trail", "", "done"),
        ("nobody", "sign in", "nobody", "refused"),
        ("Bob", "sign in", "bob", "done"),
        ("Bob", "POST /accounts", "", "refused"),
        ("Anna", "sign out", "", "done"),
    ]
    kept = "".join(str(row.record()) for row in console.desk.trail.latest(1000))
    secrets = [PASSWORD, made.text.partition("key=")[2][:43], token.text.partition("<code>")[2].partition("<")[0]]
    assert all(len(secret) > 20 and secret not in kept for secret in secrets)


def test_what_dies_half_way_has_a_row(console: Hall) -> None:
    """The row stands before the action begins: a killed process leaves one that says nobody knows how it ended."""
    row = console.desk.trail.begin(Actor("x", "Anna", "lead", ""), "POST /incidents/i/status")
    assert told(console)[-1][3] == ""
    assert console.desk.trail.unsealed(10) == []
    console.clock.advance(200)
    assert [(each.id, each.outcome) for each in console.desk.trail.unsealed(10)] == [(row, UNKNOWN)]
    console.desk.trail.end(row, "done")
    assert told(console)[-1][3] == UNKNOWN


def test_an_action_that_raises_has_a_row_that_says_so(console: Hall) -> None:
    """An internal error in the middle of an action is in the trail as failed."""

    @console.app.post("/broken")
    def broken() -> None:
        raise ZeroDivisionError

    anna = Visitor(console.app).signed_in("anna")

    async def asking() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(console.app), base_url=ORIGIN) as client:
            jar = "; ".join(f"{name}={value}" for name, value in anna.cookies.items())
            await client.post("/broken", data={"csrf": anna.token}, headers={"cookie": jar})

    with pytest.raises(ZeroDivisionError):
        run(asking())
    assert told(console)[-1] == ("Anna", "POST /broken", "", "failed")


def test_rows_cannot_be_changed_or_removed_by_a_statement(console: Hall) -> None:
    """The database itself refuses to change what is over, or to remove anything (a careless or cheap attacker)."""
    console.desk.trail.note(Actor("x", "Anna", "lead", ""), "a")
    with sqlite3.connect(console.case_dir / "case.sqlite") as raw:
        for statement in ("UPDATE audit SET who = 'Bob'", "DELETE FROM audit", "UPDATE audit SET outcome = ''"):
            with pytest.raises(sqlite3.IntegrityError, match="never changed"):
                raw.execute(statement)
    raw.close()


def fill(console: Hall) -> None:
    """Six rows, sealed in two entries."""
    for number in range(6):
        console.desk.trail.note(Actor("x", "Anna", "lead", "192.0.2.1"), f"act {number}", f"i-{number}", {"n": number})
        if number in {2, 5}:
            auditing.seal_now(console.case_dir, console.desk.trail, console.clock)


def test_the_private_log_commits_to_every_row(console: Hall) -> None:
    """All rows are sealed, each once; what is sealed is an entry that every reader of logs knows."""
    fill(console)
    entries = {row.entry for row in console.desk.trail.latest(10)}
    assert len(entries) == 2
    assert None not in entries
    with rail.opened(console.case_dir, console.clock) as evidence:
        assert auditing.check(console.desk.trail, evidence) == auditing.Checked(6, 0, ())
        assert {parse_private(evidence.private.entry(entry)).KIND for entry in entries if entry is not None} == {
            "decision"
        }
        size = evidence.private.signed.checkpoint.size
        assert auditing.seal(console.desk.trail, evidence, console.clock) == 0
        assert evidence.private.signed.checkpoint.size == size


@pytest.mark.parametrize(
    ("statement", "faults"),
    [
        ("UPDATE audit SET who = 'Bob', detail = '{}' WHERE id = 2", [(2, "was changed: detail, who")]),
        ("UPDATE audit SET at_us = at_us + 1 WHERE id = 4", [(4, "was changed: at_us")]),
        ("DELETE FROM audit WHERE id = 3", [(3, "was removed")]),
        ("DELETE FROM audit WHERE id > 4", [(5, "was removed"), (6, "was removed")]),
        (
            "INSERT INTO audit SELECT 9, 1, actor, who, role, '', action, about, '{}', 'done', 1 FROM audit LIMIT 1",
            [(9, "was put in"), (7, "is missing, and was never sealed"), (8, "is missing, and was never sealed")],
        ),
        ("UPDATE audit SET entry = NULL WHERE id = 1", [(1, "was removed")]),
    ],
)
def test_who_changes_a_sealed_row_is_found_out(console: Hall, statement: str, faults: list[tuple[int, str]]) -> None:
    """Somebody with the database drops the triggers and changes, removes or adds rows: the check names each."""
    fill(console)
    with sqlite3.connect(console.case_dir / "case.sqlite") as raw:
        raw.execute("DROP TRIGGER audit_stays")
        raw.execute("DROP TRIGGER audit_remains")
        raw.execute(statement)
    raw.close()
    with rail.opened(console.case_dir, console.clock) as evidence:
        found = auditing.check(console.desk.trail, evidence)
    assert [(fault.row, fault.what) for fault in found.faults] == faults


def test_who_changes_the_openings_to_fit_is_found_out(console: Hall) -> None:
    """Changing row and opening alike does not help: the log's entry commits to what they were."""
    fill(console)
    with sqlite3.connect(console.case_dir / "case.sqlite") as raw:
        raw.execute("DROP TRIGGER audit_stays")
        raw.execute("UPDATE audit SET who = 'Boba' WHERE id = 2")
    raw.close()
    with sqlite3.connect(console.case_dir / "evidence" / "openings.sqlite") as raw:
        changed = """UPDATE others SET opening = CAST(replace(opening, '"who":"Anna"', '"who":"Boba"') AS BLOB)"""
        raw.execute(changed)
    raw.close()
    with rail.opened(console.case_dir, console.clock) as evidence:
        found = auditing.check(console.desk.trail, evidence)
    assert found.faults
    assert all("opens this entry was changed" in fault.what for fault in found.faults if fault.row == 0)


def test_a_scan_that_holds_the_log_delays_a_seal_and_no_action(console: Hall) -> None:
    """While somebody holds the private log people go on working, and what they did is sealed afterwards."""
    anna = Visitor(console.app).signed_in("anna")
    with rail.opened(console.case_dir, console.clock) as held:
        assert held is not None
        # The lock of the joint watch would make us wait; a scan has only the log.
    with auditing.sealing(console.case_dir, console.desk.trail, console.clock):
        assert anna.post("/me", {"shown": "Anna", "language": "", "zone": ""}).status_code == 303
    assert console.desk.trail.waiting() == 0


def test_tokens_act_under_their_own_name(console: Hall) -> None:
    """What a program does is told as its token's, of its owner."""
    anna = console.desk.accounts.named("anna")
    token, text = managing.make_token(console.desk, anna, "probe", [Permission.READ], 9)
    viewer = console.desk.program(text)
    assert viewer is not None
    assert (viewer.id, viewer.name) == (f"token:{token.id}", "Anna (probe)")
