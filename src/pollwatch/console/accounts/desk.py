"""The desk where people come in: all of the accounts together, and the flows that pages and commands call.

Every flow is counted (:mod:`pollwatch.console.accounts.throttle`), written into the trail, and ends in a session or in
an error that says what to do next. Which of name and password is wrong is never said.

``cookie`` is what the browser's cookie holds: a random name that the gate gave it, or that of its session. Challenges
belong to it, and whoever comes in leaves it behind.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from typing import Final

from pollwatch.canonical import Json
from pollwatch.clock import Clock, monotonic_s
from pollwatch.console.access import Viewer
from pollwatch.console.accounts import totp
from pollwatch.console.accounts.account import Account, Accounts
from pollwatch.console.accounts.challenges import Challenges
from pollwatch.console.accounts.codes import Codes
from pollwatch.console.accounts.links import Links
from pollwatch.console.accounts.passkeys import CopiedKeyError, Passkeys, Site
from pollwatch.console.accounts.passwords import USUAL_COST, Cost, Passwords, check_choice
from pollwatch.console.accounts.sessions import Lifetime, Session, Sessions, Stage
from pollwatch.console.accounts.settings import AccessSettings
from pollwatch.console.accounts.throttle import Caller, Throttle
from pollwatch.console.accounts.tokens import Tokens
from pollwatch.console.accounts.trail import Actor, Trail
from pollwatch.console.roles import Permission
from pollwatch.errors import AccessError
from pollwatch.i18n import _
from pollwatch.sharing.limits import Buckets, Rate
from pollwatch.store.database import Database

_MAX_NAME: Final = 200


class WrongError(AccessError):
    """What was given does not prove who they are."""


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody came in, or half-way.

    Attributes:
        cookie: what the browser's cookie is to hold from now on.
        stage: how far they have come.
        device: what the cookie that makes this browser known is to hold; empty: as it is.
    """

    cookie: str
    stage: Stage
    device: str = ""


