"""The telephone tree: whom to call, in which order, for the wall beside the telephone and the drawer of the clerk.

On paper it works when the network does not. It holds telephone numbers: it is for the office, and says so.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pollwatch.i18n import _
from pollwatch.report import typesetting
from pollwatch.report.html import page


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody to call.

    Attributes:
        name: who.
        role: what they are.
        telephone: the number.
        note: when not to, or since when on duty; may be empty.
    """

    name: str
    role: str
    telephone: str
    note: str


@dataclass(frozen=True, slots=True)
class Rung:
    """Those who are called together.

    Attributes:
        when: "first", "when nobody has answered after 15 minutes".
        entries: in order.
    """

    when: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class PhoneTree:
    """The sheet.

    Attributes:
        language: of its words.
        office: whose it is.
        rungs: in the order in which they are called.
        duty: shifts to come: from, until, name, telephone.
        owners: systems and who answers for each.
        made: when it was made, for people.
        exercise: whether nothing of it is real.
    """

    language: str
    office: str
    rungs: tuple[Rung, ...]
    duty: tuple[tuple[str, str, str, str], ...]
    owners: tuple[tuple[str, str], ...]
    made: str
    exercise: bool

    def plain(self) -> dict[str, object]:
        """As values that JSON knows, with its headings in the language that is spoken."""
        return {**asdict(self), "words": _words(self)}


def html(tree: PhoneTree) -> str:
    """As one page that prints on one sheet; it needs no network and runs nothing."""
    return page("phonetree.html.j2", styles=("report.css", "phonetree.css"), tree=tree, words=_words(tree))


def pdf(tree: PhoneTree, at_us: int) -> bytes:
    """As PDF, A4; ``at_us`` stands in it as the time of its making.

    Raises:
        StoreError: typst refuses to draw it.
    """
    return typesetting.pdf("phonetree.typ", tree.plain(), at_us)


def _words(tree: PhoneTree) -> dict[str, str]:
    return {
        "title": _("Whom to call"),
        "lead": _(
            "Call; do not write. Say who you are, what you see, since when. Then the next one, until somebody has it."
        ),
        "keep": _("Do not wipe, restart or clean anything. Do not answer the attacker."),
        "name": _("Name"),
        "role": _("Role"),
        "telephone": _("Telephone"),
        "note": _("Note"),
        "duty": _("On duty"),
        "start": _("From"),
        "end": _("Until"),
        "owners": _("Who answers for which system"),
        "system": _("System"),
        "owner": _("Whom to call"),
        "taken": _("Taken by, at"),
        "made": _("Made {when}. For the office only: it holds telephone numbers.").format(when=tree.made),
        "exercise": _("EXERCISE: nothing in it is real") if tree.exercise else "",
    }
