"""Recovery codes: for whoever lost the telephone. Each is good for one sign-in."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from pollwatch.console.accounts import tables, totp
from pollwatch.store.database import Database

_T: Final = tables.RECOVERY_CODES


class Codes:
    """All recovery codes. Safe to call from several threads and processes."""

    def __init__(self, database: Database) -> None:
        """Use the case's database."""
        self._database = database

    def renew(self, account_id: str) -> list[str]:
        """New codes for somebody, to be shown once; the old ones are worth nothing from now on."""
        codes = totp.new_codes()
        rows = [{"account_id": account_id, "digest": totp.code_digest(code)} for code in codes]
        with self._database.writing() as connection:
            connection.execute(sa.delete(_T).where(_T.c.account_id == account_id))
            connection.execute(sa.insert(_T), rows)
        return codes

    def use(self, account_id: str, typed: str) -> bool:
        """Use one up; gives whether it was one of theirs."""
        digest = totp.code_digest(typed)
        if digest is None:
            return False
        with self._database.writing() as connection:
            own = sa.and_(_T.c.account_id == account_id, _T.c.digest == digest)
            return connection.execute(sa.delete(_T).where(own)).rowcount == 1

    def left(self, account_id: str) -> int:
        """How many somebody has left."""
        counted = sa.select(sa.func.count()).select_from(_T).where(_T.c.account_id == account_id)
        with self._database.reading() as connection:
            return int(connection.execute(counted).scalar_one())

    def drop(self, account_id: str) -> None:
        """All of somebody's codes are worth nothing from now on."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(_T).where(_T.c.account_id == account_id))
