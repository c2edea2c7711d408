"""The gate: whose request it is, and whether it comes from a page of ours."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from console_scenes import NOW_US, ORIGIN, PASSWORD, Hall, Visitor, hall
from pollwatch.clock import US_PER_S
from pollwatch.console.accounts import managing, totp
from pollwatch.console.accounts.bodies import MAX_BYTES
from pollwatch.console.accounts.refusing import next_of
from pollwatch.console.accounts.settings import AccessSettings
from pollwatch.console.roles import Permission, Role

HTTPS = "https://watch.example"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """A console with a lead, reached by nobody but this machine."""
    with hall(tmp_path_factory.mktemp("gate") / "case") as found:
        found.account("anna", Role.LEAD)
        yield found


@pytest.fixture
def anna(console: Hall) -> Visitor:
    """The lead, signed in."""
    return Visitor(console.app).signed_in("anna")


CHANGE = {"shown": "Anna", "language": "", "zone": ""}


def test_a_form_of_our_own_is_taken(anna: Visitor) -> None:
    """The token of the page that was shown goes with the form."""
    assert anna.post("/me", CHANGE).status_code == 303


@pytest.mark.parametrize("token", ["", "x", "é", "A" * 43])
def test_a_form_without_the_token_is_refused(anna: Visitor, token: str) -> None:
    """Another site's form is sent with the cookie but cannot know the token (CSRF)."""
    assert anna.send("POST", "/me", form={**CHANGE, "csrf": token}).status_code == 403


def test_another_browsers_token_is_refused(console: Hall, anna: Visitor) -> None:
    """The token of an attacker's own session, or of nobody's, does not go with somebody else's (CSRF)."""
    other = Visitor(console.app)
    other.get("/sign-in")
    assert anna.send("POST", "/me", form={**CHANGE, "csrf": other.token}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8081"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "null"},
        {"sec-fetch-site": "cross-site", "origin": ORIGIN},
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
    ],
)
def test_a_form_from_elsewhere_is_refused_whatever_it_carries(anna: Visitor, headers: dict[str, str]) -> None:
    """Even with the right token: the browser says that the page was another site's, or a sibling host's (CSRF)."""
    assert anna.post("/me", CHANGE, **headers).status_code == 403
    assert anna.post("/me", CHANGE, origin=ORIGIN, **{"sec-fetch-site": "same-origin"}).status_code == 303


def test_signing_in_needs_the_token_too(console: Hall) -> None:
    """Nobody is signed in to an attacker's account without noticing (login CSRF)."""
    visitor = Visitor(console.app)
    answer = visitor.send("POST", "/sign-in", form={"name": "anna", "password": PASSWORD})
    assert answer.status_code == 403


def test_two_tokens_are_none(anna: Visitor) -> None:
    """A form that names the token twice is refused, so that no reader differs from ours (parameter pollution)."""
    body = f"csrf=x&csrf={anna.token}&shown=Anna".encode()
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert anna.send("POST", "/me", content=body, headers=kind).status_code == 403


def test_the_token_may_come_as_a_header_or_first_in_a_form_with_files(anna: Visitor) -> None:
    """As htmx sends it; and in multipart forms as their first field, and nowhere else in them."""
    kind = {"content-type": "application/x-www-form-urlencoded", "x-csrf-token": anna.token}
    assert anna.send("POST", "/me", content=b"shown=Anna", headers=kind).status_code == 303
    parts = {name: f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in
             (("csrf", anna.token), ("shown", "Anna"))}  # fmt: skip
    headers = {"content-type": "multipart/form-data; boundary=b"}
    first = (parts["csrf"] + parts["shown"] + "--b--\r\n").encode()
    last = (parts["shown"] + parts["csrf"] + "--b--\r\n").encode()
    assert anna.send("POST", "/me", content=first, headers=headers).status_code == 303
    assert anna.send("POST", "/me", content=last, headers=headers).status_code == 403


def test_what_is_too_large_is_refused_and_read_no_further(anna: Visitor) -> None:
    """A form beyond the limit ends with 413, whether it says its size or not (upload limits)."""
    headers = {"content-type": "application/x-www-form-urlencoded", "x-csrf-token": anna.token}
    large = b"shown=" + b"a" * MAX_BYTES
    assert anna.send("POST", "/me", content=large, headers=headers).status_code == 413
    many = b"&".join(b"x%d=" % n for n in range(3000))
    assert anna.send("POST", "/me", content=many, headers={**headers, "x-csrf-token": ""}).status_code == 403


# Hosts


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "a b", "localhost:x", "localhost/x"],
)
def test_another_host_is_none_of_our_business(console: Hall, host: str) -> None:
    """A name of an attacker's that points here is refused (DNS rebinding, host header attacks)."""
    assert Visitor(console.app).get("/sign-in", {"host": host}).status_code in {400, 421}


