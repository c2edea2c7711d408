r"""ArcSight's CEF and QRadar's LEEF: a head of a few fields between bars, then named fields.

CEF's values run to the next name and escape ``=``, ``\`` and line ends; LEEF's are separated by a tab, or by what the
head of its version 2 says. Every named field becomes a column; ours are filled from the names that both standards
give to addresses, ports, accounts and requests.

Source: "ArcSight Common Event Format, Implementation Standard", version 26; "QRadar LEEF, Guide", versions 1.0 and 2.0.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

from pollwatch.events.batch import LogSource
from pollwatch.formats.framing import Value, as_int64, epoch_us, iso_us
from pollwatch.formats.framing_json import LONGEST_NAME, flat_name
from pollwatch.formats.framing_reports import LONGEST, Report, ip, verdict, word

_CEF = re.compile(r"(?:CEF: ?)(\d{1,2})(?:\.\d)?\|((?:(?:[^|\\]|\\.)*\|){6})(.*)", re.DOTALL)
_LEEF = re.compile(r"(?:LEEF: ?)([12])(?:\.\d)?\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|(.*)", re.DOTALL)
_HEAD_PART = re.compile(r"((?:[^|\\]|\\.)*)\|")
_KEY = re.compile(r"(?:^|(?<=\s))([A-Za-z0-9_][\w.\[\]-]{0,127})=")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_DELIMITER = re.compile(r"(?:(?:0?x([0-9A-Fa-f]{2,4}))|([^|])|)\|(.*)", re.DOTALL)
_MOST_FIELDS = 200
_UNESCAPED = {"n": "\n", "r": "\r", "t": "\t"}

_SOURCE = ("src", "sourceAddress", "c6a2", "srcIP", "identSrc")
_TARGET = ("dst", "destinationAddress", "c6a3", "dstIP")
_USER = ("suser", "duser", "usrName", "user", "sourceUserName", "destinationUserName", "accountName")
_TIMES = ("rt", "end", "start", "devTime", "deviceReceiptTime", "UNIFIutcTime")
_ATTACK = re.compile(
    r"threat|intrusion|\bips\b|\bids\b|attack|malware|virus|exploit|trojan|botnet|injection|\bscan|\bxss|traversal",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"log[ _-]?(?:in|on|out|off)\b|authenti|logged (?:in|out|on|off)|\bsign[ -]?in\b", re.IGNORECASE)
_LEFT = re.compile(r"log(?:ged)?[ _-]?(?:out|off)", re.IGNORECASE)
_FAILED = re.compile(r"fail|denied|invalid|reject|unsuccess|incorrect|wrong|lock|block", re.IGNORECASE)
_CAME = re.compile(r"succe|accept|logged[ _-]?(?:in|on)|allow|\blog[ _-]?(?:in|on)$|pass", re.IGNORECASE)
_STAMPS = (
    *("%b %d %Y %H:%M:%S", "%b %d %Y %H:%M:%S.%f", "%b %d %Y %H:%M:%S %Z", "%b %d %Y %H:%M:%S.%f %Z"),
    *("%Y/%m/%d %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d %b %Y %H:%M:%S"),
)
_HIGH, _MEDIUM = 8, 5


def decode(message: str) -> Report | None:
    """What a CEF or LEEF message reports; None where it is neither."""
    if len(message) > LONGEST:
        return None
    if found := _CEF.fullmatch(message):
        return _cef(found[2], found[3])
    if found := _LEEF.fullmatch(message):
        return _leef(*found.groups())
    return None


def _cef(head: str, extension: str) -> Report:
    vendor, product, version, signature, name, severity = (_plain(each) for each in _HEAD_PART.findall(head))
    fields: dict[str, Value] = {
        "device_vendor": vendor,
        "device_product": product,
        "device_version": version,
        "signature_id": signature,  # a number, or else only "event_class"
        "event_class": signature,
        "signature": name,
        "device_severity": severity,
    }
    marks = list(_KEY.finditer(extension))[:_MOST_FIELDS]
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        value = extension[mark.end() : following.start() if following else len(extension)].strip()
        fields.setdefault(flat_name(mark[1][:LONGEST_NAME]), _plain(value))
    return _report(vendor, product, fields)


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda found: _UNESCAPED.get(found[1], found[1]), text) if "\\" in text else text


def _leef(version: str, vendor: str, product: str, release: str, event: str, rest: str) -> Report:
    delimiter = "\t"
    if version == "2" and (told := _DELIMITER.fullmatch(rest)):
        code, sign, rest = told.groups()
        delimiter = chr(int(code, 16)) if code else sign or "\t"
    fields: dict[str, Value] = {
        "device_vendor": vendor,
        "device_product": product,
        "device_version": release,
        "signature_id": event,
        "event_class": event,
        "signature": event,
    }
    for pair in rest.split(delimiter)[:_MOST_FIELDS]:
        name, equals, value = pair.strip().partition("=")
        if equals and 0 < len(name) <= LONGEST_NAME:
            fields.setdefault(flat_name(name), value)
    fields["device_severity"] = fields.get("sev")
    return _report(vendor, product, fields)


def _text(fields: Mapping[str, Value], *names: str) -> str:
    return next((value for name in names if isinstance(value := fields.get(name), str) and value), "")


def _report(vendor: str, product: str, fields: dict[str, Value]) -> Report:
    about = f"{_text(fields, 'signature')} {_text(fields, 'cat', 'category', 'UNIFIcategory', 'UNIFIsubCategory')}"
    fields = fields | {
        "src_ip": next((found for name in _SOURCE if (found := ip(_text(fields, name)))), None),
        "src_port": _text(fields, "spt", "srcPort") or None,
        "dest_ip": next((found for name in _TARGET if (found := ip(_text(fields, name)))), None),
        "dest_port": _text(fields, "dpt", "dstPort") or None,
        "proto": _text(fields, "proto", "transport").upper() or None,
        "app_proto": _text(fields, "app") or None,
        "user": _text(fields, *_USER) or None,
        "message": _text(fields, "msg", "reason") or None,
        "device_action": _text(fields, "act", "action", "deviceAction") or None,
    }
    action = _text(fields, "device_action")
    category = ""
    ours: dict[str, Value] = {"action": verdict(action)}
    if _LOGIN.search(f"{about} {action}") and (login := _login(fields, f"{about} {action}")):
        category, ours = "authentication", login
    elif _ATTACK.search(about):
        alert: dict[str, Value] = {"severity": _severity(fields), "category": _text(fields, "cat") or about.strip()}
        category, ours = "ids", ours | (_request(fields) if _text(fields, "request", "url") else {}) | alert
    elif _text(fields, "request", "url") and _text(fields, "requestMethod", "method"):
        category, ours = "webserver", _request(fields)
    elif fields["src_ip"] and fields["dest_ip"] and (fields["dest_port"] or fields["proto"]):
        category, ours = "firewall", ours | _flow(fields)
    logsource = LogSource(category, word(vendor) or "cef", word(product))
    return Report(logsource, fields | ours, _time_us(fields))


def _flow(fields: Mapping[str, Value]) -> dict[str, Value]:
    return {
        "bytes_out": _text(fields, "out", "srcBytes") or None,
        "bytes_in": _text(fields, "in", "dstBytes") or None,
    }


def _severity(fields: Mapping[str, Value]) -> int:
    """Suricata's scale (1 is worst) of a number from 0 to 10 or a word."""
    told = _text(fields, "device_severity").lower()
    number = as_int64(told)
    if number is None:
        number = {"very-high": 10, "high": 8, "medium": 5, "low": 2, "unknown": 5}.get(told, _MEDIUM)
    return 1 if number >= _HIGH else 2 if number >= _MEDIUM else 3


