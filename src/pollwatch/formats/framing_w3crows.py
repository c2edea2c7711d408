"""From the fields of a W3C extended log to events, all lines of a block under one header at once."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from urllib.parse import unquote

import polars as pl

from pollwatch.events.batch import NUMBER, EventBatch
from pollwatch.events.block import LineBlock
from pollwatch.events.taxonomy import GENERIC
from pollwatch.formats.framing import (
    AUTH_SHAPE,
    FLOW_SHAPE,
    WEB_ERROR_SHAPE,
    Rows,
    Shape,
    Value,
    iso_us,
    split_host_port,
)
from pollwatch.formats.framing_csv import cells
from pollwatch.formats.framing_login import address, port
from pollwatch.formats.framing_w3c import Header, split
from pollwatch.formats.framing_w3cproxy import as_proxy, ways_out
from pollwatch.formats.webcolumns import Requests
from pollwatch.formats.webfields import FIELDS
from pollwatch.formats.webtext import client_address

#: Fields of a request by their plain names, best first: of two that are there, the first one counts.
_REQUEST = {
    "client": ("cip", "clientipaddress", "clientip", "remoteip"),
    "user": ("csusername", "authenticateduser", "csauthuser"),
    "method": ("csmethod", "method"),
    "uri": ("csuri", "uri"),
    "stem": ("csuristem", "urlstem", "csuripath"),
    "query": ("csuriquery", "urlquery"),
    "version": ("csversion", "csprotocolversion"),
    "status": ("scstatus", "httpstatus"),
    "bytes": ("scbytes", "responsebytes", "bytes"),
    "referer": ("csreferer", "csreferrer", "referer"),
    "agent": ("csuseragent", "useragent"),
    "host": ("xhostheader", "cshost", "urlhost"),
    "forwarded": ("xforwardedfor", "csxforwardedfor"),
    "cs-cookie": ("cscookie",),
}
_TAKEN = ("timetaken", "totalrequesttime")
_TARGETS = frozenset({"uri", "stem"})
_MOMENTS = ("datetime", "timestamp", "time")
#: So many lines of a block show whether values stand in quotes.
_LOOKED_AT = 200
_FIELD_NAMES = frozenset({*FIELDS, NUMBER, "time_us"})

#: What nothing else looks like, of fields that :func:`framing_w3c.guess` tells by it.
_LOOKS = {
    "date": r"^[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}$",
    "time": r"^[0-9]{1,2}:[0-9]{2}:[0-9]{2}",
    "datetime": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T",
    "cip": r"^[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]+$",
    "csmethod": r"^(?:[A-Z][A-Z_-]*|-)$",
    "csuristem": r"^[/*]",
    "scstatus": r"^(?:[1-9][0-9]{2}|-)$",
    "sreason": r"^(?:[A-Z][A-Za-z_/]+|-)$",
    "seqnumber": r"^[0-9]+$",
    "event": r"^[+<>*-]$",
}
_GENERIC_SHAPE = Shape(GENERIC, ("src_ip", "user", "hostname"))
_AUTH_COMMANDS = frozenset({"authenticate", "login", "auth", "pass", "apop"})
_REPLY = re.compile(r'R="*(?:\S+ )?(OK|NO|BAD|-ERR|\+OK)\b', re.IGNORECASE)
_LOCAL_DATE = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{2,4}) (\d{1,2}:\d\d:\d\d)\Z")
_MAIL_PROGRAMS = {143: "exchange-imap", 993: "exchange-imap", 110: "exchange-pop", 995: "exchange-pop"}


@dataclass(slots=True)
class W3cRows:
    """The events of one block."""

    zone: dt.tzinfo
    block: LineBlock
    requests: Requests = field(default_factory=lambda: Requests(dt.UTC))
    outward: Requests = field(default_factory=lambda: Requests(dt.UTC))
    others: dict[Shape, list[tuple[int, int | None, Mapping[str, Value]]]] = field(default_factory=dict)

    def add(self, header: Header, places: Sequence[int], *, doubted: bool = False) -> Sequence[int]:
        """Take the lines at some places of the block, which all stand under one header.

        Args:
            header: which fields they have.
            places: in order.
            doubted: the header is another line's: take only lines whose values look like what it names.

        Returns:
            The places of lines that were not taken.
        """
        if not header.names or not places:
            return places
        values, fits = _values([self.block.text[at] for at in places], header)
        read = [at for at, fit in zip(places, fits, strict=True) if fit]
        if doubted and read:
            right = _look_right(values, header)
            values, read = values.filter(right), [at for at, each in zip(read, right, strict=True) if each]
        if read:
            frame = values.with_columns(pl.Series(NUMBER, read, dtype=pl.Int64))
            if _is_web(header):
                self._add_either_way(frame, header)
            else:
                self._add_rows(frame, header)
        taken = set(read)
        return [at for at in places if at not in taken]

    def _add_either_way(self, frame: pl.DataFrame, header: Header) -> None:
        """Requests to our sites, and those of our own people to others'."""
        out = ways_out(frame, header)
        if out is None:
            self._add_requests(frame, header)
            return
        if not out.all():
            self._add_requests(frame.filter(~out), header)
        if out.any():
            self.outward.frames.append(_fields(frame.filter(out), header, self.zone))

    def batches(self) -> list[EventBatch]:
        """At most one batch of each kind."""
        batches = [*self.requests.batches(self.block), *map(as_proxy, self.outward.batches(self.block))]
        for shape, found in self.others.items():
            rows = Rows(shape)
            for event in sorted(found, key=itemgetter(0)):  # several headers may have taken turns
                rows.add(*event)
            batches += rows.batches(self.block.path)
        return batches

    def _add_requests(self, frame: pl.DataFrame, header: Header) -> None:
        names = header.plain_names()
        if {"ssitename", "xsession"}.intersection(names):
            frame = self._without_other_services(frame, header)
        if "sreason" in names:
            frame = self._without_rejected(frame, header)
        if len(frame):
            self.requests.frames.append(_fields(frame, header, self.zone))

    def _without_other_services(self, frame: pl.DataFrame, header: Header) -> pl.DataFrame:
        """The requests alone: IIS logs FTP and SMTP in the fields of a web site."""
        names = header.plain_names()
        if "xsession" in names:
            other = pl.repeat(value=True, n=len(frame), eager=True)
        else:
            other = frame[f"c{names.index('ssitename')}"].str.contains(r"(?i)^(?:MS)?(?:FTP|SMTP|NNTP)")
        self._add_rows(frame.filter(other), header)
        return frame.filter(~other)

    def _without_rejected(self, frame: pl.DataFrame, header: Header) -> pl.DataFrame:
        """The requests alone: of most connections that http.sys ended there was no request."""
        names = header.plain_names()
        asked = [f"c{names.index(name)}" for name in ("csmethod", "csuri") if name in names]
        nothing = pl.select(pl.all_horizontal(frame[each] == "-" for each in asked))[:, 0]
        for number, time_us, row in _rows(frame.filter(nothing), header, self.zone):
            said = {"c-ip": client_address(row.get("cip")), "message": row.get("sreason"), "module": "http.sys"}
            self._add(WEB_ERROR_SHAPE, number, time_us, said)
        return frame.filter(~nothing)

    def _add_rows(self, frame: pl.DataFrame, header: Header) -> None:
        for number, time_us, row in _rows(frame, header, self.zone):
            if (login := _login(row)) is not None:
                self._add(AUTH_SHAPE, number, time_us, login)
            elif {"srcip", "dstip"} <= row.keys():
                self._add(FLOW_SHAPE, number, time_us, _packet(row))
            else:
                self._add(_GENERIC_SHAPE, number, time_us, _record(row, header))

    def _add(self, shape: Shape, place: int, time_us: int | None, values: Mapping[str, Value]) -> None:
        self.others.setdefault(shape, []).append((self.block.first_number + place, time_us, values))


