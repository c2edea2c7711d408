r"""One line of an Apache (2.2, 2.4), nginx or LiteSpeed error log.

What an attacker writes stands in these lines unquoted. Apache names the client before it; nginx behind it, so that
a file name like ``/x, client: 192.0.2.1, server: a, request: "`` can pose as the client. Where a line names several
clients that way, none is believed.

Sources: Apache ``ErrorLogFormat`` and ``server/log.c``; nginx ``ngx_http_log_error_handler``.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from pollwatch.formats.framing import LOWER_MONTHS, Value, plausible
from pollwatch.formats.webtext import client_address, host_name, split_request

_APACHE = re.compile(
    r"\[(?:[A-Z][a-z]{2} )?(?P<month>[A-Z][a-z]{2}) +(?P<day>[0-9]{1,2}) "
    r"(?P<clock>[0-9:]{8})(?:\.(?P<fraction>[0-9]{1,6}))? (?P<year>[0-9]{4})\] ?"
    r"\[(?:(?P<module>[A-Za-z0-9_.-]{0,64}):)?(?P<level>[a-z]+[0-9]?)\]"
    r"(?P<pid> ?\[pid [0-9]+(?::tid [0-9A-Fa-fx]+)?\])?"
)
#: What Apache writes before the client: the source file, the operating system's own words.
_APACHE_STATUS = re.compile(r" ?(?:[\w.-]{1,64}\([0-9]{1,6}\): )?(?:\([0-9]{1,6}\)[^:\[\]]{1,200}: )?(?=\[client )")
_APACHE_ITEM = re.compile(r" ?\[(client|remote|host|vhost) ([^\]]{1,300})\]")
_APACHE_REFERER = ", referer: "
_NGINX = re.compile(
    r"(?P<year>[0-9]{4})/(?P<month>[0-9]{2})/(?P<day>[0-9]{2}) (?P<clock>[0-9:]{8}) \[(?P<level>[a-z]+)\] "
    r"(?P<pid>[0-9]+)#[0-9]+: ?(?:\*[0-9]+ )?"
)
_NGINX_CLIENT = re.compile(r",? client: ([^ ,\"]{1,256})(?=, server: |, request: |$|\s*$|, login: |, host: )")
_NGINX_ITEMS = re.compile(
    r'(?s)(?:, server: (?P<server>[^,"]*+))?'
    r'(?:, request: "(?P<request>.*?)"(?=, (?:subrequest|upstream|host|referrer): "|\s*$))?'
    r'(?:, subrequest: "[^"]*+")?(?:, upstream: "(?P<upstream>[^"]*+)")?(?:, host: "(?P<host>[^"]*+)")?'
    r'(?:, referrer: "(?P<referrer>.*)")?\s*$'
)
_LITESPEED = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2}) (?P<clock>[0-9:]{8})(?:\.(?P<fraction>[0-9]{1,6}))? "
    r"\[(?P<level>[A-Z]{4,7})\] \[[0-9]+\] (?:\[(?P<client>[0-9A-Fa-f.:]+|\[[0-9A-Fa-f.:]+\]):[0-9]+[^\]]*\] )?"
)
_MODSECURITY_ITEM = re.compile(r'\[(hostname|uri|id|msg|severity|unique_id) "((?:[^"\\]|\\.){0,4096}+)"\]')
_MODSECURITY = re.compile(r"(?:ModSecurity|Coraza)[: ]")
_WAF_CLIENT = re.compile(r'\[client "([0-9A-Fa-f.:]{2,45})"\] ')
_WAF_VERDICTS = (("block", "Access denied"), ("block", "denied with"), ("block", "redirection to"), ("log", "Warning."))
_USER = re.compile(
    r"\b(?:user |username:)[\"']?([^\s\"':,]{1,256})[\"']?:? (?:was |in realm [^:]{1,256}: )?"
    r"(?:not found|authentication failure|password mismatch|denied|failed to authenticate|ip:)",
    re.IGNORECASE,
)
_URI_AT_END = re.compile(r"(?:not found: |authentication failure for \")(/[^\s\",]{0,8192})")
_REQUEST = re.compile(r"\brequest:? ([A-Z]{3,16} [^\n]{1,8192}? HTTP/[0-9](?:\.[0-9])?)")


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """A decoded line: its time (null where it has none that can be) and columns of the web server's error taxonomy."""

    time_us: int | None
    values: dict[str, Value]


def read_error(text: str, zone: dt.tzinfo) -> ErrorLine | None:
    """The line decoded, or None where it is no error line.

    Args:
        text: the line, without a transport's header.
        zone: of its time; error logs never name one.
    """
    if text[:1] == "[" and (apache := _APACHE.match(text)):
        return _read_apache(text, apache, zone)
    if text[:1].isdecimal() and (nginx := _NGINX.match(text)):
        return _read_nginx(text, nginx, zone)
    if text[:1].isdecimal() and (litespeed := _LITESPEED.match(text)):
        return _read_litespeed(text, litespeed, zone)
    return None


