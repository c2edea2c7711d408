"""What the clerk's pages ask: how it stands, and what was asked and answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pollwatch.election.assets import Asset
from pollwatch.incidents.asking import Ask
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.light import Light
from pollwatch.report.phonetree import PhoneTree


@dataclass(frozen=True, slots=True)
class Watching:
    """Whether anybody is watching.

    Attributes:
        live: whether a watch runs, or ran, on this case; else it is what scans brought.
        looked_us: when something was last read; None = never.
        troubles: what is wrong, a sentence each; empty = nothing.
    """

    live: bool
    looked_us: int | None
    troubles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands.

    Attributes:
        light: the light, its word and one sentence.
        first: the incident to begin with; None = there is none.
        waiting: how many incidents are open or being worked on, small ones aside.
        watching: whether anybody is watching.
        owner: who is called about ``first``, as the configuration has it; may be empty.
    """

    light: Light
    first: Incident | None
    waiting: int
    watching: Watching
    owner: str


class ClerkDesk(Protocol):
    """The clerk's desk."""

    def standing(self) -> Standing:
        """How it stands now."""
        ...

    def ask(self, who: str, text: str, name: str) -> Ask:
        """I am not sure: tell those who can help. ``name`` is the incident that it is about; empty = the whole."""
        ...

    def answer(self, number: int, who: str, text: str) -> Ask:
        """Answer a question."""
        ...

    def waiting(self) -> list[Ask]:
        """The questions that nobody answered yet."""
        ...

    def asked_by(self, who: str) -> list[Ask]:
        """The latest questions of somebody."""
        ...

    def phones(self) -> PhoneTree:
        """Whom to call, in which order, as the settings have it."""
        ...

    def systems(self) -> Sequence[Asset]:
        """What is watched, and who is called about it."""
        ...
