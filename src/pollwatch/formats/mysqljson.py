"""MySQL's logs as JSON: the error log, MySQL Enterprise's and Percona's audit logs; the latter as XML, too.

Sources: the MySQL 8.4 manual, "The JSON Error Log Sink" and "Audit Log File Formats"; Percona Server's "Audit Log
Plugin".
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from pollwatch.events.batch import Parsed
from pollwatch.events.block import LineBlock
from pollwatch.formats import framing_sql
from pollwatch.formats.framing import AUTH_SHAPE, Rows, Value, as_int64, iso_us, parsed
from pollwatch.formats.framing_json import json_records, read_object, text_of
from pollwatch.formats.framing_login import Login, Witness, peer
from pollwatch.formats.framing_mysqlxml import MARK, read_record
from pollwatch.formats.framing_sql import DATABASE_SHAPE, Session, Sessions
from pollwatch.formats.interface import Framing, ParseContext, Parser

_ERROR = ('"err_code":', '"msg":')
_ENTERPRISE = ('"class":', '"connection_id":', '"event":')
_PERCONA = ('"audit_record":', '"name":')
_USER = re.compile(r"([^\[\]]*)\[[^\[\]]*\] @ (\S*) \[([^\[\]]*)\]")


class MySqlJson:
    """The format ``mysql-json``."""

    name = "mysql-json"
    framing: Framing = "json"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of records with the fields of one of the three."""
        return sum(map(_fits, sample)) / len(sample) if sample else 0.0

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return MySqlJsonParser(context.zone)


def _fits(record: str) -> bool:
    return record.lstrip().startswith(MARK) or any(
        all(mark in record for mark in marks) for marks in (_ERROR, _ENTERPRISE, _PERCONA)
    )


def _read(text: str) -> dict[str, Any] | str:
    """A record in JSON or in XML, or why it is neither."""
    return read_record(text) if text.lstrip().startswith("<") else read_object(text)


class MySqlJsonParser:
    """Reads one input's records, in order."""

    __slots__ = ("_sessions", "_zone")

    def __init__(self, zone: dt.tzinfo) -> None:
        """Start before the first record."""
        self._sessions = Sessions()
        self._zone = zone

    def parse(self, block: LineBlock) -> Parsed:
        """Every record becomes one event or one quarantined record."""
        records, quarantined = json_records(block, _read)
        auth, other = Rows(AUTH_SHAPE), Rows(DATABASE_SHAPE)
        for number, record in records:
            inner = record.get("audit_record")
            body: dict[str, Any] = inner if isinstance(inner, dict) else record
            stamp = text_of(body, "time") or text_of(body, "timestamp") or ""
            time_us = iso_us(stamp.replace(" UTC", "Z"), self._zone)
            said, message = self._said(body, percona=inner is not None)
            base: dict[str, Value] = {"program": "mysqld", "message": message}
            base["pid"] = as_int64(text_of(body, "connection_id") or text_of(body, "thread"))
            if isinstance(said, Login):
                auth.add(number, time_us, base | said.columns())
            else:
                other.add(number, time_us, base | said)
        return parsed(block, (auth, other), quarantined)

    def _said(self, body: dict[str, Any], *, percona: bool) -> tuple[dict[str, Value] | Login, str | None]:
        if percona:
            return _percona(body)
        if "err_code" in body:
            message = text_of(body, "msg") or ""
            return framing_sql.mysql(None, "", message, self._sessions, text_of(body, "label") or ""), message
        return _enterprise(body)


def _login(status: str | None, user: str | None, host: str | None) -> Login:
    ip, name = peer(host or "")
    failed = status not in {"0", None}
    return Login(
        "failure" if failed else "success", user, None, ip, name, witness=Witness.SERVICE if failed else Witness.NOBODY
    )


def _percona(body: dict[str, Any]) -> tuple[dict[str, Value] | Login, str | None]:
    """``{"audit_record": {"name": "Connect", ...}}``."""
    name, statement = text_of(body, "name") or "", text_of(body, "sqltext")
    user, host = text_of(body, "user"), text_of(body, "ip") or text_of(body, "host")
    if name == "Connect":
        return _login(text_of(body, "status"), user, host), name
    if user and (found := _USER.fullmatch(user)):  # of a statement: "root[root] @ host [ip]"
        user, host = found[1], found[3] or found[2]
    who = Session(user, peer(host or "")[0], None, text_of(body, "db") or None)
    action = framing_sql.verb(statement) if statement else name.lower() or None
    return framing_sql.audited(action, statement or None, who), statement or name


def _enterprise(body: dict[str, Any]) -> tuple[dict[str, Value] | Login, str | None]:
    """``{"class": "connection", "event": "connect", ...}``."""
    kind, event = text_of(body, "class"), text_of(body, "event") or ""
    user = text_of(body, "account", "user") or text_of(body, "login", "user")
    host = text_of(body, "login", "ip") or text_of(body, "account", "host")
    if kind == "connection" and event == "connect":
        return _login(text_of(body, "connection_data", "status"), user, host), event
    statement = text_of(body, "general_data", "query") or text_of(body, "query_data", "query")
    database = text_of(body, "connection_data", "db") or text_of(body, "table_access_data", "db")
    who = Session(user, peer(host or "")[0], None, database)
    values = framing_sql.audited(framing_sql.verb(statement) if statement else event or None, statement, who)
    return values | {"object": text_of(body, "table_access_data", "table")}, statement or event
