"""What a log format is. A new one is one module here, one line in ``registry.py`` and one golden pair."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from pollwatch.events.asked import Asking
from pollwatch.events.batch import Parsed
from pollwatch.events.block import LineBlock

Framing = Literal["lines", "json"]
"""How records stand in the bytes: one per line, or JSON values (an array's elements, or one after another)."""


@dataclass(frozen=True, slots=True)
class ParseContext:
    """What a parser may know besides the lines.

    Attributes:
        path: the input, as its user named it.
        anchor_us: a moment not long after the last line (the file's modification time, else now); it settles
            the year of dates that lack one.
        zone: the zone of times that lack one.
        definition: the text after ``NAME:`` in ``--format``: a LogFormat or log_format string; empty = none.
        jobs: how many cores may be used.
        asking: says which columns are looked at, so that a parser may leave others out; None = all may be.
    """

    path: str
    anchor_us: int
    zone: dt.tzinfo = dt.UTC
    definition: str = ""
    jobs: int = 1
    asking: Asking | None = None


class Parser(Protocol):
    """Turns the blocks of one input, in order, into events. Keeps what it must remember between blocks."""

    def parse(self, block: LineBlock) -> Parsed:
        """Every line becomes one event or one quarantined line. Never raises on content."""


@runtime_checkable
class Halved(Protocol):
    """A :class:`Parser` whose work on a block has two halves, so that one thread can look at the next block ahead."""

    def begin(self, block: LineBlock) -> Callable[[], Parsed]:
        """The first half, of one block after another; what it returns does the second half of :meth:`Parser.parse`.

        Second halves are called in the order of their blocks too, by any one thread.
        """


class Format(Protocol):
    """One log format: how likely a sample is of it, and how to read it."""

    @property
    def name(self) -> str:
        """The short name that ``--format`` takes and ``--json`` shows."""

    @property
    def framing(self) -> Framing:
        """How its records stand in the bytes."""

    def sniff(self, sample: Sequence[str]) -> float:
        """How well the sample (some first non-empty records) fits, from 0 (not at all) to 1 (each one, fully)."""

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input.

        Raises:
            FormatError: ``context.definition`` is not a definition that this format understands.
        """
