"""The pages beside inbox and incident: rules, sources, coverage, ATT&CK, SQL, the joint watch, elections, setup."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from console_scenes import Hall, Visitor, hall
from pollwatch import config
from pollwatch.clock import ManualClock
from pollwatch.console.access import Role
from pollwatch.console.accounts import managing
from pollwatch.console.desks.rules import RuleWish
from pollwatch.console.roles import Permission
from pollwatch.node.case.casework import scan_into
from pollwatch.node.case.inputs import open_sources
from pollwatch.node.case.scan import ScanOptions

CLOCK = ManualClock(1_793_700_000_000_000)
POISON = "<script>alert(1)</script>"
LINE = '203.0.113.9 - - [03/Nov/2026:20:{at:02d}:00 +0000] "GET /result?id=1{what} HTTP/1.1" 200 900 "-" "{agent}"\n'
ATTACK = "%27%20UNION%20SELECT%20password%20FROM%20users--%20"
SETTINGS = """# Ours, written on a quiet afternoon.
[[election]]
name = "Alderland"
zone = "Europe/Amsterdam"
day = 2026-11-03
polls_close = 21:00:00  # later than usual

[[asset]]
name = "Results"
kind = "results"
appears_as = ["results.alderland.example"]

[[election]]
name = "By hand"
zone = "Europe/Amsterdam"
day = 2026-12-01
[[election.phase]]
name = "campaign"
start = 2026-11-01
end = 2026-11-30
"""


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """A console over a case with an attack in it, and lines that nobody understands."""
    root = tmp_path_factory.mktemp("looking")
    log = root / "access.log"
    lines = [LINE.format(at=n, what=ATTACK if n % 2 else "", agent=f"sqlmap/1.8 {POISON}") for n in range(40)]
    log.write_text("".join(lines) + f"{POISON} is no request\n")
    (root / "pollwatch.toml").write_text(SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        sources, _failures = open_sources([str(log)], root, CLOCK)
        scan_into(root / "case", sources, ScanOptions(), CLOCK)

        def read() -> config.Config:
            return config.load(root, {}, root / "pollwatch.toml")

        with hall(root / "case", config=read(), reread=read) as opened:
            yield opened


def lead(floor: Hall) -> Visitor:
    """Somebody who may do everything."""
    return floor.visitor(Role.LEAD)


PAGES = (
    "/rules", "/rules?text=sql&level=medium", "/sources", "/coverage", "/attack", "/events", "/members", "/disclosures",
    "/matching", "/claims", "/elections", "/setup",
)  # fmt: skip


def test_each_page_shows_and_nothing_written_by_others_is_markup(floor: Hall) -> None:
    """Pages of a case whose log holds scripts (stored XSS) are whole, and hold none of them as markup."""
    visitor = lead(floor)
    path = floor.services.sources.inputs(1).newest[0].path
    for page in (*PAGES, f"/sources/quarantine?path={path}"):
        answer = visitor.get(page)
        assert answer.status_code == 200, (page, answer.text[-500:])
        assert POISON not in answer.text
        assert "</html>" in answer.text


def test_sources_of_a_watch_say_how_they_are_doing(tmp_path: Path) -> None:
    """State, last record, lag, losses and norm, as markup-free text; when the watch dies, "not watching" in words."""
    with hall(tmp_path / "case") as opened:
        visitor, now_us = lead(opened), opened.clock.now_us()
        assert "No watch runs on this case" in visitor.get("/sources/now").text
        token = managing.make_token(opened.desk, opened.account("api", Role.OBSERVER), "api", [Permission.READ], 9)[1]
        bearer = {"authorization": f"Bearer {token}"}
        assert visitor.get("/api/v1/sources", bearer).json() == {
            "running": False, "trouble": None, "beat": None, "sources": []
        }  # fmt: skip
        with closing(sqlite3.connect(tmp_path / "case" / "case.sqlite")) as raw, raw:
            raw.execute("INSERT INTO live_watch VALUES (1, 7, ?, ?, 1, NULL)", (now_us, now_us))
            for name, state, problem in (("web", "ok", ""), (POISON, "failed", f"{POISON}: unreadable")):
                row = (name, "files", now_us, now_us, now_us, 1234, 2, 3, 5 << 20, state, problem, 7200)
                raw.execute(f"INSERT INTO live_sources VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - marks
        page = visitor.get("/sources")
        assert POISON not in page.text
        for word in ("watching", "not watching: it cannot be read", "1\u2009234", "5.0 MiB", "2 h", "At work", "Lost"):
            assert word.lower() in page.text.lower(), word
        told = visitor.get("/api/v1/sources", bearer).json()
        assert told["running"]
        assert "says nothing any more" in told["trouble"]
        assert [(each["state"], each["lag_bytes"], each["dropped"]) for each in told["sources"]] == [
            ("failed", 5 << 20, 3), ("ok", 5 << 20, 3)
        ]  # fmt: skip
        opened.clock.advance(60)
        dead = visitor.get("/sources/now").text
        assert "The watch does not run any more, so nobody is watching" in dead
        assert dead.count("not watching") == 2
        assert not visitor.get("/api/v1/sources", bearer).json()["running"]


def test_a_rule_says_why_it_fires_and_is_tried_on_the_cases_own_events(floor: Hall) -> None:
    """From the list by how often a rule fired to its card, and what it does here."""
    visitor = lead(floor)
    fired = [row for row in floor.services.rules.listed(RuleWish()) if row.fired]
    assert fired
    card = visitor.get(f"/rules/{fired[0].id}")
    assert card.status_code == 200
    trial = floor.services.rules.trial(fired[0].id)
    assert trial.samples
    assert not trial.failed
    assert trial.hits is None or 0 < trial.hits <= trial.events
    assert visitor.get("/rules/no-such-rule").status_code == 404


def test_the_heat_map_and_navigators_layer_agree(floor: Hall) -> None:
    """What is coloured on the page is in the layer, with the same severity."""
    seen = {
        one.id: one.worst
        for column in floor.services.attack.columns()
        for each in column.techniques
        for one in (each, *each.parts)
        if one.worst is not None
    }
    layer = json.loads(lead(floor).get("/attack/layer.json").text)
    assert seen
    assert {each["techniqueID"]: each["score"] for each in layer["techniques"]} == {
        name: int(worst) + 1 for name, worst in seen.items()
    }


def test_sql_answers_and_says_what_is_wrong_with_a_question(floor: Hall) -> None:
    """A count is answered, a wrong column and anything but a SELECT are refused with the engine's words."""
    visitor = lead(floor)
    visitor.get("/events")
    answer = visitor.post(
        "/events", {"sql": "SELECT count(*) AS requests FROM webserver WHERE \"cs-uri-query\" LIKE '%UNION%'"}
    )
    assert answer.status_code == 200
    assert '<td class="mono">20</td>' in answer.text
    for wrong in ("SELECT nothing FROM webserver", "DROP TABLE webserver", "SELECT * FROM read_csv('/etc/passwd')"):
        refused = visitor.post("/events", {"sql": wrong})
        assert refused.status_code == 400, wrong
        assert "root:" not in refused.text


