"""The STIX objects that a member has: its own as released, and others' as received. Every version stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pollwatch import canonical
from pollwatch.attribution import record as records
from pollwatch.errors import PolicyError
from pollwatch.members.member import Member
from pollwatch.sharing import database
from pollwatch.stix import signature
from pollwatch.stix.constants import StixObject


@dataclass(frozen=True, slots=True)
class Held:
    """An object that is held.

    Attributes:
        author: name of the member that signed it; empty for constants, identities and observables.
        at_us: since when.
        source: the object, unaltered.
    """

    author: str
    at_us: int
    source: StixObject


class Collection:
    """All objects that one member holds."""

    def __init__(self, path: Path) -> None:
        """Use the record file at this path; it is made when needed."""
        self._path = path

    def add(self, objects: Iterable[StixObject], authors: Mapping[str, Member], at_us: int) -> tuple[StixObject, ...]:
        """Keep checked objects.

        Returns:
            Those that are new.
        """
        new = []
        with database.opened(self._path, database.RECORD) as opened:
            for each in objects:
                author = authors[each["id"]].name if each["id"] in authors else ""
                body = canonical.dumps(each)
                values = (each["id"], signature.digest(each), each["type"], author, at_us, body)
                if opened.execute("INSERT OR IGNORE INTO objects VALUES (?, ?, ?, ?, ?, ?)", values).rowcount:
                    new.append(each)
        return tuple(new)

    def holds(self, each: StixObject) -> bool:
        """Whether exactly this version of an object is here."""
        values = (each["id"], signature.digest(each))
        with database.opened(self._path, database.RECORD) as opened:
            return opened.execute("SELECT 1 FROM objects WHERE id = ? AND sha256 = ?", values).fetchone() is not None

    def of_type(self, kind: str) -> tuple[Held, ...]:
        """The objects of one STIX type, in the order in which they came."""
        with database.opened(self._path, database.RECORD) as opened:
            rows = opened.execute(
                "SELECT author, at_us, body FROM objects WHERE type = ? ORDER BY rowid", (kind,)
            ).fetchall()
        return tuple(Held(author, at_us, canonical.loads(body)) for author, at_us, body in rows)

    def created(self, author: Member) -> dict[str, str]:
        """When each object of an author was first made, by id."""
        with database.opened(self._path, database.RECORD) as opened:
            rows = opened.execute(
                "SELECT id, body FROM objects WHERE author = ? ORDER BY rowid", (author.name,)
            ).fetchall()
        return {identifier: str(canonical.loads(body).get("created")) for identifier, body in reversed(rows)}

    def forget(self, author: Member) -> int:
        """Delete what a member signed, but for what was posted in shared logs; gives how many objects went."""
        with database.opened(self._path, database.RECORD) as opened:
            rows = opened.execute("SELECT rowid, body FROM objects WHERE author = ?", (author.name,)).fetchall()
            gone = [rowid for rowid, body in rows if not records.is_spoken(canonical.loads(body))]
            opened.executemany("DELETE FROM objects WHERE rowid = ?", [(rowid,) for rowid in gone])
        return len(gone)

    def versions(self, identifiers: Iterable[str]) -> dict[str, StixObject]:
        """The version of each object that was changed last; unknown ids are left out."""
        found: dict[str, StixObject] = {}
        with database.opened(self._path, database.RECORD) as opened:
            for identifier in identifiers:
                for (body,) in opened.execute("SELECT body FROM objects WHERE id = ? ORDER BY rowid", (identifier,)):
                    each = canonical.loads(body)
                    if identifier not in found or each.get("modified", "") > found[identifier].get("modified", ""):
                        found[identifier] = each
        return found

    def revoked(self, author: Member) -> frozenset[str]:
        """The ids of the objects that an author took back."""
        with database.opened(self._path, database.RECORD) as opened:
            rows = opened.execute(
                "SELECT id, body FROM objects WHERE author = ? AND instr(body, ?)", (author.name, b'"revoked":true')
            ).fetchall()
        return frozenset(identifier for identifier, body in rows if canonical.loads(body).get("revoked") is True)

    def get(self, identifier: str) -> Held:
        """The latest version of an object, by its id or the beginning of it.

        Raises:
            PolicyError: there is none, or the beginning fits several.
        """
        with database.opened(self._path, database.RECORD) as opened:
            rows = opened.execute(
                "SELECT id, author, at_us, body FROM objects WHERE substr(id, 1, length(?)) = ? ORDER BY rowid DESC",
                (identifier, identifier),
            ).fetchall()
        if not rows:
            raise PolicyError(f"no object {identifier[:80]!r} was shared or received; see: pollwatch inbox")
        if len({row[0] for row in rows}) > 1:
            raise PolicyError(f"{identifier!r} is the beginning of several ids; give more of it")
        _identifier, author, at_us, body = rows[0]
        return Held(author, at_us, canonical.loads(body))
