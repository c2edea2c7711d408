"""Which logsources there are and what their columns are called: the contract between formats and detectors.

Formats write these columns; rules and detectors read them. A format may add further columns (they can be
searched and matched), but what a column below means, it always means.
"""

from __future__ import annotations

from dataclasses import dataclass

from pollwatch.events.batch import LogSource

#: Web server access: one row per request. Sigma's webserver taxonomy (W3C names).
WEB = LogSource(category="webserver")
#: Web server error log: one row per message; where a client or request is named, it is decoded too.
WEB_ERROR = LogSource(category="webserver", service="error")
#: Linux log-in and privilege: sshd, sudo, su, PAM, login. One row per message.
AUTH = LogSource(product="linux", service="auth")
#: Every other syslog message.
SYSLOG = LogSource(product="linux", service="syslog")
#: Suricata alerts.
IDS = LogSource(product="suricata", service="alert")
DNS = LogSource(category="dns")
FLOW = LogSource(category="firewall")
#: Mail servers: one row per message about a mail or a peer. Log-ins are in AUTH.
MAIL = LogSource(category="mail")
#: FTP servers: one row per command or transfer. Log-ins are in AUTH.
FTP = LogSource(category="ftp")
#: Database servers: statements and messages. Log-ins are in AUTH.
DATABASE = LogSource(category="database")
#: JSON lines whose fields say nothing more.
GENERIC = LogSource(category="application")

#: Where a web application firewall had a say, WEB and WEB_ERROR also have ``waf-action`` (``block``, ``challenge``,
#: ``log`` or ``allow``), ``waf-rule``, ``waf-message`` and, for findings of one request, ``waf-request``.
WEB_COLUMNS = (
    "c-ip",  # the client: the first untrusted hop, never a header that the client itself could write
    "cs-username",
    "cs-method",
    "cs-uri",  # path and query as sent
    "cs-uri-stem",
    "cs-uri-query",  # without "?"; null where there was none
    "cs-version",
    "cs-host",  # virtual host asked for
    "sc-status",  # int64
    "sc-bytes",  # int64
    "cs-referer",
    "cs-user-agent",
    "time-taken-us",  # int64
    "x-forwarded-for",  # as sent; attacker-written
)

WEB_ERROR_COLUMNS = (
    "c-ip",
    "level",
    "module",
    "message",
    "cs-method",
    "cs-uri",
    "cs-host",
    "cs-referer",
    "server",
)

AUTH_COLUMNS = (
    "hostname",
    "program",  # sshd, sudo, su, login, ...
    "pid",  # int64
    "message",  # what stands after "program[pid]: "
    "action",  # see AUTH_ACTIONS; null where the message is none of them
    "user",  # the account acted upon
    "ruser",  # the account acting (sudo, su)
    "src_ip",
    "src_host",  # where the log names the peer by name instead of address
    "src_port",  # int64
    "auth_method",  # password, publickey, keyboard-interactive/pam, ...
    "command",  # sudo
    "repeat",  # int64: how many times syslog says that this message was repeated; null = once
)

#: What ``action`` may say. ``failure`` is one failed try that should count; follow-ups of the same try
#: ("maximum authentication attempts", PAM's summary "2 more authentication failures") say ``disconnect``.
AUTH_ACTIONS = (
    "success",
    "failure",
    "invalid_user",
    "disconnect",
    "session_opened",
    "session_closed",
    "command",
    "denied",
)

SYSLOG_COLUMNS = ("hostname", "program", "pid", "message", "facility", "severity", "msgid", "src_ip")

IDS_COLUMNS = (
    "src_ip", "src_port", "dest_ip", "dest_port", "proto", "app_proto",
    "signature", "signature_id", "category", "severity", "action", "cs-host", "cs-uri", "cs-user-agent",
)  # fmt: skip
DNS_COLUMNS = ("src_ip", "dest_ip", "query", "record_type", "answer", "rcode")
FLOW_COLUMNS = (
    "src_ip",
    "src_port",
    "dest_ip",
    "dest_port",
    "proto",
    "app_proto",
    "bytes_out",
    "bytes_in",
    "packets",
    "action",
)

#: What every record of a cloud service's audit log gets beside its own fields, in words that are the same for all.
CLOUD_COLUMNS = (
    "norm.ip",  # where the acting account came from; null where the service itself acted
    "norm.user",  # the account acting
    "norm.host",  # the machine that it acted from, where the log names it
    "norm.service",  # whose service, as people call it: what an office has been told of is attacked
    "norm.target",  # what was acted upon: an account, an application, a bucket; of a log-in the application entered
    "norm.operation",  # the service's own name for what was done
    "norm.kind",  # what that is in our words; see CLOUD_KINDS; null where it is none of them
    "norm.outcome",  # success or failure; null where the log does not say
    "norm.agent",  # the client as it names itself; attacker-written
    "norm.country",  # two letters, as the service says; it may err
    "norm.place",  # degrees north and east, "50.11,8.68", as the service says
    "norm.network",  # the network's number or name, as the service says
    "norm.device",  # what the service knows the client by: its machine, or the key that it used
)

#: What ``norm.kind`` may say.
CLOUD_KINDS = (
    "sign-in",
    "mfa-refused",  # a second factor was asked for and refused, ignored, or wrong
    "mfa-added",
    "mfa-removed",
    "consent",  # an application was given access to somebody's data
    "read",  # a document or message was read, previewed or listed
    "download",
    "delete",
    "share",  # given to people outside, or to all
    "mail-rule",  # what becomes of a mailbox's messages by themselves
    "key-made",  # a lasting secret for programs
    "role-given",
    "account-made",
    "log-off",  # the log itself was switched off or cut back
    "policy",  # who may enter, and how, was changed
)

