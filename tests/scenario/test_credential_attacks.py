"""Guessing at log-ins of every service, and honest people who only look like it: one set of rules for all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

from pollwatch.events.detection import Severity
from pollwatch.incidents.incident import Incident
from pollwatch.node.case.scan import ScanOptions, scan
from pollwatch.sources.files import expand

START = dt.datetime(2026, 10, 5, 6, 0, tzinfo=dt.UTC)
MINUTE, HOUR, DAY = 60, 3_600, 86_400
Line = tuple[float, str]


def imap(at: float, user: str, ip: str, *, accepted: bool = False) -> Line:
    """A log-in to read mail."""
    said = f"Login: user=<{user}>" if accepted else f"Disconnected (auth failed, 1 attempts in 2 secs): user=<{user}>"
    return at, f"dovecot: imap-login: {said}, method=PLAIN, rip={ip}, lip=10.0.0.5, TLS, session=<s{int(at)}>"


def smtp(at: float, user: str, ip: str) -> Line:
    """A refused log-in to send mail."""
    return at, (
        f"postfix/submission/smtpd[77]: warning: unknown[{ip}]: SASL LOGIN authentication failed: "
        f"(reason unavailable), sasl_username={user}"
    )


def ftp(at: float, user: str, ip: str, *, accepted: bool = False) -> Line:
    """A log-in to put files."""
    return at, f'vsftpd[{int(at) % 30_000}]: [{user}] {"OK" if accepted else "FAIL"} LOGIN: Client "{ip}"'


def database(at: float, user: str, ip: str, *, accepted: bool = False) -> Line:
    """A log-in to the database."""
    said = f"connection authorized: user={user} database=voters" if accepted else (
        f'FATAL:  password authentication failed for user "{user}"'
    )  # fmt: skip
    said = said if said.startswith("FATAL") else f"LOG:  {said}"
    return at, f"postgres[{int(at) % 30_000 + 1_000}]: [3-1] {ip} {user}@voters {said}"


def anything(at: float, user: str, ip: str) -> Line:
    """A refused log-in in the words of a program that nobody listed."""
    return at, f"poll-portal[5]: WARN Login attempt for user '{user}' was rejected, client {ip}"


def incidents(tmp_path: Path, lines: Sequence[Line]) -> list[Incident]:
    """What a scan of a log host's file shows by default."""
    log = tmp_path / "all.log"
    with log.open("w") as file:
        for at, text in sorted(lines):
            file.write(f"{(START + dt.timedelta(seconds=at)).isoformat(timespec='microseconds')} mx1 {text}\n")
    files, _missing = expand([str(log)])
    return [each for each in scan(files, ScanOptions()).incidents if each.severity >= Severity.LOW]


def honest() -> Iterator[Line]:
    """Two weeks of people, devices and programs that are no attack, each from an address of its own."""
    for at in range(0, 3 * DAY, 5 * MINUTE):  # a telephone with an old password, all day, every day
        yield imap(at + at % 7, "k.jansen@county.example", "198.51.100.10")
    for day in range(10):  # an owner who forgets the password now and then, after good days
        yield imap(day * DAY, "m.visser", "198.51.100.11", accepted=True)
        for tried in range(9):
            yield imap(day * DAY + HOUR + 20 * tried, "m.visser", "198.51.100.11")
        yield imap(day * DAY + HOUR + 300, "m.visser", "198.51.100.11", accepted=True)
    for person in range(60):  # an office behind one address, the morning after all passwords were changed
        for tried in range(person % 3):
            yield imap(DAY + 9 * HOUR + 20 * person + tried, f"clerk{person}", "198.51.100.12")
        for again in range(8):
            yield imap(
                DAY + 9 * HOUR + 20 * person + 5 + again * HOUR, f"clerk{person}", "198.51.100.12", accepted=True
            )
    yield from unattended()


