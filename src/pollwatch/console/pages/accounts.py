"""Everybody's accounts, for leads: add, give a role, disable, reset, and tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query
from fastapi.responses import RedirectResponse, Response

from pollwatch.console.access import Permission, did, need
from pollwatch.console.accounts import managing
from pollwatch.console.accounts.account import Account
from pollwatch.console.accounts.links import HOURS
from pollwatch.console.accounts.refusing import status_of
from pollwatch.console.accounts.within import At, Here
from pollwatch.console.house import TheHouse
from pollwatch.console.roles import PERMISSIONS, Role
from pollwatch.errors import AccessError
from pollwatch.i18n import _

router = APIRouter(prefix="/accounts")

_READ: Final = need(Permission.ADMIN)
_FRESH: Final = need(Permission.ADMIN, fresh=True)
Text = Annotated[str, Form(max_length=200)]
RoleWord = Annotated[Role, Form()]
Id = Annotated[str, Form(max_length=64)]


@router.get("", dependencies=[_READ])
def page(house: TheHouse, at: Here, done: Annotated[str, Query(max_length=40)] = "") -> Response:
    """All accounts."""
    return _all(house, at, done=done)


@router.post("", dependencies=[_FRESH])
def add(house: TheHouse, at: Here, name: Text, role: RoleWord, shown: Text = "") -> Response:
    """A new account; its one-time link is shown once."""
    did(at.request, "add account", name, role=role.value)
    try:
        account = at.desk.accounts.add(name, role, shown)
        secret = at.desk.links.make(account.id)
    except AccessError as error:
        return _all(house, at, error)
    return _link(house, at, account, secret)


@router.post("/role", dependencies=[_FRESH])
def give_role(house: TheHouse, at: Here, account: Id, role: RoleWord) -> Response:
    """Another role; the account's sessions end."""
    return _do(house, at, account, f"role {role.value}", lambda found: managing.set_role(at.desk, found, role))


@router.post("/disable", dependencies=[_FRESH])
def disable(house: TheHouse, at: Here, account: Id) -> Response:
    """Keep somebody out, from this moment."""
    return _do(house, at, account, "disable", lambda found: managing.disable(at.desk, found, disabled=True))


@router.post("/enable", dependencies=[_FRESH])
def enable(house: TheHouse, at: Here, account: Id) -> Response:
    """Let somebody in again."""
    return _do(house, at, account, "enable", lambda found: managing.disable(at.desk, found, disabled=False))


@router.post("/end-sessions", dependencies=[_FRESH])
def end_sessions(house: TheHouse, at: Here, account: Id) -> Response:
    """Sign somebody out everywhere, and end their tokens."""
    return _do(house, at, account, "sign out", lambda found: managing.shut_out(at.desk, found))


@router.post("/reset", dependencies=[_FRESH])
def reset(house: TheHouse, at: Here, account: Id) -> Response:
    """Take away all that somebody signs in with; a one-time link is shown once."""
    found = _found(at, account)
    did(at.request, "reset account", found.name)
    try:
        secret = managing.reset(at.desk, found)
    except AccessError as error:
        return _all(house, at, error)
    return _link(house, at, found, secret)


@router.post("/tokens/revoke", dependencies=[_FRESH])
def revoke_token(at: Here, token: Id) -> Response:
    """A token of anybody is worth nothing any more."""
    did(at.request, "revoke token", token)
    at.desk.tokens.revoke(token)
    return RedirectResponse("/accounts?done=token", 303)


def _do(house: TheHouse, at: At, account_id: str, what: str, act: Callable[[Account], None]) -> Response:
    found = _found(at, account_id)
    did(at.request, f"account: {what}", found.name)
    try:
        act(found)
    except AccessError as error:
        return _all(house, at, error)
    return RedirectResponse(f"/accounts?done={what.split(maxsplit=1)[0]}", 303)


def _found(at: At, account_id: str) -> Account:
    account = at.desk.accounts.by_id(account_id)
    if account is None:
        raise AccessError(_("there is no such account any more; load the page again"))
    return account


def _link(house: TheHouse, at: At, account: Account, secret: str) -> Response:
    link = at.entrance.hosts.link(at.request, f"/welcome?key={secret}")
    return house.page(at.request, "link.html.j2", account=account, link=link, hours=HOURS)


def _all(house: TheHouse, at: At, error: AccessError | None = None, done: str = "") -> Response:
    words = {
        "role": _("The role was changed; their sessions have ended."),
        "disable": _("The account is disabled; its sessions and tokens have ended."),
        "enable": _("The account may sign in again."),
        "sign": _("Their sessions and tokens have ended."),
        "token": _("The token is worth nothing any more."),
    }
    everybody = at.desk.accounts.all()
    return house.page(
        at.request,
        "accounts.html.j2",
        status_of(error) if error else 200,
        message=str(error or ""),
        done=words.get(done, ""),
        accounts=[(each, at.desk.second_factors(each), len(at.desk.sessions.of(each.id))) for each in everybody],
        names={each.id: each.name for each in everybody},
        tokens=at.desk.tokens.of(),
        roles=[(role.value, sorted(each.value for each in PERMISSIONS[role])) for role in Role],
        own=at.session.account_id,
    )
