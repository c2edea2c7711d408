"""Passkeys (WebAuthn, level 3): several per account, discoverable, user-verified, so that one is enough to sign in.

The authenticator checks who holds it (finger, face, PIN), and the browser checks for which site it answers: a passkey
cannot be phished, guessed or used twice. No attestation is asked for; which maker's it is, is nobody's business. A
signature counter that does not rise shows a copied key: it is refused, and told in the trail.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from pollwatch.clock import Clock
from pollwatch.console.accounts import tables
from pollwatch.console.accounts.account import Account, shown_name
from pollwatch.console.accounts.challenges import Challenges, decoded
from pollwatch.errors import AccessError
from pollwatch.i18n import _
from pollwatch.store.database import Database

_T: Final = tables.PASSKEYS
MOST: Final = 20
MAX_BYTES: Final = 16 << 10
_TIMEOUT_MS: Final = 120_000


class CopiedKeyError(AccessError):
    """A passkey's counter did not rise: there are two of it."""


@dataclass(frozen=True, slots=True)
class Site:
    """Which site passkeys are for.

    Attributes:
        domain: the relying party's id: the host's name.
        origin: as the browser calls it, e.g. ``https://watch.example``.
        name: as the authenticator shows it.
    """

    domain: str
    origin: str
    name: str = "pollwatch"


@dataclass(frozen=True, slots=True)
class Passkey:
    """One of somebody's passkeys.

    Attributes:
        id: as WebAuthn calls it.
        account_id: whose.
        label: as its owner calls it.
        synced: whether its maker keeps copies on other devices.
        created_us: since when.
        used_us: when it was last used.
    """

    id: bytes
    account_id: str
    label: str
    synced: bool
    created_us: int
    used_us: int | None


