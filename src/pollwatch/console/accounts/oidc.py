"""Sign-in at somebody else's identity provider: OpenID Connect's code flow with PKCE, state and nonce.

::

    leave   our state ─▶ the provider, which asks who they are
    back    state and code ─▶ we ask the provider for the ID token, with the code and PKCE's verifier
            ─▶ signature, issuer, audience, times, nonce ─▶ a name there, and a role from its groups

The state is a challenge of this browser (:mod:`pollwatch.console.accounts.challenges`); nonce and verifier are derived
from it, so that nothing is kept in between. Nobody becomes a local account by having its name or address elsewhere:
whoever comes from the provider is an account of its own, known by issuer and subject.

The provider is asked at its own addresses only, which it publishes under its issuer's name; answers are bounded in
size and time, and redirects are not followed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from pollwatch.clock import US_PER_S, Clock, monotonic_s
from pollwatch.console.accounts.challenges import Challenges, decoded, encoded
from pollwatch.console.accounts.settings import LOCAL_HOSTS, Provider
from pollwatch.console.roles import Role
from pollwatch.errors import AccessError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

#: Signatures with a key that the provider publishes; never with a shared secret, never none.
_ALGORITHMS: Final = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
]
_MAX_BYTES: Final = 512 << 10
_PATIENCE_S: Final = 10.0
_KEPT_S: Final = 3600.0
_AGAIN_S: Final = 60.0
_LEEWAY_S: Final = 60
_JUST_NOW_S: Final = 300
_PURPOSES: Final = ("sign in at the provider", "prove again at the provider")


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom the provider vouches for.

    Attributes:
        issuer: the provider.
        subject: who they are there, for ever.
        name: what they would like to be called to sign in; may be anything.
        shown: how people call them.
        role: from their groups; None where none of these has one.
        again: whether they proved once more who they are, just now.
    """

    issuer: str
    subject: str
    name: str
    shown: str
    role: Role | None
    again: bool


