"""Lines of MySQL's and MariaDB's text logs: error log, general log, slow log, the audit plugin's."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pollwatch.formats import framing_sql
from pollwatch.formats.framing import Value
from pollwatch.formats.framing_login import Login, Witness, address, peer
from pollwatch.formats.framing_sql import LONGEST_STATEMENT, Session, Sessions

_ISO = r"\d{4}-\d\d-\d\d[T ] ?\d?\d:\d\d:\d\d\S*"
_OLD = r"\d{6} +\d{1,2}:\d\d:\d\d"
_COMMANDS = (
    r"(?:Connect|Query|Execute|Prepare|Init DB|Quit|Close stmt|Reset stmt|Field List|Statistics|Ping|Change user|Kill"
    r"|Refresh)"
)
_ERROR = re.compile(
    rf"(?:(?:{_ISO}|{_OLD}) +(?:(?P<id>\d+) +)?)?\[(?P<level>Note|Warning|ERROR|System|Error"
    rf"|Info)\] (?:\[MY-\d+\] )?(?:\[\w+\] )?"
    r"(?P<message>.*)",
    re.DOTALL,
)
_GENERAL = re.compile(
    rf"(?:(?:{_ISO}|{_OLD})?\s+)(?P<id>\d+) (?P<command>{_COMMANDS})(?:\s(?P<argument>.*))?", re.DOTALL
)
_AUDIT = re.compile(
    r"(?:\d{8} \d\d:\d\d:\d\d,)?(?P<host>[^,]*),(?P<user>[^,]*),(?P<peer>[^,]*),(?P<id>\d+),\d+,(?P<operation>[A-Z_]+),"
    r"(?P<database>[^,]*),(?P<object>.*),(?P<code>-?\d*)",
    re.DOTALL,
)
_AUDIT_HEAD = re.compile(r"\d{8} \d\d:\d\d:\d\d,[^,]*,[^,]*,[^,]*,\d+,\d+,[A-Z_]+,")
_SLOW_USER = re.compile(
    r"# User@Host: (?P<user>[^\[\]]*)\[[^\[\]]*\] @ (?P<host>\S*) ?\[(?P<ip>[^\[\]]*)\](?:\s+Id:\s*(?P<id>\d+))?"
)
_SLOW_ROWS = re.compile(r"# Query_time: .*?Rows_sent: (?P<sent>\d+)")
_SLOW_TIME = re.compile(r"# Time: ")
_SLOW_ASIDE = re.compile(r"(?:use ([^;]*);|SET timestamp=\d+;|# .*)\s*", re.IGNORECASE)
_BANNER = re.compile(r"\S*(?:mysqld|mariadbd)\S*, Version: |Tcp port: \d+ |Time +Id +Command +Argument")
_ERROR_HEAD = re.compile(rf"(?:{_ISO}|{_OLD}) +(?:\d+ +)?\[(?:Note|Warning|ERROR|System|Error|Info)\] ")
_GENERAL_HEAD = re.compile(rf"(?:{_ISO}|{_OLD})\s+\d+ {_COMMANDS}(?:\s|$)")
#: How the lines begin that begin anything; all others continue the one before.
OWN = (_ERROR_HEAD, _GENERAL_HEAD, _SLOW_TIME, _BANNER, _AUDIT_HEAD)
_CONNECTED = {"CONNECT": "success", "FAILED_CONNECT": "failure"}


@dataclass(slots=True)
class MysqlLines:
    """Reads one input's lines, in order."""

    _sessions: Sessions = field(default_factory=Sessions)
    _last: dict[str, Value] | None = None
    _slow: dict[str, Value] | None = None

    def message(self, host: str | None, text: str) -> dict[str, Value] | Login | None:
        """The columns of a line, or the log-in that it is."""
        said = self._read(host, text)
        self._last = dict(said) if isinstance(said, dict) and said.get("statement") is not None else None
        return said

    def _read(self, host: str | None, text: str) -> dict[str, Value] | Login | None:
        if found := _AUDIT.fullmatch(text):
            return self._audited(found)
        if found := _ERROR.fullmatch(text):
            return framing_sql.mysql((host, found["id"]), "", found["message"], self._sessions, found["level"])
        if found := _GENERAL.fullmatch(text):
            self._slow = None
            argument = found["argument"] or ""
            said = framing_sql.mysql((host, found["id"]), found["command"], argument, self._sessions)
            return said if isinstance(said, Login) else said | {"pid": int(found["id"])}
        if _SLOW_TIME.match(text):
            self._slow = {}
            return {}
        if self._slow is None and (_SLOW_USER.match(text) or _SLOW_ROWS.match(text)):
            self._slow = {}
        return self._slowly(text) if self._slow is not None else self._continued(text)

    def _slowly(self, text: str) -> dict[str, Value]:
        """A line of the slow log: what it says of the statement to come, or a line of the statement."""
        known = self._slow if self._slow is not None else {}
        if found := _SLOW_USER.match(text):
            known.clear()
            known |= {"user": found["user"] or None, "src_ip": address(found["ip"])}
            known["pid"] = int(found["id"]) if found["id"] else None
        elif found := _SLOW_ROWS.match(text):
            known["rows_out"] = int(found["sent"])
        elif found := _SLOW_ASIDE.fullmatch(text):
            if found[1]:
                known["database"] = found[1].strip("` ")
        elif self._last is not None:
            return known | (self._continued(text) or {})
        else:
            return known | {"statement": text, "action": framing_sql.verb(text)}
        return dict(known)

    def _continued(self, text: str) -> dict[str, Value] | None:
        if self._last is None:
            return None
        statement = f"{self._last['statement']}\n{text}"[:LONGEST_STATEMENT]
        return self._last | {"statement": statement, "action": self._last.get("action") or framing_sql.verb(statement)}

    def _audited(self, found: re.Match[str]) -> dict[str, Value] | Login:
        user, operation = found["user"] or None, found["operation"]
        if operation in _CONNECTED:
            ip, name = peer(found["peer"])
            failed = operation == "FAILED_CONNECT"
            witness = Witness.SERVICE if failed else Witness.NOBODY
            return Login(_CONNECTED[operation], user, None, ip, name, None, None, None, witness)
        who = Session(user, address(found["peer"]), None, found["database"] or None)
        quoted = found["object"]
        statement = quoted[1:-1].replace("\\'", "'") if quoted[:1] == "'" and quoted[-1:] == "'" else None
        action = framing_sql.verb(statement) if statement else operation.lower()
        return framing_sql.audited(action, statement, who) | {
            "pid": int(found["id"]),
            "object": None if statement else quoted or None,
        }
