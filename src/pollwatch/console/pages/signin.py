"""Signing in: by name and password, passkey, or identity provider; the second factor; proving oneself again; out."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Query
from fastapi.responses import RedirectResponse, Response

from pollwatch.console.access import Permission, did, need, open_to_all, viewer_of
from pollwatch.console.accounts import cookies, managing
from pollwatch.console.accounts.desk import Entered, WrongError
from pollwatch.console.accounts.passkeys import MAX_BYTES
from pollwatch.console.accounts.passwords import MAX_CHARS
from pollwatch.console.accounts.refusing import (
    AGAIN,
    ENROL,
    SECOND,
    SIGN_IN,
    headers_of,
    next_of,
    status_of,
    with_next,
)
from pollwatch.console.accounts.sessions import Stage
from pollwatch.console.accounts.within import BACK, At, Here
from pollwatch.console.house import TheHouse
from pollwatch.errors import AccessError
from pollwatch.i18n import _

router = APIRouter()

_OPEN: Final = open_to_all("whoever is not signed in must be able to sign in")
_ANYBODY: Final = open_to_all("whoever has a session, half-way or whole, may end it")

Next = Annotated[str, Query(alias="next", max_length=1000)]
NextField = Annotated[str, Form(alias="next", max_length=1000)]
Text = Annotated[str, Form(max_length=200)]
Secret = Annotated[str, Form(max_length=MAX_CHARS * 4)]
Answer = Annotated[str, Form(max_length=MAX_BYTES)]


@router.get(SIGN_IN, dependencies=[_OPEN])
def sign_in_page(house: TheHouse, at: Here, then: Next = "/") -> Response:
    """The way in."""
    if viewer_of(at.request) is not None:
        return RedirectResponse(next_of(then), 303)
    return _sign_in(house, at, next_of(then))


@router.post(SIGN_IN, dependencies=[_OPEN])
def sign_in(house: TheHouse, at: Here, name: Text, password: Secret, then: NextField = "/") -> Response:
    """Name and password."""
    try:
        entered = at.desk.by_password(name, password, at.caller, at.cookie)
    except AccessError as error:
        return _sign_in(house, at, next_of(then), error, name)
    return _on(at, entered, next_of(then))


@router.post("/sign-in/passkey/ask", dependencies=[_OPEN])
def ask_for_passkey(at: Here) -> Response:
    """What the browser is to ask of its passkeys."""
    if at.site is None:
        raise AccessError(_("passkeys need the console to be reached by a name, over https"))
    at.desk.throttle.enter(at.caller)
    return Response(at.desk.passkeys.ask(at.site, at.cookie), media_type="application/json")


@router.post("/sign-in/passkey", dependencies=[_OPEN])
def sign_in_by_passkey(house: TheHouse, at: Here, answer: Answer, then: NextField = "/") -> Response:
    """A passkey's answer: instead of a password, or as the second factor after one."""
    if at.site is None:
        raise AccessError(_("passkeys need the console to be reached by a name, over https"))
    try:
        entered = at.desk.by_passkey(answer, at.site, at.caller, at.cookie)
    except AccessError as error:
        return _sign_in(house, at, next_of(then), error)
    return _on(at, entered, next_of(then))


@router.get(SECOND, dependencies=[_OPEN])
def second_page(house: TheHouse, at: Here, then: Next = "/") -> Response:
    """The second factor, for whoever gave the password."""
    session = at.request.state.session
    if session is None or session.stage is not Stage.SECOND:
        return RedirectResponse(with_next(SIGN_IN, next_of(then)), 303)
    return _second(house, at, next_of(then))


@router.post(SECOND, dependencies=[_OPEN])
def second(house: TheHouse, at: Here, digits: Text, then: NextField = "/") -> Response:
    """Six digits or a recovery code."""
    session = at.request.state.session
    if session is None or session.stage is not Stage.SECOND:
        return RedirectResponse(with_next(SIGN_IN, next_of(then)), 303)
    try:
        entered = at.desk.by_digits(session, digits, at.caller, at.cookie)
    except AccessError as error:
        return _second(house, at, next_of(then), error)
    return _on(at, entered, next_of(then))


@router.get("/sign-in/oidc", dependencies=[_OPEN])
def leave_for_provider(house: TheHouse, at: Here, then: Next = "/", again: bool = False) -> Response:  # noqa: FBT001, FBT002 - a query parameter
    """To the identity provider."""
    if at.entrance.provider is None:
        return RedirectResponse(SIGN_IN, 303)
    try:
        at.desk.throttle.enter(at.caller)
        address = at.entrance.provider.leave(at.cookie, at.back, again=again)
    except AccessError as error:
        return _sign_in(house, at, next_of(then), error)
    answer = RedirectResponse(address, 303)
    cookies.remember_next(answer, at.request, next_of(then))
    return answer


