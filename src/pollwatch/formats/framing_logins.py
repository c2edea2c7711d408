"""Syslog's messages about log-ins read by compiled code, for blocks that are worth it; the same events, sooner.

``kernels.sysloglines`` says where each field of each such line stands and which fields are equal. What a field *means*
is asked of ``framing_auth``, ``framing_login`` and ``framing_syslog`` as ever, but once per distinct value. Lines of
any other kind are left to the readers that know more, and ``framing_messages`` puts both together: only reports of
tries are looked at line by line, since each depends on those before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice, pairwise
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from pollwatch.events.batch import ABSENT, NUMBER, TIME, Codes, encoded, offsets_and_bytes
from pollwatch.events.block import LineBlock, RawLines
from pollwatch.formats import framing_appliance
from pollwatch.formats.framing import plausible_mask
from pollwatch.formats.framing_auth import decoder_of
from pollwatch.formats.framing_login import Login, Witness, peer
from pollwatch.formats.framing_programs import understood
from pollwatch.formats.framing_spans import (
    Numbers,
    Part,
    Scratch,
    behind_each_other,
    dictionary,
    meant,
    numbers_of,
)
from pollwatch.formats.framing_syslog import FACILITIES, SEVERITIES, Columns, Headers, Messages, messages_of
from pollwatch.formats.framing_times import Bools, listed

#: What a kind of message says that happened, in the order of ``kernels.loginmessages``; none is the first.
_ACTIONS = (
    *("", "success", "failure", "invalid_user", "disconnect", "disconnect"),
    *("session_opened", "session_closed", "failure", "disconnect"),
)
_FOLLOW_UP = _ACTIONS.index("disconnect")
_PROBE = "none"

_Process: TypeAlias = "tuple[str | None, str | None, int | None]"
_Source: TypeAlias = "tuple[str | None, str | None]"
_Try: TypeAlias = tuple[int, _Process, Witness, "str | None", _Source, "int | None"]
_Count: TypeAlias = Callable[..., "tuple[bool, str | None]"]


@dataclass(slots=True)
class Logins:
    """Lines of a block that were read, in their order: a column of texts is its codes and what these count.

    Attributes:
        lines: number of each.
        texts: columns by their names.
        kinds: of each line, of ``kernels.loginmessages``; those found to follow up on others are marked so.
        pids: of each, below 0 where there is none.
        ports: the same.
        times: microseconds UTC, good where ``timed``.
        timed: which lines have a time.
        elsewhere: of hosts the last line that was read elsewhere, noted by who puts both together.
    """

    lines: Numbers
    texts: dict[str, Part]
    kinds: Numbers
    pids: Numbers
    ports: Numbers
    times: Numbers
    timed: Bools
    elsewhere: dict[str | None, int] = field(default_factory=dict)
    _tries: Numbers = field(init=False)
    _waiting: Iterator[_Try] = field(init=False)
    _done: int = 0
    _accounts: dict[int, str] = field(default_factory=dict)
    _by_host: tuple[Numbers, dict[str, tuple[int, int]]] | None = None

    def __post_init__(self) -> None:
        """Find the reports that depend on others."""
        from pollwatch.kernels import loginmessages as kernel  # noqa: PLC0415 - heavy: numba

        kinds = self.kinds
        self._tries = np.flatnonzero(
            (kinds == kernel.FAILED) | (kinds == kernel.INVALID) | (kinds == kernel.PAM_FAILED)
        )
        rows = self._tries
        method = self._list("auth_method", rows)
        witness = {kernel.FAILED: Witness.SERVICE, kernel.PAM_FAILED: Witness.PAM}
        who = [
            Witness.PROBE if way == _PROBE else witness.get(kind, Witness.NOBODY)
            for kind, way in zip(kinds[rows].tolist(), method, strict=True)
        ]
        pids = [None if pid < 0 else pid for pid in self.pids[rows].tolist()]
        times = listed(self.times[rows], self.timed[rows])
        processes = zip(self._list("hostname", rows), self._list("program", rows), pids, strict=True)
        sources = zip(self._list("src_ip", rows), self._list("src_host", rows), strict=True)
        # Made one by one as they are asked for: so many tuples at once would keep the collector busy.
        self._waiting = zip(rows.tolist(), processes, who, self._list("user", rows), sources, times, strict=True)

    def _list(self, name: str, rows: Numbers) -> list[str | None]:
        """A column of some lines, as Python's texts."""
        codes, values = self.texts[name]
        texts = [*values.to_pylist(), None]
        return [texts[code] for code in codes[rows].tolist()]

    @property
    def hosts(self) -> list[str]:
        """The hosts that spoke, each once."""
        return list(self._ordered()[1])

    def count(self, counted: _Count, before: int | None = None) -> None:
        """Have tries counted that were not yet, those of lines before one: whether each follows up, and its account."""
        until = len(self._tries) if before is None else int(np.searchsorted(self.lines[self._tries], before))
        if until <= self._done:
            return
        for row, process, witness, user, source, time_us in islice(self._waiting, until - self._done):
            follows, account = counted(process, witness, user, source, time_us)
            if follows:
                self.kinds[row] = _FOLLOW_UP
            if account != user and account is not None:
                self._accounts[row] = account
        self._done = until

    def _ordered(self) -> tuple[Numbers, dict[str, tuple[int, int]]]:
        """Rows host by host, and which of them are each host's; hosts in the order in which they first spoke."""
        if self._by_host is None:
            codes, values = self.texts["hostname"]
            again, hosts = encoded(values)  # the kernel may give one text two codes
            codes = again[codes]
            order = np.argsort(codes, kind="stable")
            bounds = np.searchsorted(codes[order], np.arange(len(hosts) + 1)).tolist()
            spans = zip(hosts.to_pylist(), pairwise(bounds), strict=True)
            self._by_host = order, {host: span for host, span in spans if span[0] < span[1]}
        return self._by_host

    def last(self, host: str, before: int | None) -> tuple[int, tuple[str | None, Login]] | None:
        """What a host said last, before a line or at all: that line's number, its program and the log-in."""
        order, spans = self._ordered()
        if host not in spans:
            return None
        first, end = spans[host]
        if before is not None:
            end = first + int(np.searchsorted(self.lines[order[first:end]], before))
        if end <= first:
            return None
        row = int(order[end - 1])
        rows = np.array([row])
        user, ruser, ip, name, method, program = (
            self._list(each, rows)[0] for each in ("user", "ruser", "src_ip", "src_host", "auth_method", "program")
        )
        port = int(self.ports[row])
        action = _ACTIONS[int(self.kinds[row])]
        user = self._accounts.get(row, user)
        login = Login(action, user, ruser, ip, name, None if port < 0 else port, method)
        return int(self.lines[row]), (program, login)

    def joined(self, others: dict[str, pa.Array]) -> dict[str, pa.Array]:
        """Columns of these lines and of those read elsewhere, in the order of their numbers."""
        numbers, order = self.lines, None
        rows = len(others[NUMBER])
        if rows:
            numbers = np.concatenate([numbers, others[NUMBER].to_numpy()])
            order = np.argsort(numbers, kind="stable")
        mine = {
            "pid": numbers_of(self.pids),
            "src_port": numbers_of(self.ports),
            TIME: pa.array(self.times, mask=~self.timed),
            NUMBER: pa.array(self.lines),
        }
        texts = self.texts | {"action": (self.kinds.astype(np.int32), pa.array(_ACTIONS)), "user": self._users()}
        columns: dict[str, pa.Array] = {}
        for name, theirs in others.items():
            if pa.types.is_integer(theirs.type):
                column = pa.concat_arrays([mine.get(name, pa.nulls(len(self.lines), pa.int64())), theirs])
                columns[name] = column if order is None else column.take(pa.array(order))
                continue
            nothing = np.full(len(self.lines), ABSENT, np.int32), pa.array([], pa.string())
            parts = [texts.get(name, nothing), *([encoded(theirs)] if rows else [])]
            columns[name] = dictionary(*behind_each_other(parts), order)
        return columns

    def _users(self) -> Part:
        """Accounts, with those that PAM left out and other reports named."""
        codes, values = self.texts["user"]
        if not self._accounts:
            return codes, values
        codes = codes.copy()
        codes[list(self._accounts)] = np.arange(len(values), len(values) + len(self._accounts), dtype=np.int32)
        return codes, pa.concat_arrays([values, pa.array(list(self._accounts.values()), pa.string())])


