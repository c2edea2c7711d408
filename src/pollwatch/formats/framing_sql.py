"""What database servers say: statements, audit records and sessions of PostgreSQL and MySQL/MariaDB.

A session's lines share its number; who it is and where it came from is told once and remembered (bounded), so that a
statement's row names them too. A statement over several lines is several rows: each holds, as ``statement``, all of
it up to its line, so that nothing hides behind a line break.

Sources: PostgreSQL's documentation, "Error Reporting and Logging"; pgAudit's README; the MySQL 8.4 manual, "MySQL
Server Logs" and "Audit Log File Formats"; MariaDB's "Audit Plugin - Log Format".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from pollwatch.events.taxonomy import DATABASE, DATABASE_COLUMNS
from pollwatch.formats.framing import Shape, Value, remember
from pollwatch.formats.framing_csv import cells
from pollwatch.formats.framing_login import Login, Witness, address, peer, port

DATABASE_SHAPE = Shape(DATABASE, DATABASE_COLUMNS)
#: How much of a statement over several lines is kept together.
LONGEST_STATEMENT = 16_384
#: What a server says of a log-in is shorter, and patterns take their time.
_LONGEST_LOGIN = 1_024
_MAX_SESSIONS = 20_000

_LEADING = re.compile(r"\s*+(?>/\*.*?\*/\s*+|--[^\n]*\n\s*+|#[^\n]*\n\s*+|\(\s*+)*+([A-Za-z]{2,32})", re.DOTALL)
_STATEMENT = re.compile(
    r"(?:duration: [\d.]+ ms  ?)?(?:statement|execute [^:]{0,80}|parse [^:]{0,80}|bind [^:]{0,80}"
    r"|fastpath function call): (.*)",
    re.DOTALL,
)
_AUDIT = re.compile(r"AUDIT: (?:SESSION|OBJECT),\d+,\d+,(.*)", re.DOTALL)
_RECEIVED = re.compile(r"connection received: host=(\S+)(?: port=(\d+))?")
_AUTHORIZED = re.compile(
    r"(?:replication )?connection authorized: user=(.+?)(?: database=(.+?))?(?: application_name=(.+?))?(?: SSL"
    r" enabled.*)?"
)
_PG_FAILED = re.compile(
    r"(?:(?P<method>password|Peer|Ident|LDAP|PAM|GSSAPI|SSPI|RADIUS|certificate|\"trust\""
    r"|BSD) authentication failed for user \"(?P<user>.*)\""
    r"|role \"(?P<role>.*)\" (?:does not exist|is not permitted to log in)"
    r"|no pg_hba\.conf entry for (?:replication connection from )?host \"(?P<host>[^\"]*)\", user"
    r" \"(?P<denied>[^\"]*)\".*"
    r"|pg_hba\.conf rejects (?:replication )?connection for host \"(?P<host2>[^\"]*)\", user"
    r" \"(?P<denied2>[^\"]*)\".*)",
    re.DOTALL,
)
_MY_DENIED = re.compile(
    r"(?:.*\t)?Access denied for user '(?P<user>.*)'@'(?P<host>[^']*)'(?: \(using password: (?P<word>YES|NO)\)"
    r"| to database .*)?",
    re.DOTALL,
)
_MY_CONNECT = re.compile(
    r"(?P<user>\S*)@(?P<host>\S*) (?:on (?P<database>\S*)|as .*? on (?P<d2>\S*))?(?: using (?P<how>\S+))?.*"
)


class Session(NamedTuple):
    """Who speaks in a session, as far as it was told."""

    user: str | None = None
    ip: str | None = None
    source_port: int | None = None
    database: str | None = None
    application: str | None = None


@dataclass(slots=True)
class Sessions:
    """The sessions of one input by their number; the oldest are forgotten first."""

    _known: dict[object, Session] = field(default_factory=dict)

    def get(self, number: object) -> Session:
        """What is known of a session."""
        return self._known.get(number, Session()) if number is not None else Session()

    def learn(self, number: object, told: Session) -> Session:
        """What is known now; what a line does not say stays as it was."""
        if number is None:
            return told
        old = self._known.pop(number, Session())
        known = old._replace(**{name: value for name, value in told._asdict().items() if value is not None})
        remember(self._known, number, known, _MAX_SESSIONS)
        return known

    def forget(self, number: object) -> None:
        """The session is over, or its number is given to a new one."""
        self._known.pop(number, None)


def verb(statement: str) -> str | None:
    """The statement's first word, lower case; comments before it skipped."""
    found = _LEADING.match(statement[:4096])
    return found[1].lower() if found else None


