"""The clerk's and the analyst's pages in Chromium: one console and one browser for all, worked as people work.

One test goes through one case, step by step in the order in which they stand: each builds on the ones before.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from console_case import SETTINGS, Office, attack, begin

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("console-incidents")]

ROOT = Path(__file__).parents[2]
SHOTS = os.environ.get("POLLWATCH_SHOTS", "")


class Floor:
    """The console of a case."""

    def __init__(self, office: Office, address: str) -> None:
        """A console that listens there."""
        self.office, self.address = office, address


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """A console over a case, as a process."""
    folder = tmp_path_factory.mktemp("console")
    (folder / "pollwatch.toml").write_text(SETTINGS)
    office = begin(folder / "case")
    worker = ROOT / "tests" / "console_worker.py"
    command = [sys.executable, str(worker), str(folder / "case"), str(folder / "pollwatch.toml")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        yield Floor(office, address)
        process.stdin.close()
        assert process.wait(15) == 0


@pytest.fixture(scope="module")
def lead(browser: Browser, floor: Floor) -> Iterator[Page]:
    """A lead at a wide screen; whatever a page complains of fails the test."""
    yield from _at(browser, floor, "lead", 1280)


@pytest.fixture(scope="module")
def observer(browser: Browser, floor: Floor) -> Iterator[Page]:
    """An observer with a telephone."""
    yield from _at(browser, floor, "observer", 390)


def _at(browser: Browser, floor: Floor, role: str, width: int) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": width, "height": 844}, base_url=floor.address)
    context.add_cookies([{"name": "role", "value": role, "url": floor.address}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda told: complaints.append(told.text) if told.type in {"error", "warning"} else None)
    yield page
    context.close()
    assert complaints == []


def the_clerk_sees_one_light_and_what_to_do(lead: Page) -> None:
    """The light says a word, one sentence, three steps, whom to call, and not to wipe the machine."""
    lead.goto("/clerk")
    expect(lead.get_by_role("heading", level=1)).to_have_text("Call now")
    assert lead.locator(".steps li").count() == 3
    expect(lead.locator(".call")).to_contain_text("Alderland election office")
    expect(lead.locator(".keep")).to_contain_text("Do not wipe; keep the machine")


def whom_to_call_is_printed_for_those_who_may_see_it(lead: Page, observer: Page) -> None:
    """The telephone tree of the settings stands before the action cards; an observer gets no number."""
    lead.goto("/cards")
    expect(lead.get_by_role("region", name="Whom to call")).to_contain_text("Lea duty officer")
    expect(lead.get_by_role("region", name="Whom to call")).to_contain_text("+31 70 555 0100")
    observer.goto("/cards")
    expect(observer.get_by_role("region", name="Whom to call")).to_contain_text("Voter portal")
    assert "555 0100" not in observer.content()


def a_defaced_page_is_told_apart_from_altered_results(lead: Page) -> None:
    """Where something that the public sees was altered, both readings stand side by side, each with its statement."""
    lead.goto("/inbox?q=Altered")
    lead.locator("#list .what a").first.click()
    lead.get_by_role("link", name="Statements for press and voters").click()
    expect(lead.locator("#t-press")).to_contain_text("No result was altered")
    expect(lead.locator("#t-press")).to_contain_text("Voter portal")
    expect(lead.locator("#t-press")).to_contain_text("[time]")
    lead.get_by_label("What happened").select_option("results")
    lead.get_by_role("button", name="Show").click()
    expect(lead.locator("#t-press")).to_contain_text("differ from the signed protocols")


def whoever_is_not_sure_sees_who_was_told_and_the_answer(lead: Page) -> None:
    """The question is with a person of a name, waits in the inbox, and its answer comes to the clerk's page."""
    lead.goto("/clerk")
    lead.get_by_label("What do you see?").fill("Is this our own test?")
    lead.get_by_role("button", name="I am not sure").click()
    expect(lead.locator("#notice")).to_contain_text("Your question is with: Lea")
    expect(lead.locator("#asks")).to_contain_text("Told: Lea")
    lead.goto("/inbox")
    ask = lead.get_by_role("region", name="Somebody is not sure")
    expect(ask).to_contain_text("Is this our own test?")
    ask.get_by_label("Answer").fill("No. Call me.")
    ask.get_by_role("button", name="Send").click()
    expect(ask).to_have_count(0)
    lead.goto("/clerk")
    expect(lead.locator(".answer")).to_contain_text("No. Call me.")


