"""What one batch teaches: what to look for in batches like it.

Per rule it is the need (``sigma.witness``) whose entries are rarest in a sample of the batch's rows. Nothing learned
changes a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pollwatch.detect.columns import Column, Columns
from pollwatch.detect.rulebook import Floats, Literals, Part
from pollwatch.detect.sigma.values import as_number
from pollwatch.detect.texts import Texts, folded
from pollwatch.kernels.choosing import chosen
from pollwatch.kernels.literals import Index, bits_for, count_grams, hits, index, no_grams

#: Rows that are looked at.
SAMPLE = 4_096
#: Where a rule's candidates would be more than this share of all rows, it is asked of all without looking.
_COMMON = 0.7

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Learned:
    """What is looked for.

    Attributes:
        literals: per field (None: every other text column) the literals, keywords among them.
        equals: per field number -> entry.
        everywhere: per rule; 1 = nothing is looked for, every row is asked.
        starts, entries: per rule its entries.
        expected: candidates per row, in the sample.
        rows: in the batch that this was learned from.
    """

    literals: Mapping[str | None, Literals]
    equals: Mapping[str, Mapping[float, int]]
    everywhere: npt.NDArray[np.uint8]
    starts: Ints
    entries: Ints
    expected: float
    rows: int
    _indexes: dict[str | None, tuple[Index, Ints]] = field(default_factory=dict)

    def index(self, field: str | None, columns: Sequence[Column]) -> tuple[Index, Ints]:
        """A field's literals ready to be looked for, made when the first of its columns is met; and which are lost."""
        if field not in self._indexes:
            samples = [(column, *_values(column, _spread(len(column.codes)))) for column in columns]
            made = _index(self.literals[field], samples)
            self._indexes[field] = made, np.flatnonzero(made.ends < 0).astype(np.int32)
        return self._indexes[field]


def searched(columns: Columns, field: str | None) -> list[Column]:
    """The columns in which a field's literals are looked for."""
    if field is None:
        return columns.keyword_columns()
    column = columns.column(field)
    return [] if column is None else [column]


def found(index_: Index, lost: Ints, column: Column) -> tuple[Ints, Ints]:
    """Literals and the codes in whose texts they stand; those that found no place in the index may stand in any."""
    return _found(index_, lost, column.texts)


def _found(index_: Index, lost: Ints, texts: Texts) -> tuple[Ints, Ints]:
    every = np.arange(len(texts.begins), dtype=np.int32)
    pairs = [hits(index_, texts.buffer, texts.begins, texts.ends, every)]
    begins, ends, codes = texts.loose
    if len(codes):
        pairs.append(hits(index_, texts.buffer, begins, ends, codes))
    if len(lost):
        pairs.append((np.repeat(lost, len(every)), np.tile(every, len(lost))))
    if len(pairs) == 1:
        return pairs[0]
    return np.concatenate([which for which, _ in pairs]), np.concatenate([where for _, where in pairs])


def found_together(index_: Index, lost: Ints, columns: Sequence[Column]) -> list[tuple[Column, Ints, Ints]]:
    """:func:`found` for several columns in one search: most are small, and each search has its price."""
    values = [column.distinct.cast(pa.large_string()) for column in columns]
    texts = folded(pa.concat_arrays(values) if values else pa.array([], pa.large_string()))
    which, where = _found(index_, lost, texts)
    ends = np.cumsum([len(each) for each in values])
    owner = np.searchsorted(ends, where, side="right")
    pairs = []
    for nth in np.unique(owner).tolist():
        mine = owner == nth
        codes = where[mine] - np.int32(ends[nth] - len(values[nth]))
        pairs.append((columns[nth], which[mine], codes.astype(np.int32)))
    return pairs


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


def learn(columns: Columns, part: Part) -> Learned:
    """Choose what to look for in a batch like this one."""
    costs = _costs(columns, part)
    cost, everywhere, starts, entries = chosen(part.needs, part.starts, costs, _COMMON)
    used = np.zeros(len(costs), bool)
    used[entries] = True
    literals: dict[str | None, Literals] = {}
    for name, each in part.literals.items():
        which = np.flatnonzero(used[each.numbers])
        if which.size:
            literals[name] = each.some(which)
    keywords = literals.get(None)
    if keywords is not None:
        literals = {name: each if name is None else each.with_(keywords) for name, each in literals.items()}
    equals = {
        name: {number: entry for number, entry in numbers.items() if used[entry]}
        for name, numbers in part.equals.items()
    }
    return Learned(
        literals=literals,
        equals={name: numbers for name, numbers in equals.items() if numbers},
        everywhere=everywhere,
        starts=starts,
        entries=entries,
        expected=float(np.minimum(cost, 1.0).sum()),
        rows=columns.length,
    )


def _spread(length: int) -> Longs:
    """Some of so many rows, spread over them."""
    return np.arange(0, length, max(1, length // SAMPLE), dtype=np.int64)


def _values(column: Column, rows: Longs) -> tuple[Ints, Longs]:
    """The codes that rows hold, null left out, and how many rows hold each."""
    counts = np.bincount(column.codes[rows], minlength=len(column.distinct))[: len(column.distinct)]
    codes = np.flatnonzero(counts)
    return codes.astype(np.int32), counts[codes]


def _costs(columns: Columns, part: Part) -> Floats:
    """Per entry, the share of rows that it stands in, and a little for being looked for at all."""
    rows = _spread(columns.length)
    costs = part.costs.copy()
    known: dict[int, tuple[Ints, Longs]] = {}
    for name, literals in part.literals.items():
        samples = []
        for column in searched(columns, name):
            if id(column) not in known:
                known[id(column)] = _values(column, rows)
            samples.append((column, *known[id(column)]))
        if not samples:
            continue
        index_ = _index(literals, samples)
        for column, codes, counts in samples:
            texts = column.texts
            begins, ends = texts.begins[codes], texts.ends[codes]
            which, where = hits(index_, texts.buffer, begins, ends, np.arange(len(codes), dtype=np.int32))
            np.add.at(costs, literals.numbers[which], counts[where] / len(rows))
        costs[literals.numbers[index_.ends < 0]] = 1.0
    for name, numbers in part.equals.items():
        number_column = columns.column(name)
        if number_column is None:
            continue
        if len(number_column.distinct) > SAMPLE:  # asking each value costs more than it spares
            costs[list(numbers.values())] = 1.0
            continue
        codes, counts = _values(number_column, rows)
        share = dict(zip(codes.tolist(), (counts / len(rows)).tolist(), strict=True))
        for entry, code in zip(*equal_codes(number_column, numbers), strict=True):
            costs[entry] += share.get(code, 0.0)
    return costs


def _index(literals: Literals, samples: Sequence[tuple[Column, Ints, Longs]]) -> Index:
    """Literals ready to be looked for in columns like those of which some codes are given."""
    bits = bits_for(len(literals.numbers))
    common = no_grams(bits)
    for column, codes, _ in samples:
        texts = column.texts
        count_grams(texts.buffer, texts.begins[codes], texts.ends[codes], bits, common)
    return index(literals.texts, literals.starts, literals.marks, common, bits)
