"""The disclosure ledger: everything that left, to whom, under which marking, by whose decision, with the receipt.

Order of a release: the marking is checked; the private log seals an entry that commits to it; the ledger keeps the
bytes; only then do they leave. Stop anywhere, and nothing has left that is not recorded. A disclosure without
receipt may or may not have arrived; sending it again sends the same bytes under the same number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pollwatch.clock import rfc3339
from pollwatch.errors import StoreError
from pollwatch.members.marking import Tlp
from pollwatch.sharing import database

_COLUMNS = (
    "number, at_us, receiver, subject, content, tlp, released_by, legal_basis, sha256, body, salt, log_index,"
    " received_us, note"
)


@dataclass(frozen=True, slots=True)
class Release:
    """What is about to leave.

    Attributes:
        receiver: member name.
        subject: what it is about, e.g. ``incident INC-1``.
        content: digest of what is told, whenever it is told; finds a release that was prepared or not confirmed.
        tlp: marking of the whole.
        released_by: who decided.
        legal_basis: why that is allowed.
        body: the exact bytes.
        sha256: of the body, in hex.
    """

    receiver: str
    subject: str
    content: str
    tlp: Tlp
    released_by: str
    legal_basis: str
    body: bytes = field(repr=False)
    sha256: str


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A release that was recorded.

    Attributes:
        number: its number in the ledger.
        at_us: when it was recorded.
        release: what left.
        salt: with which the entry commits to :func:`entry_of`.
        log_index: place of its entry in the private log.
        received_us: when, as the receiver's receipt says; None while there is none.
        receipt: the signed note; empty while there is none.
    """

    number: int
    at_us: int
    release: Release
    salt: bytes = field(repr=False)
    log_index: int
    received_us: int | None
    receipt: bytes = field(repr=False)


def entry_of(release: Release, at_us: int) -> dict[str, str]:
    """What the entry in the private log commits to: everything but the bytes, and their hash."""
    return {
        "receiver": release.receiver,
        "subject": release.subject,
        "tlp": release.tlp.word,
        "released_by": release.released_by,
        "legal_basis": release.legal_basis,
        "sha256": release.sha256,
        "time": rfc3339(at_us) or "",
    }


class Ledger:
    """The ledger of one member."""

    def __init__(self, path: Path) -> None:
        """Use the record file at this path; it is made when needed."""
        self._path = path

    def record(self, release: Release, at_us: int, salt: bytes, log_index: int) -> Disclosure:
        """Write a release down, before it leaves.

        Raises:
            StoreError: it cannot be written; then nothing may leave.
        """
        with database.opened(self._path, database.RECORD) as opened:
            cursor = opened.execute(
                "INSERT INTO disclosures (at_us, receiver, subject, content, tlp, released_by, legal_basis, sha256,"
                " body, salt, log_index) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    at_us,
                    release.receiver,
                    release.subject,
                    release.content,
                    release.tlp.word,
                    release.released_by,
                    release.legal_basis,
                    release.sha256,
                    release.body,
                    salt,
                    log_index,
                ),
            )
            number = cursor.lastrowid
        if number is None:
            raise StoreError("the ledger gave no number; nothing was released")
        return Disclosure(number, at_us, release, salt, log_index, None, b"")

    def confirm(self, number: int, received_us: int, receipt: bytes) -> None:
        """Keep the receipt of a disclosure; a second one changes nothing."""
        with database.opened(self._path, database.RECORD) as opened:
            opened.execute("INSERT OR IGNORE INTO receipts VALUES (?, ?, ?)", (number, received_us, receipt))

    def all(self, receiver: str = "") -> tuple[Disclosure, ...]:
        """Everything that ever left, oldest first: to one member, or to all."""
        return tuple(self._select("? IN ('', receiver)", receiver))

    def known(self, receiver: str, content: str) -> Disclosure | None:
        """The disclosure of this content to this member, if it was made: with or without receipt."""
        return next(self._select("receiver = ? AND content = ?", receiver, content), None)

    def unconfirmed(self) -> tuple[Disclosure, ...]:
        """Disclosures without receipt: they may or may not have arrived."""
        return tuple(self._select("note IS NULL"))

    def containing(self, part: bytes) -> tuple[Disclosure, ...]:
        """Every disclosure that holds these bytes, oldest first: to whom did we ever tell this?"""
        return tuple(self._select("instr(body, ?) > 0", part))

    def get(self, number: int) -> Disclosure:
        """One disclosure.

        Raises:
            StoreError: there is none of that number.
        """
        for found in self._select("number = ?", number):
            return found
        raise StoreError(f"the ledger has no disclosure {number}; see: pollwatch disclosures")

    def _select(self, where: str, *values: str | int | bytes) -> Iterator[Disclosure]:
        with database.opened(self._path, database.RECORD) as opened:
            rows = opened.execute(
                f"SELECT {_COLUMNS} FROM disclosures LEFT JOIN receipts USING (number)"  # noqa: S608 - our own words
                f" WHERE {where} ORDER BY number",
                values,
            ).fetchall()
        return iter([_disclosure(row) for row in rows])


def _disclosure(row: tuple[Any, ...]) -> Disclosure:
    number, at_us, receiver, subject, content, tlp, released_by, basis, sha256, body, salt, index, received_us, note = (
        row
    )
    release = Release(receiver, subject, content, Tlp.parse(tlp), released_by, basis, bytes(body), sha256)
    return Disclosure(number, at_us, release, bytes(salt), index, received_us, bytes(note or b""))
