"""What the console's navigation lists: each page for those who may see it. A new page adds one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pollwatch.console.access import Permission, Role, Viewer
from pollwatch.i18n import _


@dataclass(frozen=True, slots=True)
class Entry:
    """One page of the navigation.

    Attributes:
        path: where it is; pages below it belong to it.
        word: how it is called, asked for when it is shown.
        permission: what it takes to see it.
        group: entries of one group stand together.
    """

    path: str
    word: Callable[[], str]
    permission: Permission
    group: str = "watch"

    @property
    def label(self) -> str:
        """Its name in the language spoken now."""
        return self.word()


ENTRIES: Final = (
    Entry("/clerk", lambda: _("State"), Permission.READ),
    Entry("/inbox", lambda: _("Inbox"), Permission.READ),
    Entry("/exceptions", lambda: _("Exceptions"), Permission.LINES),
    Entry("/cards", lambda: _("Action cards"), Permission.READ),
    Entry("/statements", lambda: _("Statements"), Permission.READ),
    Entry("/attack", lambda: _("ATT&CK"), Permission.READ, "look"),
    Entry("/events", lambda: _("Ask the events"), Permission.SQL, "look"),
    Entry("/rules", lambda: _("Rules"), Permission.READ, "look"),
    Entry("/sources", lambda: _("Sources"), Permission.READ, "look"),
    Entry("/coverage", lambda: _("What the logs can show"), Permission.READ, "look"),
    Entry("/members", lambda: _("Members"), Permission.READ, "joint"),
    Entry("/claims", lambda: _("Who did it"), Permission.READ, "joint"),
    Entry("/matching", lambda: _("Matching"), Permission.READ, "joint"),
    Entry("/disclosures", lambda: _("Disclosures"), Permission.SHARE, "joint"),
    Entry("/elections", lambda: _("Elections and systems"), Permission.READ, "office"),
    Entry("/setup", lambda: _("First steps"), Permission.ADMIN, "office"),
    Entry("/accounts", lambda: _("Accounts"), Permission.ADMIN, "office"),
    Entry("/audit", lambda: _("Audit trail"), Permission.AUDIT, "office"),
    Entry("/me", lambda: _("My account"), Permission.SELF, "office"),
)


def groups(viewer: Viewer | None) -> list[list[Entry]]:
    """What a viewer may see, group by group; nothing for those who are not signed in."""
    seen: dict[str, list[Entry]] = {}
    for each in ENTRIES if viewer is not None else ():
        if viewer is not None and viewer.may(each.permission):
            seen.setdefault(each.group, []).append(each)
    return list(seen.values())


def home(viewer: Viewer) -> str:
    """Where a viewer begins: who runs an election at the light, who watches at the inbox."""
    return "/clerk" if viewer.role in {Role.CLERK, Role.OBSERVER} else "/inbox"
