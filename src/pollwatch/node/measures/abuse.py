"""Abuse reports about what an incident came from, and takedown requests for names that mislead: files, not mails."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pollwatch import durable
from pollwatch.clock import Clock, rfc3339
from pollwatch.errors import PolicyError
from pollwatch.events.batch import TIME, EventBatch
from pollwatch.events.observable import Kind, Observable, guessed, normalised
from pollwatch.events.printable import printable
from pollwatch.events.taxonomy import actor_columns
from pollwatch.i18n import _
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.records import Case
from pollwatch.report.abuse import Report, Reporter
from pollwatch.report.contacts import Contact, Contacts

_QUOTED: Final = 10
_SQL: Final = "sql"
_GUESSING: Final = "T1110"
_XARF_NAME: Final = re.compile(r"([a-z0-9]+(-[a-z0-9]+)*\.)+[a-z]{2,}", re.ASCII)
_FLOOD: Final = ("T1498", "T1499")


@dataclass(frozen=True, slots=True)
class Written:
    """A report that was written.

    Attributes:
        subject: the address or name.
        contact: to whom it is addressed; None where nobody is known, and then there is no mail.
        files: what was written.
        digest: SHA-256 in hex of the XARF report.
    """

    subject: str
    contact: Contact | None
    files: tuple[Path, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Decided:
    """Who reports, and who decided it.

    Attributes:
        reporter: the office.
        person: who decided it.
        reason: why.
        contacts: who answers for what.
    """

    reporter: Reporter
    person: str
    reason: str
    contacts: Contacts

    def __post_init__(self) -> None:
        """Check that somebody decided it.

        Raises:
            PolicyError: nobody did, or for no reason.
        """
        if not self.person.strip() or not self.reason.strip():
            raise PolicyError("a report is decided by a person for a reason; give --by and --reason")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the log shows of one address in an incident."""

    rows: tuple[dict[str, Any], ...]
    port: int | None


def report(case_dir: Path, incident: str, decided: Decided, out: Path, clock: Clock) -> list[Written]:
    """Write a report for each address that an incident came from, and note them with the incident.

    Args:
        case_dir: the case.
        incident: its id or the beginning of it.
        decided: who reports, and why.
        out: a folder; made where it is not.
        clock: the time of the note.

    Raises:
        StoreError: there is no such incident, or something cannot be read or written.
        PolicyError: it names no address, or has no times.
        FormatError: a contact does not fit into a mail.
    """
    with Case.open(case_dir, clock, create=False) as case:
        found = case.incident(incident)
        addresses = [each for each in map(_address, found.actors.ip) if each is not None]
        if not addresses or found.first_us is None or found.last_us is None:
            raise PolicyError(f"{found.id} names no address with times; nobody's abuse desk can look for it")
        seen = _look(case.events_at(case.accused(found)), {each.value for each in addresses})
        written = [
            _write(_report(found, each, seen.get(each.value), decided.reporter), decided.contacts.of(each), out)
            for each in addresses
        ]
        case.add_note(found.id, decided.person, _note("Abuse reports", written, decided.reason))
    return written


def takedown(domains: Sequence[str], own: str, decided: Decided, out: Path, clock: Clock) -> list[Written]:
    """Write a takedown request for each name that passes itself off as one's own.

    Args:
        domains: the names that mislead.
        own: the name that they pass themselves off as.
        decided: who asks, and why; its contacts are of registries, registrars or hosts.
        out: a folder; made where it is not.
        clock: the time.

    Raises:
        PolicyError: a name is none, or is one's own or below it.
        StoreError: something cannot be written.
    """
    ours = _domain(own)
    found = []
    for each in map(_domain, domains):
        if f".{each.value}".endswith(f".{ours.value}"):
            raise PolicyError(f"{each.value} is one's own name or below it; nobody takes that down for you")
        details = {
            "url": f"http://{each.value}/",
            "infringement_type": "lookalike",
            "legitimate_site": f"https://{ours.value}/",
        }
        if _XARF_NAME.fullmatch(each.value):  # names in other scripts (xn--...) do not fit; the URL says them
            details["domain"] = each.value
        words = _("The name {name} can be taken for {own}, which is ours, and misleads voters. {reason}")
        told = words.format(name=each.value, own=ours.value, reason=decided.reason)
        reference = f"{ours.value} {each.value}"
        made = Report(
            decided.reporter, each.value, "content", "brand_infringement", details, clock.now_us(), told, (), reference
        )
        found.append(_write(made, decided.contacts.of(each), out))
    return found


