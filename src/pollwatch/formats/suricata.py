"""Suricata's EVE records, one per line or as a pretty array.

Alerts, requests, DNS and flows become events of their Sigma logsource; every other event type becomes
``suricata/EVENT_TYPE`` with its nested fields as dotted columns. Source: Suricata user guide, "EVE JSON Format";
DNS in its versions 1 (one answer a record), 2 (grouped answers) and 3 (``queries``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from pollwatch.events.batch import LogSource, Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats.framing import (
    DNS_SHAPE,
    FLOW_SHAPE,
    IDS_SHAPE,
    WEB_SHAPE,
    Rows,
    Shape,
    Value,
    as_int64,
    iso_us,
    parsed,
)
from pollwatch.formats.framing_json import Flattener, json_records, json_text, text_of
from pollwatch.formats.interface import Framing, ParseContext, Parser

_EVE = re.compile(r'"event_type"\s*:\s*"[a-z0-9_]+"')
_EVE_TOO = re.compile(r'"(?:flow_id|src_ip|in_iface|pcap_cnt|stats)"\s*:')
_EVENT_TYPE = re.compile(r"[a-z0-9_]{1,32}")
_MAX_EVENT_TYPES = 64
_NO_EVENT_TYPE = "JSON, but no EVE record: it has no event_type"
_DNS_PORT = 53


class Suricata:
    """The format ``suricata``."""

    name = "suricata"
    framing: Framing = "json"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of records that name their event type and what EVE says of a flow."""
        if not sample:
            return 0.0
        return sum(bool(_EVE.search(each) and _EVE_TOO.search(each)) for each in sample) / len(sample)

    def parser(self, context: ParseContext) -> Parser:
        """A fresh parser for one input."""
        return SuricataParser(context)


class SuricataParser:
    """Reads one input's records, in order."""

    __slots__ = ("_flatten", "_types", "_zone")

    def __init__(self, context: ParseContext) -> None:
        """Start before the first record."""
        self._zone = context.zone
        self._flatten = Flattener()
        self._types: set[str] = set()

    def parse(self, block: LineBlock) -> Parsed:
        """Every record becomes one event or one quarantined record."""
        records, quarantined = json_records(block)
        rows: dict[LogSource, Rows] = {}
        for number, record in records:
            event_type = record.get("event_type")
            if not isinstance(event_type, str):
                quarantined.append(Quarantined(number, _NO_EVENT_TYPE))
                continue
            shape, values = self._event(event_type, record)
            time_us = iso_us(text_of(record, "timestamp") or "", self._zone)
            rows.setdefault(shape.logsource, Rows(shape)).add(number, time_us, values)
        return parsed(block, rows.values(), quarantined)

    def _event(self, event_type: str, record: dict[str, Any]) -> tuple[Shape, dict[str, Value]]:
        """The logsource that an event type belongs to, and its columns."""
        known = _READERS.get(event_type)
        if known is not None:
            shape, read = known
            return shape, read(record)
        if event_type not in self._types:
            new = len(self._types) < _MAX_EVENT_TYPES and _EVENT_TYPE.fullmatch(event_type)
            event_type = event_type if new else "other"
            self._types.add(event_type)
        return Shape(LogSource(product="suricata", service=event_type), ()), self._flatten(record)


def _part(record: dict[str, Any], name: str) -> dict[str, Any]:
    """A nested object; an empty one where there is none."""
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _ends(record: dict[str, Any]) -> dict[str, Value]:
    """The two ends of a flow, as logged."""
    return {
        "src_ip": text_of(record, "src_ip"),
        "src_port": text_of(record, "src_port"),
        "dest_ip": text_of(record, "dest_ip"),
        "dest_port": text_of(record, "dest_port"),
        "proto": text_of(record, "proto"),
        "app_proto": text_of(record, "app_proto"),
    }


def _request(http: dict[str, Any]) -> dict[str, Value]:
    """What EVE says of a request; the same names in requests and in alerts on them."""
    return {
        "cs-method": text_of(http, "http_method"),
        "cs-uri": text_of(http, "url"),
        "cs-host": text_of(http, "hostname"),
        "sc-status": text_of(http, "status"),
        "cs-referer": text_of(http, "http_refer"),
        "cs-user-agent": text_of(http, "http_user_agent"),
        "x-forwarded-for": text_of(http, "xff"),
    }


