"""What detection remembers between batches, and its bounds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pollwatch.detect.interface import Memory
from pollwatch.detect.nodes import NEVER
from pollwatch.detect.observations import Names
from pollwatch.detect.table import Table

#: Observations that all correlations together hold at most, about 90 bytes each. Beyond it, those go first that wait
#: for nothing but a beginning that would come late (:meth:`Table.drop_idle`); then the correlation that holds most
#: forgets its oldest, and :attr:`State.dropped` counts them. Runs name as many lines, 40 bytes each: beyond it, those
#: go that were reported already (:meth:`RunLines.forget`).
MOST = 2_000_000
#: After this many new names, those that nobody uses any more are forgotten.
_MANY_NAMES = 100_000


@dataclass(slots=True)
class State:
    """What detection remembers between batches. ``step`` takes it over: use the one that it returns.

    Attributes:
        names: strings as small numbers.
        tables: what each correlation remembers, by its id.
        memories: what each detector remembers, by its id.
        latest_us: the latest time of any event.
        names_kept: how many names there were after the unused ones were forgotten last.
        most: observations that all correlations together hold at most, and lines that their runs name; not saved.
        forgotten: correlations and detectors of which a restored state was not taken over, since they are gone or
            changed.
    """

    names: Names = field(default_factory=Names)
    tables: dict[str, Table] = field(default_factory=dict)
    memories: dict[str, Memory] = field(default_factory=dict)
    latest_us: int = NEVER
    names_kept: int = 0
    most: int = field(default_factory=lambda: MOST)
    forgotten: tuple[str, ...] = ()

    @property
    def dropped(self) -> int:
        """Observations forgotten for want of memory; more than none means that slow attacks may go unseen."""
        return sum(table.dropped for table in self.tables.values())

    @property
    def late(self) -> int:
        """Observations that came after the window that they belong to had been judged, and were left out."""
        return sum(table.late for table in self.tables.values())

    def bound(self) -> None:
        """Forget what is too much."""
        while (held := sum(map(len, self.tables.values()))) > self.most:
            idle = max(self.tables.values(), key=Table.idle)
            if idle.drop_idle(held - self.most + self.most // 16):
                continue
            largest = max(self.tables.values(), key=len)
            # Some more than must be, so that it does not happen at every batch.
            largest.drop_oldest(max(0, len(largest) - (held - self.most) - len(largest) // 8))
        self._bound_runs()
        if len(self.names.texts) > 2 * self.names_kept + _MANY_NAMES:
            self._forget_names()

    def _bound_runs(self) -> None:
        for table in self.tables.values():
            table.lines.tidy(table.runs.values())
        held = sum(table.lines.live for table in self.tables.values())
        if held <= self.most:
            return
        wanted = self.most - self.most // 8
        for table in sorted(self.tables.values(), key=lambda each: each.lines.live, reverse=True):
            left = max(0, table.lines.live - (held - wanted))
            held -= table.lines.forget(table.runs.values(), left)

    def _forget_names(self) -> None:
        used = [codes for table in self.tables.values() for codes in table.names_used()]
        renamed = self.names.keep(np.unique(np.concatenate(used or [np.empty(0, np.int64)])).astype(np.int64))
        for table in self.tables.values():
            table.rename(renamed)
        self.names_kept = len(self.names.texts)