def test_a_table_of_an_answer_holds_no_formula(floor: Hall) -> None:
    """A user agent that begins with = (CSV injection) is text to a spreadsheet."""
    visitor = lead(floor)
    visitor.get("/events")
    answer = visitor.post("/events/csv", {"sql": "SELECT '=cmd|calc' AS agent, 7 AS n"})
    assert list(csv.reader(io.StringIO(answer.text))) == [["agent", "n"], ["'=cmd|calc", "7"]]


def test_a_question_is_kept_and_only_its_owner_can_remove_it(floor: Hall) -> None:
    """Kept under a name, shown to others where shared, removed by its owner alone."""
    ada, bob = lead(floor), floor.visitor(Role.ANALYST)
    ada.get("/events")
    kept = {"kind": "sql", "name": "night", "text": "SELECT 1", "shared": "true"}
    assert ada.post("/saved", kept).status_code == 303
    assert "night" in bob.get("/events").text
    (saved,) = floor.services.saved.of("nobody", "sql")
    assert bob.post(f"/saved/{saved.id}/remove", {"kind": "sql"}).status_code == 404
    assert ada.post(f"/saved/{saved.id}/remove", {"kind": "sql"}).status_code == 303
    assert not floor.services.saved.of("nobody", "sql")


def test_an_election_is_changed_and_the_rest_of_the_file_stays(floor: Hall) -> None:
    """A form changes one table; comments, other tables and what a form cannot hold stay, and the calendar follows."""
    visitor, file = lead(floor), Path(floor.services.settings.written().path)
    visitor.get("/elections")
    written = floor.services.settings.written()
    assert written.by_hand == ("By hand",)
    form = {
        "version": written.version, "before": "Alderland", "name": "Alderland", "zone": "Europe/Amsterdam",
        "day": "2026-11-04", "opens": "07:30", "closes": "21:00", "certification": "2026-11-13",
    }  # fmt: skip
    assert visitor.post("/elections/election", form).status_code == 303
    text = file.read_text()
    assert "# Ours, written on a quiet afternoon." in text
    assert "[[election.phase]]" in text
    assert str(tomllib.loads(text)["election"][0]["day"]) == "2026-11-04"
    assert any(each.name == "Alderland" for each in floor.services.office.calendar.elections)
    assert "2026-11-04" in visitor.get("/elections").text
    stale = visitor.post("/elections/election", form)
    assert stale.status_code == 400
    assert "meanwhile" in stale.text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"certification": "2026-10-01"}, "certification"),
        ({"before": "Gone"}, "Gone"),
        ({"before": "", "name": "By hand"}, "another election"),
    ],
)
def test_what_would_not_load_is_never_written(floor: Hall, change: dict[str, str], told: str) -> None:
    """A zone that does not exist, dates in the wrong order, a name that is gone or taken: refused, nothing changes."""
    visitor, file = lead(floor), Path(floor.services.settings.written().path)
    before = file.read_bytes()
    visitor.get("/elections")
    form = {
        "version": floor.services.settings.written().version, "before": "Alderland", "name": "Alderland",
        "zone": "Europe/Amsterdam", "day": "2026-11-03", "opens": "07:00", "closes": "21:00", **change,
    }  # fmt: skip
    answer = visitor.post("/elections/election", form)
    assert answer.status_code == 400, answer.text[-300:]
    assert told in answer.text
    assert file.read_bytes() == before


