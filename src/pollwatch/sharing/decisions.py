"""What named persons decided about the joint watch: with whom, how far, who else agreed, and why.

A decision is written down here at once, and committed to in the private log as soon as nobody holds that: a scan may
hold it for hours, and severing a member cannot wait. Nothing here ever leaves.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pollwatch import canonical
from pollwatch.errors import FormatError
from pollwatch.evidence import salted
from pollwatch.evidence.upkeep import Decision as Entry
from pollwatch.sharing import database

_MAX_TEXT = 2000
_LOGIN = Path("/proc/self/loginuid")
_NO_LOGIN = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides.

    Attributes:
        name: as given; whoever has the account can write any name.
        account: the system's name of the account, which cannot be typed.
    """

    name: str
    account: str

    @classmethod
    def here(cls, name: str = "") -> Person:
        """Whoever runs this process.

        Args:
            name: of the person; the account's name where empty.

        Raises:
            FormatError: a name that cannot be shown.
        """
        account = account_name()
        person = cls(name.strip() or account, account)
        check_text("a person's name", person.name)
        return person

    def record(self) -> dict[str, Any]:
        """The person as JSON."""
        return {"name": self.name, "account": self.account}


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision.

    Attributes:
        number: its number here.
        kind: what sort of decision (``stage`` ...).
        at_us: when.
        content: what was decided, by whom and why.
        salt: with which the private log commits to it.
        log_index: where in the private log; None while that could not be written.
    """

    number: int
    kind: str
    at_us: int
    content: dict[str, Any]
    salt: bytes = field(repr=False)
    log_index: int | None

    @property
    def entry(self) -> Entry:
        """What the private log gets."""
        opening = canonical.dumps({"kind": self.kind, "content": self.content})
        return Entry(salted.commitment(self.salt, opening), self.at_us)


class Decisions:
    """The decisions of one member."""

    def __init__(self, path: Path) -> None:
        """Use the record file at this path; it is made when needed."""
        self._path = path

    def add(self, kind: str, at_us: int, content: dict[str, Any]) -> int:
        """Write a decision down; gives its number.

        Raises:
            StoreError: it cannot be written.
        """
        row = (kind, at_us, canonical.dumps(content), salted.new_salt())
        with database.opened(self._path, database.RECORD) as opened:
            cursor = opened.execute("INSERT INTO decisions (kind, at_us, content, salt) VALUES (?, ?, ?, ?)", row)
        return cursor.lastrowid or 0

    def sealed(self, number: int, log_index: int) -> None:
        """Note where the private log commits to a decision."""
        with database.opened(self._path, database.RECORD) as opened:
            opened.execute(
                "UPDATE decisions SET log_index = ? WHERE number = ? AND log_index IS NULL", (log_index, number)
            )

    def unsealed(self) -> tuple[Decided, ...]:
        """Those that the private log does not commit to yet, oldest first."""
        return self._select("log_index IS NULL")

    def all(self, kind: str = "") -> tuple[Decided, ...]:
        """All decisions, or those of one kind, oldest first."""
        return self._select("? IN ('', kind)", kind)

    def _select(self, where: str, *values: str) -> tuple[Decided, ...]:
        with database.opened(self._path, database.RECORD) as opened:
            rows = opened.execute(
                "SELECT number, kind, at_us, content, salt, log_index FROM decisions"  # noqa: S608 - our own words
                f" WHERE {where} ORDER BY number",
                values,
            ).fetchall()
        return tuple(
            Decided(number, kind, at_us, canonical.loads(content), bytes(salt), index)
            for number, kind, at_us, content, salt, index in rows
        )


def account_name() -> str:
    """The system's name of the account that somebody logged in with, which stays the same through sudo and su.

    Where nobody logged in (a service, a container), it is the account that runs this process. A number where it has no
    name.
    """
    try:
        login = int(_LOGIN.read_text("ascii"))
    except (OSError, ValueError):
        login = _NO_LOGIN
    uid = os.geteuid() if login == _NO_LOGIN else login
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def check_text(what: str, text: str) -> None:
    """Accept what a person writes into a record.

    Raises:
        FormatError: it is empty, too long, or cannot be shown.
    """
    if not text or len(text) > _MAX_TEXT or not text.isprintable():
        raise FormatError(f"{what} is 1 to {_MAX_TEXT} printable characters, not {text[:40]!r}")