class OpenId:
    """One identity provider. Safe to call from several threads."""

    def __init__(self, provider: Provider, secret: str, challenges: Challenges, clock: Clock) -> None:
        """Nothing is asked of the provider yet.

        Args:
            provider: the settings.
            secret: ours there; empty for a public client.
            challenges: makes states.
            clock: the time.
        """
        self.provider: Final = provider
        self._secret = secret
        self._challenges = challenges
        self._clock = clock
        self._lock = threading.Lock()
        self._about: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def leave(self, cookie: str, back: str, *, again: bool = False) -> str:
        """Where to send somebody who wants to sign in.

        Args:
            cookie: what their browser's cookie holds.
            back: our address to which the provider sends them back.
            again: whether they are to prove anew who they are.

        Raises:
            AccessError: the provider cannot be reached, or is not what it should be.
        """
        state = self._challenges.make(_PURPOSES[again], cookie)
        more = {"prompt": "login", "max_age": "0"} if again else {}
        address: str = prepare_grant_uri(
            self._endpoint("authorization_endpoint"),
            client_id=self.provider.client_id,
            response_type="code",
            redirect_uri=back,
            scope=" ".join(self.provider.scopes),
            state=encoded(state),
            nonce=self._challenges.derived(state, "nonce"),
            code_challenge=create_s256_code_challenge(self._challenges.derived(state, "verifier")),
            code_challenge_method="S256",
            **more,
        )
        return address

    def back(self, said: Mapping[str, str], cookie: str, back: str) -> Vouched:
        """Somebody comes back.

        Args:
            said: the address's parameters.
            cookie: what their browser's cookie holds.
            back: our address to which the provider sent them.

        Raises:
            AccessError: it was not we who sent them, or the provider does not vouch for them.
        """
        state = decoded(said.get("state", ""))
        again = self._taken(state, cookie)
        if "error" in said:
            raise AccessError(_("the identity provider says: {error}").format(error=printable(said["error"], 80)))
        named = said.get("iss")
        if named is None and self._metadata().get("authorization_response_iss_parameter_supported") is True:
            named = ""
        if named is not None and named != self.provider.issuer:
            raise AccessError(_("that answer is another identity provider's"))
        answer = self._token(said.get("code", ""), self._challenges.derived(state, "verifier"), back)
        claims = self._claims(answer, self._challenges.derived(state, "nonce"), again=again)
        groups = self._groups(claims, str(answer.get("access_token", "")))
        role = next((role for group, role in self.provider.roles.items() if group in groups), None)
        name = next((str(claims[key]) for key in ("preferred_username", "email") if claims.get(key)), claims["sub"])
        shown = str(claims.get("name") or name)
        return Vouched(self.provider.issuer, str(claims["sub"]), name, shown, role, again)

    def _taken(self, state: bytes, cookie: str) -> bool:
        try:
            self._challenges.take(state, _PURPOSES[0], cookie)
        except AccessError:
            self._challenges.take(state, _PURPOSES[1], cookie)
            return True
        return False

    def _token(self, code: str, verifier: str, back: str) -> dict[str, Any]:
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        offered = self._metadata().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        method = "none"
        if self._secret:
            method = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        address = self._endpoint("token_endpoint")
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        auth = ClientAuth(self.provider.client_id, self._secret, method)
        address, headers, body = auth.prepare("POST", address, headers, str(httpx.QueryParams(fields)))
        return self._ask("POST", address, dict(headers), str(body).encode())

    def _claims(self, answer: Mapping[str, Any], nonce: str, *, again: bool) -> dict[str, Any]:
        """What the ID token says, once everything about it is right."""
        now_s = self._clock.now_us() // US_PER_S
        expected = {
            "iss": {"essential": True, "value": self.provider.issuer},
            "aud": {"essential": True, "value": self.provider.client_id},
        }
        known = {"nonce": nonce, "client_id": self.provider.client_id, "access_token": answer.get("access_token")}
        try:
            token = self._decoded(str(answer.get("id_token", "")))
            claims = CodeIDToken(token.claims, token.header, expected, known)
            claims.validate(now_s, _LEEWAY_S)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            why = printable(str(error), 100)
            raise AccessError(_("the identity provider's answer is not right: {why}").format(why=why)) from error
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise AccessError(_("the identity provider does not say who it is"))
        if again and not abs(now_s - float(claims.get("auth_time") or 0)) <= _JUST_NOW_S:
            raise AccessError(_("the identity provider did not ask again who you are"))
        return dict(claims)

    def _decoded(self, text: str) -> jwt.Token:
        """The ID token under one of the provider's keys; they are asked for anew where they changed."""
        try:
            return jwt.decode(text, self._keyset(_KEPT_S), algorithms=_ALGORITHMS)
        except (JoseError, ValueError):
            return jwt.decode(text, self._keyset(_AGAIN_S), algorithms=_ALGORITHMS)

    def _groups(self, claims: Mapping[str, Any], access: str) -> frozenset[str]:
        found = _within(claims, self.provider.claim)
        if found is None and access and "userinfo_endpoint" in self._metadata():
            headers = {"authorization": f"Bearer {access}", "accept": "application/json"}
            more = self._ask("GET", self._endpoint("userinfo_endpoint"), headers)
            found = _within(more, self.provider.claim) if more.get("sub") == claims["sub"] else None
        listed = found if isinstance(found, list) else [found]
        return frozenset(each for each in listed if isinstance(each, str))

    def _endpoint(self, name: str) -> str:
        address = str(self._metadata().get(name, ""))
        parts = urlsplit(address)
        if not parts.hostname or not (parts.scheme == "https" or parts.hostname in LOCAL_HOSTS):
            raise AccessError(_("the identity provider names no {what} that can be used").format(what=name))
        return address

    def _metadata(self) -> dict[str, Any]:
        with self._lock:
            kept = self._about
        if kept is not None and monotonic_s() - kept[0] < _KEPT_S:
            return kept[1]
        found = self._ask("GET", self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration", {})
        if found.get("issuer") != self.provider.issuer:
            called = printable(str(found.get("issuer")), 100)
            raise AccessError(_("the identity provider calls itself {name}; write that as issuer").format(name=called))
        with self._lock:
            self._about = (monotonic_s(), found)
        return found

    def _keyset(self, kept_s: float) -> KeySet:
        with self._lock:
            kept = self._keys
        if kept is not None and monotonic_s() - kept[0] < kept_s:
            return kept[1]
        found = self._ask("GET", self._endpoint("jwks_uri"), {"accept": "application/json"})
        keys = KeySet.import_key_set({"keys": found.get("keys", [])})
        with self._lock:
            self._keys = (monotonic_s(), keys)
        return keys

    def _ask(self, method: str, address: str, headers: Mapping[str, str], body: bytes = b"") -> dict[str, Any]:
        """One request to the provider.

        Raises:
            AccessError: it does not answer, or not with a JSON object of bounded size.
        """
        local = urlsplit(address).hostname in LOCAL_HOSTS
        try:
            with (
                httpx.Client(timeout=_PATIENCE_S, follow_redirects=False, trust_env=not local) as client,
                client.stream(method, address, headers=dict(headers), content=body or None) as answer,
            ):
                data = b""
                for piece in answer.iter_bytes():
                    data += piece
                    if len(data) > _MAX_BYTES:
                        break
            found = json.loads(data) if answer.is_success and len(data) <= _MAX_BYTES else None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            raise AccessError(_("the identity provider cannot be reached, or its answer cannot be read")) from error
        if not isinstance(found, dict):
            raise AccessError(_("the identity provider refused this (status {n})").format(n=answer.status_code))
        return found


def _within(claims: Mapping[str, Any], path: str) -> object:
    """A claim, which may lie within others: ``realm_access.roles``."""
    if path in claims:
        return claims[path]
    found: object = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