class Desk:
    """Everything about accounts. Safe to call from several threads."""

    def __init__(self, database: Database, clock: Clock, settings: AccessSettings, cost: Cost = USUAL_COST) -> None:
        """Open the desk over a case's database.

        Args:
            database: the case's.
            clock: the time.
            settings: how people come in.
            cost: of hashing a password.
        """
        self.clock: Final = clock
        self.settings: Final = settings
        self.accounts: Final = Accounts(database, clock)
        self.sessions: Final = Sessions(
            database, clock, Lifetime(settings.idle_minutes * 60, settings.session_hours * 3600)
        )
        self.challenges: Final = Challenges(clock)
        self.passkeys: Final = Passkeys(database, clock, self.challenges)
        self.codes: Final = Codes(database)
        self.tokens: Final = Tokens(database, clock)
        self.links: Final = Links(database, clock)
        self.throttle: Final = Throttle(database, clock)
        self.trail: Final = Trail(database, clock)
        self._passwords = Passwords(cost)
        self._strangers = _Strangers()

    # Coming in

    def by_password(self, name: str, password: str, caller: Caller, cookie: str) -> Entered:
        """Somebody gives name and password.

        Raises:
            WrongError: there is no such account with this password.
            TooOftenError: too much failed of late.
            BusyError: too many are trying.
        """
        account = self.accounts.by_name(name)
        called = account.name if account else name.strip().casefold()[:_MAX_NAME]
        self._counted("password", called, account, caller)
        fits = self._passwords.fits(account.password if account else None, password)
        if account is None or account.disabled or not fits:
            self._failed(account, called, caller, "password")
            raise WrongError(_("name or password is wrong"))
        self.throttle.right("password", called, account.id, caller)
        if account.password is not None and self._passwords.outdated(account.password):
            self.accounts.upgrade_password(account.id, account.password, self._passwords.hashed(password))
        if self.second_factors(account):
            return Entered(self.sessions.begin(account.id, Stage.SECOND, "password", caller, cookie), Stage.SECOND)
        stage = Stage.ENROL if account.role in self.settings.second_factor else Stage.FULL
        return self._come_in(account, "password", stage, caller, cookie)

    def by_digits(self, session: Session, typed: str, caller: Caller, cookie: str) -> Entered:
        """Somebody who gave their password gives six digits, or a recovery code.

        Raises:
            WrongError: they are not right.
            TooOftenError: too much failed of late.
        """
        account = self.owner(session)
        self._counted("second", account.name, account, caller)
        how = self._second(account, typed)
        if not how:
            self._failed(account, account.name, caller, "second factor")
            raise WrongError(_("these digits are wrong, or were used already; wait for the next ones"))
        self.throttle.right("second", account.name, account.id, caller)
        return self._come_in(account, f"password+{how}", Stage.FULL, caller, cookie)

    def by_passkey(self, answer: str, site: Site, caller: Caller, cookie: str) -> Entered:
        """Somebody signs in with a passkey, which proves two things at once.

        Raises:
            WrongError: it was not accepted.
            TooOftenError: too much was tried of late.
        """
        self.throttle.enter(caller)
        account = self._passkey_owner(answer, site, caller, cookie)
        return self._come_in(account, "passkey", Stage.FULL, caller, cookie)

    def vouched(self, account: Account, caller: Caller, cookie: str) -> Entered:
        """An identity provider vouches for somebody.

        Raises:
            WrongError: the account is disabled.
        """
        if account.disabled:
            self._failed(account, account.name, caller, "identity provider")
            raise WrongError(_("this account is disabled; ask a lead"))
        return self._come_in(account, "oidc", Stage.FULL, caller, cookie)

    def prove_again(self, session: Session, caller: Caller, cookie: str, *, password: str, typed: str) -> Entered:
        """Somebody who is signed in proves once more who they are, by all that their account asks for.

        Raises:
            WrongError: it is not right.
            TooOftenError: too much failed of late.
        """
        account = self.owner(session)
        self._counted("password", account.name, account, caller)
        how = ""
        if self._passwords.fits(account.password, password):
            how = "password"
            if account.totp is not None:
                second = self._second(account, typed)
                how = f"password+{second}" if second else ""
        if not how:
            self._failed(account, account.name, caller, "proof")
            raise WrongError(_("that is not right; try once more"))
        self.throttle.right("password", account.name, account.id, caller)
        return self._proved(account, session, how, caller, cookie)

    def prove_by_passkey(self, session: Session, caller: Caller, cookie: str, *, answer: str, site: Site) -> Entered:
        """The same with a passkey.

        Raises:
            WrongError: it was not accepted, or is somebody else's.
            TooOftenError: too much was tried of late.
        """
        self.throttle.enter(caller)
        account = self._passkey_owner(answer, site, caller, cookie)
        if account.id != session.account_id:
            raise WrongError(_("this passkey is somebody else's"))
        return self._proved(account, session, "passkey", caller, cookie)

    def prove_vouched(self, session: Session, account: Account, caller: Caller, cookie: str) -> Entered:
        """The same by the identity provider, which asked for their password again.

        Raises:
            WrongError: it vouches for somebody else.
        """
        if account.id != session.account_id or account.disabled:
            raise WrongError(_("that is somebody else's account; sign out first"))
        return self._proved(account, session, "oidc", caller, cookie)

    # Who is looking

    def viewer(self, session: Session) -> Viewer | None:
        """Who a session is of; None where it does not let in (yet, or any more).

        Whoever still has to set up a second factor may do that, and nothing else.
        """
        account = self.accounts.by_id(session.account_id)
        if account is None or account.disabled or session.stage is Stage.SECOND:
            return None
        return Viewer(
            id=account.id,
            name=account.shown,
            role=account.role,
            language=account.language,
            zone=account.zone or "UTC",
            fresh=self.sessions.fresh(session),
            scope=frozenset({Permission.SELF}) if session.stage is Stage.ENROL else None,
        )

    def program(self, text: str) -> Viewer | None:
        """Who a token lets in; None where it is worth nothing."""
        token = self.tokens.find(text)
        account = self.accounts.by_id(token.account_id) if token else None
        if token is None or account is None or account.disabled:
            return None
        return Viewer(
            id=f"token:{token.id}",
            name=f"{account.shown} ({token.label})",
            role=account.role,
            language=account.language,
            fresh=False,
            scope=token.scope,
        )

    def owner(self, session: Session) -> Account:
        """Whose session it is.

        Raises:
            WrongError: the account is gone or disabled.
        """
        account = self.accounts.by_id(session.account_id)
        if account is None or account.disabled:
            raise WrongError(_("this account is disabled; ask a lead"))
        return account

    def second_factors(self, account: Account) -> list[str]:
        """What they have beside their password: ``totp``, ``passkey``."""
        found = ["totp"] if account.totp is not None else []
        return found + (["passkey"] if self.passkeys.of(account.id) else [])

    # One's own account

    def set_up(self, secret: str, password: str, caller: Caller, cookie: str) -> Entered:
        """Somebody follows a one-time link and chooses a password; they are signed in.

        Raises:
            WrongError: the link is none, too old, or used.
            AccessError: the password is refused; the link stays good.
        """
        self.throttle.enter(caller)
        owner = self.links.owner(secret)
        account = self.accounts.by_id(owner) if owner else None
        if account is None or account.disabled:
            raise WrongError(_("this link is used or too old; ask a lead for another one"))
        check_choice(password, (account.name, account.shown))
        kept = self._passwords.hashed(password)
        if self.links.use(secret) != account.id:
            raise WrongError(_("this link is used or too old; ask a lead for another one"))
        self.accounts.set_password(account.id, kept)
        self.sessions.end_all(account.id)
        self.trail.note(actor_of(account, caller), "set up account", account.name)
        if self.second_factors(account):
            return Entered(self.sessions.begin(account.id, Stage.SECOND, "password", caller, cookie), Stage.SECOND)
        stage = Stage.ENROL if account.role in self.settings.second_factor else Stage.FULL
        return self._come_in(account, "one-time link", stage, caller, cookie)

    def change_password(self, account: Account, password: str, cookie: str) -> None:
        """Somebody who has just proved who they are takes another password; their other sessions end.

        Raises:
            AccessError: the password is refused.
        """
        check_choice(password, (account.name, account.shown))
        self.accounts.set_password(account.id, self._passwords.hashed(password))
        self.sessions.end_all(account.id, but=cookie)

    def add_totp(self, account: Account, secret: bytes, typed: str) -> list[str]:
        """Take the secret that somebody's telephone shows to have; gives their recovery codes.

        Raises:
            WrongError: the digits do not belong to it.
        """
        step = totp.step_of(secret, typed, self.clock.now_us())
        if step is None:
            raise WrongError(
                _("these digits do not belong to that code; check the telephone's clock, then try the next ones")
            )
        self.accounts.set_totp(account.id, secret, step)
        return self.codes.renew(account.id)

    def enrolled(self, session: Session, caller: Caller, cookie: str) -> Entered | None:
        """After a second factor was set up: whoever was only let in to do that comes in; None for all others."""
        account = self.owner(session)
        if session.stage is not Stage.ENROL or not self.second_factors(account):
            return None
        return self._come_in(account, f"{session.how}+{self.second_factors(account)[0]}", Stage.FULL, caller, cookie)

    # Parts

    def _counted(self, kind: str, name: str, account: Account | None, caller: Caller) -> None:
        self.throttle.enter(caller)
        self.throttle.begin(kind, name, account.id if account else None, caller)

    def _second(self, account: Account, typed: str) -> str:
        """``totp`` or ``recovery code``; empty where it is neither."""
        if account.totp is not None:
            step = totp.step_of(account.totp, typed, self.clock.now_us())
            if step is not None and self.accounts.use_step(account.id, step):
                return "totp"
        return "recovery code" if self.codes.use(account.id, typed) else ""

    def _passkey_owner(self, answer: str, site: Site, caller: Caller, cookie: str) -> Account:
        try:
            account = self.accounts.by_id(self.passkeys.check(site, cookie, answer))
        except CopiedKeyError:
            self._failed(None, "", caller, "passkey: copied")
            raise
        if account is None or account.disabled:
            self._failed(account, "", caller, "passkey")
            raise WrongError(_("this account is disabled; ask a lead"))
        self.throttle.welcome(caller)
        return account

    def _come_in(self, account: Account, how: str, stage: Stage, caller: Caller, cookie: str) -> Entered:
        token = self.sessions.begin(account.id, stage, how, caller, instead=cookie)
        device = caller.device or secrets.token_urlsafe(32)
        self.throttle.know(account.id, caller, device)
        self.accounts.seen(account.id)
        self._note(account, caller, "sign in", {"how": how})
        return Entered(token, stage, device)

    def _proved(self, account: Account, session: Session, how: str, caller: Caller, cookie: str) -> Entered:
        self._note(account, caller, "prove again", {"how": how})
        return Entered(self.sessions.proved(cookie, how if "+" in how else session.how, caller), Stage.FULL)

    def _failed(self, account: Account | None, name: str, caller: Caller, what: str) -> None:
        if account is not None:
            self.trail.note(actor_of(account, caller), "sign in", account.name, {"with": what}, outcome="refused")
        elif (more := self._strangers.take()) is not None:
            detail: dict[str, Json] = {"with": what, "and_more": more}
            self.trail.note(Actor("", name, "", caller.address), "sign in", name, detail, outcome="refused")

    def _note(self, account: Account, caller: Caller, action: str, detail: dict[str, Json]) -> None:
        self.trail.note(actor_of(account, caller), action, account.name, detail)


class _Strangers:
    """Tries of names that nobody has: a few are told one by one, of a flood only how many there were."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets = Buckets(Rate(per_s=0.1, burst=50))
        self._untold = 0

    def take(self) -> int | None:
        """How many were not told before this one; None: this one is not told either."""
        with self._lock:
            if self._buckets.take("", monotonic_s()) > 0:
                self._untold += 1
                return None
            untold, self._untold = self._untold, 0
            return untold


def actor_of(account: Account, caller: Caller) -> Actor:
    """Somebody, as the trail calls them."""
    return Actor(account.id, account.shown, account.role.value, caller.address)
