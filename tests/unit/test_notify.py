"""Who is told what and when: escalation, quiet hours, floods, words; pure, with a clock that is moved by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from notify_scenes import HOSTILE, NIGHT, SETTINGS, secret_file, settings
from pollwatch.clock import US_PER_S, parse_rfc3339, rfc3339
from pollwatch.errors import ConfigError, UsageError
from pollwatch.events.detection import Severity
from pollwatch.i18n import speaking
from pollwatch.notify import answering, channels, message
from pollwatch.notify.message import Answer, Item
from pollwatch.notify.plan import Alarm, Written, digest_slot, next_digest, plan, quiet_until
from pollwatch.notify.settings import DETAILS, Channel, NotifySettings

MINUTE = 60 * US_PER_S
HOUR = 60 * MINUTE
#: A quarter past noon in Amsterdam: nobody sleeps.
NOON = parse_rfc3339("2026-10-20T10:15:00Z")


def an_alarm(at_us: int, *, severity: Severity = Severity.HIGH, priority: int = 3, count: int = 1) -> Alarm:
    """An alarm that was just opened."""
    return Alarm(7, "incidents", at_us, severity, priority, count)


class Desk:
    """Asks for the plan minute by minute, and keeps what was written, as the outbox does."""

    def __init__(self, alarm: Alarm, found: NotifySettings, phase: str = "") -> None:
        """Nothing was written yet."""
        self.alarm, self.settings, self.phase = alarm, found, phase
        self.written: list[Written] = []
        self.times: dict[str, list[int]] = {}
        self.failed: set[str] = set()

    def ask(self, now_us: int) -> list[str]:
        """Who is written to now."""
        due = plan(self.alarm, self.settings, now_us, self.phase, self.written, self.failed, self.times)
        for send in due.sends:
            self.written.append((send.why, send.person.name))
            self.times.setdefault(send.person.name, []).append(now_us)
        if due.sends:
            told = self.alarm
            self.alarm = replace(told, told_us=now_us, told_count=told.count, told_severity=Severity(told.severity))
        self.next_us = due.next_us
        return [each.person.name for each in due.sends]

    def until(self, end_us: int) -> list[tuple[int, str]]:
        """Everything that is written until then, asking only when the plan says so: minutes since opening, and who."""
        now_us, found = self.alarm.opened_us, []
        while now_us <= end_us:
            found += [((now_us - self.alarm.opened_us) // MINUTE, name) for name in self.ask(now_us)]
            if self.next_us is None:
                break
            assert self.next_us > now_us
            now_us = self.next_us
        return found


def test_an_alarm_climbs_until_somebody_answers() -> None:
    """Ada at once, Bo after ten minutes, Cleo after twenty, and all over again after thirty; then nothing more."""
    desk = Desk(an_alarm(NOON), settings())
    assert desk.until(NOON + 51 * MINUTE) == [
        (0, "Ada"),
        (10, "Bo"),
        (20, "Cleo"),
        (30, "Ada"),
        (40, "Bo"),
        (50, "Cleo"),
    ]
    desk.alarm = replace(desk.alarm, acked_us=NOON + 51 * MINUTE)
    assert desk.ask(NOON + 60 * MINUTE) == []
    assert desk.next_us is None


def test_who_cannot_be_reached_is_passed_over_at_once() -> None:
    """When no channel of Ada's takes it, Bo does not wait for his ten minutes; nor does Cleo when Bo's fail, too."""
    desk = Desk(an_alarm(NOON), settings())
    assert desk.ask(NOON) == ["Ada"]
    assert desk.ask(NOON + MINUTE) == []
    desk.failed.add("Ada")
    assert desk.ask(NOON + 2 * MINUTE) == ["Bo"]
    desk.failed.add("Bo")
    assert desk.ask(NOON + 3 * MINUTE) == ["Cleo"]


def test_on_duty_is_whoever_has_the_shift() -> None:
    """The rota decides, at that moment; a night without a shift goes on to the next step at once."""
    rota = SETTINGS.replace('[[step]]\npeople = ["Ada"]', '[[step]]\npeople = ["on-duty"]') + (
        '[[shift]]\nperson = "Cleo"\nstart = 2026-10-20T07:00:00\nend = 2026-10-20T19:00:00\n'
    )
    assert Desk(an_alarm(NOON), settings(rota)).ask(NOON) == ["Cleo"]
    evening = NOON + 8 * HOUR
    assert Desk(an_alarm(evening), settings(rota)).ask(evening) == ["Bo"]


def test_quiet_hours_hold_by_the_calendar() -> None:
    """At night a high incident months before the election waits for the morning, unless nobody at all is awake."""
    night = parse_rfc3339("2026-10-20T21:30:00Z")  # half past eleven in Amsterdam: Ada and Bo sleep
    assert Desk(an_alarm(night), settings()).ask(night) == ["Cleo"], "who is awake is told at once"
    asleep = settings(SETTINGS.replace('role = "director"', 'role = "director"\nquiet = "21:00-08:00"'))
    desk = Desk(an_alarm(night), asleep)
    assert desk.ask(night) == []
    assert rfc3339(desk.next_us) == "2026-10-20T22:00:00Z", "looked at again with each round"
    first = [rfc3339(night + minutes * MINUTE) for minutes, _name in desk.until(night + 12 * HOUR)]
    assert first[0] == "2026-10-21T04:00:00Z", "Bo wakes at six"
    assert Desk(an_alarm(night, priority=2), asleep).ask(night) == ["Ada"], "grave enough by the calendar"
    assert Desk(an_alarm(night), asleep, "results-night").ask(night) == ["Ada"], "nobody sleeps in that night"


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-10-24T23:30:00Z", "2026-10-25T06:00:00Z"),  # the night that has three o'clock twice
        ("2026-10-25T00:30:00Z", "2026-10-25T06:00:00Z"),  # half past two, the first time
        ("2026-10-25T01:30:00Z", "2026-10-25T06:00:00Z"),  # half past two, the second time
        ("2026-03-28T22:30:00Z", "2026-03-29T05:00:00Z"),  # the night that has no half past two
        ("2026-10-20T20:30:00Z", "2026-10-21T05:00:00Z"),
    ],
)
def test_quiet_hours_end_at_seven_on_that_days_own_clock(now: str, until: str) -> None:
    """Over both changes of the clocks: seven o'clock where Ada is, whatever that is in UTC."""
    found = settings()
    assert rfc3339(quiet_until(found.people[0], found, parse_rfc3339(now))) == until


