"""Lines of PostgreSQL's own words, whatever ``log_line_prefix`` says: in its log file, and behind a syslog tag."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pollwatch.formats import framing_sql, framing_stamps
from pollwatch.formats.framing import Value, as_int64, remember
from pollwatch.formats.framing_csv import cells
from pollwatch.formats.framing_login import Login, address, port
from pollwatch.formats.framing_sql import LONGEST_STATEMENT, Session, Sessions

#: The end of each prefix; English and the other languages that a server may be set to keep these words as they are.
SEVERITY = re.compile(
    r"\b(DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|STATEMENT|DETAIL|HINT|CONTEXT|QUERY|LOCATION):  "
)
_LONGEST_PREFIX = 300
_MAX_SOURCES = 20_000
_FOLLOWS = frozenset({"STATEMENT", "DETAIL", "HINT", "CONTEXT", "QUERY", "LOCATION"})
_CHUNK = re.compile(r"\[(\d+)-(\d+)\] ")
_PID = re.compile(r"\[(\d{1,10})(?:-\d+)?\]|\bpid[=:] ?(\d{1,10})|(?<!\S)(\d{2,10}):? ?$")
_AT = re.compile(r"([\w.$-]+)@([\w.$-]+)")
_KEYED = {
    name: re.compile(rf"\b(?:{words})=([^,\s\]]*)")
    for name, words in {
        "user": "user|usr|u",
        "database": "db|database|d",
        "application": "app|application|a",
        "client": "client|host|remote|h|r",
    }.items()
}
_CLIENT = re.compile(
    r"(?<![\w.])((?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+)(?:\((\d{1,5})\))?(?![\w.])"
)
_UNKNOWN = frozenset({"[unknown]", "", "-"})


def prefix_end(line: str) -> re.Match[str] | None:
    """The severity that ends a line's prefix, or None where the line continues the one before."""
    return SEVERITY.search(line, 0, _LONGEST_PREFIX)


#: The CSV log's first fields: time, user, database, process, client, session, line.
CSV = re.compile(
    r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \w{1,5},(?:"[^"]*")?,(?:"[^"]*")?,\d*,(?:"[^"]*")?,[0-9a-f]+\.[0-9a-f]+,\d+,'
)
_FIELDS = (
    *(
        "time",
        "user",
        "database",
        "pid",
        "client",
        "session",
        "line",
        "tag",
        "started",
        "vxid",
        "xid",
        "severity",
        "state",
    ),
    *("message", "detail", "hint", "inner", "inner_position", "context", "query", "query_position", "location"),
    "application",
)


@dataclass(slots=True)
class PostgresLines:
    """Reads messages, in order."""

    _sessions: Sessions = field(default_factory=Sessions)
    _last: dict[object, dict[str, Value]] = field(default_factory=dict)
    _quoting: bool = False

    def message(self, source: object, text: str) -> dict[str, Value] | Login | None:
        """One line: prefix, severity, message; or the continuation of the source's last one.

        Args:
            source: whose lines follow one another: a process behind a syslog tag, or a whole file.
            text: without the syslog header.
        """
        if chunk := _CHUNK.match(text):
            text = text[chunk.end() :].removeprefix("#011")
        if self._quoting or CSV.match(text):
            return self._comma_separated(source, text)
        found = None if text.startswith("\t") else prefix_end(text)
        if found is None:
            return self._continued(source, text)
        prefix = text[: found.start()]
        pid = _pid(prefix)
        session = source if pid is None else pid
        said = self._said(source, session, session_of(prefix), found[1], text[found.end() :])
        return said if isinstance(said, Login) or pid is None else said | {"pid": pid}

    def fields(self, fields: Mapping[str, str | None]) -> dict[str, Value] | Login:
        """The same of a record with named fields: those of the CSV log, of which any may be missing."""
        client = (fields.get("client") or "").rpartition(":") if ":" in (fields.get("client") or "") else ("", "", "")
        who = Session(
            fields.get("user") or None,
            address(client[0]),
            port(client[2]),
            fields.get("database") or None,
            fields.get("application") or None,
        )
        pid = as_int64(fields.get("pid"))
        said = self._said(None, pid, who, fields.get("severity") or "LOG", fields.get("message") or "")
        if isinstance(said, Login):
            return said
        if said["statement"] is None and fields.get("query"):
            said["statement"] = fields["query"]
        return said | {"pid": pid, "sql_state": fields.get("state") or None}

    def _said(
        self, source: object, session: object, who: Session, severity: str, message: str
    ) -> dict[str, Value] | Login:
        if severity in _FOLLOWS:
            values = framing_sql.audited(None, None, self._sessions.learn(session, who)) | {
                "severity": severity.lower()
            }
            if severity in {"STATEMENT", "QUERY"}:  # of an error: it was refused
                values["statement"] = message
            said: dict[str, Value] | Login = values
        else:
            said = framing_sql.postgres(session, message, severity, who, self._sessions)
        self._last.pop(source, None)
        if not isinstance(said, Login):
            remember(self._last, source, said, _MAX_SOURCES)
        return said

    def _comma_separated(self, source: object, text: str) -> dict[str, Value] | Login | None:
        continues = self._quoting
        self._quoting ^= text.count('"') % 2 == 1
        if continues:
            return self._continued(source, text)
        fields = dict(zip(_FIELDS, cells(text) or text.split(","), strict=False))
        said = self.fields(fields)
        if isinstance(said, dict):
            self._last = {source: said}
        return said

    def _continued(self, source: object, text: str) -> dict[str, Value] | None:
        before = self._last.get(source)
        if before is None:
            return None
        if isinstance(statement := before.get("statement"), str):
            before["statement"] = f"{statement}\n{text}"[:LONGEST_STATEMENT]
            before["action"] = before.get("action") or framing_sql.verb(str(before["statement"]))
        return dict(before)


def _pid(prefix: str) -> int | None:
    found = _PID.search(prefix)
    return int(next(group for group in found.groups() if group)) if found else None


def session_of(prefix: str) -> Session:
    """What a prefix says of the session, by the names of its fields or by their shapes."""
    keyed = {name: found[1] for name, pattern in _KEYED.items() if (found := pattern.search(prefix))}
    user, database = keyed.get("user"), keyed.get("database")
    if user is None and (found := _AT.search(prefix)):
        user, database = found.groups()
    stamp = framing_stamps.find(prefix)
    rest = prefix[stamp.end :] if stamp else prefix
    client = _CLIENT.search(keyed.get("client", "") or rest)
    known = address(client[1]) if client else None
    return Session(
        None if user in _UNKNOWN else user,
        known,
        port(client[2]) if client and known else None,
        None if database in _UNKNOWN else database,
        None if keyed.get("application") in _UNKNOWN else keyed.get("application"),
    )