def test_a_system_comes_and_goes(floor: Hall) -> None:
    """A system is added with what logs call it, and taken out again."""
    visitor = lead(floor)
    visitor.get("/elections")
    desk = floor.services.settings
    form = {
        "version": desk.written().version,
        "name": "Mail",
        "kind": "email",
        "appears_as": "mail.example\n192.0.2.0/28",
    }
    assert visitor.post("/elections/asset", form).status_code == 303
    assert next(each for each in desk.written().assets if each.name == "Mail").appears_as == (
        "mail.example",
        "192.0.2.0/28",
    )
    gone = {"version": desk.written().version, "section": "asset", "name": "Mail"}
    assert visitor.post("/elections/remove", gone).status_code == 303
    assert all(each.name != "Mail" for each in desk.written().assets)


def test_who_may_not_is_refused(floor: Hall) -> None:
    """An observer asks no SQL, changes no election and sees neither raw lines nor disclosures; a clerk no SQL."""
    observer, clerk = floor.visitor(Role.OBSERVER), floor.visitor(Role.CLERK)
    observer.get("/elections")
    path = floor.services.sources.inputs(1).newest[0].path
    for page in ("/events", "/disclosures", "/setup", f"/sources/quarantine?path={path}"):
        assert observer.get(page).status_code == 403, page
    assert clerk.get("/events").status_code == 403
    assert (
        observer.post("/elections/remove", {"version": "x", "section": "asset", "name": "Results"}).status_code == 403
    )
