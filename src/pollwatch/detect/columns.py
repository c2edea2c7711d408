"""A batch as the engine sees it: each column's distinct values once, and tests asked once per distinct value.

The test itself is the plain evaluator's (``sigma.values``), so the engine cannot come to another verdict; it
only asks less often.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pollwatch.detect.sigma.plain import DERIVED, resolve
from pollwatch.detect.sigma.plan import SameAs, Test, Value
from pollwatch.detect.sigma.values import holds, same_as
from pollwatch.events.batch import EventBatch, is_text

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_UNKNOWN, _NO, _YES = -1, 0, 1


class Column:
    """One column, dictionary-encoded on first use."""

    def __init__(self, array: pa.ChunkedArray) -> None:
        """Keep the column; nothing is computed yet."""
        self._array = array
        self.is_text = is_text(array.type)
        self._codes: npt.NDArray[np.int32] | None = None
        self._values: list[Value] = []
        self._text: pl.Series | None = None
        self._verdicts: dict[Test, npt.NDArray[np.int8]] = {}

    def _encode(self) -> npt.NDArray[np.int32]:
        if self._codes is None:
            encoded = self._array.combine_chunks()
            if isinstance(encoded, pa.ChunkedArray):
                encoded = pa.concat_arrays(encoded.chunks) if encoded.num_chunks else pa.array([], self._array.type)
            encoded = encoded.dictionary_encode()
            values = encoded.dictionary
            # A null has no code of its own: it gets the one behind the last.
            self._codes = pc.fill_null(encoded.indices, len(values)).to_numpy(zero_copy_only=False)
            self._values = [*values.to_pylist(), None]
            if self.is_text:
                self._text = pl.Series(values.cast(pa.large_string()), dtype=pl.String)
        return self._codes

    @property
    def codes(self) -> npt.NDArray[np.int32]:
        """Each row's code."""
        return self._encode()

    @property
    def values(self) -> list[Value]:
        """Each code's value; the last is null."""
        self._encode()
        return self._values

    def test(self, test: Test, rows: Rows) -> Mask:
        """Which of the rows fulfil the test."""
        codes = self.codes[rows]
        verdicts = self._verdicts.get(test)
        if verdicts is None:
            verdicts = self._verdicts[test] = np.full(len(self.values), _UNKNOWN, dtype=np.int8)
        known = verdicts[codes]
        if (known == _UNKNOWN).any():
            asked = np.unique(codes[known == _UNKNOWN])
            verdicts[asked] = np.fromiter(holds(test, [self._values[code] for code in asked.tolist()]), dtype=np.int8)
            known = verdicts[codes]
        result: Mask = known == _YES
        return result

    def literals(self, literals: list[str]) -> tuple[Rows, list[str]]:
        """Codes and lower-case literals that stand in these codes' values, pair by pair."""
        self._encode()
        if self._text is None or not literals:
            return np.empty(0, dtype=np.int64), []
        # The long s folds to s in a regular expression that ignores case, but lower-casing leaves it.
        lower = self._text.str.to_lowercase().str.replace_all("\u017f", "s", literal=True)
        codes = lower.str.contains_any(literals).arg_true()
        if not len(codes):
            return np.empty(0, dtype=np.int64), []
        found = pl.DataFrame(
            {"code": codes, "literal": lower.gather(codes).str.extract_many(literals, overlapping=True)}
        )
        found = found.explode("literal").unique()
        return found["code"].to_numpy().astype(np.int64), found["literal"].to_list()

    def rows_of(self, codes: Rows) -> Rows:
        """The rows that hold one of these codes."""
        wanted = np.zeros(len(self.values), dtype=bool)
        wanted[codes] = True
        return np.flatnonzero(wanted[self.codes])


class Columns:
    """All columns of a batch, by the names that rules use."""

    def __init__(self, batch: EventBatch) -> None:
        """Look at the columns' names; nothing is computed yet."""
        self.length = len(batch)
        self._columns = {name: Column(batch.table[name]) for name in batch.table.column_names}
        self._resolved: dict[str, Column | None] = {}
        self._keyword: list[Column] | None = None

    def column(self, field: str) -> Column | None:
        """The column of a rule's field, or None where the batch has none."""
        if field not in self._resolved:
            name = resolve(self._columns, field)
            self._resolved[field] = None if name is None else self._columns[name]
        return self._resolved[field]

    def keyword_columns(self) -> list[Column]:
        """The text columns in which keywords are looked for."""
        if self._keyword is None:
            names = [name for name, column in self._columns.items() if column.is_text and not name.startswith(DERIVED)]
            self._keyword = [self._columns[name] for name in names]
        return self._keyword

    def test(self, field: str | None, test: Test, rows: Rows) -> Mask:
        """Which of the rows fulfil a leaf's test."""
        if field is None:
            return self._keyword_test(test, rows)
        if isinstance(test, SameAs):
            mine, theirs = self._row_values(field, rows), self._row_values(test.field, rows)
            pairs = zip(mine, theirs, strict=True)
            return np.fromiter((same_as(test, left, right) for left, right in pairs), dtype=bool, count=len(rows))
        column = self.column(field)
        if column is None:
            return np.full(len(rows), holds(test, [None])[0])
        return column.test(test, rows)

    def _keyword_test(self, test: Test, rows: Rows) -> Mask:
        hit = np.zeros(len(rows), dtype=bool)
        for column in self.keyword_columns():
            # An absent text holds no keyword, whatever the test says of null.
            present = column.codes[rows] != len(column.values) - 1
            hit |= column.test(test, rows) & present
        return hit

    def _row_values(self, field: str, rows: Rows) -> Iterable[Value]:
        column = self.column(field)
        if column is None:
            return [None] * len(rows)
        values = column.values
        return [values[code] for code in column.codes[rows].tolist()]

    def event(self, row: int) -> dict[str, Value]:
        """One row as the plain evaluator takes it."""
        return {name: column.values[int(column.codes[row])] for name, column in self._columns.items()}
