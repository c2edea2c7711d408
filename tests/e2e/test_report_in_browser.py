"""The report in a real browser: readable, quiet on the network, and deaf to what attackers wrote."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from pollwatch.clock import parse_rfc3339
from pollwatch.election.calendar import Calendar
from pollwatch.events.detection import Actors, Severity
from pollwatch.events.lines import LineSet
from pollwatch.incidents.incident import ElectionContext, Incident, Phase, RawLine, RuleCount
from pollwatch.incidents.light import light
from pollwatch.incidents.scanned import ScannedInput
from pollwatch.report.case import CaseReport
from pollwatch.report.html import html_report

HOSTILE = [
    "<script>window.pwned = 1</script>",
    '"><img src=x onerror="window.pwned = 1"><svg onload=window.pwned=1>',
    "</code></td></table></style></title><iframe src=javascript:parent.pwned=1>",
    "{{ 7 * 7 }} {% raw %} ${7*7} <%= 7*7 %>",
    "\x1b]0;pwned\x07\x1b[2J \u202egpj.exe \u2066hidden\u2069 \x00\x85",
    "' onmouseover='window.pwned=1' style='position:fixed;inset:0",
]


def incident(number: int, text: str) -> Incident:
    """An incident in which every field that an attacker can reach holds the text."""
    first = parse_rfc3339(f"2026-11-03T{number:02}:00:00Z")
    last = first + 1_800_000_000
    return Incident(
        id=f"PW-TEST{number}",
        title=f"Attack {text}",
        severity=Severity(1 + number % 4),
        status="open",
        summary=text,
        why=(text, text),
        phases=(Phase(text, "T1190", "initial-access", first, last, 10),),
        techniques=("T1190",),
        tactics=("initial-access",),
        tools=(text,),
        actors=Actors(ip=("203.0.113.9",), user=(text,), host=(text,)),
        targets=(text,),
        first_us=first,
        last_us=last,
        lines=LineSet.of("access.log", range(1, 11)),
        samples=(RawLine("access.log", 3, text), RawLine(text, 4, text)),
        rules=(RuleCount("rule-1", text, 10),),
        advice=("Do not wipe the machine; keep it.", text),
        election=ElectionContext("Test", "results-night", 1),
    )


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Page:
    """A hostile report, opened from disk; any request beyond the file itself fails the test."""
    incidents = tuple(incident(n, text) for n, text in enumerate(HOSTILE, 1))
    scanned = ScannedInput(HOSTILE[0], "0" * 64, 1000, "weblog", 100, 90, 10, None, None)
    report = CaseReport(
        title=HOSTILE[1],
        member=HOSTILE[2],
        generated_us=parse_rfc3339("2026-11-04T08:00:00Z"),
        light=light(incidents, (scanned,), ()),
        incidents=incidents,
        inputs=(scanned,),
        coverage=(),
        calendar=Calendar(),
        case_dir=HOSTILE[0],
    )
    file = tmp_path / "report.html"
    file.write_text(html_report(report), "utf-8")
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    requests: list[str] = []
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("dialog", lambda dialog: pytest.fail(f"dialog: {dialog.message}"))
    opened.goto(file.as_uri())
    assert requests == [file.as_uri()]
    return opened


def test_hostile_text_is_inert(page: Page) -> None:
    """HTML, script, template and terminal injection from log lines: shown as text, executed nowhere."""
    page.hover("article >> nth=0")
    page.keyboard.press("j")
    page.wait_for_timeout(200)
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("document.querySelectorAll('img,iframe,[onerror],[onload],[onmouseover]').length") == 0
    assert page.evaluate("document.querySelectorAll('article').length") == len(HOSTILE)
    text = page.inner_text("body")
    assert "{{ 7 * 7 }}" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_injected_script_would_not_run(page: Page) -> None:
    """Even markup that got past the escaping would find a policy that lets no foreign script run."""
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.pwned = 1';"
        " document.body.append(s); const d = document.createElement('div');"
        " d.innerHTML = '<img src=x onerror=\"window.pwned = 1\">'; document.body.append(d); }"
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.pwned") is None


def test_keyboard(page: Page) -> None:
    """The keys j and k walk the incidents; focus goes along, so that a screen reader reads on there."""
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") == page.evaluate("document.querySelectorAll('article')[1].id")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.id") == page.evaluate("document.querySelectorAll('article')[0].id")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_layout(page: Page, width: int, scheme: str) -> None:
    """On a telephone and on a desk, light and dark: no sideways scrolling, text with enough contrast."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ratio = page.evaluate(
        """() => {
          const lum = (c) => { const v = c.match(/[\\d.]+/g).slice(0, 3).map((x) => x / 255)
            .map((x) => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
            return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
          const of = (e, p) => getComputedStyle(e)[p];
          const back = lum(of(document.querySelector("article"), "backgroundColor"));
          return Math.min(...[...document.querySelectorAll("article .sev, article .meta, article p, article a")]
            .map((e) => { const l = lum(of(e, "color"));
              return (Math.max(l, back) + .05) / (Math.min(l, back) + .05); }));
        }"""
    )
    assert ratio >= 4.5
