"""JSON records in the names of ECS or of Sigma, or in names of their own.

Every field becomes a column (nested ones with dotted names); where a record is a request, a log-in, a DNS question
or a flow, that logsource's own columns are filled from it too. Windows events among them become what ``windows`` makes
of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from pollwatch.events.batch import EventBatch, LogSource, Parsed
from pollwatch.events.block import LineBlock
from pollwatch.events.taxonomy import GENERIC
from pollwatch.formats import framing_attemptfields, framing_ecs, framing_winevent
from pollwatch.formats.framing import AUTH_SHAPE, WEB_SHAPE, Rows, Shape, Value, as_int64, epoch_us, iso_us
from pollwatch.formats.framing_auth import decoder_of
from pollwatch.formats.framing_json import Flat, Flattener, json_records, read_object
from pollwatch.formats.framing_login import address
from pollwatch.formats.framing_wincolumns import Gatherer, Names
from pollwatch.formats.framing_windows import PRODUCT as WINDOWS
from pollwatch.formats.interface import Framing, ParseContext, Parser

_SPEAKS = 0.9  # on the registry's scale: the fields say what the record is
_OBJECT = 0.3
_GENERIC_SHAPE = Shape(GENERIC, ("src_ip", "user", "hostname"))
_TIMES = (
    *("@timestamp", "timestamp", "Timestamp", "_time", "TimeCreated"),
    *("EventTime", "UtcTime", "SystemTime", "event.created", "datetime", "ts", "time", "_time_us", "date", "Time"),
    *("eventTime", "event_time", "asctime", "t.$date", "created_at", "createdAt", "t"),
)
_SIGMA_WEB = frozenset({"c-ip", "cs-uri", "cs-uri-stem", "cs-uri-query", "cs-method", "cs-host", "cs-user-agent"})
_ADDRESSES = (
    *("source.ip", "client.ip", "src_ip", "srcip", "client_ip", "clientip", "remote_ip", "remote_addr", "ip"),
    *("sourceIPAddress", "SourceIp", "IpAddress", "ip_address", "remoteAddress", "remote_address", "client"),
)
_USERS = (
    "user.name",
    "user",
    "username",
    "user_name",
    "userName",
    "TargetUserName",
    "userIdentity.userName",
    "account",
)
_HOSTS = ("host.name", "hostname", "host", "Computer", "computer_name", "host.hostname")


class JsonLines:
    """The format ``jsonlines``."""

    name = "jsonlines"
    framing: Framing = "json"

    def sniff(self, sample: Sequence[str]) -> float:
        """0.9 for each record whose field names say what it is, 0.3 for any other object."""
        if not sample:
            return 0.0
        flatten = Flattener()
        records = [read_object(each) for each in sample]
        objects = (each for each in records if isinstance(each, dict))
        fit = (_SPEAKS if framing_winevent.read(each) is not None else _fit(flatten(each)) for each in objects)
        return sum(fit) / len(sample)

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return JsonLinesParser(context)


def _fit(flat: Flat) -> float:
    return _SPEAKS if framing_ecs.is_ecs(flat) or _logsource_of(flat) is not None else _OBJECT


class JsonLinesParser:
    """Reads one input's records, in order."""

    __slots__ = ("_flatten", "_names", "_reader", "_zone")

    def __init__(self, context: ParseContext) -> None:
        """Start before the first record."""
        from pollwatch.formats.framing_messages import MessageReader  # noqa: PLC0415 - loads polars and pyarrow

        self._zone = context.zone
        self._flatten = Flattener()
        self._names = Names()
        self._reader = MessageReader()

    def parse(self, block: LineBlock) -> Parsed:
        """Every record becomes one event or one quarantined record."""
        records, quarantined = json_records(block)
        rows: dict[LogSource, Rows] = {}
        spoken: list[tuple[int, int | None, Flat]] = []
        windows = Gatherer(self._names, self._zone)
        for number, record in records:
            if (event := framing_winevent.read(record)) is not None:
                windows.add(number, event)
                continue
            flat = self._flatten(record)
            time_us = _time_of(flat, self._zone)
            if _is_message(flat):
                spoken.append((number, time_us, flat))
                continue
            shape, values = _event(flat)
            rows.setdefault(shape.logsource, Rows(shape)).add(number, time_us, values)
        batches = [batch for each in rows.values() for batch in each.batches(block.path)]
        batches += windows.batches(block.path)
        return Parsed([*batches, *self._messages(block.path, spoken)], quarantined)

    def _messages(self, path: str, spoken: list[tuple[int, int | None, Flat]]) -> list[EventBatch]:
        """Undecoded messages of log-in programs, decoded as in syslog."""
        if not spoken:
            return []
        from pollwatch.formats.framing_syslog import Messages  # noqa: PLC0415 - loads polars

        nothing: list[str | None] = [None] * len(spoken)
        messages = Messages(
            numbers=[number for number, _, _ in spoken],
            times=[time_us for _, time_us, _ in spoken],
            hostname=[_text(flat, *_HOSTS) for _, _, flat in spoken],
            program=[_text(flat, "process.name") for _, _, flat in spoken],
            pid=[as_int64(flat.get("process.pid")) for _, _, flat in spoken],
            message=[_text(flat, "message") or "" for _, _, flat in spoken],
            facility=[_text(flat, "log.syslog.facility.name") for _, _, flat in spoken],
            severity=[_text(flat, "log.syslog.severity.name") for _, _, flat in spoken],
            msgid=nothing,
            structured_data=nothing,
        )
        return self._reader.batches(path, messages)


