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
        group: entries of one group stand together; the first group stands in the bar, the others in the menu.
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
    Entry("/cards", lambda: _("Action cards"), Permission.READ),
    Entry("/statements", lambda: _("Statements"), Permission.READ),
    Entry("/accounts", lambda: _("Accounts"), Permission.ADMIN, "office"),
    Entry("/audit", lambda: _("Audit trail"), Permission.AUDIT, "office"),
    Entry("/me", lambda: _("My account"), Permission.SELF, "office"),
)


def entries(viewer: Viewer | None) -> list[Entry]:
    """What a viewer may see; nothing for those who are not signed in."""
    return [] if viewer is None else [each for each in ENTRIES if viewer.may(each.permission)]


def home(viewer: Viewer) -> str:
    """Where a viewer begins: who runs an election at the light, who watches at the inbox."""
    return "/clerk" if viewer.role in {Role.CLERK, Role.OBSERVER} else "/inbox"
