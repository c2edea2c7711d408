"""The matrix of competing hypotheses: what speaks against each, what tells them apart, and what hangs on whom.

Pure arithmetic over signed papers. How members' ratings of one cell are put together, and why:

* Members of one bloc are one voice: their ratings are averaged first, then the blocs'. Five allies are not five
  analysts.
* A cell counts when as many blocs have rated it as the charter's quorum wants (or all that may): on one bloc's word
  nothing is decided. What does not count is unknown, and may be anything: it makes ties, never a leader. Rows and
  columns without any cell that counts stay out, or one member could drown the rest in empty ones.
* A member that a hypothesis names does not count in that column; its ratings are shown all the same.
* An item that its provider retracted counts no more, and neither do ratings of it.
* Nothing is weighed by anybody's confidence in itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from pollwatch.attribution.hypotheses import Fit, Hypothesis, Item, Rating, standing
from pollwatch.attribution.retraction import Retraction, of
from pollwatch.members.charter import Charter
from pollwatch.members.member import Role

#: Differences of less are none: averages of halves and thirds.
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Cell:
    """How one item fits one hypothesis.

    Attributes:
        ratings: every member's last judgement, by member name.
        against: 0 to 2, over blocs; None where not enough blocs have rated it.
        step: -2 to 2, over blocs; None likewise.
    """

    ratings: Mapping[str, Rating]
    against: float | None
    step: float | None


@dataclass(frozen=True, slots=True)
class Without:
    """Which hypothesis leads when something is left out.

    Attributes:
        what: a member's name or an item's id.
        leading: ids of the hypotheses that then lead; several are a tie.
    """

    what: str
    leading: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """What speaks against a hypothesis: at least, and at most, should all that is unknown speak against it."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Matrix:
    """The whole.

    Attributes:
        incident: STIX id.
        hypotheses: the columns; those that are always there come last.
        items: the rows, without those that were taken back.
        retracted: the items that their providers took back.
        cells: by item id and hypothesis id; a cell that nobody rated is absent.
        against: for each hypothesis with a cell that counts, what speaks against it, over all items that count.
        diagnosticity: for each item, 0 to 4: how far it tells the hypotheses apart; 0 tells nothing.
        leading: ids of the hypotheses that may have the least against them: one leads, several are a tie, none where
            nothing counts.
        without_member: for each provider, what leads without its evidence.
        without_item: for each item, what leads without it.
    """

    incident: str
    hypotheses: tuple[Hypothesis, ...]
    items: tuple[Item, ...]
    retracted: tuple[Item, ...]
    cells: Mapping[tuple[str, str], Cell]
    against: Mapping[str, Range]
    diagnosticity: Mapping[str, float]
    leading: tuple[str, ...]
    without_member: tuple[Without, ...]
    without_item: tuple[Without, ...]


@dataclass(frozen=True, slots=True)
class Papers:
    """What was said about hypotheses, checked; about any incident."""

    hypotheses: tuple[Hypothesis, ...] = ()
    items: tuple[Item, ...] = ()
    ratings: tuple[Rating, ...] = ()
    retractions: tuple[Retraction, ...] = ()


def build(incident: str, papers: Papers, charter: Charter) -> Matrix:
    """The matrix of one incident; what is about others is left aside."""
    columns = (*(each for each in papers.hypotheses if each.incident == incident), *standing())
    rows = [each for each in papers.items if each.incident == incident]
    retracted = tuple(each for each in rows if of(each.name, each.provider, papers.retractions))
    kept = tuple(each for each in rows if each not in retracted)
    cells = _cells(columns, kept, papers.ratings, charter)
    members = sorted({each.provider.name for each in kept})

    def leading(rest: Sequence[Item]) -> tuple[str, ...]:
        return _leading(_against(columns, rest, cells))

    against = _against(columns, kept, cells)
    return Matrix(
        incident,
        columns,
        kept,
        retracted,
        cells,
        against,
        {each.name.id: _spread(each, columns, cells) for each in kept},
        _leading(against),
        tuple(Without(name, leading([each for each in kept if each.provider.name != name])) for name in members),
        tuple(Without(left.name.id, leading([each for each in kept if each is not left])) for left in kept),
    )


def _cells(
    columns: Sequence[Hypothesis], rows: Sequence[Item], ratings: Iterable[Rating], charter: Charter
) -> dict[tuple[str, str], Cell]:
    named = {each.name.id: each for each in rows}
    known = {each.id: each for each in columns}
    said: dict[tuple[str, str], dict[str, Rating]] = {}
    for each in sorted(ratings, key=lambda rating: (rating.created, rating.id)):
        row = named.get(each.item.id)
        if row is not None and row.name == each.item and each.hypothesis in known:
            said.setdefault((each.item.id, each.hypothesis), {})[each.author.name] = each
    return {place: _cell(known[place[1]], found, charter) for place, found in said.items()}


def _cell(hypothesis: Hypothesis, ratings: Mapping[str, Rating], charter: Charter) -> Cell:
    may = [each for each in charter.members if each.role is Role.MEMBER and each != hypothesis.respondent]
    blocs: dict[str, list[Fit]] = {}
    for each in ratings.values():
        if each.author in may:
            blocs.setdefault(each.author.bloc, []).append(each.fit)
    if not blocs or len(blocs) < min(charter.quorum.blocs, len({each.bloc for each in may})):
        return Cell(ratings, None, None)
    against = fmean(fmean(fit.against for fit in fits) for fits in blocs.values())
    step = fmean(fmean(fit.step for fit in fits) for fits in blocs.values())
    return Cell(ratings, against, step)


def _against(
    columns: Sequence[Hypothesis], rows: Sequence[Item], cells: Mapping[tuple[str, str], Cell]
) -> dict[str, Range]:
    counted = {place: cell.against for place, cell in cells.items() if cell.against is not None}
    kept_rows = [row.name.id for row in rows if any((row.name.id, column.id) in counted for column in columns)]
    found = {}
    for column in columns:
        known = [counted[row, column.id] for row in kept_rows if (row, column.id) in counted]
        if known:
            unknown = len(kept_rows) - len(known)
            found[column.id] = Range(sum(known), sum(known) + unknown * Fit.STRONGLY_INCONSISTENT.against)
    return found


def _leading(against: Mapping[str, Range]) -> tuple[str, ...]:
    least = min((each.most for each in against.values()), default=0.0)
    return tuple(name for name, each in against.items() if each.least - least < _SAME)


def _spread(row: Item, columns: Sequence[Hypothesis], cells: Mapping[tuple[str, str], Cell]) -> float:
    found = (cells.get((row.name.id, column.id)) for column in columns)
    steps = [cell.step for cell in found if cell is not None and cell.step is not None]
    return max(steps) - min(steps) if steps else 0.0