def postgres(
    session: object, message: str, severity: str, told: Session, sessions: Sessions
) -> dict[str, Value] | Login:
    """The columns of one message of PostgreSQL's, or the log-in that it is.

    Args:
        session: its number, None where the log does not say it.
        message: behind the severity.
        severity: LOG, FATAL, ...
        told: what the line's prefix says of the session.
        sessions: what earlier lines said.
    """
    if found := _RECEIVED.match(message):
        sessions.forget(session)
        who = sessions.learn(session, Session(None, address(found[1]), port(found[2])))
        return _row("connect", None, who, severity)
    who = sessions.learn(session, told)
    brief = len(message) <= _LONGEST_LOGIN
    if brief and (found := _AUTHORIZED.fullmatch(message)):
        who = sessions.learn(session, Session(found[1], None, None, found[2], found[3]))
        return Login("success", who.user, None, who.ip, None, who.source_port)
    if brief and severity in {"FATAL", ""} and (login := _refused(message, who)):
        return login
    if found := _AUDIT.match(message):
        return _audit(found[1], who, severity)
    found = _STATEMENT.fullmatch(message)
    return _row(verb(found[1]) if found else None, found[1] if found else None, who, severity)


def _refused(message: str, who: Session) -> Login | None:
    found = _PG_FAILED.fullmatch(message)
    if found is None:
        return None
    user = found["user"] or found["role"] or found["denied"] or found["denied2"] or who.user
    host = found["host"] or found["host2"]
    ip, name = peer(host) if host and host != "[local]" else (who.ip, None)
    action = "failure" if found["method"] or found["role"] is not None else "denied"
    method = (found["method"] or "").strip('"').lower() or None
    return Login(
        action,
        user,
        None,
        ip,
        name,
        who.source_port,
        method,
        None,
        Witness.SERVICE if action == "failure" else Witness.NOBODY,
    )


def _audit(record: str, who: Session, severity: str) -> dict[str, Value]:
    """pgAudit: class, command, object type, object name, statement, parameters."""
    fields = cells(record) or record.split(",", 4)
    fields += [""] * (5 - len(fields))
    values = _row(verb(fields[4]) or fields[1].partition(" ")[0].lower() or None, fields[4] or None, who, severity)
    return values | {"object": fields[3] or None}


def _row(action: str | None, statement: str | None, who: Session, severity: str) -> dict[str, Value]:
    return {
        "severity": severity.lower() or None,
        "action": action,
        "statement": statement,
        "user": who.user,
        "src_ip": who.ip,
        "database": who.database,
        "application": who.application,
    }


def mysql(
    session: object, command: str, argument: str, sessions: Sessions, severity: str = ""
) -> dict[str, Value] | Login:
    """The columns of one message of MySQL's or MariaDB's, or the log-in that it is.

    Args:
        session: the connection's number, None where the log does not say it.
        command: of the general log (``Connect``, ``Query``, ...); empty for the error log.
        argument: what follows.
        sessions: what earlier lines said.
        severity: of the error log.
    """
    brief = len(argument) <= _LONGEST_LOGIN
    if brief and (found := _MY_DENIED.fullmatch(argument)):
        ip, name = peer(found["host"])
        sessions.forget(session)
        action = "failure" if found["word"] else "denied"
        return Login(
            action,
            found["user"],
            None,
            ip,
            name,
            None,
            "password",
            None,
            Witness.SERVICE if found["word"] else Witness.NOBODY,
        )
    if brief and command == "Connect" and (found := _MY_CONNECT.fullmatch(argument)):
        ip, name = peer(found["host"])
        sessions.forget(session)
        sessions.learn(session, Session(found["user"] or None, ip, None, found["database"] or found["d2"] or None))
        return Login("success", found["user"] or None, None, ip, name)
    who = sessions.get(session)
    if command in {"Query", "Execute", "Prepare"}:
        return _row(verb(argument), argument, who, severity)
    if command == "Init DB":
        who = sessions.learn(session, Session(database=argument))
    if command == "Quit":
        sessions.forget(session)
    return _row(command.lower() or None, None, who, severity)


def audited(action: str | None, statement: str | None, who: Session) -> dict[str, Value]:
    """The columns of an audit record's statement."""
    return _row(action, statement, who, "")