def _is_web(header: Header) -> bool:
    names = header.plain_names()
    target = any(name in names for each in _TARGETS for name in _REQUEST[each])
    return target and any(name in names for name in _REQUEST["method"])


def _values(texts: Sequence[str], header: Header) -> tuple[pl.DataFrame, list[bool]]:
    """The values of each line that has as many as the header has names, in columns ``c0``, ``c1``, ...; which fit."""
    n = len(header.names)
    quoted = header.separator == " " and any(_is_quoted(text, n) for text in texts[:_LOOKED_AT])
    if header.separator == "," or quoted:
        split_lines = [_parted(text, n) if quoted else split(text, ",") for text in texts]
        fits = [len(each) == n for each in split_lines]
        rows = [each for each in split_lines if len(each) == n]
        columns = {f"c{i}": pl.Series([row[i] or "-" for row in rows], dtype=pl.String) for i in range(n)}
        return pl.DataFrame(columns), fits
    lines = pl.Series(texts, dtype=pl.String).str.strip_chars_end(" ," if header.separator == ", " else " ")
    fitting = lines.str.count_matches(header.separator, literal=True) == n - 1
    parts = lines.filter(fitting).str.split_exact(header.separator, n - 1).struct.unnest()
    return parts.rename({f"field_{i}": f"c{i}" for i in range(n)}), fitting.to_list()