def scratch() -> Scratch:
    """Memory to read in."""
    from pollwatch.kernels import loginmessages as kernel  # noqa: PLC0415 - heavy: numba

    return Scratch(kernel.TEXTS, kernel.NUMBERS)


def split(
    block: LineBlock, lines: RawLines, headers: Headers, memory: Scratch
) -> tuple[Logins | None, Messages, list[int]]:
    """A block's log-ins of the usual kinds, its other messages, and the numbers of lines with no syslog header."""
    from pollwatch.kernels import loginmessages as kernel  # noqa: PLC0415 - heavy: numba
    from pollwatch.kernels import sysloglines  # noqa: PLC0415 - the same

    data, used = np.frombuffer(lines.data, dtype=np.uint8), np.zeros(kernel.TEXTS, dtype=np.int64)
    memory.room(len(lines))
    done = sysloglines.read(
        data, lines.starts, lines.ends, memory.slots, memory.codes, memory.firsts, memory.lasts, used,
        memory.numbers, memory.places,
    )  # fmt: skip
    fields = memory.fields(data, used, done)
    texts, kept = _meanings(fields, memory.numbers[kernel.KIND, :done])
    places = memory.places[:done][kept]
    unread = np.ones(len(lines), dtype=bool)
    unread[places] = False
    left = np.flatnonzero(unread).tolist()
    columns, foreign = headers.cut((block.first_number + at, block.text[at]) for at in left)
    numbers = places + block.first_number
    codes = fields[kernel.STAMP][0][kept]
    stamps = _moments(fields[kernel.STAMP][1])
    times, timed, theirs = _times(headers, (numbers, codes, stamps), columns)
    messages = messages_of(columns, theirs)
    if not len(numbers):
        return None, messages, foreign
    found = memory.numbers[:, :done][:, kept]
    texts |= _ranks(found[kernel.PRIORITY])
    logins = Logins(numbers, texts, found[kernel.KIND], found[kernel.PID], found[kernel.PORT], times, timed)
    return logins, messages, foreign


