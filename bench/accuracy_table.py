"""What a measurement on one corpus says: rows of a table, what was missed, and remarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

DATA = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: how many of how many.

    Attributes:
        goal: the share to reach, in per cent (``>= 98``, ``<= 0.2``); empty where there is none.
    """

    name: str
    found: int
    total: int
    goal: str = ""

    @property
    def percent(self) -> float:
        """The share in per cent; 0 of nothing is 0."""
        return 100 * self.found / max(self.total, 1)

    @property
    def short(self) -> bool:
        """Whether the goal is missed."""
        sign, _, bound = self.goal.partition(" ")
        return bool(bound) and (self.percent < float(bound) if sign == ">=" else self.percent > float(bound))


@dataclass(frozen=True, slots=True)
class Measured:
    """A corpus and what came of it.

    Attributes:
        how: one sentence: what was counted.
        misses: what went wrong, one line each; attacker-written, so quoted by ``repr``.
        apart: what was counted apart, and why; all of it is listed.
    """

    corpus: str
    how: str
    rows: Sequence[Row]
    misses: Sequence[str] = field(default=())
    apart: Sequence[str] = field(default=())

    def text(self, misses: int) -> str:
        """For a terminal."""
        width = max(len(row.name) for row in self.rows) + 2
        lines = [f"\n{self.corpus}: {self.how}"]
        lines += [
            f"  {row.name:{width}}{row.found:6} of {row.total:6}  {row.percent:6.2f} %"
            + (f"  goal {row.goal} %{'  SHORT' if row.short else ''}" if row.goal else "")
            for row in self.rows
        ]
        return "\n".join([*lines, *(f"    missed: {miss[:300]}" for miss in self.misses[:misses])])

    def markdown(self, misses: int) -> str:
        """For ``ACCURACY.md``."""
        lines = [f"## {self.corpus}", "", self.how, "", "| | found | of | % | goal |", "|---|---:|---:|---:|---|"]
        lines += [
            f"| {row.name} | {row.found} | {row.total} | {row.percent:.2f} "
            f"| {row.goal}{' (short)' if row.short else ''} |"
            for row in self.rows
        ]
        if self.misses:
            shown = [f"- `{_shown(miss)}`" for miss in self.misses[:misses]]
            more = len(self.misses) - len(shown)
            lines += ["", f"Wrong ({len(self.misses)}):", "", *shown, *([f"- and {more} more"] if more > 0 else [])]
        if self.apart:
            lines += ["", f"Counted apart ({len(self.apart)}):", "", *(f"- `{_shown(each)}`" for each in self.apart)]
        return "\n".join([*lines, ""])


def _shown(text: str) -> str:
    return text[:200].replace("`", "'")