def _address(text: str) -> Observable | None:
    try:
        found = guessed(text)
    except ValueError:
        return None
    return found if found.kind in {Kind.IPV4, Kind.IPV6} else None


def _domain(text: str) -> Observable:
    try:
        return normalised(Kind.DOMAIN, text)
    except ValueError as error:
        raise PolicyError(f"{text[:80]!r} is no domain: {error}") from None


def _look(batches: Iterable[EventBatch], addresses: set[str]) -> dict[str, _Seen]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for batch in batches:
        column = actor_columns(batch.logsource).ip
        for row in batch.table.to_pylist() if column in batch.table.column_names else ():
            kept = rows.setdefault(row[column], []) if row[column] in addresses else None
            if kept is not None and len(kept) < _QUOTED and row.get(TIME) is not None:
                kept.append(row)
    return {
        address: _Seen(tuple(found), next((row["src_port"] for row in found if row.get("src_port")), None))
        for address, found in rows.items()
    }


def _report(found: Incident, address: Observable, seen: _Seen | None, reporter: Reporter) -> Report:
    first_us, last_us = found.first_us or 0, found.last_us or 0
    kind, more = _kind(found, seen.port if seen else None)
    details = {"protocol": "tcp", "first_seen": rfc3339(first_us), "last_seen": rfc3339(last_us), **more}
    words = _("From {first} to {last}, {address} took part in this: {title}. {count} log lines in all.").format(
        first=rfc3339(first_us),
        last=rfc3339(last_us),
        address=address.value,
        title=printable(found.title, 300),
        count=len(found.lines),
    )
    evidence = tuple(_quoted(row, address.value) for row in (seen.rows if seen else ()))
    return Report(reporter, address.value, "connection", kind, details, last_us, words, evidence, found.id)


def _kind(found: Incident, port: int | None) -> tuple[str, dict[str, Any]]:
    """XARF's type; those that need the port from which it came are taken only where the log has one."""
    ports = {} if port is None else {"source_port": port}
    if port is not None and any(each.startswith(_GUESSING) for each in found.techniques):
        return "login_attack", ports
    if port is not None and any(each.startswith(_FLOOD) for each in found.techniques):
        return "ddos", ports
    if any(_SQL in each.title.casefold() for each in found.rules):
        return "sql_injection", {**ports, "attempts_count": max(1, len(found.lines))}
    return "vulnerability_scan", {**ports, "scan_type": "mixed", "total_requests": max(1, len(found.lines))}


def _quoted(row: dict[str, Any], address: str) -> str:
    """What an abuse desk needs of an event: no account, no query, no words of others."""
    if row.get("cs-method"):
        what = f"{row['cs-method']} {row.get('cs-uri-stem') or ''} -> {row.get('sc-status') or '-'}"
    else:
        name = row.get("program") or row.get("signature") or "event"
        what = f"{name}: {row.get('action') or row.get('category') or '-'}"
    port = f" port {row['src_port']}" if row.get("src_port") else ""
    return printable(f"{rfc3339(row[TIME])} {address}{port} {what}", 300)


def _write(made: Report, contact: Contact | None, out: Path) -> Written:
    durable.make_folder(out)
    stem = made.subject.replace(":", "_").replace("/", "_")
    data = made.xarf()
    files = {out / f"{stem}.xarf.json": data}
    if contact is not None:
        files[out / f"{stem}.eml"] = made.mail(contact.mail)
    for path, content in files.items():
        durable.write_file(path, content)
    return Written(made.subject, contact, tuple(files), sha256(data).hexdigest())


def _note(title: str, written: Sequence[Written], reason: str) -> str:
    told = "; ".join(
        f"{each.subject} to {each.contact.mail if each.contact else 'nobody (no contact known)'}, SHA-256 {each.digest}"
        for each in written
    )
    return f"{title}: {told}. {reason}"
