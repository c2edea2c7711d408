"""Windows events as rows of a table, whoever exported it, as the flat records that ``framing_winevent`` reads.

Known tables, told by the names of their columns or, in any language, by what stands in them:

- Event Viewer's "Save as CSV": level or keywords, date and time, source, event id and task category, and the event's
  text in a column that its header does not name;
- ``Get-WinEvent`` and ``Get-EventLog`` with ``Export-Csv``: a column per property, with the text;
- EvtxECmd: with the event's data as JSON in ``Payload``;
- Zircolite, Hayabusa, Chainsaw, Splunk and whoever has a column per field, whose names may hold spaces.

Where only the text tells the fields, ``framing_winmessage`` reads it; the channel that Event Viewer leaves out is that
of the source.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pollwatch.formats.framing import as_int64
from pollwatch.formats.framing_json import read_object
from pollwatch.formats.framing_windows import logsource
from pollwatch.formats.framing_winevent import CHANNEL, COMPUTER, EVENT_ID
from pollwatch.formats.framing_winmessage import fields

TIME_TEXT: Final = "TimeCreated"
_PROVIDER, _MESSAGE, _RECORD = "SourceName", "Message", "EventRecordID"
_DELIMITERS = ",;\t|"
_LEAST, _MOST_COLUMNS = 4, 1_000
_VIEWER = (5, 6)
_VIEWERS_PLACES = (1, 2, 3)
_JSON_DATE = re.compile(r"/Date\((\d{1,15})\)/")
_PREFIX = re.compile(
    r"(?i)^(?:_source\.)?(?:winlog|event|event_data|eventdata|win\.eventdata|win\.system)\.(?:event_?data\.|user_?data\.|system\.)?"
)
_POWERSHELLS = frozenset({"providername", "logname", "leveldisplayname", "machinename"})
_NOT_A_LETTER = re.compile(r"[\W_]+")
_DATE = re.compile(r"\d{1,4}[./-] ?\d{1,2}[./-] ?\d{1,4}\D{0,3}\s+\d{1,2}[:.]\d{2}")

#: What tables call the event's own fields, without case and punctuation; of several, the first counts.
_NAMES: Final = {
    EVENT_ID: ("eventid", "eventcode", "id", "instanceid", "eventidentifier"),
    CHANNEL: ("channel", "logname", "eventlog", "log", "containerlog"),
    COMPUTER: ("computer", "computername", "machinename", "hostname", "host"),
    _PROVIDER: ("providername", "provider", "sourcename", "source", "eventsource"),
    TIME_TEXT: (
        *("timecreated", "systemtime", "timegenerated", "timestamp", "eventtime", "datetime", "dateandtime"),
        *("timecreatedutc", "timewritten", "utctime", "time", "date"),
    ),
    _RECORD: ("eventrecordid", "recordid", "recordnumber", "index"),
    _MESSAGE: ("message", "description", "renderedmessage"),
}
_SHORT_CHANNELS: Final = {
    "sec": "Security",
    "sys": "System",
    "app": "Application",
    "sysmon": "Microsoft-Windows-Sysmon/Operational",
    "pwsh": "Microsoft-Windows-PowerShell/Operational",
    "pwshclassic": "Windows PowerShell",
    "defender": "Microsoft-Windows-Windows Defender/Operational",
    "tasksch": "Microsoft-Windows-TaskScheduler/Operational",
    "rds-lsm": "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",
    "rds-rcm": "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational",
    "wmi": "Microsoft-Windows-WMI-Activity/Operational",
    "bitscli": "Microsoft-Windows-Bits-Client/Operational",
    "firewall": "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",
}
_TOLD_BY_TEXT = (
    *("Security", "System", _SHORT_CHANNELS["pwsh"], _SHORT_CHANNELS["rds-lsm"], _SHORT_CHANNELS["rds-rcm"]),
    *(_SHORT_CHANNELS["defender"], _SHORT_CHANNELS["sysmon"]),
)
#: The channel of a source's events, by its name without case, punctuation and "Microsoft-Windows-".
_CHANNELS: Final = {
    "securityauditing": "Security",
    "security": "Security",
    "servicecontrolmanager": "System",
    "kernelgeneral": "System",
    "kernelpower": "System",
    "grouppolicy": "System",
    "eventlog": "System",
    "sysmon": _SHORT_CHANNELS["sysmon"],
    "powershell": _SHORT_CHANNELS["pwsh"],
    "windowsdefender": _SHORT_CHANNELS["defender"],
    "taskscheduler": _SHORT_CHANNELS["tasksch"],
    "terminalserviceslocalsessionmanager": _SHORT_CHANNELS["rds-lsm"],
    "terminalservicesremoteconnectionmanager": _SHORT_CHANNELS["rds-rcm"],
    "remotedesktopservicesrdpcorets": "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational",
    "wmiactivity": _SHORT_CHANNELS["wmi"],
    "bitsclient": _SHORT_CHANNELS["bitscli"],
    "windowsfirewallwithadvancedsecurity": _SHORT_CHANNELS["firewall"],
    "printservice": "Microsoft-Windows-PrintService/Operational",
    "codeintegrity": "Microsoft-Windows-CodeIntegrity/Operational",
}
_CLEARED = {1102: "Security", 1100: "Security", 1101: "Security", 1104: "Security"}
#: Columns that repeat others or hold a program's own notes.
_NOTES = frozenset(
    {
        *("payload", "properties", "bookmark", "matchedqueryids", "relatedactivityid", "activityid", "providerid"),
        *("version", "qualifiers", "chunknumber", "extradataoffset", "hiddenrecord", "sourcefile", "mapdescription"),
        *("replacementstrings", "containerlog", "levelid"),
    }
)
#: Columns by which Get-WinEvent and EvtxECmd are known: there these are those of whoever wrote the event.
_EXPORTERS = frozenset({"leveldisplayname", "taskdisplayname", "mapdescription", "chunknumber"})
_WRITER = {"processid": "ExecutionProcessID", "threadid": "ExecutionThreadID"}
_PAYLOAD = re.compile(r"payloaddata\d|executableinfo")
#: Cells that hold fields themselves.
_INNER = frozenset({"details", "extrafieldinfo", "allfieldinfo", "eventdata"})
_INNER_MARK = " \u00a6 "


@dataclass(frozen=True, slots=True)
class Header:
    """What the columns of a table are.

    Attributes:
        delimiter: between two cells.
        columns: their names; empty for Event Viewer's, which differ by language and stand in one order.
        system: which column holds which of the event's own fields.
    """

    delimiter: str
    columns: tuple[str, ...] = ()
    system: tuple[tuple[str, int], ...] = ()


def cells(row: str, delimiter: str) -> list[str]:
    """The cells of a row; a cell in quotes may hold line breaks and quotes written twice."""
    found: list[str] = []
    at = 0
    while len(found) <= _MOST_COLUMNS:
        if row.startswith('"', at):
            end = at + 1
            while (quote := row.find('"', end)) >= 0 and row.startswith('""', quote):
                end = quote + 2
            close = quote if quote >= 0 else len(row)
            found.append(row[at + 1 : close].replace('""', '"'))
            stop = row.find(delimiter, close)
        else:
            stop = row.find(delimiter, at)
            found.append(row[at : stop if stop >= 0 else len(row)])
        if stop < 0:
            return found
        at = stop + 1
    return found


def header_of(row: str) -> Header | None:
    """What a table with this first row holds; None where that is no table of Windows events."""
    delimiter = max(_DELIMITERS, key=row.count)
    names = [name.strip().lstrip("\ufeff") for name in cells(row, delimiter)]
    if not _LEAST <= len(names) <= _MOST_COLUMNS or any(len(name) > 128 for name in names):
        return None
    plain = [_plain(_bare(name)) for name in names]
    system = tuple(
        (own, place)
        for own, called in _NAMES.items()
        if (place := next((plain.index(each) for each in called if each in plain), None)) is not None
    )
    own = dict(system)
    viewers = (
        tuple(own.get(each) for each in (TIME_TEXT, _PROVIDER, EVENT_ID)) == _VIEWERS_PLACES
        and len(names) == _LEAST + 1
    )
    # "Id" and "Source" are anybody's words; with one of PowerShell's own beside them they are meant.
    powershells = not _POWERSHELLS.isdisjoint(plain)
    told = powershells or (EVENT_ID in own and plain[own[EVENT_ID]] != "id" and (CHANNEL in own or _PROVIDER in own))
    if told and EVENT_ID in own and TIME_TEXT in own and not viewers:
        return Header(delimiter, tuple(map(_bare, names)), system)
    if len(names) in _VIEWER and not any(char.isdigit() for char in row):
        return Header(delimiter)
    return None


def _bare(name: str) -> str:
    """A column's name without what says that it is an event's: ``winlog.event_data.Image`` is ``Image``."""
    return _PREFIX.sub("", name)


def viewer_header(row: str) -> Header | None:
    """A header of Event Viewer's, told by a row under it: for tables whose first row is missing."""
    for delimiter in _DELIMITERS:
        if _is_viewers(cells(row, delimiter)):
            return Header(delimiter)
    return None


