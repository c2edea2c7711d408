"""One access log record that is a JSON object, whatever its keys are called.

Administrators name the keys of ``log_format ... escape=json`` themselves; Caddy, Traefik, Envoy and load balancers
have names of their own. Names are compared without case and punctuation, with what stands around them in nested
objects, and the first usual name that is there counts. A record counts as a request when it says what was asked for,
and who asked or what came of it.

Suricata's EVE, ECS, journald and Kubernetes audit records also speak of requests; they belong to other formats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from pollwatch.formats.accessline import Fields, read_access
from pollwatch.formats.accesswaf import audit_fields, named_values, settle_verdict
from pollwatch.formats.framing import as_text, json_object

_NAMES: dict[str, tuple[str, ...]] = {
    "client": (
        "socketip",  # Azure's clientIp is what the client says of itself, where it does
        "remoteaddr", "remoteaddress", "clientip", "remoteip", "cliip", "clienthost", "clientaddr", "clientaddress",
        "remotehost", "sourceip", "srcip", "downstreamremoteaddress", "ipaddress", "peer", "idorigh", "ip", "client",
        "remote", "h", "a",
    ),
    "user": ("remoteuser", "clientusername", "authuser", "username", "user", "userid"),
    "time": (
        "timelocal", "timeiso8601", "timestamp", "starttime", "startutc", "time", "ts", "datetime", "date", "msec",
        "eventtime", "logtime", "requesttimestamp", "edgestarttimestamp", "reqtimesec", "t",
    ),
    "request": ("request", "requestline", "req", "r"),
    "method": (
        "requestmethod", "method", "verb", "httpmethod", "clientrequestmethod", "clientrequesthttpmethodname",
        "reqmethod", "m",
    ),
    "uri": (
        "requesturi", "requesturl", "originaluri", "xenvoyoriginalpath", "xenvoyoriginpath", "clientrequesturi",
    ),
    "stem": (
        "requestpath", "uri", "url", "path", "uripath", "urlpath", "clientrequestpath", "reqpath", "resourcepath",
    ),
    "query": (
        "args", "querystring", "query", "queryparams", "requestquery", "clientrequestquery", "querystr",
    ),
    "version": (
        "serverprotocol", "clientrequestprotocol", "clientrequesthttpprotocol", "requestprotocol", "protocol",
        "httpversion", "proto", "requestproto",
    ),
    "status": (
        "status", "statuscode", "responsestatus", "responsestatuscode", "responsecode", "downstreamstatus",
        "httpstatus", "httpstatuscode", "edgeresponsestatus", "code", "s",
    ),
    "bytes": (
        "bodybytessent", "bytessent", "bytes", "responsesize", "downstreamcontentsize", "responsebytes", "bytesout",
        "responselength", "responsebodylen", "responsebodysize", "edgeresponsebytes", "sentbytes", "totalbytes", "size",
        "b",
    ),
    "referer": ("httpreferer", "httpreferrer", "referer", "referrer", "requestreferer", "clientrequestreferer"),
    "agent": ("httpuseragent", "useragent", "requestuseragent", "clientrequestuseragent", "agent", "ua"),
    "host": (
        "httphost", "vhost", "virtualhost", "requesthost", "clientrequesthost", "clientrequesthttphost", "reqhost",
        "authority", "servername", "host", "hostname", "domain",
    ),
    "forwarded": ("httpxforwardedfor", "xforwardedfor", "requestxforwardedfor", "forwardedfor", "xff"),
    "us": ("durationus", "timetakenus", "responsetimeus", "requesttimeus", "microseconds"),
    "ms": (
        "durationms", "timetakenms", "responsetimems", "requesttimems", "latencyms", "elapsedms", "turnaroundtimemsec",
    ),
    "seconds": ("requesttime", "duration", "latency", "timetaken", "elapsed"),
    # What a web application firewall made of the request; kept where the action is a verdict, see accesswaf.
    "waf-action": ("securityaction", "wafaction", "enforcedsecuritypolicyoutcome", "firewallaction", "action"),
    "waf-rule": ("securityruleid", "wafruleid", "terminatingruleid", "ruleid", "rulename", "preconfiguredexprids"),
    "waf-message": (
        "securityruledescription", "wafrulemessage", "propertiesmessage", "detailsmsg", "detailsmessage",
        "rulemessage", "ruledescription", "description",
    ),
}  # fmt: skip
#: Objects inside the record whose members count as if they stood in the record itself.
_OPENED = frozenset({
    "request", "req", "response", "resp", "res", "http", "httprequest", "headers", "header", "nginx", "apache",
    "access", "log", "data", "fields", "message", "msg", "json", "event", "attributes",
    "properties", "jsonpayload", "enforcedsecuritypolicy", "details", "requestheaders",
})  # fmt: skip
#: Objects of what the client sent, and what counts in them: a header called Remote-Addr is the client's own word.
_HEADERS = frozenset({"headers", "header", "requestheaders"})
_FROM_HEADERS = frozenset({"useragent", "referer", "referrer", "host", "authority", "xforwardedfor"})
_FOREIGN = frozenset({"event_type", "ecs", "ecs.version", "__REALTIME_TIMESTAMP", "auditID", "eventVersion"})
_FOREIGN_STARTS = ("http.request.", "http.response.", "url.")
_TEXTS = ("log", "message", "msg", "line")
_PUNCTUATION = re.compile(r"[^a-z0-9]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: A backslash that escapes an ``x``; the backslashes before it escape each other.
_NOT_JSON_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\x")
_DURATION = re.compile(r"([0-9.]{1,20})(ns|us|µs|ms|s)\Z")
_UNITS = {"ns": "ns", "us": "us", "µs": "us", "ms": "ms", "s": "seconds"}
_REQUEST_LINE = re.compile(r"\S+ .* HTTP/[0-9]|-?\Z", re.DOTALL)
#: Who writes whole addresses where others write a path: the site in them is the one that was asked.
_URL_KEYS = frozenset({"httpRequest", "properties", "requestUrl", "url"})
_URL = re.compile(r"(?s)(?:https?|wss?)://([^/?#]*)(.*)\Z")
_NESTED = frozenset({dict, list})
_DEEPEST = 3
_LONGEST_KEYS = 4096
_MOST_MEMBERS = 512


def read_object(text: str) -> Fields | None:
    """The request that a JSON text reports, or None where it is no JSON object or reports none."""
    value, escaped = decode_object(text)
    return object_fields(value, escaped=escaped) if isinstance(value, dict) else None


def decode_object(text: str) -> tuple[dict[str, Any] | str, bool]:
    r"""The JSON object that the text is (or the reason why it is none), and whether its values are escaped as in text.

    Apache, and nginx without ``escape=json``, write ``\x16`` into JSON, which JSON does not have: exactly the lines of
    attacks would be lost.
    """
    value = json_object(text)
    if isinstance(value, str) and "\\x" in text:
        mended = json_object(_NOT_JSON_ESCAPE.sub(r"\1\\\\x", text))
        if isinstance(mended, dict):
            return mended, True
    return value, False


def object_fields(value: Mapping[str, Any], *, escaped: bool = False) -> Fields | None:
    """The fields of a request (names of ``webfields.FIELDS``), or None where the object reports none.

    An object around a whole access line (container runtimes, log shippers) is read by that line.

    Args:
        value: the decoded record.
        escaped: its texts are still escaped the way text logs are; else they are made so, for what reads the fields.
    """
    plan = _plan_of(tuple(value))
    for key in plan.carriers:
        if (inside := _line_in(value[key])) is not None and (fields := read_access(inside)) is not None:
            return fields
    if plan.foreign or _is_ecs(value.get("http")):
        return None
    fields = audit_fields(value) if "transaction" in value else None
    if fields is None:
        fields = _by_name(value) if not _NESTED.isdisjoint(map(type, value.values())) else _by_plan(value, plan)
    settled = _settled(fields, value)
    if settled is None or escaped:
        return settled
    for field, text in settled.items():
        if text and ("\\" in text or not text.isprintable()):
            settled[field] = _as_text_logs_have_it(text)
    return settled


def _as_text_logs_have_it(text: str) -> str:
    return _CONTROL.sub(lambda control: f"\\x{ord(control[0]):02x}", text.replace("\\", "\\\\"))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the keys of a record say, whatever their values are: the records of one log mostly agree on them."""

    foreign: bool
    carriers: tuple[str, ...]
    fields: tuple[tuple[str, tuple[str, ...]], ...]  # for each field the keys that may hold it, the usual one first


