"""STIX notes of ours: inquiries, answers, retractions and the papers on hypotheses, and what they have in common."""

from __future__ import annotations

from typing import Final

from pollwatch.attribution import extension
from pollwatch.errors import FormatError
from pollwatch.stix.constants import PAPER_EXTENSION, StixObject
from pollwatch.stix.objects import Maker

#: Every paper is a note by one member about one object, with its words in ``content``.
PAPERS: Final = (
    *("inquiry", "answer", "retraction", "notice", "hypothesis", "item", "rating"),
    *("closing", "measure", "outcome"),
)


def make(maker: Maker, paper: str, about: str, text: str, *, abstract: str = "", **said: object) -> StixObject:
    """Sign a paper.

    Args:
        maker: makes the author's objects.
        paper: one of :data:`PAPERS`.
        about: STIX id of what it is about.
        text: the author's words.
        abstract: one line for readers of plain STIX.
        said: what its extension says.

    Raises:
        PolicyError: no words.
    """
    return maker.make(
        "note",
        f"{paper} {about} {maker.now_us} {sorted(said.items())}",
        abstract=abstract or paper,
        content=extension.check_text(f"a paper ({paper})", text),
        object_refs=[about],
        extensions={PAPER_EXTENSION: extension.made(paper=paper, **said)},
    )


def kind(each: StixObject) -> str:
    """Which paper a note says that it is; empty for other objects.

    Raises:
        FormatError: it says that it is one of ours, and is none that we know.
    """
    if each.get("type") != "note" or not extension.has(each, PAPER_EXTENSION):
        return ""
    found = each["extensions"][PAPER_EXTENSION]
    said = found.get("paper") if isinstance(found, dict) else None
    if said not in PAPERS:
        raise FormatError(f"{extension.name_of(each)} is no paper of a kind that is known here")
    return str(said)


def about(each: StixObject) -> str:
    """STIX id of the one object that a paper is about.

    Raises:
        FormatError: it is about none, or several.
    """
    refs = each.get("object_refs")
    if not isinstance(refs, list) or len(refs) != 1 or not isinstance(refs[0], str):
        raise FormatError(f"{extension.name_of(each)} is about one object, and names it")
    return refs[0]


def text(each: StixObject) -> str:
    """The author's words.

    Raises:
        PolicyError: there are none, or too many.
    """
    return extension.check_text(extension.name_of(each), str(each.get("content", "")))
