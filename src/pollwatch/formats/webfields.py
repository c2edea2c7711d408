"""From the fields that an access log names to the columns of Sigma's webserver taxonomy, a block at a time.

Every way to read an access log (a layout's regular expression, a loose look at one odd line, a JSON object) ends in
the same :data:`FIELDS`, all text as logged; what they mean is decided here once. ``-`` is the logs' word for absent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from pollwatch.clock import US_PER_S
from pollwatch.events.batch import NUMBER, TIME
from pollwatch.formats.accessline import is_address
from pollwatch.formats.framing import plausible, schema_of
from pollwatch.formats.webextras import read_extras
from pollwatch.formats.webtext import absolute_form, any_time_us, client_address, host_name, split_request, unescape
from pollwatch.formats.webtime import clf_times

#: Fields with a meaning of their own; any other field becomes a further column under its name.
FIELDS = (
    "client",  # address or name of the peer, perhaps with a port
    "user",
    "time",  # in any notation
    "request",  # the whole request line; else the next five
    "method",
    "uri",
    "stem",
    "query",  # with or without "?"
    "version",
    "status",
    "bytes",
    "referer",
    "agent",
    "host",
    "forwarded",  # X-Forwarded-For
    "seconds",  # how long it took, in one of four units
    "ms",
    "us",
    "ns",
    "extra",  # what stood behind the fields of a known layout
)

#: A peer on this machine: our own proxy.
LOOPBACK = ("127.0.0.1", "::1")
_WELL_FORMED = r"^(?P<method>[A-Z]+) (?P<uri>/[^ ]*) (?P<version>HTTP/[0-9](?:\.[0-9])?)$"


@dataclass(frozen=True, slots=True)
class Notation:
    """How a log writes its times.

    Attributes:
        zone: of times that name none.
        strptime: Python's format of the time field where the log has one of its own; empty = any usual one.
    """

    zone: dt.tzinfo = dt.UTC
    strptime: str = ""


def web_table(fields: pl.DataFrame, notation: Notation) -> pa.Table:
    """The event table of some requests.

    Args:
        fields: columns of :data:`FIELDS` and others, all text, plus ``number`` (int64), in order of number.
        notation: of the field ``time``.
    """
    frame = fields.with_columns(
        pl.when(pl.col(name) != "-").then(pl.col(name)).alias(name)
        for name, kind in fields.schema.items()
        if kind == pl.String
    )
    if "extra" in frame.columns:
        frame = read_extras(frame)
    frame = _with_target(_with_request(frame))
    web = {
        "c-ip": _client(frame),
        "cs-username": _user(frame),
        "cs-method": _text(frame, "method"),
        "cs-uri": _text(frame, "uri"),
        "cs-uri-stem": _text(frame, "stem"),
        "cs-uri-query": _text(frame, "query"),
        "cs-version": _text(frame, "version"),
        "cs-host": _host(frame),
        "sc-status": _number(frame, "status"),
        "sc-bytes": _number(frame, "bytes"),
        "cs-referer": _sent(frame, "referer"),
        "cs-user-agent": _sent(frame, "agent"),
        "time-taken-us": _time_taken_us(frame),
        "x-forwarded-for": _sent(frame, "forwarded"),
    }
    known = {*FIELDS, *web, NUMBER, TIME}
    web |= {name: _sent(frame, name) for name in frame.columns if name not in known}
    if "extra" in frame.columns and frame["extra"].null_count() < len(frame):
        web["extra"] = frame["extra"]
    web[TIME] = times_us(frame, notation)
    web[NUMBER] = frame[NUMBER]
    return to_arrow(web)


def meaning(field: str, texts: pl.Series) -> pl.Series:
    """What the texts of one field mean, where no other field has a say: client, user, host, referer and agent."""
    frame = texts.alias(field).to_frame()
    match field:
        case "client":
            return _client(frame)
        case "user":
            return _user(frame)
        case "host":
            return _host(frame)
        case _:
            return _sent(frame, field)


def to_arrow(columns: Mapping[str, pl.Series]) -> pa.Table:
    """Columns as an event table: ``string`` and ``int64``, never polars' own kinds."""
    schema = schema_of([name for name in columns if name not in (TIME, NUMBER)])
    return pa.table([columns[field.name].to_arrow().cast(field.type) for field in schema], schema=schema)


