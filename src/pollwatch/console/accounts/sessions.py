"""Who is signed in, where: sessions are kept here, and the browser has nothing but a random name of one.

A session's stage says how far somebody has come::

    password ─▶ second ─▶ full        the account has a second factor, which is still owed
             ─▶ enrol  ─▶ full        its role asks for one, and it has none yet
             ─▶ full
    passkey, identity provider ─▶ full

Each step, and each new proof of who they are, makes a new name and ends the old one, so that a name that somebody knew
before (or planted) is worth nothing after. A session ends when it was not used for so long, when it is so old, when
its owner or a lead ends it, and with its account.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final

import sqlalchemy as sa

from pollwatch.clock import US_PER_S, Clock
from pollwatch.console.accounts import tables
from pollwatch.console.accounts.throttle import Caller
from pollwatch.events.printable import printable
from pollwatch.store.database import Database

_T: Final = tables.SESSIONS
_TOKEN_BYTES: Final = 32
#: A session that is used is written down as used once in so many seconds: every write wakes all who look at the case.
_TOUCH_S: Final = 120
#: How long somebody who gave their password has for the second factor.
_UNFINISHED_S: Final = 600
_MOST: Final = 20
_MAX_AGENT: Final = 200


@unique
class Stage(StrEnum):
    """How far somebody has come."""

    SECOND = "second"
    ENROL = "enrol"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long sessions last.

    Attributes:
        idle_s: without being used.
        total_s: in all.
        fresh_s: how long after a proof of who they are somebody may do what cannot be taken back.
    """

    idle_s: int = 3600
    total_s: int = 12 * 3600
    fresh_s: int = 900


@dataclass(frozen=True, slots=True)
class Session:
    """One browser of one person.

    Attributes:
        id: SHA-256 of what the cookie holds, in hex: enough to end it, not to use it.
        account_id: whose.
        stage: how far they have come.
        how: what they proved themselves with: ``password``, ``password+totp``, ``passkey``, ``oidc`` ...
        created_us: since when.
        seen_us: when it was last used, within two minutes.
        proved_us: when they last proved who they are.
        address: from where it was begun.
        agent: what the browser calls itself; anybody can write that.
    """

    id: str
    account_id: str
    stage: Stage
    how: str
    created_us: int
    seen_us: int
    proved_us: int
    address: str
    agent: str


class Sessions:
    """All sessions. Safe to call from several threads and processes."""

    def __init__(self, database: Database, clock: Clock, lifetime: Lifetime = Lifetime()) -> None:
        """Use the case's database."""
        self._database = database
        self._clock = clock
        self.lifetime: Final = lifetime

    def begin(self, account_id: str, stage: Stage, how: str, caller: Caller, instead: str = "") -> str:
        """A new session; gives what the cookie is to hold.

        Args:
            account_id: whose.
            stage: how far they have come.
            how: what they proved themselves with.
            caller: from where.
            instead: what the cookie held so far; that session ends.
        """
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        now_us = self._clock.now_us()
        row = {
            "id": digest_of(token),
            "account_id": account_id,
            "stage": stage.value,
            "how": how,
            "created_us": now_us,
            "seen_us": now_us,
            "proved_us": now_us,
            "address": caller.address,
            "agent": printable(caller.agent, _MAX_AGENT),
        }
        with self._database.writing() as connection:
            if instead:
                connection.execute(sa.delete(_T).where(_T.c.id == digest_of(instead)))
            connection.execute(sa.delete(_T).where(sa.not_(self._alive(now_us))))
            own = _T.c.account_id == account_id
            kept = sa.select(_T.c.id).where(own).order_by(_T.c.seen_us.desc()).limit(_MOST - 1)
            connection.execute(sa.delete(_T).where(own, _T.c.id.not_in(kept)))
            connection.execute(sa.insert(_T).values(row))
        return token

    def proved(self, token: str, how: str, caller: Caller) -> str:
        """Whoever has this session came all the way, or proved once more who they are; gives its new name.

        The session's age stays what it was: proving oneself again does not make it last for ever.
        """
        renewed = secrets.token_urlsafe(_TOKEN_BYTES)
        now_us = self._clock.now_us()
        values = {
            "id": digest_of(renewed),
            "stage": Stage.FULL.value,
            "how": how,
            "proved_us": now_us,
            "seen_us": now_us,
            "address": caller.address,
        }
        with self._database.writing() as connection:
            connection.execute(sa.update(_T).where(_T.c.id == digest_of(token)).values(**values))
        return renewed

    def find(self, token: str) -> Session | None:
        """The session that a cookie names; None where there is none, or it has ended."""
        now_us = self._clock.now_us()
        wanted = sa.and_(_T.c.id == digest_of(token), self._alive(now_us))
        with self._database.reading() as connection:
            row = connection.execute(sa.select(_T).where(wanted)).first()
        if row is None:
            return None
        if now_us - row.seen_us > _TOUCH_S * US_PER_S:
            with self._database.writing() as connection:
                connection.execute(sa.update(_T).where(_T.c.id == row.id).values(seen_us=now_us))
        return _session(row)

    def fresh(self, session: Session) -> bool:
        """Whether its owner proved themselves within the last minutes."""
        return self._clock.now_us() - session.proved_us <= self.lifetime.fresh_s * US_PER_S

    def of(self, account_id: str) -> list[Session]:
        """Somebody's sessions, the last used first."""
        own = sa.and_(_T.c.account_id == account_id, self._alive(self._clock.now_us()))
        with self._database.reading() as connection:
            return [_session(row) for row in connection.execute(sa.select(_T).where(own).order_by(_T.c.seen_us.desc()))]

    def end(self, account_id: str, session_id: str) -> bool:
        """End one of somebody's sessions; gives whether there was such a one."""
        try:
            digest = bytes.fromhex(session_id)
        except ValueError:
            return False
        with self._database.writing() as connection:
            own = sa.and_(_T.c.account_id == account_id, _T.c.id == digest)
            return connection.execute(sa.delete(_T).where(own)).rowcount == 1

    def end_all(self, account_id: str, but: str = "") -> int:
        """End all of somebody's sessions, but for the one that this cookie names; gives how many."""
        with self._database.writing() as connection:
            own = sa.and_(_T.c.account_id == account_id, _T.c.id != digest_of(but))
            return connection.execute(sa.delete(_T).where(own)).rowcount

    def _alive(self, now_us: int) -> sa.ColumnElement[bool]:
        idle, total = self.lifetime.idle_s * US_PER_S, self.lifetime.total_s * US_PER_S
        complete = sa.or_(_T.c.stage == Stage.FULL.value, _T.c.created_us > now_us - _UNFINISHED_S * US_PER_S)
        return sa.and_(_T.c.seen_us > now_us - idle, _T.c.created_us > now_us - total, complete)


def digest_of(token: str) -> bytes:
    """What is kept of a session's name."""
    return hashlib.sha256(b"pollwatch session " + token.encode("utf-8", "surrogatepass")).digest()


def _session(row: sa.Row[Any]) -> Session:
    return Session(
        id=bytes(row.id).hex(),
        account_id=row.account_id,
        stage=Stage(row.stage),
        how=row.how,
        created_us=row.created_us,
        seen_us=row.seen_us,
        proved_us=row.proved_us,
        address=row.address,
        agent=row.agent,
    )
