"""Sign-in at a real identity provider on loopback, which in some tests lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import RedirectResponse, Response

import oidc_provider
from console_scenes import NOW_US, ORIGIN, PASSWORD, Hall, Visitor, hall
from oidc_provider import CLIENT, SECRET, running
from pollwatch.clock import US_PER_S
from pollwatch.console.accounts import settings
from pollwatch.console.accounts.settings import AccessSettings
from pollwatch.console.roles import Role


@pytest.fixture(scope="module")
def server() -> Iterator[oidc_provider.Provider]:
    """The provider; each test has its own word about it."""
    with running(oidc_provider.Provider()) as found:
        yield found


@pytest.fixture
def provider(server: oidc_provider.Provider) -> Iterator[oidc_provider.Provider]:
    """The provider as it is when nobody changed it."""
    fresh = oidc_provider.Provider(key=server.key)
    kept = {name: getattr(server, name) for name in ("issuer", "key")}
    for name in vars(fresh):
        setattr(server, name, kept.get(name, getattr(fresh, name)))
    server.now_s = lambda: NOW_US // US_PER_S
    return server


@pytest.fixture
def console(provider: oidc_provider.Provider, tmp_path: Path) -> Iterator[Hall]:
    """A console that takes the provider's word."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    said = settings.Provider(
        provider.issuer,
        CLIENT,
        secret,
        "Alder account",
        ("openid", "groups"),
        "groups",
        {"watch-leads": Role.LEAD, "watch": Role.ANALYST},
    )
    with hall(tmp_path / "case", AccessSettings(provider=said, second_factor=frozenset())) as found:
        yield found


def sent_back(visitor: Visitor, path: str = "/sign-in/oidc?next=/me") -> str:
    """To the provider and back: the address with which the provider sends the browser to us."""
    answer = visitor.get(path)
    assert answer.status_code == 303, answer.text
    there = httpx.get(answer.headers["location"])
    assert there.status_code == 302
    address: str = there.headers["location"]
    assert address.startswith(f"{ORIGIN}/sign-in/oidc/back?")
    return address.removeprefix(ORIGIN)


def test_somebody_comes_in_by_the_provider_with_the_role_of_their_group(
    console: Hall, provider: oidc_provider.Provider
) -> None:
    """Code flow, PKCE, state and nonce end in a session; the role is that of the first group that has one."""
    visitor = Visitor(console.app)
    assert "Alder account" in visitor.get("/sign-in").text
    answer = visitor.get(sent_back(visitor))
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
    assert "Vera V." in visitor.get("/me").text
    account = console.desk.accounts.named("vera")
    assert (account.role, account.subject, account.password) == (Role.LEAD, "u-1", None)
    assert set(provider.asked[0]) >= {"state", "nonce", "code_challenge", "redirect_uri"}
    assert visitor.get("/accounts").status_code == 200


def test_the_role_follows_the_groups_and_who_has_none_is_out(console: Hall, provider: oidc_provider.Provider) -> None:
    """Whoever loses a group loses what it gave, at their next sign-in at the latest; with none they are out at once."""
    first = Visitor(console.app)
    first.get(sent_back(first))
    provider.groups = {"groups": "watch"}
    second = Visitor(console.app)
    second.get(sent_back(second))
    assert console.desk.accounts.named("vera").role is Role.ANALYST
    assert first.get("/me").status_code == 303
    provider.groups = {"groups": ["others"]}
    third = Visitor(console.app)
    answer = third.get(sent_back(third))
    assert answer.status_code == 400
    assert "no group of yours" in answer.text
    assert second.get("/me").status_code == 303


def test_groups_may_stand_in_userinfo(console: Hall, provider: oidc_provider.Provider) -> None:
    """Where the ID token does not say the groups, the provider is asked for them."""
    provider.in_userinfo = True
    visitor = Visitor(console.app)
    assert visitor.get(sent_back(visitor)).headers["location"] == "/me"


