"""From what is known to a document: all chapters in their order."""

from __future__ import annotations

from babel import Locale, UnknownLocaleError

from pollwatch.i18n import _
from pollwatch.report.dossier import asked, claims, cover, glossary, proof, statements, times, weighing, words
from pollwatch.report.dossier.blocks import Document
from pollwatch.report.dossier.material import Material


def make(material: Material) -> Document:
    """The dossier, in the language that is spoken (:mod:`pollwatch.i18n`)."""
    language = _("en")
    return Document(
        language=language,
        rtl=_runs_left(language),
        tlp=material.tlp.label,
        tlp_word=material.tlp.word,
        tlp_means=words.marking(material.tlp),
        exercise=_("EXERCISE: nothing in it is real") if material.charter.exercise else "",
        made=_("As of {when}").format(when=material.when(material.as_of_us)),
        page_word=_("Page {page} of {pages}"),
        contents_word=_("Contents"),
        cover=cover.cover(material),
        chapters=(
            cover.summary(material),
            times.chapter(material),
            claims.chapter(material),
            statements.chapter(material),
            weighing.chapter(material),
            asked.inquiries(material),
            asked.measures(material),
            proof.evidence(material),
            proof.checking(material),
            proof.unknown(material),
            glossary.chapter(),
        ),
    )


def _runs_left(language: str) -> bool:
    try:
        return Locale.parse(language.replace("-", "_")).text_direction == "rtl"
    except (UnknownLocaleError, ValueError):
        return False