def _is_viewers(row: Sequence[str]) -> bool:
    return len(row) in _VIEWER and bool(_DATE.match(row[1].strip("\u200e "))) and as_int64(row[3]) is not None


def record_of(header: Header, row: str) -> dict[str, Any] | None:
    """A row as a flat or nested record; None where it is no event."""
    values = cells(row, header.delimiter)
    if not header.columns:
        return _of_viewer(values) if _is_viewers(values) else None
    if len(values) < len(header.columns) - 1 or len(values) > len(header.columns) + 1:
        return None
    given = {name: value for name, value in zip(header.columns, values, strict=False) if value and value != "N/A"}
    own = {name: values[place] for name, place in header.system if place < len(values) and values[place]}
    if as_int64(own.get(EVENT_ID)) is None:
        return None
    taken = {header.columns[place] for _, place in header.system}
    by_plain = {_plain(name): value for name, value in given.items()}
    record: dict[str, Any] = dict(own)
    record[CHANNEL] = _channel(own)
    if payload := _nested(by_plain.get("payload", "")):
        return {"Event": {"System": _as_system(record, by_plain), **payload}}
    exported = not _EXPORTERS.isdisjoint(by_plain)
    for name, value in given.items():
        plain = _plain(name)
        if exported and plain in _WRITER:
            record[_WRITER[plain]] = value
            continue
        if name in taken or plain in _NOTES or _PAYLOAD.fullmatch(plain) or value.startswith("System."):
            continue
        inner = _inner(value) if plain in _INNER else {}
        for key, each in (inner or {name: value}).items():
            record.setdefault(key, each)
    return with_message(record)