def the_inbox_is_worked_by_keyboard(lead: Page) -> None:
    """J and k move, x chooses, e acknowledges what was chosen, s takes it, ? tells the keys; focus goes along."""
    lead.goto("/inbox")
    expect(lead.locator("#list > .incident")).to_have_count(5)
    expect(lead.locator(".rail [aria-current]")).to_have_text("Inbox")
    lead.keyboard.press("?")
    expect(lead.get_by_role("dialog")).to_contain_text("next, previous incident")
    lead.keyboard.press("Escape")
    lead.keyboard.press("j")
    first = lead.locator("#list > .incident").nth(0)
    expect(first.locator(".what a")).to_be_focused()
    lead.keyboard.press("j")
    lead.keyboard.press("k")
    lead.keyboard.press("x")
    expect(first.get_by_role("checkbox")).to_be_checked()
    lead.keyboard.press("e")
    expect(lead.locator("#notice")).to_contain_text("1 incident acknowledged.")
    expect(first.locator(".state")).to_contain_text("acknowledged")
    expect(first.get_by_role("checkbox")).not_to_be_checked()
    lead.keyboard.press("s")
    expect(first.locator(".state")).to_contain_text("Lea")


def a_new_incident_appears_without_losing_the_place(lead: Page, floor: Floor) -> None:
    """What is committed stands in the open inbox within two seconds; focus and choice stay where they were."""
    lead.goto("/inbox?sort=severity")
    for _turn in range(3):
        lead.keyboard.press("j")
    lead.keyboard.press("x")
    before = lead.evaluate("document.activeElement.id")
    rows = lead.locator("#list > .incident")
    expect(rows).to_have_count(5)
    lead.wait_for_timeout(300)
    floor.office.scan(attack("f.log", "192.0.2.200", "Web shell", succeeded=True, techniques=("T1505.003",)))
    expect(rows).to_have_count(6, timeout=2_000)
    expect(lead.get_by_role("region", name="Rule")).to_contain_text("Web shell", timeout=2_000)
    assert lead.evaluate("document.activeElement.id") == before
    chosen = lead.locator("#list input:checked")
    expect(chosen).to_have_count(1)
    assert chosen.get_attribute("id") == before.replace("l-", "c-")
    lead.keyboard.press("x")


def an_exception_is_tried_before_it_is_made(lead: Page) -> None:
    """The preview counts what the exception would have hidden, follows the form, and making it hides just that."""
    lead.goto("/inbox?q=traversal")
    expect(lead.locator("#list > .incident")).to_have_count(2)
    lead.locator("#list .what a").first.click()
    lead.wait_for_url("**/incidents/PW-*")
    lead.keyboard.press(".")
    preview = lead.locator("#preview")
    expect(preview).to_contain_text("would have hidden 1 incident")
    lead.locator('input[name="network"]').first.uncheck()
    expect(preview).to_contain_text("would have hidden 2 incidents")
    lead.get_by_label("Why it is harmless").fill("our own scanner")
    lead.get_by_role("button", name="Make the exception").click()
    expect(lead.locator("#incident")).to_contain_text("false positive")
    lead.goto("/inbox?q=traversal")
    expect(lead.locator("#list > .incident")).to_have_count(0)
    lead.goto("/exceptions")
    expect(lead.locator("article")).to_contain_text("our own scanner")
    expect(lead.locator("article")).to_contain_text("hid 2 incidents")


def two_incidents_become_one(lead: Page) -> None:
    """Chosen by keyboard and merged from the menu with a reason; the page of the one has both addresses."""
    lead.goto("/inbox?rule=sql-injection")
    expect(lead.locator("#list > .incident")).to_have_count(2)
    for key in ("j", "x", "j", "x", "."):
        lead.keyboard.press(key)
    lead.get_by_label("Reason, kept in the history").fill("same tool, same minute")
    lead.get_by_role("button", name="They are one: merge").click()
    lead.wait_for_url("**/incidents/PW-*")
    incident = lead.locator("#incident")
    expect(incident).to_contain_text("203.0.113.7")
    expect(incident).to_contain_text("203.0.113.8")
    expect(lead.locator(".history")).to_contain_text("same tool, same minute")


def a_merged_incident_can_be_split_again(lead: Page) -> None:
    """What one address did goes into an incident of its own."""
    lead.get_by_text("It is two: split").click()
    lead.locator('input[name="actor"][value="203.0.113.8"]').check()
    before = lead.url
    lead.get_by_role("button", name="Split", exact=True).click()
    lead.wait_for_url(lambda url: url != before)
    expect(lead.locator("#in-who dl")).not_to_contain_text("203.0.113.7")
    expect(lead.locator("#in-who dl")).to_contain_text("203.0.113.8")
    expect(lead.locator("h1")).to_contain_text("Voter portal")  # as the settings call portal.example
    expect(lead.locator("#in-who dl")).to_contain_text("Voter portal (portal.example)")


