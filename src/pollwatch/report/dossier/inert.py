"""What members and attackers wrote, made inert for a page, and set in the direction in which it runs."""

from __future__ import annotations

import unicodedata

from pollwatch.attribution.extension import MAX_TEXT
from pollwatch.events.printable import printable
from pollwatch.report.dossier.blocks import Line

#: First strong isolate, and its end: a name keeps its own direction, and changes nothing around it.
_OPEN, _CLOSE = "\u2068", "\u2069"
_RTL = frozenset({"R", "AL"})


def name(text: str, limit: int = 200) -> str:
    """A name, or what somebody wrote, on one line, for a sentence or a table of ours."""
    shown = printable(" ".join(text[: limit + 1].split("\n")), limit)
    if shown.isascii() or not any(unicodedata.bidirectional(char) in _RTL for char in shown):
        return shown
    return f"{_OPEN}{shown}{_CLOSE}"


def words(text: str) -> str:
    """All that somebody wrote, on one line."""
    return name(text, MAX_TEXT)


def lines(text: str) -> tuple[Line, ...]:
    """What somebody wrote, line by line; nothing but control characters is changed, and these are spelt out."""
    return tuple(
        Line(shown, _runs_left(shown))
        for each in text[:MAX_TEXT].replace("\r\n", "\n").split("\n")
        if (shown := printable(each.replace("\t", "    "), MAX_TEXT)).strip()
    )


def _runs_left(text: str) -> bool:
    """Whether the first character that has a direction runs from right to left."""
    strong = (kind for char in text if (kind := unicodedata.bidirectional(char)) in {"L", *_RTL})
    return next(strong, "L") in _RTL
