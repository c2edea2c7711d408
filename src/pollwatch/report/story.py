"""A story of several steps as one HTML page: what was done, what came of it, and whether it went as it must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch.report.html import page


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened.

    Attributes:
        name: for programs: charter, publish, release, claim, denial, rewrite, verify, forgery.
        title: for people, one sentence.
        facts: label and value, in the order in which they are told.
        expected: whether it went as it must; False means that something is broken.
    """

    name: str
    title: str
    facts: tuple[tuple[str, str], ...] = ()
    expected: bool = True


def story_page(title: str, lead: str, steps: Sequence[Step], files: Sequence[tuple[str, str]]) -> str:
    """The page; it needs no network and runs no script.

    Args:
        title: of the story.
        lead: what it is about, in a sentence or two.
        steps: in order.
        files: what a reader can check alone: what it is, and the command that checks it.
    """
    return page("story.html.j2", title=title, lead=lead, steps=steps, files=files)