def _text(frame: pl.DataFrame, name: str) -> pl.Series:
    return frame[name] if name in frame.columns else pl.repeat(None, len(frame), dtype=pl.String, eager=True)


def _sent(frame: pl.DataFrame, name: str) -> pl.Series:
    return _unescaped(_text(frame, name))


def _unescaped(column: pl.Series) -> pl.Series:
    return _where(column, column.str.contains("\\", literal=True), unescape)


def _where(column: pl.Series, mask: pl.Series, change: Callable[[str], str | None]) -> pl.Series:
    """The column with a function applied to the few values that the mask names."""
    rows = mask.fill_null(value=False).arg_true()
    if not len(rows):
        return column
    return column.clone().scatter(rows, pl.Series([change(value) for value in column.gather(rows)], dtype=pl.String))


def _mapped(column: pl.Series, change: Callable[[str | None], str | None]) -> pl.Series:
    """The column with a function applied to each distinct value."""
    distinct = column.unique()
    if len(distinct) == 1 and distinct[0] is None:
        return column
    changed = {value: new for value in distinct if (new := change(value)) != value}
    return column.replace(changed) if changed else column


def _user(frame: pl.DataFrame) -> pl.Series:
    return _sent(frame, "user").replace('""', "")  # Apache's way to say: sent, and empty


def _host(frame: pl.DataFrame) -> pl.Series:
    return _mapped(_text(frame, "host"), host_name)


def _client(frame: pl.DataFrame) -> pl.Series:
    """The first hop that is not our own.

    A peer on this machine, or none at all, is our own proxy: the last entry of X-Forwarded-For is whom it saw. Any
    other peer counts itself, for it could have written the header.
    """
    client = _text(frame, "client")
    odd = ~client.str.contains(r"^(?:[0-9]{1,3}\.){3}[0-9]{1,3}$")
    client = _where(client, odd, client_address)
    own = (client.is_null() | client.is_in(LOOPBACK)).arg_true()
    if not len(own) or "forwarded" not in frame.columns:
        return client
    seen = [text and client_address(text) for text in frame["forwarded"].gather(own)]
    hops = [hop if hop and is_address(hop) else peer for hop, peer in zip(seen, client.gather(own), strict=True)]
    return client.clone().scatter(own, pl.Series(hops, dtype=pl.String))


def _with_request(frame: pl.DataFrame) -> pl.DataFrame:
    """``method``, ``uri`` and ``version`` out of ``request``, where it is; fields that already say so stay."""
    if "request" not in frame.columns:
        return frame
    request = frame["request"]
    parts = request.str.extract_groups(_WELL_FORMED).struct.unnest()
    odd = (parts["method"].is_null() & request.is_not_null()).arg_true()
    if len(odd):
        split = [split_request(line) for line in request.gather(odd)]
        parts = parts.with_columns(
            column.clone().scatter(odd, pl.Series([each[at] for each in split], dtype=pl.String))
            for at, column in enumerate(parts.get_columns())
        )
    named = [name for name in parts.columns if name in frame.columns]
    parts = parts.with_columns(pl.coalesce(frame[name], pl.col(name)).alias(name) for name in named)
    return frame.drop(named).hstack(parts)


