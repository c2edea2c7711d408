"""The dossier: both papers say all of it, run nothing of it, and are the same each time."""

import io
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pypdf
import pytest
from msgspec import structs

from dossier_scenes import ARABIC, BIDI, CEDAR, DENIAL, DISSENT, HEBREW, HOSTILE, KYIV, TYPST, document, material, table
from pollwatch.attribution import record as records
from pollwatch.attribution.closing import Outcome
from pollwatch.attribution.hypotheses import Fit
from pollwatch.attribution.measure import Kind, Result
from pollwatch.attribution.scale import Confidence, Finding, Likelihood, Stance
from pollwatch.attribution.subject import Named
from pollwatch.attribution.tally import Part
from pollwatch.members.marking import Tlp
from pollwatch.report.dossier import contents, inert, page, pdf
from pollwatch.report.dossier import words as said
from pollwatch.report.dossier.blocks import Chart

NOW_US = 1_793_720_000_000_000


@cache
def drawn(language: str = "en", *, exercise: bool = False) -> bytes:
    """The PDF."""
    return pdf.pdf(document(language, exercise=exercise), NOW_US)


@cache
def pages(*, exercise: bool = False) -> tuple[str, ...]:
    """The text of each page, each run of white space as one space."""
    reader = pypdf.PdfReader(io.BytesIO(drawn(exercise=exercise)))
    return tuple(" ".join(each.extract_text().split()) for each in reader.pages)


def fonts(data: bytes) -> set[str]:
    """The families of all fonts in a PDF."""
    found = set()
    for each in pypdf.PdfReader(io.BytesIO(data)).pages:
        for font in each["/Resources"]["/Font"].get_object().values():
            found.add(str(font.get_object()["/BaseFont"]).partition("+")[2])
    return found


def test_denial_and_dissent_stand_beside_what_they_are_about() -> None:
    """Word for word, on the very page of the claim and of the statement."""
    (claimed,) = (each for each in pages() if f"Denial by {CEDAR}" in each)
    assert DENIAL in claimed
    assert "Addresses." in claimed
    (stated,) = (each for each in pages() if "The same sources came to three." in each)
    assert DISSENT in stated
    assert f"{CEDAR} denies claim C1" in pages()[0], "the cover says so too"
    assert f"{CEDAR} dissents from statement S1" in pages()[0]


def test_how_a_claim_ended_stands_with_it() -> None:
    """A word that it was refuted is shown, and that one member's word does not close it."""
    text = " ".join(pages())
    assert "on how it ended: refuted; it was not so" in text
    assert "The tools were planted." in text
    assert "It stays open: too few members" in text
    assert "Claim C1 is closed" not in text


def test_measures_say_who_decided_and_what_came_of_them() -> None:
    """An abuse report: by whom decided, to whom it went, what was handed over, and the outcome."""
    text = " ".join(pages())
    for words in (
        f"M1. {KYIV}: abuse report",
        "Decided by Оксана",
        "Went to abuse@isp.example",
        "9a" * 32,
        "What came of it: acted upon",
        "The machine was cut off.",
    ):
        assert words in text


def test_the_cover_names_who_what_and_which_bytes() -> None:
    """Issuer, count over blocs, marking, bundle, checkpoint."""
    cover = pages()[0]
    for words in (
        KYIV,
        "signed by 3 of 4 from 3 blocs; 3 from 2 blocs were needed",
        "TLP:AMBER: for those",
        "34" * 32,
        "12" * 32,
        "size 412",
    ):
        assert words in cover


def test_each_page_carries_its_marking_and_number() -> None:
    """Taken out of the whole, a page still says who may read it; twice, as the standard asks."""
    for number, each in enumerate(pages(), 1):
        assert each.count("TLP:AMBER") >= 2
        assert f"Page {number} of {len(pages())}" in each
        assert "EXERCISE" not in each


def test_each_page_of_an_exercise_says_so() -> None:
    """Nobody can take a page of an exercise for a real one."""
    assert all(each.count("EXERCISE: nothing in it is real") >= 2 for each in pages(exercise=True))
    html = page.html(document(exercise=True))
    assert html.count("EXERCISE: nothing in it is real") == html.count("<section") + 2


def test_the_same_case_gives_the_same_bytes() -> None:
    """Two who make the dossier of one case can compare it by its hash."""
    assert pdf.pdf(document(), NOW_US) == drawn()
    assert page.html(document()) == page.html(document())


def test_attack_20_typst_in_a_denial_is_only_text() -> None:
    """Attack 20: what a member writes is shown letter by letter, and runs nowhere."""
    text = " ".join(pages())
    assert TYPST in text
    assert BIDI not in text
    assert "\\u202egpj.exe\\u202c" in text
    assert "[U+738B]" in text, "a letter that no font has is told by its number"


def test_attack_20_html_in_a_denial_is_only_text() -> None:
    """Attack 20: no tag and no attribute of the page comes from what was written."""
    html = page.html(document())
    seen: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.append(tag)
            assert not any(name.startswith("on") or name in {"src", "style"} for name, _value in attrs)

    Reader().feed(html)
    assert not {"script", "img", "iframe", "object", "link"} & set(seen)
    assert "&lt;script&gt;window.pwned" in html
    assert not set("\u202e\u2066\x1b\x00") & set(html)
    assert DENIAL in html
    assert DISSENT in html