def test_a_name_that_is_said_is_the_only_one(tmp_path: Path) -> None:
    """With an origin in the settings, the machine's own names are refused as well, and so is http."""
    with hall(tmp_path / "case", AccessSettings(origin=HTTPS)) as console:
        assert Visitor(console.app, HTTPS).get("/sign-in").status_code == 200
        for origin in ("http://watch.example", "https://watch.example:444", "https://localhost", ORIGIN):
            assert Visitor(console.app, origin).get("/sign-in").status_code == 421


# Cookies


def test_cookies_are_as_strict_as_browsers_can(tmp_path: Path) -> None:
    """Over TLS they are __Host-, Secure, HttpOnly and SameSite; no script reads them, no sibling host sets them."""
    with hall(tmp_path / "case", AccessSettings(origin=HTTPS, second_factor=frozenset())) as console:
        console.account("anna", Role.LEAD)
        visitor = Visitor(console.app, HTTPS)
        answers = [visitor.get("/sign-in"), visitor.sign_in("anna")]
        assert set(visitor.cookies) == {"__Host-pollwatch", "__Host-pollwatch-device"}
        for line in [line for answer in answers for line in answer.headers.get_list("set-cookie")]:
            assert line.startswith("__Host-")
            for word in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
                assert word in line
            assert "Domain" not in line
        assert "max-age=31536000" in answers[0].headers["strict-transport-security"]
        tossed = Visitor(console.app, HTTPS)
        tossed.cookies = {"pollwatch": visitor.cookies["__Host-pollwatch"]}
        assert tossed.get("/me").status_code == 303


def test_a_planted_session_is_worth_nothing_after_signing_in(console: Hall) -> None:
    """Whoever planted a cookie in the victim's browser does not have the victim's session afterwards (fixation)."""
    attacker = Visitor(console.app)
    attacker.get("/sign-in")
    victim = Visitor(console.app)
    victim.cookies = dict(attacker.cookies)
    victim.sign_in("anna")
    assert victim.get("/me").status_code == 200
    assert victim.cookies["pollwatch"] != attacker.cookies["pollwatch"]
    assert attacker.get("/me").status_code == 303


def test_signing_in_anew_ends_the_session_before(console: Hall, anna: Visitor) -> None:
    """A stolen session of before does not live on beside the new one of the same browser."""
    stolen = dict(anna.cookies)
    anna.send("POST", "/sign-in", form={"csrf": anna.token, "name": "anna", "password": PASSWORD})
    thief = Visitor(console.app)
    thief.cookies = stolen
    assert thief.get("/me").status_code == 303
    assert anna.get("/me").status_code == 200


def test_signing_out_ends_the_session_on_the_server(console: Hall, anna: Visitor) -> None:
    """A copy of the cookie is worth nothing after its owner signed out, here or everywhere."""
    copy, other = Visitor(console.app), Visitor(console.app).signed_in("anna")
    copy.cookies = dict(anna.cookies)
    answer = anna.post("/sign-out")
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert copy.get("/me").status_code == 303
    assert other.get("/me").status_code == 200
    third = Visitor(console.app).signed_in("anna")
    third.post("/me/sessions/end-all")
    assert other.get("/me").status_code == 303


def test_nobody_ends_anothers_session(console: Hall) -> None:
    """The name of somebody else's session in one's own form ends nothing (insecure direct object reference)."""
    bob = console.account("bob")
    console.account("carl")
    victim = Visitor(console.app).signed_in("bob")
    carl = Visitor(console.app).signed_in("carl")
    token, _text = managing.make_token(console.desk, bob, "probe", [Permission.READ], 9)
    carl.post("/me/sessions/end", {"session": console.desk.sessions.of(bob.id)[0].id})
    carl.post("/me/tokens/revoke", {"token": token.id})
    assert victim.get("/me").status_code == 200
    assert console.desk.tokens.of(bob.id)


# Ways in


def test_who_is_not_signed_in_is_led_to_the_sign_in_page_and_back(console: Hall) -> None:
    """A page leads to the way in and back; a part of a page tells htmx to go there; a stream and a program get 401."""
    nobody = Visitor(console.app)
    assert nobody.get("/me?a=b").headers["location"] == "/sign-in?next=/me%3Fa%3Db"
    part = nobody.get("/me", {"hx-request": "true", "hx-current-url": f"{ORIGIN}/inbox?p=2"})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/sign-in?next=/inbox%3Fp%3D2")
    assert nobody.get("/changes", {"accept": "text/event-stream"}).status_code == 401
    answer = nobody.sign_in("anna", then="/me?a=b")
    assert answer.headers["location"] == "/me?a=b"


@pytest.mark.parametrize(
    "text",
    [
        "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "https:evil.example",
        "///evil.example", "/\t/evil.example", "/\n//evil.example", "javascript:alert(1)", "data:text/html,x", "", "ev",
        "/a\r\nSet-Cookie: x=y", "/%0d%0aSet-Cookie:x=y\r", "http:/evil.example", "/\u2028/evil.example", "//", "/é",
    ],
)  # fmt: skip
def test_no_way_leads_out_after_signing_in(console: Hall, text: str) -> None:
    """Whatever an address says, whoever signs in stays here (open redirect, header injection)."""
    assert next_of(text) == "/"
    answer = Visitor(console.app).sign_in("anna", then=text)
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("text", ["/", "/inbox", "/inbox?a=b&c=//d", "/incident/x#why", "/a//b", "/%2F%2Fevil"])
def test_ways_within_are_kept(text: str) -> None:
    """A path of ours, with what belongs to it, is where somebody lands."""
    assert next_of(text) == text


