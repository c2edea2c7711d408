"""Chapter: when it happened, over the election calendar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pollwatch.clock import parse_rfc3339
from pollwatch.i18n import _
from pollwatch.report import timeline
from pollwatch.report.dossier.blocks import Band, Block, Chapter, Chart, Mark, Para, Row, Table, Tick, Tone
from pollwatch.report.dossier.inert import name
from pollwatch.report.dossier.material import Material
from pollwatch.report.dossier.proof import said
from pollwatch.report.dossier.statements import dissenting
from pollwatch.report.timeline import Scale
from pollwatch.report.words import phase_word, thousands

_LEAST = 4.0


@dataclass(frozen=True, slots=True)
class _Moments:
    """Things of one kind, as a row of the chart shows them; times in microseconds."""

    label: str
    tone: Tone
    times: tuple[int, ...]


def chapter(material: Material) -> Chapter:
    """The case over the calendar and near, the incident's steps, and the same in words."""
    blocks: list[Block] = []
    moments = _moments(material)
    known = [at for each in moments for at in each.times] + list(_span(material))
    spans = [edge for each in material.calendar.spans for edge in (each.start_us, each.end_us)]
    if spans and known:
        blocks.append(_rows(material, _("The case over the election calendar"), moments, [*spans, *known]))
    if known:
        blocks.append(_rows(material, _("The same, near"), moments, known))
    if material.own is not None:
        steps = _steps(material)
        blocks += [steps] if steps is not None else []
        blocks.append(_phases(material))
    blocks.append(_told(material))
    if spans:
        blocks.append(_calendar(material))
    else:
        blocks.append(Para(_("No election calendar is configured at the issuer's office.")))
    return Chapter("times", _("What happened when"), tuple(blocks), fresh=True)


def _moments(material: Material) -> list[_Moments]:
    record = material.record
    dissents = (pair[0] for tally in record.tallies for pair in dissenting(tally))
    kinds: list[tuple[str, Tone, Iterable[str]]] = [
        (_("Claimed"), "plain", (each.claim.created for each in record.judged)),
        (_("Denied"), "bad", (one.created for each in record.judged for one in each.denials)),
        (_("Asked"), "plain", (each.inquiry.created for each in record.asked)),
        (_("Answered"), "plain", (one.created for each in record.asked for one in each.answers)),
        (_("Stated together"), "good", (each.statement.created for each in record.tallies)),
        (_("Dissented"), "bad", (each.created for each in dissents)),
        (_("Measures"), "plain", (each.measure.created for each in record.taken)),
        (_("Taken back"), "warn", (each.created for each in record.papers.retractions)),
    ]
    found = (
        _Moments(label, tone, tuple(at for at in map(parse_rfc3339, times) if material.believable(at)))
        for label, tone, times in kinds
    )
    return [each for each in found if each.times]


def _rows(material: Material, title: str, moments: Iterable[_Moments], known: Sequence[int]) -> Chart:
    """Rows of what was done and said, from the first of some times to the last."""
    scale = Scale.around(min(known), max(known))
    span = _span(material)
    rows = [Row(_("Incident"), (_mark(scale, span[0], span[-1], "bad"),))] if span else []
    rows += [Row(each.label, tuple(_mark(scale, at, at, each.tone) for at in each.times)) for each in moments]
    return _chart(material, title, scale, rows)


def _span(material: Material) -> tuple[int, ...]:
    """From when to when the incident lasted; nothing where that cannot be drawn."""
    first_us, last_us = material.span_us
    if first_us is None or not material.believable(first_us):
        return ()
    return (first_us, last_us) if last_us is not None and material.believable(last_us) else (first_us,)


def _steps(material: Material) -> Chart | None:
    """The incident's steps, near."""
    phases = [] if material.own is None else material.own.phases
    dated = [(each.name, each.first_us, each.last_us or each.first_us) for each in phases if each.first_us is not None]
    if not dated or not all(map(material.believable, (at for _name, *span in dated for at in span))):
        return None
    first, last = min(at for _name, at, _end in dated), max(end for _name, _at, end in dated)
    scale = Scale.around(first, last)
    rows = [Row(name(step, 60), (_mark(scale, at, end, "bad"),)) for step, at, end in dated]
    return _chart(material, _("The steps of the incident"), scale, rows)


def _chart(material: Material, title: str, scale: Scale, rows: Iterable[Row]) -> Chart:
    bands = (Band(each.x, each.width, each.label, each.hot) for each in timeline.bands(material.calendar, scale))
    ticks = (Tick(each.x, each.label) for each in timeline.ticks(material.zone, scale))
    return Chart(title, tuple(bands), tuple(ticks), tuple(rows))


def _mark(scale: Scale, first_us: int, last_us: int, tone: Tone) -> Mark:
    return Mark(scale.x(first_us), scale.width(first_us, last_us, _LEAST), tone)


def _phases(material: Material) -> Table:
    phases = () if material.own is None else material.own.phases
    rows = tuple(
        (
            f"{number}. {name(each.name, 80)}",
            each.technique,
            material.when(each.first_us, seconds=True),
            material.when(each.last_us, seconds=True),
            thousands(each.lines),
        )
        for number, each in enumerate(phases, 1)
    )
    return Table((_("Step"), _("ATT&CK"), _("First"), _("Last"), _("Lines")), rows, (4, 2, 7, 7, 2))


def _told(material: Material) -> Table:
    """What was said, in the order in which its authors say that they said it."""
    ratings = {each.id for each in material.record.papers.ratings}
    rows = [
        (material.when(parse_rfc3339(created), seconds=True), what, name(who))
        for what, who, created, identifier in said(material)
        if identifier not in ratings
    ]
    return Table((_("When, as its author says"), _("What"), _("Who")), tuple(rows), (5, 5, 5))


def _calendar(material: Material) -> Table:
    spans = material.calendar.spans
    several = len({each.election for each in spans}) > 1
    rows = []
    for each in spans:
        phase = phase_word(each.phase)
        if several:
            phase = _("{phase} ({election})").format(phase=phase, election=name(each.election, 80))
        rows.append((phase, material.when(each.start_us), material.when(each.end_us)))
    head = _("Phase of the election") if several else name(spans[0].election, 80)
    return Table((head, _("From"), _("Until")), tuple(rows), (6, 6, 6))
