"""Whom to write to about a network or a name: what the office looked up beforehand, from a file of its own.

Nothing is asked over the network: a query to a registry tells it, and whoever reads along, whom an office suspects.
The file is CSV with a head line ``subject,contact`` and, if wanted, ``org``: a network (``203.0.113.0/24``), an address
or a domain, and the mail address of its abuse desk. The longest network, and the longest end of a name, wins.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Final

from pollwatch.errors import FormatError
from pollwatch.events.observable import Kind, Observable, guessed, normalised

MAX_BYTES: Final = 16 << 20
_ADDRESSES: Final = frozenset({Kind.IPV4, Kind.IPV6})


@dataclass(frozen=True, slots=True)
class Contact:
    """Who answers for a network or a name.

    Attributes:
        subject: the network, address or domain.
        mail: where its abuse desk is written to.
        org: whose it is; empty where the file does not say.
    """

    subject: Observable
    mail: str
    org: str = ""


@dataclass(frozen=True, slots=True)
class Contacts:
    """All that the office looked up."""

    entries: tuple[Contact, ...]

    def of(self, observable: Observable) -> Contact | None:
        """Who answers for it; None where nobody is known."""
        fitting = [each for each in self.entries if _covers(each.subject, observable)]
        return max(fitting, key=lambda each: _precision(each.subject), default=None)


def parse(data: bytes, name: str) -> Contacts:
    """Read a file of contacts.

    Args:
        data: the file.
        name: what it is called in errors.

    Raises:
        FormatError: it is no such file; the message names the line.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(f"{name} has {len(data)} bytes; contacts have up to {MAX_BYTES}")
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig")), strict=True)
        if not {"subject", "contact"} <= set(rows.fieldnames or ()):
            raise FormatError(f"{name}: line 1 names the columns: subject,contact,org")
        return Contacts(tuple(_contact(row, f"{name}: line {rows.line_num}") for row in rows))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{name} is no CSV in UTF-8: {error}") from None


def _contact(row: dict[str, str | None], where: str) -> Contact:
    try:
        subject = guessed(row["subject"] or "")
        mail = normalised(Kind.EMAIL, row["contact"] or "")
    except ValueError as error:
        raise FormatError(f"{where}: {error}") from None
    if subject.kind not in {*_ADDRESSES, Kind.DOMAIN}:
        raise FormatError(f"{where}: contacts are for networks, addresses and domains")
    return Contact(subject, mail.value, " ".join((row.get("org") or "").split())[:200])


def _covers(subject: Observable, observable: Observable) -> bool:
    if subject.kind is not observable.kind:
        return False
    if subject.kind is Kind.DOMAIN:
        return f".{observable.value}".endswith(f".{subject.value}")
    return _within(subject, observable)


def _within(subject: Observable, observable: Observable) -> bool:
    outer, inner = subject.network, observable.network
    return inner.prefixlen >= outer.prefixlen and inner.network_address in outer


def _precision(subject: Observable) -> int:
    return len(subject.value) if subject.kind is Kind.DOMAIN else subject.network.prefixlen
