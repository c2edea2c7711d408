"""Windows events: out of binary logs, whole or damaged, and out of hostile JSON, to the rules that are meant."""

from __future__ import annotations

import json
import random  # noqa: TID251 - seeded
from pathlib import Path

import pytest

from evtx_maker import CHUNK_BYTES, FIRST_RECORD, HEADER_BYTES, event, log
from pollwatch.clock import UTC, parse_rfc3339, rfc3339
from pollwatch.detect.engine import Engine
from pollwatch.errors import FormatError
from pollwatch.events.batch import NUMBER, TIME, LogSource
from pollwatch.events.block import LineBlock
from pollwatch.formats.framing_json import MAX_COLUMNS, REST
from pollwatch.formats.framing_wincolumns import MOST_KINDS
from pollwatch.formats.framing_windates import Dates
from pollwatch.formats.framing_winmessage import fields
from pollwatch.formats.interface import ParseContext
from pollwatch.formats.windows import Windows
from pollwatch.formats.wintable import WindowsTable
from pollwatch.node.case.reading import InputCount, ReadOptions, lines, read
from pollwatch.sources.files import expand

STARTED = event("Security", 4688, 1, {"NewProcessName": r"C:\Temp\evil.exe", "SubjectUserName": "clerk"})
INSTALLED = event("System", 7045, 2, {"ServiceName": "evil"})
Row = dict[str, object]


def scanned(folder: Path, data: bytes) -> tuple[InputCount, list[tuple[int, LogSource | str, Row]]]:
    """What a scan makes of a file: its counts, and each record's number with its event or why it is quarantined."""
    path = folder / "Log.evtx"
    path.write_bytes(data)
    (source,), _ = expand([str(path)])
    count = InputCount(source.path)
    found: list[tuple[int, LogSource | str, Row]] = []
    for _block, parsed in read(source, ReadOptions(), count):
        found += [(each.number, each.reason, {}) for each in parsed.quarantined]
        found += [(row[NUMBER], batch.logsource, row) for batch in parsed.batches for row in batch.table.to_pylist()]
    assert [number for number, _, _ in sorted(found)] == list(range(1, count.lines + 1))
    assert count.parsed + count.quarantined == count.lines
    return count, sorted(found, key=lambda each: each[0])


def test_binary_log(tmp_path: Path) -> None:
    """Events of all chunks come out in order, numbered through, and a second look finds the same text again."""
    count, found = scanned(tmp_path, log([[STARTED, INSTALLED], [], [STARTED]]))
    assert (count.format, count.lines, count.quarantined) == ("windows", 3, 0)
    started, installed = LogSource("process_creation", "windows", "security"), LogSource("", "windows", "system")
    assert [what for _, what, _ in found] == [started, installed, started]
    assert found[0][2]["Image"] == r"C:\Temp\evil.exe"
    assert rfc3339(count.first_us) == "2026-11-03T20:00:01.500000Z"
    (source,), _ = expand([str(tmp_path / "Log.evtx")])
    ((number, raw, text),) = lines(source, {2})
    assert (number, raw.decode()) == (2, text)
    assert '"ServiceName":"evil"' in text


def test_cut_log(tmp_path: Path) -> None:
    """A log that was copied half: what is there is read, and one record says where the file ends."""
    whole = log([[STARTED] * 20, [INSTALLED] * 20])
    _, found = scanned(tmp_path, whole[: HEADER_BYTES + CHUNK_BYTES + 3_000])
    assert sum(isinstance(what, LogSource) for _, what, _ in found) > 20
    assert found[-1][1] == "damaged: the file ends inside chunk 1 at byte 69632, after 3000 of 65536 bytes"
    _, ((_, why, _),) = scanned(tmp_path, whole[:100])
    assert why == "damaged: the file ends inside its header, after 100 of 4096 bytes"


