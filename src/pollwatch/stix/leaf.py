"""A commitment in a log that its owner can open later."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pollwatch.errors import FormatError
from pollwatch.members import document

_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entry of a log, named without showing it.

    Attributes:
        log: the log's origin.
        index: the entry's place.
        leaf: RFC 6962 leaf hash in hex.
    """

    log: str
    index: int
    leaf: str

    def record(self) -> dict[str, str | int]:
        """The commitment as JSON."""
        return {"log": self.log, "index": self.index, "leaf": self.leaf}

    @classmethod
    def from_record(cls, value: object) -> Leaf:
        """Read a commitment.

        Raises:
            FormatError: it is none.
        """
        record = document.fields(value, "evidence leaf", {"log": str, "index": int, "leaf": str})
        if record["index"] < 0 or not _HASH.fullmatch(record["leaf"]):
            raise FormatError("an evidence leaf has an index and a hash of 64 hex digits")
        return cls(record["log"], record["index"], record["leaf"])
