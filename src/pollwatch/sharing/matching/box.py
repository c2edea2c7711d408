"""The gateway's box for matching messages: checked, kept until the inside node comes by, bounded per sender."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pollwatch.clock import Clock
from pollwatch.errors import PolicyError, StoreError
from pollwatch.evidence.keys import Signer
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.sharing import database
from pollwatch.sharing.matching import messages
from pollwatch.sharing.waiting import Share

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS matching (
    number INTEGER PRIMARY KEY AUTOINCREMENT, sha256 TEXT NOT NULL UNIQUE, sender TEXT NOT NULL, run TEXT NOT NULL,
    step TEXT NOT NULL, received_us INTEGER NOT NULL, body BLOB NOT NULL, receipt BLOB NOT NULL, fetched_us INTEGER,
    UNIQUE (sender, run, step)) STRICT;
"""
#: How much of one sender may wait for the inside node.
MAX_WAITING: Final = 64
MAX_WAITING_BYTES: Final = 2 * messages.MAX_BYTES


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message in the box.

    Attributes:
        number: its place.
        received_us: when it came.
        body: the exact bytes.
    """

    number: int
    received_us: int
    body: bytes = field(repr=False)


class Box:
    """The box of one member's gateway. Safe to use from several processes."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Use the file at this path; it is made when needed."""
        self._path = path
        self._clock = clock

    def check_room(self, sender: Member, size_bytes: int) -> None:
        """Accept more from a sender, or not; asked before a body is read.

        Raises:
            FullError: too much of it waits already.
        """
        share = Share("matching", "matching messages", MAX_WAITING, MAX_WAITING_BYTES)
        with database.opened(self._path, _SCHEMA) as opened:
            share.check_room(opened, sender, size_bytes)

    def receive(self, data: bytes, caller: Member, charter: Charter, me: Member, gateway: Signer) -> bytes:
        """Check a message, keep it, and sign a receipt; the same bytes again give the same receipt.

        Raises:
            FormatError: malformed.
            SignatureError: not signed by its sender.
            PolicyError: brought by somebody else, under another charter, or a second one for the same step.
        """
        message, sender = messages.read(data, charter, me)
        if sender != caller:
            raise PolicyError(f"{caller.name} brings a message of {sender.name}; each brings its own")
        digest = hashlib.sha256(data).hexdigest()
        now_us = self._clock.now_us()
        with database.opened(self._path, _SCHEMA) as opened:
            known = opened.execute("SELECT receipt FROM matching WHERE sha256 = ?", (digest,)).fetchone()
            if known:
                return bytes(known[0])
            receipt = messages.make_receipt(data, message, now_us, gateway)
            values = (digest, sender.name, message.run, message.step.value, now_us, data, receipt)
            kept = opened.execute(
                "INSERT OR IGNORE INTO matching (sha256, sender, run, step, received_us, body, receipt)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            ).rowcount
        if not kept:
            raise PolicyError(f"another {message.step} of run {message.run} came before from {sender.name}")
        return receipt

    def waiting(self) -> tuple[Waiting, ...]:
        """What the inside node has not fetched yet, oldest first."""
        with database.opened(self._path, _SCHEMA) as opened:
            rows = opened.execute(
                "SELECT number, received_us, body FROM matching WHERE fetched_us IS NULL ORDER BY number"
            ).fetchall()
        return tuple(Waiting(number, received_us, bytes(body)) for number, received_us, body in rows)

    def numbers(self) -> tuple[int, ...]:
        """The places of what the inside node has not fetched yet, oldest first."""
        with database.opened(self._path, _SCHEMA) as opened:
            found = opened.execute("SELECT number FROM matching WHERE fetched_us IS NULL ORDER BY number").fetchall()
        return tuple(int(number) for (number,) in found)

    def get(self, number: int) -> Waiting:
        """One message.

        Raises:
            StoreError: there is none of that number, or it was fetched.
        """
        with database.opened(self._path, _SCHEMA) as opened:
            row = opened.execute(
                "SELECT received_us, body FROM matching WHERE number = ? AND fetched_us IS NULL", (number,)
            ).fetchone()
        if row is None:
            raise StoreError(f"no message {number} waits here")
        return Waiting(number, row[0], bytes(row[1]))

    def fetched(self, number: int) -> None:
        """Note that the inside node is done with a message; its bytes go, its receipt stays."""
        with database.opened(self._path, _SCHEMA) as opened:
            opened.execute(
                "UPDATE matching SET fetched_us = ?, body = x'' WHERE number = ? AND fetched_us IS NULL",
                (self._clock.now_us(), number),
            )
