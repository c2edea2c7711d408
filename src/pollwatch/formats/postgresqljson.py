"""PostgreSQL's log as JSON (``log_destination = jsonlog``, from version 15 on)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from pollwatch.events.batch import Parsed
from pollwatch.events.block import LineBlock
from pollwatch.formats.framing import AUTH_SHAPE, Rows, Value, iso_us, parsed
from pollwatch.formats.framing_json import json_records, text_of
from pollwatch.formats.framing_login import Login
from pollwatch.formats.framing_postgres import PostgresLines
from pollwatch.formats.framing_sql import DATABASE_SHAPE
from pollwatch.formats.interface import Framing, ParseContext, Parser

_MARKS = ('"error_severity":', '"session_id":', '"timestamp":')


class PostgreSqlJson:
    """The format ``postgresql-json``."""

    name = "postgresql-json"
    framing: Framing = "json"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of records with the fields that no other log has together."""
        return sum(all(mark in record for mark in _MARKS) for record in sample) / len(sample) if sample else 0.0

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return PostgreSqlJsonParser(context.zone)


class PostgreSqlJsonParser:
    """Reads one input's records, in order."""

    __slots__ = ("_lines", "_zone")

    def __init__(self, zone: dt.tzinfo) -> None:
        """Start before the first record."""
        self._lines = PostgresLines()
        self._zone = zone

    def parse(self, block: LineBlock) -> Parsed:
        """Every record becomes one event or one quarantined record."""
        records, quarantined = json_records(block)
        auth, other = Rows(AUTH_SHAPE), Rows(DATABASE_SHAPE)
        for number, record in records:
            stamp, message = text_of(record, "timestamp") or "", text_of(record, "message")
            time_us = iso_us(stamp.replace(" UTC", "Z").replace(" GMT", "Z"), self._zone)
            said = self._lines.fields(_fields(record))
            base: dict[str, Value] = {"program": "postgres", "message": message, "pid": text_of(record, "pid")}
            if isinstance(said, Login):
                auth.add(number, time_us, base | said.columns())
            else:
                other.add(number, time_us, base | said)
        return parsed(block, (auth, other), quarantined)


def _fields(record: dict[str, Any]) -> dict[str, str | None]:
    """The names of the CSV log for the names of the JSON log."""
    host, peer_port = text_of(record, "remote_host"), text_of(record, "remote_port")
    return {
        "user": text_of(record, "user"),
        "database": text_of(record, "dbname"),
        "pid": text_of(record, "pid"),
        "client": f"{host}:{peer_port or ''}" if host else None,
        "application": text_of(record, "application_name"),
        "severity": text_of(record, "error_severity"),
        "state": text_of(record, "state_code"),
        "message": text_of(record, "message"),
        "query": text_of(record, "statement"),
    }
