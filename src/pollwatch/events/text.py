"""Text as servers see it: what a request means once it is decoded, in extra columns next to the original.

An attacker hides ``../`` as ``%252e%252e%c0%af`` and ``union select`` as ``UN%49ON/**/SELECT``; a rule should
not have to know every disguise. Each normalised column has the original's name behind ``norm.``:

- ``norm.cs-uri``, ``norm.cs-uri-stem``, ``norm.cs-uri-query``, ``norm.cs-user-agent``, ``norm.cs-referer``.
- ``norm.cs-uri-grammar`` and its like: which languages the text speaks (``pollwatch.events.meaning``).
- ``norm.layers`` int64: how many times something was percent-encoded over; 2 or more is itself evidence.

What normalising removes stays visible in the original column: ``%00``, double encoding, comments, case.
Every step is bounded: :data:`ROUNDS` rounds, :data:`LONGEST` characters.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pollwatch.events import meaning
from pollwatch.events.batch import ABSENT, Codes, EventBatch, encoded, plain
from pollwatch.events.decoding import decoded

PREFIX = "norm."
LAYERS = "norm.layers"
URI_COLUMNS = ("cs-uri",)
HEADER_COLUMNS = tuple(meaning.HEADERS)

_SQL_VERSIONED = re.compile(r"/\*!\d{0,6}(.{0,400}?)\*/", re.DOTALL)
_SQL_COMMENT = re.compile(r"/\*\*/|/\*[^!].{0,400}?\*/", re.DOTALL)
_SPACE = re.compile(r"[\s\x00-\x1f\x7f\u00a0]+")
_DOT_SEGMENT = re.compile(r"(?<=/)(?:\./)+")
_BACK = re.compile(r"(?<=\.\.)[\\/]+|\\(?=\.\.)")
#: What lower-casing alone does not settle. ``&`` and ``;`` stand in plain queries: only whole entities count.
_TOUCH = r"[%+\\]|/\*|/\./|\s\s|[^\x20-\x7e]|&(?:#|[A-Za-z][A-Za-z0-9]*;)|\.\.//"


def add_normalised(batch: EventBatch) -> EventBatch:
    """The batch with normalised columns added for each text column that has a normal form. Idempotent."""
    table = batch.table
    names = set(table.column_names)
    layers: np.ndarray[tuple[int], np.dtype[np.int64]] | None = None
    for name in URI_COLUMNS:
        if name in names and PREFIX + name not in names:
            codes, texts = _texts(table[name])
            stem, query, whole, layers = _uri_columns(texts)
            spoken = meaning.of_uris(texts, whole)
            if codes is not None:
                layers = np.append(layers, 0)[codes]
            for suffix, column in (("", whole), ("-stem", stem), ("-query", query), (meaning.SUFFIX, spoken)):
                table = table.append_column(f"{PREFIX}{name}{suffix}", _of_rows(codes, column))
    for name in HEADER_COLUMNS:
        if name in names and PREFIX + name not in names:
            codes, texts = _texts(table[name])
            normal = _header_column(texts)
            table = table.append_column(PREFIX + name, _of_rows(codes, normal))
            spoken = meaning.HEADERS[name](texts, normal)
            table = table.append_column(PREFIX + name + meaning.SUFFIX, _of_rows(codes, spoken))
    if layers is not None and LAYERS not in names:
        table = table.append_column(LAYERS, pa.array(layers))
    return batch if table is batch.table else replace(batch, table=table)


def _texts(column: pa.ChunkedArray) -> tuple[Codes | None, pa.Array]:
    """The texts to normalise: each once with the rows' codes, where the column has codes, else each row's."""
    if not pa.types.is_dictionary(column.type):
        return None, plain(column).cast(pa.string())
    codes, values = encoded(column)
    return codes, values.cast(pa.string())


def _of_rows(codes: Codes | None, normal: pa.Array) -> pa.Array:
    """Each row's text, where :func:`_texts` gave codes as codes again: many texts have the same normal form."""
    if codes is None:
        return normal
    again, values = encoded(normal)
    mine = np.append(again, np.int32(ABSENT))[codes]
    return pa.DictionaryArray.from_arrays(pa.array(mine, pa.int32(), mask=mine == ABSENT), values)


def _uri_columns(array: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Stem, query and whole URI in normal form, and the number of encoding layers of each row."""
    parts = pc.split_pattern(array, "?", max_splits=1)
    length = pc.list_value_length(parts)
    stem = pc.list_element(parts, 0) if len(array) else array
    has_query = pc.equal(length, 2)
    padded = pc.if_else(has_query, array, pc.binary_join_element_wise(array, "", "?"))
    query = pc.list_element(pc.split_pattern(padded, "?", max_splits=1), 1) if len(array) else array
    query = pc.if_else(has_query, query, pa.scalar(None, pa.string()))
    stem_norm, stem_layers = _normalised(stem, plus=True)
    query_norm, query_layers = _normalised(query, plus=True)
    whole = pc.if_else(has_query, pc.binary_join_element_wise(stem_norm, query_norm, "?"), stem_norm)
    return stem_norm, query_norm, whole, np.maximum(stem_layers, query_layers)


def _header_column(array: pa.Array) -> pa.Array:
    return _normalised(array, plus=False)[0]


def _normalised(array: pa.Array, *, plus: bool) -> tuple[pa.Array, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Lower-cased all at once; only rows with something to decode are touched one by one."""
    lower = pc.utf8_lower(array)
    layers = np.zeros(len(array), dtype=np.int64)
    touched = np.flatnonzero(
        pc.fill_null(pc.match_substring_regex(array, _TOUCH), fill_value=False).to_numpy(zero_copy_only=False)
    )
    if not touched.size:
        return lower, layers
    results = [_cached(text, plus) for text in array.take(pa.array(touched)).to_pylist()]
    layers[touched] = [depth for _, depth in results]
    mask = np.zeros(len(array), dtype=bool)
    mask[touched] = True
    return pc.replace_with_mask(lower, pa.array(mask), pa.array([text for text, _ in results], pa.string())), layers


@lru_cache(maxsize=4_096)
def _cached(text: str, plus: bool) -> tuple[str, int]:  # noqa: FBT001 - a cache key
    return normalise(text, plus=plus)


def normalise(text: str, *, plus: bool = True) -> tuple[str, int]:
    """A text in normal form, and how many layers of percent-encoding it wore.

    Args:
        text: as sent.
        plus: whether ``+`` means a space, as in queries (and in paths, to careless servers).
    """
    text, layers = decoded(text, plus=plus)
    return _flatten(text.replace("\x00", "").lower()), layers


def _flatten(text: str) -> str:
    if "/*" in text:
        text = _SQL_VERSIONED.sub(r" \1 ", text)
        text = _SQL_COMMENT.sub(" ", text)
    if ".." in text:
        text = _BACK.sub("/", text)
    if "/./" in text:
        text = _DOT_SEGMENT.sub("", text)
    return _SPACE.sub(" ", text)
