"""Windows events as batches: a column for each field that occurs, and what Sigma's categories call the same.

Rules for process creation say ``Image`` where the Security log says ``NewProcessName``: such an event has both. Who
acts is told in ``norm.user``, ``norm.ip`` and ``norm.host`` (``taxonomy.WINDOWS_ACTORS``): an account without its
domain, an address in its shortest form, and nothing where it is the machine itself.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from pollwatch.events.batch import NUMBER, TIME, EventBatch, LogSource
from pollwatch.events.taxonomy import WINDOWS_ACTORS
from pollwatch.formats.framing import as_int64, as_text, epoch_us, iso_us, split_host_port
from pollwatch.formats.framing_login import address
from pollwatch.formats.framing_windows import SECURITY, logsource
from pollwatch.formats.framing_winevent import EVENT_ID, Names, WindowsEvent

if TYPE_CHECKING:  # Arrow is heavy: asking which formats there are must not wait for it
    import pyarrow as pa

Fields: TypeAlias = "dict[str, str | None]"

#: More combinations of fields than any log has become one table, row by row.
_MOST_KINDS = 256

_REGISTRY = {"Image": "ProcessName", "Details": "NewValue"}
#: What the fields of a category's rules are called in the Security log.
_AUDITED: dict[str, dict[str, str]] = {
    "process_creation": {
        "Image": "NewProcessName",
        "ParentImage": "ParentProcessName",
        "ParentProcessId": "ProcessId",
        "IntegrityLevel": "MandatoryLabel",
        "LogonId": "SubjectLogonId",
    },
    "process_termination": {"Image": "ProcessName"},
    "network_connection": {
        "Image": "Application",
        "SourceIp": "SourceAddress",
        "DestinationIp": "DestAddress",
        "DestinationPort": "DestPort",
    },
    "registry_set": _REGISTRY,
    "registry_delete": _REGISTRY,
}
_INITIATED = {"%%14592": "false", "%%14593": "true"}
_HIVES = (
    (re.compile(r"^\\REGISTRY\\MACHINE", re.IGNORECASE), "HKLM"),
    (re.compile(r"^\\REGISTRY\\USER", re.IGNORECASE), "HKU"),
    (re.compile(r"^(HKLM\\SYSTEM)\\ControlSet\d{3}(?=\\|$)", re.IGNORECASE), r"\1\\CurrentControlSet"),
)

#: Events about an account that somebody logs in to; in all others, the subject acts.
_LOGINS = frozenset({"4624", "4625", "4634", "4647", "4768", "4769", "4770", "4771", "4772", "4773", "4776", "4777"})
_SUBJECTS = ("SubjectUserName", "User", "SourceUser", "TargetUserName", "AccountName")
_MACHINE = frozenset({"", "-", "system", "local service", "network service", "anonymous logon", "iusr", "n/a"})
_ADDRESSES = ("IpAddress", "ClientAddress", "ClientIP", "Address", "SourceNetworkAddress")
_PEERS = ("WorkstationName", "Workstation", "ClientName")


@dataclass(frozen=True, slots=True)
class _Row:
    """An event on its way into a table."""

    number: int
    time_us: int | None
    fields: Fields


class Gatherer:
    """Takes one block's events in, gives their batches out: one per logsource."""

    def __init__(self, names: Names, zone: dt.tzinfo) -> None:
        """Start a block.

        Args:
            names: of the input that the block is part of.
            zone: of times that name none.
        """
        self._names = names
        self._zone = zone
        self._rows: dict[LogSource, list[_Row]] = defaultdict(list)

    def add(self, number: int, event: WindowsEvent) -> None:
        """One more event, with its number in the input; numbers increase."""
        fields = self._names.fields(event)
        done = fields.get("EventType") or fields.get("OperationType") or ""
        source = logsource(event.channel, event.event_id, done)
        if source.service == SECURITY and source.category:
            _add_audited(source.category, fields)
        _add_actors(fields)
        self._rows[source].append(_Row(number, _time_us(event.time, self._zone), fields))

    def batches(self, path: str) -> list[EventBatch]:
        """All of them."""
        return [EventBatch(source, path, _table(rows)) for source, rows in self._rows.items()]