def test_damage_stays_where_it_is(tmp_path: Path) -> None:
    """Attack: one event is overwritten, and a whole chunk; all other events still come out."""
    data = bytearray(log([[STARTED] * 5, [STARTED], [INSTALLED] * 3]))
    data[HEADER_BYTES + FIRST_RECORD + 26 : HEADER_BYTES + FIRST_RECORD + 40] = b"\xff" * 14
    data[HEADER_BYTES + CHUNK_BYTES : HEADER_BYTES + CHUNK_BYTES + 8] = b"garbage!"
    count, found = scanned(tmp_path, bytes(data))
    assert count.parsed == 7
    reasons = [what for _, what, _ in found if isinstance(what, str)]
    assert reasons[0].startswith("damaged: chunk 0 at byte 4096: Failed to parse record number 1")
    assert reasons[1].startswith("damaged: chunk 1 at byte 69632: Failed to parse chunk")


def test_any_damage_is_survived(tmp_path: Path) -> None:
    """Attack: logs with bytes changed anywhere, or nothing but noise behind the first ones; nothing is raised."""
    noise = random.Random(6)  # noqa: S311 - seeded
    whole = log([[STARTED, INSTALLED] * 10])
    for _ in range(60):
        data = bytearray(whole[: noise.randrange(8, len(whole))] if noise.random() < 0.3 else whole)
        for _ in range(noise.choice([1, 5, 50])):
            data[noise.randrange(8, min(len(data), 12_000))] = noise.randrange(256)
        count, _ = scanned(tmp_path, bytes(data))
        assert count.format in {"windows", "jsonlines"} or not count.lines
    scanned(tmp_path, b"ElfFile\x00" + noise.randbytes(200_000))


def test_only_the_name_is_evtx(tmp_path: Path) -> None:
    """A file that is none, whatever it is called, is of no known format and says so."""
    with pytest.raises(FormatError, match="no recognised format"):
        scanned(tmp_path, b"MZ" + bytes(range(256)) * 20)


def parsed(*records: str) -> list[tuple[LogSource, Row]]:
    """What the format makes of JSON records, in order."""
    block = LineBlock("x.json", 1, [each.encode() for each in records], records)
    found = Windows().parser(ParseContext("x.json", 0)).parse(block)
    assert sum(map(len, found.batches)) + len(found.quarantined) == len(records)
    rows = [(batch.logsource, row) for batch in found.batches for row in batch.table.to_pylist()]
    return sorted(rows, key=lambda each: int(str(each[1][NUMBER])))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_xml_export(encoding: str, tmp_path: Path) -> None:
    """Events exported as XML, under a root or not, on one line or on many, are what the log itself says."""
    one = (
        '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
        '<Provider Name="Service Control Manager"/><EventID Qualifiers="16384">7045</EventID>'
        '<TimeCreated SystemTime="2026-11-03T20:00:01.5Z"/><Channel>System</Channel><Computer>tally1</Computer>'
        '</System><EventData><Data Name="ServiceName">a &amp; b&#x1;</Data>\n'
        '<Data Name="ImagePath">C:\\x.exe</Data></EventData></Event>'
    )
    many = one.replace("><", ">\r\n  <")
    for text in (f"<?xml version='1.0'?><Events>{one}{many}</Events>", f"{one}\n{one}\n", f"{many}\r\n{many}"):
        count, found = scanned(tmp_path, text.encode(encoding))
        assert (count.format, count.lines, count.quarantined) == ("windows", 2, 0)
        for _, logsource, row in found:
            assert logsource == LogSource("", "windows", "system")
            assert (row["EventID"], row["Computer"], row["ImagePath"]) == (7045, "tally1", r"C:\x.exe")
            assert row["ServiceName"] == "a & b\ufffd"
            assert rfc3339(row[TIME]) == "2026-11-03T20:00:01.500000Z"  # type: ignore[arg-type]


