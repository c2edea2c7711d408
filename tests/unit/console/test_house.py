"""The console's house: headers, languages, errors, the stream of changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from console_scenes import Seeing, ask, run
from pollwatch.clock import ManualClock
from pollwatch.config import Config
from pollwatch.console.access import Role, Viewer
from pollwatch.console.app import make_app
from pollwatch.console.changes import Watcher
from pollwatch.console.hardening import POLICY
from pollwatch.console.language import negotiated
from pollwatch.console.services import Services
from pollwatch.incidents.records import Case
from pollwatch.node.floor.opening import floor

CLOCK = ManualClock(1_793_000_000_000_000)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """The floor over an empty case."""
    root = tmp_path_factory.mktemp("floor") / "case"
    Case.open(root, CLOCK).close()
    with floor(root, Config(), CLOCK) as services:
        yield services


def get(
    services: Services,
    path: str,
    role: Role | None = Role.LEAD,
    *,
    language: str = "en",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """What a browser gets; without a role nobody is signed in."""
    who = None if role is None else Viewer(id="a-1", name="Ada", role=role, language=language)
    return ask(make_app(services, lambda app: Seeing(app, who)), "GET", path, headers=headers)


def test_every_answer_is_hardened(services: Services) -> None:
    """A page, a redirect and an error all forbid what is inline or from elsewhere, frames, sniffing and caches."""
    for path in ("/", "/no-such-page"):
        headers = get(services, path).headers
        assert headers["content-security-policy"] == POLICY
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in get(services, "/").headers


def test_a_viewer_begins_where_they_work(services: Services) -> None:
    """A clerk begins at the light, an analyst at the inbox, and a stranger nowhere."""
    assert get(services, "/", Role.CLERK).headers["location"] == "/clerk"
    assert get(services, "/", Role.ANALYST).headers["location"] == "/inbox"
    assert get(services, "/", None).status_code in {303, 401}


def test_an_error_page_never_shows_what_was_sent(services: Services) -> None:
    """An address with markup in it (reflected XSS) answers with a page that holds nothing of it."""
    answer = get(services, "/no/<script>alert(1)</script>")
    assert answer.status_code == 404
    assert "alert(1)" not in answer.text


def test_a_part_of_a_page_fails_into_the_notice(services: Services) -> None:
    """What htmx asks for and what fails is shown in the page's notice, instead of what was there."""
    answer = get(services, "/no-such-page", headers={"hx-request": "true"})
    assert answer.headers["hx-retarget"] == "#notice"
    assert "<html" not in answer.text


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("nl-NL,nl;q=0.9,en;q=0.8", "nl"),
        ("fr;q=0.2, nl;q=0.7", "nl"),
        ("nl;q=0, en", "en"),
        ("xx, *;q=0.5", "en"),
        ("nl" * 10_000, "en"),
        (",;q=,nl;q=9", "en"),
    ],
)
def test_the_browsers_language_is_negotiated(header: str, language: str) -> None:
    """Weights count, what is not offered does not, and a malformed or endless header is English."""
    assert negotiated(header, ("en", "nl")) == language


def test_a_viewers_own_language_comes_before_the_browsers(services: Services) -> None:
    """Who chose Dutch reads Dutch, whatever the browser asks for."""
    answer = get(services, "/no-such-page", language="nl", headers={"accept-language": "en"})
    assert '<html lang="nl" dir="ltr"' in answer.text


def test_a_commit_by_anybody_is_told(services: Services, tmp_path: Path) -> None:
    """The stream says ``changed`` at once, and again when others committed what people see; not how far a watch is."""
    root = services.office.case_dir

    def commit(statement: str) -> None:
        with Case.open(root, CLOCK) as case, case._database.writing() as connection:  # noqa: SLF001 - as others do
            connection.exec_driver_sql(statement)

    async def listen() -> list[str]:
        stream = Watcher(services.changes).stream()
        told = [(await anext(stream))["event"]]
        asking = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.3)
        assert not asking.done()
        commit("INSERT INTO live_watch VALUES (1, 1, 0, 1, 1, NULL)")
        await asyncio.sleep(0.5)
        assert not asking.done()
        commit("INSERT INTO asks VALUES (NULL, NULL, 1, 'cleo', '', '', NULL, '', '')")
        told.append((await asyncio.wait_for(asking, 5))["event"])
        await stream.aclose()
        return told

    assert run(listen()) == ["changed", "changed"]
