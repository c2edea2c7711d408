"""The accounts' tables, in the case's database. Times are microseconds since 1970-01-01 UTC."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from pollwatch.store.database import METADATA


def _account(*, primary_key: bool = False, nullable: bool = False) -> sa.Column[str]:
    owner = sa.ForeignKey("accounts.id", ondelete="CASCADE")
    return sa.Column("account_id", owner, nullable=nullable, primary_key=primary_key)


#: People. ``issuer`` and ``subject`` say who they are at an identity provider; empty for local accounts.
ACCOUNTS: Final = sa.Table(
    "accounts",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False, unique=True),
    sa.Column("shown", sa.String, nullable=False),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("language", sa.String, nullable=False),
    sa.Column("zone", sa.String, nullable=False),
    sa.Column("issuer", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("password", sa.String),
    sa.Column("totp", sa.LargeBinary),
    sa.Column("totp_step", sa.Integer, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("created_us", sa.Integer, nullable=False),
    sa.Column("seen_us", sa.Integer),
    sa.Index("ix_accounts_issuer_subject", "issuer", "subject"),
)

PASSKEYS: Final = sa.Table(
    "passkeys",
    METADATA,
    sa.Column("id", sa.LargeBinary, primary_key=True),
    _account(),
    sa.Column("label", sa.String, nullable=False),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("sign_count", sa.Integer, nullable=False),
    sa.Column("synced", sa.Boolean, nullable=False),
    sa.Column("created_us", sa.Integer, nullable=False),
    sa.Column("used_us", sa.Integer),
    sa.Index("ix_passkeys_account_id", "account_id"),
)

#: SHA-256 of codes that are good for one sign-in each; used ones are removed.
RECOVERY_CODES: Final = sa.Table(
    "recovery_codes",
    METADATA,
    _account(primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
)

#: ``id`` is SHA-256 of what the cookie holds. ``stage``: ``second`` (still owes a second factor), ``enrol`` (has to set
#: one up) or ``full``. ``proved_us``: when they last proved who they are.
SESSIONS: Final = sa.Table(
    "sessions",
    METADATA,
    sa.Column("id", sa.LargeBinary, primary_key=True),
    _account(),
    sa.Column("stage", sa.String, nullable=False),
    sa.Column("how", sa.String, nullable=False),
    sa.Column("created_us", sa.Integer, nullable=False),
    sa.Column("seen_us", sa.Integer, nullable=False),
    sa.Column("proved_us", sa.Integer, nullable=False),
    sa.Column("address", sa.String, nullable=False),
    sa.Column("agent", sa.String, nullable=False),
    sa.Index("ix_sessions_account_id", "account_id"),
)

#: ``digest`` is SHA-256 of the whole token; ``scope`` names permissions, separated by spaces.
API_TOKENS: Final = sa.Table(
    "api_tokens",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    _account(),
    sa.Column("label", sa.String, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("scope", sa.String, nullable=False),
    sa.Column("created_us", sa.Integer, nullable=False),
    sa.Column("expires_us", sa.Integer, nullable=False),
    sa.Column("used_us", sa.Integer),
    sa.Index("ix_api_tokens_account_id", "account_id"),
)

#: One-time links: SHA-256 of the secret in them. Removed when used.
ACCOUNT_LINKS: Final = sa.Table(
    "account_links",
    METADATA,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    _account(),
    sa.Column("expires_us", sa.Integer, nullable=False),
    sa.Index("ix_account_links_account_id", "account_id"),
)

#: From where somebody signed in before: browsers by a cookie's SHA-256, networks by a hash of account and network.
KNOWN_PLACES: Final = sa.Table(
    "known_places",
    METADATA,
    _account(primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("seen_us", sa.Integer, nullable=False),
)

#: Failed tries in a row, by what was tried from where.
SIGN_IN_TRIES: Final = sa.Table(
    "sign_in_tries",
    METADATA,
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_us", sa.Integer, nullable=False),
)

#: Who did what. Never changed, never removed, but for ``outcome`` and words that follow when the action is over, and
#: for ``entry``: where the private log commits to it.
AUDIT: Final = sa.Table(
    "audit",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at_us", sa.Integer, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("address", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("about", sa.String, nullable=False),
    sa.Column("detail", sa.String, nullable=False),
    sa.Column("outcome", sa.String, nullable=False),
    sa.Column("entry", sa.Integer),
    sa.Index("ix_audit_entry", "entry"),
    sa.Index("ix_audit_actor", "actor"),
    sa.Index("ix_audit_about", "about"),
)
