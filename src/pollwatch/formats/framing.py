"""What every format needs: rows into Arrow batches, NDJSON records, times, addresses.

A format may use this module (and ``framing_syslog``) and nothing of its siblings. Three laws live here:

- a batch holds every column of its :class:`Shape`, in that order, then columns of the format's own, then the time
  and the record's number, which strictly increases;
- null means absent, an empty string means present and empty;
- nothing here raises on content: what does not fit a column is null, what is no record is quarantined.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pollwatch.clock import from_datetime
from pollwatch.events.batch import NUMBER, TIME, EventBatch, LogSource, Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.events.taxonomy import (
    AUTH,
    AUTH_COLUMNS,
    DNS,
    DNS_COLUMNS,
    FLOW,
    FLOW_COLUMNS,
    IDS,
    IDS_COLUMNS,
    WEB,
    WEB_COLUMNS,
    WEB_ERROR,
    WEB_ERROR_COLUMNS,
)

#: As logs name them in every language.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LOWER_MONTHS = tuple(map(str.lower, MONTHS))

if TYPE_CHECKING:  # Arrow is heavy: asking which formats there are must not wait for it
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Times: TypeAlias = npt.NDArray[np.int64]

Value: TypeAlias = "str | int | None"
_Key = TypeVar("_Key")
_Kept = TypeVar("_Kept")

#: Columns that hold numbers, wherever they occur; every other column holds text.
INTEGERS = frozenset(
    {
        "sc-status",
        "sc-bytes",
        "time-taken-us",
        "pid",
        "repeat",
        "src_port",
        "dest_port",
        "signature_id",
        "bytes_out",
        "bytes_in",
        "packets",
        "recipients",
        "rows_out",
    }
)

EMPTY_LINE = "empty line"
NOT_JSON = "not JSON: {why}"
NOT_AN_OBJECT = "JSON, but not an object with named fields"

_INT64 = 1 << 63
#: Logs of computers: a year outside is a broken or forged date, and the event keeps its place without a time.
_EARLIEST_US = from_datetime(dt.datetime(1980, 1, 1, tzinfo=dt.UTC))
_LATEST_US = from_datetime(dt.datetime(2200, 1, 1, tzinfo=dt.UTC))


@dataclass(frozen=True, slots=True)
class Shape:
    """A logsource and the columns that each of its batches has."""

    logsource: LogSource
    columns: tuple[str, ...]


WEB_SHAPE = Shape(WEB, WEB_COLUMNS)
WEB_ERROR_SHAPE = Shape(WEB_ERROR, WEB_ERROR_COLUMNS)
AUTH_SHAPE = Shape(AUTH, AUTH_COLUMNS)
IDS_SHAPE = Shape(IDS, IDS_COLUMNS)
DNS_SHAPE = Shape(DNS, DNS_COLUMNS)
FLOW_SHAPE = Shape(FLOW, FLOW_COLUMNS)


@dataclass(slots=True)
class Rows:
    """Events of one logsource, gathered one by one: the path for records that need looking at each."""

    shape: Shape
    numbers: list[int] = field(default_factory=list)
    times: list[int | None] = field(default_factory=list)
    values: list[Mapping[str, Value]] = field(default_factory=list)

    def add(self, number: int, time_us: int | None, values: Mapping[str, Value]) -> None:
        """One more event. ``values`` may name columns beyond the shape's; what it leaves out is null."""
        self.numbers.append(number)
        self.times.append(time_us)
        self.values.append(values)

    def table(self) -> pa.Table:
        """The rows as Arrow, columns as the module's first law says."""
        names = dict.fromkeys((*self.shape.columns, *(name for row in self.values for name in row)))
        columns = {name: [row.get(name) for row in self.values] for name in names if name not in (TIME, NUMBER)}
        return to_table(columns, self.times, self.numbers)

    def batches(self, path: str) -> list[EventBatch]:
        """One batch, or none where no row was added."""
        return [EventBatch(self.shape.logsource, path, self.table())] if self.numbers else []


def to_table(columns: Mapping[str, Sequence[Value]], times: Sequence[int | None], numbers: Sequence[int]) -> pa.Table:
    """An event table of plain columns, typed by :data:`INTEGERS`; what does not fit its type is null."""
    import pyarrow as pa  # noqa: PLC0415 - heavy: see above

    arrays = {
        name: pa.array([as_int64(v) for v in values], pa.int64()) if name in INTEGERS else _texts(values)
        for name, values in columns.items()
    }
    arrays[TIME] = pa.array(times, pa.int64())
    arrays[NUMBER] = pa.array(numbers, pa.int64())
    return pa.table(arrays, schema=schema_of(tuple(columns)))


