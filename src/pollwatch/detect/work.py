"""How much the loops over windows have to do in this process, and so in which form they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pollwatch.detect import windows

#: From so much work on the loops run as machine code: to load that takes as long as so much work without it.
_MUCH: Final = 60_000


@dataclass(slots=True)
class Work:
    """What the loops of all correlations have to do in this process.

    Attributes:
        nodes: that were put in their place, or are about to be.
    """

    nodes: int = 0

    def load(self) -> None:
        """Say that there will be much to do: the loops run as machine code from now on."""
        self.nodes = max(self.nodes, _MUCH)

    def loops(self, ahead: int = 0) -> windows.Loops:
        """The loops as they are fastest for what there is to do.

        Args:
            ahead: nodes that are to be put in their place.
        """
        self.nodes += ahead
        return windows.fast() if self.nodes >= _MUCH else windows.PLAIN


WORK: Final = Work()
