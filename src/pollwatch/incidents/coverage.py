"""What the logs at hand can show, and what they cannot: "cannot be determined" is an answer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import pyarrow.compute as pc

from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.events.taxonomy import AUTH, DNS, FLOW, IDS, WEB, WEB_ERROR, is_cloud, kind
from pollwatch.i18n import _


@dataclass(frozen=True, slots=True)
class CoverageAnswer:
    """One question that people ask after an attack.

    Attributes:
        answer: yes, partly, or that it cannot be determined.
        missing: what would have to be logged for a full answer; empty where nothing is missing.
        can_tell: whether anything at all can be said.
    """

    question: str
    answer: str
    missing: str
    can_tell: bool = True


@dataclass(slots=True)
class Telemetry:
    """Counts, over a whole scan, of events per logsource and of those whose columns said something."""

    events: dict[LogSource, int] = field(default_factory=dict)
    filled: dict[tuple[LogSource, str], int] = field(default_factory=dict)

    def observe(self, batch: EventBatch) -> None:
        """Count one batch."""
        source = kind(batch.logsource)
        self.events[source] = self.events.get(source, 0) + len(batch)
        for name in batch.table.column_names:
            said = len(batch) - batch.table[name].null_count
            self.filled[source, name] = self.filled.get((source, name), 0) + said
        if source == WEB and "cs-method" in batch.table.column_names:
            posts = pc.sum(pc.equal(batch.table["cs-method"], "POST")).as_py() or 0
            self.filled[source, "POST"] = self.filled.get((source, "POST"), 0) + posts

    def has(self, source: LogSource, column: str = "") -> bool:
        """Whether there are events of a logsource (that fill a column)."""
        return bool(self.filled.get((source, column), 0) if column else self.events.get(source, 0))


def coverage(seen: Collection[LogSource], telemetry: Telemetry | None = None) -> list[CoverageAnswer]:
    """What can be answered from the logsources that were seen.

    Args:
        seen: logsources that had at least one event.
        telemetry: which columns were filled; without it, columns are taken as filled where the logsource is there.
    """

    def has(source: LogSource, column: str = "") -> bool:
        return telemetry.has(source, column) if telemetry else source in sources

    sources = telemetry.events if telemetry else {kind(each) for each in seen}
    return [
        _web(web=has(WEB), errors=has(WEB_ERROR)),
        _injection(web=has(WEB), sizes=has(WEB, "sc-bytes"), ids=has(IDS)),
        _posted(web=has(WEB), ids=has(IDS)),
        _host(web=has(WEB), named=has(WEB, "cs-host")),
        _logins(auth=has(AUTH), address=has(AUTH, "src_ip")),
        _web_logins(web=has(WEB), named=has(WEB, "cs-username")),
        _network(ids=has(IDS), flow=has(FLOW), dns=has(DNS)),
        _endpoint(auth=has(AUTH), programs=any(each.category == "process_creation" for each in sources)),
        _accounts(deeds=any(map(is_cloud, sources)), logins=has(AUTH)),
    ]


def _yes() -> str:
    return _("yes")


def _unknown(missing: str) -> str:
    return _("cannot be determined: {missing}").format(missing=missing)


def _web(*, web: bool, errors: bool) -> CoverageAnswer:
    question = _("Could an attack on a web site be seen?")
    if web:
        return CoverageAnswer(question, _yes(), "")
    missing = _("no web server access log was given")
    if errors:
        return CoverageAnswer(question, _("partly: only what made the web server complain"), missing)
    return CoverageAnswer(question, _unknown(missing), missing, can_tell=False)


def _injection(*, web: bool, sizes: bool, ids: bool) -> CoverageAnswer:
    question = _("Could it be seen whether an attack on a web site took data?")
    if web and sizes:
        missing = _("the content of answers is not logged, only their size")
        return CoverageAnswer(question, _("partly: an answer far larger than usual would be seen"), missing)
    missing = _("the size of answers is not logged") if web else _("no web server access log was given")
    return CoverageAnswer(question, _unknown(missing), missing, can_tell=ids)


def _posted(*, web: bool, ids: bool) -> CoverageAnswer:
    question = _("Could an attack inside a submitted form or an upload be seen?")
    missing = _("web servers do not log the body of a POST request")
    if ids:
        return CoverageAnswer(question, _("partly: where network sensors saw it unencrypted"), missing)
    missing = missing if web else _("no web server access log was given")
    return CoverageAnswer(question, _unknown(missing), missing, can_tell=False)


def _host(*, web: bool, named: bool) -> CoverageAnswer:
    question = _("Is it known which of several web sites was meant?")
    if web and named:
        return CoverageAnswer(question, _yes(), "")
    missing = _("the host name is not in the access log") if web else _("no web server access log was given")
    return CoverageAnswer(question, _unknown(missing), missing, can_tell=False)


def _logins(*, auth: bool, address: bool) -> CoverageAnswer:
    question = _("Could password guessing and log-ins to servers be seen?")
    if auth and address:
        return CoverageAnswer(question, _yes(), "")
    missing = _("the log names no addresses") if auth else _("no log-in (auth, secure, journal) log was given")
    if auth:
        return CoverageAnswer(question, _("partly: accounts, but not where they came from"), missing)
    return CoverageAnswer(question, _unknown(missing), missing, can_tell=False)


def _web_logins(*, web: bool, named: bool) -> CoverageAnswer:
    question = _("Is it known which account was used on a web site?")
    if web and named:
        return CoverageAnswer(question, _("partly: where the web server itself asks for the password"), "")
    missing = _("the application's own log-in log was not given") if web else _("no web server log was given")
    return CoverageAnswer(question, _unknown(missing), missing, can_tell=False)


def _network(*, ids: bool, flow: bool, dns: bool) -> CoverageAnswer:
    question = _("Could data leaving the network, or a machine calling home, be seen?")
    lacking = [
        text
        for there, text in (
            (ids, _("network sensor alerts")),
            (flow, _("connection records")),
            (dns, _("name look-ups")),
        )
        if not there
    ]
    missing = _("not given: {what}").format(what=", ".join(lacking)) if lacking else ""
    if len(lacking) == 3:
        return CoverageAnswer(question, _unknown(missing), missing, can_tell=False)
    return CoverageAnswer(question, _("partly") if lacking else _yes(), missing)


def _endpoint(*, auth: bool, programs: bool) -> CoverageAnswer:
    question = _("Could it be seen what an intruder did on a machine?")
    if programs:
        return CoverageAnswer(question, _("partly"), "")
    missing = _("no record of started programs was given")
    if auth:
        return CoverageAnswer(question, _("partly: commands run with administrator rights"), missing)
    return CoverageAnswer(question, _unknown(missing), missing, can_tell=False)


def _accounts(*, deeds: bool, logins: bool) -> CoverageAnswer:
    question = _("Could it be seen what was done with accounts in cloud services?")
    if deeds:
        return CoverageAnswer(question, _yes(), "")
    missing = _("no audit log of a cloud service (mail, files, storage, administration) was given")
    if logins:
        return CoverageAnswer(question, _("partly: only log-ins"), missing)
    return CoverageAnswer(question, _unknown(missing), missing, can_tell=False)