def _texts(values: Sequence[Value]) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415 - heavy: see above

    try:
        return pa.array(values, pa.string())
    except (pa.ArrowInvalid, TypeError, UnicodeError):  # something else than text among them
        return pa.array([as_text(v) for v in values], pa.string())


def schema_of(columns: Sequence[str]) -> pa.Schema:
    """The Arrow schema of an event table with these columns."""
    import pyarrow as pa  # noqa: PLC0415 - heavy: see above

    return pa.schema(
        [
            *(pa.field(name, pa.int64() if name in INTEGERS else pa.string()) for name in columns),
            pa.field(TIME, pa.int64()),
            pa.field(NUMBER, pa.int64(), nullable=False),
        ]
    )


def as_int64(value: object) -> int | None:
    """A number that a column can hold: whole, below 2^63; digits in text count. Else None."""
    if isinstance(value, str):
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
            return None
        value = int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64 else None


def as_text(value: object) -> str | None:
    """Text that a column can hold: lone surrogates replaced, numbers as written, truth as ``true``/``false``."""
    if value is None or isinstance(value, str):
        return value if value is None or value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def parsed(block: LineBlock, rows: Iterable[Rows], quarantined: Iterable[Quarantined]) -> Parsed:
    """What a parser returns: the batches of all rows that hold any, and the quarantined lines in order."""
    batches = [batch for each in rows for batch in each.batches(block.path)]
    return Parsed(batches, sorted(quarantined, key=lambda line: line.number))


def json_object(text: str) -> dict[str, Any] | str:
    """The JSON object that the text is, or the reason why it is none."""
    if not text or text.isspace():
        return EMPTY_LINE
    import msgspec  # noqa: PLC0415 - only JSON formats need it

    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:  # UnicodeError: lone surrogates that a caller let pass
        return NOT_JSON.format(why=str(error)[:120])
    except RecursionError:
        return NOT_JSON.format(why="nested too deeply")
    return value if isinstance(value, dict) else NOT_AN_OBJECT


def remember(memory: dict[_Key, _Kept], key: _Key, what: _Kept, most: int) -> None:
    """Keep one thing more of an input; where there are too many, the one that was kept first is forgotten."""
    if len(memory) >= most and key not in memory:
        del memory[next(iter(memory))]
    memory[key] = what


def plausible(us: int | None) -> int | None:
    """The time, or None where its year cannot be meant (before 1980, after 2199)."""
    return us if us is not None and _EARLIEST_US <= us < _LATEST_US else None


def plausible_mask(times: Times) -> npt.NDArray[np.bool_]:
    """:func:`plausible` for a column."""
    within: npt.NDArray[np.bool_] = (times >= _EARLIEST_US) & (times < _LATEST_US)
    return within


def iso_us(text: str, zone: dt.tzinfo = dt.UTC) -> int | None:
    """Microseconds of an ISO 8601 time (``2026-11-03T20:00:00.123456+0100``, space for T, Z, no zone), else None.

    Args:
        text: the time as logged; digits beyond microseconds are cut.
        zone: of times that name none.
    """
    return _iso_us(text.strip(), zone) if len(text) < 64 else None


@lru_cache(maxsize=4096)
def _iso_us(text: str, zone: dt.tzinfo) -> int | None:
    try:
        moment = dt.datetime.fromisoformat(text)
        return plausible(from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=zone)))
    except (ValueError, OverflowError):
        return None


def epoch_us(value: object) -> int | None:
    """Microseconds of a time counted since 1970 in s, ms, us or ns (told apart by size), number or text; else None."""
    try:
        count = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    if count is None or not 0 < count < 1e19:
        return None
    exponent = 6 if count < 1e11 else 3 if count < 1e14 else 0 if count < 1e17 else -3
    if isinstance(value, int):
        return plausible(value * 10**exponent if exponent >= 0 else value // 1000)
    return plausible(round(count * 10.0**exponent))


def split_host_port(text: str) -> tuple[str, int | None]:
    """``(host, port)`` of ``1.2.3.4:567``, ``[::1]:443``, ``::1``, ``name:80``; no port is None."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, _port(rest.removeprefix(":"))
    if text.count(":") == 1:
        host, _, rest = text.partition(":")
        port = _port(rest)
        return (host, port) if port is not None or not rest else (text, None)
    return text, None


def _port(digits: str) -> int | None:
    return int(digits) if len(digits) < 6 and digits.isascii() and digits.isdecimal() and int(digits) < 65536 else None