def _login(fields: Mapping[str, Value], about: str) -> dict[str, Value] | None:
    """A log-in, where the words say how it ended."""
    said = f"{about} {_text(fields, 'outcome', 'eventOutcome')} {_text(fields, 'reason')}"
    if _LEFT.search(about):
        outcome = "session_closed"
    elif _FAILED.search(said):
        outcome = "failure"
    elif _CAME.search(said):
        outcome = "success"
    else:
        return None
    program = f"{_text(fields, 'device_vendor')} {_text(fields, 'device_product')}".strip()
    return {"action": outcome, "program": program, "hostname": _text(fields, "dvchost", "dvc", "dhost") or None}


def _request(fields: Mapping[str, Value]) -> dict[str, Value]:
    """What a web application firewall says of a request."""
    uri = re.sub(r"^[a-z]+://[^/?#]*", "", _text(fields, "request", "url")) or "/"
    stem, mark, query = uri.partition("?")
    return {
        "c-ip": fields["src_ip"],
        "cs-method": _text(fields, "requestMethod", "method") or None,
        "cs-uri": uri,
        "cs-uri-stem": stem,
        "cs-uri-query": query if mark else None,
        "cs-host": _text(fields, "dhost", "shost", "destinationHostName") or None,
        "cs-user-agent": _text(fields, "requestClientApplication", "userAgent") or None,
        "cs-referer": _text(fields, "requestContext", "referer") or None,
        "cs-username": fields["user"],
    }


def _time_us(fields: Mapping[str, Value]) -> int | None:
    """When it happened, where that is said without the reader's having to know a zone."""
    for name in _TIMES:
        told = _text(fields, name)
        if not told:
            continue
        counted = epoch_us(told) if told.replace(".", "", 1).isdecimal() else iso_us(told)
        if counted is not None:
            return counted
        for stamp in _STAMPS:
            try:
                moment = dt.datetime.strptime(told, stamp)  # noqa: DTZ007 - the standard's default is UTC
            except ValueError:
                continue
            return iso_us(moment.isoformat())
    return None
