"""How often one may try to prove who one is: guessing is hopeless, and nobody can lock out somebody else.

Three counts of failures in a row, each with a wait that doubles up to a quarter of an hour:

- of an account from one *place*: a browser that signed in to it before (it keeps a cookie), a network from which
  somebody signed in to it before, or else a network;
- of an account from all places together that it does not know. This is what stops a thousand machines that guess a few
  times each. It does not hold back a place that the account knows, whatever strangers do;
- of a network over all accounts, in memory: who tries one password on many names.

A try is counted before it is made, so that tries at the same moment count too, and taken back when it was right.
Passkeys cannot be guessed: they are counted by network alone. A wait is never longer than a quarter of an hour, a
one-time link from ``pollwatch account reset`` goes around all of it, and names that do not exist are counted as if
they did.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from pollwatch.clock import US_PER_S, Clock, monotonic_s
from pollwatch.console.accounts import tables
from pollwatch.errors import AccessError
from pollwatch.i18n import _
from pollwatch.sharing.limits import Buckets, Rate
from pollwatch.store.database import Database

_T: Final = tables.SIGN_IN_TRIES
_P: Final = tables.KNOWN_PLACES
_FREE: Final = 5
_FREE_STRANGERS: Final = 25
_FIRST_WAIT_S: Final = 15
LONGEST_WAIT_S: Final = 900
_FORGOTTEN_S: Final = 24 * 3600
_KNOWN_S: Final = 180 * 24 * 3600
#: Rows that are kept at most; the oldest go first.
_MOST_ROWS: Final = 50_000
_PLACES: Final = 50
#: What one network may try.
_NETWORK: Final = Rate(per_s=0.2, burst=20)


class TooOftenError(AccessError):
    """Too many failed tries; ``wait_s`` says how long to wait."""

    def __init__(self, wait_s: int) -> None:
        """Say how long."""
        super().__init__(_("too many tries that failed; wait {n} seconds, or sign in with a passkey").format(n=wait_s))
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Caller:
    """From where somebody comes.

    Attributes:
        network: their address, or the /64 of it (:func:`pollwatch.sharing.limits.neighbourhood`).
        address: as it is written into the trail.
        agent: what their browser calls itself.
        device: what the cookie of a browser that signed in before holds; empty where there is none.
    """

    network: str
    address: str
    agent: str = ""
    device: str = ""


class Throttle:
    """Counts what failed. Safe to call from several threads and processes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Count in the case's database; what one network tries, in memory."""
        self._database = database
        self._clock = clock
        self._networks = Buckets(_NETWORK)
        self._lock = threading.Lock()

    def enter(self, caller: Caller) -> None:
        """Somebody tries something; all that a network tries is counted here.

        Raises:
            TooOftenError: their network tried too much of late.
        """
        with self._lock:
            wait_s = self._networks.take(caller.network, monotonic_s())
        if wait_s > 0:
            raise TooOftenError(int(wait_s) + 1)

    def welcome(self, caller: Caller) -> None:
        """What was tried was right: it does not count for the network, where a whole office may sign in at once."""
        with self._lock:
            self._networks.take(caller.network, monotonic_s(), -1.0)

    def begin(self, kind: str, name: str, account_id: str | None, caller: Caller) -> None:
        """Count a try as failed, before it is made.

        Args:
            kind: what is tried: ``password`` or ``second``.
            name: the account's name as it was typed.
            account_id: the account, where there is one of that name.
            caller: from where.

        Raises:
            TooOftenError: it is not the time for another one; then none was counted.
        """
        now_us = self._clock.now_us()
        with self._database.writing() as connection:
            keys = self._keys(connection, kind, name, account_id, caller)
            for key, free in keys:
                row = connection.execute(sa.select(_T.c.failures, _T.c.last_us).where(_T.c.key == key)).first()
                if row is not None and (left := _left_us(row.failures, row.last_us, free, now_us)) > 0:
                    raise TooOftenError(-(-left // US_PER_S))
            for key, _free in keys:
                self._count(connection, key, now_us)

    def right(self, kind: str, name: str, account_id: str, caller: Caller) -> None:
        """The try was right: nothing failed from here."""
        self.welcome(caller)
        with self._database.writing() as connection:
            keys = [key for key, _free in self._keys(connection, kind, name, account_id, caller)]
            connection.execute(sa.delete(_T).where(_T.c.key == keys[0]))
            for key in keys[1:]:  # one of the failures of strangers was this one
                connection.execute(sa.update(_T).where(_T.c.key == key).values(failures=_T.c.failures - 1))

    def know(self, account_id: str, caller: Caller, device: str) -> None:
        """Somebody signed in from here: strangers do not hold back this place any more."""
        now_us = self._clock.now_us()
        with self._database.writing() as connection:
            for digest in (_device(device), _network(account_id, caller)):
                row = {"account_id": account_id, "digest": digest, "seen_us": now_us}
                connection.execute(
                    insert(_P).values(row).on_conflict_do_update(["account_id", "digest"], set_={"seen_us": now_us})
                )
            latest = (
                sa.select(_P.c.digest).where(_P.c.account_id == account_id).order_by(_P.c.seen_us.desc()).limit(_PLACES)
            )
            connection.execute(sa.delete(_P).where(_P.c.account_id == account_id, _P.c.digest.not_in(latest)))

    def forget(self, account_id: str, name: str) -> None:
        """Whoever may say so lets an account's owner try again at once, and knows no place of it any more."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(_P).where(_P.c.account_id == account_id))
            for kind in ("password", "second"):
                connection.execute(sa.delete(_T).where(_T.c.key == _key(kind, name, "strangers")))

    def _keys(
        self, connection: sa.Connection, kind: str, name: str, account_id: str | None, caller: Caller
    ) -> list[tuple[bytes, int]]:
        """What a try counts for, and how many each may fail without a wait."""
        device = _device(caller.device)
        if account_id is not None:
            known_us = self._clock.now_us() - _KNOWN_S * US_PER_S
            places = sa.select(_P.c.digest).where(_P.c.account_id == account_id, _P.c.seen_us > known_us)
            known = {bytes(each) for each in connection.execute(places).scalars()}
            if caller.device and device in known:
                return [(_key(kind, name, "device", device.hex()), _FREE)]
            if _network(account_id, caller) in known:
                return [(_key(kind, name, "network", caller.network), _FREE)]
        return [(_key(kind, name, "network", caller.network), _FREE), (_key(kind, name, "strangers"), _FREE_STRANGERS)]

    def _count(self, connection: sa.Connection, key: bytes, now_us: int) -> None:
        stale_us = now_us - _FORGOTTEN_S * US_PER_S
        again = sa.case((_T.c.last_us < stale_us, 1), else_=_T.c.failures + 1)
        connection.execute(
            insert(_T)
            .values(key=key, failures=1, last_us=now_us)
            .on_conflict_do_update(["key"], set_={"failures": again, "last_us": now_us})
        )
        if connection.execute(sa.select(sa.func.count()).select_from(_T)).scalar_one() > _MOST_ROWS:
            oldest = sa.select(_T.c.key).order_by(_T.c.last_us).limit(_MOST_ROWS // 10)
            connection.execute(sa.delete(_T).where(_T.c.key.in_(oldest)))


def _left_us(failures: int, last_us: int, free: int, now_us: int) -> int:
    """How long to wait yet."""
    if failures < free or now_us - last_us > _FORGOTTEN_S * US_PER_S:
        return 0
    wait_s = min(LONGEST_WAIT_S, _FIRST_WAIT_S << min(failures - free, 10))
    return max(0, last_us + wait_s * US_PER_S - now_us)


def _key(*parts: str) -> bytes:
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).digest()


def _device(device: str) -> bytes:
    return _key("device", device)


def _network(account_id: str, caller: Caller) -> bytes:
    return _key("known network", account_id, caller.network)
