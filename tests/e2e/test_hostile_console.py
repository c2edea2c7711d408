"""Markup in every field that an attacker can write, looked at on every page of the console in a real browser.

A case is scanned from logs whose agents, referrers, users, hosts and file names are payloads; people's names, notes
and tokens are payloads too. Then every page that links lead to is opened, as a lead and as an observer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from jinja2 import ChoiceLoader, DictLoader
from playwright.sync_api import Browser, BrowserContext
from playwright.sync_api import Error as PlaywrightError

from commands import here
from console_scenes import PASSWORD, Hall, hall, served
from pollwatch.console.accounts import managing
from pollwatch.console.house import House
from pollwatch.console.roles import Permission, Role
from pollwatch.console.staticfiles import are_built
from pollwatch.incidents.records import Case

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not are_built(), reason="the console's scripts are not built; make setup-test builds them"),
]

PAYLOADS = (
    "<img src=x onerror=owned=1>",
    '"><svg/onload=owned=1>',
    "'onmouseover='owned=1",
    "</script><script>owned=1</script>",
    "javascript:owned=1",
    "<div hx-get=/audit hx-trigger=load>",
    "{{7*191}}${7*191}<%=7*191%>",
    "<style>*{display:none}</style><base href=//evil.example><meta http-equiv=refresh content=0;//evil.example>",
)
#: Links that are no page to look at.
_LEFT_OUT = re.compile(r"/sign-in|/sign-out|/export|\.json|\.jsonl|/bundle|/static/|#")
_MOST_PAGES = 70
#: What the browser says of a page: whether anything of ours ran, and whether anything stands there that could.
_LOOK = """() => ({
  owned: typeof owned !== 'undefined',
  violations: window.__violations,
  inline: [...document.querySelectorAll('*')].filter(each => [...each.attributes].some(a => a.name.startsWith('on'))
    || /^\\s*javascript:/i.test(each.getAttribute('href') ?? '')
    || (each.tagName === 'SCRIPT' && !each.src) || each.tagName === 'STYLE' || each.tagName === 'BASE'
    || (each.tagName === 'IMG' && /\\/x$/.test(each.src))
    || (each.getAttribute('hx-get') === '/audit')).map(each => each.outerHTML.slice(0, 120)),
  evaluated: document.documentElement.innerText.includes('1337'),
  links: [...document.links].map(each => each.href),
})"""


def lines() -> list[str]:
    """Requests that are an attack beside their payload, with it in every field that a client fills in."""
    found = []
    for number, payload in enumerate(PAYLOADS):
        quoted = payload.replace('"', '\\"')
        user = re.sub(r"\s", "", payload)
        asked = f"GET /portal/{quoted}?id=1%27%20UNION%20SELECT%20password%20FROM%20users--{quoted} HTTP/1.1"
        end = f'"{asked}" 200 900 "https://{quoted}/" "sqlmap/1.8 {quoted}"'
        found += [
            f"203.0.113.{number + 1} - {user} [20/Oct/2026:12:{number:02}:{second:02} +0000] {end}"
            for second in range(4)
        ]
    return found


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hall, str]]:
    """A console over a case that an attacker and a colleague filled with markup."""
    root = tmp_path_factory.mktemp("hostile-console")
    log = root / '"><svg onload=owned=1><img src=x onerror=owned=1>.log'
    log.write_text("\n".join(lines()) + "\n")
    auth = root / "auth.log"
    auth.write_text(
        "".join(
            f"Oct 20 12:{number:02}:{second:02} <svg/onload=owned=1> sshd[1]: Failed password for invalid user "
            f"{re.sub(chr(92) + 's', '', payload)} from 203.0.113.{number + 1} port 4711 ssh2\n"
            for number, payload in enumerate(PAYLOADS)
            for second in range(30)
        )
    )
    case_dir = root / "case"
    done = here("scan", str(log), str(auth), "--case", str(case_dir))
    assert done.returncode == 0, done.stderr
    with hall(case_dir) as found:
        for role in (Role.LEAD, Role.OBSERVER):
            account = found.account(role.value, role)
            found.desk.accounts.set_own(account.id, PAYLOADS[0], "", "")
            managing.make_token(found.desk, account, PAYLOADS[1], [Permission.READ], 9)
        with Case.open(case_dir, found.clock) as case:
            assert len(case.incidents()) >= 2
            for incident in case.incidents():
                for payload in PAYLOADS:
                    case.add_note(incident.id, payload, payload)
                case.set_status(incident.id, "acknowledged", PAYLOADS[1], PAYLOADS[3])
        with served(found.app) as address:
            yield found, address


def visitor(browser: Browser, address: str, role: Role) -> BrowserContext:
    """Somebody who is signed in, whose browser notes every violation of our policy."""
    context = browser.new_context()
    # What leads elsewhere is noted, and does not get there.
    context.route(lambda url: not url.startswith((address, "data:")), lambda route: route.abort())
    context.add_init_script(
        "window.__violations = []; document.addEventListener('securitypolicyviolation',"
        " event => window.__violations.push(event.violatedDirective + ' ' + event.blockedURI))"
    )
    page = context.new_page()
    page.goto(f"{address}/sign-in?next=/me")
    page.fill("#name", role.value)
    page.fill("#password", PASSWORD)
    page.click("form[action='/sign-in'] button")
    page.wait_for_url(f"{address}/me")
    return context


def looked_at(context: BrowserContext, address: str, waiting: list[str], most: int) -> dict[str, dict[str, object]]:
    """Open pages and what links lead to, one of each kind; what the browser says of each, and asked of others."""
    page = context.pages[0]
    page.set_default_timeout(20_000)
    away: list[str] = []
    context.on("request", lambda asked: None if asked.url.startswith((address, "data:")) else away.append(asked.url))
    found: dict[str, dict[str, object]] = {}
    shapes: set[str] = set()
    while waiting and len(found) < most:
        path = waiting.pop(0)
        shape = re.sub(r"[0-9a-f]{6,}|\d+|=[^&]*", "*", path)  # one of each kind of page is enough
        if path in found or (shape in shapes and found):
            continue
        shapes.add(shape)
        answer = page.goto(address + path, wait_until="load")
        assert answer is not None
        assert answer.status == 200, path
        try:
            said = page.evaluate(_LOOK)
        except PlaywrightError as error:
            if "navigation" not in str(error):
                raise
            said = {"led away": True, "links": []}  # by markup: no page of ours goes anywhere by itself
        links = said.pop("links")
        found[path] = {**said, "away": [*away]}
        away.clear()
        for link in links:
            parts = urlsplit(link)
            here = parts.path + (f"?{parts.query}" if parts.query else "")
            if link.startswith(address) and not _LEFT_OUT.search(here):
                waiting.append(here)
    return found


NOTHING = {"owned": False, "violations": [], "inline": [], "evaluated": False, "away": []}


@pytest.mark.parametrize("role", [Role.LEAD, Role.OBSERVER])
def test_no_payload_runs_on_any_page(browser: Browser, console: tuple[Hall, str], role: Role) -> None:
    """Stored XSS, attribute, template and htmx injection, base and refresh: every page shows text, and only text."""
    _hall, address = console
    context = visitor(browser, address, role)
    found = looked_at(context, address, ["/", "/me", "/inbox?status=all", "/clerk"], _MOST_PAGES)
    assert {path: said for path, said in found.items() if said != NOTHING} == {}
    assert len(found) >= (8 if role is Role.LEAD else 5)
    context.close()


#: Fields that pages show escaped, each written as a careless hand would: template, as it is, as it is planted.
HOLES = (
    ("_rows_inner.html.j2", "{{ words.actors(row) }}", "{{ words.actors(row)|safe }}"),
    ("_incident.html.j2", "{{ change.text|inert(2000) }}", "{{ change.text|safe }}"),
    ("_incident.html.j2", "<b>{{ change.who|inert(60) }}</b>", "<b title='{{ change.who|safe }}'>by</b>"),
)


@pytest.mark.parametrize(("template", "written", "planted"), HOLES)
def test_a_hole_is_found(
    browser: Browser, console: tuple[Hall, str], template: str, written: str, planted: str
) -> None:
    """A field that is no longer escaped, in text or in an attribute: looking at its page finds it."""
    hall_, address = console
    house: House = hall_.app.state.house
    loader = house.templates.loader
    assert loader is not None
    source = loader.get_source(house.templates, template)[0]
    assert written in source
    with Case.open(hall_.case_dir, hall_.clock) as case:
        incident = case.incidents()[0].id
    context = visitor(browser, address, Role.LEAD)
    house.templates.loader = ChoiceLoader([DictLoader({template: source.replace(written, planted)}), loader])
    house.templates.cache.clear()  # type: ignore[union-attr]
    try:
        path = "/inbox?status=all" if "rows" in template else f"/incidents/{incident}"
        assert looked_at(context, address, [path], 1)[path] != NOTHING
    finally:
        house.templates.loader = loader
        house.templates.cache.clear()  # type: ignore[union-attr]
        context.close()
