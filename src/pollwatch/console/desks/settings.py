"""What the pages of elections and systems ask: the part of ``pollwatch.toml`` that an office writes itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ElectionForm:
    """One election, as people write it. Dates that are None are derived from election day.

    Attributes:
        zone: IANA name; all times are local there.
        opens: when the polls open.
        closes: when they close; before ``opens`` means after midnight.
    """

    name: str
    jurisdiction: str
    zone: str
    day: dt.date
    opens: dt.time
    closes: dt.time
    registration_deadline: dt.date | None = None
    early_voting: dt.date | None = None
    certification: dt.date | None = None


@dataclass(frozen=True, slots=True)
class AssetForm:
    """One system, as people write it.

    Attributes:
        kind: a word of ``election.vocabulary.KINDS``.
        appears_as: host names, addresses, networks and ``path:GLOB``, as logs name it.
    """

    name: str
    owner: str
    kind: str
    appears_as: tuple[str, ...]
    jurisdiction: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What stands in the file.

    Attributes:
        path: of the file; it need not exist yet.
        version: of its content; a change says which version it changes.
        elections: those that a form can hold.
        assets: likewise.
        by_hand: names of what was written in ways that a form cannot hold (phases of its own, say): it stays as it is.
    """

    path: str
    version: str
    elections: tuple[ElectionForm, ...]
    assets: tuple[AssetForm, ...]
    by_hand: tuple[str, ...]


class SettingsDesk(Protocol):
    """Elections and systems of this office.

    A change is checked as the program reads it, written in one step, and keeps comments and everything else in the
    file. Each raises RefusedError where that is not right, or where somebody else has changed the file meanwhile.
    """

    def written(self) -> Written:
        """What stands in the file."""
        ...

    def put_election(self, version: str, before: str, form: ElectionForm) -> None:
        """Write an election, in place of the one called ``before`` (empty: a further one)."""
        ...

    def put_asset(self, version: str, before: str, form: AssetForm) -> None:
        """Write a system, in place of the one called ``before`` (empty: a further one)."""
        ...

    def remove(self, version: str, section: str, name: str) -> None:
        """Take out an ``election`` or an ``asset``."""
        ...

    def kinds(self) -> Sequence[str]:
        """The kinds of systems."""
        ...
