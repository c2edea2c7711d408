"""Which columns of a logsource's events anybody is going to look at: what else was logged need not become one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pollwatch.events.batch import LogSource


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked at.

    Attributes:
        names: of columns that rules name, in lower case.
        keywords: lower-case ASCII texts without control characters: who looks for keywords in any column finds nothing
            in one none of whose values holds one of these. Values that are not ASCII may hold any.
        exact: names of other columns that are looked at, in their own case: Windows' ``Message`` is no ``message``.
    """

    names: frozenset[str]
    keywords: tuple[str, ...]
    exact: frozenset[str] = frozenset()


class Asking(Protocol):
    """Whoever says so."""

    def asked(self, logsource: LogSource) -> Asked | None:
        """What is looked at of a logsource's events; None = everything may be."""
