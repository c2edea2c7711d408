"""The page in one language: published, and beside each claim what is said against it; the log; how to check both.

It runs nothing and loads nothing. What members wrote stands in blocks of their own, made inert and escaped; the
office's own words are paragraphs, never markup.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec
from babel import Locale, UnknownLocaleError

from pollwatch.errors import FormatError
from pollwatch.i18n import _, ngettext, speaking
from pollwatch.report.dossier import claims, statements, words
from pollwatch.report.dossier.inert import lines, name
from pollwatch.report.html import page
from pollwatch.report.public.material import Entry, LogState, Site
from pollwatch.report.words import severity_word, status_word
from pollwatch.sharing.publication import Kind, Words


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language as a page needs it: its code for HTML, its own name, and whether it runs from right to left."""

    code: str
    label: str
    rtl: bool

    @classmethod
    def of(cls, language: str) -> Tongue:
        """The language of a code, e.g. ``nl`` or ``pt_BR``.

        Raises:
            FormatError: there is none.
        """
        try:
            locale = Locale.parse(language.replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            raise FormatError(f"{language[:20]!r} is no language; write e.g. en, nl or pt_BR") from None
        return cls(str(locale).replace("_", "-"), locale.display_name or language, locale.text_direction == "rtl")


def html(site: Site, language: str) -> str:
    """The page in one of the site's languages."""
    tongue = Tongue.of(language)
    others = [(Tongue.of(each), site.page_name(each)) for each in site.languages]
    with speaking(language):
        return page(
            "public.html.j2",
            styles=("report.css", "dossier.css", "public.css"),
            d=tongue,
            site=site,
            title=title(site),
            watch=name(site.title) or _("Election watch"),
            office=name(site.office) or _("Election office"),
            tongues=others if len(others) > 1 else [],
            own_page=site.page_name(language),
            feed=site.feed_name(language),
            entries=[_entry(site, each, language) for each in site.entries],
            log=None if site.log is None else _log(site, site.log),
            groups=_in_fours,
        )


def title(site: Site) -> str:
    """Of page and feed, in the language that is spoken."""
    return _("{office}: what we publish").format(office=name(site.office) or _("Election office"))


def heading(entry: Entry, language: str) -> str:
    """What an entry is called, in the language that is spoken."""
    if entry.reasons is not None:
        return _("Withdrawn: {id}").format(id=entry.publication.id)
    said = entry.publication.in_language(language)
    if said is not None:
        return name(said.title)
    if entry.material is not None and entry.publication.kind is Kind.STATEMENT:
        subject = entry.publication.subject
        found = (each for each in entry.material.record.tallies if each.statement.name.id == subject)
        return name(next(found).statement.draft.title)
    return _("Who did it: a claim, and what is said against it")


def kind_word(kind: Kind) -> str:
    """What a publication is, in the reader's language."""
    return {
        Kind.INCIDENT: _("Incident"),
        Kind.CLAIM: _("Claim"),
        Kind.STATEMENT: _("Joint statement"),
        Kind.NOTICE: _("Announcement"),
    }[kind]


def _entry(site: Site, entry: Entry, language: str) -> dict[str, Any]:
    said = None if entry.reasons is not None else entry.publication.in_language(language)
    return {
        "of": entry,
        "heading": heading(entry, language),
        "kind": kind_word(entry.publication.kind),
        "said": _said(said, language),
        "reason": _said(_fitting(entry.reasons, language), language),
        "facts": () if entry.reasons is not None else _facts(entry),
        "blocks": _blocks(entry),
        "silent": _silent(entry),
        "record": entry.record,
        "first": site.when(entry.first_us),
        "changed": site.when(entry.changed_us) if entry.changed_us != entry.first_us else "",
    }


def _said(said: Words | None, language: str) -> dict[str, Any] | None:
    """Words as the template shows them; their language where it is not the page's."""
    if said is None:
        return None
    tongue = Tongue.of(said.language)
    foreign = tongue.code if said.language != language else ""
    return {"title": name(said.title), "lines": lines(said.text), "lang": foreign, "rtl": tongue.rtl}


def _fitting(reasons: tuple[Words, ...] | None, language: str) -> Words | None:
    given = reasons or ()
    return next((each for each in given if each.language == language), next(iter(given), None))


def _facts(entry: Entry) -> list[tuple[str, str]]:
    told = entry.publication.told
    if told is None:
        return []
    first, last = told.days
    days = first if first == last else _("{first} to {last}").format(first=first, last=last)
    steps = "; ".join(
        f"{name(step)} ({name(technique, 20)})" if technique else name(step) for step, technique in told.steps
    )
    facts = [(_("When"), days), (_("What was done"), steps), (_("How grave"), severity_word(told.severity))]
    return [each for each in (*facts, (_("Our work on it"), status_word(told.status))) if each[1]]


def _blocks(entry: Entry) -> list[Any]:
    """What members said, as the dossier draws it: the subject first, and denial and dissent beside every claim."""
    material = entry.material
    if material is None or entry.reasons is not None:
        return []
    said, subject = material.record, entry.publication.subject
    if entry.publication.kind is Kind.STATEMENT:
        judged = said.judged
        tallies = tuple(each for each in said.tallies if each.statement.name.id == subject)
    else:
        judged = tuple(each for each in said.judged if each.claim.id == subject)
        tallies = tuple(each for each in said.tallies if subject in {one.id for one in each.statement.draft.about})
    shown = replace(material, record=replace(said, judged=judged, tallies=tallies))
    chapters = [claims.chapter(shown).blocks if judged else (), statements.chapter(shown).blocks if tallies else ()]
    if entry.publication.kind is Kind.STATEMENT:
        chapters.reverse()
    return [msgspec.to_builtins(each) for blocks in chapters for each in blocks]


def _silent(entry: Entry) -> str:
    names = list(entry.publication.silent)
    if not names or entry.reasons is not None:
        return ""
    text = _(
        "Said something about it that is not shown, since it is not marked for the public or names somebody: {names}."
    )
    return text.format(names=words.listed(names))


def _log(site: Site, log: LogState) -> dict[str, Any]:
    rows = []
    for each in log.cosigners:
        if each.size is None:
            state, tone = _("has never signed for it"), "bad"
        elif each.present:
            state, tone = _("has signed for this state, on {when}").format(when=site.when(each.at_us)), "good"
        else:
            text = _("signed last for {size} entries, on {when}; not since")
            state, tone = text.format(size=each.size, when=site.when(each.at_us)), "warn"
        rows.append((name(each.name), name(each.bloc) or "–", state, tone))
    count = sum(each.present for each in log.cosigners)
    summary = ngettext(
        "{count} of {all} witness has signed for this state.",
        "{count} of {all} witnesses have signed for this state.",
        len(log.cosigners),
    ).format(count=count, all=len(log.cosigners))
    if log.needed:
        enough = (
            _("That is enough: {needed} are asked for.") if log.met else _("That is too few: {needed} are asked for.")
        )
        summary = f"{summary} {enough.format(needed=log.needed)}"
    return {"of": log, "rows": rows, "summary": summary, "signed": site.when(log.signed_us)}


def _in_fours(digest: str) -> str:
    """Hexadecimal digits in groups, as people compare them."""
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))
