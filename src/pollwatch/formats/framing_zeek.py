"""Which of Zeek's logs a record is of, where a header or ``_path`` says it and where only its shape does.

Source: the Zeek manual, "Zeek Log Formats" and "Log Files".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

UNKNOWN = "other"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

#: Fields that only one log has, for JSON that does not say which log it is; the first that fits counts.
_MARKS: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (service, frozenset(fields.split()))
    for service, fields in (
        ("conn", "conn_state"),
        ("conn", "id.orig_h proto history"),
        ("dns", "trans_id qtype_name"),
        ("dns", "trans_id rcode_name"),
        ("dns", "trans_id query"),
        ("http", "trans_depth status_code"),
        ("http", "trans_depth method"),
        ("http", "trans_depth resp_mime_types"),
        ("http", "trans_depth version uri"),
        ("smtp", "trans_depth helo"),
        ("smtp", "trans_depth last_reply"),
        ("x509", "certificate.serial"),
        ("ssl", "ssl_history"),
        ("ssl", "established cipher"),
        ("ssl", "established resumed"),
        ("ssh", "host_key_alg"),
        ("ssh", "auth_attempts"),
        ("ssh", "hasshVersion"),
        ("files", "fuid seen_bytes"),
        ("notice", "note actions"),
        ("notice", "note suppress_for"),
        ("weird", "name peer notice"),
        ("rdp", "security_protocol"),
        ("rdp", "cookie result"),
        ("smb_files", "action path name times.modified"),
        ("smb_files", "action fuid name id.resp_h"),
        ("smb_mapping", "share_type"),
        ("dce_rpc", "endpoint operation"),
        ("kerberos", "request_type"),
        ("ntlm", "server_nb_computer_name"),
        ("ntlm", "domainname id.orig_h"),
        ("ftp", "command reply_code"),
        ("software", "software_type"),
        ("dhcp", "mac msg_types"),
        ("snmp", "community"),
        ("tunnel", "tunnel_type"),
        ("known_services", "port_num port_proto"),
    )
)

#: The fields of the usual logs, for lines whose head was cut away.
_CONNECTION = ("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")


def _fields(text: str) -> tuple[str, ...]:
    return (*_CONNECTION, *text.split())


_CONN = _fields(
    "proto service duration orig_bytes resp_bytes conn_state local_orig local_resp missed_bytes history orig_pkts "
    "orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents ip_proto"
)
_DNS = _fields(
    "proto trans_id rtt query qclass qclass_name qtype qtype_name rcode rcode_name AA TC RD RA Z answers TTLs rejected"
)
_HTTP = _fields(
    "trans_depth method host uri referrer version user_agent origin request_body_len response_body_len status_code "
    "status_msg info_code info_msg tags username password proxied orig_fuids orig_filenames orig_mime_types resp_fuids "
    "resp_filenames resp_mime_types"
)
_SSH = _fields(
    "version auth_success auth_attempts direction client server cipher_alg mac_alg compression_alg kex_alg "
    "host_key_alg host_key"
)
_SSL = _fields(
    "version cipher curve server_name resumed last_alert next_protocol established ssl_history cert_chain_fps "
    "client_cert_chain_fps sni_matches_cert validation_status"
)
_WEIRD = _fields("name addl notice peer source")
_NOTICE = _fields(
    "fuid file_mime_type file_desc proto note msg sub src dst p n peer_descr actions email_dest suppress_for"
)
_SMTP = _fields(
    "trans_depth helo mailfrom rcptto date from to cc reply_to msg_id in_reply_to subject x_originating_ip "
    "first_received second_received last_reply path user_agent tls fuids is_webmail"
)

#: Those of them that are true or false.
TRUTHS = frozenset(
    {
        *("local_orig", "local_resp", "AA", "TC", "RD", "RA", "rejected", "auth_success"),
        *("resumed", "established", "sni_matches_cert", "notice", "tls", "is_webmail"),
    }
)

#: ``(log, its fields, place of one field, what only this log has there)``.
_SHAPES: tuple[tuple[str, tuple[str, ...], int, re.Pattern[str]], ...] = (
    ("conn", _CONN, 11, re.compile(r"S[0123HF]|SHR|REJ|RSTO|RSTR|RSTOS0|RSTRH|OTH")),
    ("dns", _DNS, 7, re.compile(r"\d{1,5}")),
    ("http", _HTTP, 7, re.compile(r"[A-Z_]{3,20}|-")),
    ("notice", _NOTICE, 10, re.compile(r"[A-Z]\w*::\w+")),
    ("ssl", _SSL, 6, re.compile(r"(?:TLS|SSL|DTLS)v\d+|-")),
    ("ssh", _SSH, 10, re.compile(r"SSH-.*|-")),
    ("weird", _WEIRD, 8, re.compile(r"[TF]")),
    ("smtp", _SMTP, 7, re.compile(r"[^\t]+")),
)

#: How many fields of the end a version of Zeek may have more or less.
_TOLERANCE = {"conn": 6, "dns": 1, "http": 3, "notice": 6, "ssl": 8, "ssh": 6, "weird": 1, "smtp": 1}


def service_name(path: str) -> str:
    """A log's name as Zeek gives it (``conn``, ``smb_files``), or :data:`UNKNOWN` for what cannot be one."""
    return path if _NAME.fullmatch(path) else UNKNOWN


def service_by_fields(names: Collection[str]) -> str | None:
    """The log that records with these fields are of; None where nothing tells."""
    return next((service for service, marks in _MARKS if marks.issubset(names)), None)


def service_by_shape(cells: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """Log and fields of a line whose head is missing; None where nothing tells.

    A version of Zeek may write fewer or more fields at the end than another.
    """
    for service, names, place, told in _SHAPES:
        if abs(len(cells) - len(names)) <= _TOLERANCE[service] and told.fullmatch(cells[place]):
            return service, names
    return None