def exports_are_files_and_no_formulas(lead: Page) -> None:
    """CSV of attacker-written text (formula injection) has no cell that is computed; JSON is the contract's."""
    lead.goto("/inbox?status=all")
    with lead.expect_download() as told:
        lead.evaluate("location.href = '/inbox/export/csv?status=all'")
    rows = Path(told.value.path()).read_text("utf-8").splitlines()
    assert told.value.suggested_filename == "incidents.csv"
    assert len(rows) == 7
    assert not [cell for row in rows for cell in row.split(",") if cell.strip('"').startswith(("=", "+", "-", "@"))]
    answer = lead.request.get("/inbox/export/json?status=all")
    assert len(json.loads(answer.text())["incidents"]) == 6
    assert answer.headers["content-disposition"].startswith("attachment")
    layer = lead.request.get("/inbox/export/navigator?status=all").json()
    assert {each["techniqueID"] for each in layer["techniques"]} >= {"T1190", "T1505.003"}


def hostile_lines_stay_text(lead: Page) -> None:
    """A log line with a script, a colour code and a bidirectional override (stored XSS) is shown and does nothing."""
    lead.goto("/inbox?q=192.0.2.66")
    lead.locator("#list .what a").first.click()
    expect(lead.locator(".raw")).to_contain_text("<script>document.title='owned'</script>\\x1b[31m\\u202e")
    assert "owned" not in lead.title()


def an_observer_sees_what_happened_and_nobody(observer: Page) -> None:
    """An observer's pages name no address and no account, show no raw line, and offer nothing to press."""
    observer.goto("/inbox?status=all")
    rows = observer.locator("#list > .incident")
    expect(rows).to_have_count(6)
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", observer.locator("main").inner_text())
    assert observer.locator("main input[type=checkbox], main form button").count() == 0
    rows.locator(".what a").first.click()
    expect(observer.locator("#in-lines")).to_contain_text("not shown to observers")
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", observer.locator("main").inner_text())


def an_observer_cannot_act(observer: Page, floor: Floor) -> None:
    """Asking the server directly (requests forged by an observer): 403 for every deed and every export."""
    name = observer.url.rsplit("/", 1)[1]
    deeds = ["/triage/acknowledge", "/triage/assign", "/triage/close", "/triage/reopen", "/triage/merge"]
    deeds += [f"/incidents/{name}/{each}" for each in ("note", "split", "tuning", "except")]
    deeds += ["/clerk/ask", "/asks/1/answer", "/exceptions/1/end"]
    for path in deeds:
        assert observer.request.post(path, form={"id": name, "text": "x", "reason": "x"}).status == 403, path
    for path in (f"/incidents/{name}/export/json", f"/incidents/{name}/bundle", "/inbox/export/csv", "/exceptions"):
        assert observer.request.get(path).status == 403, path


def pages_have_no_violation_that_axe_sees(lead: Page, observer: Page) -> None:
    """WCAG 2.2 AA as far as axe can tell, wide and narrow, light and dark, with the menus open."""
    lead.goto("/inbox?status=all")
    incident = lead.locator("#list .what a").first.get_attribute("href")
    few = ["/clerk", "/inbox?status=all", incident]
    for page, scheme, paths in (
        (
            lead,
            "light",
            [*few, f"{incident}/share", "/sources", "/inbox?group=actor", "/cards", "/statements", "/exceptions"],
        ),
        (observer, "dark", few),
    ):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for path in paths:
            page.goto(str(path))
            page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true })")
            found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]})
            assert found.violations_count == 0, f"{path} {scheme}\n{found.generate_report()}"
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"


def test_the_floor_is_worked(lead: Page, observer: Page, floor: Floor) -> None:
    """A night at the console: what each step shows stands in its docstring."""
    the_clerk_sees_one_light_and_what_to_do(lead)
    whom_to_call_is_printed_for_those_who_may_see_it(lead, observer)
    a_defaced_page_is_told_apart_from_altered_results(lead)
    whoever_is_not_sure_sees_who_was_told_and_the_answer(lead)
    the_inbox_is_worked_by_keyboard(lead)
    a_new_incident_appears_without_losing_the_place(lead, floor)
    an_exception_is_tried_before_it_is_made(lead)
    two_incidents_become_one(lead)
    a_merged_incident_can_be_split_again(lead)
    exports_are_files_and_no_formulas(lead)
    hostile_lines_stay_text(lead)
    an_observer_sees_what_happened_and_nobody(observer)
    an_observer_cannot_act(observer, floor)
    pages_have_no_violation_that_axe_sees(lead, observer)
