"""Which events a rule is about: Sigma's logsources, and the other names that rules use for ours.

A rule whose logsource names one of our logsources in other words (``product: nginx``, ``service: sshd``,
``category: proxy``) applies to that one, narrowed by a condition where the words say more than ours do.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from pollwatch.detect.sigma.plan import And, Leaf, Node, Or, Text, Wild
from pollwatch.events.batch import LogSource
from pollwatch.events.taxonomy import (
    AUTH,
    AUTHENTICATION,
    DATABASE,
    DNS,
    FLOW,
    FTP,
    IDS,
    MAIL,
    PROXY,
    SYSLOG,
    WEB,
    WEB_ERROR,
)

#: Names of fields in rules -> names of our columns, tried where a batch lacks the former.
FIELD_ALIASES: dict[str, str] = {
    "c-uri": "cs-uri",
    "c-uri-stem": "cs-uri-stem",
    "c-uri-query": "cs-uri-query",
    "cs-uri-path": "cs-uri-stem",
    "c-useragent": "cs-user-agent",
    "c-user-agent": "cs-user-agent",
    "cs(user-agent)": "cs-user-agent",
    "cs-useragent": "cs-user-agent",
    "cs(referer)": "cs-referer",
    "cs-referrer": "cs-referer",
    "cs(host)": "cs-host",
    "cs-status": "sc-status",
    "status": "sc-status",
    "src_ip_addr": "src_ip",
    "dst_ip": "dest_ip",
    "dst_port": "dest_port",
}

#: What rules call several of our Windows categories together.
_WINDOWS_CATEGORIES = {
    "registry_event": ("registry_add", "registry_delete", "registry_set", "registry_rename"),
    "file_delete": ("file_delete", "file_delete_detected"),
}
_WINDOWS_SERVICES = ("sysmon", "security", "")
_WEB_PRODUCTS = {"apache", "nginx", "httpd", "lighttpd", "caddy", "iis"}
_PROGRAMS = {"sshd", "sudo", "su", "login", "cron", "vsftpd", "clamav", "guacamole", "auditd", "pam"}
_ANY_AUTH = {"auth", "authpriv", "auth.log", "secure"}


@lru_cache(maxsize=4096)
def routes(  # noqa: C901, PLR0911 - one way per kind of name
    logsource: LogSource,
) -> tuple[tuple[LogSource, Node | None], ...]:
    """Our logsources that a rule's logsource means, each with a condition that narrows it further, or None."""
    known = (WEB, WEB_ERROR, AUTH, SYSLOG, IDS, DNS, FLOW, MAIL, FTP, DATABASE)
    if logsource.product in _WEB_PRODUCTS and logsource.category in ("", "webserver"):
        if logsource.service in ("access", "access.log"):
            return ((WEB, None),)
        if logsource.service in ("error", "error.log"):
            return ((WEB_ERROR, None),)
        return ((WEB, None), (WEB_ERROR, None))
    if logsource.category == "proxy":
        return ((WEB, None), (PROXY, None))
    if logsource.product in ("linux", "") and not logsource.category:
        if logsource.service in _ANY_AUTH:
            return ((AUTH, None),)
        if logsource.service in _PROGRAMS:
            named = _program(logsource.service)
            return ((AUTH, named), (SYSLOG, named), (FTP, named))
    if logsource.product == "suricata" and logsource.service in ("", "alert"):
        return ((IDS, None),)
    if logsource.product == "m365":  # one log, whatever the rule calls the part of it that it means
        audit = LogSource(product="m365", service="audit")
        return (audit, None), (replace(audit, category=AUTHENTICATION), None)
    if logsource.category in _WINDOWS_CATEGORIES and logsource.product in ("windows", ""):
        return _windows(logsource)
    return tuple((each, None) for each in known if logsource.covers(each))


def _windows(logsource: LogSource) -> tuple[tuple[LogSource, Node | None], ...]:
    """What a rule means by a name for several categories: a batch has one category and the service that logged it."""
    meant = (
        LogSource(category, "windows", service)
        for category in _WINDOWS_CATEGORIES[logsource.category]
        for service in _WINDOWS_SERVICES
    )
    return tuple((each, None) for each in meant if logsource.service in ("", each.service))


def _program(name: str) -> Node:
    """``sshd`` is also ``sshd-session`` and ``/usr/sbin/sshd``; ``pam`` is any program whose message PAM wrote."""
    if name == "pam":
        return Leaf("message", Text((Wild.MANY, "pam_", Wild.MANY)))
    plain = [(name,), (name, "-", Wild.MANY), (Wild.MANY, "/", name)]
    tests = [Leaf("program", Text(_merged(parts))) for parts in plain]
    return Or(tuple(tests))


def _merged(parts: tuple[str | Wild, ...]) -> tuple[str | Wild, ...]:
    merged: list[str | Wild] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return tuple(merged)


def narrowed(condition: Node, extra: Node | None) -> Node:
    """A rule's condition together with what its logsource says besides."""
    return condition if extra is None else And((extra, condition))
