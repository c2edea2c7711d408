"""One's own account: name, language and zone; password, passkeys, six digits; sessions; tokens for programs."""

from __future__ import annotations

from typing import Annotated, Final

import segno
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from pollwatch.console.access import Permission, Viewer, did, need
from pollwatch.console.accounts import cookies, managing, totp
from pollwatch.console.accounts.account import Account
from pollwatch.console.accounts.challenges import decoded, encoded
from pollwatch.console.accounts.desk import Entered, WrongError
from pollwatch.console.accounts.passkeys import MAX_BYTES
from pollwatch.console.accounts.passwords import MAX_CHARS
from pollwatch.console.accounts.refusing import ENROL, next_of, status_of
from pollwatch.console.accounts.tokens import NEVER
from pollwatch.console.accounts.within import At, Here
from pollwatch.console.house import TheHouse
from pollwatch.console.roles import PERMISSIONS
from pollwatch.errors import AccessError
from pollwatch.i18n import _

router = APIRouter(prefix="/me")

_SELF: Final = need(Permission.SELF)
_FRESH: Final = need(Permission.SELF, fresh=True)
_TOTP: Final = "six digits to add"

Text = Annotated[str, Form(max_length=200)]
Secret = Annotated[str, Form(max_length=MAX_CHARS * 4)]


@router.get("", dependencies=[_SELF])
def page(house: TheHouse, at: Here, done: Annotated[str, Query(max_length=40)] = "") -> Response:
    """Everything about one's own account."""
    return _me(house, at, done=done)


@router.post("", dependencies=[_SELF])
def change(house: TheHouse, at: Here, shown: Text, language: Text = "", zone: Text = "") -> Response:
    """Name, language and zone."""
    did(at.request, "change own account", _account(at).name, language=language, zone=zone)
    try:
        at.desk.accounts.set_own(at.session.account_id, shown, language, zone)
    except AccessError as error:
        return _me(house, at, error)
    return RedirectResponse("/me?done=changed", 303)


@router.post("/password", dependencies=[_FRESH])
def password(house: TheHouse, at: Here, password: Secret, repeated: Secret) -> Response:
    """Another password; all other sessions end."""
    did(at.request, "change own password", _account(at).name)
    try:
        if password != repeated:
            raise WrongError(_("the two passwords are not the same; type them once more"))
        at.desk.change_password(_account(at), password, at.cookie)
    except AccessError as error:
        return _me(house, at, error)
    return RedirectResponse("/me?done=password", 303)


@router.get("/second", dependencies=[_FRESH])
def second_page(
    house: TheHouse, at: Here, then: Annotated[str, Query(alias="next", max_length=1000)] = "/"
) -> Response:
    """Set up a second factor: a passkey, or six digits from a telephone."""
    return _second(house, at, at.desk.challenges.make(_TOTP, at.cookie), next_of(then))


@router.post("/passkeys/ask", dependencies=[_FRESH])
def ask_for_new_passkey(at: Here) -> Response:
    """What the browser is to ask of a new passkey."""
    if at.site is None:
        raise AccessError(_("passkeys need the console to be reached by a name, over https"))
    did(at.request, "begin to add passkey", _account(at).name)
    return Response(at.desk.passkeys.offer(_account(at), at.site, at.cookie), media_type="application/json")


@router.post("/passkeys", dependencies=[_FRESH])
def add_passkey(house: TheHouse, at: Here, answer: Annotated[str, Form(max_length=MAX_BYTES)], label: Text) -> Response:
    """Keep a new passkey."""
    did(at.request, "add passkey", _account(at).name, label=label)
    if at.site is None:
        raise AccessError(_("passkeys need the console to be reached by a name, over https"))
    try:
        at.desk.passkeys.add(_account(at), at.site, at.cookie, answer, label)
    except AccessError as error:
        return _me(house, at, error)
    return _on(at, RedirectResponse("/me?done=passkey", 303))


@router.post("/passkeys/remove", dependencies=[_FRESH])
def remove_passkey(house: TheHouse, at: Here, key: Annotated[str, Form(max_length=2000)]) -> Response:
    """Remove a passkey."""
    did(at.request, "remove passkey", _account(at).name)
    try:
        _keep_one(at, "passkey")
        at.desk.passkeys.remove(at.session.account_id, decoded(key))
    except AccessError as error:
        return _me(house, at, error)
    return RedirectResponse("/me?done=passkey-removed", 303)


@router.post("/totp", dependencies=[_FRESH])
def add_totp(house: TheHouse, at: Here, challenge: Text, digits: Text) -> Response:
    """Take the telephone's secret, once it shows the right digits; recovery codes are shown once."""
    did(at.request, "add six digits", _account(at).name)
    given = decoded(challenge)
    try:
        at.desk.challenges.take(given, _TOTP, at.cookie, use=False)
    except AccessError as error:  # too old, or used: with another code
        return _second(house, at, at.desk.challenges.make(_TOTP, at.cookie), "/", error)
    try:
        codes = at.desk.add_totp(_account(at), _secret(at, given), digits)
    except AccessError as error:
        return _second(house, at, given, "/", error)
    at.desk.challenges.take(given, _TOTP, at.cookie)
    return _on(at, house.page(at.request, "codes.html.j2", codes=codes))


