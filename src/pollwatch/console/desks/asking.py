"""What the page of SQL over the events asks, and who keeps which questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pollwatch.incidents.saved import Kind, Saved
from pollwatch.store.query import Answer, EventTable


class AskDesk(Protocol):
    """SQL over the events of the case: one SELECT, read only, within limits."""

    def tables(self) -> Sequence[EventTable]:
        """What can be asked, by name."""
        ...

    def columns(self, table: EventTable) -> Sequence[str]:
        """The columns of a table."""
        ...

    def ask(self, sql: str) -> Answer:
        """Ask, and wait for the answer.

        Raises:
            UsageError: it is no single SELECT, is not understood, or took too much; the message says which.
        """
        ...


class SavedDesk(Protocol):
    """Questions that people keep."""

    def of(self, owner: str, kind: Kind) -> Sequence[Saved]:
        """An account's own, and what others share."""
        ...

    def save(self, owner: str, kind: Kind, name: str, text: str, *, shared: bool) -> None:
        """Keep a question.

        Raises:
            UsageError: no name, nothing asked, or too many already.
        """
        ...

    def remove(self, owner: str, number: int) -> bool:
        """Forget a question of this account; whether there was one."""
        ...
