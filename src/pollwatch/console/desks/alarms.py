"""What the page behind a message's link asks: which alarm it is, and that somebody has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Linked:
    """An alarm, as whoever has the link of a message sees it: no incident, no system, no address.

    Attributes:
        number: of the alarm.
        sentence: what it is, in the language that is spoken.
        person: whose link it is.
        opened_us: since when.
        waiting: whether nobody has it yet.
        by: who has it; empty where nobody does, or where it was over by itself.
    """

    number: int
    sentence: str
    person: str
    opened_us: int
    waiting: bool
    by: str


class AlarmDesk(Protocol):
    """The desk behind the links."""

    def linked(self, token: str) -> Linked | None:
        """The alarm of a link; None where it is of none. Changes nothing."""
        ...

    def take(self, token: str) -> Linked | None:
        """Whoever has the link has the alarm; None where it is of none. Doing it again changes nothing."""
        ...