def _plan_of(keys: tuple[str, ...]) -> _Plan:
    return _remembered_plan(keys) if sum(map(len, keys)) <= _LONGEST_KEYS else _make_plan(keys)


def _make_plan(keys: tuple[str, ...]) -> _Plan:
    by_name: dict[str, str] = {}
    for key in keys[:_MOST_MEMBERS]:
        by_name.setdefault(_PUNCTUATION.sub("", key.lower()), key)
    held = ((field, tuple(by_name[name] for name in names if name in by_name)) for field, names in _NAMES.items())
    foreign = not _FOREIGN.isdisjoint(keys) or any(key.startswith(_FOREIGN_STARTS) for key in keys)
    carriers = tuple(key for key in _TEXTS if key in keys)
    return _Plan(foreign, carriers, tuple((field, found) for field, found in held if found))


_remembered_plan = lru_cache(maxsize=256)(_make_plan)


def _by_plan(value: Mapping[str, Any], plan: _Plan) -> Fields:
    fields: Fields = {}
    for field, keys in plan.fields:
        for key in keys:
            if (member := value[key]) is not None:
                fields[field] = as_text(member)
                break
    return fields


def carried_text(value: Mapping[str, Any]) -> str | None:
    """The text line inside a record that only carries it (``{"log": "...", "stream": "stdout"}``), else None."""
    return next((line for key in _TEXTS if (line := _line_in(value.get(key))) is not None), None)


