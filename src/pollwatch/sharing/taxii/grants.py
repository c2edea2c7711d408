"""Collections and who may use them: an election, a marking and an audience make a collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pollwatch import canonical
from pollwatch.errors import PolicyError
from pollwatch.members.marking import Tlp
from pollwatch.stix import ids

#: Stands for every member of the charter, present and future.
EVERYBODY: Final = "*"
_MAX_TITLE: Final = 200


@dataclass(frozen=True, slots=True)
class Grants:
    """What one member may do with a collection (``can_read`` and ``can_write`` of section 5.2.1)."""

    can_read: bool
    can_write: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """What a collection is for.

    Attributes:
        title: for people.
        election: which election it is about; empty = all that the charter names.
        tlp: the strictest marking that it may hold.
        readers: names of the members that may read, or :data:`EVERYBODY`.
        writers: names of the members that may write, or :data:`EVERYBODY`.
        description: for people.
        alias: a name that can stand in URLs for the id; empty = none.
    """

    title: str
    election: str
    tlp: Tlp
    readers: tuple[str, ...]
    writers: tuple[str, ...] = ()
    description: str = ""
    alias: str = ""

    def __post_init__(self) -> None:
        """Check what types cannot say.

        Raises:
            PolicyError: a marking that names people and not organisations, or no title.
        """
        if self.tlp is Tlp.RED:
            raise PolicyError("TLP:RED is for the named people in the room; no collection can hold it")
        if not self.title.strip() or len(self.title) > _MAX_TITLE or not self.title.isprintable():
            raise PolicyError(f"a collection's title is 1 to {_MAX_TITLE} printable characters")
        if self.alias and (not self.alias.isascii() or not self.alias.replace("-", "").isalnum()):
            raise PolicyError(f"a collection's alias is of letters, digits and hyphens, not {self.alias[:40]!r}")

    @property
    def id(self) -> str:
        """A UUIDv4 that follows from election, marking, audience and title: making it again gives the same one."""
        audience = [sorted(self.readers), sorted(self.writers)]
        content = canonical.dumps([self.election, self.tlp.word, *audience, self.title])
        return ids.content_id("collection", content).removeprefix("collection--")

    def grants(self, member: str) -> Grants:
        """What a member may do."""
        return Grants(
            EVERYBODY in self.readers or member in self.readers, EVERYBODY in self.writers or member in self.writers
        )


@dataclass(frozen=True, slots=True)
class Shelf:
    """A collection as it is kept.

    Attributes:
        key: its number in the store.
        id: UUIDv4.
        terms: what it is for.
    """

    key: int
    id: str
    terms: Terms