def unattended() -> Iterator[Line]:
    """The same of programs, and of people who mistype once."""
    for at in range(0, DAY, 2 * MINUTE):  # a monitor that looks whether log-ins work
        yield imap(at, "probe", "10.0.0.9", accepted=True)
    for at in range(0, DAY, 90):  # the application's own connections
        yield database(at, "portal", "10.0.0.20", accepted=True)
    for person in range(50):  # fifty people at home, each of whom mistypes once that morning
        yield imap(2 * DAY + 60 * person, f"helper{person}", f"192.0.2.{person}")
        yield imap(2 * DAY + 60 * person + 20, f"helper{person}", f"192.0.2.{person}", accepted=True)
    for at in range(4):  # somebody who mistypes, and then remembers
        yield ftp(at * 15, "web", "198.51.100.13", accepted=at == 3)


def test_honest_people_raise_no_alarm(tmp_path: Path) -> None:
    """An old password in a telephone, a forgotten one, an office behind one address, a monitor: low at most."""
    loud = [(each.severity.word, each.title, each.actors) for each in incidents(tmp_path, list(honest()))]
    assert [each for each in loud if each[0] not in {"low", "info"}] == []
    assert len(loud) <= 3


def test_guessing_is_seen_at_every_service(tmp_path: Path) -> None:
    """Attack: brute force, spraying and slow guessing, at a service of each kind; refused, so never high."""
    services = (imap, smtp, ftp, database, anything)
    lines: list[Line] = []
    for at, refused in enumerate(services):
        loud, sprayer, patient = (f"203.0.113.{10 * at + kind}" for kind in (1, 2, 3))
        lines += [
            *(refused(3 * tried, f"j.bakker{at}", loud) for tried in range(200)),
            *(refused(DAY + 90 * tried, f"person{tried}.{at}", sprayer) for tried in range(40)),
            *(refused(HOUR * 5 * tried + (tried * 7_919) % (4 * HOUR), f"p.smit{at}", patient) for tried in range(40)),
        ]
    found = incidents(tmp_path, lines)
    for at in range(len(services)):
        for address in (f"203.0.113.{10 * at + kind}" for kind in (1, 2, 3)):
            [one] = [each for each in found if address in each.actors.ip]
            assert one.severity is Severity.MEDIUM, (services[at].__name__, one.title)


def test_success_earns_high(tmp_path: Path) -> None:
    """Attack: guesses at mail, files and the database that were right in the end."""
    lines = [
        *(imap(2 * at, "j.bakker", "203.0.113.1") for at in range(50)),
        imap(101, "j.bakker", "203.0.113.1", accepted=True),
        *(ftp(DAY + 90 * at, f"person{at}", "203.0.113.2") for at in range(12)),
        ftp(DAY + 1_100, "person3", "203.0.113.2", accepted=True),
        *(database(2 * DAY + 2_000 * at, "portal", "203.0.113.3") for at in range(40)),
        database(2 * DAY + 80_010, "portal", "203.0.113.3", accepted=True),
    ]
    found = incidents(tmp_path, lines)
    for address in ("203.0.113.1", "203.0.113.2", "203.0.113.3"):
        assert [each for each in found if address in each.actors.ip and each.severity >= Severity.HIGH], address


def test_stuffing_is_seen_though_nobody_stands_out(tmp_path: Path) -> None:
    """Attack: a leaked list of names and passwords, from sixty machines, two accounts each; one password still fits."""
    lines = [
        *(imap(100 * at, f"aide{at}.a", f"203.0.113.{at}") for at in range(60)),
        *(imap(100 * at + 5_000, f"aide{at}.b", f"203.0.113.{at}") for at in range(60)),
        imap(12_000, "aide9.c", "203.0.113.9", accepted=True),
        *(imap(150 * at, f"helper{at}", f"198.51.100.{at}", accepted=True) for at in range(80)),
    ]
    found = incidents(tmp_path, lines)
    [won] = [each for each in found if "203.0.113.9" in each.actors.ip]
    assert won.severity is Severity.HIGH
    assert len({ip for each in found for ip in each.actors.ip}) >= 50
    assert len(found) <= 3
    assert not [each for each in found if any(ip.startswith("198.51.100.") for ip in each.actors.ip)]


