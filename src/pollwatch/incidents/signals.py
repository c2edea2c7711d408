"""What logs can show at all, by kind of log: whether it is there, why it is not, and how to get it.

A log that is there may still say too little: Windows writes down who started what only where its audit policy says so.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from pollwatch.events.batch import LogSource
from pollwatch.events.taxonomy import AUTH, DATABASE, DNS, FLOW, IDS, MAIL, WEB, is_cloud
from pollwatch.i18n import _
from pollwatch.incidents.coverage import Telemetry


class Signal(Enum):
    """Something that logs may show; in the order in which an office gets them most easily."""

    REQUESTS = "requests"
    LOGINS = "logins"
    SIZES = "sizes"
    MAIL = "mail"
    PROGRAMS = "programs"
    DATABASE = "database"
    ACCOUNTABLE = "accountable"
    FLOWS = "flows"
    SENSOR = "sensor"


def there(signal: Signal, telemetry: Telemetry) -> bool:
    """Whether the logs show it."""
    return _THERE[signal](telemetry)


def shows(signal: Signal) -> str:
    """What it shows, where it is there."""
    return {
        Signal.REQUESTS: _("who asked a web site for what"),
        Signal.SIZES: _("how much a web site gave out"),
        Signal.LOGINS: _("who logged in from where"),
        Signal.MAIL: _("which mail came and went"),
        Signal.PROGRAMS: _("which programs were started"),
        Signal.DATABASE: _("what was done to the database"),
        Signal.ACCOUNTABLE: _("whether the logs themselves were cleared"),
        Signal.FLOWS: _("which machine spoke with which"),
        Signal.SENSOR: _("what a network sensor recognised"),
    }[signal]


def missing(signal: Signal, telemetry: Telemetry) -> str:
    """Why it is not there, as far as the logs tell."""
    if signal is Signal.PROGRAMS and _has_product(telemetry, "windows"):
        return _("audit policy is off: Windows' logs are there, but no start of a program is in them")
    if signal is Signal.LOGINS and telemetry.has(AUTH):
        return _("the log-in log names no addresses")
    if signal is Signal.LOGINS and _has_product(telemetry, "windows"):
        return _("Windows' Security log is not among the logs")
    if signal is Signal.SIZES and telemetry.has(WEB):
        return _("the access log does not say how large answers were")
    return {
        Signal.REQUESTS: _("no web server access log was given"),
        Signal.SIZES: _("no web server access log was given"),
        Signal.LOGINS: _("no log of log-ins was given"),
        Signal.MAIL: _("no mail server log or mailbox audit was given"),
        Signal.PROGRAMS: _("no record of started programs was given"),
        Signal.DATABASE: _("the database's audit log was not given"),
        Signal.ACCOUNTABLE: _("no system log was given"),
        Signal.FLOWS: _("no firewall, flow or name server log was given"),
        Signal.SENSOR: _("no network sensor's alerts were given"),
    }[signal]


def remedy(signal: Signal, telemetry: Telemetry) -> str:
    """What to switch on."""
    if signal is Signal.PROGRAMS and _has_product(telemetry, "windows"):
        return _(
            'switch on "Audit Process Creation" with command lines by group policy, or install Sysmon; then give the'
            " Security log (or Sysmon's) too"
        )
    if signal is Signal.SIZES and not telemetry.has(WEB):
        return remedy(Signal.REQUESTS, telemetry)
    return {
        Signal.REQUESTS: _("give the web server's access log, with host name and size of answers; keep it for 90 days"),
        Signal.SIZES: _("let the web server log the size of answers (combined format)"),
        Signal.LOGINS: _(
            "give the log of log-ins: auth.log or the journal, Windows' Security log, the cloud's sign-ins"
        ),
        Signal.MAIL: _("give the mail server's log, or switch on mailbox auditing and give its export"),
        Signal.PROGRAMS: _("record started programs: auditd on Linux, process auditing or Sysmon on Windows"),
        Signal.DATABASE: _(
            "switch on the database's audit log (pgaudit, server_audit) for the tables of voters and results"
        ),
        Signal.ACCOUNTABLE: _("give the system's own log; it says when it was cleared"),
        Signal.FLOWS: _("let the firewall log connections, or the name server its questions, and give that"),
        Signal.SENSOR: _("ask the provider or CERT for a network sensor (Suricata, Zeek), and give its alerts"),
    }[signal]


def _seen(telemetry: Telemetry) -> list[LogSource]:
    return [source for source, count in telemetry.events.items() if count]


def _has_product(telemetry: Telemetry, product: str) -> bool:
    return any(source.product == product for source in _seen(telemetry))


def _audited(telemetry: Telemetry) -> bool:
    """Whether there is a log of who did what that Windows or a cloud keeps."""
    return any(
        is_cloud(source) or (source.product, source.service) == ("windows", "security") for source in _seen(telemetry)
    )


_THERE: Final[dict[Signal, Callable[[Telemetry], bool]]] = {
    Signal.REQUESTS: lambda logs: logs.has(WEB),
    Signal.SIZES: lambda logs: logs.has(WEB, "sc-bytes"),
    Signal.LOGINS: lambda logs: logs.has(AUTH, "src_ip") or _audited(logs),
    Signal.MAIL: lambda logs: logs.has(MAIL) or _has_product(logs, "m365"),
    Signal.PROGRAMS: lambda logs: any(source.category == "process_creation" for source in _seen(logs)),
    Signal.DATABASE: lambda logs: logs.has(DATABASE),
    Signal.ACCOUNTABLE: lambda logs: logs.has(AUTH) or _audited(logs),
    Signal.FLOWS: lambda logs: logs.has(FLOW) or logs.has(DNS) or _has_product(logs, "zeek"),
    Signal.SENSOR: lambda logs: logs.has(IDS) or _has_product(logs, "zeek"),
}
