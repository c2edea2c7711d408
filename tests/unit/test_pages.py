"""Pages recorded and checked: what a reader sees counts, layout and the hour do not; what changed is an incident."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.commands import told

from pollwatch.detect.pages.comparing import Change, Official, Recorded, against_feed, compared
from pollwatch.detect.pages.meaning import Meaning, meaning_of, number

PAGE = """<html><head><title>Results</title><script src="/a.js"></script><style>p {{ }}</style></head><body>
<h1>Election of 2026</h1><p>Last updated {at}</p><table><tr><th>Candidate<th>Votes</tr>
<tr><td><img src="jansen.png">Jansen</td><td>{votes}</td></tr><tr><td><img src="devries.png">De Vries</td><td>998</td>
</tr></table><p>Reported: 12 of 40</p><a href="https://www.example.gov/">more</a>{more}</body></html>"""
URL = "https://results.example/"
PICTURES = {"https://results.example/jansen.png": "sha256:1", "https://results.example/devries.png": "sha256:2"}


def _meaning(votes: str = "1,234", at: str = "20:31", more: str = "") -> Meaning:
    return meaning_of(PAGE.format(votes=votes, at=at, more=more).encode(), "text/html; charset=utf-8", URL)


THEN = Recorded(URL, _meaning(), PICTURES, "2026-11-03T20:31:00Z")


def _found(meaning: Meaning, images: dict[str, str] | None = None) -> list[tuple[Change, str]]:
    return [(each.change, each.said) for each in compared(THEN, meaning, images or PICTURES)]


def test_layout_and_the_hour_do_not_count() -> None:
    """The same figures in another table, an hour later, in another spelling: nothing has changed."""
    other = PAGE.format(votes="1.234", at="21:40", more="").replace("<p>", '<div class="x">').replace("</p>", "</div>")
    assert _found(meaning_of(other.encode(), "text/html", URL)) == []


def test_a_figure_that_was_altered_is_told_with_both() -> None:
    """A fake result on the results display, as in Ukraine in 2014: the figure is told as it was and as it is."""
    ((change, said),) = _found(_meaning(votes="1,434"))
    assert change is Change.FIGURES
    assert "was 1234, is now 1434" in said
    assert "Jansen" in said


def test_pictures_that_changed_places_are_told() -> None:
    """Candidates' photos swapped on archived pages, as in Arizona in 2025."""
    first, second = PICTURES
    said = [
        text for change, text in _found(_meaning(), {first: "sha256:2", second: "sha256:1"}) if change is Change.IMAGES
    ]
    assert said == ["jansen.png now shows what devries.png showed", "devries.png now shows what jansen.png showed"]


@pytest.mark.parametrize(
    ("more", "change"),
    [
        ('<script src="https://evil.example/x.js"></script>', Change.SCRIPTS),
        ("<script>steal()</script>", Change.SCRIPTS),
        ('<p onclick="steal()"></p>', Change.SCRIPTS),
        ('<iframe src="https://evil.example/"></iframe>', Change.SCRIPTS),
        ('<meta http-equiv="refresh" content="0; url=https://evil.example/">', Change.SCRIPTS),
        ('<form action="https://evil.example/login"></form>', Change.FORMS),
        ('<a href="https://evil.example/">here</a>', Change.LINKS),
        ("<p>The election is void</p>", Change.TEXT),
    ],
)
def test_what_was_added_is_told(more: str, change: Change) -> None:
    """Each way to make a page do or say something else."""
    assert change in {each for each, _said in _found(_meaning(more=more))}


def test_a_page_that_shows_something_else_is_told_as_replaced() -> None:
    """A defacement is one finding, not one for each line that is gone."""
    found = _found(meaning_of(b"<h1>owned by nobody</h1>", "text/html", URL), {})
    assert Change.REPLACED in {change for change, _said in found}


def test_a_page_is_held_against_the_official_feed() -> None:
    """A page may change all night, as long as it says what the feed says."""
    feed = [Official("Jansen", "1434"), Official("De Vries", "998")]
    assert against_feed(feed, _meaning(votes="1,434")) == []
    (found,) = against_feed(feed, _meaning())
    assert "the page says 1234, the official feed says 1434" in found.said
    (found,) = against_feed([Official("Bakker", "5")], _meaning())
    assert "Bakker is not on the page" in found.said


