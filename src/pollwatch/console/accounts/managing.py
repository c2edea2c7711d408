"""What leads do with others' accounts, and what an identity provider says about its own: over the desk's parts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from urllib.parse import urlsplit

from pollwatch.console.access import Viewer
from pollwatch.console.accounts.account import Account, normal_name
from pollwatch.console.accounts.desk import Desk
from pollwatch.console.accounts.oidc import Vouched
from pollwatch.console.accounts.tokens import Token
from pollwatch.console.roles import Permission, Role
from pollwatch.errors import AccessError
from pollwatch.i18n import _

_MAX_SHOWN = 80


def reset(desk: Desk, account: Account) -> str:
    """Take away all that somebody proves themselves with, end their sessions and tokens; gives a one-time link.

    Raises:
        AccessError: an identity provider vouches for them.
    """
    if account.issuer:
        raise AccessError(_("{name} signs in at the identity provider; reset it there").format(name=account.name))
    desk.accounts.set_password(account.id, None)
    desk.accounts.set_totp(account.id, None)
    desk.codes.drop(account.id)
    desk.passkeys.remove_all(account.id)
    shut_out(desk, account)
    desk.throttle.forget(account.id, account.name)
    return desk.links.make(account.id)


def shut_out(desk: Desk, account: Account) -> None:
    """End all of somebody's sessions and tokens, and their one-time link."""
    desk.sessions.end_all(account.id)
    desk.tokens.revoke_all(account.id)
    desk.links.drop(account.id)


def set_role(desk: Desk, account: Account, role: Role) -> None:
    """Give somebody another role; their sessions end, so that they come in anew with it.

    Raises:
        AccessError: nobody would be left who may manage accounts, or an identity provider says their role.
    """
    if account.issuer:
        raise AccessError(_("the role of {name} comes from the identity provider").format(name=account.name))
    desk.accounts.set_role(account.id, role)
    desk.sessions.end_all(account.id)


def disable(desk: Desk, account: Account, *, disabled: bool) -> None:
    """Keep somebody out from this moment, or let them in again.

    Raises:
        AccessError: nobody would be left who may manage accounts.
    """
    desk.accounts.set_disabled(account.id, disabled=disabled)
    if disabled:
        shut_out(desk, account)


def make_token(desk: Desk, account: Account, label: str, scope: Sequence[Permission], days: int) -> tuple[Token, str]:
    """A token for a program of somebody, and its text, which is kept nowhere.

    Raises:
        AccessError: it would do more than they may, or its scope or time cannot be.
    """
    may = Viewer("", "", account.role).permissions
    beyond = sorted(each.value for each in scope if each not in may)
    if beyond:
        words = _("{role}s may not {what}, nor may their tokens")
        raise AccessError(words.format(role=account.role.value, what=", ".join(beyond)))
    return desk.tokens.make(account.id, label, scope, days)


def vouched_account(desk: Desk, said: Vouched) -> Account:
    """The account of somebody for whom an identity provider vouches, with the role that it says now.

    Raises:
        AccessError: none of their groups has a role here; whoever had one before is out at once.
    """
    known = desk.accounts.by_subject(said.issuer, said.subject)
    if said.role is None:
        if known is not None:
            shut_out(desk, known)
        raise AccessError(_("the identity provider knows you, but no group of yours has a role here; ask a lead"))
    if known is None:
        return desk.accounts.add(_free_name(desk, said), said.role, _shown(said), said.issuer, said.subject)
    if known.role is not said.role:
        desk.accounts.set_role(known.id, said.role, whatever=True)
        desk.sessions.end_all(known.id)
    return desk.accounts.by_id(known.id) or known


def _free_name(desk: Desk, said: Vouched) -> str:
    """A name that nobody has: theirs, or theirs with the provider's, or a number."""
    host = urlsplit(said.issuer).hostname or "provider"
    number = hashlib.sha256(f"{said.issuer}\x00{said.subject}".encode()).hexdigest()[:12]
    for each in (said.name, f"{said.name}@{host}", f"{number}@{host}"[:64]):
        try:
            name = normal_name(each)
        except AccessError:
            continue
        if desk.accounts.by_name(name) is None:
            return name
    return number


def _shown(said: Vouched) -> str:
    shown = "".join(char for char in said.shown if char.isprintable())[:_MAX_SHOWN].strip()
    return shown or said.subject[:_MAX_SHOWN] or "?"
