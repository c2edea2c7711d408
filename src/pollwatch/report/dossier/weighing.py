"""Chapter: competing explanations, weighed; each cell with who rated it, and what hangs on whose evidence."""

from __future__ import annotations

from collections.abc import Sequence

from pollwatch.attribution.matrix import Cell as Rated
from pollwatch.attribution.matrix import Matrix as Weighed
from pollwatch.attribution.matrix import Without
from pollwatch.clock import parse_rfc3339
from pollwatch.i18n import _
from pollwatch.report.dossier import inert, words
from pollwatch.report.dossier.blocks import (
    Block,
    Cell,
    Chapter,
    Heading,
    Items,
    Matrix,
    MatrixColumn,
    MatrixRow,
    Notice,
    Para,
    Quote,
    Table,
)
from pollwatch.report.dossier.inert import name
from pollwatch.report.dossier.material import Material

#: So many columns stand side by side on a page; more make another table.
_SIDE_BY_SIDE = 6
#: So much of an item stands in the matrix, in characters; the rest of it below.
_SHOWN = 300


def chapter(material: Material) -> Chapter:
    """The matrix, what it comes to, and every rating with its reason."""
    found = material.matrix
    blocks: list[Block] = [
        Para(
            _(
                "Analysis of competing hypotheses: the explanation with the least evidence against it leads. Members "
                "of one bloc are one voice; a cell counts once enough blocs have rated it; whoever an explanation "
                "names does not count in its column. That it was made to look like somebody else's doing, and that it "
                "came from within, are on every list."
            )
        ),
        _columns(found),
    ]
    if not found.items:
        blocks.append(Notice(_("No item of evidence has been put up for weighing."), "plain"))
    else:
        numbers = range(0, len(found.hypotheses), _SIDE_BY_SIDE)
        blocks += [_matrix(found, range(at, min(at + _SIDE_BY_SIDE, len(found.hypotheses)))) for at in numbers]
        blocks.append(
            Para(
                _(
                    "++ fits very well, + fits, 0 says nothing either way, – speaks against it, – – speaks strongly "
                    "against it; in grey what too few blocs have rated to count. Tells apart: from 0 (fits all alike) "
                    "to 4."
                )
            )
        )
        blocks += [
            Quote(f"E{number}", inert.lines(each.text))
            for number, each in enumerate(found.items, 1)
            if len(each.text) > _SHOWN or "\n" in each.text
        ]
        blocks += [Heading(_("What hangs on whose evidence")), Items(tuple(_sensitivity(found)))]
        blocks += [Heading(_("Who rated what, and why")), _reasons(material, found)]
    if found.retracted:
        taken = tuple(
            _("{member}: {text}").format(member=name(each.provider.name), text=inert.words(each.text))
            for each in found.retracted
        )
        blocks += [Heading(_("Taken back, and counted no more")), Items(taken)]
    return Chapter("weighing", _("What else could explain it"), tuple(blocks), fresh=True)


def leading(found: Weighed) -> str:
    """What the weighing comes to, in a sentence."""
    return _leads(found, found.leading)


def _leads(found: Weighed, chosen: Sequence[str]) -> str:
    numbered = _numbered(found)
    if not chosen:
        return _("Nothing has been rated by enough blocs; no explanation leads.")
    if len(chosen) > 1:
        return _("{names} are level; none leads.").format(names=", ".join(numbered[each] for each in chosen))
    (texts,) = (words.hypothesis(each) for each in found.hypotheses if each.id == chosen[0])
    return _("{name} leads: {text}").format(name=numbered[chosen[0]], text=texts)


def _numbered(found: Weighed) -> dict[str, str]:
    return {each.id: f"H{number}" for number, each in enumerate(found.hypotheses, 1)}


def _columns(found: Weighed) -> Table:
    numbered = _numbered(found)
    rows = []
    for each in found.hypotheses:
        author = name(each.author.name) if each.author else _("on every list")
        named = name(each.respondent.name) if each.respondent else "–"
        rows.append((numbered[each.id], words.hypothesis(each), author, named))
    return Table(("", _("Explanation"), _("Put up by"), _("Names")), tuple(rows), (1, 9, 3, 3))


def _matrix(found: Weighed, columns: range) -> Matrix:
    shown = [found.hypotheses[number] for number in columns]
    head = []
    for number, each in zip(columns, shown, strict=True):
        against = found.against.get(each.id)
        if against is None:
            words_against = "?"
        elif against.least == against.most:
            words_against = _short(against.least)
        else:
            words_against = f"{_short(against.least)}–{_short(against.most)}"
        head.append(MatrixColumn(f"H{number + 1}", words_against, found.leading == (each.id,)))
    rows = []
    for number, item in enumerate(found.items, 1):
        cells = tuple(_cell(found.cells.get((item.name.id, each.id))) for each in shown)
        text = _("{member}: {text}").format(member=name(item.provider.name), text=name(item.text, _SHOWN))
        rows.append(MatrixRow(f"E{number}", text, cells, _short(found.diagnosticity[item.name.id])))
    return Matrix(tuple(head), tuple(rows), _("Evidence"), _("Tells apart"), _("Against it"))


def _short(value: float) -> str:
    """A figure with one decimal, or none where that says nothing."""
    return f"{value:.1f}".removesuffix(".0")


def _cell(rated: Rated | None) -> Cell:
    if rated is None:
        return Cell("", (), 0, counts=False)
    fits = [each.fit for each in rated.ratings.values()]
    step = rated.step if rated.step is not None else sum(each.step for each in fits) / len(fits)
    closest = min(words.SIGNS, key=lambda each: (abs(each.step - step), each.step))
    differ = len(set(fits)) > 1
    who = tuple(
        f"{name(member, 40)} {words.SIGNS[each.fit]}" if differ else name(member, 40)
        for member, each in rated.ratings.items()
    )
    return Cell(words.SIGNS[closest], who, closest.step, counts=rated.against is not None)


def _sensitivity(found: Weighed) -> list[str]:
    said = [_("With everything: {leads}").format(leads=leading(found))]
    names = {each.name.id: f"E{number}" for number, each in enumerate(found.items, 1)}
    parts: list[tuple[str, Without]] = [
        (_("Without the evidence of {member}").format(member=name(each.what)), each) for each in found.without_member
    ]
    parts += [(_("Without {item}").format(item=names[each.what]), each) for each in found.without_item]
    for what, without in parts:
        same = without.leading == found.leading
        leads = _("nothing changes.") if same else _leads(found, without.leading)
        said.append(_("{without}: {leads}").format(without=what, leads=leads))
    return said


def _reasons(material: Material, found: Weighed) -> Table:
    numbered = _numbered(found)
    rows = []
    for number, item in enumerate(found.items, 1):
        for each in found.hypotheses:
            cell = found.cells.get((item.name.id, each.id))
            for rating in cell.ratings.values() if cell else ():
                when = material.when(parse_rfc3339(rating.created))
                rows.append(
                    (
                        f"E{number} × {numbered[each.id]}",
                        name(rating.author.name),
                        words.fit(rating.fit),
                        inert.words(rating.text),
                        when,
                    )
                )
    return Table((_("Cell"), _("Who"), _("Rating"), _("Why"), _("When")), tuple(rows), (2, 3, 3, 5, 3))
