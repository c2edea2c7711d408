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
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pollwatch.events import meaning
from pollwatch.events.batch import ABSENT, Codes, EventBatch, encoded, gathered, offsets_and_bytes, plain
from pollwatch.events.decoding import decoded
from pollwatch.events.signs import Signs
from pollwatch.kernels.compiled import ready
from pollwatch.kernels.distinct import cut_at

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

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


SIGNS = {
    "cs-uri": Signs({meaning.ODD: meaning.ODD_URI, meaning.RAW: meaning.ODD_RAW, meaning.TOUCHED: _TOUCH}),
    "cs-user-agent": Signs({meaning.ODD: meaning.ODD_AGENT, meaning.TOUCHED: _TOUCH}),
    "cs-referer": Signs({meaning.ODD: meaning.ODD_URI, meaning.TOUCHED: _TOUCH}),
}


def add_normalised(batch: EventBatch) -> EventBatch:
    """The batch with normalised columns added for each text column that has a normal form. Idempotent."""
    table = batch.table
    names = set(table.column_names)
    layers: Longs | None = None
    for name in URI_COLUMNS:
        if name in names and PREFIX + name not in names:
            codes, texts = _texts(table[name])
            signs = SIGNS[name].of(texts)
            (stem, query, whole), layers = _uri_columns(texts, signs)
            spoken = meaning.of_uris(texts, whole, signs)
            if codes is not None:
                layers = np.append(layers, 0)[codes]
            # Of many addresses one page is asked for; their queries, as a rule, are as many as they.
            table = table.append_column(PREFIX + name, _of_rows(codes, whole, repeats=False))
            table = table.append_column(f"{PREFIX}{name}-stem", _of_rows(codes, stem))
            table = table.append_column(f"{PREFIX}{name}-query", _of_rows(codes, query, repeats=False))
            table = table.append_column(PREFIX + name + meaning.SUFFIX, _of_rows(codes, spoken))
    for name in HEADER_COLUMNS:
        if name in names and PREFIX + name not in names:
            codes, texts = _texts(table[name])
            signs = SIGNS[name].of(texts)
            normal = _header_column(texts, signs)
            table = table.append_column(PREFIX + name, _of_rows(codes, normal, repeats=False))
            spoken = meaning.HEADERS[name](texts, normal, signs)
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


def _of_rows(codes: Codes | None, normal: pa.Array, *, repeats: bool = True) -> pa.Array:
    """Each row's text, where :func:`_texts` gave codes as codes again: many texts may have the same normal form."""
    if codes is None:
        return normal
    if repeats:
        again, values = encoded(normal)
    else:
        again, values = np.arange(len(normal), dtype=np.int32), normal
        if normal.null_count:
            again[normal.is_null().to_numpy(zero_copy_only=False)] = ABSENT
            values = pc.fill_null(normal, "")
    mine = np.append(again, np.int32(ABSENT))[codes]
    absent = mine == ABSENT
    return pa.DictionaryArray.from_arrays(pa.array(mine, pa.int32(), mask=absent if absent.any() else None), values)


def _uri_columns(array: pa.Array, signs: Bytes) -> tuple[tuple[pa.Array, pa.Array, pa.Array], Longs]:
    """Stem, query and whole URI in normal form, and the number of encoding layers of each row.

    ``signs`` says which may be other than in lower case; all whose normal form may be odd are marked in it.
    """
    layers = np.zeros(len(array), dtype=np.int64)
    lower = pc.ascii_lower(array)
    found = (*_cut(lower), lower)
    touched = _touched(array, signs)
    if touched.size:
        stem, query = _cut(array.take(pa.array(touched)))
        stem_norm, stem_layers = _normalised(stem, plus=True)
        query_norm, query_layers = _normalised(query, plus=True)
        whole = pc.if_else(query_norm.is_valid(), pc.binary_join_element_wise(stem_norm, query_norm, "?"), stem_norm)
        layers[touched] = np.maximum(stem_layers, query_layers)
        new = (stem_norm, query_norm, whole)
        found = tuple(_put(each, touched, changed) for each, changed in zip(found, new, strict=True))
    return found, layers


def _cut(uris: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Stem and query; null where there is none."""
    offsets, data = offsets_and_bytes(uris)
    starts, ends = offsets[:-1], offsets[1:]
    if ready() and offsets.dtype == np.int32:
        middles = np.empty(len(uris), np.int32)
        cut_at(data, starts, ends, ord("?"), middles)
    else:
        marks = np.flatnonzero(data == ord("?"))
        middles = np.minimum(np.append(marks, len(data))[np.searchsorted(marks, starts)], ends).astype(np.int32)
    absent = None
    if uris.null_count:
        absent = uris.is_null().to_numpy(zero_copy_only=False)
    return (
        _gathered(data, starts, middles, absent),
        _gathered(data, np.minimum(middles + 1, ends), ends, (middles == ends) | (False if absent is None else absent)),
    )


def _gathered(data: Bytes, starts: Codes, ends: Codes, absent: Mask | None) -> pa.Array:
    """Texts that stand in a run of bytes."""
    if ready():
        texts = gathered(data, starts, ends)
    else:
        lengths = ends - starts
        offsets = np.zeros(len(lengths) + 1, np.int32)
        np.cumsum(lengths, out=offsets[1:])
        places = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1], dtype=np.int32)
        texts = pa.StringArray.from_buffers(len(lengths), pa.py_buffer(offsets), pa.py_buffer(data[places]))
    if absent is None or not absent.any():
        return texts
    return pc.if_else(pa.array(~absent), texts, pa.scalar(None, pa.string()))


def _header_column(array: pa.Array, signs: Bytes) -> pa.Array:
    touched = _touched(array, signs)
    lower = pc.ascii_lower(array)
    return _put(lower, touched, _normalised(array.take(pa.array(touched)), plus=False)[0]) if touched.size else lower


def _touched(array: pa.Array, signs: Bytes) -> npt.NDArray[np.intp]:
    """Which texts are more than lower-cased; their normal form may be odd whatever the text's own signs."""
    asked = np.flatnonzero(signs & meaning.TOUCHED)
    some = array if asked.size == len(array) else array.take(pa.array(asked))
    fits = pc.fill_null(pc.match_substring_regex(some, _TOUCH), fill_value=False)
    touched: npt.NDArray[np.intp] = asked[fits.to_numpy(zero_copy_only=False)]
    signs[touched] |= meaning.ODD
    return touched


def _put(texts: pa.Array, places: npt.NDArray[np.intp], changed: pa.Array) -> pa.Array:
    mask = np.zeros(len(texts), dtype=bool)
    mask[places] = True
    return pc.replace_with_mask(texts, pa.array(mask), changed)


def _normalised(array: pa.Array, *, plus: bool) -> tuple[pa.Array, Longs]:
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
    return _put(lower, touched, pa.array([text for text, _ in results], pa.string())), layers


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