def _with_target(frame: pl.DataFrame) -> pl.DataFrame:
    """``uri``, ``stem`` and ``query`` out of each other; the host of an absolute form where none was logged."""
    uri = _sent(frame, "uri")
    query = _sent(frame, "query")
    query = pl.select(pl.when(query != "").then(query.str.strip_prefix("?")))[:, 0]
    stem = _sent(frame, "stem")
    if "stem" in frame.columns:
        uri = uri.to_frame("uri").select(
            pl.coalesce("uri", pl.when(query.is_null() | (query == "")).then(stem).otherwise(stem + "?" + query))
        )["uri"]
    target, host = uri, _text(frame, "host")
    absolute = uri.is_not_null() & ~uri.str.starts_with("/")
    rows = absolute.arg_true()
    if len(rows):
        target = _where(uri, absolute, lambda value: (absolute_form(value) or ("", value))[1])
        target = _without_rubbish(target, frame, rows)
        names = _where(uri, absolute, lambda value: (absolute_form(value) or (None,))[0])
        names = pl.select(pl.when(absolute).then(names))[:, 0] if len(rows) < len(uri) else names
        host = pl.select(pl.coalesce(host, names))[:, 0]
    split = target.str.splitn("?", 2).struct.unnest()
    return frame.drop("uri", "stem", "query", "host", strict=False).with_columns(
        uri.alias("uri"),
        pl.coalesce(stem, split["field_0"]).alias("stem"),
        pl.coalesce(query, split["field_1"]).alias("query"),
        host.alias("host"),
    )


def _without_rubbish(target: pl.Series, frame: pl.DataFrame, rows: pl.Series) -> pl.Series:
    """Rubbish instead of a request has no path and no query; ``uri`` alone holds it."""
    if "method" not in frame.columns:
        return target
    rubbish = rows.filter(frame["method"].gather(rows).is_null() & _text(frame, "version").gather(rows).is_null())
    return target.clone().scatter(rubbish, None) if len(rubbish) else target


def _number(frame: pl.DataFrame, name: str) -> pl.Series:
    return _text(frame, name).cast(pl.Int64, strict=False)


def _time_taken_us(frame: pl.DataFrame) -> pl.Series:
    taken = [
        (frame[unit].cast(pl.Float64, strict=False) * us).alias(unit)
        for unit, us in (("us", 1), ("ms", 1_000), ("seconds", US_PER_S), ("ns", 0.001))
        if unit in frame.columns
    ]
    if not taken:
        return pl.repeat(None, len(frame), dtype=pl.Int64, eager=True)
    first = pl.select(pl.coalesce(taken).round())[:, 0]
    return pl.select(pl.when(first.is_between(0, 1e15)).then(first))[:, 0].cast(pl.Int64, strict=False)


def times_us(frame: pl.DataFrame, notation: Notation) -> pl.Series:
    """The times of the field ``time``, null where there is none or it cannot be meant."""
    column = _text(frame, "time")
    if notation.strptime:
        read = {text: _strptime_us(text, notation) for text in column.unique() if text}
        return pl.Series([read.get(text) for text in column], dtype=pl.Int64)
    times, odd = clf_times(column)
    if len(odd):
        others = column.gather(odd)
        read = {text: any_time_us(text, notation.zone) for text in others.unique()}
        times = times.scatter(odd, pl.Series([read[text] for text in others], dtype=pl.Int64))
    return times


def _strptime_us(text: str, notation: Notation) -> int | None:
    try:
        moment = dt.datetime.strptime(text, notation.strptime)  # noqa: DTZ007 - the zone follows
        aware = moment if moment.tzinfo else moment.replace(tzinfo=notation.zone)
        return plausible((aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1))
    except (ValueError, OverflowError):
        return None


def fields_frame(rows: Sequence[Mapping[str, str | None]], numbers: Sequence[int]) -> pl.DataFrame:
    """Fields read one line at a time, as :func:`web_table` takes them."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: pl.Series([row.get(name) for row in rows], dtype=pl.String) for name in names}
    return pl.DataFrame({**columns, NUMBER: pl.Series(np.asarray(numbers, dtype=np.int64))})
