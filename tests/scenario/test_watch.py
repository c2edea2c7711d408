"""``pollwatch watch`` as its user runs it: logs grow, rotate and are attacked; it is killed, reloaded, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

import watch_worker
from commands import here
from pollwatch.clock import SystemClock
from pollwatch.console.accounts.trail import Actor, Trail
from pollwatch.incidents.records import Case
from pollwatch.notify.tables import ALARM_INCIDENTS
from pollwatch.store.database import Database
from watching import (
    append,
    by_settings,
    found_in,
    guess,
    incidents_in,
    injection,
    kill_grouping,
    lines_in,
    request,
    stop,
    until,
)

#: At every step that touches the disk, or at a few of them.
_STRIDE = "1" if os.environ.get("POLLWATCH_ALL_FAULTS") else "300"

SETTINGS = """
[node]
case = "case"
[watch]
health = "none"
[[watch.source]]
name = "web"
path = "access.log"
"""


def test_killed_at_any_step_it_ends_as_if_undisturbed(tmp_path: Path) -> None:
    """SIGKILL between any two writes: every line is there once, and so is every detection and incident."""
    web = [injection(at) if at % 20 == 7 else request(at) for at in range(160)]
    auth = [guess(at) for at in range(0, 60, 2)]
    for name, lines in (("access.log", web), ("auth.log", auth)):
        for folder, share in (("logs", len(lines) // 2), ("grown", len(lines))):
            (tmp_path / folder).mkdir(exist_ok=True)
            append(tmp_path / folder / name, lines[:share])
    command = [sys.executable, watch_worker.__file__, str(tmp_path), _STRIDE]
    subprocess.run(command, check=True, timeout=3600, capture_output=True)
    undisturbed = tmp_path / "undisturbed"
    found, incidents = found_in(undisturbed), incidents_in(undisturbed)
    assert lines_in(undisturbed) == len(web) + len(auth)
    assert {each[2].split()[0] for each in incidents} == {"SQL", "Password"}
    killed = sorted(tmp_path.glob("killed-*"))
    assert len(killed) > 2
    for case in killed:
        assert lines_in(case) == len(web) + len(auth), case.name
        assert found_in(case) == found, case.name
        assert incidents_in(case) == incidents, case.name


def test_a_night_with_a_watch(tmp_path: Path) -> None:
    """An attack is an incident at once; rotation, SIGHUP, SIGTERM, and a dead grouping lose nothing, repeat nothing.

    Settings say all of it, so that ``pollwatch watch`` is enough; and what a console left unsealed when it was killed
    is sealed by the watch.
    """
    log, case = tmp_path / "access.log", tmp_path / "case"
    append(log, [request(at) for at in range(50)])
    (tmp_path / "pollwatch.toml").write_text(SETTINGS)
    with by_settings(tmp_path) as watch:
        until(lambda: lines_in(case) == 50)
        append(log, [injection(at) for at in range(50, 55)])
        until(lambda: len(incidents_in(case)) == 1)
        first = incidents_in(case)[0][0]
        with Case.open(case, SystemClock()) as opened, closing(Database(opened.folder.database)) as database:
            opened.add_note(first, "eva", "calling them")
            trail = Trail(database, SystemClock())
            trail.note(Actor("x", "Eva", "lead", ""), "note")
            assert trail.waiting() == 1
        kill_grouping(watch)
        log.rename(tmp_path / "access.log.1")
        append(log, [injection(55)])
        watch.send_signal(signal.SIGHUP)
        until(lambda: lines_in(case) == 56)
        until(lambda: len(incidents_in(case)[0][3]) == 6)
        code, said = stop(watch)
    assert code == 143, said
    assert "settings and rules were read again" in said
    assert said.count("new incidents") == 1
    assert said.count("another one goes on from the case") == 1
    with closing(Database(case / "case.sqlite")) as database:
        assert Trail(database, SystemClock()).waiting() == 0
    with by_settings(tmp_path, "--once") as again:
        assert again.wait(timeout=120) == 0
    scanned = here("scan", str(log), "--case", str(case), "--quiet", cwd=tmp_path)
    assert b"left out, since the watch of this case reads it already" in scanned.stderr
    bundle = tmp_path / "bundle.json"
    exported = here("seal", "export", first, "--case", str(case), "--output", str(bundle), cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    assert bundle.exists()
    ((name, severity, _title, lines),) = incidents_in(case)
    assert (name, severity, len(lines)) == (first, "medium", 6)
    assert lines_in(case) == 56
    with Case.open(case, SystemClock()) as opened:
        assert [each.text for each in opened.history(first)] == ["calling them"]
        incident = opened.incident(first)
        assert len(incident.samples) >= 5
        assert sum(len(batch) for batch in opened.events()) == 56


def test_a_day_that_came_while_the_watch_was_down(tmp_path: Path) -> None:
    """Caught up at once or followed by halves, a day of two logs ends in the same incidents, each told of once."""
    web = [request(60 * at) for at in range(1_440)]
    for hour in (2, 11, 20):
        web[60 * hour : 60 * hour] = [injection(3_600 * hour - 30 + n, f"203.0.113.{hour}") for n in range(5)]
    auth = [guess(at) for at in range(40)]
    settings = '[notify]\nstale_hours = 10000\nurgent_from = "low"\n[[notify.channel]]\nname = "hook"\nfile = "hook"\n'
    settings += '[[notify.person]]\nname = "Ada"\nurgent = ["hook"]\n'
    for name, halves in (("followed", (700, len(web))), ("down", (len(web),))):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "pollwatch.toml").write_text(settings, "utf-8")
        (folder / "hook").write_text("json://127.0.0.1:1/\n", "utf-8")
        (folder / "hook").chmod(0o600)
        for at, upto in enumerate((0, *halves)):
            append(folder / "access.log", web[(0, *halves)[at - 1] if at else 0 : upto])
            append(folder / "auth.log", auth if upto == len(web) else [])
            done = here("watch", "access.log", "auth.log", "--case", "case", "--once", cwd=folder)
            assert done.returncode == 0, done.stderr
    followed, down = tmp_path / "followed" / "case", tmp_path / "down" / "case"
    assert lines_in(down) == len(web) + len(auth)
    assert found_in(down) == found_in(followed)
    assert {each[1:] for each in incidents_in(down)} == {each[1:] for each in incidents_in(followed)}
    assert len(incidents_in(down)) == 2  # the guesses, and one tool from three addresses
    with closing(Database(down / "case.sqlite")) as database, database.reading() as connection:
        told = list(connection.execute(sa.select(ALARM_INCIDENTS.c.incident_id)).scalars())
    assert sorted(told) == [each[0] for each in incidents_in(down)]
