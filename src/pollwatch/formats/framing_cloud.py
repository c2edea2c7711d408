"""What the audit logs of all cloud services have in common: who did what, from where, and how it ended.

Each service's reader (``framing_aws``, ``framing_azure``, ``framing_m365``, ``framing_google``, ...) turns one record
into a :class:`CloudEvent`: the fields in the names that SigmaHQ's rules use, and the same deed in the words of
``taxonomy.CLOUD_COLUMNS``, which are the same for all services.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from pollwatch.clock import from_datetime
from pollwatch.events.batch import EventBatch, LogSource, Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.events.taxonomy import AUTH_COLUMNS, AUTHENTICATION, CLOUD_COLUMNS
from pollwatch.formats.framing import Value, epoch_us, iso_us, plausible, split_host_port, to_table
from pollwatch.formats.framing_json import (
    LONGEST_NAME,
    REST,
    as_column,
    flat_name,
    json_text,
    read_object,
)
from pollwatch.formats.framing_login import address

Record: TypeAlias = "dict[str, Any]"
Reader: TypeAlias = "Callable[[Record, Fields], CloudEvent | None]"

#: A service, or else a product, as people call it.
_PROVIDERS = {
    "aws": "AWS",
    "azure": "Microsoft Entra",
    "activitylogs": "Azure",
    "m365": "Microsoft 365",
    "defender": "Microsoft Defender",
    "google_workspace": "Google Workspace",
    "gcp": "Google Cloud",
    "okta": "Okta",
    "duo": "Duo",
    "github": "GitHub",
}
_DEPTH = 12
_MOST = 400
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One record in our words; the attributes are ``taxonomy.CLOUD_COLUMNS``.

    Attributes:
        login: what became of a log-in, in ``taxonomy.AUTH_ACTIONS``; empty where it was none of them (it was
            interrupted to ask for more), None where the record is no log-in.
    """

    operation: str
    ip: str | None = None
    user: str | None = None
    host: str | None = None
    target: str | None = None
    kind: str | None = None
    outcome: str | None = None
    agent: str | None = None
    country: str | None = None
    place: str | None = None
    network: str | None = None
    device: str | None = None
    login: str | None = None

    def columns(self) -> dict[str, Value]:
        """The columns that every cloud record has, and those of a log-in."""
        source = client(self.ip)
        user = self.user or None
        country = (self.country or "").strip().upper()
        found: dict[str, Value] = {
            "norm.ip": source,
            "norm.user": user,
            "norm.host": self.host or None,
            "norm.target": self.target or None,
            "norm.operation": self.operation,
            "norm.kind": self.kind or (None if self.login is None else "sign-in"),
            "norm.outcome": self.outcome,
            "norm.agent": self.agent or None,
            "norm.country": country if _COUNTRY.fullmatch(country) else None,
            "norm.place": self.place,
            "norm.network": self.network or None,
            "norm.device": self.device or None,
        }
        if self.login is not None:
            found |= {"action": self.login or None, "user": user, "src_ip": source}
        return found


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One record, read."""

    product: str
    service: str
    time: object
    values: dict[str, Value]
    deed: Deed
    category: str = ""

    @property
    def provider(self) -> str:
        """The service, as people call it; of AWS with the account, since offices have several."""
        account = self.values.get("recipientAccountId") or self.values.get("userIdentity.accountId")
        name = _PROVIDERS.get(self.service.partition(".")[0]) or _PROVIDERS.get(self.product, self.product)
        return f"{name} account {account}" if self.product == "aws" and account else name

    @property
    def logsource(self) -> LogSource:
        """Its logsource; log-ins have the category of all log-ins besides."""
        return LogSource(self.category if self.deed.login is None else AUTHENTICATION, self.product, self.service)


class Fields:
    """Nested objects as dotted names, as Sigma's rules write them: without the places of lists in between.

    A list of objects is there as a whole, as JSON text under its own name, and each field of its objects under the
    dotted name, with all its values. What has one value is that value; several are a JSON list. At most 400 names per
    input become columns; the others stand together in ``_rest``.
    """

    __slots__ = ("_names",)

    def __init__(self) -> None:
        """Start before the first record."""
        self._names: set[str] = set()

    def __call__(self, record: Record) -> dict[str, Value]:
        """One record's fields."""
        gathered: dict[str, list[Any]] = {}
        _gather(record, "", 1, gathered)
        flat: dict[str, Value] = {}
        rest: dict[str, Any] = {}
        for name, values in gathered.items():
            value = _only(values)
            if name not in self._names:
                if len(self._names) >= _MOST or len(name) > LONGEST_NAME:
                    rest[name] = value
                    continue
                self._names.add(name)
            column = as_column(value)
            flat[flat_name(name)] = str(column) if isinstance(column, int) else column
        if rest:
            flat[REST] = json_text(rest)
        return flat