@pytest.mark.parametrize(("logged", "expected"), [
    (["11/3/2026 8:00:00 PM", "11/13/2026 8:00:00 AM"], ["2026-11-03T20:00:00Z", "2026-11-13T08:00:00Z"]),
    (["03/11/2026 20:00:00", "13/11/2026 08:00:00"], ["2026-11-03T20:00:00Z", "2026-11-13T08:00:00Z"]),
    (["03.11.2026 20:00:00"], ["2026-11-03T20:00:00Z"]),
    (["3-11-2026 20:00:00"], ["2026-11-03T20:00:00Z"]),
    (["2026/11/03 20:00:00"], ["2026-11-03T20:00:00Z"]),
    (["2026. 11. 03. 20:00:00"], ["2026-11-03T20:00:00Z"]),
    (["11/3/2026 8:00:00\u202fPM"], ["2026-11-03T20:00:00Z"]),
    (["02/11/2026 23:59:00", "03/11/2026 00:01:00"], ["2026-11-02T23:59:00Z", "2026-11-03T00:01:00Z"]),
    (["11/03/2026 00:01:00", "11/02/2026 23:59:00"], ["2026-11-03T00:01:00Z", "2026-11-02T23:59:00Z"]),
    (["12/11/2026 10:00:00"], ["2026-11-12T10:00:00Z"]),  # 11 December is after the export
    (["2026-11-03 20:00:00.5 +01:00"], ["2026-11-03T19:00:00.500000Z"]),
    (["Nov 3, 2026 @ 20:00:00.500"], ["2026-11-03T20:00:00.500000Z"]),
    (["1/1/1601 1:00:00 AM", "31.02.2026 10:00:00", "yesterday", ""], [None, None, None, None]),
])  # fmt: skip
def test_dates_of_tables(logged: list[str], expected: list[str | None]) -> None:
    """Day and month are told apart by all dates, by their order, by the day of the export, else by habit."""
    anchor_us = parse_rfc3339("2026-11-23T12:00:00Z")
    assert [rfc3339(each) for each in Dates(anchor_us, UTC)(logged)] == expected


def enabled(first: str, section: str, labels: tuple[str, str, str, str], target: str, mark: str = ":") -> str:
    """The text of event 4722 in some language."""
    sid, name, domain, logon = labels
    subject = f"\n\n{section}{mark}\n\t{sid}{mark}\t\tS-1-5-18\n\t{name}{mark}\t\tDC1$\n\t{domain}{mark}\t\tVOTE\n"
    whom = f"\t{sid}{mark}\t\tS-1-5-21-1\n\t{name}{mark}\t\thelper\n\t{domain}{mark}\t\tVOTE"
    return f"{first}{subject}\t{logon}{mark}\t\t0x3E7\n\n{target}{mark}\n{whom}"


MESSAGES = {
    "en": enabled(
        *("A user account was enabled.", "Subject"),
        *(("Security ID", "Account Name", "Account Domain", "Logon ID"), "Target Account"),
    ),
    "fr": enabled(
        *("Un compte d\u2019utilisateur a \u00e9t\u00e9 activ\u00e9.", "Sujet"),
        ("ID de s\u00e9curit\u00e9", "Nom du compte", "Domaine du compte", "ID d\u2019ouverture de session"),
        *("Compte cible", "\u00a0:"),
    ).replace("\n", "\r\n"),
    "nl": enabled(
        *("Een gebruikersaccount is ingeschakeld.", "Onderwerp"),
        *(("Beveiligings-id", "Accountnaam", "Accountdomein", "Aanmeldings-id"), "Doelaccount"),
    )
    + "\n\nDeze tekst: legt uit.",
}


@pytest.mark.parametrize("language", MESSAGES)
def test_texts_in_any_language_tell_the_fields(language: str) -> None:
    """A line's place tells its field, so that a rule finds it whatever the machine speaks."""
    found = fields("security", 4722, MESSAGES[language])
    assert (found["SubjectUserName"], found["TargetUserName"], found["TargetSid"]) == ("DC1$", "helper", "S-1-5-21-1")
    assert len(found) == 7


def test_texts_that_are_forged_or_unknown_tell_nothing() -> None:
    """A line more or fewer than Windows writes could put an attacker's words into another field: then no field is."""
    forged = MESSAGES["en"].replace("helper", "helper\n\tAccount Domain:\t\tELSEWHERE\n\tMore:\t\tx")
    assert fields("security", 4722, forged) == {}
    assert fields("security", 9999, MESSAGES["en"]) == {}
    assert fields("system", 7045, "") == {}


