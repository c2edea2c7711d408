"""Our columns beside Zeek's own.

Zeek's names stay, so that SigmaHQ's rules for ``zeek`` find them (only ``rcode`` is the code's name, as in any DNS log
of ours). Connections are also flows, questions also DNS, requests also a web server's, SSH's log-ins also log-ins:
those columns are filled from Zeek's, and a category says it (``taxonomy.kind``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.events.places import inside
from pollwatch.formats.framing import Value, as_int64, to_table

Columns = Mapping[str, Sequence[Value]]

_PRODUCT = "zeek"
_CATEGORIES = {"conn": "firewall", "dns": "dns", "http": "webserver", "ssh": "authentication"}
_OTHERS_SERVERS = "proxy"
_FORWARDED = re.compile(r"X-FORWARDED-FOR -> ([^,]+)", re.IGNORECASE)


def batches(
    service: str, path: str, columns: Columns, times: Sequence[int | None], numbers: Sequence[int]
) -> list[EventBatch]:
    """The records of one log as events.

    Requests of the own network to others' servers stand apart, as a proxy's: no rule about attacks on one's own
    website is about them.

    Args:
        service: the log's name.
        path: of the input.
        columns: of Zeek's names, equally long; None where a field is unset.
        times: microseconds UTC.
        numbers: of the records, strictly increasing.
    """
    if not numbers:
        return []
    columns = {**columns, **_ours(service, _Fields(columns, len(numbers)))}
    category = _CATEGORIES.get(service, "")
    if service != "http":
        return [EventBatch(LogSource(category, _PRODUCT, service), path, to_table(columns, times, numbers))]
    outward = [_outward(client, server) for client, server in zip(columns["c-ip"], columns["dest_ip"], strict=True)]
    found = []
    for name, wanted in ((category, False), (_OTHERS_SERVERS, True)):
        rows = [at for at, each in enumerate(outward) if each == wanted]
        if rows:
            part = {each: [values[at] for at in rows] for each, values in columns.items()}
            table = to_table(part, [times[at] for at in rows], [numbers[at] for at in rows])
            found.append(EventBatch(LogSource(name, _PRODUCT, service), path, table))
    return found


def _outward(client: Value, server: Value) -> bool:
    return isinstance(client, str) and isinstance(server, str) and inside(client) and not inside(server)


@dataclass(frozen=True, slots=True)
class _Fields:
    """Zeek's columns, and nulls for those that a log does not have."""

    columns: Columns
    size: int

    def __call__(self, *names: str) -> Sequence[Value]:
        return next((self.columns[name] for name in names if name in self.columns), [None] * self.size)

    def each(self, make: Callable[..., Value], *names: str) -> list[Value]:
        """One value made of several fields, record by record."""
        return [make(*values) for values in zip(*(self(name) for name in names), strict=True)]


def _ours(service: str, get: _Fields) -> dict[str, Sequence[Value]]:
    """The columns of ours that a log's own fields fill."""
    ours: dict[str, Sequence[Value]] = {
        "src_ip": get("id.orig_h", "host"),
        "src_port": get("id.orig_p"),
        "dest_ip": get("id.resp_h"),
        "dest_port": get("id.resp_p"),
    }
    more = _MORE.get(service)
    return ours if more is None else ours | more(get)


def _conn(get: _Fields) -> dict[str, Sequence[Value]]:
    return {
        "proto": get.each(_upper, "proto"),
        "app_proto": get("service"),
        "bytes_out": get("orig_bytes"),
        "bytes_in": get("resp_bytes"),
        "packets": get.each(_sum, "orig_pkts", "resp_pkts"),
    }


def _dns(get: _Fields) -> dict[str, Sequence[Value]]:
    return {"record_type": get("qtype_name"), "answer": get("answers"), "rcode": get("rcode_name")}


def _http(get: _Fields) -> dict[str, Sequence[Value]]:
    return {
        "c-ip": get("id.orig_h"),
        "cs-username": get("username"),
        "cs-method": get("method"),
        "cs-uri": get("uri"),
        "cs-uri-stem": get.each(lambda uri: uri.partition("?")[0] if uri else uri, "uri"),
        "cs-uri-query": get.each(lambda uri: uri.partition("?")[2] if uri and "?" in uri else None, "uri"),
        "cs-version": get.each(lambda version: f"HTTP/{version}" if version else None, "version"),
        "cs-host": get("host"),
        "sc-status": get("status_code"),
        "sc-bytes": get("response_body_len"),
        "cs-referer": get("referrer"),
        "cs-user-agent": get("user_agent"),
        "x-forwarded-for": get.each(_forwarded, "proxied"),
    }


def _ssh(get: _Fields) -> dict[str, Sequence[Value]]:
    """Zeek tells from sizes whether a log-in worked; where it says nothing, neither do we."""
    return {
        "hostname": get("id.resp_h"),
        "action": get.each({"true": "success", "false": "failure"}.get, "auth_success"),
        "repeat": get.each(_tries, "auth_success", "auth_attempts"),
    }


def _notice(get: _Fields) -> dict[str, Sequence[Value]]:
    """Who is meant, a notice says itself; it need not be the one who opened the connection."""
    return {
        "src_ip": get.each(lambda said, opened: said or opened, "src", "id.orig_h"),
        "dest_ip": get.each(lambda said, other: said or other, "dst", "id.resp_h"),
    }


def _accounts(get: _Fields) -> dict[str, Sequence[Value]]:
    return {"user": get("username", "client", "user", "mailfrom")}


_MORE: dict[str, Callable[[_Fields], dict[str, Sequence[Value]]]] = {
    "conn": _conn,
    "dns": _dns,
    "http": _http,
    "ssh": _ssh,
    "notice": _notice,
    "kerberos": _accounts,
    "ntlm": _accounts,
    "ftp": _accounts,
    "smtp": _accounts,
}


def _upper(value: Value) -> Value:
    return value.upper() if isinstance(value, str) else value


def _sum(there: Value, back: Value) -> Value:
    counts = [count for count in (as_int64(there), as_int64(back)) if count is not None]
    return sum(counts) if counts else None


def _tries(success: Value, attempts: Value) -> Value:
    tries = as_int64(attempts)
    return tries if success == "false" and tries is not None and tries > 1 else None


def _forwarded(headers: Value) -> Value:
    found = _FORWARDED.search(headers) if isinstance(headers, str) else None
    return found[1].strip() if found else None
