"""A batch as the engine sees it: each column's distinct values once, and tests asked once per distinct value.

The test itself is the plain evaluator's (``sigma.values``), so the engine cannot come to another verdict; it
only asks less often.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pollwatch.detect.sigma import regex
from pollwatch.detect.sigma.plain import DERIVED, resolve
from pollwatch.detect.sigma.plan import Regex, SameAs, Test, Value
from pollwatch.detect.sigma.values import LONGEST, as_text, holds, same_as
from pollwatch.detect.texts import LOOSE, Texts, folded
from pollwatch.events.batch import ABSENT, EventBatch, encoded, is_text, whole

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_UNKNOWN, _NO, _YES = -1, 0, 1
#: So many rows are asked for keywords by their own texts, not column by column.
_FEW_ROWS = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """A column's values as they stand in one piece of it.

    Attributes:
        values: texts, each once.
        first: the piece's first row.
        chunk: the piece; None = the whole column, whose codes are those of its values.
    """

    values: pa.Array
    first: int = 0
    chunk: pa.DictionaryArray | None = None


class Column:
    """One column, dictionary-encoded on first use."""

    def __init__(self, array: pa.ChunkedArray) -> None:
        """Keep the column; nothing is computed yet."""
        self._array = array
        self.is_text = is_text(array.type)
        self.is_integer = pa.types.is_int64(array.type)
        self._encoded: tuple[npt.NDArray[np.int32], pa.Array] | None = None
        self._dictionary: pa.Array | None = None
        self._values: list[Value] | None = None
        self._texts: Texts | None = None
        self._verdicts: dict[Test, npt.NDArray[np.int8]] = {}

    def _encode(self) -> tuple[npt.NDArray[np.int32], pa.Array]:
        if self._encoded is None:
            codes, values = encoded(self._array)
            # A null has no code of its own: it gets the one behind the last.
            self._encoded = np.where(codes == ABSENT, np.int32(len(values)), codes), values
        return self._encoded

    @property
    def codes(self) -> npt.NDArray[np.int32]:
        """Each row's code."""
        return self._encode()[0]

    @property
    def distinct(self) -> pa.Array:
        """Each code's value, but for that of null, which is the code behind the last."""
        if self._dictionary is None:
            if pa.types.is_dictionary(self._array.type):  # which rows have which is not asked of every column
                self._array = whole(self._array)
                self._dictionary = self._array.dictionary
            else:
                self._dictionary = self._encode()[1]
        return self._dictionary

    @property
    def values(self) -> list[Value]:
        """Each code's value; the last is null."""
        if self._values is None:
            self._values = [*self.distinct.to_pylist(), None]
        return self._values

    @property
    def texts(self) -> Texts:
        """Each code's text as it is compared where case does not count; of a number the text that it reads as."""
        if self._texts is None:
            self._texts = folded(self.distinct if self.is_text else self._spelled())
        return self._texts

    def pieces(self) -> list[Piece]:
        """The texts (of numbers, what they read as) without making one dictionary of several."""
        array = self._array
        if isinstance(array, pa.ChunkedArray) and array.num_chunks > 1 and pa.types.is_dictionary(array.type):
            firsts = np.cumsum([0, *map(len, array.chunks)]).tolist()
            return [Piece(chunk.dictionary, first, chunk) for first, chunk in zip(firsts, array.chunks, strict=False)]
        return [Piece(self.distinct if self.is_text else self._spelled())]

    def piece_codes(self, piece: Piece) -> npt.NDArray[np.int32]:
        """The code of each of a piece's rows among its values; of null the one behind the last."""
        if piece.chunk is None:
            return self.codes
        indices = piece.chunk.indices
        if indices.null_count:
            indices = pc.fill_null(indices, len(piece.values))
        codes: npt.NDArray[np.int32] = indices.to_numpy(zero_copy_only=False)
        return codes

    def codes_of(self, piece: Piece, codes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The column's codes for some of a piece's; those that no row has are left out."""
        if piece.chunk is None:
            return codes
        mine = self.piece_codes(piece)
        moved = np.full(len(piece.values) + 1, ABSENT, np.int32)
        moved[mine] = self.codes[piece.first : piece.first + len(mine)]
        return moved[codes]

    def _spelled(self) -> pa.Array:
        return pa.array(map(as_text, self.distinct.to_pylist()), pa.string())

    def test(self, test: Test, rows: Rows) -> Mask:
        """Which of the rows fulfil the test."""
        codes = self.codes[rows]
        verdicts = self._verdicts.get(test)
        if verdicts is None:
            verdicts = self._verdicts[test] = np.full(len(self.distinct) + 1, _UNKNOWN, dtype=np.int8)
        known = verdicts[codes]
        if (known == _UNKNOWN).any():
            unknown = np.zeros(len(verdicts), bool)
            unknown[codes[known == _UNKNOWN]] = True
            asked = np.flatnonzero(unknown).astype(np.int32)
            absent = asked == len(self.distinct)
            verdicts[asked[~absent]] = self.holds(test, asked[~absent])
            verdicts[asked[absent]] = holds(test, [None])[0]
            known = verdicts[codes]
        result: Mask = known == _YES
        return result

    def holds(self, test: Test, codes: npt.NDArray[np.int32]) -> Mask:
        """For which of the codes, none of null, a test holds: not all of many values become Python's."""
        return _held(test, self.distinct.take(pa.array(codes)))

    def text_at(self, row: int) -> str | None:
        """The text of a row."""
        return self._array[row].as_py()  # type: ignore[no-any-return]

    def literals(self, literals: list[str]) -> tuple[Rows, list[str]]:
        """Codes and lower-case literals that stand in these codes' values, pair by pair."""
        if not self.is_text or not literals:
            return np.empty(0, dtype=np.int64), []
        texts = pl.Series(self.distinct.cast(pa.large_string()), dtype=pl.String).str.slice(0, LONGEST)
        if not pc.all(pc.string_is_ascii(self.distinct)).as_py():
            texts = texts.str.replace_many({chr(letter): ascii_ for letter, ascii_ in LOOSE.items()})
        lower = texts.str.to_lowercase()
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
        wanted = np.zeros(len(self.distinct) + 1, dtype=bool)
        wanted[codes] = True
        return np.flatnonzero(wanted[self.codes])


def _held(test: Test, values: pa.Array) -> Mask:
    """For which of some values a test holds."""
    if isinstance(test, Regex) and is_text(values.type):
        return regex.found_in(test, values, LONGEST)
    return np.array(holds(test, values.to_pylist()), bool)


class Columns:
    """All columns of a batch, by the names that rules use."""

    def __init__(self, batch: EventBatch) -> None:
        """Look at the columns' names; nothing is computed yet."""
        self.length = len(batch)
        table = batch.table
        self._columns = {name: Column(table.column(at)) for at, name in enumerate(table.column_names)}
        self._resolved: dict[str, Column | None] = {}
        self._keyword: list[Column] | None = None
        self._row_texts: dict[int, pa.Array] = {}

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
        if len(rows) <= _FEW_ROWS:  # to ask all columns, most of which nobody else asks, costs more
            return np.array([_held(test, self._texts_of(row)).any() for row in rows.tolist()], bool)
        hit = np.zeros(len(rows), dtype=bool)
        for column in self.keyword_columns():
            # An absent text holds no keyword, whatever the test says of null.
            present = column.codes[rows] != len(column.distinct)
            hit |= column.test(test, rows) & present
        return hit

    def _texts_of(self, row: int) -> pa.Array:
        """All texts of a row in which keywords are looked for."""
        if row not in self._row_texts:
            found = (column.text_at(row) for column in self.keyword_columns())
            self._row_texts[row] = pa.array(
                list(dict.fromkeys(text for text in found if text is not None)), pa.string()
            )
        return self._row_texts[row]

    def _row_values(self, field: str, rows: Rows) -> Iterable[Value]:
        column = self.column(field)
        if column is None:
            return [None] * len(rows)
        values = column.values
        return [values[code] for code in column.codes[rows].tolist()]

    def event(self, row: int) -> dict[str, Value]:
        """One row as the plain evaluator takes it."""
        return {name: column.values[int(column.codes[row])] for name, column in self._columns.items()}