def _event(flat: Flat) -> tuple[Shape, dict[str, Value]]:
    """The logsource of a record and all its columns: its own names, and the logsource's."""
    if framing_ecs.is_ecs(flat) and (known := framing_ecs.read(flat)):
        shape, values = known
        return shape, flat | {name: value for name, value in values.items() if value is not None}
    logsource = _logsource_of(flat)
    if logsource is None and (login := framing_attemptfields.of_fields(flat)):
        return AUTH_SHAPE, flat | login.columns()
    if logsource is None:
        return _GENERIC_SHAPE, flat | {name: value for name, value in _actors(flat).items() if value is not None}
    if logsource == WEB_SHAPE.logsource:
        return WEB_SHAPE, _sigma_web(flat)
    return Shape(logsource, ()), flat


def _logsource_of(flat: Flat) -> LogSource | None:
    """The logsource that Sigma's field names tell; None where there are none."""
    if len(_SIGMA_WEB & flat.keys()) > 1:
        return WEB_SHAPE.logsource
    image = _text(flat, "Image")
    if image is not None and "CommandLine" in flat:
        product = WINDOWS if "\\" in image else "linux" if image.startswith("/") else ""
        return LogSource(category="process_creation", product=product)
    return None


def _is_message(flat: Flat) -> bool:
    """Whether the record only carries a log-in program's message, with nothing decoded by its shipper."""
    program, message = flat.get("process.name"), flat.get("message")
    if not isinstance(program, str) or not isinstance(message, str):
        return False
    return "event.outcome" not in flat and "event.category" not in flat and decoder_of(program)[2]


def _sigma_web(flat: Flat) -> dict[str, Value]:
    """Requests in Sigma's (W3C's) own names; the address asked for is put together or taken apart where needed."""
    values: dict[str, Value] = dict(flat)
    uri, stem, query = (_text(flat, name) for name in ("cs-uri", "cs-uri-stem", "cs-uri-query"))
    if query == "-":
        query = values["cs-uri-query"] = None  # W3C's "nothing"
    if uri is None and stem is not None:
        values["cs-uri"] = stem if query is None else f"{stem}?{query}"
    if uri is not None and stem is None:
        values["cs-uri-stem"], mark, rest = uri.partition("?")
        if mark and query is None:
            values["cs-uri-query"] = rest
    return values


def _actors(flat: Flat) -> dict[str, Value]:
    """Who acts on what, where a field of a usual name says it."""
    addresses = (address(text) for name in _ADDRESSES if (text := _text(flat, name)))
    return {
        "src_ip": next((each for each in addresses if each), None),
        "user": _text(flat, *_USERS),
        "hostname": _text(flat, *_HOSTS),
    }


def _text(flat: Flat, *names: str) -> str | None:
    for name in names:
        value = flat.get(name)
        if value is not None and value != "":
            return value if isinstance(value, str) else str(value)
    return None


def _time_of(flat: Flat, zone: dt.tzinfo) -> int | None:
    """The record's time: ISO 8601, or a count since 1970; ``date`` and ``time`` apart, as W3C logs have them."""
    day, clock = flat.get("date"), flat.get("time")
    if isinstance(day, str) and isinstance(clock, str) and (both := iso_us(f"{day} {clock}", zone)) is not None:
        return both
    for name in _TIMES:
        value: Any = flat.get(name)
        if value is None:
            continue
        time_us = iso_us(value, dt.UTC if name == "UtcTime" else zone) if isinstance(value, str) else None
        if time_us is None:
            time_us = epoch_us(value)
        if time_us is not None:
            return time_us
    return None
