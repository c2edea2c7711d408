"""The dossier's page in a real browser: readable on a telephone, quiet on the network, deaf to what members wrote."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from dossier_scenes import ARABIC, DENIAL, DISSENT, HEBREW, KYIV, document
from pollwatch.report.dossier import page


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page on disk, as its reader gets it."""
    found = tmp_path_factory.mktemp("dossier") / "dossier-en.html"
    found.write_text(page.html(document(exercise=True)), "utf-8")
    return found


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_whole_and_runs_nothing(browser: Browser, path: Path, width: int) -> None:
    """Attack 20: hostile words in a denial load nothing, run nothing and widen nothing; everything is there to read."""
    context = browser.new_context(viewport={"width": width, "height": 800})
    opened = context.new_page()
    requests: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("dialog", lambda dialog: pytest.fail(f"dialog: {dialog.message}"))
    opened.goto(path.as_uri())
    assert requests == [path.as_uri()]
    assert complaints == [], "the style is the one that the policy names"
    assert opened.evaluate("window.pwned") is None
    assert opened.evaluate("document.scripts.length + document.querySelectorAll('img,iframe,object').length") == 0
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    text = opened.inner_text("body")
    for words in (DENIAL, DISSENT, KYIV, ARABIC, HEBREW, "TLP:AMBER", "EXERCISE: nothing in it is real"):
        assert words in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    context.close()


def test_denial_and_claim_stand_side_by_side(browser: Browser, path: Path) -> None:
    """On a wide screen neither has to be scrolled to; on a telephone the denial follows at once."""
    for width, same_height in ((1280, True), (390, False)):
        context = browser.new_context(viewport={"width": width, "height": 800})
        opened = context.new_page()
        opened.goto(path.as_uri())
        claim, denial = (opened.locator("#claims ~ .spread > div").nth(n).bounding_box() for n in (0, 1))
        assert claim is not None
        assert denial is not None
        assert (claim["y"] == denial["y"]) is same_height
        assert same_height or denial["y"] >= claim["y"] + claim["height"]
        context.close()
