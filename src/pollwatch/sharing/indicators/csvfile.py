"""Lists of indicators as text: CSV with or without a header, or one value a line; as mailed, printed and defanged.

A header names the columns in many ways (``INDICATOR_VALUE``, ``ioc``, ``dest_ip``); without one, the first cell of a
line that looks like an indicator is it. Comments (``#``, ``;``) and inline ones are passed over. ``hxxp``, ``[.]`` and
the like are undone. Encodings: UTF-8, UTF-16 with its mark, else Windows-1252.
"""

from __future__ import annotations

import csv
import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.events.observable import Kind, Observable, guessed, normalised
from pollwatch.sharing.indicators.candidates import Candidate, Read, marking, moment

_MAX_CELL: Final = 131_072
_DELIMITERS: Final = ",;\t|"
_BOMS: Final = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
#: What columns are called, in any case and with any of ``_ -.`` between words.
_COLUMNS: Final = {
    "value": ("indicator value", "indicator", "value", "ioc", "ioc value", "observable", "artifact", "pattern value"),
    "type": ("type", "indicator type", "ioc type", "kind", "data type", "value type"),
    "observed": ("observed date", "last seen", "lastseen", "last observed", "valid from", "date", "first seen",
                 "firstseen", "first seen utc", "timestamp", "added", "date added", "created"),
    "until": ("valid until", "expires", "expiration", "expiry", "expire date"),
    "tlp": ("tlp", "handling", "marking", "sharing"),
    "confidence": ("confidence", "confidence level"),
    "text": ("description", "comment", "note", "notes", "role", "threat", "malware", "tags", "title"),
}  # fmt: skip
#: Columns that name both what they hold and its kind, tried where there is no column of values.
_KIND_COLUMNS: Final = {
    Kind.IPV4: ("ip", "ip address", "ipv4", "ipv6", "address", "src ip", "source ip", "dst ip", "dest ip",
                "destination ip", "dst", "src", "c2 ip", "host ip", "cidr", "network", "netblock"),
    Kind.DOMAIN: ("domain", "domain name", "fqdn", "hostname", "host", "site"),
    Kind.URL: ("url", "uri", "link"),
    Kind.HASH: ("md5", "sha1", "sha256", "sha512", "hash", "file hash", "md5 hash", "sha1 hash", "sha256 hash"),
    Kind.EMAIL: ("email", "e mail", "email address", "mail", "sender", "from"),
    Kind.USER_AGENT: ("user agent", "useragent", "ua"),
}  # fmt: skip
#: What a type column may say, beside the columns' own names.
_TYPES: Final = {
    **{name: kind for kind, names in _KIND_COLUMNS.items() for name in names},
    **{kind.value.replace("-", " "): kind for kind in Kind},
    **dict.fromkeys(("ipv4addr", "ipv6addr", "ipaddr", "ipv4 addr", "ipv6 addr", "ip dst", "ip src"), Kind.IPV4),
    **dict.fromkeys(("email src", "email dst", "emailaddr"), Kind.EMAIL),
    **dict.fromkeys(("filehash", "file hash md5", "filehash md5", "filehash sha1", "filehash sha256"), Kind.HASH),
}
_FANGS: Final = (
    (re.compile(r"^h(?:xx|tt|\*\*|__)p(s?)(?::|\[:\])//", re.IGNORECASE), r"http\1://"),
    (re.compile(r"^(h(?:xx|tt)ps?|fxp|ftp)\[://\]", re.IGNORECASE), lambda found: f"{found[1].replace('x', 't')}://"),
    (re.compile(r"^fxp://", re.IGNORECASE), "ftp://"),
    (re.compile(r"\s*(?:\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)|\{dot\}|\\\.)\s*", re.IGNORECASE), "."),
    (re.compile(r"\[:\]"), ":"),
    (re.compile(r"\s*(?:\[@\]|\(@\)|\[at\]|\(at\)|\{at\})\s*", re.IGNORECASE), "@"),
)
_DIGEST: Final = re.compile(r"\b(?:MD5|SHA-?(?:1|224|256|384|512))\s*[:=]\s*([0-9A-Fa-f]{32,128})\b")
_PORT: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:/\s]+):\d{1,5}")
_MAX_RANGE: Final = 64


@dataclass(frozen=True, slots=True)
class _Header:
    """Which column holds what; -1 = none does."""

    columns: dict[str, int]
    kinds: tuple[tuple[int, Kind], ...]

    def cell(self, row: Sequence[str], name: str) -> str:
        at = self.columns.get(name, -1)
        return row[at].strip() if 0 <= at < len(row) else ""


def read(data: bytes) -> Read:
    """The indicators of a text file."""
    found = Read("csv")
    text, encoding = _decoded(data)
    if encoding:
        found.refuse("encoding", "", f"the file is neither UTF-8 nor UTF-16; read as {encoding}")
    lines = text.splitlines(keepends=True)
    first = next((line for line in lines if line.strip() and not _is_comment(line)), "")
    delimiter = max(_DELIMITERS, key=first.count) if any(each in first for each in _DELIMITERS) else ","
    header: _Header | None = None
    begun = False
    for number, row in _rows(lines, delimiter, found):
        if not begun:
            begun, header = True, _header(row)
            if header is not None:
                continue
        _row(found, f"line {number}", row, header)
    return found


