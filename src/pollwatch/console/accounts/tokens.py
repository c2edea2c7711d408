"""Tokens for programs: of one account each, for some of its permissions, for so many days.

A token may what its scope names and its owner's role still has; it dies with its account. It is shown once, and only
its hash is kept. It begins with ``pollwatch_``, so that programs which look for leaked secrets can find it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from pollwatch.clock import US_PER_S, Clock
from pollwatch.console.accounts import tables
from pollwatch.console.accounts.account import shown_name
from pollwatch.console.roles import Permission
from pollwatch.errors import AccessError
from pollwatch.store.database import Database

PREFIX: Final = "pollwatch_"
MAX_DAYS: Final = 366
#: What no program ever gets: passwords and passkeys are for people to change.
NEVER: Final = frozenset({Permission.SELF, Permission.ADMIN})
_T: Final = tables.API_TOKENS
_DAY_US: Final = 86_400 * US_PER_S
_MAX_CHARS: Final = 100
_TOUCH_US: Final = 3600 * US_PER_S


@dataclass(frozen=True, slots=True)
class Token:
    """A program's way in.

    Attributes:
        id: how it is called in lists and in the trail.
        account_id: whose it is.
        label: what it is for.
        scope: what it may do at most.
        created_us: since when.
        expires_us: until when.
        used_us: when it was last used, within an hour; None: never.
    """

    id: str
    account_id: str
    label: str
    scope: frozenset[Permission]
    created_us: int
    expires_us: int
    used_us: int | None


class Tokens:
    """All tokens. Safe to call from several threads and processes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Use the case's database."""
        self._database = database
        self._clock = clock

    def make(self, account_id: str, label: str, scope: Collection[Permission], days: int) -> tuple[Token, str]:
        """A token, and the text of it, which is kept nowhere.

        Raises:
            AccessError: a scope that no program gets, or a time that is too long.
        """
        wanted = frozenset(scope)
        if not wanted or wanted & NEVER:
            refused = ", ".join(sorted(wanted & NEVER)) or "none"
            raise AccessError(f"a token's scope names what it may do, and never self or admin; it says {refused}")
        if not 1 <= days <= MAX_DAYS:
            raise AccessError(f"a token is good for 1 to {MAX_DAYS} days, not {days}")
        text = PREFIX + secrets.token_urlsafe(32)
        now_us = self._clock.now_us()
        row = {
            "id": secrets.token_hex(6),
            "account_id": account_id,
            "label": shown_name(label),
            "digest": _digest(text),
            "scope": " ".join(sorted(each.value for each in wanted)),
            "created_us": now_us,
            "expires_us": now_us + days * _DAY_US,
        }
        with self._database.writing() as connection:
            connection.execute(sa.insert(_T).values(row))
            return _token(connection.execute(sa.select(_T).where(_T.c.id == row["id"])).one()), text

    def find(self, text: str) -> Token | None:
        """The token that a program gave; None where there is none, or its time is over."""
        if not text.startswith(PREFIX) or len(text) > _MAX_CHARS:
            return None
        now_us = self._clock.now_us()
        good = sa.and_(_T.c.digest == _digest(text), _T.c.expires_us > now_us)
        with self._database.reading() as connection:
            row = connection.execute(sa.select(_T).where(good)).first()
        if row is None:
            return None
        if row.used_us is None or now_us - row.used_us > _TOUCH_US:
            with self._database.writing() as connection:
                connection.execute(sa.update(_T).where(_T.c.id == row.id).values(used_us=now_us))
        return _token(row)

    def of(self, account_id: str | None = None) -> list[Token]:
        """Somebody's tokens, or all, the newest first; those whose time is over too."""
        asked = sa.select(_T).order_by(_T.c.created_us.desc(), _T.c.id)
        if account_id is not None:
            asked = asked.where(_T.c.account_id == account_id)
        with self._database.reading() as connection:
            return [_token(row) for row in connection.execute(asked)]

    def revoke(self, token_id: str, account_id: str | None = None) -> bool:
        """A token is worth nothing from now on; gives whether there was such a one.

        Args:
            token_id: which.
            account_id: only if it is this one's; None: whoever's.
        """
        which = _T.c.id == token_id
        with self._database.writing() as connection:
            own = which if account_id is None else sa.and_(which, _T.c.account_id == account_id)
            return connection.execute(sa.delete(_T).where(own)).rowcount == 1

    def revoke_all(self, account_id: str) -> int:
        """All of somebody's tokens; gives how many."""
        with self._database.writing() as connection:
            return connection.execute(sa.delete(_T).where(_T.c.account_id == account_id)).rowcount


def _digest(text: str) -> bytes:
    return hashlib.sha256(b"pollwatch token " + text.encode("utf-8", "surrogatepass")).digest()


def _token(row: sa.Row[Any]) -> Token:
    return Token(
        id=row.id,
        account_id=row.account_id,
        label=row.label,
        scope=frozenset(Permission(each) for each in row.scope.split()),
        created_us=row.created_us,
        expires_us=row.expires_us,
        used_us=row.used_us,
    )
