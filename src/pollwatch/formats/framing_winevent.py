"""One Windows event out of a JSON record, whoever wrote the JSON, under the names that Sigma's rules use.

Known shapes, told by what they hold, nested or with dotted names:

- ``Event.System``, ``Event.EventData``/``UserData``: pyevtx-rs and its evtx_dump (attributes apart or not), xmltodict;
- ``winlog.event_id``, ``winlog.event_data``: Winlogbeat and Elastic Agent;
- ``win.system``, ``win.eventdata``: Wazuh, which writes the first letter of each name small and each backslash twice;
- ``EventID`` and ``Channel`` at the top, everything beside them: NXLog, Mordor, Sentinel; Azure
  Monitor's table ``Event`` has ``EventLog`` for the channel.

Names lose their spaces, as in Sigma. The event's own fields (``EventID``, ``Channel``, ``Computer``, ...) cannot be
taken by a field of the same name in its data: that one gets a leading underscore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from pollwatch.formats.framing import as_int64
from pollwatch.formats.framing_json import as_column

EVENT_ID: Final = "EventID"
CHANNEL: Final = "Channel"
COMPUTER: Final = "Computer"
#: The event's own fields, in the order of their columns.
SYSTEM: Final = (
    *(EVENT_ID, CHANNEL, COMPUTER, "Provider_Name", "Level", "Task", "Opcode", "Keywords", "EventRecordID"),
    *("Execution_ProcessID", "Execution_ThreadID", "Security_UserID"),
)

_FLAT_IDS = frozenset({EVENT_ID, "EventId", "EventCode", "event_id"})
_FLAT_CHANNELS = frozenset({CHANNEL, "channel", "LogName", "log_name", "EventLog"})
#: What flat records call each of :data:`SYSTEM`; the first that there is counts.
_FLAT_SYSTEM: Final = (
    (EVENT_ID, "EventId", "EventCode", "event_id"),
    (CHANNEL, "channel", "LogName", "log_name", "EventLog"),
    (COMPUTER, "Hostname", "ComputerName", "MachineName", "computer_name"),
    ("Provider_Name", "SourceName", "ProviderName", "source_name"),
    *(("Level",), ("Task",), ("Opcode",), ("Keywords",)),
    ("EventRecordID", "RecordNumber", "record_number"),
    *(("ExecutionProcessID",), ("ExecutionThreadID",), ()),
)
#: Names of flat records that are among the event's own fields already.
FLAT_NAMES: Final = {name: own for own, names in zip(SYSTEM, _FLAT_SYSTEM, strict=True) for name in names}
_FLAT_DATA = ("EventData", "event_data")
_UNUSUAL = frozenset({"Data", "#attributes"})
_WAZUH_USER_DATA = ("userData", "logFileCleared")
_FLAT_TIMES = ("TimeCreated", "SystemTime", "@timestamp", "TimeGenerated", "timestamp", "EventTime", "UtcTime")


@dataclass(frozen=True, slots=True)
class WindowsEvent:
    """What a record says.

    Attributes:
        system: the values of :data:`SYSTEM`, in that order.
        data: the event's other fields as logged, values being any JSON.
        flat: whether ``data`` is a whole flat record, so that the event's own fields stand in it once more.
        time: as logged; None where there is none.
    """

    system: tuple[Any, ...]
    data: dict[str, Any]
    flat: bool
    time: Any

    @property
    def event_id(self) -> int | None:
        """The event's number."""
        return as_int64(self.system[0])

    @property
    def channel(self) -> str:
        """The log that it stood in."""
        return self.system[1] if isinstance(self.system[1], str) else ""


def read(record: dict[str, Any]) -> WindowsEvent | None:
    """The Windows event that a record is, or None. Nothing is copied where that can be avoided."""
    if isinstance(source := record.get("_source"), dict):  # as Elasticsearch hands records out
        record = source
    event = record.get("Event", record)
    system = event.get("System") if isinstance(event, dict) else None
    if isinstance(system, dict) and EVENT_ID in system:
        return _nested(event, system)
    if not _FLAT_IDS.isdisjoint(record) and not _FLAT_CHANNELS.isdisjoint(record):
        return _flat(record)
    return _read_dotted(record)


def _read_dotted(record: dict[str, Any]) -> WindowsEvent | None:
    """The shapes whose objects may also be dotted names."""
    winlog = _folder(record, "winlog")
    if winlog is not None and "event_id" in winlog:
        return _shipped(record, winlog)
    win = _folder(_folder(record, "data") or record, "win")
    system = _folder(win, "system") if win is not None else None
    if win is not None and system is not None and "eventID" in system:
        return _wazuh(record, win, system)
    event = _folder(record, "Event") or record
    system = _folder(event, "System")
    if system is not None and (EVENT_ID in system or f"{EVENT_ID}.#text" in system):
        return _nested(event, system)
    return None


def _folder(record: dict[str, Any], name: str) -> dict[str, Any] | None:
    """What stands under a name: an object, or all fields whose dotted names begin with it."""
    value = record.get(name)
    if isinstance(value, dict):
        return value
    prefix = f"{name}."
    return {key[len(prefix) :]: each for key, each in record.items() if key.startswith(prefix)} or None


