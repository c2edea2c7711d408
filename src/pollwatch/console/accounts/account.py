"""People: their names, their roles, and what the case's database knows of them."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa

from pollwatch.clock import Clock
from pollwatch.console.accounts import tables
from pollwatch.console.roles import Role
from pollwatch.errors import AccessError
from pollwatch.store.database import Database

_T: Final = tables.ACCOUNTS
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}", re.ASCII)
_MAX_SHOWN: Final = 80
_LANGUAGE: Final = re.compile(r"([a-z]{2,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Account:
    """A person.

    Attributes:
        id: for ever the same; also what a passkey calls its owner.
        name: what they type to sign in: lower-case letters, digits and ``._@+-``.
        shown: how people call them.
        role: what they are in this office.
        language: which language they read; empty where their browser is to say.
        zone: their time zone; empty for the office's.
        issuer: the identity provider that vouches for them; empty for local accounts.
        subject: who they are there.
        password: argon2id hash; None where they have none.
        totp: secret of their telephone's six digits; None where they have none.
        totp_step: the last step of which digits were used.
        disabled: whether they are kept out.
        created_us: since when.
        seen_us: when they last signed in.
    """

    id: str
    name: str
    shown: str
    role: Role
    language: str
    zone: str
    issuer: str
    subject: str
    password: str | None = field(repr=False)
    totp: bytes | None = field(repr=False)
    totp_step: int
    disabled: bool
    created_us: int
    seen_us: int | None


def normal_name(text: str) -> str:
    """A name as it is kept: letters that look the same are the same.

    Raises:
        AccessError: it can be no name.
    """
    name = unicodedata.normalize("NFKC", text).strip().casefold()
    if not _NAME.fullmatch(name):
        raise AccessError(
            f"a name is 1 to 64 letters a-z, digits and . _ @ + -, beginning with a letter, not {name[:64]!r}"
        )
    return name


def shown_name(text: str) -> str:
    """How somebody is called, fit to be shown.

    Raises:
        AccessError: it is empty, too long or cannot be shown.
    """
    shown = " ".join(unicodedata.normalize("NFC", text).split())
    if not shown or len(shown) > _MAX_SHOWN or not shown.isprintable():
        raise AccessError(f"how somebody is called takes 1 to {_MAX_SHOWN} printable characters, not {text[:40]!r}")
    return shown


class Accounts:
    """All accounts of a case. Safe to call from several threads and processes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Use the case's database."""
        self._database = database
        self._clock = clock

    def all(self) -> list[Account]:
        """Everybody, by name."""
        with self._database.reading() as connection:
            return [_account(row) for row in connection.execute(sa.select(_T).order_by(_T.c.name))]

    def by_id(self, account_id: str) -> Account | None:
        """The account of this id."""
        return self._one(_T.c.id == account_id)

    def by_name(self, text: str) -> Account | None:
        """Whoever signs in with this name; None also for what can be no name."""
        try:
            name = normal_name(text)
        except AccessError:
            return None
        return self._one(_T.c.name == name)

    def by_subject(self, issuer: str, subject: str) -> Account | None:
        """Whoever an identity provider calls so."""
        return self._one(sa.and_(_T.c.issuer == issuer, _T.c.subject == subject)) if issuer else None

    def named(self, text: str) -> Account:
        """Whoever signs in with this name.

        Raises:
            AccessError: nobody does.
        """
        found = self.by_name(text)
        if found is None:
            raise AccessError(f"there is no account {text[:64]!r}; see: pollwatch account list")
        return found

    def add(self, name: str, role: Role, shown: str = "", issuer: str = "", subject: str = "") -> Account:
        """Make an account, which nobody can sign in to yet.

        Raises:
            AccessError: there is one of that name, or it can be none.
        """
        wanted = normal_name(name)
        values = {
            "id": secrets.token_hex(16),
            "name": wanted,
            "shown": shown_name(shown or wanted),
            "role": role.value,
            "language": "",
            "zone": "",
            "issuer": issuer,
            "subject": subject,
            "totp_step": 0,
            "disabled": False,
            "created_us": self._clock.now_us(),
        }
        with self._database.writing() as connection:
            taken = sa.select(_T.c.id).where(_T.c.name == wanted)
            if connection.execute(taken).first() is not None:
                raise AccessError(f"there is an account {wanted!r} already; take another name")
            connection.execute(sa.insert(_T).values(values))
            return _account(connection.execute(sa.select(_T).where(_T.c.id == values["id"])).one())

    def set_role(self, account_id: str, role: Role, *, whatever: bool = False) -> None:
        """Give somebody another role.

        Args:
            account_id: whom.
            role: which.
            whatever: also where no lead is left.

        Raises:
            AccessError: nobody would be left who may manage accounts.
        """
        self._change(account_id, {"role": role.value}, keep_a_lead=role is not Role.LEAD and not whatever)

    def set_disabled(self, account_id: str, *, disabled: bool) -> None:
        """Keep somebody out, or let them in again.

        Raises:
            AccessError: nobody would be left who may manage accounts.
        """
        self._change(account_id, {"disabled": disabled}, keep_a_lead=disabled)

    def set_password(self, account_id: str, password: str | None) -> None:
        """Keep the hash of a new password; None: none."""
        self._change(account_id, {"password": password})

    def upgrade_password(self, account_id: str, old: str, new: str) -> None:
        """Keep the same password under a hash of today's cost, unless it was changed meanwhile."""
        with self._database.writing() as connection:
            same = sa.and_(_T.c.id == account_id, _T.c.password == old)
            connection.execute(sa.update(_T).where(same).values(password=new))

    def set_totp(self, account_id: str, secret: bytes | None, step: int = 0) -> None:
        """Keep the secret of somebody's six digits, and the step that was shown to prove it; None: none."""
        self._change(account_id, {"totp": secret, "totp_step": step})

    def use_step(self, account_id: str, step: int) -> bool:
        """Take the digits of this step, if no later ones were taken; gives whether they were."""
        with self._database.writing() as connection:
            fresh = sa.and_(_T.c.id == account_id, _T.c.totp_step < step)
            return connection.execute(sa.update(_T).where(fresh).values(totp_step=step)).rowcount == 1

    def set_own(self, account_id: str, shown: str, language: str, zone: str) -> None:
        """What everybody may change about themselves.

        Raises:
            AccessError: a language or a zone that is none.
        """
        if not _LANGUAGE.fullmatch(language):
            raise AccessError("a language is two or three letters, e.g. nl")
        if zone:
            try:
                ZoneInfo(zone)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise AccessError("that is no time zone; write e.g. Europe/Amsterdam") from None
        self._change(account_id, {"shown": shown_name(shown), "language": language, "zone": zone})

    def seen(self, account_id: str) -> None:
        """They signed in now."""
        self._change(account_id, {"seen_us": self._clock.now_us()})

    def has_lead(self) -> bool:
        """Whether anybody can manage accounts who has signed in before."""
        return any(each.role is Role.LEAD and not each.disabled and each.seen_us is not None for each in self.all())

    def _one(self, where: sa.ColumnElement[bool]) -> Account | None:
        with self._database.reading() as connection:
            row = connection.execute(sa.select(_T).where(where)).first()
        return None if row is None else _account(row)

    def _change(self, account_id: str, values: Mapping[str, Any], *, keep_a_lead: bool = False) -> None:
        with self._database.writing() as connection:
            if keep_a_lead:
                others = sa.select(_T.c.id).where(
                    _T.c.role == Role.LEAD.value, _T.c.disabled.is_(False), _T.c.id != account_id
                )
                own = sa.select(_T.c.id).where(
                    _T.c.role == Role.LEAD.value, _T.c.disabled.is_(False), _T.c.id == account_id
                )
                if connection.execute(own).first() is not None and connection.execute(others).first() is None:
                    raise AccessError("this is the only lead left; make somebody else lead first")
            connection.execute(sa.update(_T).where(_T.c.id == account_id).values(**values))


def _account(row: sa.Row[Any]) -> Account:
    return Account(
        id=row.id,
        name=row.name,
        shown=row.shown,
        role=Role(row.role),
        language=row.language,
        zone=row.zone,
        issuer=row.issuer,
        subject=row.subject,
        password=row.password,
        totp=None if row.totp is None else bytes(row.totp),
        totp_step=row.totp_step,
        disabled=bool(row.disabled),
        created_us=row.created_us,
        seen_us=row.seen_us,
    )
