"""Roles, permissions, and the dependency that every route of the console carries."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

from console_scenes import Seeing, ask
from pollwatch.console.access import (
    NotFreshError,
    NotPermittedError,
    NotSignedInError,
    Permission,
    Role,
    Viewer,
    asked_of,
    need,
    open_to_all,
    viewer_of,
)
from pollwatch.console.roles import PERMISSIONS
from pollwatch.errors import AccessError

router = APIRouter()


@router.get("/inbox")
def inbox(viewer: Annotated[Viewer, need(Permission.READ)]) -> PlainTextResponse:
    """A page that wants to know who looks."""
    return PlainTextResponse(viewer.name)


@router.post("/decide", dependencies=[need(Permission.DECIDE)])
def decide() -> PlainTextResponse:
    """An action."""
    return PlainTextResponse("done")


@router.post("/role", dependencies=[need(Permission.ADMIN, fresh=True)])
def role() -> PlainTextResponse:
    """Something that wants fresh proof."""
    return PlainTextResponse("done")


@router.get("/health", dependencies=[open_to_all("a probe has no account")])
def health(request: Request) -> PlainTextResponse:
    """An open page."""
    return PlainTextResponse(str(viewer_of(request)))


@router.get("/forgotten")
def forgotten() -> PlainTextResponse:
    """A route whose author forgot."""
    return PlainTextResponse("oops")


def refused(_request: Request, error: Exception) -> Response:
    """Which error it was."""
    return PlainTextResponse(f"{type(error).__name__}: {error}", status_code=403)


def asked(method: str, path: str, viewer: Viewer | None) -> str:
    """What a viewer gets."""
    app = FastAPI()
    app.include_router(router)
    app.add_exception_handler(AccessError, refused)
    return ask(Seeing(app, viewer), method, path).text


def viewer(role: Role, *, fresh: bool = True, scope: frozenset[Permission] | None = None) -> Viewer:
    """Somebody with a role."""
    return Viewer("a1", "Anna", role, fresh=fresh, scope=scope)


def test_every_role_can_read_and_keep_its_own_account_and_has_its_line_in_the_table() -> None:
    """No role was forgotten in the table, and nobody is locked out of their own account."""
    assert set(PERMISSIONS) == set(Role)
    for granted in PERMISSIONS.values():
        assert {Permission.READ, Permission.SELF} <= granted


def test_those_who_only_look_can_change_nothing() -> None:
    """Observer and auditor may change nothing but their own account; an observer sees nobody's name."""
    changing = {Permission.TRIAGE, Permission.DECIDE, Permission.SHARE, Permission.ADMIN}
    assert not PERMISSIONS[Role.OBSERVER] & (changing | {Permission.LINES, Permission.SQL, Permission.AUDIT})
    assert not PERMISSIONS[Role.AUDITOR] & changing
    assert PERMISSIONS[Role.AUDITOR] >= {Permission.AUDIT, Permission.LINES}


def test_only_a_lead_manages_accounts_and_lets_things_leave() -> None:
    """Accounts and what goes to others are the lead's alone."""
    for permission in (Permission.ADMIN, Permission.SHARE):
        assert [role for role in Role if permission in PERMISSIONS[role]] == [Role.LEAD]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", Permission)
def test_the_dependency_says_what_the_table_says(role: Role, permission: Permission) -> None:
    """Each role gets through exactly where the table lets it."""
    app = FastAPI()
    app.add_api_route("/x", lambda: "in", dependencies=[need(permission)])
    app.add_exception_handler(AccessError, refused)
    allowed = permission in PERMISSIONS[role]
    assert (ask(Seeing(app, viewer(role)), "GET", "/x").status_code == 200) is allowed
    assert viewer(role).may(permission.value) is allowed


def test_a_route_gets_the_viewer_and_strangers_get_an_error() -> None:
    """Who is signed in reaches the page; who is not, does not."""
    assert asked("GET", "/inbox", viewer(Role.OBSERVER)) == "Anna"
    assert asked("GET", "/inbox", None).startswith(NotSignedInError.__name__)
    assert asked("POST", "/decide", viewer(Role.OBSERVER)).startswith(NotPermittedError.__name__)
    assert asked("POST", "/decide", viewer(Role.ANALYST)) == "done"
    assert asked("GET", "/health", None) == "None"


def test_what_cannot_be_taken_back_wants_fresh_proof() -> None:
    """A session that was left open on a desk does not change roles."""
    assert asked("POST", "/role", viewer(Role.LEAD)) == "done"
    assert asked("POST", "/role", viewer(Role.LEAD, fresh=False)).startswith(NotFreshError.__name__)
    assert asked("POST", "/role", viewer(Role.CLERK, fresh=False)).startswith(NotPermittedError.__name__)


def test_a_token_may_less_than_its_role_and_never_more() -> None:
    """The scope of a token narrows what its role may; it gives nothing that the role has not."""
    scope = frozenset({Permission.READ, Permission.ADMIN})
    assert viewer(Role.ANALYST, scope=scope).permissions == {Permission.READ}
    assert asked("POST", "/decide", viewer(Role.ANALYST, scope=scope)).startswith(NotPermittedError.__name__)


def test_what_a_route_asks_can_be_read_off_it() -> None:
    """The list of all routes says of each what it asks, why it is open, or that it was forgotten."""
    found = {route.path: asked_of(route.dependant) for route in router.routes}  # type: ignore[attr-defined]
    assert found == {
        "/inbox": Permission.READ,
        "/decide": Permission.DECIDE,
        "/role": Permission.ADMIN,
        "/health": "a probe has no account",
        "/forgotten": None,
    }
