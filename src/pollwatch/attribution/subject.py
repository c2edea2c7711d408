"""What members say something about: an object by its id *and* the SHA-256 of the very version they saw.

With the hash an opinion cannot be moved to another claim, and no claim, statement or inquiry be changed under it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pollwatch.errors import FormatError
from pollwatch.members import document
from pollwatch.members.member import Member
from pollwatch.stix import ids, signature
from pollwatch.stix.constants import StixObject

_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Named:
    """One version of one object.

    Attributes:
        id: STIX id.
        digest: SHA-256 in hex of the signed object.
    """

    id: str
    digest: str

    @classmethod
    def of(cls, each: StixObject) -> Named:
        """The name of a signed object."""
        return cls(each["id"], signature.digest(each))

    def record(self) -> dict[str, str]:
        """The name as JSON."""
        return {"id": self.id, "sha256": self.digest}

    @classmethod
    def from_record(cls, value: object) -> Named:
        """Read a name.

        Raises:
            FormatError: it is none.
        """
        record = document.fields(value, "the name of an object", {"id": str, "sha256": str})
        if not ids.ID.fullmatch(record["id"]) or not _HASH.fullmatch(record["sha256"]):
            raise FormatError(f"{record['id'][:80]!r} with {record['sha256'][:80]!r} names no version of an object")
        return cls(record["id"], record["sha256"])


@dataclass(frozen=True, slots=True)
class Subject:
    """A claim or statement, as an opinion sees it.

    Attributes:
        name: which, and which version.
        author: who signed it.
        respondents: the members it names; they object, and count for nothing in it.
    """

    name: Named
    author: Member
    respondents: tuple[Member, ...]