def _ranks(priority: Numbers) -> dict[str, Part]:
    """Facility and severity (``framing_syslog.rank``) of priority values, which are below 0 where there is none."""
    ranked = (priority >= 0) & (priority < len(FACILITIES) * len(SEVERITIES))
    facility, severity = np.divmod(priority, len(SEVERITIES))
    return {
        name: (np.where(ranked, code, ABSENT).astype(np.int32), pa.array(names, pa.string()))
        for name, code, names in (("facility", facility, FACILITIES), ("severity", severity, SEVERITIES))
    }


def _meanings(fields: Sequence[Part], kinds: Numbers) -> tuple[dict[str, Part], Bools]:
    """Columns of the lines whose program and peer are what their kind needs, and which lines these are."""
    from pollwatch.kernels import loginmessages as kernel  # noqa: PLC0415 - heavy: numba

    programs, sources = fields[kernel.PROGRAM], fields[kernel.SOURCE]
    tags = [_speaker(each) for each in programs[1].to_pylist()]
    speaks = np.array([(name is not None) + (name == "sshd") for name in tags], np.int64)
    peers = [peer(each) for each in sources[1].to_pylist()]
    nowhere = np.array([*(ip is None for ip, _ in peers), True], bool)
    kept = speaks[programs[0]] > (kinds <= kernel.RECEIVED)
    kept &= (kinds != kernel.ENDED) | ~nowhere[sources[0]]
    alone = (
        *(("hostname", kernel.HOST), ("message", kernel.MESSAGE), ("user", kernel.USER)),
        *(("ruser", kernel.RUSER), ("auth_method", kernel.METHOD)),
    )
    texts = {name: (fields[at][0][kept], fields[at][1]) for name, at in alone}
    texts["program"] = programs[0][kept], pa.array([name or "" for name in tags], pa.string())
    texts["src_ip"] = meant(sources[0][kept], pa.array([ip for ip, _ in peers], pa.string()))
    texts["src_host"] = meant(sources[0][kept], pa.array([name for _, name in peers], pa.string()))
    return texts, kept


@lru_cache(maxsize=4096)
def _speaker(tag: str) -> str | None:
    """The plain name of a program whose log-ins are all that is understood of it; None of others."""
    if framing_appliance.is_notation(tag) or "(" in tag:
        return None
    name, _, _ = decoder_of(tag)
    return None if name is None or understood(name) else name


def _moments(texts: pa.Array) -> list[str | int]:
    """Times as they are written, or as moments where they name their zone."""
    from pollwatch.kernels.moments import iso_times  # noqa: PLC0415 - heavy: numba

    offsets, data = offsets_and_bytes(texts)
    times, zoned = iso_times(data, offsets[:-1], np.diff(offsets))
    if not zoned.any():
        written: list[str | int] = texts.to_pylist()
        return written
    return [
        time if known else text
        for time, known, text in zip(times.tolist(), zoned.tolist(), texts.to_pylist(), strict=True)
    ]


def _times(
    headers: Headers, mine: tuple[Numbers, Codes, list[str | int]], columns: Columns
) -> tuple[Numbers, Bools, list[int | None]]:
    """The times of lines read here, which of them have one, and those of others: years go by the order of all."""
    numbers, codes, stamps = mine
    others = np.arange(len(stamps), len(stamps) + len(columns.stamp), dtype=np.int32)
    order = np.argsort(np.concatenate([numbers, np.array(columns.number, np.int64)]), kind="stable")
    times, known = np.empty(len(order), np.int64), np.empty(len(order), bool)
    times[order], known[order] = headers.times_of([*stamps, *columns.stamp], np.concatenate([codes, others])[order])
    here, there = slice(0, len(numbers)), slice(len(numbers), None)
    return times[here], known[here] & plausible_mask(times[here]), listed(times[there], known[there])