def _gather(value: Any, name: str, level: int, found: dict[str, list[Any]]) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict) and value and level < _DEPTH:
        for key, each in value.items():
            _gather(each, f"{name}.{key}" if name else key, level + 1, found)
        return
    found.setdefault(name, []).append(value)
    if isinstance(value, list) and level < _DEPTH:
        for each in value:
            if isinstance(each, dict):
                _gather(each, name, level + 1, found)


def _only(values: list[Any]) -> Any:  # noqa: ANN401 - any JSON value
    """The one value; else the list of them, each once."""
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0] if len(values[0]) == 1 and not isinstance(values[0][0], (dict, list)) else [values[0]]
    if len(values) == 1:
        return values[0]
    distinct: list[Any] = []
    for value in values[:64]:
        if value not in distinct:
            distinct.append(value)
    return distinct[0] if len(distinct) == 1 else distinct


class CloudRows:
    """Events by logsource, as columns that grow: a record has few of the names that all records together have."""

    __slots__ = ("_columns", "_numbers", "_times", "_zone")

    def __init__(self, zone: dt.tzinfo) -> None:
        """None yet."""
        self._columns: dict[LogSource, dict[str, list[Value]]] = {}
        self._numbers: dict[LogSource, list[int]] = {}
        self._times: dict[LogSource, list[int | None]] = {}
        self._zone = zone

    def add(self, number: int, event: CloudEvent) -> None:
        """One more event."""
        source = event.logsource
        if source not in self._columns:
            names = CLOUD_COLUMNS + (AUTH_COLUMNS if source.category == AUTHENTICATION else ())
            self._columns[source] = {name: [] for name in names}
            self._numbers[source], self._times[source] = [], []
        columns, numbers = self._columns[source], self._numbers[source]
        values = event.values | event.deed.columns() | {"norm.service": event.provider}
        if source.category == AUTHENTICATION:
            values |= {"program": event.product, "hostname": event.provider}
        for name, value in values.items():
            column = columns.setdefault(name, [])
            column.extend([None] * (len(numbers) - len(column)))
            column.append(value)
        numbers.append(number)
        self._times[source].append(time_us(event.time, self._zone))

    def parsed(self, block: LineBlock, quarantined: Iterable[Quarantined]) -> Parsed:
        """The events of each logsource as a batch, with the lines that are none."""
        batches = []
        for source, columns in self._columns.items():
            numbers = self._numbers[source]
            for column in columns.values():
                column.extend([None] * (len(numbers) - len(column)))
            batches.append(EventBatch(source, block.path, to_table(columns, self._times[source], numbers)))
        return Parsed(batches, list(quarantined))


#: Fields that carry a whole record as text or object, with what else must be there so that nothing else is meant.
_CARRIERS = (
    ("CloudTrailEvent", "EventId"),  # aws cloudtrail lookup-events
    ("AuditData", "Operations"),  # Search-UnifiedAuditLog | ConvertTo-Json
    ("AuditData", "Operation"),  # Purview
    ("auditData", "operation"),  # Graph's audit log queries
    ("detail", "detail-type"),  # EventBridge
    ("message", "timestamp"),  # CloudWatch Logs
)


