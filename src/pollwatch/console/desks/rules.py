"""What the rules pages ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pollwatch.events.detection import Severity


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule of a list. All text is its author's, who may be anybody.

    Attributes:
        id: the Sigma rule's UUID, or a detector's dotted name.
        logsources: what it is about, as ``product/service`` words.
        techniques: ATT&CK ids.
        origin: ``shipped``, or the name of an import.
        fired: in how many incidents of the case it fired.
    """

    id: str
    title: str
    severity: Severity
    logsources: tuple[str, ...]
    techniques: tuple[str, ...]
    origin: str
    fired: int


@dataclass(frozen=True, slots=True)
class RuleCard:
    """One rule, whole.

    Attributes:
        row: as in lists.
        description: its author's words.
        meaning: what it means for an office, in plain language; may be empty.
        steps: what somebody without a security team does first.
        asked_of: the logsources of events that it is asked of.
        condition: when it fires, as an indented list.
        witnesses: the literals that the engine looks for before it asks the rule.
        fires: sample lines on which it must fire.
        silent: sample lines on which it must not.
        yaml: the rule's file.
    """

    row: RuleRow
    description: str
    meaning: str
    steps: tuple[str, ...]
    author: str
    references: tuple[str, ...]
    falsepositives: tuple[str, ...]
    asked_of: tuple[str, ...]
    condition: tuple[str, ...]
    witnesses: tuple[str, ...]
    fires: tuple[str, ...]
    silent: tuple[str, ...]
    yaml: str


@dataclass(frozen=True, slots=True)
class RuleTrial:
    """What a rule does on its samples and on the case's own events.

    Attributes:
        failed: samples on which it does not do as it should.
        samples: how many there are.
        events: events of the case that it was asked of; 0 where none is of its logsource.
        hits: how many of them fit it; None for rules that count over time, which are not timed alone.
        seconds: for all of them, on one core.
    """

    failed: tuple[str, ...]
    samples: int
    events: int
    hits: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class RefusedRule:
    """A rule that did not load, and why."""

    path: str
    origin: str
    reason: str


@dataclass(frozen=True, slots=True)
class RuleWish:
    """Which rules to list; what is empty does not narrow."""

    text: str = ""
    level: str = ""
    logsource: str = ""
    tag: str = ""
    origin: str = ""


class RuleDesk(Protocol):
    """The rules that scans and the watch use, with the imports of this case."""

    def listed(self, wish: RuleWish) -> Sequence[RuleRow]:
        """The rules that fit, those that fired most first, then by title."""
        ...

    def origins(self) -> Mapping[str, int]:
        """Where rules come from, and how many from each."""
        ...

    def refused(self) -> Sequence[RefusedRule]:
        """Rules that did not load."""
        ...

    def card(self, rule_id: str) -> RuleCard:
        """One rule.

        Raises:
            NotThereError: no rule of this id is loaded.
        """
        ...

    def trial(self, rule_id: str) -> RuleTrial:
        """Try a rule on its samples and on the newest events of the case; takes a second or two.

        Raises:
            NotThereError: no rule of this id is loaded.
        """
        ...
