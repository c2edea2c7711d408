"""A short paper for people who have one minute: headings, sentences and quotes, as Markdown and as one HTML file."""

from __future__ import annotations

from dataclasses import dataclass

from pollwatch.attribution.extension import MAX_TEXT
from pollwatch.report.dossier.blocks import Quote
from pollwatch.report.html import page
from pollwatch.report.markdown import inert


@dataclass(frozen=True, slots=True)
class Section:
    """One heading with what stands under it.

    Attributes:
        heading: of it.
        items: sentences; what attackers or peers wrote in them was made inert for a line.
        quotes: somebody's words, unaltered, below.
    """

    heading: str
    items: tuple[str, ...] = ()
    quotes: tuple[Quote, ...] = ()


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
    marks = [f"**{inert(each)}**" for each in sheet.marks]
    parts = [*marks, f"# {inert(sheet.title)}", inert(sheet.lead)]
    for section in sheet.sections:
        parts.append(f"## {inert(section.heading)}")
        if section.items:
            parts.append("\n".join(f"- {inert(each, MAX_TEXT)}" for each in section.items))
        for quote in section.quotes:
            said = "".join(f"\n>\n> {inert(each.text, MAX_TEXT)}" for each in quote.lines)
            parts.append(f"> **{inert(quote.head)}**{said}\n>\n> {inert(quote.foot)}")
    return "\n\n".join((*parts, *marks)) + "\n"


def html(sheet: Sheet) -> str:
    """The paper as one page without network or script; its texts are escaped."""
    return page("sheet.html.j2", sheet=sheet, limit=MAX_TEXT)
