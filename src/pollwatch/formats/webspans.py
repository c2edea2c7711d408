"""Access lines of the usual layouts read by compiled code, for blocks that are worth it; the same table, sooner.

``kernels.accesslines`` says where each field of each line stands and which fields are equal. What a field *means* is
asked of ``webfields`` as ever, but once per distinct value. Lines of any other layout are left to the readers that
know more; ``weblines`` puts both together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pollwatch.events.batch import ABSENT, NUMBER, TIME, Codes, encoded, gathered, plain
from pollwatch.events.block import RawLines
from pollwatch.events.taxonomy import WEB_COLUMNS
from pollwatch.formats.framing import INTEGERS
from pollwatch.formats.framing_spans import (
    Numbers,
    Part,
    Scratch,
    behind_each_other,
    dictionary,
    each_row,
    meant,
    numbers_of,
    slots_for,
)
from pollwatch.formats.webfields import LOOPBACK, Notation, meaning, times_us, web_table


@dataclass(slots=True)
class Read:
    """Lines that were read: each one's place in the block, and its columns.

    A column of texts is a list of ``(codes, values)`` (``events.batch.encoded``): the first that has a text counts.
    """

    places: Numbers
    texts: dict[str, list[Part]]
    numbers: dict[str, pa.Array]

    def left(self, count: int) -> list[int]:
        """The places of a block's other lines."""
        unread = np.ones(count, dtype=bool)
        unread[self.places] = False
        places: list[int] = np.flatnonzero(unread).tolist()
        return places


def scratch() -> Scratch:
    """Memory to read in."""
    from pollwatch.kernels import accesslines as kernel  # noqa: PLC0415 - heavy: numba

    return Scratch(kernel.TEXTS, kernel.NUMBERS)


def read(lines: RawLines, notation: Notation, memory: Scratch) -> Read:
    """Read every line of a usual layout; what is read is good until the scratch memory is used again."""
    from pollwatch.kernels import accesslines as kernel  # noqa: PLC0415 - heavy: numba

    fields, numbers, places = _fields(lines, memory)
    client, more, request, host = (fields[at] for at in (kernel.CLIENT, kernel.MORE, kernel.REQUEST, kernel.HOST))
    found = Read(places, {}, {})
    alone = (
        ("c-ip", "client", kernel.CLIENT),
        ("cs-username", "user", kernel.USER),
        ("cs-host", "host", kernel.HOST),
        ("cs-referer", "referer", kernel.REFERER),
        ("cs-user-agent", "agent", kernel.AGENT),
    )
    for name, field, at in alone:
        codes, values = fields[at]
        found.texts[name] = [meant(codes, meaning(field, pl.Series(values)))]
    for name, at in (("cs-method", kernel.METHOD), ("cs-version", kernel.VERSION)):
        found.texts[name] = [fields[at]]
    found.texts |= {name: [part] for name, part in _targets(*fields[kernel.URI]).items()}
    found.numbers["sc-status"], found.numbers["sc-bytes"] = (numbers_of(each) for each in numbers)
    found.numbers[TIME] = each_row(
        times_us(_frame("time", fields[kernel.TIME][1]), notation).to_arrow(), fields[kernel.TIME][0]
    )
    for field, (codes, values) in (("extra", more), ("request", request)):
        if (codes != ABSENT).any():
            _add(found, codes, web_table(_frame(field, values), notation), hosted=host[0] != ABSENT)
    # Whom our own proxy saw stands in another field: left to readers that look at both.
    own = np.append(pc.is_in(client[1], pa.array(LOOPBACK)).to_numpy(zero_copy_only=False), True)[client[0]]
    return _without(found, own & (more[0] != ABSENT))


def _fields(lines: RawLines, memory: Scratch) -> tuple[list[Part], Numbers, Numbers]:
    """Each field's codes and different texts, the numbers, and the places of the lines that could be read."""
    from pollwatch.kernels import accesslines as kernel  # noqa: PLC0415 - heavy: numba

    data, used = np.frombuffer(lines.data, dtype=np.uint8), np.zeros(kernel.TEXTS, dtype=np.int64)
    memory.room(len(lines))
    done = kernel.read(
        data, lines.starts, lines.ends, int(_is_text(lines.data)),
        memory.slots, memory.codes, memory.firsts, memory.lasts, used, memory.numbers, memory.places,
    )  # fmt: skip
    return memory.fields(data, used, done), memory.numbers[:, :done], memory.places[:done]


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _targets(codes: Codes, uris: pa.Array) -> dict[str, Part]:
    """URI, stem and query of well-formed requests, whose URIs are paths."""
    from pollwatch.kernels.distinct import cut_at  # noqa: PLC0415 - heavy: numba

    _, offsets, data = uris.buffers()
    chars = np.frombuffer(data or b"", dtype=np.uint8)
    bounds = np.frombuffer(offsets, dtype=np.int32)[: len(uris) + 1]
    starts, ends, middles = bounds[:-1], bounds[1:], np.empty(len(uris), dtype=np.int32)
    cut_at(chars, starts, ends, ord("?"), middles)
    found = {"cs-uri": (codes, uris)}
    for name, first, last in (
        ("cs-uri-stem", starts, middles),
        ("cs-uri-query", np.where(middles < ends, middles + 1, ABSENT).astype(np.int32), ends),
    ):
        of_uri, texts = _distinct(chars, first, last)
        found[name] = (np.append(of_uri, np.int32(ABSENT))[codes], texts)
    return found