def _add_audited(category: str, fields: Fields) -> None:
    """The names that rules of a category use for what the Security log says."""
    for name, logged in _AUDITED[category].items():
        if fields.get(name) is None and (value := fields.get(logged)) is not None:
            fields[name] = value
    account, domain = fields.get("SubjectUserName"), fields.get("SubjectDomainName")
    if account is not None and fields.get("User") is None:
        fields["User"] = f"{domain}\\{account}" if domain and domain != "-" else account
    if category == "network_connection":
        fields["Initiated"] = _INITIATED.get(fields.get("Direction") or "")
    elif category.startswith("registry_"):
        fields["EventType"] = "DeleteValue" if category == "registry_delete" else "SetValue"
        fields["TargetObject"] = _registry_path(fields.get("ObjectName"), fields.get("ObjectValueName"))


def _registry_path(key: str | None, value: str | None) -> str | None:
    r"""A key and the value in it as Sysmon writes them: ``HKLM\System\CurrentControlSet\...``."""
    if key is None:
        return None
    for pattern, short in _HIVES:
        key = pattern.sub(short, key)
    return f"{key}\\{value}" if value else key


def _add_actors(fields: Fields) -> None:
    accounts = ("TargetUserName",) if fields[EVENT_ID] in _LOGINS else _SUBJECTS
    fields[WINDOWS_ACTORS.user] = next((who for each in accounts if (who := _account(fields.get(each) or ""))), None)
    addresses = (*_ADDRESSES, "SourceIp", "SourceAddress") if fields.get("Initiated") == "false" else _ADDRESSES
    fields[WINDOWS_ACTORS.ip] = next((ip for each in addresses if (ip := _address(fields.get(each) or ""))), None)
    machine = (fields.get(WINDOWS_ACTORS.target) or "").partition(".")[0].lower()
    peers = (fields.get(each) or "" for each in _PEERS)
    fields[WINDOWS_ACTORS.host] = next((peer for peer in peers if peer.lower() not in {"", "-", machine}), None)


@lru_cache(maxsize=4096)
def _account(logged: str) -> str | None:
    """An account's bare name; None for the machine's own accounts, which act for anybody and nobody."""
    name = logged.rpartition("\\")[2].partition("@")[0]
    own = name.lower() in _MACHINE or name.endswith("$") or name.upper().startswith(("DWM-", "UMFD-"))
    return None if own else name


@lru_cache(maxsize=4096)
def _address(logged: str) -> str | None:
    """The address of somebody else, with or without a port; None for this machine's own."""
    found = address(logged) or address(split_host_port(logged)[0])
    return None if found is None or found.startswith("127.") or found in {"::1", "0.0.0.0", "::"} else found  # noqa: S104 - compared


def _time_us(logged: Any, zone: dt.tzinfo) -> int | None:  # noqa: ANN401 - any JSON value
    time_us = iso_us(logged.removesuffix(" UTC"), zone) if isinstance(logged, str) else None
    return epoch_us(logged) if time_us is None else time_us


def _table(rows: Sequence[_Row]) -> pa.Table:
    """The events of one logsource, in the order of their numbers: kind by kind, as each has the same fields."""
    import numpy as np  # noqa: PLC0415 - heavy: see above
    import pyarrow as pa  # noqa: PLC0415 - heavy: see above

    kinds: dict[tuple[str, ...], list[_Row]] = defaultdict(list)
    for row in rows:
        kinds[tuple(row.fields)].append(row)
    if len(kinds) == 1 or len(kinds) > _MOST_KINDS:
        return _kind(tuple(dict.fromkeys(name for names in kinds for name in names)), rows)
    table = pa.concat_tables([_kind(names, part) for names, part in kinds.items()], promote_options="default")
    return table.take(np.argsort(table[NUMBER].to_numpy()))


def _kind(names: tuple[str, ...], rows: Sequence[_Row]) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - heavy: see above

    arrays = {name: _texts([row.fields.get(name) for row in rows]) for name in names}
    arrays[EVENT_ID] = pa.array([as_int64(row.fields[EVENT_ID]) for row in rows], pa.int64())
    arrays[TIME] = pa.array([row.time_us for row in rows], pa.int64())
    number = pa.field(NUMBER, pa.int64(), nullable=False)
    schema = pa.schema([*(pa.field(name, array.type) for name, array in arrays.items()), number])
    return pa.table([*arrays.values(), pa.array([row.number for row in rows], pa.int64())], schema=schema)


def _texts(values: list[str | None]) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415 - heavy: see above

    try:
        return pa.array(values, pa.string())
    except UnicodeError:  # half a surrogate pair
        return pa.array([as_text(value) for value in values], pa.string())