def _nested(event: dict[str, Any], system: dict[str, Any]) -> WindowsEvent:
    provider, execution = _attributes(system, "Provider"), _attributes(system, "Execution")
    values = (
        *(_text(system, EVENT_ID), _text(system, CHANNEL), _text(system, COMPUTER), provider.get("Name")),
        *(_text(system, name) for name in ("Level", "Task", "Opcode", "Keywords", "EventRecordID")),
        *(execution.get("ProcessID"), execution.get("ThreadID"), _attributes(system, "Security").get("UserID")),
    )
    time = _attributes(system, "TimeCreated").get("SystemTime") or _text(system, "TimeCreated")
    data = event.get("EventData")
    if isinstance(data, dict) and _UNUSUAL.isdisjoint(data) and "RenderingInfo" not in event:
        return WindowsEvent(values, data, flat=False, time=time)
    return WindowsEvent(values, _first(_of_event(event)), flat=False, time=time)


def _first(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Fields by name; of those with one name, the first."""
    found: dict[str, Any] = {}
    for name, value in fields:
        found.setdefault(name, value)
    return found


def _attributes(system: dict[str, Any], name: str) -> dict[str, Any]:
    """An element's attributes, as each of the writers puts them."""
    element = _folder(system, name)
    if element is None:
        apart = system.get(f"{name}_attributes")
        return apart if isinstance(apart, dict) else {}
    found = _folder(element, "#attributes") or element
    return (
        {key.removeprefix("@"): value for key, value in found.items()} if "@" in str(next(iter(found), "")) else found
    )


def _text(system: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - any JSON value
    """An element's text, whether or not it has attributes besides."""
    value = system.get(name)
    if isinstance(value, dict):
        return value.get("#text")
    return system.get(f"{name}.#text") if value is None else value


def _of_event(event: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    data = _folder(event, "EventData")
    if data is not None:
        yield from _named(data)
    user = _folder(event, "UserData")
    if user is not None:
        yield from _leaves(user)
    rendered = _folder(event, "RenderingInfo")
    if rendered is not None and "Message" in rendered:
        yield "Message", rendered["Message"]


def _named(data: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """``EventData``: values by name; those without one, in the order that they have, as the lines of ``Data``."""
    for name, value in data.items():
        if name == "Data" and isinstance(value, (dict, list)):
            yield from _unnamed(value)
        elif name not in {"#attributes", "Data.#attributes"}:
            yield ("Data" if name == "Data.#text" else name), value


def _unnamed(value: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    single = isinstance(value, dict) and ("@Name" in value or "Name" in value)
    values = value if isinstance(value, list) or single else value.get("#text", value)
    texts = []
    for each in values if isinstance(values, list) else [values]:
        name = (each.get("@Name") or each.get("Name")) if isinstance(each, dict) else None
        if isinstance(name, str):
            yield name, each.get("#text", each.get("Value"))
        else:
            texts.append("" if each is None else str(as_column(each)))
    if texts:
        yield "Data", "\n".join(texts)


def _leaves(data: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """``UserData``: whatever elements a program thought up; the innermost names are those that rules use."""
    for name, value in data.items():
        if isinstance(value, dict) and value:
            yield from ((name if inner == "#text" else inner, each) for inner, each in _leaves(value))
        elif not name.startswith(("xmlns", "#attributes", "@xmlns")):
            yield name.rpartition(".")[2], value


def _shipped(record: dict[str, Any], winlog: dict[str, Any]) -> WindowsEvent:
    process = _folder(winlog, "process") or {}
    user = _folder(winlog, "user") or {}
    values = (
        *(winlog.get("event_id"), winlog.get("channel"), winlog.get("computer_name"), winlog.get("provider_name")),
        *(None, winlog.get("task"), winlog.get("opcode"), winlog.get("keywords"), winlog.get("record_id")),
        *(process.get("pid"), process.get("thread.id"), user.get("identifier")),
    )
    return WindowsEvent(values, _first(_of_shipped(record, winlog)), flat=False, time=record.get("@timestamp"))


def _of_shipped(record: dict[str, Any], winlog: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from _named(_folder(winlog, "event_data") or {})
    yield from _leaves(_folder(winlog, "user_data") or {})
    for name, value in _dotted(record):
        if name == "message":
            yield "Message", value
        elif not name.startswith("winlog.") and name != "@timestamp":
            yield name, value


def _dotted(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict) and value:
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _wazuh(record: dict[str, Any], win: dict[str, Any], system: dict[str, Any]) -> WindowsEvent:
    values = (
        *(system.get("eventID"), system.get("channel"), system.get("computer"), system.get("providerName")),
        *(system.get(name) for name in ("level", "task", "opcode", "keywords", "eventRecordID")),
        *(system.get("processID"), system.get("threadID"), None),
    )
    time = system.get("systemTime") or record.get("timestamp")
    return WindowsEvent(values, _first(_of_wazuh(win, system)), flat=False, time=time)


def _of_wazuh(win: dict[str, Any], system: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    folders = (
        _named(_folder(win, "eventdata") or {}),
        *(_leaves(_folder(win, each) or {}) for each in _WAZUH_USER_DATA),
    )
    for name, value in chain(*folders):
        yield name[:1].upper() + name[1:], value.replace(r"\\", "\\") if isinstance(value, str) else value
    if "message" in system:
        yield "Message", system["message"]


def _any(get: Callable[[str], Any], names: tuple[str, ...]) -> Any:  # noqa: ANN401 - any JSON value
    """What stands under the first of the names that says something."""
    for name in names:
        if (value := get(name)) is not None:
            return value
    return None


def _flat(record: dict[str, Any]) -> WindowsEvent:
    get = record.get
    system = tuple([_any(get, names) for names in _FLAT_SYSTEM])
    time = _any(get, _FLAT_TIMES)
    for folder in _FLAT_DATA:
        if isinstance(data := record.get(folder), dict):
            record = _first(chain(_named(data), ((name, value) for name, value in record.items() if name != folder)))
    return WindowsEvent(system, record, flat=True, time=time)
