"""What one batch teaches: what to look for in batches like it.

Per rule it is the need (``sigma.witness``) whose entries are rarest in a sample of the batch's rows. Nothing learned
changes a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pollwatch.detect.columns import Column, Columns
from pollwatch.detect.pool import Pool, pooled
from pollwatch.detect.rulebook import Floats, Literals, Part
from pollwatch.detect.sigma.values import as_number
from pollwatch.kernels.choosing import chosen
from pollwatch.kernels.literals import ANY, Index, bits_for, count_grams, index, no_grams, picked
from pollwatch.kernels.searching import hits

#: Rows that are looked at; fewer where their texts are long: about so many bytes, but not fewer than so many rows.
SAMPLE = 4_096
_SAMPLE_BYTES, _FEWEST = 1 << 20, 256
#: Where a rule's candidates would be more than this share of all rows, it is asked of all without looking.
_COMMON = 0.7

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint32]
Common = tuple[Ints, int]
"""How often each hash of a gram occurs, and the bits of a hash."""


class Lesson(NamedTuple):
    """What was learned, as it is kept: of the conditions of one logsource in order, whose entries are numbered anew.

    Attributes:
        asked: the conditions, by their numbers among all.
        everywhere, starts, entries: as of :class:`Learned`.
        grams, ends: per literal among the entries, in order, by which gram each is looked for (``literals.picked``).
        figures: candidates per row, rows, and the bits of a gram's hash.
    """

    asked: Longs
    everywhere: npt.NDArray[np.uint8]
    starts: Ints
    entries: Ints
    grams: Words
    ends: Ints
    figures: Floats


@dataclass(frozen=True, slots=True)
class Learned:
    """What is looked for.

    Attributes:
        literals: the literals.
        searched: the fields whose texts they are looked for in; None = in any text column.
        equals: per field number -> entry.
        everywhere: per rule; 1 = nothing is looked for, every row is asked.
        starts, entries: per rule its entries.
        expected: candidates per row, in the sample.
        rows: in the batch that this was learned from.
    """

    literals: Literals
    searched: Sequence[str | None]
    equals: Mapping[str, Mapping[float, int]]
    everywhere: npt.NDArray[np.uint8]
    starts: Ints
    entries: Ints
    expected: float
    rows: int
    _common: list[Common] = field(default_factory=list)
    _index: list[Index] = field(default_factory=list)
    _pool: list[Pool] = field(default_factory=list)

    def pool(self, columns: Columns) -> Pool:
        """The texts of a batch; of the one that was just learned from, they may be put together already."""
        return self._pool.pop() if self._pool else pooled(columns, self.searched)

    def found(self, pool: Pool) -> tuple[Ints, Ints]:
        """Literals and the texts in which they stand; those that found no place in the index may stand in any."""
        if not self._index:
            common = self._common.pop() if self._common else _common(len(self.literals.numbers), pool, _shares(pool))
            self._index.append(_index(self.literals, _folded(common, bits_for(len(self.literals.numbers)))))
        index_ = self._index[0]
        lost = np.flatnonzero(index_.ends < 0).astype(np.int32)
        texts, wanted = pool.texts, pool.places(self.searched)[self.literals.field]
        every = np.arange(len(texts.begins), dtype=np.int32)
        pairs = [hits(index_, texts.buffer, texts.begins, texts.ends, every, pool.owner, wanted)]
        begins, ends, codes = texts.loose
        if len(codes):
            pairs.append(hits(index_, texts.buffer, begins, ends, codes, pool.owner[codes], wanted))
        for literal in lost.tolist():
            own = every if wanted[literal] == ANY else np.flatnonzero(pool.owner == wanted[literal]).astype(np.int32)
            pairs.append((np.full(len(own), literal, np.int32), own))
        if len(pairs) == 1:
            return pairs[0]
        return np.concatenate([which for which, _ in pairs]), np.concatenate([where for _, where in pairs])


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
    pool = pooled(columns, part.searched)
    costs, common = _costs(columns, part, pool)
    cost, everywhere, starts, entries = chosen(part.needs, part.starts, costs, _COMMON)
    expected = float(np.minimum(cost, 1.0).sum())
    made = _learned(part, everywhere, starts, entries, expected, columns.length)
    made._common.append(common)  # noqa: SLF001 - of the same module
    if pool.covers(made.searched):
        made._pool.append(pool)  # noqa: SLF001 - the same
    return made


def _learned(
    part: Part, everywhere: npt.NDArray[np.uint8], starts: Ints, entries: Ints, expected: float, rows: int
) -> Learned:
    used = np.zeros(len(part.costs), bool)
    used[entries] = True
    literals = part.literals.some(np.flatnonzero(used[part.literals.numbers]))
    fields, places = np.unique(literals.field, return_inverse=True)
    literals = replace(literals, field=places.astype(np.int32))
    equals = {
        name: {number: entry for number, entry in numbers.items() if used[entry]}
        for name, numbers in part.equals.items()
    }
    return Learned(
        literals=literals,
        searched=[part.searched[field] for field in fields.tolist()],
        equals={name: numbers for name, numbers in equals.items() if numbers},
        everywhere=everywhere,
        starts=starts,
        entries=entries,
        expected=expected,
        rows=rows,
    )


def lesson_of(learned: Learned, asked: Longs) -> Lesson | None:
    """What was learned of some conditions, to be kept; None where nothing was looked for yet."""
    if not learned._index:  # noqa: SLF001 - of the same module
        return None
    index_ = learned._index[0]  # noqa: SLF001 - the same
    figures = np.array([learned.expected, learned.rows, index_.bits], np.float64)
    return Lesson(asked, learned.everywhere, learned.starts, learned.entries, index_.grams, index_.ends, figures)


def recalled(lesson: Lesson, part: Part, asked: Longs) -> Learned | None:
    """What was learned in an earlier run; None where it was of other conditions."""
    if not np.array_equal(lesson.asked, asked) or lesson.entries.max(initial=-1) >= len(part.costs):
        return None
    expected, rows, bits = lesson.figures.tolist()
    made = _learned(part, lesson.everywhere, lesson.starts, lesson.entries, expected, int(rows))
    literals = made.literals
    if len(literals.numbers) != len(lesson.grams):
        return None
    made._index.append(  # noqa: SLF001 - of the same module
        index(literals.texts, literals.starts, literals.marks, lesson.grams, lesson.ends, int(bits))
    )
    return made


def _step(pool: Pool) -> int:
    """Of every how many rows one is looked at."""
    size = int((pool.texts.ends - pool.texts.begins).sum())
    return max(1, pool.rows // SAMPLE, min(size // _SAMPLE_BYTES, pool.rows // _FEWEST))


def _values(column: Column, rows: Longs) -> tuple[Ints, Longs]:
    """The codes that rows hold, null left out, and how many rows hold each."""
    counts = np.bincount(column.codes[rows], minlength=len(column.distinct))[: len(column.distinct)]
    codes = np.flatnonzero(counts)
    return codes.astype(np.int32), counts[codes]


def _shares(pool: Pool) -> Longs:
    """In how many rows of a sample each text stands."""
    return pool.shares(_step(pool))


def _costs(columns: Columns, part: Part, pool: Pool) -> tuple[Floats, Common]:
    """Per entry, the share of rows that it stands in, and a little for being looked for at all; and what is common."""
    costs = part.costs.copy()
    literals = part.literals
    rows, counts = np.arange(0, columns.length, _step(pool)), _shares(pool)
    held = np.flatnonzero(counts)
    common = _common(len(literals.numbers), pool, counts)
    if held.size:
        index_ = _index(literals, common)
        texts, wanted = pool.texts, pool.places(part.searched)[literals.field]
        places = np.arange(len(held), dtype=np.int32)
        begins, ends = texts.begins[held], texts.ends[held]
        which, where = hits(index_, texts.buffer, begins, ends, places, pool.owner[held], wanted)
        np.add.at(costs, literals.numbers[which], counts[held[where]] / len(rows))
        costs[literals.numbers[index_.ends < 0]] = 1.0
    for name, numbers in part.equals.items():
        number_column = columns.column(name)
        if number_column is None:
            continue
        if len(number_column.distinct) > SAMPLE:  # asking each value costs more than it spares
            costs[list(numbers.values())] = 1.0
            continue
        codes, often = _values(number_column, rows)
        share = dict(zip(codes.tolist(), (often / len(rows)).tolist(), strict=True))
        for entry, code in zip(*equal_codes(number_column, numbers), strict=True):
            costs[entry] += share.get(code, 0.0)
    return costs, common


def _common(literals: int, pool: Pool, counts: Longs) -> Common:
    """What is common in the texts of a pool that rows have, for an index of at most so many literals."""
    bits, held = bits_for(literals), np.flatnonzero(counts)
    common = no_grams(bits)
    count_grams(pool.texts.buffer, pool.texts.begins[held], pool.texts.ends[held], bits, common)
    return common, bits


def _index(literals: Literals, common: Common) -> Index:
    """Literals ready to be looked for in texts like those that it was counted in what is common."""
    counts, bits = common
    grams, ends = picked(literals.texts, literals.starts, counts, bits)
    return index(literals.texts, literals.starts, literals.marks, grams, ends, bits)


def _folded(common: Common, bits: int) -> Common:
    """The same for hashes of fewer bits: those that begin alike become one."""
    counts, before = common
    if bits >= before:
        return common
    grams = counts[: 1 << before].reshape(1 << bits, -1).sum(axis=1, dtype=np.int32)
    return np.concatenate((grams, counts[1 << before :])), bits
