"""Signing in in a real browser: passkeys by a virtual authenticator, digits, out everywhere; and who may not act."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, CDPSession, Page

from case_scenes import scan
from console_scenes import PASSWORD, Hall, hall, served
from pollwatch.clock import US_PER_S
from pollwatch.console.accounts import totp
from pollwatch.console.accounts.settings import AccessSettings
from pollwatch.console.roles import Role
from pollwatch.console.staticfiles import are_built
from pollwatch.incidents.records import Case

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not are_built(), reason="the console's scripts are not built; make setup-test builds them"),
]


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hall, str]]:
    """A console over a case with an incident, on a socket; leads need a second factor."""
    root = tmp_path_factory.mktemp("signing-in") / "case"
    settings = AccessSettings(second_factor=frozenset({Role.LEAD}))
    with hall(root, settings) as found:
        with Case.open(root, found.clock) as case:
            scan(case, {"web": ["ann", "ann!", "bob"]})
        with served(found.app) as address:
            yield found, address


@contextmanager
def tab(browser: Browser) -> Iterator[Page]:
    """A browser of somebody's own, which must not complain of anything that our policy forbids."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(15_000)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    try:
        yield page
        assert [each for each in said if "Failed to load resource" not in each] == []
    finally:
        context.close()


def authenticator(page: Page) -> tuple[CDPSession, str]:
    """A passkey in the device, which its owner unlocks whenever asked."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, made["authenticatorId"]


def sign_in(page: Page, address: str, name: str, password: str = PASSWORD) -> None:
    """By name and password."""
    page.goto(f"{address}/sign-in?next=/me")
    page.fill("#name", name)
    page.fill("#password", password)
    page.click("form[action='/sign-in'] button")


def axe(page: Page) -> list[str]:
    """What hinders somebody on this page."""
    found: dict[str, Any] = Axe().run(page).response
    return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found["violations"]]


def test_the_first_account_begins_with_a_link_and_goes_on_with_a_passkey(
    browser: Browser, console: tuple[Hall, str]
) -> None:
    """Link, password, passkey, in; out; in by the passkey alone; a copy of the passkey is refused and told."""
    hall_, address = console
    anna = hall_.desk.accounts.add("anna", Role.LEAD, "Anna <b>A.</b>")
    key = hall_.desk.links.make(anna.id)
    with tab(browser) as page:
        session, device = authenticator(page)
        refused: list[str] = []
        page.on("response", lambda answer: refused.append(answer.url) if answer.status == 401 else None)
        page.goto(f"{address}/welcome?key={key}")
        page.fill("#password", PASSWORD)
        page.fill("#repeated", PASSWORD)
        page.click("button.first")
        page.wait_for_url("**/me/second**")
        assert axe(page) == []
        page.wait_for_load_state("networkidle")
        assert refused == []  # no page asks for what its viewer may not have yet
        page.goto(f"{address}/accounts")
        assert page.url.startswith(f"{address}/me/second")  # nothing else before there is a second factor
        page.fill("#label", "This laptop")
        page.click("form[data-passkey] button")
        page.wait_for_url("**/me?done=passkey")
        assert page.get_by_text("This laptop").first.is_visible()
        assert page.locator("h1").inner_text().startswith("Anna <b>A.</b>")
        assert axe(page) == []
        page.locator("main form[action='/sign-out'] button").click()
        page.wait_for_url("**/sign-in")
        assert page.goto(f"{address}/me") is not None
        assert page.url.startswith(f"{address}/sign-in")
        assert axe(page) == []
        page.click("form[data-passkey] button")
        page.wait_for_url(f"{address}/me")
        for path in ("/accounts", "/audit"):
            page.goto(address + path)
            assert axe(page) == []
        assert page.get_by_text("passkey", exact=False).first.is_visible()
        # A copy that somebody made before counts less than what we saw.
        page.goto(f"{address}/me")
        page.locator("main form[action='/sign-out'] button").click()
        page.wait_for_url("**/sign-in")
        credential = session.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"][0]
        session.send("WebAuthn.clearCredentials", {"authenticatorId": device})
        copied = {"authenticatorId": device, "credential": {**credential, "signCount": 0}}
        session.send("WebAuthn.addCredential", copied)
        page.click("form[data-passkey] button")
        page.wait_for_selector(".notice.bad")
        assert "counts backwards" in page.inner_text(".notice.bad")
    assert {"with": "passkey: copied", "and_more": 0} in [row.detail for row in hall_.desk.trail.latest(5)]


def test_a_passkey_that_its_owner_does_not_unlock_lets_nobody_in(browser: Browser, console: tuple[Hall, str]) -> None:
    """A stolen device without finger, face or PIN is worth nothing: the browser refuses, and so would we."""
    hall_, address = console
    hall_.account("vera")
    with tab(browser) as page:
        session, device = authenticator(page)
        sign_in(page, address, "vera")
        page.goto(f"{address}/me/second")
        page.click("form[data-passkey] button")
        page.wait_for_url("**/me?done=passkey")
        page.locator("main form[action='/sign-out'] button").click()
        page.wait_for_url("**/sign-in")
        session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
        page.click("form[data-passkey] button")
        page.wait_for_function("document.querySelector('[data-passkey-note]').textContent !== ''")
        assert page.goto(f"{address}/me") is not None
        assert page.url.startswith(f"{address}/sign-in")


def test_digits_from_a_telephone_and_out_everywhere(browser: Browser, console: tuple[Hall, str]) -> None:
    """QR code, digits, recovery codes; then digits at each sign-in; then out in both browsers at once."""
    hall_, address = console
    hall_.account("dora", Role.LEAD)
    with tab(browser) as one, tab(browser) as two:
        sign_in(one, address, "dora")
        one.wait_for_url("**/me/second**")
        assert one.locator("img.qr").evaluate("image => image.naturalWidth") > 100
        written = one.locator("main code").last.inner_text().replace(" ", "")
        secret = base64.b32decode(written + "=" * (-len(written) % 8))
        one.fill("#digits", totp.digits(secret, hall_.clock.now_us() // US_PER_S // 30))
        one.click("form[action='/me/totp'] button")
        one.wait_for_selector(".codes li")
        assert one.locator(".codes li").count() == totp.CODES
        hall_.clock.advance(30)
        sign_in(two, address, "dora")
        two.wait_for_url("**/sign-in/second**")
        two.fill("#digits", "123456")
        two.click("form[action='/sign-in/second'] button")
        two.wait_for_selector(".notice.bad")
        two.fill("#digits", totp.digits(secret, hall_.clock.now_us() // US_PER_S // 30))
        two.click("form[action='/sign-in/second'] button")
        two.wait_for_url(f"{address}/me")
        two.click("form[action='/me/sessions/end-all'] button")
        two.wait_for_url("**/sign-in")
        one.goto(f"{address}/me")
        assert one.url.startswith(f"{address}/sign-in")


def test_an_observer_cannot_act(browser: Browser, console: tuple[Hall, str]) -> None:
    """An observer sees what happened and no way to change it; a request made by hand is refused and in the trail."""
    hall_, address = console
    hall_.account("olu", Role.OBSERVER)
    with Case.open(hall_.case_dir, hall_.clock) as case:
        incident = case.incidents()[0]
    with tab(browser) as page:
        sign_in(page, address, "olu")
        page.wait_for_url(f"{address}/me")
        page.goto(f"{address}/incidents/{incident.id}")
        sent = page.locator("main form[method='post'], main [hx-post]")
        assert sent.count() == 0
        assert "ann" not in page.inner_text("main").split()
        status = page.evaluate(
            """async (id) => (await fetch('/triage/acknowledge', {method: 'POST', body: new URLSearchParams({id}),
                headers: {'X-CSRF-Token': document.querySelector('meta[name=csrf]').content}})).status""",
            incident.id,
        )
        assert status == 403
        for path in ("/accounts", "/audit"):
            answer = page.goto(address + path)
            assert answer is not None
            assert answer.status == 403
        assert not re.search("/accounts|/audit", page.content().partition("<main")[0])
    with Case.open(hall_.case_dir, hall_.clock) as case:
        assert case.incident(incident.id).status == "open"
    row = next(row for row in hall_.desk.trail.latest(5) if row.action.startswith("POST"))
    assert (row.actor.who, row.outcome) == ("Olu", "refused")
