"""People are told: once, by somebody, whatever dies in between; over mail and webhooks that really take it."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from commands import told
from notify_scenes import HOSTILE, NIGHT, SETTINGS, happen, post_office, secret_file, settings, webhook
from pollwatch.clock import US_PER_S, ManualClock, SystemClock
from pollwatch.election.calendar import Calendar
from pollwatch.errors import UsageError
from pollwatch.events.detection import Severity
from pollwatch.incidents import tables
from pollwatch.incidents.livetables import LIVE_SOURCES, LIVE_WATCH
from pollwatch.incidents.records import Case
from pollwatch.node.notifying import acting, sight
from pollwatch.node.notifying.loop import Notifier
from pollwatch.notify import alarms, outbox
from pollwatch.notify.channels import Address, DeliveryError
from pollwatch.notify.message import Message
from pollwatch.notify.settings import NotifySettings
from pollwatch.store.database import Database
from pollwatch.store.folder import CaseFolder
from watching import append, injection, request, stop, until, watching

MINUTE_S = 60.0


@dataclass
class Office:
    """A case, a notifier over it with channels that only note what goes out, and the time."""

    root: Path
    clock: ManualClock
    settings: NotifySettings
    went: list[tuple[str, Message]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Open the case; each channel's file names it, so that the note says over which channel something went."""
        with Case.open(self.root / "case", self.clock):
            pass
        self.database = Database(CaseFolder(self.root / "case").database)
        self.notifier = Notifier(self.database, self.settings, Calendar(), self.clock, {}, self.way)

    def way(self, to: Address, message: Message) -> None:
        """Note it."""
        name = re.sub(r".*127\.0\.0\.1/", "", to.urls[0])
        if name in self.broken:
            raise DeliveryError(f"{name} is broken")
        self.went.append((name, message))

    def tick(self, minutes: float = 0, blind: tuple[str, ...] | None = None) -> list[str]:
        """Some minutes later: over which channels something went."""
        self.clock.advance(minutes * MINUTE_S)
        before = len(self.went)
        self.notifier.tick(blind)
        return sorted(name for name, _message in self.went[before:])

    def happen(self, name: str, severity: Severity = Severity.HIGH, **more: object) -> None:
        """An incident, now."""
        happen(self.database, name, severity, self.clock.us, **more)  # type: ignore[arg-type]

    def code(self) -> str:
        """The code in the last message."""
        return re.search(r"\d+-[A-Z2-7]{6}\b", self.went[-1][1].body)[0]  # type: ignore[index]

    def open_alarms(self) -> int:
        """How many nobody has."""
        with self.database.reading() as connection:
            return len(alarms.all_open(connection))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """On a Tuesday afternoon; nobody sleeps."""
    for name in ("sms", "mail", "house"):
        secret_file(tmp_path / name, f"json://127.0.0.1/{name}")
    made = Office(tmp_path, ManualClock(NIGHT - 6 * 3600 * US_PER_S), settings(SETTINGS, str(tmp_path / "p.toml")))
    yield made
    made.database.close()


def test_an_alarm_goes_out_climbs_and_ends_with_a_code(office: Office) -> None:
    """Ada by telephone and mail, Bo ten minutes later; he reads out his code, Ada is told, the incident is taken."""
    office.happen("PW-1")
    assert office.tick() == ["mail", "sms"]
    assert office.tick(9) == []
    assert office.tick(1) == ["house"]
    assert "Password guessing" in office.went[-1][1].body
    found, who = acting.whose(office.database, office.settings, office.code())
    assert who == "Bo"
    done = acting.answer(office.database, office.settings, found.id, who, office.clock)
    assert (done.first, done.incidents) == (True, ("PW-1",))
    assert office.tick() == ["mail", "sms"]
    assert "Bo has alarm 1" in office.went[-1][1].body
    assert office.tick(45) == []
    with Case.open(office.root / "case", office.clock) as case:
        assert case.incident("PW-1").status == "acknowledged"
        assert [(each.who, each.text) for each in case.history("PW-1")] == [("Bo", "alarm 1")]
    assert not acting.answer(office.database, office.settings, found.id, "Ada", office.clock).first
    with pytest.raises(UsageError):
        acting.whose(office.database, office.settings, "1-AAAAAA")


def test_attack_a_flood_is_one_alarm_and_one_message(office: Office) -> None:
    """Attack: 3,000 grave incidents in one moment. One alarm, one message to each, and it says how many."""
    office.happen("PW-0")
    table = tables.INCIDENTS
    with office.database.writing() as connection:
        row = dict(connection.execute(sa.select(table)).mappings().one())
        connection.execute(sa.insert(table), [{**row, "id": f"PW-{n}"} for n in range(1, 3_000)])
    assert office.tick() == ["mail", "sms"]
    assert "3000 incidents" in office.went[-1][1].subject + office.went[-2][1].subject
    assert office.tick(1) == []
    with office.database.reading() as connection:
        assert len(alarms.incidents_of(connection, 1)) == 3_000