@router.post("/totp/remove", dependencies=[_FRESH])
def remove_totp(house: TheHouse, at: Here) -> Response:
    """No digits any more."""
    did(at.request, "remove six digits", _account(at).name)
    try:
        _keep_one(at, "totp")
        at.desk.accounts.set_totp(at.session.account_id, None)
        at.desk.codes.drop(at.session.account_id)
    except AccessError as error:
        return _me(house, at, error)
    return RedirectResponse("/me?done=digits-removed", 303)


@router.post("/codes", dependencies=[_FRESH])
def new_codes(house: TheHouse, at: Here) -> Response:
    """New recovery codes; the old ones are worth nothing any more."""
    did(at.request, "renew recovery codes", _account(at).name)
    return house.page(at.request, "codes.html.j2", codes=at.desk.codes.renew(at.session.account_id))


@router.post("/sessions/end", dependencies=[_SELF])
def end_session(at: Here, session: Annotated[str, Form(max_length=64)]) -> Response:
    """End one of one's sessions."""
    did(at.request, "end session", _account(at).name, session=session[:8])
    at.desk.sessions.end(at.session.account_id, session)
    return RedirectResponse("/me?done=session", 303)


@router.post("/sessions/end-all", dependencies=[_SELF])
def end_all_sessions(at: Here) -> Response:
    """Sign out everywhere, here too."""
    did(at.request, "end all sessions", _account(at).name)
    at.desk.sessions.end_all(at.session.account_id)
    return cookies.let_out(RedirectResponse("/sign-in", 303), at.request)


@router.post("/tokens", dependencies=[_FRESH])
async def make_token(request: Request, house: TheHouse, at: Here, viewer: Annotated[Viewer, _FRESH]) -> Response:
    """A token for a program, shown once."""
    form = await request.form(max_files=0, max_fields=50)
    label, days = str(form.get("label", "")), str(form.get("days", ""))
    scope = [each for each in Permission if each.value in form.getlist("scope") and viewer.may(each)]
    did(request, "make token", _account(at).name, label=label, days=days, scope=" ".join(scope))
    try:
        if not (days.isascii() and days.isdecimal() and len(days) <= 4):
            raise WrongError(_("write for how many days the token is good"))
        token, text = managing.make_token(at.desk, _account(at), label, scope, int(days))
    except AccessError as error:
        return _me(house, at, error)
    return house.page(request, "token.html.j2", token=token, text=text)


@router.post("/tokens/revoke", dependencies=[_SELF])
def revoke_token(at: Here, token: Annotated[str, Form(max_length=64)]) -> Response:
    """A token is worth nothing any more."""
    did(at.request, "revoke token", _account(at).name, token=token)
    at.desk.tokens.revoke(token, at.session.account_id)
    return RedirectResponse("/me?done=token", 303)


def _account(at: At) -> Account:
    return at.desk.owner(at.session)


def _secret(at: At, challenge: bytes) -> bytes:
    """The telephone's secret that belongs to what the page was made with."""
    return decoded(at.desk.challenges.derived(challenge, "telephone"))[:20]


def _keep_one(at: At, leaving: str) -> None:
    """Nobody whose role asks for a second factor takes their last one away.

    Raises:
        AccessError: it would be the last one.
    """
    account = _account(at)
    factors = at.desk.second_factors(account)
    last = factors == [leaving] and (leaving != "passkey" or len(at.desk.passkeys.of(account.id)) == 1)
    if last and account.role in at.desk.settings.second_factor and not account.issuer:
        raise AccessError(_("your role needs a second factor; add another one first"))


def _on(at: At, answer: Response) -> Response:
    """Whoever was only let in to set up a second factor is in now."""
    entered: Entered | None = at.desk.enrolled(at.session, at.caller, at.cookie)
    return answer if entered is None else cookies.let_in(answer, at.request, entered)


def _second(house: TheHouse, at: At, challenge: bytes, then: str, error: AccessError | None = None) -> Response:
    account, secret = _account(at), _secret(at, challenge)
    address = totp.address(secret, account.name, house.services.office.title)
    return house.page(
        at.request,
        "factor.html.j2",
        status_of(error) if error else 200,
        message=str(error or ""),
        then=then,
        passkeys=at.site is not None,
        challenge=encoded(challenge),
        picture=segno.make(address, error="m").svg_data_uri(scale=5, border=2, dark="#000", light="#fff"),
        secret=totp.secret_text(secret),
        owed=not at.desk.second_factors(account) and account.role in at.desk.settings.second_factor,
    )


def _me(house: TheHouse, at: At, error: AccessError | None = None, done: str = "") -> Response:
    account = _account(at)
    grantable = sorted(PERMISSIONS[account.role] - NEVER)
    return house.page(
        at.request,
        "me.html.j2",
        status_of(error) if error else 200,
        message=str(error or ""),
        done=_done(done),
        account=account,
        passkeys=[(encoded(each.id), each) for each in at.desk.passkeys.of(account.id)],
        can_passkey=at.site is not None,
        codes_left=at.desk.codes.left(account.id),
        sessions=at.desk.sessions.of(account.id),
        own_session=at.session.id,
        tokens=at.desk.tokens.of(account.id),
        grantable=[each.value for each in grantable],
        enrol=ENROL,
    )


def _done(what: str) -> str:
    words = {
        "changed": _("Changed."),
        "password": _("You have a new password; your other sessions have ended."),
        "passkey": _("The passkey was added."),
        "passkey-removed": _("The passkey was removed."),
        "digits-removed": _("The six digits were removed."),
        "session": _("That session has ended."),
        "token": _("The token is worth nothing any more."),
    }
    return words.get(what, "")