def test_a_name_that_somebody_has_here_is_not_taken_over(console: Hall, provider: oidc_provider.Provider) -> None:
    """Calling oneself anna elsewhere does not make one anna here (account takeover by name)."""
    console.account("anna", Role.LEAD)
    provider.claims = {"sub": "evil", "preferred_username": "Anna", "email": "anna@alder.example"}
    provider.groups = {"groups": ["watch"]}
    visitor = Visitor(console.app)
    visitor.get(sent_back(visitor))
    assert console.desk.accounts.named("anna").issuer == ""
    assert console.desk.accounts.named("anna@127.0.0.1").role is Role.ANALYST
    assert visitor.get("/accounts").status_code == 403


@pytest.mark.parametrize(
    "twist",
    [
        lambda claims: claims.update(iss="https://evil.example"),
        lambda claims: claims.update(aud="another client"),
        lambda claims: claims.update(aud=[CLIENT, "another"], azp="another"),
        lambda claims: claims.update(nonce="another"),
        lambda claims: claims.pop("nonce"),
        lambda claims: claims.update(exp=claims["iat"] - 600),
        lambda claims: claims.pop("exp"),
        lambda claims: claims.update(iat=claims["iat"] + 3600),
        lambda claims: claims.pop("sub"),
        lambda claims: claims.update(sub=["u-1"]),
        lambda claims: claims.update(at_hash="AAAA"),
    ],
    ids=["iss", "aud", "azp", "nonce", "no nonce", "exp", "no exp", "iat", "no sub", "sub list", "at_hash"],
)
def test_a_token_that_is_not_for_us_here_and_now_is_refused(
    console: Hall, provider: oidc_provider.Provider, twist: Callable[[dict[str, Any]], None]
) -> None:
    """Another's token, an old one, or one of another sign-in lets nobody in (token substitution, replay)."""
    provider.twist = twist
    visitor = Visitor(console.app)
    assert visitor.get(sent_back(visitor)).status_code == 400
    assert visitor.get("/me").status_code == 303
    assert console.desk.accounts.all() == []


@pytest.mark.parametrize(
    "signs",
    [oidc_provider.unsigned, oidc_provider.signed_with_the_public_key, oidc_provider.signed_by_somebody_else],
)
def test_a_token_that_the_provider_did_not_sign_is_refused(
    console: Hall, provider: oidc_provider.Provider, signs: Callable[[dict[str, Any], Any], str]
) -> None:
    """No signature, one under the public key as a secret, one under another key: nobody comes in."""
    provider.signs = signs
    visitor = Visitor(console.app)
    assert visitor.get(sent_back(visitor)).status_code == 400
    assert visitor.get("/me").status_code == 303


def test_an_answer_belongs_to_the_browser_that_asked_and_is_used_once(console: Hall) -> None:
    """An attacker's answer in the victim's browser signs nobody in (login CSRF); nor does one's own a second time."""
    attacker, victim = Visitor(console.app), Visitor(console.app)
    stolen = sent_back(attacker)
    victim.get("/sign-in")
    assert victim.get(stolen).status_code == 400
    assert victim.get("/me").status_code == 303
    assert attacker.get(stolen).status_code == 303
    assert attacker.get(stolen).status_code == 400
    forged = stolen.partition("&state=")[0] + "&state=AAAA"
    assert Visitor(console.app).get(forged).status_code == 400


def test_another_providers_answer_is_refused(console: Hall, provider: oidc_provider.Provider) -> None:
    """An answer that says it is of another issuer (mix-up attack) is refused, and one that should say and does not."""
    provider.answers_iss = "https://evil.example"
    visitor = Visitor(console.app)
    assert visitor.get(sent_back(visitor)).status_code == 400
    provider.answers_iss = provider.issuer
    assert visitor.get(sent_back(visitor)).status_code == 303


