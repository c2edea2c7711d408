"""What web application firewalls say about a request, in one vocabulary: Cloudflare, AWS, Azure, Google, ModSecurity.

Their records are those of requests with a verdict beside: it stands in the columns ``waf-action`` (``block``,
``challenge``, ``log`` or ``allow``), ``waf-rule`` and ``waf-message`` of the request.

Sources: Cloudflare Logpush (datasets "HTTP requests", "Firewall events"), AWS WAF ("Log fields"), Azure ("Application
Gateway firewall log", "Front Door WAF logs"), Google Cloud Armor ("Request logging"),
ModSecurity 2.9 and 3 and Coraza (JSON audit log).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pollwatch.formats.accessline import Fields
from pollwatch.formats.framing import LOWER_MONTHS, as_text

ACTION = "waf-action"
RULE = "waf-rule"
MESSAGE = "waf-message"

_WORDS = {
    "block": "block blocked deny denied drop dropped reset reject rejected",
    "challenge": "challenge managed_challenge managedchallenge js_challenge jschallenge jschallenge captcha redirect",
    "log": "log logged simulate count detected detect matched alert monitor anomalyscoring",
    "allow": "allow allowed accept skip bypass pass",
}
_VERDICTS = {word: verdict for verdict, words in _WORDS.items() for word in words.split()}
_MOST_HEADERS = 256
_MOST_FINDINGS = 20
_RULE_IN_TEXT = re.compile(r'\[id "(\d{1,10})"\]')
_MESSAGE_IN_TEXT = re.compile(r'\[msg "((?:[^"\\]|\\.){1,500})"\]')
_C_TIME = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d\d:\d\d:\d\d) (\d{4})\Z")


def settle_verdict(fields: Fields) -> None:
    """Say the verdict in one vocabulary; drop it where an ``action`` is none: applications have actions too."""
    verdict = _VERDICTS.get((fields.pop(ACTION, None) or "").lower())
    if verdict is None or RULE not in fields:
        fields.pop(RULE, None)
        fields.pop(MESSAGE, None)
    else:
        fields[ACTION] = verdict


def named_values(listed: list[Any]) -> Any:  # noqa: ANN401 - any JSON value
    """``[{"name": "Host", "value": "votes.example"}]``, as AWS lists headers, as an object; other lists as they are."""
    pairs = [each for each in listed[:_MOST_HEADERS] if isinstance(each, dict)]
    named = {each["name"]: each["value"] for each in pairs if isinstance(each.get("name"), str) and "value" in each}
    return named or listed


def audit_fields(value: Mapping[str, Any]) -> Fields | None:
    """The request and the verdict of a record of ModSecurity's or Coraza's audit log; None where it is none."""
    transaction = value.get("transaction")
    if not isinstance(transaction, dict):
        return None
    request = _folder(transaction, "request") or _folder(value, "request")
    response = _folder(transaction, "response") or _folder(value, "response")
    client = transaction.get("client_ip", transaction.get("remote_address"))
    if not request or client is None:
        return None
    headers = {str(name).lower(): _first(text) for name, text in _folder(request, "headers").items()}
    fields: Fields = {
        "client": as_text(client), "time": _audit_time(transaction), "status": _first(response, "http_code", "status"),
        "request": _first(request, "request_line"), "method": _first(request, "method"),
        "uri": _first(request, "uri"), "version": _first(request, "http_version"), "host": headers.get("host"),
        "agent": headers.get("user-agent"), "referer": headers.get("referer"),
        "forwarded": headers.get("x-forwarded-for"),
    }  # fmt: skip
    return {name: text for name, text in (fields | _audit_verdict(value, transaction, fields)).items() if text}


def _folder(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _first(value: Any, *names: str) -> str | None:  # noqa: ANN401 - any JSON value
    """A value as text: of a list the first; of an object what stands under the first of the names."""
    if names:
        value = next((value[name] for name in names if name in value), None)
    value = value[0] if isinstance(value, list) and value else value
    return None if isinstance(value, (dict, list)) else as_text(value)


def _audit_time(transaction: Mapping[str, Any]) -> str | None:
    text = _first(transaction, "unix_timestamp", "time_stamp", "time", "timestamp") or ""
    if (match := _C_TIME.match(text)) and match[1].lower() in LOWER_MONTHS:
        return f"{match[4]}-{LOWER_MONTHS.index(match[1].lower()) + 1:02}-{int(match[2]):02} {match[3]}"
    return text.replace("/", "-") if text[:4].isdecimal() else text.replace("--", "-")


def _audit_verdict(value: Mapping[str, Any], transaction: Mapping[str, Any], fields: Fields) -> Fields:
    """What the rules found, and whether the request was let through."""
    audit = _folder(value, "audit_data")
    listed: object = next(
        (each for each in (transaction.get("messages"), value.get("messages"), audit.get("messages")) if each), []
    )
    findings = [each for each in listed[:_MOST_FINDINGS] if each] if isinstance(listed, list) else []
    rules, messages = [], []
    for finding in findings:
        if isinstance(finding, str):
            rules += _RULE_IN_TEXT.findall(finding)[:1]
            messages += _MESSAGE_IN_TEXT.findall(finding)[:1]
        elif isinstance(finding, dict):
            rules.append(_first(_folder(finding, "details") or _folder(finding, "data"), "ruleId", "id"))
            messages.append(_first(finding, "message"))
    if not findings:
        return {}
    stopped = _folder(audit, "action").get("intercepted") is True or transaction.get("is_interrupted") is True
    refused = fields["status"] in {"403", "406"}
    return {
        ACTION: "block" if stopped or refused else "log",
        RULE: ",".join(dict.fromkeys(filter(None, rules))) or None,
        MESSAGE: "; ".join(dict.fromkeys(filter(None, messages))) or None,
    }
