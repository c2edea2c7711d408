"""What one batch teaches: what to look for in batches like it, and in which order to ask.

Per rule it is the need (``sigma.witness``) whose entries are rarest in a sample of the batch's rows. Nothing learned
changes a verdict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pollwatch.detect.columns import Column, Columns
from pollwatch.detect.questions import Questions
from pollwatch.detect.sigma.plan import Node
from pollwatch.detect.sigma.values import as_number
from pollwatch.detect.sigma.witness import Entry, Equal, Need, Needle, chosen
from pollwatch.kernels import conditions
from pollwatch.kernels.literals import AT_END, AT_START, Index, bits_for, gram_counts, hits, index

#: Rows that are looked at.
SAMPLE = 4_096
#: Where a rule's candidates would be more than this share of all rows, it is asked of all without looking.
_COMMON = 0.7
#: What a question costs: of a number or a constant, of a text where values repeat, per literal where they do not, and
#: of what no kernel can answer.
_CHEAP, _REPEATED, _VARIED, _FOREIGN = 0.1, 1.0, 8.0, 1_000.0
#: The entry of a literal of fewer bytes costs a second look at every byte.
_SHORT, _SHORT_COST = 4, 0.0001
_NOTHING = np.empty(0, np.int64)

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Learned:
    """What is looked for, and in which order conditions ask.

    Attributes:
        indexes: per field (None: every other text column) the literals, keywords among them, and which entry each is.
        equals: per field number -> entry.
        everywhere: per rule; 1 = nothing is looked for, every row is asked.
        starts, entries: per rule its entries.
        chains: the conditions.
        expected: candidates per row, in the sample.
        rows: in the batch that this was learned from.
    """

    indexes: Mapping[str | None, tuple[Index, Ints]]
    equals: Mapping[str, Mapping[float, int]]
    everywhere: npt.NDArray[np.uint8]
    starts: Ints
    entries: Ints
    chains: conditions.Chains
    expected: float
    rows: int


def searched(columns: Columns, field: str | None) -> list[Column]:
    """The columns in which a field's literals are looked for."""
    if field is None:
        return columns.keyword_columns()
    column = columns.column(field)
    return [] if column is None else [column]


def found(index_: Index, column: Column) -> tuple[Ints, Ints]:
    """Literals and the codes in whose texts they stand."""
    texts = column.texts
    which, where = hits(index_, texts.buffer, texts.begins, texts.ends, np.arange(len(texts.begins), dtype=np.int32))
    begins, ends, codes = texts.loose
    if not len(codes):
        return which, where
    more, there = hits(index_, texts.buffer, begins, ends, codes)
    return np.concatenate((which, more)), np.concatenate((where, there))


def equal_codes(column: Column, numbers: Mapping[float, int]) -> tuple[list[int], list[int]]:
    """Entries and the codes whose values are their numbers."""
    entries: list[int] = []
    codes: list[int] = []
    for code, value in enumerate(column.values):
        number = as_number(value)
        entry = None if number is None else numbers.get(number)
        if entry is not None:
            entries.append(entry)
            codes.append(code)
    return entries, codes


