"""What the ATT&CK page asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pollwatch.canonical import Json
from pollwatch.events.detection import Severity


@dataclass(frozen=True, slots=True)
class Seen:
    """One technique: what rules there are about it, and what was seen of it.

    Attributes:
        id: of ATT&CK, after following ``revoked-by``.
        name: its name there; a sub-technique's own name.
        rules: how many rules are about it.
        incidents: in how many incidents it was seen.
        worst: of these; None where there is none.
        parts: its sub-techniques with rules or incidents, by id.
    """

    id: str
    name: str
    rules: int
    incidents: int
    worst: Severity | None
    parts: tuple[Seen, ...] = ()

    @property
    def everything(self) -> tuple[int, Severity | None]:
        """Incidents of it or of a part of it (one that shows two counts twice), and the worst severity."""
        found = [self, *self.parts]
        return sum(each.incidents for each in found), max((each.worst for each in found if each.worst), default=None)


@dataclass(frozen=True, slots=True)
class Column:
    """A tactic with its techniques, those that were seen first."""

    tactic: str
    techniques: tuple[Seen, ...]


class AttackDesk(Protocol):
    """The case in ATT&CK's terms."""

    def columns(self) -> tuple[Column, ...]:
        """Tactics in the order of an attack; those without rules and incidents are left out."""
        ...

    def layer(self) -> dict[str, Json]:
        """The same for ATT&CK Navigator."""
        ...