def test_cyrillic_arabic_and_hebrew_have_their_letters() -> None:
    """PDF/UA and PDF/A forbid a text without a glyph for it: typst then refuses, and the file would not claim them."""
    assert b"<pdfaid:part>2</pdfaid:part>" in drawn()
    assert b"<pdfuaid:part>1</pdfuaid:part>" in drawn()
    found = fonts(drawn())
    assert any(each.startswith("Amiri") for each in found), "Arabic"
    assert any(each.startswith("LibertinusSerif") for each in found), "Cyrillic and Hebrew"
    text = " ".join(pages())
    assert KYIV in text
    assert set(HEBREW) - {" "} <= set(text)
    assert set(ARABIC) - {" "} <= set(text)


def test_a_letter_that_no_font_has_stops_nothing() -> None:
    """A sign that slips past our list costs the claim to the standards, and not the dossier."""
    cover = structs.replace(document().cover, title="\u2427")
    made = pdf.pdf(structs.replace(document(), cover=cover), NOW_US)
    assert made.startswith(b"%PDF")
    assert b"pdfaid" not in made


@pytest.mark.parametrize("title", ["\u05da\u0591" * 60, "\u05da\u0591 " * 60])
def test_words_that_break_typst_stop_nothing(title: str) -> None:
    """Attack 20: a member whose denial makes the typesetter itself fail cannot keep others from a dossier."""
    cover = structs.replace(document().cover, title=title, caution="Still here.")
    made = pdf.pdf(structs.replace(document(), cover=cover), NOW_US)
    text = " ".join(each.extract_text() for each in pypdf.PdfReader(io.BytesIO(made)).pages)
    assert "Still here." in text
    assert DENIAL in " ".join(text.split())
    assert b"pdfaid" in made


def test_attack_25_an_absurd_date_bends_no_chart() -> None:
    """Attack 25: a denial that is dated in the year 9999 is shown with that date, and stays off the drawing."""
    base = material()
    (judged,) = base.record.judged
    late = replace(judged.denials[0], created="9999-12-31T23:59:59.999Z")
    record = replace(base.record, judged=(replace(judged, opinions=(late,)),))
    made = contents.make(replace(base, record=record, span_us=(-(10**16) * 6, NOW_US)))
    charts = [block for chapter in made.chapters for block in chapter.blocks if isinstance(block, Chart)]
    assert charts
    assert all(len(chart.ticks) < 12 for chart in charts)
    assert not [row for chart in charts for row in chart.rows if row.label == "Denied"]
    assert "9999-12-31 23:59:59 UTC" in page.html(made)


def test_right_to_left_runs_keep_to_themselves() -> None:
    """A name is isolated in our sentence; a paragraph runs as its first letter does."""
    assert inert.name(ARABIC) == f"\u2068{ARABIC}\u2069"
    assert inert.name(KYIV) == KYIV
    (first, second) = inert.lines(f"{HEBREW} 2026\nplain")
    assert (first.rtl, second.rtl) == (True, False)
    assert "".join(each.text for each in inert.lines(BIDI)).isprintable()


def test_what_hangs_on_whose_evidence_is_said() -> None:
    """Without Kyiv's own tool marks another explanation leads."""
    text = " ".join(pages())
    assert re.search(r"With everything: H1(?:, H2 are level; none leads| leads)", text) or "H2 leads" in text
    assert f"Without the evidence of {KYIV}: H2 leads" in text


def test_images_of_all_pages() -> None:
    """As many as the PDF has pages: for whoever looks before it goes out."""
    images = pdf.pages(document(), NOW_US, 20)
    assert len(images) == len(pages())
    assert all(each.startswith(b"\x89PNG") for each in images)


def test_dutch_papers_say_that_they_are_dutch() -> None:
    """Language of the papers, and of no other text."""
    reader = pypdf.PdfReader(io.BytesIO(drawn("nl")))
    assert reader.trailer["/Root"]["/Lang"] == "nl"
    assert '<html lang="nl"' in page.html(document("nl"))
    assert material().zone.key == "Europe/Kyiv"
    assert len(HOSTILE) > 300


def test_every_code_that_members_sign_has_words() -> None:
    """A member that left, a measure of any kind, an ending: no paper fails for want of a word for it."""
    words_of = {
        said.likelihood: Likelihood,
        said.chances: Likelihood,
        said.confidence: Confidence,
        said.finding: Finding,
        said.outcome: Outcome,
        said.stance: Stance,
        said.measure: Kind,
        said.result: Result,
        said.part: Part,
        said.fit: Fit,
        said.marking: Tlp,
    }
    for say, codes in words_of.items():
        assert all(say(code) for code in codes)


def test_a_statement_says_who_had_it_and_whose_words_were_dated_back() -> None:
    """The time of a receipt that is on record; nothing of one that is not; and a signature that counts as late."""
    shown = page.html(document())
    assert "no receipt on record" in shown
    assert "2026-11-03 14:13 (12:13 UTC)" in shown
    case = material()
    given = (each for voice in case.record.tallies[0].voices for each in voice.said)
    late = {Named.of(each.source).digest: "2026-12-24T00:00:00.000Z" for each in given}
    record = records.read(table(exercise=False).everything(), case.charter, late)
    shown = page.html(contents.make(replace(case, record=record)))
    assert "shown by the order of events to have come after it" in shown
