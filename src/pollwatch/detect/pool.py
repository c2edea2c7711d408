"""All texts of a batch in which something is looked for, as one run of bytes: one search for all columns.

Of a column of codes the values of each piece are looked at as they stand; that two pieces have the same is seen only
where something was found, since to make one dictionary of several costs more than to look twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pollwatch.detect.columns import Column, Columns, Piece
from pollwatch.detect.texts import Texts, folded
from pollwatch.kernels.literals import ANY

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

#: In place of a column's number: the batch has none for the field.
NONE = -2
#: Bytes of text that 32-bit offsets can count.
_MOST_BYTES = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Pool:
    """The texts.

    Attributes:
        columns: whose they are.
        fields: field -> its column's place in ``columns``.
        texts: of all pieces, one's behind the other's.
        owner: per text its column's place.
        rows: in the batch.
        keywords: the texts of all text columns are among them.
    """

    columns: Sequence[Column]
    fields: dict[str, int]
    texts: Texts
    owner: Ints
    rows: int
    keywords: bool
    _pieces: Sequence[tuple[int, Piece]]
    _ends: Longs

    def covers(self, names: Sequence[str | None]) -> bool:
        """Whether all that is to be looked for in these fields can be looked for here, and little else is here."""
        return self.keywords and None in names and all(name is None or name in self.fields for name in names)

    def places(self, names: Sequence[str | None]) -> Ints:
        """The places of fields' columns; of None (keywords) :data:`ANY`."""
        return np.array([ANY if name is None else self.fields.get(name, NONE) for name in names], np.int32)

    def shares(self, step: int) -> Longs:
        """In how many rows each text stands, looking at every so many."""
        counts = [
            np.bincount(self.columns[place].piece_codes(piece)[::step], minlength=len(piece.values))[
                : len(piece.values)
            ]
            for place, piece in self._pieces
        ]
        return np.concatenate([np.empty(0, np.int64), *counts])

    def codes(self, texts: Ints) -> tuple[Ints, Ints]:
        """Of some texts the place of their column, and their code in it; ``ABSENT`` where no row has it."""
        codes = np.empty(len(texts), np.int32)
        which = np.searchsorted(self._ends, texts, side="right")
        for nth in np.unique(which).tolist():
            mine = which == nth
            place, piece = self._pieces[nth]
            own = texts[mine] - np.int32(self._ends[nth] - len(piece.values))
            codes[mine] = self.columns[place].codes_of(piece, own)
        return self.owner[texts], codes


def pooled(columns: Columns, fields: Sequence[str | None]) -> Pool:
    """The texts of some fields' columns; with None among the fields, those of all text columns too."""
    found: list[Column] = []
    place: dict[int, int] = {}
    of_field: dict[str, int] = {}
    for name in fields:
        column = None if name is None else columns.column(name)
        if column is not None and name is not None:
            of_field[name] = place.setdefault(id(column), len(found))
            if of_field[name] == len(found):
                found.append(column)
    if None in fields:
        found += [each for each in columns.keyword_columns() if id(each) not in place]
    pieces = [(nth, piece) for nth, column in enumerate(found) for piece in column.pieces()]
    values = [piece.values for _, piece in pieces]
    sizes = np.array([len(each) for each in values], np.int64)
    size = sum(each.get_total_buffer_size() for each in values)  # never less; `nbytes` takes 40 times as long
    if size > _MOST_BYTES or any(pa.types.is_large_string(each.type) for each in values):
        values = [each.cast(pa.large_string()) for each in values]
    texts = folded(pa.concat_arrays(values) if values else pa.array([], pa.string()))
    owner = np.repeat(np.array([nth for nth, _ in pieces], np.int32), sizes)
    return Pool(found, of_field, texts, owner, columns.length, None in fields, pieces, np.cumsum(sizes))