def at_work() -> Iterator[Line]:
    """A day of a mail, an FTP and a database server in an office, maintenance and a back-up included."""
    for at in range(300):  # mails come in, now and then to somebody who left
        peer = f"mail{at % 40}.example[198.51.100.{at % 40}]"
        yield 200 * at, f"postfix/smtpd[77]: {at:010X}: client={peer}"
        yield 200 * at + 1, f"postfix/qmgr[78]: {at:010X}: from=<a{at}@far.example>, size=9000, nrcpt=1 (queue active)"
        if at % 10 == 0:
            refused = f"550 5.1.1 <old{at}@county.example>: Recipient address rejected: User unknown in local table"
            ends = f"from=<x@far.example> to=<old{at}@county.example> proto=ESMTP"
            yield 200 * at + 2, f"postfix/smtpd[77]: NOQUEUE: reject: RCPT from {peer}: {refused}; {ends}"
    for at in range(40):  # a clerk writes to forty people in an hour
        queue = f"F{at:09X}"
        user = "sasl_method=PLAIN, sasl_username=clerk@county.example"
        yield 90 * at, f"postfix/submission/smtpd[79]: {queue}: client=office.example[192.0.2.5], {user}"
        yield 90 * at + 1, f"postfix/qmgr[78]: {queue}: from=<clerk@county.example>, size=900, nrcpt=1 (queue active)"
    for at in range(30):  # the website is brought up to date, its theme's programs included
        yield (
            5 * at,
            f'vsftpd[90]: [web] OK UPLOAD: Client "192.0.2.6", "/www/site/theme/part{at}.php", 900 bytes, 9Kbyte/sec',
        )
    said = "postgres[1200]: [1-1] 192.0.2.9 portal@voters LOG:  execute <unnamed>: "
    for at in range(500):  # the application asks for one voter at a time, and keeps its sessions
        yield 170 * at, said + "select name, street from voters where id = $1"  # noqa: S608 - a log line
        yield 170 * at + 1, said + "delete from session where expires < now()"  # noqa: S608 - a log line
    backup = "postgres[1201]: [1-1] 192.0.2.8 backup@voters LOG:  "
    yield 7_000, f"{backup}connection authorized: user=backup database=voters application_name=pg_dump"
    for at, table in enumerate(("voters", "precincts", "ballots", "results")):
        yield 7_001 + at, f"{backup}statement: COPY public.{table} (id, name) TO stdout;"
    for at in range(6):  # a new version of the application
        yield (
            9_000 + at,
            f"postgres[1202]: [1-1] 192.0.2.9 owner@voters LOG:  statement: ALTER TABLE t{at} ADD COLUMN x int",
        )
        yield 9_010 + at, f"postgres[1202]: [1-1] 192.0.2.9 owner@voters LOG:  statement: DROP TABLE IF EXISTS tmp_{at}"


def test_services_at_work_stay_quiet(tmp_path: Path) -> None:
    """Mail, transfers, a back-up, a new version of an application: no alarm, and hardly a low incident."""
    found = incidents(tmp_path, list(at_work()))
    assert [(each.severity.word, each.title) for each in found if each.severity >= Severity.MEDIUM] == []
    assert len(found) <= 2


def test_a_guessed_mailbox_that_writes_to_hundreds_is_one_high_incident(tmp_path: Path) -> None:
    """Attack: a guessed password, and then three hundred mails from the clerk's account, many of which come back."""
    lines = [smtp(4 * at, "clerk@county.example", "203.0.113.7") for at in range(40)]
    for at in range(300):
        queue = f"{at:010X}"
        client = "client=unknown[203.0.113.7], sasl_method=LOGIN, sasl_username=clerk@county.example"
        lines += [
            (600 + at, f"postfix/submission/smtpd[79]: {queue}: {client}"),
            (600 + at, f"postfix/qmgr[78]: {queue}: from=<clerk@county.example>, size=900, nrcpt=1 (queue active)"),
        ]
        if at % 5 == 0:
            said = "delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (host said: 550 no such user)"
            relay = "relay=mx.far.example[192.0.2.9]:25"
            lines.append((601 + at, f"postfix/smtp[80]: {queue}: to=<u{at}@far.example>, {relay}, {said}"))
    [one] = incidents(tmp_path, lines)
    assert one.severity >= Severity.HIGH
    assert "clerk@county.example" in one.actors.user
    assert one.actors.ip == ("203.0.113.7",)