def test_what_grows_graver_after_the_answer_is_a_new_alarm(office: Office) -> None:
    """A flood never mutes another incident, nor the same one when it gets worse; mere growth calls nobody."""
    office.happen("PW-1")
    office.tick()
    acting.answer(office.database, office.settings, 1, "Ada", office.clock)
    office.happen("PW-1", status="acknowledged")
    assert office.tick(1) == []
    office.happen("PW-1", Severity.CRITICAL)
    assert office.tick(1) == ["mail", "sms"]
    office.happen("PW-2")
    acting.answer(office.database, office.settings, 2, "Ada", office.clock)
    assert office.tick(1) == ["mail", "sms"]
    assert office.open_alarms() == 1


def test_taking_it_up_in_the_console_ends_the_alarm(office: Office) -> None:
    """Whoever acknowledges the incidents where they work has the alarm; whoever was told gets to know."""
    office.happen("PW-1")
    office.happen("PW-2")
    office.tick()
    with Case.open(office.root / "case", office.clock) as case:
        case.set_status("PW-1", "acknowledged", "Cleo")
        assert office.tick(1) == []
        case.set_status("PW-2", "false-positive", "Cleo", "a test")
    assert office.tick(1) == ["mail", "sms"]
    assert "Cleo has alarm 1" in office.went[-1][1].body
    assert office.open_alarms() == 0


def test_old_news_wakes_nobody(office: Office) -> None:
    """A scan of last month's logs, or a small matter, is in the summary and no alarm."""
    office.tick()
    happen(office.database, "PW-OLD", Severity.CRITICAL, office.clock.us - 40 * 86_400 * US_PER_S)
    office.happen("PW-LOW", Severity.LOW)
    assert office.tick(1) == []
    assert office.open_alarms() == 0
    assert office.tick(180) == ["mail"], "at five"
    assert "1 incident since" in office.went[-1][1].subject
    assert office.tick(1) == []
    office.tick(60 * 24)
    assert len(office.went) == 1, "where nothing came there is no summary"


def test_medium_is_an_alarm_where_the_calendar_says_so(office: Office) -> None:
    """The same probing is nothing in spring and an alarm on the results system in the night of the results."""
    office.happen("PW-1", Severity.MEDIUM, priority=4)
    assert office.tick() == []
    office.happen("PW-2", Severity.MEDIUM, priority=2)
    assert office.tick(1) == ["mail", "sms"]
    assert office.went[-1][1].body.startswith("pollwatch: Look now") or "Look now" in office.went[-1][1].subject


def test_not_watching_is_an_alarm_that_ends_by_itself(office: Office) -> None:
    """A silent source calls people; when it speaks again they are told; who has taken it is not called again."""
    why = ("Nothing has come from web for longer than is usual.",)
    assert office.tick(blind=()) == []
    assert office.tick(1, why) == ["mail", "sms"]
    assert "Not watching" in office.went[-1][1].body
    assert office.tick(1, why) == []
    assert office.tick(10, why) == ["house"]
    assert why[0] in office.went[-1][1].body
    assert office.tick(1, ()) == ["house", "mail", "sms"]
    assert any("watching again" in told.body for _to, told in office.went[-3:]), "each in their own language"
    assert office.tick(1, why) == ["mail", "sms"]
    acting.answer(office.database, office.settings, 2, "Ada", office.clock)
    assert office.tick(60, why) == []
    assert office.tick(1, ()) == ["mail", "sms"]


def test_a_watch_that_died_or_a_source_that_fell_silent_is_seen(office: Office) -> None:
    """Attack: stop the watch, or cut a log off, so that nobody sees the rest: what runs beside it tells of both."""
    assert sight.why_blind(office.database, office.clock) is None, "nobody ever watched here"
    now_us = office.clock.us
    source = {"kind": "files", "updated_us": now_us, "lines": 1, "quarantined": 0, "dropped": 0, "lag_bytes": 0}
    with office.database.writing() as connection:
        row = {"id": 1, "process": 1, "started_us": now_us, "beat_us": now_us, "step": 0}
        connection.execute(sa.insert(LIVE_WATCH).values(row))
        for name, state in (("web", "ok"), ("mail", "silent"), ("dns", "failed")):
            row = {**source, "name": name, "state": state, "problem": "gone" if state == "failed" else ""}
            connection.execute(sa.insert(LIVE_SOURCES).values(row))
    seen = sight.why_blind(office.database, office.clock)
    assert seen == ("dns cannot be read: gone", "Nothing has come from mail for longer than is usual.")
    assert office.tick(0, seen) == ["mail", "sms"]
    with office.database.writing() as connection:
        connection.execute(sa.update(LIVE_SOURCES).values(state="ok"))
    assert sight.why_blind(office.database, office.clock) == ()
    office.clock.advance(121)
    assert "not been at work since" in str(sight.why_blind(office.database, office.clock))


