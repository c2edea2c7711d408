"""The logs, as matching needs them."""

from __future__ import annotations

from typing import Protocol

from pollwatch.evidence.released import MatchCommitment
from pollwatch.members.member import Member


class Record(Protocol):
    """The logs, as matching needs them."""

    def post(self, subject: str, paper: bytes, private: MatchCommitment | None = None) -> int:
        """Put a paper into our shared log, for everybody; gives its place. Durable when it returns.

        Args:
            subject: what it is about.
            paper: the signed note.
            private: what our private log keeps of it besides; it is appended first.
        """

    def place(self, paper: bytes) -> int | None:
        """Where a paper stands in our shared log; None where it does not."""

    def papers(self, member: Member) -> tuple[bytes, ...]:
        """Every paper about matching in a member's shared log, as it shows it to us now, checked against its root.

        Raises:
            PeerError: the log cannot be read, or contradicts what was seen of it before.
        """