FAILED = """An account failed to log on.

Subject:
\tSecurity ID:\t\tS-1-0-0
\tAccount Name:\t\t-
\tAccount Domain:\t\t-
\tLogon ID:\t\t0x0

Logon Type:\t\t\t3

Account For Which Logon Failed:
\tSecurity ID:\t\tS-1-0-0
\tAccount Name:\t\tclerk
\tAccount Domain:\t\tTOWN

Failure Information:
\tFailure Reason:\t\tUnknown user name or bad password.
\tStatus:\t\t\t0xC000006D
\tSub Status:\t\t0xC000006A

Process Information:
\tCaller Process ID:\t0x0
\tCaller Process Name:\t-

Network Information:
\tWorkstation Name:\tKIOSK
\tSource Network Address:\t203.0.113.66
\tSource Port:\t\t50112

Detailed Authentication Information:
\tLogon Process:\t\tNtLmSsp
\tAuthentication Package:\tNTLM
\tTransited Services:\t-
\tPackage Name (NTLM only):\t-
\tKey Length:\t\t0

This event is generated when a logon request fails.
"""


def test_a_failed_log_in_that_a_shipper_cut_tells_what_is_left() -> None:
    """Wherever it is cut, what is told is true: no half of an address, and nothing where the account is lost."""
    whole = fields("security", 4625, FAILED)
    assert (whole["TargetUserName"], whole["IpAddress"], whole["KeyLength"]) == ("clerk", "203.0.113.66", "0")
    for end in range(len(FAILED)):
        told = fields("security", 4625, FAILED[:end])
        told.pop("KeyLength", None)  # a text of as many lines as there are is taken as whole
        assert told.items() <= whole.items()
        assert not told or told["TargetUserName"] == "clerk"
    assert "IpAddress" not in fields("security", 4625, FAILED[: FAILED.index("113.66")])
    cut = fields("security", 4625, FAILED[: FAILED.index("Detailed")])
    assert (cut["WorkstationName"], cut["IpAddress"]) == ("KIOSK", "203.0.113.66")
    assert fields("security", 4625, FAILED[: FAILED.index("Detailed")].replace("0x0", "zero")) == {}


@pytest.mark.parametrize("header", [
    "time,source,destination,bytes,id",
    "id,host,time,source",
    "Id,Source,Time,Message",
    "TimeGenerated,Operation,UserId,Id",
])  # fmt: skip
def test_other_tables_are_not_ours(header: str) -> None:
    """A table of flows or of a cloud that has a column called id is no table of Windows events."""
    row = ",".join("7" for _ in header.split(","))
    assert WindowsTable().sniff([header, *[row] * 5]) == 0.0


def test_a_table_with_no_more_than_number_and_text(tmp_path: Path) -> None:
    """``Get-WinEvent | Select TimeCreated,Id,LevelDisplayName,Message | Export-Csv``: the text tells whose it is."""
    text = MESSAGES["nl"].replace('"', '""')
    rows = f'"TimeCreated","Id","LevelDisplayName","Message"\n"3-11-2026 20:00:00","4722","Informatie","{text}"\n'
    count, found = scanned(tmp_path, rows.encode())
    assert (count.format, count.parsed) == ("windows-csv", 1)
    assert (found[1][1], found[1][2]["TargetUserName"]) == (LogSource("", "windows", "security"), "helper")


def test_a_table_of_kibana(tmp_path: Path) -> None:
    """Discover's export names columns with all their folders."""
    names = '"@timestamp","winlog.event_id","winlog.channel","winlog.computer_name","winlog.event_data.ServiceName"'
    row = '"Nov 3, 2026 @ 20:00:00.000",7045,System,tally1,evil'
    count, found = scanned(tmp_path, f"{names}\n{row}\n".encode())
    assert (count.format, count.parsed) == ("windows-csv", 1)
    assert (found[1][2]["EventID"], found[1][2]["ServiceName"]) == (7045, "evil")
    assert rfc3339(count.first_us) == "2026-11-03T20:00:00Z"


