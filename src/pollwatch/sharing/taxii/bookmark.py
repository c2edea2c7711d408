"""Where a pull ended: from when to ask next, and what was given shortly before. Kept between runs in one small file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pollwatch import canonical, durable
from pollwatch.errors import FormatError
from pollwatch.members import document
from pollwatch.sharing.taxii import times

SCHEMA: Final = "pollwatch.taxii-bookmark/1"
#: How far before the last date seen the next pull begins.
OVERLAP_US: Final = 5 * 60 * 1_000_000
#: Digests of objects that were given last, so that the overlap does not give them again.
_RECENT: Final = 5_000


@dataclass(frozen=True, slots=True)
class Bookmark:
    """From where to go on.

    Attributes:
        added_after: timestamp for the query; empty = from the beginning.
        recent: beginnings of the SHA-256 of objects that were given shortly before.
    """

    added_after: str = ""
    recent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the timestamp.

        Raises:
            FormatError: it is none.
        """
        if self.added_after:
            times.parse(self.added_after)

    def moved(self, last_us: int | None, recent: list[str]) -> Bookmark:
        """The bookmark after a page whose last object was added then; it never moves back."""
        if last_us is None:
            return Bookmark(self.added_after, tuple(recent[-_RECENT:]))
        moved = times.timestamp(last_us - OVERLAP_US)
        if self.added_after and times.parse(self.added_after) > times.parse(moved):
            moved = self.added_after
        return Bookmark(moved, tuple(recent[-_RECENT:]))

    def save(self, path: Path) -> None:
        """Keep it, atomically.

        Raises:
            StoreError: it cannot be written.
        """
        record = {"schema": SCHEMA, "added_after": self.added_after, "recent": list(self.recent)}
        durable.write_file(path, canonical.dumps(record), mode=0o600)

    @classmethod
    def load(cls, path: Path) -> Bookmark:
        """The bookmark in a file; from the beginning, where there is none.

        Raises:
            FormatError: the file holds something else.
        """
        if not path.exists():
            return cls()
        shape = {"schema": str, "added_after": str, "recent": list}
        record = document.fields(canonical.loads(path.read_bytes()), str(path), shape)
        if record["schema"] != SCHEMA:
            raise FormatError(f"{path} is no bookmark of a TAXII pull; delete it to begin anew")
        return cls(record["added_after"], document.texts(record["recent"], f"{path}: recent"))
