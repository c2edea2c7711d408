"""Every route of the console says what it asks of its viewers, and each role is refused where the table says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Mount

from console_scenes import Hall, Visitor, hall
from pollwatch.console.access import asked_of
from pollwatch.console.accounts import managing
from pollwatch.console.accounts.tokens import NEVER
from pollwatch.console.roles import PERMISSIONS, Permission, Role

#: What is open to all, and nothing else may be.
OPEN = {
    "GET /sign-in",
    "POST /sign-in",
    "POST /sign-in/passkey/ask",
    "POST /sign-in/passkey",
    "GET /sign-in/second",
    "POST /sign-in/second",
    "GET /sign-in/oidc",
    "GET /sign-in/oidc/back",
    "POST /sign-out",
    "GET /welcome",
    "POST /welcome",
    "GET /alarm/1",  # by a one-time key out of a message
    "POST /alarm/1",
    "GET /api/v1/health",
    "GET /api/v1/openapi.json",
}


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """A console over an empty case, with somebody of each role."""
    with hall(tmp_path_factory.mktemp("routes") / "case") as found:
        for role in Role:
            found.account(role.value, role)
        yield found


def routes(app: FastAPI) -> list[tuple[str, str, Permission | str | None]]:
    """Method, path and what is asked, of all routes but built files."""
    found = []
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, Mount):
            assert route.path == "/static"
            continue
        assert isinstance(route, APIRoute), f"{route} is no route that says what it asks"
        assert context.dependant is not None
        for method in sorted(context.methods - {"HEAD"}):
            path = re.sub(r"\{[^}]*\}", "1", str(context.path))
            found.append((method, path, asked_of(context.dependant)))
    return found


def test_every_route_says_what_it_asks(console: Hall) -> None:
    """No route was forgotten, and what is open to all is on a list that a person wrote."""
    found = routes(console.app)
    assert len(found) > 40
    assert [f"{method} {path}" for method, path, asked in found if asked is None] == []
    assert {f"{method} {path}" for method, path, asked in found if not isinstance(asked, Permission | None)} == OPEN


def test_who_only_looks_finds_no_route_that_changes_anything_but_their_own(console: Hall) -> None:
    """Whatever is sent and not asked for takes a permission that observers and auditors do not have."""
    allowed = PERMISSIONS[Role.OBSERVER] | PERMISSIONS[Role.AUDITOR]
    changing = [(path, asked) for method, path, asked in routes(console.app) if method != "GET" and asked in allowed]
    for path, asked in changing:
        own = path.startswith(("/me", "/sign-in"))
        question = asked is Permission.SQL  # it reads, and is sent because it may be long
        assert own or question or asked is Permission.SELF, f"{path} changes something for {asked}"


def test_nobody_gets_in_without_signing_in(console: Hall) -> None:
    """Every other route leads strangers to the way in, or answers 401."""
    nobody = Visitor(console.app)
    nobody.get("/sign-in")
    for method, path, asked in routes(console.app):
        if isinstance(asked, Permission):
            answer = nobody.send(method, path, form={"csrf": nobody.token} if method != "GET" else None)
            if path.startswith("/api/"):
                assert answer.status_code == 401, (method, path)
            else:
                assert answer.status_code == 303, (method, path)
                assert answer.headers["location"].startswith("/sign-in"), (method, path)


@pytest.mark.parametrize("role", Role)
def test_each_role_is_refused_where_the_table_says(console: Hall, role: Role) -> None:
    """On each route that asks for what the role has not, a session gets 403; so does its best token."""
    visitor = Visitor(console.app).signed_in(role.value)
    account = console.desk.accounts.named(role.value)
    _token, text = managing.make_token(console.desk, account, "all", list(PERMISSIONS[role] - NEVER), 9)
    bearer = {"authorization": f"Bearer {text}"}
    refused = 0
    for method, path, asked in routes(console.app):
        if not isinstance(asked, Permission) or asked in PERMISSIONS[role]:
            continue
        refused += 1
        if path.startswith("/api/"):
            answer = visitor.send(method, path, headers=bearer)
        else:
            answer = visitor.send(method, path, form={"csrf": visitor.token} if method != "GET" else None)
        assert answer.status_code == 403, (method, path, asked)
    assert refused or role is Role.LEAD


def test_what_programs_never_do_is_on_no_route_of_theirs(console: Hall) -> None:
    """No route of the API manages accounts, passwords or keys."""
    for _method, path, asked in routes(console.app):
        if path.startswith("/api/"):
            assert asked not in NEVER