def test_events_of_convertto_json() -> None:
    """PowerShell's JSON has the event's own fields under its own names, the date as it writes dates, and the text."""
    text = (
        '{"Id":4722,"LogName":"Security","ProviderName":"Microsoft-Windows-Security-Auditing","MachineName":"dc1",'
        '"RecordId":7,"TimeCreated":"\\/Date(1793736000000)\\/","Message":' + json.dumps(MESSAGES["nl"]) + "}"  # noqa: TID251
    )
    parsed = Windows().parser(ParseContext("x", 0)).parse(LineBlock("x", 1, [text.encode()], [text]))
    (row,) = parsed.batches[0].table.to_pylist()
    assert rfc3339(row[TIME]) == "2026-11-03T20:00:00Z"
    assert (row["Computer"], row["TargetUserName"]) == ("dc1", "helper")


def test_events_of_azure_monitor() -> None:
    """The table ``Event`` of a Log Analytics workspace calls the channel EventLog: the event has Sysmon's logsource."""
    text = (
        '{"TimeGenerated":"2026-11-03T20:00:00Z","Source":"Microsoft-Windows-Sysmon","EventID":18,"Computer":"PC-1",'
        '"EventLog":"Microsoft-Windows-Sysmon/Operational","PipeName":"\\\\pipe"}'
    )
    (batch,) = Windows().parser(ParseContext("x", 0)).parse(LineBlock("x", 1, [text.encode()], [text])).batches
    assert str(batch.logsource) == "pipe_created/windows/sysmon"
    assert batch.table["PipeName"].to_pylist() == ["\\pipe"]


def test_hostile_xml() -> None:
    """Entities that expand, files that are asked for, depth without end and unclosed tags are quarantined."""
    bomb = '<!DOCTYPE Event [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    hostile = [
        f"<Event><!-- -->{bomb}<System><EventID>1</EventID></System></Event>",
        f"{bomb}<Event><System><EventID>&b;</EventID></System></Event>",
        "<Event><System><EventID>&xxe;</EventID></System></Event>",
        "<Event>" + "<a>" * 5_000 + "</a>" * 5_000 + "</Event>",
        "<Event>" + "<a/>" * 50_000 + "</Event>",
        "<Event><System><EventID>1</EventID>",
        "<Event a='1' a='2'/>",
        "<Events/>",
        "<Event>&#x110000;&#xffffffffff;</Event>",
    ]
    block = LineBlock("x", 1, [text.encode() for text in hostile], hostile)
    parsed = Windows().parser(ParseContext("x", 0)).parse(block)
    assert [each.number for each in parsed.quarantined] == list(range(1, len(hostile) + 1))
    assert Windows().sniff(hostile) == 0.0


def test_hostile_json() -> None:
    """Attack: deep, huge, of the wrong types, with our own names; kept or quarantined, never a crash."""
    deep = '{"Event":{"System":{"EventID":1},"EventData":' + '{"a":' * 1_000 + "1" + "}" * 1_002
    flat = '{"EventID":1,"Channel":"Security",'
    rows = parsed(
        deep,
        flat + '"time_us":1,"number":"x","_rest":[],"norm.user":"root","":1}',
        flat + f'"Big":"{"x" * 10_000_000}"}}',
        '{"Event":{"System":{"EventID":[1],"Channel":{"a":1},"TimeCreated":7,"Provider":"p"},"EventData":"x"}}',
        '{"Event":{"System":{"EventID":1e400},"UserData":[1],"RenderingInfo":null}}',
        '{"winlog":{"event_id":{},"event_data":7,"user_data":[]},"@timestamp":[]}',
        '{"win":{"system":{"eventID":"1"},"eventdata":{"data":["a",{"Name":7}]}}}',
        '{"Event":7,"EventID":true,"Channel":null,"EventData":{"Data":{"#text":null}}}',
        "[]",
    )
    ours = rows[0][1]
    assert (ours[NUMBER], ours["_number"], ours[TIME], ours["_time_us"], ours["__rest"]) == (2, "x", None, "1", "[]")
    assert ours["norm.user"] is None
    assert len(str(rows[1][1]["Big"])) == 10_000_000
    assert len(rows) == 7