def _parted(text: str, n: int) -> list[str]:
    """The values of a line with spaces between them, and some of them maybe in quotes."""
    return cells(text, " ", strict=True) if _is_quoted(text, n) else text.split(" ")


def _is_quoted(text: str, n: int) -> bool:
    """Whether a line's values are right in number only if quotes hold some together, as proxies write them."""
    return '"' in text and text.count(" ") >= n


def _look_right(values: pl.DataFrame, header: Header) -> pl.Series:
    """Which lines have in each telling field what only that field can look like."""
    names = header.plain_names()
    told = [pl.col(f"c{names.index(name)}").str.contains(look) for name, look in _LOOKS.items() if name in names]
    return values.select(pl.all_horizontal(*told, pl.repeat(value=True, n=pl.len())).fill_null(value=False)).to_series()


def _fields(frame: pl.DataFrame, header: Header, zone: dt.tzinfo) -> pl.DataFrame:
    """Values under the names of ``webfields.FIELDS``; other fields under the names that the log gives them."""
    names = header.plain_names()
    times = _times(frame, header)
    columns = {NUMBER: frame[NUMBER], "time": _in_zone(times, zone) if header.local else times}
    used = {*_MOMENTS, "date", *_TAKEN}
    for name, candidates in _REQUEST.items():
        found = next((each for each in candidates if each in names), None)
        if found is not None:
            used.add(found)
            columns[name] = _escaped(frame[f"c{names.index(found)}"])
    if "query" in columns and "csuripath" in names:
        columns["query"] = columns["query"].str.strip_prefix("?")  # the mark is part of it where the path is so called
    taken = next((each for each in _TAKEN if each in names), None)
    if taken is not None:
        columns |= _durations(frame[f"c{names.index(taken)}"])
    if "agent" in columns:
        columns["agent"] = _spaced(columns["agent"])
    if "forwarded" in columns:
        columns["forwarded"] = columns["forwarded"].str.replace_all(r"\+|%20", " ")
    for at, name in enumerate(header.names):
        if names[at] not in used and name not in columns:
            columns[f"x-{name}" if name in _FIELD_NAMES else name] = _escaped(frame[f"c{at}"])
    return pl.DataFrame(columns)


def _times(frame: pl.DataFrame, header: Header) -> pl.Series:
    """Date and time of day as one text."""
    names = header.plain_names()
    moment = next((frame[f"c{names.index(name)}"] for name in _MOMENTS if name in names), None)
    if moment is None:
        return pl.repeat(None, len(frame), dtype=pl.String, eager=True)
    if "date" in names:
        return frame[f"c{names.index('date')}"] + " " + moment
    return f"{header.date} " + moment if header.date and "time" in names else moment


def _in_zone(times: pl.Series, zone: dt.tzinfo) -> pl.Series:
    """Local times with the zone's offset behind them."""
    read = {text: iso_us(_as_iso(text), zone) for text in times.unique() if text}
    return times.replace({text: str(us) for text, us in read.items() if us is not None})


def _as_iso(text: str) -> str:
    """``11/3/26 7:55:20`` with the year first: the month before the day where both can be one, as in the USA."""
    if (match := _LOCAL_DATE.match(text)) is None:
        return text
    first, second, year = int(match[1]), int(match[2]), int(match[3])
    month, day = (second, first) if first > 12 or "." in text[:3] else (first, second)
    return f"{year + 2000 if year < 100 else year}-{month:02}-{day:02} {match[4]:0>8}"


def _escaped(column: pl.Series) -> pl.Series:
    """Backslashes doubled: they escape nothing here, and everything in the logs that share our columns."""
    return column.str.replace_all("\\", "\\\\", literal=True)