def test_figures_in_json_are_figures() -> None:
    """A results page fed by a file: the file is a page of figures, too."""
    body = json.dumps({"results": [{"name": "Jansen", "votes": 1234}, {"name": "De Vries", "votes": 998}]})  # noqa: TID251
    other = body.replace("1234", "1434")
    then = Recorded(URL, meaning_of(body.encode(), "application/json", URL), {}, "")
    (found,) = compared(then, meaning_of(other.encode(), "application/json", URL), {})
    assert found.change is Change.FIGURES
    assert "Jansen" in found.said


@pytest.mark.parametrize(
    ("text", "one"),
    [("1,234", "1234"), ("1.234", "1234"), ("1'234'567", "1234567"), ("12,5", "12.5"), ("12.50", "12.50"), ("7", "7")],
)
def test_a_number_has_one_spelling(text: str, one: str) -> None:
    """Thousands and decimals as they are written here and there."""
    assert number(text) == one


@given(
    st.binary(max_size=300),
    st.sampled_from(["text/html", "application/json", "text/plain", "image/png", "", "text/html; charset=zz"]),
)
def test_no_answer_stops_it(body: bytes, kind: str) -> None:
    """Whatever a server sends, it has a meaning, and is as itself."""
    meaning = meaning_of(body, kind, URL)
    assert compared(Recorded(URL, meaning, {}, ""), meaning, {}) == []


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """A results site on this machine, and what it answers by path."""
    answers = {"/": PAGE.format(votes="1,234", at="20:31", more="").encode(), "/jansen.png": b"J", "/devries.png": b"V"}

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("content-type", "image/png" if self.path.endswith("png") else "text/html")
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_said: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", answers
        server.shutdown()


def test_a_record_is_signed_and_what_changed_becomes_an_incident(
    site: tuple[str, dict[str, bytes]], tmp_path: Path
) -> None:
    """From a page that somebody found right to the incident in the case, and a forged record is refused."""
    url, answers = site
    assert told("pages", "record", url, "-o", "r.note", "--case", "case", cwd=tmp_path).returncode == 0
    done = told("pages", "check", "r.note", "--case", "case", "--fail-on", "low", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    answers["/"] = answers["/"].replace(b"1,234", b"1,434")
    answers["/jansen.png"], answers["/devries.png"] = answers["/devries.png"], answers["/jansen.png"]
    done = told("pages", "check", "r.note", "--case", "case", "--fail-on", "high", cwd=tmp_path)
    assert done.returncode == 1
    assert "was 1234, is now 1434" in done.stdout
    listed = told("incidents", "list", "--case", "case", "--json", cwd=tmp_path)
    (incident,) = json.loads(listed.stdout)["incidents"]
    assert {"T1565.001", "T1491.002"} <= set(incident["techniques"])
    assert incident["targets"] == ["127.0.0.1"]
    forged = (tmp_path / "r.note").read_bytes().replace(b'"1234"', b'"1434"')
    (tmp_path / "r.note").write_bytes(forged)
    assert told("pages", "check", "r.note", "--case", "case", cwd=tmp_path).returncode == 4


def test_a_page_that_is_gone_is_told(site: tuple[str, dict[str, bytes]], tmp_path: Path) -> None:
    """A page that does not answer is a finding; a signed record without a key is refused, not believed."""
    url, answers = site
    assert told("pages", "record", url, "-o", "r.json", cwd=tmp_path).returncode == 0
    (tmp_path / "feed.csv").write_text("label,number\nJansen,1235\n", "utf-8")
    done = told("pages", "check", "r.json", "--feed", "feed.csv", cwd=tmp_path)
    assert "the page says 1234, the official feed says 1235" in done.stdout
    del answers["/"]
    done = told("pages", "check", "r.json", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["pages"][0]["findings"][0]["change"] == "unreachable"
    assert told("pages", "record", "ftp://x/", "-o", "x.json", cwd=tmp_path).returncode == 2
    assert told("pages", "check", "feed.csv", cwd=tmp_path).returncode == 3