def _decoded(data: bytes) -> tuple[str, str]:
    """The text, and the encoding where it had to be guessed."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), ""
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "Windows-1252"


def _rows(lines: Sequence[str], delimiter: str, found: Read) -> Iterator[tuple[int, list[str]]]:
    """The rows with the number of the line on which each ends; comments and empty lines left out."""
    csv.field_size_limit(_MAX_CELL)
    kept = ("\n" if _is_comment(line) else line.replace("\0", "") for line in lines)
    reader = csv.reader(kept, delimiter=delimiter, skipinitialspace=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            found.refuse(f"line {reader.line_num}", "", f"no CSV: {error}")
            continue
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(("#", ";", "//"))


def _header(row: Sequence[str]) -> _Header | None:
    """The header that a first row is; None where it is none."""
    names = [re.sub(r"[\s_.-]+", " ", cell.strip().strip('"').lower()) for cell in row]
    columns = {
        what: next((names.index(name) for name in known if name in names), -1) for what, known in _COLUMNS.items()
    }
    kinds = tuple((at, kind) for at, name in enumerate(names) for kind, known in _KIND_COLUMNS.items() if name in known)
    if columns["value"] < 0 and not kinds:
        return None
    return _Header(columns, kinds)


def _row(found: Read, where: str, row: Sequence[str], header: _Header | None) -> None:
    pairs = _values(row, header)
    if not pairs:
        found.refuse(where, ", ".join(row), "no cell of it looks like an indicator")
        return
    said = {name: header.cell(row, name) if header is not None else "" for name in _COLUMNS}
    confidence = said["confidence"]
    for text, kind in pairs:
        try:
            observables = _observables(text, kind)
        except ValueError as error:
            found.refuse(where, text, str(error))
            continue
        for observable in observables:
            found.candidates.append(
                Candidate(
                    observable,
                    where,
                    f"{observable.kind}:{observable.value}",
                    tlp=marking(said["tlp"]),
                    observed_us=moment(said["observed"]),
                    until_us=moment(said["until"]),
                    confidence=int(confidence) if confidence.isdecimal() and int(confidence) <= 100 else None,
                    text=said["text"][:1000],
                )
            )


def _values(row: Sequence[str], header: _Header | None) -> list[tuple[str, Kind | None]]:
    """The cells of a row that hold values, each with the kind that its column or the type column says."""
    if header is None:
        cells = [_bare(cell) for cell in row]
        return next(([(cell, None)] for cell in cells if _looks(cell)), [])
    value, named = header.cell(row, "value"), header.cell(row, "type")
    if header.columns["value"] >= 0:
        kind = _TYPES.get(re.sub(r"[\s_.-]+", " ", named.lower()))
        if not value:  # some lists put a second hash of the file into the comment, and leave the value empty
            digest = _DIGEST.search(" ".join(row))
            return [(digest[1], Kind.HASH)] if digest else []
        return [(_bare(value), kind)]
    return [(_bare(row[at]), kind) for at, kind in header.kinds if at < len(row) and row[at].strip()]


def _bare(cell: str) -> str:
    """A cell without what people write around a value: inline comments, quotes, brackets, defanging."""
    text = re.split(r"\s+(?:#|//|;)", cell.strip())[0].strip().strip("\"'<>`").rstrip(",;")
    for pattern, instead in _FANGS:
        text = pattern.sub(instead, text)
    return text


def _looks(text: str) -> bool:
    try:
        return bool(_observables(text, None))
    except ValueError:
        return False


def _observables(text: str, kind: Kind | None) -> tuple[Observable, ...]:
    """What a value names; a range of addresses as the networks that make it up.

    Raises:
        ValueError: nothing that is understood.
    """
    low, dash, high = text.partition("-")
    if dash and kind in {None, Kind.IPV4, Kind.IPV6} and _is_address(low) and _is_address(high):
        return _range(low.strip(), high.strip())
    if kind in {None, Kind.IPV4, Kind.IPV6, Kind.DOMAIN} and (port := _PORT.fullmatch(text)):
        text = port[1].strip("[]")
    text = text.strip("[]") if kind in {None, Kind.IPV4, Kind.IPV6} else text
    if kind is None or (kind is Kind.DOMAIN and _is_address(text)):
        return (guessed(text),)
    return (normalised(kind, text),)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip())
    except ValueError:
        return False
    return True


def _range(low: str, high: str) -> tuple[Observable, ...]:
    first, last = ipaddress.ip_address(low), ipaddress.ip_address(high)
    if first.version != last.version or int(first) > int(last):
        raise ValueError("a range of addresses begins after it ends")
    networks = list(ipaddress.summarize_address_range(first, last))
    if len(networks) > _MAX_RANGE:
        raise ValueError(f"a range of addresses that takes {len(networks)} networks; write networks")
    return tuple(normalised(Kind.IPV4, str(network)) for network in networks)