def test_summaries_follow_the_clock_on_the_wall() -> None:
    """Twice a day, also on the days of 23 and 25 hours; a time that a day does not have comes right after the gap."""
    found = settings()
    slots, now = [], parse_rfc3339("2026-10-24T12:00:00Z")
    for _each in range(4):
        now = next_digest(found, now)
        assert digest_slot(found, now) == now
        slots.append(rfc3339(now))
    assert slots == ["2026-10-24T15:00:00Z", "2026-10-25T07:00:00Z", "2026-10-25T16:00:00Z", "2026-10-26T07:00:00Z"]
    odd = settings(SETTINGS.replace('["08:00", "17:00"]', '["02:30"]'))
    assert rfc3339(next_digest(odd, parse_rfc3339("2026-03-28T12:00:00Z"))) == "2026-03-29T01:30:00Z"
    twice = next_digest(odd, parse_rfc3339("2026-10-24T12:00:00Z"))
    assert rfc3339(next_digest(odd, twice)) == "2026-10-26T01:30:00Z", (
        "half past two comes twice that night: one summary"
    )


def test_attack_a_flood_of_incidents_is_one_message() -> None:
    """Attack: thousands of incidents to drown the one. Who was told gets news every five minutes, graver at once."""
    desk = Desk(an_alarm(NOON, count=1), settings())
    assert desk.ask(NOON) == ["Ada"]
    told = []
    for second in range(1, 600):
        grave = Severity.CRITICAL if second >= 90 else Severity.HIGH
        desk.alarm = replace(desk.alarm, count=1 + second * 20, severity=grave)
        told += [second for _name in desk.ask(NOON + second * US_PER_S)]
    assert told == [90, 390]


def test_nobody_gets_more_than_so_many_an_hour() -> None:
    """One alarm after another, each answered at once: from the thirteenth on Ada is left in peace, and Bo is told."""
    found = settings()
    times: dict[str, list[int]] = {}
    got = []
    for number in range(20):
        alarm = replace(an_alarm(NOON + number * MINUTE), id=number)
        due = plan(alarm, found, alarm.opened_us, "", (), (), times)
        got += [each.person.name for each in due.sends]
        for each in due.sends:
            times.setdefault(each.person.name, []).append(alarm.opened_us)
        if not due.sends:
            assert due.next_us is not None, "it is held back, not lost"
    assert got.count("Ada") == found.most_per_hour


def test_no_subject_and_no_lesser_message_holds_what_an_attacker_wrote() -> None:
    """Attack: line breaks, mentions, links and markup in names that logs hold; the mail's head has none of it."""
    item = Item("PW-1", Severity.HIGH, ("T1110",), "campaign", 2, HOSTILE, HOSTILE)
    for language in ("en", "nl"):
        for detail in DETAILS:
            with speaking(language):
                made = message.alarm(
                    an_alarm(NOON), [item], detail, Answer("7-ABCDEF", "https://x/y"), "M-1", again=False
                )
            assert "\n" not in made.subject
            assert "\r" not in made.subject + made.body
            assert "Evil" not in made.subject
            assert ("Evil" in made.body) is (detail == "full")
            for sign in ("<!channel>", "@everyone", "https://evil", "www.evil", "\x1b", "\u202e", "[click]", "`rm`"):
                assert sign not in made.body
            if detail == "bare":
                assert made.subject == ""
                assert len(made.body) <= 160
                assert "7-ABCDEF" in made.body
            else:
                assert "203.0.113" not in made.body