def learn(
    columns: Columns, rules: Sequence[Node], wanted: Sequence[Need | None], entries: Sequence[Entry], asked: Questions
) -> Learned:
    """Choose what to look for.

    Args:
        columns: of the batch.
        rules: their conditions.
        wanted: what each needs.
        entries: by their numbers.
        asked: the rules' atoms.
    """
    step = max(1, columns.length // SAMPLE)
    sample = _Sample(columns, np.arange(0, columns.length, step, dtype=np.int64))
    costs = sample.costs(entries)
    everywhere = np.ones(len(rules), np.uint8)
    starts, chosen_, expected = [0], list[int](), 0.0
    for at, need in enumerate(wanted):
        cost, mine = (1.0, set[int]()) if need is None else chosen(need, costs)
        if cost < _COMMON:
            everywhere[at] = 0
            chosen_ += sorted(mine)
        starts.append(len(chosen_))
        expected += min(cost, 1.0)
    indexes: dict[str | None, tuple[Index, Ints]] = {}
    used = sorted(set(chosen_))
    needles = _needles(entries, used)
    keywords = needles.pop(None, [])
    for field, own in [*needles.items(), *([(None, list[int]())] if keywords else [])]:
        numbers = [*own, *keywords]
        indexes[field] = sample.index(field, [entries[number] for number in numbers]), np.array(numbers, np.int32)
    equals: dict[str, dict[float, int]] = defaultdict(dict)
    for number in used:
        entry = entries[number]
        if isinstance(entry, Equal):
            equals[entry.field][entry.number] = number
    return Learned(
        indexes=indexes,
        equals=dict(equals),
        everywhere=everywhere,
        starts=np.array(starts, np.int32),
        entries=np.array(chosen_, np.int32),
        chains=asked.chains(rules, _atom_costs(columns, asked)),
        expected=expected,
        rows=columns.length,
    )


def _needles(entries: Sequence[Entry], numbers: Sequence[int]) -> dict[str | None, list[int]]:
    """The entries that are literals, by their fields."""
    found: dict[str | None, list[int]] = defaultdict(list)
    for number in numbers:
        entry = entries[number]
        if isinstance(entry, Needle):
            found[entry.field].append(number)
    return found


class _Sample:
    """Some rows of a batch, spread over it."""

    def __init__(self, columns: Columns, rows: Longs) -> None:
        self._columns = columns
        self._rows = rows
        self._codes: dict[int, tuple[Ints, Longs]] = {}

    def _values(self, column: Column) -> tuple[Ints, Longs]:
        """The codes that the rows hold, null left out, and how many rows hold each."""
        known = self._codes.get(id(column))
        if known is None:
            codes, counts = np.unique(column.codes[self._rows], return_counts=True)
            present = codes < len(column.distinct)
            known = self._codes[id(column)] = codes[present], counts[present]
        return known

    def costs(self, entries: Sequence[Entry]) -> list[float]:
        """Per entry, the share of rows that it stands in, and a little for being looked for at all."""
        costs = np.array([_prior(entry) for entry in entries], np.float64)
        for field, numbers in _needles(entries, range(len(entries))).items():
            index_ = self.index(field, [entries[number] for number in numbers])
            places = np.array(numbers)
            for column in searched(self._columns, field):
                codes, counts = self._values(column)
                texts = column.texts
                begins, ends = texts.begins[codes], texts.ends[codes]
                which, where = hits(index_, texts.buffer, begins, ends, np.arange(len(codes), dtype=np.int32))
                np.add.at(costs, places[which], counts[where] / len(self._rows))
            costs[places[index_.ends < 0]] = 1.0
        equals: dict[str, dict[float, int]] = defaultdict(dict)
        for number, entry in enumerate(entries):
            if isinstance(entry, Equal):
                equals[entry.field][entry.number] = number
        for field, numbers_ in equals.items():
            self._add_equals(field, numbers_, costs)
        result: list[float] = costs.tolist()
        return result

    def _add_equals(self, field: str, numbers: Mapping[float, int], costs: npt.NDArray[np.float64]) -> None:
        column = self._columns.column(field)
        if column is None:
            return
        if len(column.distinct) > SAMPLE:  # asking each value costs more than it spares
            costs[list(numbers.values())] = 1.0
            return
        codes, counts = self._values(column)
        share = dict(zip(codes.tolist(), (counts / len(self._rows)).tolist(), strict=True))
        for entry, code in zip(*equal_codes(column, numbers), strict=True):
            costs[entry] += share.get(code, 0.0)

    def index(self, field: str | None, entries: Sequence[Entry]) -> Index:
        """Literals ready to be looked for in a field."""
        needles = [entry for entry in entries if isinstance(entry, Needle)]
        bits = bits_for(len(needles))
        common = gram_counts(np.empty(0, np.uint8), _NOTHING, _NOTHING, bits)
        for column in searched(self._columns, field):
            codes, _ = self._values(column)
            texts = column.texts
            common += gram_counts(texts.buffer, texts.begins[codes], texts.ends[codes], bits)
        literals = np.frombuffer(b"".join(entry.literal for entry in needles), np.uint8)
        starts = np.cumsum([0, *(len(entry.literal) for entry in needles)]).astype(np.int64)
        marks = [AT_START * entry.at_start | AT_END * entry.at_end for entry in needles]
        return index(literals, starts, np.array(marks, np.uint8), common, bits)


def _prior(entry: Entry) -> float:
    """What an entry costs that no row of the sample has: it may stand in others, the sooner the shorter it is."""
    if isinstance(entry, Equal):
        return 1e-6
    size = len(entry.literal)
    return 0.0001 / (size * size) + (_SHORT_COST if size < _SHORT else 0.0)


def _atom_costs(columns: Columns, asked: Questions) -> Callable[[int], float]:
    table = asked.atoms().table
    column_costs = [_CHEAP if column is None else _per_text(column) for column in map(columns.column, asked.fields)]
    kinds, fields = table[:, conditions.KIND].tolist(), asked.field().tolist()
    pieces = (table[:, conditions.PART_END] - table[:, conditions.PART]).tolist()

    def cost(atom: int) -> float:
        if kinds[atom] == conditions.FOREIGN:
            return _FOREIGN
        return column_costs[fields[atom]] * (1 + pieces[atom]) if kinds[atom] == conditions.TEXT else _CHEAP

    return cost


def _per_text(column: Column) -> float:
    return _REPEATED if 2 * len(column.distinct) <= len(column.codes) else _VARIED