def _read_apache(text: str, head: re.Match[str], zone: dt.tzinfo) -> ErrorLine:
    status = _APACHE_STATUS.match(text, head.end())
    at = status.end() if status else head.end()
    items: dict[str, str] = {}
    while item := _APACHE_ITEM.match(text, at):
        items.setdefault(item[1], item[2])
        at = item.end()
    said = text[at:].removeprefix(" ").removeprefix(": ")
    message = f"{status[0].strip()} {said}".lstrip() if status else said
    named = message.rpartition(_APACHE_REFERER)
    client = items.get("client") or items.get("remote")
    values: dict[str, Value] = {
        "c-ip": _with_port_client(client) if client and head["pid"] else client_address(client),
        "level": head["level"],
        "module": head["module"] or None,
        "message": message,
        "cs-host": host_name(items.get("vhost")),
        "cs-referer": named[2] if named[1] else None,
    }
    month = head["month"].lower()
    number = LOWER_MONTHS.index(month) + 1 if month in LOWER_MONTHS else 0
    date = (int(head["year"]), number, int(head["day"]))
    time_us = _time_us(date, head["clock"], head["fraction"] or "", zone)
    return ErrorLine(time_us, values | said_in(message, values))


def _with_port_client(text: str) -> str | None:
    """Apache 2.4 writes a port behind every address, also behind an IPv6 one without brackets (``::1:37752``)."""
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and len(port) <= 5:
        try:
            return client_address(str(ipaddress.ip_address(host)))
        except ValueError:
            pass
    return client_address(text)


def _read_nginx(text: str, head: re.Match[str], zone: dt.tzinfo) -> ErrorLine:
    whole = text[head.end() :]
    clients = list(_NGINX_CLIENT.finditer(whole))
    values: dict[str, Value] = {"level": head["level"], "message": whole}
    if clients:
        last = clients[-1]
        values["message"] = whole[: clients[0].start()]
        if len({each[1] for each in clients}) == 1:
            values["c-ip"] = client_address(last[1])
        items = _NGINX_ITEMS.match(whole, clients[0].end() if len(clients) == 1 else last.end())
        if items:
            request = split_request(items["request"] or "")
            values |= {
                "server": host_name(items["server"]),
                "cs-method": request.method,
                "cs-uri": request.uri,
                "cs-host": host_name(items["host"]),
                "cs-referer": items["referrer"],
            }
    date = (int(head["year"]), int(head["month"]), int(head["day"]))
    message = str(values["message"])
    return ErrorLine(_time_us(date, head["clock"], "", zone), values | said_in(message, values))


def _read_litespeed(text: str, head: re.Match[str], zone: dt.tzinfo) -> ErrorLine:
    message = text[head.end() :]
    client = head["client"]
    values: dict[str, Value] = {
        "c-ip": client_address(client.strip("[]") if client else None),
        "level": head["level"].lower(),
        "message": message,
    }
    date = (int(head["year"]), int(head["month"]), int(head["day"]))
    time_us = _time_us(date, head["clock"], head["fraction"] or "", zone)
    return ErrorLine(time_us, values | said_in(message, values))


def said_in(message: str, known: Mapping[str, Value]) -> dict[str, Value]:
    """What the message itself names: the account of a failed log-in, the request, ModSecurity's findings.

    Args:
        message: what stands behind the head.
        known: what the head names; that stays.
    """
    said: dict[str, Value] = {}
    if _MODSECURITY.search(message, 0, 256):
        items = dict(reversed(_MODSECURITY_ITEM.findall(message)))
        said |= {"cs-host": items.get("hostname"), "cs-uri": items.get("uri")}
        said |= {"waf-rule": items.get("id"), "waf-message": items.get("msg") or None}
        said["waf-request"] = items.get("unique_id")  # one request breaks several rules, and each is a line
        said["waf-action"] = next((verdict for verdict, words in _WAF_VERDICTS if words in message), None)
        if client := _WAF_CLIENT.match(message):  # before anything that the client wrote
            said["c-ip"] = client[1]
    elif user := _USER.search(message, 0, 4096):
        said["cs-username"] = user[1]
        if uri := _URI_AT_END.search(message, 0, 16384):
            said["cs-uri"] = uri[1]
    elif request := _REQUEST.search(message, 0, 16384):
        said["cs-method"], said["cs-uri"], _ = split_request(request[1])
    return {name: value for name, value in said.items() if value is not None and known.get(name) is None}


@lru_cache(maxsize=4096)
def _time_us(date: tuple[int, int, int], clock: str, fraction: str, zone: dt.tzinfo) -> int | None:
    try:
        hour, minute, second = (int(part) for part in clock.split(":"))
        leap = min(second, 59)
        moment = dt.datetime(*date, hour, minute, leap, tzinfo=zone)
        us = (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None
    return plausible(us + (second - leap) * 1_000_000 + int(fraction.ljust(6, "0") or 0)) if second <= 60 else None