def unwrapped(record: Record) -> Record:
    """The record that another one carries; itself where it carries none."""
    for name, beside in _CARRIERS:
        inner = record.get(name)
        if inner is None or beside not in record:
            continue
        if isinstance(inner, str) and inner.lstrip().startswith("{"):
            inner = read_object(inner)
        if isinstance(inner, dict):
            return inner
    return record


def time_us(logged: object, zone: dt.tzinfo) -> int | None:
    """Microseconds of a time as services write it: ISO 8601, a count since 1970, or a date as Americans write it."""
    if not isinstance(logged, str):
        return epoch_us(logged)
    if count := _PLAIN_DATE.fullmatch(logged):
        return epoch_us(count[1])
    found = iso_us(logged, zone)
    if found is None:
        found = _written_us(logged.strip(), zone)
    return epoch_us(logged) if found is None else found


#: As older PowerShell writes a time in JSON.
_PLAIN_DATE = re.compile(r"/Date\((\d{1,15})\)/")
_LAYOUTS = (
    *("%B %d, %Y, %H:%M:%S (UTC%z)", "%b %d, %Y, %I:%M:%S %p", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y, %I:%M:%S %p"),
    *("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M"),
)


@lru_cache(maxsize=4096)
def _written_us(text: str, zone: dt.tzinfo) -> int | None:
    for layout in _LAYOUTS if len(text) < 64 else ():
        try:
            moment = dt.datetime.strptime(text, layout)  # noqa: DTZ007 - the zone comes next
        except ValueError:
            continue
        return plausible(from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=zone)))
    return None


def client(text: str | None) -> str | None:
    """The address of a client: without its port; None where a service is named instead."""
    if not text:
        return None
    return address(text) or address(split_host_port(text.strip())[0])


def part(record: Record, *path: str) -> Record:
    """A nested object; an empty one where there is none, the first one of a list, or one that stands as JSON text."""
    value: Any = record
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
        value = opened(value)
        if isinstance(value, list):
            value = value[0] if value else None
    return value if isinstance(value, dict) else {}


def opened(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """An object or list that stands as JSON text, read; any other value as it is."""
    if not isinstance(value, str) or value[:1] + value[-1:] not in {"{}", "[]"}:
        return value
    whole = read_object(f'{{"value":{value}}}')
    return whole["value"] if isinstance(whole, dict) else value


def parts(record: Record, name: str) -> list[Record]:
    """The objects of a list; none where it is no list."""
    value = record.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text(record: Record, *names: str) -> str | None:
    """The first of the fields that says something, as text."""
    for name in names:
        value = record.get(name)
        if value is not None and value != "" and not isinstance(value, (dict, list)):
            column = as_column(value)
            return column if isinstance(column, str) else str(column)
    return None


def degrees(north: Any, east: Any) -> str | None:  # noqa: ANN401 - any JSON value
    """A place on earth as a column holds it; None where the two are no such place, or the one that means nowhere."""
    try:
        latitude, longitude = float(north), float(east)
    except (TypeError, ValueError):
        return None
    known = -90 <= latitude <= 90 and -180 <= longitude <= 180 and (latitude, longitude) != (0, 0)
    return f"{latitude:.2f},{longitude:.2f}" if known else None


def put(record: Record, path: str, value: object) -> None:
    """Put a value at a path of nested names, where nothing stands in its way."""
    *names, last = path.split(".")
    inner: Any = record
    for name in names:
        inner = inner.setdefault(name, {})
        if not isinstance(inner, dict):
            return
    inner.setdefault(last, value)


def given(values: dict[str, Value]) -> dict[str, Value]:
    """Only what is there, so that a column is not made for what no record has."""
    return {name: value for name, value in values.items() if value is not None}