@router.get(BACK, dependencies=[_OPEN])
def back_from_provider(house: TheHouse, at: Here) -> Response:
    """From the identity provider."""
    provider = at.entrance.provider
    if provider is None:
        return RedirectResponse(SIGN_IN, 303)
    then = next_of(cookies.next_again(at.request))
    try:
        at.desk.throttle.enter(at.caller)
        said = provider.back(dict(at.request.query_params), at.cookie, at.back)
        account = managing.vouched_account(at.desk, said)
        session = at.request.state.session
        if said.again and session is not None:
            entered = at.desk.prove_vouched(session, account, at.caller, at.cookie)
        else:
            entered = at.desk.vouched(account, at.caller, at.cookie)
    except AccessError as error:
        return _sign_in(house, at, then, error)
    return _on(at, entered, then)


@router.get(AGAIN, dependencies=[need(Permission.SELF)])
def again_page(house: TheHouse, at: Here, then: Next = "/") -> Response:
    """Prove once more who you are."""
    return _again(house, at, next_of(then))


@router.post(AGAIN, dependencies=[need(Permission.SELF)])
def again(house: TheHouse, at: Here, password: Secret = "", digits: Text = "", then: NextField = "/") -> Response:
    """By password, and digits where the account has them."""
    try:
        entered = at.desk.prove_again(at.session, at.caller, at.cookie, password=password, typed=digits)
    except AccessError as error:
        return _again(house, at, next_of(then), error)
    return _on(at, entered, next_of(then))


@router.post("/sign-in/again/passkey", dependencies=[need(Permission.SELF)])
def again_by_passkey(house: TheHouse, at: Here, answer: Answer, then: NextField = "/") -> Response:
    """By passkey."""
    if at.site is None:
        raise AccessError(_("passkeys need the console to be reached by a name, over https"))
    try:
        entered = at.desk.prove_by_passkey(at.session, at.caller, at.cookie, answer=answer, site=at.site)
    except AccessError as error:
        return _again(house, at, next_of(then), error)
    return _on(at, entered, next_of(then))


@router.post("/sign-out", dependencies=[_ANYBODY])
def sign_out(at: Here) -> Response:
    """End this session."""
    session = at.request.state.session
    if session is not None:
        at.desk.sessions.end(session.account_id, session.id)
        did(at.request, "sign out")
    return cookies.let_out(RedirectResponse(SIGN_IN, 303), at.request)


@router.get("/welcome", dependencies=[open_to_all("whoever has a one-time link has no other way in yet")])
def welcome_page(house: TheHouse, at: Here, key: Annotated[str, Query(max_length=100)] = "") -> Response:
    """The form behind a one-time link; opening it uses nothing up."""
    return _welcome(house, at, key)


@router.post("/welcome", dependencies=[open_to_all("whoever has a one-time link has no other way in yet")])
def welcome(house: TheHouse, at: Here, key: Text, password: Secret, repeated: Secret) -> Response:
    """Choose a password."""
    try:
        if password != repeated:
            raise WrongError(_("the two passwords are not the same; type them once more"))
        entered = at.desk.set_up(key, password, at.caller, at.cookie)
    except AccessError as error:
        return _welcome(house, at, key, error)
    return _on(at, entered, "/")


def _on(at: At, entered: Entered, then: str) -> Response:
    """Where somebody goes who came in, or half-way."""
    match entered.stage:
        case Stage.SECOND:
            address = with_next(SECOND, then)
        case Stage.ENROL:
            address = with_next(ENROL, then)
        case Stage.FULL:
            address = then
    return cookies.let_in(RedirectResponse(address, 303), at.request, entered)


def _sign_in(house: TheHouse, at: At, then: str, error: AccessError | None = None, name: str = "") -> Response:
    provider = at.entrance.provider
    return house.page(
        at.request,
        "signin.html.j2",
        status_of(error) if error else 200,
        headers_of(error) if error else None,
        then=then,
        message=str(error or ""),
        name=name,
        passkeys=at.site is not None,
        provider=provider.provider.label if provider else "",
        nobody_yet=not at.desk.accounts.has_lead(),
    )


def _second(house: TheHouse, at: At, then: str, error: AccessError | None = None) -> Response:
    factors = at.desk.second_factors(at.desk.owner(at.session))
    return house.page(
        at.request,
        "second.html.j2",
        status_of(error) if error else 200,
        headers_of(error) if error else None,
        then=then,
        message=str(error or ""),
        digits="totp" in factors or at.desk.codes.left(at.session.account_id) > 0,
        passkeys="passkey" in factors and at.site is not None,
    )


def _again(house: TheHouse, at: At, then: str, error: AccessError | None = None) -> Response:
    account = at.desk.owner(at.session)
    return house.page(
        at.request,
        "again.html.j2",
        status_of(error) if error else 200,
        headers_of(error) if error else None,
        then=then,
        message=str(error or ""),
        password=account.password is not None,
        digits=account.totp is not None,
        passkeys=at.site is not None and bool(at.desk.passkeys.of(account.id)),
        provider=at.entrance.provider.provider.label if account.issuer and at.entrance.provider else "",
    )


def _welcome(house: TheHouse, at: At, key: str, error: AccessError | None = None) -> Response:
    owner = at.desk.links.owner(key)
    account = at.desk.accounts.by_id(owner) if owner else None
    return house.page(
        at.request,
        "welcome.html.j2",
        (status_of(error) if error else 200) if account else 404,
        headers_of(error) if error else None,
        key=key,
        account=account,
        message=str(error or ""),
    )