def _alert(record: dict[str, Any]) -> dict[str, Value]:
    alert = _part(record, "alert")
    techniques = _part(alert, "metadata").get("mitre_technique_id")
    values = _ends(record) | {
        "signature": text_of(alert, "signature"),
        "signature_id": text_of(alert, "signature_id"),
        "category": text_of(alert, "category"),
        "severity": text_of(alert, "severity"),
        "action": text_of(alert, "action"),
        "flow_id": text_of(record, "flow_id"),
        "direction": text_of(record, "direction"),
        "mitre_technique_id": json_text(techniques) if techniques is not None else None,
    }
    values |= _request(_part(record, "http"))
    if values["x-forwarded-for"] is None:
        values["x-forwarded-for"] = text_of(record, "xff")
    return values


def _http(record: dict[str, Any]) -> dict[str, Value]:
    http = _part(record, "http")
    values = _request(http)
    uri = values["cs-uri"]
    stem, mark, query = uri.partition("?") if isinstance(uri, str) else (None, "", None)
    return values | {
        "c-ip": text_of(record, "src_ip"),
        "cs-uri-stem": stem,
        "cs-uri-query": query if mark else None,
        "cs-version": text_of(http, "protocol"),
        "sc-bytes": text_of(http, "length"),
        "x-forwarded-for": values["x-forwarded-for"] or text_of(record, "xff"),
        "dest_ip": text_of(record, "dest_ip"),
        "dest_port": text_of(record, "dest_port"),
        "flow_id": text_of(record, "flow_id"),
    }


def _dns(record: dict[str, Any]) -> dict[str, Value]:
    """The question as asked by the client; of an answer that is logged the other way round, the ends are turned."""
    dns = _part(record, "dns")
    queries = dns.get("queries", dns.get("query"))
    query = queries[0] if isinstance(queries, list) and queries and isinstance(queries[0], dict) else dns
    source, target = text_of(record, "src_ip"), text_of(record, "dest_ip")
    if as_int64(record.get("src_port")) == _DNS_PORT and as_int64(record.get("dest_port")) != _DNS_PORT:
        source, target = target, source
    return {
        "src_ip": source,
        "dest_ip": target,
        "query": text_of(query, "rrname"),
        "record_type": text_of(query, "rrtype"),
        "answer": _answers(dns),
        "rcode": text_of(dns, "rcode"),
        "type": text_of(dns, "type"),
    }


def _answers(dns: dict[str, Any]) -> str | None:
    """The answers' data, separated by commas."""
    answers = dns.get("answers")
    found = [text_of(each, "rdata") for each in answers if isinstance(each, dict)] if isinstance(answers, list) else []
    for values in _part(dns, "grouped").values() if not found else ():
        found += [each for each in values if isinstance(each, str)] if isinstance(values, list) else []
    return ",".join(each for each in found if each) or text_of(dns, "rdata")


def _flow(record: dict[str, Any]) -> dict[str, Value]:
    flow = _part(record, "flow") or _part(record, "netflow")
    one_way = as_int64(flow.get("pkts"))
    there, back = as_int64(flow.get("pkts_toserver")), as_int64(flow.get("pkts_toclient"))
    both = (there or 0) + (back or 0) if there is not None or back is not None else one_way
    blocked = record.get("event_type") == "drop"
    return _ends(record) | {
        "bytes_out": text_of(flow, "bytes_toserver") or text_of(flow, "bytes"),
        "bytes_in": text_of(flow, "bytes_toclient"),
        "packets": both,
        "action": "blocked" if blocked else text_of(flow, "action"),
        "state": text_of(flow, "state"),
        "reason": text_of(_part(record, "drop") if blocked else flow, "reason"),
        "flow_id": text_of(record, "flow_id"),
    }


_READERS: dict[str, tuple[Shape, Callable[[dict[str, Any]], dict[str, Value]]]] = {
    "alert": (IDS_SHAPE, _alert),
    "http": (WEB_SHAPE, _http),
    "http2": (WEB_SHAPE, _http),
    "dns": (DNS_SHAPE, _dns),
    "flow": (FLOW_SHAPE, _flow),
    "netflow": (FLOW_SHAPE, _flow),
    "drop": (FLOW_SHAPE, _flow),
}
