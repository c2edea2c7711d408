"""A small OpenID Connect provider on loopback, strict about what it is asked and, where a test says so, hostile.

It signs in whoever it was told to, at once, as a provider does at which somebody has a session. Everything that OAuth 2
asks of a provider is checked: client, redirect address, PKCE (S256), and that a code is used once.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

VERA = {"sub": "u-1", "preferred_username": "Vera", "name": "Vera V."}
CLIENT, SECRET = "pollwatch", "a secret of the client"  # the latter is a test's


@dataclass
class Provider:
    """The provider, its user, and what it does wrong.

    ``twist`` changes the claims of an ID token, ``signs`` makes the token of header, claims and key instead of RS256.
    """

    issuer: str = ""
    now_s: Callable[[], int] = lambda: 0
    claims: dict[str, Any] = field(default_factory=lambda: dict(VERA))
    groups: dict[str, Any] = field(default_factory=lambda: {"groups": ["staff", "watch-leads"]})
    in_userinfo: bool = False
    answers_iss: str | None = None
    twist: Callable[[dict[str, Any]], None] = lambda _claims: None
    signs: Callable[[dict[str, Any], RSAKey], str] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    token_answer: Callable[[], Response] | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> Starlette:
        """The provider as an application."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.about),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/keys", self.keys),
                Route("/userinfo", self.userinfo),
            ]
        )

    async def about(self, _request: Request) -> Response:
        """The discovery document."""
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }
        return JSONResponse(said | self.metadata)

    async def authorize(self, request: Request) -> Response:
        """Sign the user in, and send the browser back with a code."""
        asked = dict(request.query_params)
        self.asked.append(asked)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"]}
        if self.answers_iss is not None:
            answer["iss"] = self.answers_iss
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 302)

    async def token(self, request: Request) -> Response:
        """Give the ID token for a code, once, to the client that can open its challenge."""
        if self.token_answer is not None:
            return self.token_answer()
        form = await request.form()
        asked = self.codes.pop(str(form["code"]), None)
        expected = base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '+')}".encode()).decode()
        also = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        sent = request.headers.get("authorization", "").removeprefix("Basic ")
        if asked is None or sent not in {expected, also} or form["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        opened = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        if base64.urlsafe_b64encode(opened).rstrip(b"=").decode() != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now_s = self.now_s()
        claims = {
            **self.claims,
            **({} if self.in_userinfo else self.groups),
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now_s,
            "exp": now_s + 300,
            "nonce": asked["nonce"],
        }
        if "max_age" in asked:
            claims["auth_time"] = now_s
        self.twist(claims)
        made = (
            self.signs(claims, self.key) if self.signs else jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.key)
        )
        return JSONResponse({"access_token": "at-1", "token_type": "Bearer", "id_token": made})

    async def keys(self, _request: Request) -> Response:
        """The public keys."""
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def userinfo(self, request: Request) -> Response:
        """What else is known of the user."""
        assert request.headers["authorization"] == "Bearer at-1"
        return JSONResponse({"sub": self.claims["sub"], **self.groups})


def unsigned(claims: dict[str, Any], _key: RSAKey) -> str:
    """A token that nobody signed (``alg: none``)."""
    from pollwatch import canonical

    parts = [canonical.dumps({"alg": "none"}), canonical.dumps(claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def signed_with_the_public_key(claims: dict[str, Any], key: RSAKey) -> str:
    """A token under HS256 whose secret is the provider's public key, which everybody has (algorithm confusion)."""
    public = key.as_pem(private=False)
    return jwt.encode({"alg": "HS256", "kid": "k1"}, claims, OctKey.import_key(public), algorithms=["HS256"])


def signed_by_somebody_else(claims: dict[str, Any], _key: RSAKey) -> str:
    """A token under a key of the attacker's that calls itself the provider's."""
    return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, RSAKey.generate_key(2048))


@contextmanager
def running(provider: Provider) -> Iterator[Provider]:
    """Serve it on loopback until the block ends."""
    server = uvicorn.Server(uvicorn.Config(provider.app(), port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    provider.issuer = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join()
