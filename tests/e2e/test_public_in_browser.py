"""The public page in a real browser, served as any web server does: readable by everybody, and open to be checked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from pollwatch.attribution.scale import Stance
from pollwatch.clock import UTC
from pollwatch.node.public import preparing, publishing, site
from pollwatch.node.public.site import Wanted
from pollwatch.sharing.publication import Words
from public_scenes import DECISION, DENIAL, WORDS, offices


class _Quiet(SimpleHTTPRequestHandler):
    """The web server that comes with Python, saying nothing."""

    def log_message(self, *_arguments: object) -> None:
        """Keep it to oneself."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with everything on it: a notice, a denied claim, a statement with hostile dissent, one withdrawn."""
    folder = tmp_path_factory.mktemp("public")
    watch = offices(folder)
    claim = watch.claim()
    watch.opine("Cedar", claim, Stance.STRONGLY_DISAGREE, DENIAL)
    gone = (Words("en", "Something that was wrong", "It was wrong."),)
    shown = []
    for subject, words in (("", WORDS), ("", gone), (claim, ()), (watch.statement(), ())):
        watch.clock.advance(3600)
        found = preparing.prepare(watch.case, subject, words, UTC, (), watch.clock)
        publishing.publish(watch.case, watch.alder, found, DECISION, watch.clock)
        shown.append(found.id)
    publishing.withdraw(watch.case, shown[1], (Words("en", "It was another office", ""),), DECISION, watch.clock)
    site.build(watch.case, folder / "www", Wanted(), watch.clock)  # seals what was recorded
    watch.cosign("Birch")
    site.build(watch.case, folder / "www", Wanted(languages=("en", "nl", "ar")), watch.clock)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder / "www")))
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test when something is refused by its policy, or asks elsewhere."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.on("console", lambda said: pytest.fail(f"console: {said.text}"))
    opened.on("dialog", lambda dialog: pytest.fail(f"dialog: {dialog.message}"))
    yield opened
    context.close()


def test_anybody_checks_a_publication_in_the_browser(page: Page, address: str, tmp_path: Path) -> None:
    """From the page to its evidence and policy, with both to verify.html, and there it is what the page says it is."""
    page.goto(address)
    article = page.locator("article", has_text="Guessed passwords")
    with page.expect_download() as evidence:
        article.get_by_role("link", name="Evidence of this").click()
    with page.expect_download() as policy:
        page.get_by_role("link", name="The policy that this office proposes").click()
    for name, each in (("e.zip", evidence), ("policy.txt", policy)):
        each.value.save_as(tmp_path / name)
    digest = "".join((article.locator("code").last.text_content() or "").split())
    page.get_by_role("link", name="Open the page that checks it").click()
    page.set_input_files("#policy", tmp_path / "policy.txt")
    page.set_input_files("#file", tmp_path / "e.zip")
    found = page.locator("#results article")
    expect(found).to_contain_text("Everything in this file fits")
    expect(found).to_contain_text(digest)
    assert found.get_attribute("data-grade") == "quorum"


@pytest.mark.parametrize("width", [390, 1280])
def test_everybody_can_read_it(page: Page, address: str, width: int) -> None:
    """No violation that axe knows, no sideways scrolling: telephone and desk, light and dark, left and right."""
    page.set_viewport_size({"width": width, "height": 900})
    for name, scheme in (("index.html", "light"), ("index.nl.html", "dark"), ("index.ar.html", "light")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(address + name)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_attribute("html", "dir") == "rtl"


def test_what_a_rival_wrote_is_text(page: Page, address: str) -> None:
    """Attack: markup in a dissent; it stands beside the statement as text, and nothing of it runs or is loaded."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    expect(page.get_by_text("<script>window.pwned=1</script>").first).to_be_visible()
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.querySelectorAll('script,img,iframe,[onerror],form').length") == 0
    assert asked == [address]
    expect(page.get_by_text("Something that was wrong")).to_have_count(0)
    expect(page.get_by_text("It was another office")).to_be_visible()
    denial = page.locator(".said.bad", has_text=DENIAL).first.bounding_box()
    claim = page.locator(".said", has_text="Its networks were used").first.bounding_box()
    assert denial is not None
    assert claim is not None
    assert abs(denial["y"] - claim["y"]) < 60, "side by side"
