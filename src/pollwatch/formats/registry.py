"""Which formats there are, and which one a sample is of.

Scores are comparable because every ``sniff`` keeps to one scale: the share of the sample's records that fit, times
how much of a record the format understands. A format that decodes everything a record says scores up to 1.0; one
that knows the envelope only (any syslog message: 0.8; any JSON object: 0.3) scores less, so that the most specific
format wins where several fit, and a few foreign lines in a file do not matter.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch.errors import FormatError
from pollwatch.formats.applog import AppLog
from pollwatch.formats.cef import CEF
from pollwatch.formats.cloud import AZURE, CLOUDTRAIL, DEFENDER, DUO, GITHUB, GOOGLE, M365, OKTA
from pollwatch.formats.cloudtable import CloudTable
from pollwatch.formats.dnsquery import DNS_QUERY
from pollwatch.formats.dovecot import DOVECOT
from pollwatch.formats.elb import ELB
from pollwatch.formats.envoy import ENVOY
from pollwatch.formats.exim import EXIM
from pollwatch.formats.fastlog import FastLog
from pollwatch.formats.fortigate import FORTIGATE
from pollwatch.formats.haproxy import HAPROXY
from pollwatch.formats.interface import Format, Framing
from pollwatch.formats.journald import Journald
from pollwatch.formats.jsonlines import JsonLines
from pollwatch.formats.leef import LEEF
from pollwatch.formats.modsecurity import MODSECURITY
from pollwatch.formats.mysql import MYSQL
from pollwatch.formats.mysqljson import MySqlJson
from pollwatch.formats.netflow import NetFlow, NetFlowJson
from pollwatch.formats.packetlog import PACKET_LOG
from pollwatch.formats.paloalto import PALO_ALTO
from pollwatch.formats.postfix import POSTFIX
from pollwatch.formats.postgresql import POSTGRESQL
from pollwatch.formats.postgresqljson import PostgreSqlJson
from pollwatch.formats.proftpd import PROFTPD
from pollwatch.formats.pureftpd import PURE_FTPD
from pollwatch.formats.s3access import S3_ACCESS
from pollwatch.formats.suricata import Suricata
from pollwatch.formats.syslog import Syslog
from pollwatch.formats.traefik import TRAEFIK
from pollwatch.formats.vsftpd import VSFTPD
from pollwatch.formats.w3c import W3C
from pollwatch.formats.weberror import WEB_ERROR
from pollwatch.formats.webjson import WEB_JSON
from pollwatch.formats.weblog import APACHE, NGINX, WEB_LOG
from pollwatch.formats.windows import Windows
from pollwatch.formats.wintable import WindowsTable
from pollwatch.formats.zeek import Zeek, ZeekJson

#: One line per format. Modules listed here import nothing heavy at import time.
ALL: tuple[Format, ...] = (
    Syslog(),  # before the web logs: where both understand all of a sample, other programs may come later
    Zeek(),
    ZeekJson(),  # before requests in JSON with any names: Zeek's are requests, too
    WEB_LOG,
    WEB_ERROR,
    WEB_JSON,
    APACHE,
    NGINX,
    W3C,
    HAPROXY,
    ELB,
    S3_ACCESS,
    ENVOY,
    MODSECURITY,
    TRAEFIK,
    Journald(),
    Suricata(),
    FastLog(),
    CEF,
    LEEF,
    FORTIGATE,
    PALO_ALTO,
    DNS_QUERY,
    PACKET_LOG,
    NetFlow(),
    NetFlowJson(),
    Windows(),
    WindowsTable(),
    CLOUDTRAIL,
    AZURE,
    M365,
    DEFENDER,
    GOOGLE,
    OKTA,
    DUO,
    GITHUB,
    CloudTable(),
    DOVECOT,
    EXIM,
    POSTFIX,
    PROFTPD,
    PURE_FTPD,
    VSFTPD,
    MYSQL,
    MySqlJson(),
    POSTGRESQL,
    PostgreSqlJson(),
    JsonLines(),
    AppLog(),  # last: whoever knows the program knows better
)

#: What people call some of them. A name of Apache's or nginx's own layouts needs no definition: they are recognised.
ALSO_CALLED = {
    "access": "weblog",
    "combined": "weblog",
    "common": "weblog",
    "vhost_combined": "weblog",
    "error": "weberror",
    "apache-error": "weberror",
    "nginx-error": "weberror",
    "nginx-json": "weblog-json",
    "maillog": "postfix",
    "xferlog": "vsftpd",
    "postgres": "postgresql",
    "mariadb": "mysql",
    "auth": "syslog",
    "journal": "journald",
    "iis": "w3c",
    "httperr": "w3c",
    "cloudfront": "w3c",
    "alb": "elb",
    "nlb": "elb",
    "istio": "envoy",
    "caddy": "weblog-json",
    "cloudflare": "weblog-json",
    "fastly": "weblog-json",
    "eve": "suricata",
    "evtx": "windows",
    "winlogbeat": "windows",
    "sysmon": "windows",
    "aws": "cloudtrail",
    "entra": "azure",
    "o365": "m365",
    "gcp": "google",
    "json": "jsonlines",
    "ndjson": "jsonlines",
    "ecs": "jsonlines",
}

#: Below this a format is not believed: fewer than one record in ten fits.
BELIEVABLE = 0.1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What detection decided and why.

    Attributes:
        format: the best format, or None where none is believable.
        scores: ``(name, score)`` of every format asked, best first.
    """

    format: Format | None
    scores: tuple[tuple[str, float], ...]


def detect(sample: Sequence[str], framing: Framing) -> Verdict:
    """The format that fits a sample best.

    Args:
        sample: some first non-empty records (200 are plenty, one is enough), decoded.
        framing: how the records stood in the bytes; only formats with this framing are asked.
    """
    records = [record for record in sample if record and not record.isspace()]
    asked = [(each, each.sniff(records) if records else 0.0) for each in ALL if each.framing == framing]
    asked.sort(key=lambda pair: -pair[1])  # stable: where two tie, the first in ALL wins
    best = asked[0][0] if asked and asked[0][1] >= BELIEVABLE else None
    return Verdict(best, tuple((each.name, score) for each, score in asked))


def by_name(spec: str) -> tuple[Format, str]:
    """The format that ``--format NAME[:DEFINITION]`` names, and its definition (empty = none).

    Raises:
        FormatError: there is no such format; the message names the nearest one and all of them.
    """
    name, _, definition = spec.partition(":")
    formats = {each.name: each for each in ALL}
    wanted = name.strip().lower()
    found = formats.get(ALSO_CALLED.get(wanted, wanted))
    if found is None:
        near = difflib.get_close_matches(wanted, [*formats, *ALSO_CALLED], n=1, cutoff=0.6)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise FormatError(f"there is no format {name!r}.{hint} The formats are: {', '.join(formats)}")
    return found, definition