def _line_in(text: object) -> str | None:
    return text.rstrip("\r\n") if isinstance(text, str) and len(text) > 20 else None


def _is_ecs(http: object) -> bool:
    """Whether ``http`` is what the Elastic Common Schema has under that name."""
    return isinstance(http, dict) and any(isinstance(http.get(part), dict) for part in ("request", "response"))


def _settled(fields: Fields, value: Mapping[str, Any]) -> Fields | None:
    """The fields without contradictions among them, or None where they are no request."""
    _settle_target(fields, value)
    settle_verdict(fields)
    targeted = "uri" in fields or "stem" in fields
    asked = "request" in fields or (targeted and ("method" in fields or "waf-action" in fields))
    if not asked or not ("client" in fields or "status" in fields):
        return None
    if "status" not in fields and isinstance(message := value.get("msg", value.get("message")), str):
        fields["message"] = as_text(message)  # an application's own record: what it says matters most
    if time := fields.get("time"):
        fields["time"] = time.strip("[]")  # Apache's %t brings its brackets
    if (version := fields.get("version")) and version[0].isdigit():
        fields["version"] = f"HTTP/{version}"
    elif version in {"HTTP", "HTTPS", "http", "https"}:  # a scheme under that name
        del fields["version"]
    if (agent := fields.get("agent")) and "%2" in agent and " " not in agent:  # as Akamai writes it
        fields["agent"] = unquote_plus(agent)
    return _with_duration(fields, value)


def _settle_target(fields: Fields, value: Mapping[str, Any]) -> None:
    """Leave one way to say what was asked for: the request line, else ``uri``, else ``stem`` and ``query``."""
    request = fields.pop("request", None)
    if request and request[0] == "/" and " " not in request and "method" in fields:  # a path under that name
        fields.setdefault("stem", request)
        request = None
    if request is not None and _REQUEST_LINE.match(request):
        for name in ("method", "uri", "stem", "query", "version"):
            fields.pop(name, None)
        fields["request"] = request
    elif (
        request is not None and {"client", "status"} <= fields.keys() and not {"method", "uri", "stem"} & fields.keys()
    ):
        fields["request"] = request  # rubbish that was sent as a request
    elif "uri" not in fields and "stem" in fields and ("?" in (fields["stem"] or "") or not fields.get("query")):
        fields["uri"] = fields.pop("stem")
    elif "uri" in fields:
        fields.pop("stem", None)
    if "uri" in fields:
        fields.pop("query", None)
        if (url := _URL.match(fields["uri"] or "")) and not _URL_KEYS.isdisjoint(value):
            fields.setdefault("host", url[1])
            fields["uri"] = url[2] or "/"


def _with_duration(fields: Fields, value: Mapping[str, Any]) -> Fields:
    taken = fields.get("seconds")
    if taken is None:
        return fields
    if match := _DURATION.match(taken):  # "0.012s", as load balancers write it
        fields.pop("seconds")
        fields[_UNITS[match[2]]] = match[1]
    elif "response_flags" in value or "upstream_cluster" in value:  # Envoy in milliseconds
        fields["ms"] = fields.pop("seconds")
    elif "OriginDuration" in value or "RequestCount" in value:  # Traefik counts in nanoseconds
        fields["ns"] = fields.pop("seconds")
    elif not taken.replace(".", "", 1).isdecimal():  # some call the time of the request so
        fields.setdefault("time", fields.pop("seconds"))
    return fields


def _by_name(value: Mapping[str, Any]) -> Fields:
    """The fields of a nested record: members by their bare name, outer ones before inner ones."""
    found: dict[str, str] = {}
    level = [("", value)]
    for _ in range(_DEEPEST):
        inner: list[tuple[str, Mapping[str, Any]]] = []
        for around, members in level:
            for key in list(members)[:_MOST_MEMBERS]:
                name = _PUNCTUATION.sub("", key.lower())
                if around in _HEADERS and name not in _FROM_HEADERS:
                    continue
                member = members[key]
                if isinstance(member, list) and member:
                    # Headers are lists of their values, or one list of names and values.
                    member = named_values(member) if isinstance(member[0], dict) else member[0]
                if isinstance(member, dict):
                    if name in _OPENED:
                        inner.append((name, member))
                elif not isinstance(member, list) and (text := as_text(member)) is not None:
                    found.setdefault(name, text)
                    found.setdefault(around + name, text)
        level = inner
    held = ((field, next((found[name] for name in names if name in found), None)) for field, names in _NAMES.items())
    return {field: text for field, text in held if text is not None}