def _spaced(agents: pl.Series) -> pl.Series:
    """User agents with their spaces: IIS has ``+`` for them, CloudFront ``%20``, long ago ``%2520``."""
    plus = agents.str.contains("+", literal=True) & ~agents.str.contains(" ", literal=True)
    agents = pl.select(pl.when(plus).then(agents.str.replace_all("+", " ", literal=True)).otherwise(agents))[:, 0]
    coded = {each: _decoded(each) for each in agents.unique() if each and "%" in each}
    return agents.replace(coded) if coded else agents


def _decoded(agent: str) -> str:
    once = unquote(agent)
    return unquote(once) if "%20" in once else once


def _durations(taken: pl.Series) -> dict[str, pl.Series]:
    """Milliseconds where whole, as IIS and Exchange have them; else seconds."""
    whole = taken.str.contains(r"^[0-9]{1,15}$")
    return {
        "ms": pl.select(pl.when(whole).then(taken))[:, 0],
        "seconds": pl.select(pl.when(~whole).then(taken))[:, 0],
    }


def _rows(frame: pl.DataFrame, header: Header, zone: dt.tzinfo) -> list[tuple[int, int | None, dict[str, str]]]:
    """Place, time and values (plain names, those that are there) of each line."""
    names = header.plain_names()
    times = _times(frame, header).to_list()
    where = zone if header.local else dt.UTC
    found = []
    for values, time in zip(frame.iter_rows(), times, strict=True):
        row = {name: value for name, value in zip(names, values, strict=False) if value not in {"-", ""}}
        found.append((values[-1], iso_us(_as_iso(time), where) if time else None, row))
    return found


def _login(row: Mapping[str, str]) -> dict[str, Value] | None:
    """The columns of ``AUTH`` where a line is about a log-in; None where it is about something else."""
    if "remoteendpoint" in row:
        return _smtp_login(row)
    if row.get("csmethod") == "PASS" and row.get("scstatus") in {"230", "530"}:
        action = "success" if row["scstatus"] == "230" else "failure"
        client = address(row.get("cip", ""))
        return {"program": "iis-ftp", "action": action, "user": row.get("csusername"), "src_ip": client}
    if "command" not in row or row["command"].lower() not in _AUTH_COMMANDS or "context" not in row:
        return None
    reply = _REPLY.search(row["context"])
    peer, client_port = split_host_port(row.get("cip", ""))
    program = _MAIL_PROGRAMS.get(split_host_port(row.get("sip", ""))[1] or 0, "exchange")
    said: dict[str, Value] = {"program": program, "message": row["context"], "user": row.get("user")}
    if reply:
        said["action"] = "success" if reply[1].upper() in {"OK", "+OK"} else "failure"
    return said | {"src_ip": address(peer), "src_port": client_port}


def _smtp_login(row: Mapping[str, str]) -> dict[str, Value] | None:
    """Exchange says to an SMTP client what became of its log-in, and not for which account."""
    data = row.get("data", "")
    if row.get("event") != ">" or not data.startswith(("535 ", "235 ")):
        return None
    client, client_port = split_host_port(row["remoteendpoint"])
    action = "success" if data.startswith("235 ") else "failure"
    said: dict[str, Value] = {"program": "exchange-smtp", "message": data, "action": action}
    return said | {"src_ip": address(client), "src_port": client_port}


def _packet(row: Mapping[str, str]) -> dict[str, Value]:
    return {
        "src_ip": address(row["srcip"]), "src_port": port(row.get("srcport")), "dest_ip": address(row["dstip"]),
        "dest_port": port(row.get("dstport")), "proto": row.get("protocol", "").upper() or None,
        "bytes_out": row.get("size"), "action": {"DROP": "blocked", "ALLOW": "allowed"}.get(row.get("action", "")),
    }  # fmt: skip


def _record(row: Mapping[str, str], header: Header) -> dict[str, Value]:
    """All fields under their own names, and who acts."""
    named = dict(zip(header.plain_names(), header.names, strict=True))
    client = next((row[name] for name in (*_REQUEST["client"], "remoteendpoint") if name in row), "")
    user = next((row[name] for name in (*_REQUEST["user"], "user") if name in row), None)
    who: dict[str, Value] = {"src_ip": address(client) or address(split_host_port(client)[0]), "user": user}
    return {**{named[name]: value for name, value in row.items()}, **who}
