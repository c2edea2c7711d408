"""One-time links, by which somebody who cannot sign in sets up how they will: new accounts, forgotten passwords.

The secret in a link is 32 random bytes, of which only the hash is kept. Opening the link changes nothing, for programs
that preview messages open them too; it is used up when the form behind it is sent. An account has at most one: a new
one replaces it.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

import sqlalchemy as sa

from pollwatch.clock import US_PER_S, Clock
from pollwatch.console.accounts import tables
from pollwatch.store.database import Database

_T: Final = tables.ACCOUNT_LINKS
HOURS: Final = 24


class Links:
    """All one-time links. Safe to call from several threads and processes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Use the case's database."""
        self._database = database
        self._clock = clock

    def make(self, account_id: str, hours: int = HOURS) -> str:
        """A secret by which an account's owner can set it up, once."""
        secret = secrets.token_urlsafe(32)
        expires_us = self._clock.now_us() + hours * 3600 * US_PER_S
        with self._database.writing() as connection:
            connection.execute(sa.delete(_T).where(_T.c.account_id == account_id))
            row = {"digest": _digest(secret), "account_id": account_id, "expires_us": expires_us}
            connection.execute(sa.insert(_T).values(row))
        return secret

    def owner(self, secret: str) -> str | None:
        """Whose link it is; None where it is none, too old, or used."""
        good = sa.and_(_T.c.digest == _digest(secret), _T.c.expires_us > self._clock.now_us())
        with self._database.reading() as connection:
            found: str | None = connection.execute(sa.select(_T.c.account_id).where(good)).scalar()
        return found

    def use(self, secret: str) -> str | None:
        """Use it up: whose it was; None where it is none, too old, or used."""
        with self._database.writing() as connection:
            good = sa.and_(_T.c.digest == _digest(secret), _T.c.expires_us > self._clock.now_us())
            found: str | None = connection.execute(sa.select(_T.c.account_id).where(good)).scalar()
            connection.execute(sa.delete(_T).where(_T.c.digest == _digest(secret)))
        return found

    def drop(self, account_id: str) -> None:
        """An account's link leads nowhere any more."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(_T).where(_T.c.account_id == account_id))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(b"pollwatch link " + secret.encode("utf-8", "surrogatepass")).digest()