def test_who_owes_a_second_factor_can_set_it_up_and_nothing_else(tmp_path: Path) -> None:
    """A lead without one is let in to set one up; every other page leads there, and the API of no page opens."""
    with hall(tmp_path / "case", AccessSettings(second_factor=frozenset({Role.LEAD}))) as console:
        console.account("anna", Role.LEAD)
        visitor = Visitor(console.app)
        assert visitor.sign_in("anna").headers["location"] == "/me/second?next=/me"
        for path in ("/", "/accounts", "/audit", "/changes"):
            answer = visitor.get(path)
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/me/second")
        page = visitor.get("/me/second")
        secret, challenge = told(page)
        assert visitor.post("/me/totp", {"challenge": challenge, "digits": "000000"}).status_code == 400
        before = dict(visitor.cookies)
        digits = totp.digits(secret, NOW_US // US_PER_S // 30)
        shown = visitor.post("/me/totp", {"challenge": challenge, "digits": digits})
        assert shown.text.count("<li><code>") == totp.CODES
        assert visitor.cookies["pollwatch"] != before["pollwatch"]
        assert visitor.get("/accounts").status_code == 200
        # From now on the password alone leads half-way.
        half = Visitor(console.app)
        assert half.sign_in("anna").headers["location"] == "/sign-in/second?next=/me"
        assert half.get("/me").headers["location"] == "/sign-in/second?next=/me"
        half.get("/sign-in/second")
        console.clock.advance(60)
        later = totp.digits(secret, (NOW_US // US_PER_S + 60) // 30)
        assert half.post("/sign-in/second", {"digits": later, "next": "/me"}).headers["location"] == "/me"
        assert half.get("/me").status_code == 200
        # The last factor stays, as the role asks for one.
        assert half.post("/me/totp/remove").status_code == 400


def told(page: httpx.Response) -> tuple[bytes, str]:
    """The secret and the challenge on the page that sets up digits."""
    secret = re.search(r"secret: <code>([A-Z2-7 ]+)</code>", page.text) or re.search(
        r"<code>([A-Z2-7 ]{30,})</code>", page.text
    )
    challenge = re.search(r'name="challenge" value="([^"]+)"', page.text)
    assert secret
    assert challenge
    text = secret[1].replace(" ", "")
    return base64.b32decode(text + "=" * (-len(text) % 8)), challenge[1]


def test_what_cannot_be_taken_back_asks_once_more(console: Hall, anna: Visitor) -> None:
    """A browser that was left open makes no accounts: its owner proves once more who they are."""
    console.clock.advance(1000)
    answer = anna.post("/accounts", {"name": "eve", "role": "lead"}, referer=f"{ORIGIN}/accounts")
    assert answer.headers["location"] == "/sign-in/again?next=/accounts"
    anna.get("/sign-in/again?next=/accounts")
    assert anna.post("/sign-in/again", {"password": PASSWORD + "x", "next": "/accounts"}).status_code == 400
    before = dict(anna.cookies)
    assert anna.post("/sign-in/again", {"password": PASSWORD, "next": "/accounts"}).headers["location"] == "/accounts"
    assert anna.cookies["pollwatch"] != before["pollwatch"]
    anna.get("/accounts")
    assert "/welcome?key=" in anna.post("/accounts", {"name": "eve", "role": "clerk"}).text


# Tokens


def test_a_token_opens_the_api_and_no_page_and_a_cookie_no_api(console: Hall, anna: Visitor) -> None:
    """Programs and browsers do not mix: no site makes a browser use the API, no leaked token opens pages."""
    _token, text = managing.make_token(console.desk, console.desk.accounts.named("anna"), "probe", [Permission.READ], 9)
    program = Visitor(console.app)
    assert program.get("/me", {"authorization": f"Bearer {text}"}).status_code == 303
    assert program.get("/api/v1/nothing", {"authorization": f"Bearer {text}"}).status_code == 404
    for wrong in ("Bearer x", f"Bearer {text}x", f"Basic {text}", "Bearer pollwatch_", f"Bearer {text[:-1]}"):
        answer = program.get("/api/v1/nothing", {"authorization": wrong})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "set-cookie" not in program.get("/api/v1/nothing").headers


def test_pages_are_never_kept_by_caches_and_scripts_are(anna: Visitor) -> None:
    """What shows a case, and what asks for a password, is in no cache; nor does anything frame or sniff it."""
    for path in ("/me", "/sign-in", "/accounts", "/no-such-page"):
        headers = anna.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "same-origin"
