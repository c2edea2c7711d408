"""Syslog messages, from whichever envelope, into log-ins, firewalls' packets, web requests and other events.

State machine, per input, in the order of the lines (so that the size of blocks changes nothing):

- A failed try may be reported by PAM, by the program on PAM's behalf, and by the program itself. The first report of
  a try counts (``failure``), the later ones of the same process within a minute are follow-ups (``disconnect``).
  Once a program on a host is seen to report failures itself, PAM's reports for it are follow-ups at once.
- "last message repeated 3 times" says again what the host's message before it said.
- PAM does not name unknown accounts; the process's own "Invalid user X" before it does.

What is remembered is bounded: the oldest processes and hosts are forgotten first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pyarrow as pa

from pollwatch.events.batch import NUMBER, TIME, EventBatch, LogSource
from pollwatch.events.taxonomy import AUTH, AUTH_COLUMNS, FLOW, FLOW_COLUMNS, SYSLOG, SYSLOG_COLUMNS
from pollwatch.formats import framing_appliance, framing_firewall
from pollwatch.formats.framing import INTEGERS, Rows, plausible, remember
from pollwatch.formats.framing_attempts import tries
from pollwatch.formats.framing_auth import decode
from pollwatch.formats.framing_login import UNDECODED, Login, Witness, address, only
from pollwatch.formats.framing_programs import Programs, Spoken
from pollwatch.formats.framing_reports import Reports
from pollwatch.formats.framing_syslog import Messages
from pollwatch.formats.framing_web import WebMessages

if TYPE_CHECKING:
    from pollwatch.formats.framing_logins import Logins

_SAME_TRY_US = 60_000_000
_MAX_REMEMBERED = 20_000
_MAX_REPEAT = 1_000_000
_REPEATED = re.compile(r"message repeated (\d{1,7}) times?: \[ ?(.*)\]\s*", re.DOTALL)
_LAST_REPEATED = re.compile(r"(?:-+ )?last message (?:buffered )?(?:repeated )?(\d{1,7}) times?(?: -+)?")
_CLIENT_DNS = re.compile(r"(?:queries: )?(?:info: )?client (?:@0x[0-9a-f]+ )?([0-9A-Fa-f.:]+)#\d+")
_FIELD = re.compile(
    r"(?:^|[\s;,(])(?:client|clientip|rhost|host|rip|src|remote[ _-]?(?:addr|address|ip))(?:: ?|=)"
    r"\[?([0-9A-Fa-f.:]+)(?=[\]\s;,)]|$)"
)
_MAIL_PEER = re.compile(
    r"(?:warning: |NOQUEUE: \w+: \w+ from |(?:dis)?connect from )?[^\s\[\]]+\[([0-9A-Fa-f.:]+)\](?=[:\s]|$)"
)
_WHOLE = INTEGERS | {TIME, NUMBER}
_SAID = ("hostname", "program", "pid", "message")
_Process: TypeAlias = tuple[str | None, str | None, int | None]


class _Remembered(NamedTuple):
    """What is known of one process: whose report of a try was counted, and who tried from where."""

    time_us: int
    counted: Witness
    invalid_user: str | None
    source: tuple[str | int | None, ...]


# Looked up once: an enum's attributes are slow, and each failed try asks for several.
_NOBODY, _PAM, _PROBE, _SERVICE = Witness.NOBODY, Witness.PAM, Witness.PROBE, Witness.SERVICE
_NO_SOURCE = (None, None)
_NOTHING = _Remembered(0, Witness.NOBODY, None, _NO_SOURCE)


@dataclass(slots=True)
class _Columns:
    """Rows of one logsource."""

    logsource: LogSource
    names: tuple[str, ...]
    values: list[str | int | None] = field(default_factory=list)  # row after row; tuples would busy the collector

    def batches(self, path: str, logins: Logins | None = None) -> list[EventBatch]:
        """One batch, or none; with the log-ins of the same block that were read as columns."""
        if not self.values and logins is None:
            return []
        names = (*self.names, TIME, NUMBER)
        columns = {
            name: _array(self.values[at :: len(names)], pa.int64() if name in _WHOLE else pa.string())
            for at, name in enumerate(names)
        }
        if logins is not None:
            columns = logins.joined(columns)
        fields = [pa.field(name, column.type, nullable=name != NUMBER) for name, column in columns.items()]
        return [EventBatch(self.logsource, path, pa.table(list(columns.values()), schema=pa.schema(fields)))]


def _array(values: list[str | int | None], kind: pa.DataType) -> pa.Array:
    return pa.nulls(len(values), kind) if values.count(None) == len(values) else pa.array(values, kind)


@dataclass(slots=True)
class MessageReader:
    """Reads the messages of one input, block by block."""

    _processes: dict[_Process, _Remembered] = field(default_factory=dict)
    _reporters: dict[tuple[str | None, str | None], Witness] = field(default_factory=dict)
    _last: dict[str | None, tuple[str | None, Login | None, str | None]] = field(default_factory=dict)
    _programs: Programs = field(default_factory=Programs)

    def batches(self, path: str, messages: Messages, logins: Logins | None = None) -> list[EventBatch]:
        """A batch per logsource: log-ins, packets, mail and the like, a web server's, appliances' reports, the rest.

        Args:
            path: of the input.
            messages: of a block, in order.
            logins: what was read of the same block's other lines; its tries are counted here.
        """
        auth = _Columns(AUTH, (*AUTH_COLUMNS, "facility", "severity", "structured_data"))
        packets = _Columns(FLOW, (*FLOW_COLUMNS, "hostname", "program", "pid", "message", "repeat"))
        other = _Columns(SYSLOG, (*SYSLOG_COLUMNS, "structured_data", "repeat"))
        spoken: dict[LogSource, Rows] = {}
        web = WebMessages()
        reports = Reports()
        rows = zip(
            messages.hostname,
            messages.program,
            messages.pid,
            messages.message,
            messages.facility,
            messages.severity,
            messages.msgid,
            messages.structured_data,
            messages.times,
            messages.numbers,
            strict=True,
        )
        for host, tag, pid, message, facility, severity, msgid, data, time, number in rows:
            time_us = plausible(time)
            if report := framing_appliance.decode(tag, message):
                named = {"hostname": host, "program": tag, "pid": pid, "message": message}
                reports.add(number, time_us, report, named)
                continue
            if logins is not None:
                self._catch_up(logins, number, host, again=tag is None and "repeated" in message)
            program, login, source, repeat = self._read(host, tag, pid, message, time_us)
            if login is None and web.take(program, message, time_us, number):
                continue
            said = (host, program, pid, message)
            if login is None:
                known = self._programs.read(host, program, pid, message, time_us)
                if isinstance(known, Spoken):
                    values = dict(zip(_SAID, said, strict=True)) | {"repeat": repeat, **known.values}
                    spoken.setdefault(known.shape.logsource, Rows(known.shape)).add(number, time_us, values)
                    continue
                login = known
            else:
                self._programs.note(host, program, message)
            if login is None and (packet := framing_firewall.decode(program, message)):
                ends, size, action = packet[:5], packet.bytes_out, packet.action
                packets.values += (*ends, None, size, None, packet.packets, action, *said, repeat, time_us, number)
            elif login is None:
                other.values += (*said, facility, severity, msgid, source, data, repeat, time_us, number)
            else:
                auth.values += (*said, *login[:8], repeat, facility, severity, data, time_us, number)
        if logins is not None:
            self._finish(logins)
        return _all_batches(path, auth, (packets, other, web, reports, *spoken.values()), logins)

    def _catch_up(self, logins: Logins, number: int, host: str | None, *, again: bool) -> None:
        """Take in what was read as columns before a line; ``again``: it may say again what its host said last."""
        logins.count(self._counted, number)
        if again:
            self._take_last(logins, host, number)
        logins.elsewhere[host] = number

    def _finish(self, logins: Logins) -> None:
        """Take in what was read as columns behind the last line."""
        logins.count(self._counted)
        for host in logins.hosts:
            self._take_last(logins, host, None)

    def _take_last(self, logins: Logins, host: str | None, before: int | None) -> None:
        """Remember what a host said last, where a line that was read as columns said it."""
        last = None if host is None else logins.last(host, before)
        if last is not None and last[0] > logins.elsewhere.get(host, 0):
            remember(self._last, host, (*last[1], None), _MAX_REMEMBERED)

    def _read(
        self, host: str | None, tag: str | None, pid: int | None, message: str, time_us: int | None
    ) -> tuple[str | None, Login | None, str | None, int | None]:
        """``(program, log-in or None, source of another message, repeat)``."""
        repeat = None
        if "repeated" in message:
            if tag is None and (again := _LAST_REPEATED.fullmatch(message.strip())) and host in self._last:
                return *self._last[host], min(int(again.group(1)), _MAX_REPEAT)
            if inner := _REPEATED.fullmatch(message):
                repeat, message = min(int(inner.group(1)), _MAX_REPEAT), inner.group(2)
        program, login = decode(tag, message)
        source = None
        if login is None:
            source = source_of(message)
        elif login is not UNDECODED and program is not None:
            login = self._count_once((host, program, pid), login, time_us, repeat)
        if login is not None and login.action == "failure" and repeat is None:
            repeat = tries(message)
        remember(self._last, host, (program, login, source), _MAX_REMEMBERED)
        return program, login, source, repeat

    def _count_once(self, process: _Process, login: Login, time_us: int | None, repeat: int | None) -> Login:
        """The log-in with the account that PAM left out, and as a follow-up where its try was counted before."""
        if login.witness is _NOBODY and login.action != "invalid_user":
            return login
        follow_up, user = self._counted(process, login.witness, login.user, login[3:5], time_us, repeat)
        return login._replace(action="disconnect", user=user) if follow_up else login._replace(user=user)

    def _counted(
        self,
        process: _Process,
        witness: Witness,
        user: str | None,
        source: tuple[str | int | None, ...],
        time_us: int | None,
        repeat: int | None = None,
    ) -> tuple[bool, str | None]:
        """Whether a report follows up on a try that was counted before, and the account, which PAM may leave out.

        A report that nobody witnesses says which account a process does not know.
        """
        if witness is _NOBODY:
            self._remember(process, _Remembered(time_us or 0, witness, user, source))
            return False, user
        known = self._processes.get(process, _NOTHING)
        if time_us is not None and abs(time_us - known.time_us) > _SAME_TRY_US:
            known = _NOTHING  # the process number is in use again, or it is another try
        if process[2] is None and known.source not in (source, _NO_SOURCE):
            known = _NOTHING  # without a process number, the source must tell tries apart
        if user is None and known.invalid_user is not None and known.source == source:
            user = known.invalid_user
        if self._reported_by(process[:2], witness) > _PAM and witness is _PAM:
            return True, user
        follow_up = _NOBODY < known.counted < witness and repeat is None
        # A report that follows up is itself followed by a higher witness's: PAM, on PAM's behalf, the program.
        waiting = witness if not follow_up or witness < _SERVICE else _NOBODY
        self._remember(process, _Remembered(time_us or 0, waiting, known.invalid_user, source))
        return follow_up, user

    def _reported_by(self, program: tuple[str | None, str | None], witness: Witness) -> Witness:
        """The highest witness that a host's program is known to have, now that this one spoke."""
        reported = self._reporters.get(program, _NOBODY)
        if witness > reported and witness > _PAM and witness is not _PROBE:
            remember(self._reporters, program, witness, _MAX_REMEMBERED)
            return witness
        return reported

    def _remember(self, process: _Process, what: _Remembered) -> None:
        self._processes.pop(process, None)  # so that it stands last: the oldest are forgotten first
        remember(self._processes, process, what, _MAX_REMEMBERED)


def _all_batches(
    path: str, auth: _Columns, others: Iterable[_Columns | Rows | WebMessages | Reports], logins: Logins | None
) -> list[EventBatch]:
    return [*auth.batches(path, logins), *(batch for each in others for batch in each.batches(path))]


def source_of(message: str) -> str | None:
    """The address that a message other than a log-in names as its peer, where only one can be meant."""
    if not ("=" in message or "client" in message or "from " in message or ": " in message):
        return None  # the common case, told without a pattern
    if found := _CLIENT_DNS.match(message) or _MAIL_PEER.match(message):
        return address(found.group(1))
    named = only(_FIELD.findall(message))
    return address(named) if named else None