@pytest.mark.parametrize(
    "answer",
    [
        lambda: RedirectResponse("http://127.0.0.1:1/", 307),
        lambda: Response(b"{" * (1 << 20), media_type="application/json"),
        lambda: Response(b"[" * 100_000, media_type="application/json"),
        lambda: Response(b"null"),
        lambda: Response(b"", 500),
        lambda: Response(b'{"id_token": {"a": 1}}'),
        lambda: Response(b'{"id_token": "a.b.c"}'),
    ],
    ids=["redirect", "huge", "deep", "null", "500", "object", "no jwt"],
)
def test_a_provider_that_answers_nonsense_lets_nobody_in(
    console: Hall, provider: oidc_provider.Provider, answer: Callable[[], Response]
) -> None:
    """Redirects are not followed, sizes and shapes are bounded: an error, never a stack trace or a session."""
    provider.token_answer = answer
    visitor = Visitor(console.app)
    found = visitor.get(sent_back(visitor))
    assert found.status_code == 400
    assert visitor.get("/me").status_code == 303


def test_a_provider_that_calls_itself_otherwise_is_not_used(console: Hall, provider: oidc_provider.Provider) -> None:
    """Discovery must name the issuer of the settings; endpoints outside of TLS are not used."""
    provider.metadata = {"issuer": "https://evil.example"}
    assert Visitor(console.app).get("/sign-in/oidc").status_code == 400
    provider.metadata = {"authorization_endpoint": "http://evil.example/"}
    assert Visitor(console.app).get("/sign-in/oidc").status_code == 400
    provider.metadata = {"authorization_endpoint": "javascript:alert(1)"}
    assert Visitor(console.app).get("/sign-in/oidc").status_code == 400


def test_proving_again_goes_to_the_provider_which_must_have_asked(
    console: Hall, provider: oidc_provider.Provider
) -> None:
    """For what cannot be taken back, the provider asks anew; a token that does not say so is no proof."""
    visitor = Visitor(console.app)
    visitor.get(sent_back(visitor))
    console.clock.advance(1000)
    provider.now_s = lambda: console.clock.now_us() // US_PER_S
    visitor.get("/accounts")
    answer = visitor.post("/accounts", {"name": "x", "role": "clerk"}, referer=f"{ORIGIN}/accounts")
    assert answer.headers["location"] == "/sign-in/again?next=/accounts"
    provider.twist = lambda claims: claims.pop("auth_time", None)
    assert visitor.get(sent_back(visitor, "/sign-in/oidc?again=true&next=/accounts")).status_code == 400
    provider.twist = lambda _claims: None
    assert visitor.get(sent_back(visitor, "/sign-in/oidc?again=true&next=/accounts")).status_code == 303
    assert provider.asked[-1]["prompt"] == "login"
    visitor.get("/accounts")
    assert "/welcome?key=" in visitor.post("/accounts", {"name": "x", "role": "clerk"}).text
    # Somebody else's proof is none.
    provider.claims = {"sub": "u-2", "preferred_username": "mallory"}
    assert visitor.get(sent_back(visitor, "/sign-in/oidc?again=true&next=/accounts")).status_code == 400


def test_who_comes_from_the_provider_has_no_password_here(console: Hall) -> None:
    """Nobody signs in to such an account by a password; and neither role nor reset is for this console."""
    visitor = Visitor(console.app)
    visitor.get(sent_back(visitor))
    assert Visitor(console.app).sign_in("vera", PASSWORD).status_code == 400
    vera = console.desk.accounts.named("vera")
    visitor.get("/accounts")
    assert visitor.post("/accounts/role", {"account": vera.id, "role": "clerk"}).status_code == 400
    assert visitor.post("/accounts/reset", {"account": vera.id}).status_code == 400


def test_the_clients_secret_is_not_on_any_page_nor_in_the_trail(console: Hall) -> None:
    """What we prove ourselves with at the provider stays in its file."""
    visitor = Visitor(console.app)
    pages = [visitor.get("/sign-in").text, visitor.get(sent_back(visitor)).text, visitor.get("/audit").text]
    assert not any(SECRET in page for page in pages)