def _distinct(data: npt.NDArray[np.uint8], starts: Codes, ends: Codes) -> Part:
    from pollwatch.kernels.distinct import code_texts  # noqa: PLC0415 - heavy: numba

    codes, firsts, lasts = (np.empty(len(starts), dtype=np.int32) for _ in range(3))
    used = code_texts(data, starts, ends, np.zeros(slots_for(len(starts)), dtype=np.uint64), codes, firsts, lasts, 0)
    return codes, gathered(data, firsts[:used], lasts[:used])


def _frame(field: str, texts: pa.Array) -> pl.DataFrame:
    return pl.DataFrame({field: pl.Series(texts), NUMBER: pl.int_range(len(texts), dtype=pl.Int64, eager=True)})


def _add(found: Read, codes: Codes, table: pa.Table, *, hosted: npt.NDArray[np.bool_]) -> None:
    """Columns that one field fills; a virtual host that the log names comes before any host that a client names."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        array = plain(column)
        if name in (TIME, NUMBER) or array.null_count == len(array):
            continue
        if name in INTEGERS:
            found.numbers[name] = each_row(array, codes)
            continue
        theirs, values = meant(codes, array)
        if name == "cs-host":
            theirs = np.where(hosted, np.int32(ABSENT), theirs)
        found.texts.setdefault(name, []).append((theirs, values))


def _without(found: Read, left: npt.NDArray[np.bool_]) -> Read:
    if not left.any():
        return found
    kept = ~left
    return Read(
        found.places[kept],
        {name: [(codes[kept], values) for codes, values in parts] for name, parts in found.texts.items()},
        {name: array.filter(pa.array(kept)) for name, array in found.numbers.items()},
    )


def joined(found: Read, others: pa.Table | None, first_number: int) -> pa.Table:
    """One table of the lines read here and of those read elsewhere, in the order of their numbers."""
    numbers = found.places + first_number
    order = None
    if others is not None:
        numbers = np.concatenate([numbers, others[NUMBER].to_numpy()])
        order = np.argsort(numbers, kind="stable")
        numbers = numbers[order]
    known = dict.fromkeys([*WEB_COLUMNS, *found.texts, *found.numbers, *(others.column_names if others else ())])
    names = [name for name in known if name not in (TIME, NUMBER, "extra")] + ["extra"] * ("extra" in known)
    rows = len(found.places)
    columns: dict[str, pa.Array] = {}
    for name in (*names, TIME):
        theirs = others[name] if others is not None and name in others.column_names else None
        missing = 0 if others is None else len(others)
        if name == TIME or name in INTEGERS:
            mine = found.numbers.get(name, pa.nulls(rows, pa.int64()))
            parts = [
                mine,
                *([] if others is None else [pa.nulls(missing, pa.int64()) if theirs is None else plain(theirs)]),
            ]
            whole = pa.concat_arrays(parts)
            columns[name] = whole if order is None else whole.take(pa.array(order))
            continue
        coded = [_first(found.texts.get(name, ()), rows)]
        if others is not None:
            coded.append(encoded(pa.nulls(missing, pa.string()) if theirs is None else theirs))
        columns[name] = dictionary(*behind_each_other(coded), order)
    columns[NUMBER] = pa.array(numbers)
    fields = [pa.field(name, array.type, nullable=name != NUMBER) for name, array in columns.items()]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def _first(parts: Sequence[Part], rows: int) -> Part:
    """Parts of one column as one: of several texts of a line the first counts."""
    if not parts:
        return np.full(rows, ABSENT, dtype=np.int32), pa.array([], pa.string())
    codes, size = parts[0][0], len(parts[0][1])
    for theirs, values in parts[1:]:
        codes = np.where((codes == ABSENT) & (theirs != ABSENT), theirs + np.int32(size), codes)
        size += len(values)
    return codes, pa.concat_arrays([values for _, values in parts]) if len(parts) > 1 else parts[0][1]