def test_who_is_not_sure_is_heard(office: Office) -> None:
    """The clerk's question reaches the one on duty, what they wrote only inside; an answer ends it."""
    with Case.open(office.root / "case", office.clock) as case:
        asked = case.asking().ask("Clerk", "The page looks odd <@everyone>", ["Ada"])
        assert office.tick() == ["mail", "sms"]
        assert "not sure" in office.went[-1][1].body
        assert all("odd" not in each.body for _name, each in office.went)
        assert office.tick(10) == ["house"]
        assert "The page looks odd ((at)everyone)" in office.went[-1][1].body
        case.asking().answer(asked.id, "Ada", "It is the new layout.")
    assert office.tick(10) == ["house"], "Bo is told that Ada has it; she knows"
    assert office.open_alarms() == 0


def test_what_a_channel_refuses_is_tried_again_and_passed_on(office: Office) -> None:
    """Neither of Ada's channels works: Bo is told at once, and hers are tried again after longer and longer pauses."""
    office.broken = {"sms", "mail"}
    office.happen("PW-1")
    assert office.tick() == []
    assert office.tick() == ["house"]
    with office.database.reading() as connection:
        waiting = [each for each in outbox.of_alarm(connection, 1) if each.sent_us is None]
    assert {each.problem for each in waiting} == {"sms is broken", "mail is broken"}
    assert [(each.due_us - office.clock.us) // US_PER_S for each in waiting] == [15, 15]
    office.broken = {"mail"}
    assert office.tick(0.25) == ["sms"]
    assert office.tick(0.25) == []
    office.broken = set()
    assert office.tick(0.25) == ["mail"]
    assert len({message.body for name, message in office.went if name == "mail"}) == 1


def test_quiet_hours_hold_summaries_back(tmp_path: Path) -> None:
    """A summary that is due while its reader sleeps comes when the quiet hours are over."""
    secret_file(tmp_path / "mail", "json://127.0.0.1/mail")
    text = 'digest_at = ["03:00"]\n[[channel]]\nname = "mail"\nfile = "mail"\n[[person]]\nname = "Ada"\n'
    text += 'digest = ["mail"]\nquiet = "22:00-07:00"\n'
    office = Office(tmp_path, ManualClock(NIGHT), settings(text, str(tmp_path / "p.toml")))
    office.tick()
    office.happen("PW-1", Severity.MEDIUM)
    assert office.tick(60 * 8) == []
    assert office.tick(60 * 3) == ["mail"]
    office.database.close()


def test_two_loops_send_each_message_once(office: Office) -> None:
    """The watch's own loop and one beside it, at the same moment: every message goes out exactly once."""
    for number in range(5):
        office.happen(f"PW-{number}")
    others = [
        Notifier(office.database, office.settings, Calendar(), office.clock, {}, office.way) for _each in range(4)
    ]
    threads = [threading.Thread(target=each.tick) for each in others]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(name for name, _message in office.went) == ["mail", "sms"]


@pytest.mark.parametrize("moment", ["writing", "before", "after"])
def test_killed_between_deciding_and_sending(office: Office, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill -9 while a message is written, before it is sent, or before that is noted: it comes, and is the same one."""
    office.happen("PW-1")
    office.database.close()
    note = office.root / "note"
    child = os.fork()
    if child == 0:  # the process that dies

        def die(to: Address, message: Message) -> None:
            if moment == "after":
                with note.open("a") as file:
                    file.write(f"{to.urls[0].rsplit('/', 1)[1]} {message.body}\n")
            os.kill(os.getpid(), signal.SIGKILL)

        if moment == "writing":
            monkeypatch.setattr(alarms, "told", lambda *_arguments: os.kill(os.getpid(), signal.SIGKILL))
        database = Database(CaseFolder(office.root / "case").database)
        Notifier(database, office.settings, Calendar(), office.clock, {}, die).tick()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    office.database = Database(CaseFolder(office.root / "case").database)
    office.notifier = Notifier(office.database, office.settings, Calendar(), office.clock, {}, office.way)
    if moment != "writing":
        assert office.tick(1) == [], "somebody may still be sending it"
    assert office.tick(2) == ["mail", "sms"]
    assert office.tick(3) == []
    if moment == "after":
        (sent,) = (line for line in note.read_text().splitlines()[:1])
        number = re.search(r"M-[A-Z2-7]{8}", note.read_text())
        assert number is not None
        assert any(number[0] in message.body for _name, message in office.went), f"not the same message as {sent}"


def test_by_mail_and_webhook_and_command(tmp_path: Path) -> None:
    """Real servers, real commands: a test message, an attack, its mail without an injected head, an answer by code."""
    case = tmp_path / "case"
    with Case.open(case, ManualClock(NIGHT)):
        pass
    with post_office() as post, webhook() as hook:
        head = f"mailto://127.0.0.1:{post.port}/?smtp=127.0.0.1&mode=insecure&from=watch@office.example&to="
        secret_file(tmp_path / "mail", f"{head}ada@office.example\n")
        secret_file(tmp_path / "house", f"json://127.0.0.1:{hook.port}/hook\n")
        text = '[notify]\n[[notify.channel]]\nname = "mail"\nfile = "mail"\ndetail = "full"\n'
        text += '[[notify.channel]]\nname = "hook"\nfile = "house"\n[[notify.person]]\nname = "Ada"\n'
        text += 'role = "duty"\ntelephone = "+31 20 111 11 11"\nurgent = ["mail", "hook"]\n'
        (tmp_path / "pollwatch.toml").write_text(text, "utf-8")
        where = ("--case", str(case))
        tested = told("notify", "test", *where, cwd=tmp_path)
        assert tested.returncode == 0, tested.stderr
        assert tested.stdout.count("taken by") == 2
        database = Database(CaseFolder(case).database)
        happen(database, "PW-1", Severity.CRITICAL, SystemClock().now_us(), title=HOSTILE)
        database.close()
        sent = told("notify", "send", *where, cwd=tmp_path)
        assert sent.returncode == 0, sent.stderr
        mail = post.mails[-1]
        assert mail["Subject"] == "[pollwatch] Call now: 1 incident, critical (alarm 1)."
        assert mail["Bcc"] is None
        assert mail["To"] == "ada@office.example"
        assert "Evil Bcc: all(at)office(.)example" in post.text()
        assert "Evil" not in hook.got[-1]["message"]
        assert "Brute Force" in hook.got[-1]["message"]
        code = re.search(r"\d+-[A-Z2-7]{6}\b", post.text())
        assert code is not None
        hook.status = 500
        told("notify", "test", *where, cwd=tmp_path)
        listed = json.loads(told("notify", "list", *where, "--messages", "--json", cwd=tmp_path).stdout)["messages"]
        assert any("did not take it" in (each["problem"] or "") for each in listed[:2])
        assert "NOBODY HAS IT" in told("notify", "list", *where, cwd=tmp_path).stdout
        shown = told("notify", "list", *where, "--show", listed[-1]["number"], cwd=tmp_path)
        assert "This is a test" in shown.stdout
        assert "Ada has alarm 1" in told("notify", "ack", code[0], *where, cwd=tmp_path).stdout
        assert "Ada has alarm 1 already" in told("notify", "ack", "1", *where, "--who", "Bo", cwd=tmp_path).stdout
        assert told("notify", "ack", "99", *where, cwd=tmp_path).returncode == 2
    paper, page = tmp_path / "tree.pdf", tmp_path / "tree.html"
    for file in (paper, page):
        done = told("notify", "tree", "-o", str(file), "--office", "Alder", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert paper.read_bytes().startswith(b"%PDF")
    assert "+31 20 111 11 11" in page.read_text("utf-8")


def test_a_watch_tells_of_an_attack_as_it_happens(tmp_path: Path) -> None:
    """`pollwatch watch` over a growing log: within seconds of the attack the webhook has it, once."""
    case, log = tmp_path / "case", tmp_path / "access.log"
    append(log, [request(number) for number in range(5)])
    with webhook() as hook:
        secret_file(tmp_path / "hook", f"json://127.0.0.1:{hook.port}/hook\n")
        text = '[notify]\nstale_hours = 10000\nurgent_from = "low"\n[[notify.channel]]\nname = "hook"\nfile = "hook"\n'
        (tmp_path / "pollwatch.toml").write_text(f'{text}[[notify.person]]\nname = "Ada"\nurgent = ["hook"]\n', "utf-8")
        with watching(case, log) as process:
            until((case / "case.sqlite").exists)
            append(log, [injection(number) for number in range(10, 40)])
            until(lambda: bool(hook.got))
            stop(process)
    assert "1 incident" in hook.got[0]["title"]
    assert len([each for each in hook.got if "Again" not in each["title"]]) == 1
