"""A short paper for people who have one minute: headings, sentences and quotes, as Markdown and as one HTML file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pollwatch.attribution.extension import MAX_TEXT
from pollwatch.events.printable import printable
from pollwatch.report.dossier.blocks import Quote
from pollwatch.report.html import page
from pollwatch.report.markdown import code, special

_ISOLATES: Final = "\u2068\u2069"
_AROUND: Final = re.compile(f"([{_ISOLATES}])")


@dataclass(frozen=True, slots=True)
class Section:
    """One heading with what stands under it.

    Attributes:
        heading: of it.
        items: sentences; what attackers or peers wrote in them was made inert for a line.
        quotes: somebody's words, unaltered, below.
        commands: to be copied, at its end.
    """

    heading: str
    items: tuple[str, ...] = ()
    quotes: tuple[Quote, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """The paper.

    Attributes:
        language: of its words.
        title: of it.
        lead: one line below.
        marks: what must stand above and below: marking, exercise.
        sections: in their order.
    """

    language: str
    title: str
    lead: str
    marks: tuple[str, ...]
    sections: tuple[Section, ...]


def markdown(sheet: Sheet) -> str:
    """The paper as Markdown; nothing that others wrote is Markdown in it."""
    marks = [f"**{_inert(each)}**" for each in sheet.marks]
    parts = [*marks, f"# {_inert(sheet.title)}", _inert(sheet.lead)]
    for section in sheet.sections:
        parts.append(f"## {_inert(section.heading)}")
        if section.items:
            parts.append("\n".join(f"- {_inert(each)}" for each in section.items))
        for quote in section.quotes:
            said = "".join(f"\n>\n> {_inert(each.text)}" for each in quote.lines)
            parts.append(f"> **{_inert(quote.head)}**{said}\n>\n> {_inert(quote.foot)}")
        if section.commands:
            parts.append("\n".join(f"- {code(each)}" for each in section.commands))
    return "\n\n".join((*parts, *marks)) + "\n"


def html(sheet: Sheet) -> str:
    """The paper as one page without network or script; its texts are escaped."""
    return page("sheet.html.j2", sheet=sheet, plain=_plain)


def _inert(text: str) -> str:
    return special(_plain(text))


def _plain(text: str) -> str:
    """Text on one line; only the isolates stay that :mod:`inert` sets around names, since it escapes all others."""
    return "".join(part if part in _ISOLATES else printable(part, MAX_TEXT) for part in _AROUND.split(text))
