"""The forms of addresses that name a record by its number: ``/voter/17`` and ``/voter/18`` have one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pollwatch.detect.columns import Rows
from pollwatch.detect.interface import Seen
from pollwatch.detect.webtraffic import PART, is_part
from pollwatch.events.batch import offsets_and_bytes
from pollwatch.events.signs import EVERY_SIGN, Signs
from pollwatch.kernels.digits import marked

#: Numbers that are about how something is shown, not about which record: ``page=2``, ``?v=17``, dates, sizes.
_SHOWN: Final = (
    r"(?i)(?:^|[?&])(?:page|paged|p|offset|start|limit|count|size|per_page|w|width|h|height|q|quality|v|ver|version|t|ts|_|"
    r"time|timestamp|date|from|to|year|month|day|lat|lon|lng|zoom|z|x|y|bbox|cb|rnd|utm_\w+)=[^&]*"
)
_DATE: Final = r"/(?:19|20)\d\d(?:[/-]\d\d?){0,2}(?:/|$)"
_NUMBERS: Final = r"\d+"
_LAST_NUMBER: Final = r"(\d{1,15})\D*$"

#: Signs of texts that hold a number, and of those whose numbers may not all be about a record.
_NUMBERED, _SHOWN_OR_DATE, _PART_OF_PAGE = 1, 2, 4
_SIGNS: Final = {
    "cs-uri-stem": Signs({_NUMBERED: r"\d", _SHOWN_OR_DATE: _DATE, _PART_OF_PAGE: PART}),
    "cs-uri-query": Signs({_NUMBERED: r"\d", _SHOWN_OR_DATE: _SHOWN, _PART_OF_PAGE: PART}),
}
_Named: TypeAlias = tuple[npt.NDArray[np.integer[Any]], npt.NDArray[np.uint64], npt.NDArray[np.uint64]]


def of_stem() -> pl.Expr:
    """The form of an address by the numbers in its path."""
    return pl.col("cs-uri-stem").str.replace_all(_NUMBERS, "#")


def of_query() -> pl.Expr:
    """The form of a query, without what is only about how something is shown."""
    return pl.col("cs-uri-query").str.replace_all(_SHOWN, "").str.replace_all(_NUMBERS, "#")


@dataclass(frozen=True, slots=True)
class Forms:
    """For each row: whether its text names a record, a number for its form, and one for the text."""

    usable: npt.NDArray[np.bool_]
    form: npt.NDArray[np.uint64]
    what: npt.NDArray[np.uint64]
    _column: str
    _codes: Rows
    _texts: pl.Series

    def records(self, rows: Rows) -> npt.NDArray[np.int64]:
        """The numbers of the records that some rows name; 0 where one names none."""
        used, which = np.unique(self._codes[rows], return_inverse=True)
        texts = self._texts.gather(used[used < len(self._texts)])
        numbers = pl.DataFrame({"text": texts}).select(
            record=_plain(self._column).str.extract(_LAST_NUMBER).cast(pl.Int64, strict=False).fill_null(0)
        )
        found: npt.NDArray[np.int64] = np.append(numbers["record"].to_numpy(), np.int64(0))[which]
        return found


def _plain(column: str) -> pl.Expr:
    """A text without those numbers that are not about a record."""
    text = pl.col("text")
    return text.str.replace_all(_SHOWN, "") if column == "cs-uri-query" else text.str.replace_all(_DATE, "/")


def forms(seen: Seen, column: str, rows: Rows) -> Forms:
    """Forms of a column, made once for each distinct text of these rows."""
    codes, texts = seen.distinct(column, rows)
    signs = _SIGNS[column].of(_strings(texts))
    for bit in (_SHOWN_OR_DATE, _PART_OF_PAGE):  # a sign alone says little of what queries are called
        asked = np.flatnonzero((signs & bit != 0) & (signs != EVERY_SIGN))
        fits = texts.gather(asked).str.contains(_SIGNS[column].patterns[bit]).to_numpy()
        signs[asked[~fits]] ^= bit
    usable = np.zeros(len(texts) + 1, bool)
    form, what = np.zeros(len(texts) + 1, np.uint64), np.zeros(len(texts) + 1, np.uint64)
    for at, named in (
        (np.flatnonzero(signs == _NUMBERED), _of_numbers_alone),
        (np.flatnonzero((signs & _NUMBERED != 0) & (signs != _NUMBERED)), lambda some: _of_any(some, column)),
    ):
        if at.size:
            chosen, *numbers = named(texts if at.size == len(texts) else texts.gather(at))
            usable[at[chosen]], form[at[chosen]], what[at[chosen]] = True, *numbers
    return Forms(usable[codes], form[codes], what[codes], column, codes, texts)


def _of_any(texts: pl.Series, column: str) -> _Named:
    """Which of some texts name a record, and numbers for their forms and for them."""
    text = pl.col("text")
    made_of = pl.DataFrame({"text": texts}).select(
        usable=(text.str.contains(r"\d") & ~is_part("text")).fill_null(value=False), text=text
    )
    numbered = made_of.with_row_index("at").filter("usable").select("at", plain=_plain(column))
    numbered = numbered.filter(pl.col("plain").str.contains(r"\d")).select(
        "at",
        form=pl.col("plain").str.replace_all(_NUMBERS, "#").hash(seed=0),
        what=pl.col("plain").hash(seed=0),
    )
    return tuple(numbered[name].to_numpy() for name in ("at", "form", "what"))  # type: ignore[return-value]


def _of_numbers_alone(texts: pl.Series) -> _Named:
    """The same for texts of ASCII with a digit in which nothing stands that :func:`_of_any` leaves out."""
    offsets, data = offsets_and_bytes(_strings(texts))
    target, bounds = np.empty(int(offsets[-1] - offsets[0]), np.uint8), np.empty(len(offsets), np.int32)
    marked(data, offsets, ord("#"), target, bounds)
    made_of = pa.StringArray.from_buffers(len(texts), pa.py_buffer(bounds), pa.py_buffer(target))
    return np.arange(len(texts)), pl.Series(made_of).hash(seed=0).to_numpy(), texts.hash(seed=0).to_numpy()


def _strings(texts: pl.Series) -> pa.Array:
    return texts.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())