def test_ever_new_names_and_kinds() -> None:
    """Attack: another field in every event, to make columns or tables without end; the rest stands together."""
    events = [f'{{"EventID":{i},"Channel":"Security","f{i}":"{i}","g{i}":1}}' for i in range(MOST_KINDS * 4)]
    rows = parsed(*events)
    assert len(rows[0][1]) <= MAX_COLUMNS + 20
    assert rows[7][1]["f7"] == "7"
    assert all(row.get(f"f{i}") == str(i) or f'"f{i}":"{i}"' in str(row[REST]) for i, (_, row) in enumerate(rows))


RULE = """
title: t
id: 6f0b2a44-0000-4000-8000-0000000000{number:02}
status: test
description: d
level: high
logsource: {logsource}
detection:
  s: {{{selection}}}
  condition: s
"""


@pytest.mark.parametrize(
    ("logsource", "selection", "fields", "fires"),
    [
        ("{product: windows, service: security}", r"EventID: 4688, NewProcessName|endswith: '\a.exe'", "4688", True),
        ("{category: process_creation, product: windows}", r"Image|endswith: '\a.exe', User: 'C\clerk'", "4688", True),
        ("{category: process_creation, product: linux}", r"Image|endswith: '\a.exe'", "4688", False),
        ("{product: windows, service: sysmon}", r"Image|endswith: '\a.exe'", "4688", False),
        ("{category: process_creation}", "ParentImage: null", "4688", True),
        ("{category: registry_event, product: windows}", "TargetObject: HKLM\\K, EventType: DeleteValue", "12", True),
        ("{category: registry_delete, product: windows}", "TargetObject: HKLM\\K", "12", True),
        ("{category: registry_add, product: windows}", "TargetObject: HKLM\\K", "12", False),
        ("{category: registry_set, product: windows}", r"TargetObject: HKLM\S\V, Details: x", "4657", True),
        ("{category: registry_event, product: windows, service: sysmon}", "Details: x", "4657", False),
        ("{category: file_delete, product: windows}", "TargetFilename: f", "26", True),
        ("{category: network_connection, product: windows}", "Initiated: 'true', DestinationPort: 443", "5156", True),
        ("{product: windows}", "EventID: 5156", "5156", True),
    ],
)
def test_routes(logsource: str, selection: str, fields: str, *, fires: bool, tmp_path: Path) -> None:
    """An event meets the rules for its log and those for its category, under the names of either."""
    records = {
        "4688": ("Security", r'"NewProcessName":"C:\\a.exe","SubjectUserName":"clerk","SubjectDomainName":"C"'),
        "12": ("Microsoft-Windows-Sysmon/Operational", r'"EventType":"DeleteValue","TargetObject":"HKLM\\K"'),
        "26": ("Microsoft-Windows-Sysmon/Operational", '"TargetFilename":"f"'),
        "4657": ("Security", r'"ObjectName":"\\REGISTRY\\MACHINE\\S","ObjectValueName":"V","NewValue":"x"'),
        "5156": ("Security", '"Direction":"%%14593","DestPort":443'),
    }
    channel, data = records[fields]
    record = f'{{"Event":{{"System":{{"EventID":{fields},"Channel":"{channel}"}},"EventData":{{{data}}}}}}}'
    rule = tmp_path / "rule.yml"
    rule.write_text(RULE.format(number=1, logsource=logsource, selection=selection))
    engine = Engine.load([rule], shipped=False)
    assert not engine.report.refused
    (batch,) = Windows().parser(ParseContext("x", 0)).parse(LineBlock("x", 1, [record.encode()], [record])).batches
    assert bool(engine.match(batch).hits) == fires