#: Category of log-ins' logsources, whatever the product; see :func:`kind`.
AUTHENTICATION = "authentication"

MAIL_COLUMNS = (
    "hostname",
    "program",
    "pid",  # int64
    "message",
    "action",  # see MAIL_ACTIONS; null where the message is none of them
    "user",  # the account that logged in to send it
    "src_ip",  # the peer that connected to us
    "src_host",
    "helo",  # what the peer called itself
    "sender",
    "recipient",
    "recipients",  # int64: how many it goes to
    "queue_id",
    "bytes_in",  # int64: the mail's size
    "relay",  # where it was handed on to
    "code",  # the answer's code, "554"
    "reason",
    "cause",  # of a refusal: relay, recipient, sender, helo, spam, auth, limit; null = another
)
#: What ``action`` may say of a mail or of its peer.
MAIL_ACTIONS = (
    *("connect", "disconnect", "rejected", "early_talker", "bad_command", "lost", "queued", "received", "sent"),
    *("bounced", "deferred", "forwarded", "filtered", "filter_changed", "failed_check"),
)

FTP_COLUMNS = (
    "hostname",
    "program",
    "pid",  # int64
    "message",
    "action",  # upload, download, delete, mkdir, rmdir, rename, chmod, list, connect, command
    "outcome",  # ok, failed
    "user",
    "src_ip",
    "src_host",
    "path",
    "bytes_in",  # int64, uploaded
    "bytes_out",  # int64, downloaded
)

DATABASE_COLUMNS = (
    "hostname",
    "program",  # postgres, mysqld
    "pid",  # int64: of the session
    "message",
    "severity",
    "action",  # the statement's first word, lower case; null where the row is no statement
    "statement",
    "object",  # what an audit log says it is about
    "user",
    "src_ip",
    "database",
    "application",
    "rows_out",  # int64
)


@dataclass(frozen=True, slots=True)
class ActorColumns:
    """Which columns of a logsource name who acts and what is acted upon; empty = none."""

    ip: str = ""
    user: str = ""
    host: str = ""
    domain: str = ""
    target: str = ""


ACTORS: dict[LogSource, ActorColumns] = {
    WEB: ActorColumns(ip="c-ip", target="cs-host"),
    WEB_ERROR: ActorColumns(ip="c-ip", target="cs-host"),
    AUTH: ActorColumns(ip="src_ip", user="user", host="src_host", target="hostname"),
    SYSLOG: ActorColumns(ip="src_ip", target="hostname"),
    IDS: ActorColumns(ip="src_ip", target="dest_ip"),
    DNS: ActorColumns(ip="src_ip", target="query"),
    FLOW: ActorColumns(ip="src_ip", target="dest_ip"),
    MAIL: ActorColumns(ip="src_ip", user="user", host="src_host", target="hostname"),
    FTP: ActorColumns(ip="src_ip", user="user", host="src_host", target="hostname"),
    DATABASE: ActorColumns(ip="src_ip", user="user", target="hostname"),
    GENERIC: ActorColumns(ip="src_ip", user="user", target="hostname"),
}

#: Of every Windows logsource. Columns of ours: which of an event's accounts and addresses acts, the event decides.
WINDOWS_ACTORS = ActorColumns(ip="norm.ip", user="norm.user", host="norm.host", target="Computer")

#: Of every cloud service's audit log, for the same reason.
CLOUD_ACTORS = ActorColumns(ip="norm.ip", user="norm.user", host="norm.host", target="norm.service")
CLOUD_PRODUCTS = frozenset({"aws", "azure", "m365", "gcp", "okta", "github", "cisco"})

#: Of every other log of sensors and firewalls (VPN, administration, notices): columns of ours beside the product's own.
NETWORK_ACTORS = ActorColumns(ip="src_ip", user="user", target="dest_ip")
ACTORS[LogSource(product="cisco", service="asa")] = NETWORK_ACTORS  # a firewall; the maker's other logs are a cloud's

_ACTORS_OF_PRODUCT = {
    "windows": WINDOWS_ACTORS,
    **dict.fromkeys(CLOUD_PRODUCTS, CLOUD_ACTORS),
}

#: What a category says, whichever product logs it: such events have all columns of ours, beside the product's own.
_KINDS = {"webserver": WEB, "dns": DNS, "firewall": FLOW, AUTHENTICATION: AUTH, "ids": IDS}
#: Requests of one's own people to others' servers: like :data:`WEB`, but no rule about attacks on us is meant.
_PROXY = "proxy"
PROXY = LogSource(category=_PROXY)


def kind(logsource: LogSource) -> LogSource:
    """The logsource of ours whose columns these events have too; the same one where there is none.

    A product's events name it (``firewall/zeek/conn``), so that rules for the product find the fields that they know;
    their category says that they are also requests, questions, flows or log-ins like anybody's. Rules for ours, and
    detectors, take them as such.
    """
    if not logsource.product or logsource.product == "windows":
        return logsource
    return _KINDS.get(logsource.category, logsource)


def actor_columns(logsource: LogSource) -> ActorColumns:
    """The actor columns of a logsource; of one that is not listed, those that network products' logs have."""
    if logsource.category == _PROXY:
        return ACTORS[WEB]
    return ACTORS.get(kind(logsource), _ACTORS_OF_PRODUCT.get(logsource.product, NETWORK_ACTORS))


def is_cloud(logsource: LogSource) -> bool:
    """Whether it is the audit log of a cloud service: who did what with which account."""
    return actor_columns(logsource) == CLOUD_ACTORS
