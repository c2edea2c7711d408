"""The gateway's mailbox: what other members deliver is checked in full, then kept until the inside node fetches it.

Without sockets: bytes in, receipt out. Nothing is stored that was not verified, and no member can fill the disk:
what waits is bounded per sender.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pollwatch.attribution import record
from pollwatch.attribution.record import is_spoken as said
from pollwatch.clock import Clock
from pollwatch.errors import PolicyError, StoreError
from pollwatch.evidence.keys import Signer
from pollwatch.members.delivery import Delivery, Receipt, check_body
from pollwatch.members.marking import Tlp, check_release
from pollwatch.members.member import Member
from pollwatch.members.roll import Charters
from pollwatch.sharing import database
from pollwatch.sharing.waiting import Share
from pollwatch.stix import accept, bundle, signature

#: How much of one sender may wait.
MAX_WAITING: Final = 500
MAX_WAITING_BYTES: Final = 64 << 20
#: How many of the objects in one delivery its receipt names.
_MAX_SPOKEN: Final = 4_000


@dataclass(frozen=True, slots=True)
class Mail:
    """A delivery that was accepted.

    Attributes:
        number: its place in the mailbox.
        sender: member name.
        tlp: marking of the whole.
        sha256: of the body.
        sent_us: when, as the sender says.
        received_us: when, by our clock.
        body: the exact bytes.
    """

    number: int
    sender: str
    tlp: Tlp
    sha256: str
    sent_us: int
    received_us: int
    body: bytes = field(repr=False)


class Mailbox:
    """The mailbox of one member's gateway. Safe to use from several processes."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Use the mailbox file at this path; it is made when needed."""
        self._path = path
        self._clock = clock

    def check_room(self, sender: Member, size_bytes: int) -> None:
        """Accept more from a sender, or not; asked before a body is read.

        Raises:
            FullError: too much of it waits already.
        """
        share = Share("mail", "deliveries", MAX_WAITING, MAX_WAITING_BYTES)
        with database.opened(self._path, database.MAILBOX) as opened:
            share.check_room(opened, sender, size_bytes)

    def receive(self, delivery: Delivery, sender: Member, body: bytes, charters: Charters, gateway: Signer) -> bytes:
        """Check a body, keep it, and sign a receipt; the same delivery again gives the same receipt.

        Args:
            delivery: its note, already checked (:func:`pollwatch.members.delivery.open_delivery`).
            sender: who signed the note.
            body: a STIX bundle.
            charters: the one in force, or all up to it.
            gateway: the key of receipts.

        Raises:
            FormatError: no well-formed bundle.
            SignatureError: another body than the note names, or an object in it that its creator did not sign.
            PolicyError: markings are missing or stricter than the whole, something lacks what it is about, or nothing
                in it is the sender's.
        """
        check_body(delivery, body)
        if known := self._receipt(delivery):
            return known
        received = bundle.read(body)
        authors = accept.check(received, charters)
        check_release(delivery.tlp, ((each["id"], accept.marking(each)) for each in received))
        record.read(received, charters)
        if sender not in authors.values():
            raise PolicyError(f"nothing in the bundle was signed by {sender.name}, who brings it")
        now_us = self._clock.now_us()
        spoken = {signature.digest(each) for each in received if authors.get(each["id"]) == sender and said(each)}
        receipt = Receipt(delivery, now_us, tuple(sorted(spoken)[:_MAX_SPOKEN])).sign(gateway)
        values = (delivery.sha256, sender.name, delivery.tlp.word, delivery.time_us, now_us, body, receipt)
        with database.opened(self._path, database.MAILBOX) as opened:
            opened.execute(
                "INSERT OR IGNORE INTO mail (sha256, sender, tlp, sent_us, received_us, body, receipt)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        return receipt

    def waiting(self) -> tuple[Mail, ...]:
        """What the inside node has not fetched yet, oldest first."""
        return self._select("WHERE fetched_us IS NULL")

    def all(self) -> tuple[Mail, ...]:
        """Everything that was ever accepted, oldest first."""
        return self._select("")

    def forget(self, sender: str) -> None:
        """Delete what a member of that name delivered, its receipts included."""
        with database.opened(self._path, database.MAILBOX) as opened:
            opened.execute("DELETE FROM mail WHERE sender = ?", (sender,))

    def numbers(self, *, fetched: bool = False) -> tuple[int, ...]:
        """The places of what waits, oldest first; on demand also of what was fetched."""
        with database.opened(self._path, database.MAILBOX) as opened:
            found = opened.execute("SELECT number FROM mail WHERE ? OR fetched_us IS NULL ORDER BY number", (fetched,))
            return tuple(int(number) for (number,) in found)

    def get(self, number: int) -> Mail:
        """One delivery.

        Raises:
            StoreError: there is none of that number.
        """
        for found in self._select("WHERE number = ?", number):
            return found
        raise StoreError(f"no delivery {number} is here")

    def fetched(self, number: int) -> None:
        """Mark a delivery as taken in."""
        with database.opened(self._path, database.MAILBOX) as opened:
            opened.execute(
                "UPDATE mail SET fetched_us = ? WHERE number = ? AND fetched_us IS NULL",
                (self._clock.now_us(), number),
            )

    def _receipt(self, delivery: Delivery) -> bytes:
        with database.opened(self._path, database.MAILBOX) as opened:
            row = opened.execute(
                "SELECT receipt FROM mail WHERE sha256 = ? AND sender = ? AND sent_us = ?",
                (delivery.sha256, delivery.sender, delivery.time_us),
            ).fetchone()
        return bytes(row[0]) if row else b""

    def _select(self, where: str, *values: int) -> tuple[Mail, ...]:
        with database.opened(self._path, database.MAILBOX) as opened:
            rows = opened.execute(
                "SELECT number, sender, tlp, sha256, sent_us, received_us, body FROM mail"  # noqa: S608 - our own words
                f" {where} ORDER BY number",
                values,
            ).fetchall()
        return tuple(
            Mail(number, sender, Tlp.parse(tlp), sha256, sent, received, bytes(body))
            for number, sender, tlp, sha256, sent, received, body in rows
        )