def with_message(record: dict[str, Any]) -> dict[str, Any]:
    """A flat record with the fields that its text tells, where it has no others."""
    message = record.get(_MESSAGE)
    event_id = as_int64(record.get(EVENT_ID))
    if not isinstance(message, str) or event_id is None:
        return record
    if not record.get(CHANNEL):
        record = record | {CHANNEL: _channel_of_text(event_id, message)}
    service = logsource(str(record[CHANNEL]), event_id).service
    return fields(service, event_id, message) | record


def _channel_of_text(event_id: int, message: str) -> str:
    """The channel of an event of which an export kept no more than number and text: whose text it is."""
    return next((each for each in _TOLD_BY_TEXT if fields(logsource(each, event_id).service, event_id, message)), "")


def of_object(record: dict[str, Any]) -> dict[str, Any]:
    """An event that ``Get-WinEvent | ConvertTo-Json`` wrote, as a flat record; other records as they are."""
    if EVENT_ID in record or not record.keys() >= {"Id", "LogName", "ProviderName"}:
        return record
    logged = record.get(TIME_TEXT)
    date = _JSON_DATE.fullmatch(logged) if isinstance(logged, str) else None
    return with_message(
        {
            EVENT_ID: record["Id"],
            CHANNEL: record["LogName"],
            COMPUTER: record.get("MachineName"),
            _PROVIDER: record["ProviderName"],
            TIME_TEXT: int(date[1]) if date else logged,
            _RECORD: record.get("RecordId"),
            _MESSAGE: record.get(_MESSAGE),
        }
    )


def _of_viewer(values: Sequence[str]) -> dict[str, Any]:
    own: dict[str, Any] = {
        EVENT_ID: values[3],
        TIME_TEXT: values[1].strip("\u200e "),
        _PROVIDER: values[2],
        "Level": values[0],
        "Task": values[4],
    }
    own[CHANNEL] = _channel(own)
    if len(values) > 5 and values[5]:
        own[_MESSAGE] = values[5]
    return with_message(own)


def _channel(own: dict[str, Any]) -> str:
    """The channel as logged, else that of the source."""
    if logged := own.get(CHANNEL):
        return _SHORT_CHANNELS.get(str(logged).lower(), str(logged))
    source = str(own.get(_PROVIDER, ""))
    if source.lower() in {"powershell", "powershell (powershell)"}:
        return _SHORT_CHANNELS["pwshclassic"]
    plain = _plain(source.partition(" (")[0] if source.lower().startswith("powershell (") else source)
    plain = plain.removeprefix("microsoftwindows")
    if plain == "eventlog":
        return _CLEARED.get(as_int64(own.get(EVENT_ID)) or 0, _CHANNELS[plain])
    return _CHANNELS.get(plain, "Application" if plain else "")


def _as_system(own: dict[str, Any], by_plain: dict[str, str]) -> dict[str, Any]:
    """The event's own fields in the shape of a nested event."""
    return {
        EVENT_ID: own.get(EVENT_ID),
        CHANNEL: own.get(CHANNEL),
        COMPUTER: own.get(COMPUTER),
        _RECORD: own.get(_RECORD),
        "Keywords": by_plain.get("keywords"),
        "Level": by_plain.get("level"),
        TIME_TEXT: own.get(TIME_TEXT),
        "Provider": {"Name": own.get(_PROVIDER)},
        "Execution": {"ProcessID": by_plain.get("processid"), "ThreadID": by_plain.get("threadid")},
        "Security": {"UserID": by_plain.get("userid")},
    }


def _nested(text: str) -> dict[str, Any]:
    """``EventData`` or ``UserData`` as JSON; empty where it is none."""
    record = read_object(text) if text.startswith("{") else ""
    if isinstance(record, str):
        return {}
    return {name: value for name, value in record.items() if name in {"EventData", "UserData"} and value}


def _inner(value: str) -> dict[str, str]:
    """Fields in one cell: ``Name: value`` between bars or on lines, or JSON."""
    if value.startswith("{"):
        record = read_object(value)
        return {} if isinstance(record, str) else {key: str(each) for key, each in record.items() if each is not None}
    parts = value.split(_INNER_MARK) if _INNER_MARK in value else value.split("\n")
    pairs = [part.partition(": ") for part in parts]
    return {name.strip(): each.strip() for name, mark, each in pairs if mark and 0 < len(name) <= 64}


def _plain(name: str) -> str:
    return _NOT_A_LETTER.sub("", name.lower())
