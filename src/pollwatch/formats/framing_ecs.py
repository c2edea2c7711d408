"""Elastic Common Schema records (nested or dotted) into the columns of our logsources.

Source: ECS field reference, sections Base, Client/Source/Destination, DNS, Event, HTTP, Network, URL, User.
"""

from __future__ import annotations

import re

from pollwatch.formats.framing import AUTH_SHAPE, DNS_SHAPE, FLOW_SHAPE, WEB_SHAPE, Shape, Value, as_int64
from pollwatch.formats.framing_json import Flat
from pollwatch.formats.framing_login import peer

_MARKS = ("ecs.version", "event.category", "event.dataset", "event.outcome", "event.kind", "source.ip", "client.ip")
_WEB_MARKS = ("url.original", "url.path", "http.request.method", "http.response.status_code", "url.full")
_FAILED = re.compile(r"fail|invalid|denied|reject|wrong|incorrect|locked", re.IGNORECASE)
_SUCCEEDED = re.compile(r"succe|accept|logged[-_ ]?in|log[-_ ]?on$|login$", re.IGNORECASE)
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_NS_PER_US = 1_000


def is_ecs(flat: Flat) -> bool:
    """Whether a record speaks ECS."""
    return any(name in flat for name in _MARKS) or ("@timestamp" in flat and any(name in flat for name in _WEB_MARKS))


def read(flat: Flat) -> tuple[Shape, dict[str, Value]] | None:
    """The logsource and its columns; None where the record is of none of them."""
    category = _text(flat, "event.category") or ""
    if "authentication" in category or "session" in category:
        return AUTH_SHAPE, _auth(flat, session="session" in category)
    if any(name in flat for name in _WEB_MARKS):
        return WEB_SHAPE, _web(flat)
    if "dns.question.name" in flat:
        return DNS_SHAPE, _dns(flat)
    if "network" in category and "source.ip" in flat and "destination.ip" in flat:
        return FLOW_SHAPE, _flow(flat)
    return None


def _text(flat: Flat, *names: str) -> str | None:
    """The first of the fields that says something."""
    for name in names:
        value = flat.get(name)
        if value is not None and value != "":
            return value if isinstance(value, str) else str(value)
    return None


def _source(flat: Flat) -> tuple[str | None, str | None]:
    """``(address, name)`` of who came."""
    return peer(_text(flat, "source.ip", "client.ip", "source.address", "client.address") or "")


def _web(flat: Flat) -> dict[str, Value]:
    uri = _text(flat, "url.original", "url.full")
    if uri is not None and (origin := _ORIGIN.match(uri)):
        uri = uri[origin.end() :] or "/"
    stem, mark, query = uri.partition("?") if uri is not None else (_text(flat, "url.path"), "", None)
    if not mark:
        value = flat.get("url.query")
        query = value if isinstance(value, str) else None
    if uri is None and stem is not None:
        uri = stem if query is None else f"{stem}?{query}"
    version = _text(flat, "http.version")
    nanoseconds = as_int64(flat.get("event.duration"))
    return {
        "c-ip": _source(flat)[0],
        "cs-username": _text(flat, "user.name"),
        "cs-method": _text(flat, "http.request.method"),
        "cs-uri": uri,
        "cs-uri-stem": stem,
        "cs-uri-query": query,
        "cs-version": f"HTTP/{version}" if version and version[0].isdigit() else version,
        "cs-host": _text(flat, "url.domain", "destination.domain", "server.domain"),
        "sc-status": flat.get("http.response.status_code"),
        "sc-bytes": flat.get("http.response.body.bytes", flat.get("http.response.bytes")),
        "cs-referer": _text(flat, "http.request.referrer"),
        "cs-user-agent": _text(flat, "user_agent.original"),
        "time-taken-us": nanoseconds // _NS_PER_US if nanoseconds is not None else None,
    }


def _auth(flat: Flat, *, session: bool) -> dict[str, Value]:
    address, name = _source(flat)
    return {
        "hostname": _text(flat, "host.name", "host.hostname", "observer.hostname"),
        "program": _text(flat, "process.name", "event.provider", "event.module"),
        "pid": flat.get("process.pid"),
        "message": _text(flat, "message", "event.original"),
        "action": _outcome(flat, session=session),
        "user": _text(flat, "user.target.name", "user.name", "user.effective.name"),
        "ruser": _text(flat, "user.name") if "user.target.name" in flat else None,
        "src_ip": address,
        "src_host": name or _text(flat, "source.domain", "client.domain"),
        "src_port": flat.get("source.port", flat.get("client.port")),
        "auth_method": _text(flat, "system.auth.ssh.method", "event.authentication.method"),
        "command": _text(flat, "system.auth.sudo.command"),
    }


def _outcome(flat: Flat, *, session: bool) -> str | None:
    """What happened, in our words: the outcome says it, else the action's name does."""
    outcome, kind, action = (_text(flat, f"event.{name}") or "" for name in ("outcome", "type", "action"))
    if session and "start" in kind:
        return "session_opened"
    if session or "logout" in action or "logged-out" in action:
        return "session_closed" if "end" in kind or "log" in action else None
    if outcome in {"success", "failure"}:
        return "denied" if outcome == "failure" and "denied" in kind else outcome
    if outcome == "unknown":
        return None
    return "failure" if _FAILED.search(action) else "success" if _SUCCEEDED.search(action) else None


def _dns(flat: Flat) -> dict[str, Value]:
    return {
        "src_ip": _source(flat)[0],
        "dest_ip": _text(flat, "destination.ip", "server.ip"),
        "query": _text(flat, "dns.question.name"),
        "record_type": _text(flat, "dns.question.type"),
        "answer": _text(flat, "dns.resolved_ip", "dns.answers"),
        "rcode": _text(flat, "dns.response_code"),
    }


def _flow(flat: Flat) -> dict[str, Value]:
    return {
        "src_ip": _source(flat)[0],
        "src_port": flat.get("source.port"),
        "dest_ip": _text(flat, "destination.ip"),
        "dest_port": flat.get("destination.port"),
        "proto": _text(flat, "network.transport"),
        "app_proto": _text(flat, "network.protocol"),
        "bytes_out": flat.get("source.bytes"),
        "bytes_in": flat.get("destination.bytes"),
        "packets": flat.get("network.packets"),
        "action": _text(flat, "event.action"),
    }