def test_messages_are_in_the_readers_language() -> None:
    """What is kept for Dutch comes in Dutch, whoever runs the watch; counts are whole sentences."""
    alarm = an_alarm(NOON, count=3)
    with speaking("en"):
        made = message.alarm(alarm, [], "plain", Answer("7-ABCDEF", ""), "M-1", again=True)
    assert made.subject == "[pollwatch] Again: Call now: 3 incidents, up to high (alarm 7)."
    blind = replace(alarm, kind="blind", text="Nothing has come from web.")
    with speaking("en"):
        assert "Not watching" in message.alarm(blind, [], "bare", Answer("", ""), "M-1", again=False).body
        assert "Nothing has come" in message.alarm(blind, [], "full", Answer("", ""), "M-1", again=False).body
        assert "web" not in message.alarm(blind, [], "plain", Answer("", ""), "M-1", again=False).body


def test_codes_are_one_persons_and_cannot_be_made_up() -> None:
    """A code and a link name alarm and person; changed by a letter, or for another alarm, they are of nobody."""
    key, people = bytes(32), ("Ada", "Bo", "Cleo")
    for person in people:
        for made in (answering.code(key, 7, person), answering.token(key, 7, person)):
            assert answering.read(key, f" {made.lower()} ", people) == (7, person)
            other = made[:-1] + ("a" if made[-1] not in "aA" else "b")
            for wrong in (other, made.replace("7-", "8-", 1), made[:-1], f"{made}x", ""):
                with pytest.raises(UsageError):
                    answering.read(key, wrong, people)
            with pytest.raises(UsageError):
                answering.read(bytes(31) + b"\x01", made, people)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('file = "sms"', 'url = "mailto://user:pass@host"', "does not belong here"),
        ('file = "sms"', 'file = "sms"\ncredential = "sms"', "one of them"),
        ('file = "sms"\n', "", "one of them"),
        ('file = "sms"', 'credential = "../x"', "no name of a systemd credential"),
        ('urgent = ["sms"]', 'urgent = ["smss"]', "did you mean 'sms'"),
        ('people = ["Cleo"]', 'people = ["Cloe"]', "did you mean 'Cleo'"),
        ('people = ["Cleo"]', "people = []", "names whom this step reaches"),
        ('quiet = "22:00-07:00"', 'quiet = "22-7"', "time of day"),
        ('quiet = "22:00-07:00"', 'quiet = "at night"', "written as 22:00-07:00"),
        ('name = "Bo"', 'name = "Ada"', "stands twice"),
        ('name = "Bo"', 'name = "on-duty"', "whoever is on duty"),
        ('link = "https://watch.alder.example"', 'link = "http://watch.alder.example"', "https"),
        ('digest_at = ["08:00", "17:00"]', 'digest_at = ["8 o\'clock"]', "time of day"),
        ('zone = "Europe/Amsterdam"', 'zone = "Europe/Amsterdam"\nmost_per_hour = 0', "1 to 1000"),
        ('detail = "bare"', 'detail = "all"', "did you mean|use one of: bare, plain, full"),
        ('language = "nl"', 'language = "Dutch"', "must be a language"),
    ],
)
def test_mistakes_in_the_settings_are_named(old: str, new: str, problem: str) -> None:
    """Each names table and key, and what would be right; no secret can be put where it would be shown."""
    assert old in SETTINGS
    with pytest.raises(ConfigError, match=problem):
        settings(SETTINGS.replace(old, new, 1))


def test_secrets_stay_in_their_files(tmp_path: Path) -> None:
    """A file that others can read is refused; nothing of an address gets into an error, whatever is wrong with it."""
    secret = tmp_path / "ways"
    channel = Channel("sms", str(secret))
    with pytest.raises(ConfigError, match="cannot be read"):
        channels.address(channel, {})
    secret_file(secret, "# ours\njson://user:hunter2hunter2@127.0.0.1:9/t0kent0ken\n")
    shown = channels.address(channel, {}).where
    assert shown == "json://127.0.0.1"
    secret.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        channels.address(channel, {})
    for text, problem in (
        ("", "holds no address"),
        ("nosuch://hunter2hunter2/t0kent0ken", "none that apprise knows"),
        ("dbus://", "reaches nobody elsewhere"),
    ):
        secret_file(secret, text)
        with pytest.raises(ConfigError, match=problem) as caught:
            channels.address(channel, {})
        assert "hunter2" not in str(caught.value)
    secret_file(secret, "json://user:hunter2hunter2@127.0.0.1:9/t0kent0ken\n")
    with pytest.raises(channels.DeliveryError) as failed:
        channels.send(channels.address(channel, {}), message.Message("s", "b"))
    assert "hunter2" not in str(failed.value)
    assert "t0ken" not in str(failed.value)
    by_unit = Channel("sms", credential="ways")
    assert channels.address(by_unit, {"CREDENTIALS_DIRECTORY": str(tmp_path)}).where == shown
    with pytest.raises(ConfigError, match="CREDENTIALS_DIRECTORY"):
        channels.address(by_unit, {})


def test_nobody_told_means_nothing_planned() -> None:
    """Without people there is nothing to do, at any time."""
    assert plan(an_alarm(NIGHT), NotifySettings(), NIGHT, "", ()).next_us is None
