"""A detection: one rule or detector firing, with the lines that made it fire and a sentence that says why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from pollwatch.events.batch import LogSource
from pollwatch.events.lines import LineSet


class Severity(IntEnum):
    """Ordered, so that ``max`` and ``>=`` mean what they say."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """``info`` ... ``critical``, as in Sigma's ``level`` and in every export."""
        return self.name.lower()

    @classmethod
    def parse(cls, word: str) -> Severity:
        """The severity of a Sigma level (``informational`` is ``info``).

        Raises:
            ValueError: no such level.
        """
        try:
            return cls["INFO" if word.lower() == "informational" else word.upper()]
        except KeyError:
            raise ValueError(f"no severity {word!r}; use info, low, medium, high or critical") from None


@dataclass(frozen=True, slots=True, order=True)
class Actors:
    """Who acted, as far as the log names them. Attacker-written: never trusted in any output."""

    ip: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    host: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Detection:
    """One rule or detector firing.

    Attributes:
        rule_id: the Sigma rule's UUID, or a detector's dotted name.
        title: the rule's title, for people.
        severity: as the rule says; incidents may raise or lower it.
        techniques: ATT&CK ids, most specific first: ``("T1110.001",)``.
        actors: who acted.
        targets: what was acted upon: hosts, virtual hosts, addresses.
        first_us: time of the first line, or None where no line has one.
        last_us: time of the last line.
        lines: exactly the lines that made it fire.
        why: one sentence, in plain language, with the numbers that matter.
        logsource: of the events.
        tool: an attack tool that the evidence names (``sqlmap``), else empty.
        succeeded: the evidence says that it worked (a log-in accepted, a shell answered), not merely that it was tried.
        meaning: what that means for an office, in plain language, where the rule says so.
        steps: what somebody without a security team does first, where the rule says so.
    """

    rule_id: str
    title: str
    severity: Severity
    techniques: tuple[str, ...]
    actors: Actors
    targets: tuple[str, ...]
    first_us: int | None
    last_us: int | None
    lines: LineSet
    why: str
    logsource: LogSource
    tool: str = ""
    succeeded: bool = False
    meaning: str = ""
    steps: tuple[str, ...] = ()