class Passkeys:
    """All passkeys. Safe to call from several threads and processes."""

    def __init__(self, database: Database, clock: Clock, challenges: Challenges) -> None:
        """Use the case's database."""
        self._database = database
        self._clock = clock
        self._challenges = challenges

    def of(self, account_id: str) -> list[Passkey]:
        """Somebody's passkeys, oldest first."""
        asked = sa.select(_T).where(_T.c.account_id == account_id).order_by(_T.c.created_us)
        with self._database.reading() as connection:
            return [
                Passkey(bytes(row.id), row.account_id, row.label, bool(row.synced), row.created_us, row.used_us)
                for row in connection.execute(asked)
            ]

    def offer(self, account: Account, site: Site, browser: str) -> str:
        """What ``navigator.credentials.create`` is to be given, as JSON."""
        from webauthn import generate_registration_options, options_to_json  # noqa: PLC0415 - loads much
        from webauthn.helpers import structs  # noqa: PLC0415

        known = [structs.PublicKeyCredentialDescriptor(each.id) for each in self.of(account.id)]
        options = generate_registration_options(
            rp_id=site.domain,
            rp_name=site.name,
            user_name=account.name,
            user_display_name=account.shown,
            user_id=bytes.fromhex(account.id),
            challenge=self._challenges.make("passkey to add", browser),
            timeout=_TIMEOUT_MS,
            exclude_credentials=known,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
        )
        return str(options_to_json(options))

    def add(self, account: Account, site: Site, browser: str, answer: str, label: str) -> None:
        """Keep a new passkey.

        Args:
            account: whose.
            site: for which site.
            browser: the value of the browser's cookie.
            answer: what ``navigator.credentials.create`` gave, as JSON.
            label: how its owner calls it.

        Raises:
            AccessError: it is not the answer to what was asked, or there are too many.
        """
        from webauthn import verify_registration_response  # noqa: PLC0415
        from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

        called = shown_name(label)
        said = _read(answer)
        challenge = self._took(said, "passkey to add", browser)
        try:
            found = verify_registration_response(
                credential=said,
                expected_challenge=challenge,
                expected_rp_id=site.domain,
                expected_origin=site.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise AccessError(_("this passkey was not accepted; try once more, or another one")) from error
        row = {
            "id": found.credential_id,
            "account_id": account.id,
            "label": called,
            "public_key": found.credential_public_key,
            "sign_count": found.sign_count,
            "synced": found.credential_backed_up,
            "created_us": self._clock.now_us(),
        }
        with self._database.writing() as connection:
            own = sa.select(sa.func.count()).select_from(_T).where(_T.c.account_id == account.id)
            if connection.execute(own).scalar_one() >= MOST:
                raise AccessError(_("that are {n} passkeys; remove one first").format(n=MOST))
            if connection.execute(sa.select(_T.c.id).where(_T.c.id == found.credential_id)).first() is not None:
                raise AccessError(_("this passkey is known already"))
            connection.execute(sa.insert(_T).values(row))

    def ask(self, site: Site, browser: str) -> str:
        """What ``navigator.credentials.get`` is to be given, as JSON: any passkey of this site will do."""
        from webauthn import generate_authentication_options, options_to_json  # noqa: PLC0415
        from webauthn.helpers import structs  # noqa: PLC0415

        options = generate_authentication_options(
            rp_id=site.domain,
            challenge=self._challenges.make("passkey to sign in", browser),
            timeout=_TIMEOUT_MS,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        )
        return str(options_to_json(options))

    def check(self, site: Site, browser: str, answer: str) -> str:
        """Whose passkey it is that answered; gives the account's id.

        Args:
            site: for which site.
            browser: the value of the browser's cookie.
            answer: what ``navigator.credentials.get`` gave, as JSON.

        Raises:
            CopiedKeyError: its counter did not rise.
            AccessError: it is not the answer of a passkey that we know to what was asked.
        """
        from webauthn import verify_authentication_response  # noqa: PLC0415
        from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

        said = _read(answer)
        challenge = self._took(said, "passkey to sign in", browser)
        key_id = decoded(str(said.get("rawId", "")))
        with self._database.writing() as connection:
            row = connection.execute(sa.select(_T).where(_T.c.id == key_id)).first()
            if row is None:
                raise AccessError(_("this passkey is not known here; sign in another way and add it"))
            try:
                found = verify_authentication_response(
                    credential=said,
                    expected_challenge=challenge,
                    expected_rp_id=site.domain,
                    expected_origin=site.origin,
                    credential_public_key=bytes(row.public_key),
                    credential_current_sign_count=0,  # looked at below: it is told apart
                    require_user_verification=True,
                )
            except (WebAuthnException, ValueError, KeyError, TypeError) as error:
                raise AccessError(_("this passkey was not accepted; try once more, or another one")) from error
            self._of_its_owner(said, row.account_id)
            if max(found.new_sign_count, row.sign_count) > 0 and found.new_sign_count <= row.sign_count:
                raise CopiedKeyError(
                    _("this passkey counts backwards: somebody has a copy of it; sign in another way and remove it")
                )
            values = {"sign_count": found.new_sign_count, "used_us": self._clock.now_us()}
            connection.execute(sa.update(_T).where(_T.c.id == key_id).values(**values))
        return str(row.account_id)

    def remove(self, account_id: str, key_id: bytes) -> bool:
        """Remove one of somebody's passkeys; gives whether there was such a one."""
        with self._database.writing() as connection:
            own = sa.and_(_T.c.account_id == account_id, _T.c.id == key_id)
            return connection.execute(sa.delete(_T).where(own)).rowcount == 1

    def remove_all(self, account_id: str) -> None:
        """Remove all of somebody's passkeys."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(_T).where(_T.c.account_id == account_id))

    def _took(self, said: dict[str, Any], purpose: str, browser: str) -> bytes:
        """The challenge that was answered, which is ours, for this browser, and not used before."""
        response = said.get("response")
        data = decoded(str(response.get("clientDataJSON", ""))) if isinstance(response, dict) else b""
        challenge = decoded(str(_object(data).get("challenge", "")))
        self._challenges.take(challenge, purpose, browser)
        return challenge

    def _of_its_owner(self, said: dict[str, Any], account_id: str) -> None:
        """A discoverable passkey names its owner; it must be whose we think it is."""
        response = said["response"]
        handle = response.get("userHandle") if isinstance(response, dict) else None
        if handle and decoded(str(handle)).hex() != account_id:
            raise AccessError(_("this passkey is somebody else's"))


def _read(answer: str) -> dict[str, Any]:
    if len(answer) > MAX_BYTES:
        raise AccessError(_("that is not what a browser sends; begin anew"))
    return _object(answer.encode("utf-8", "replace"))


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise AccessError(_("that is not what a browser sends; begin anew"))
    return found
