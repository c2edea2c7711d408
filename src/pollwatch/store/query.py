"""SQL over the events of a case: to read and nothing else, whoever wrote it.

A question runs in a process of its own (:mod:`pollwatch.store.queryprocess`) that is given the names of the Parquet
files and the statement, and gives rows back. What keeps it harmless, each for itself:

- one statement, and it must be a SELECT, as the engine's own parser says;
- the engine opens the listed files and no other, loads no extension, and its settings are locked;
- the process cannot write a file (``RLIMIT_FSIZE``), has no environment, and has limits of memory and processor time;
- it is killed when its time is over, when somebody gives up, and by the kernel before anything else where memory ends.

A question that takes too much so costs itself, never the console or the watch.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from pollwatch.clock import monotonic_s
from pollwatch.errors import StoreError, UsageError
from pollwatch.events.batch import LogSource
from pollwatch.i18n import _
from pollwatch.store.querytalk import Reply, Request, Value

_STEP_S: Final = 0.05
_CHUNK_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class EventTable:
    """All events of one logsource, as a table to ask.

    Attributes:
        name: of the view: the parts of the logsource, joined by ``_``.
        logsource: the same.
        files: the Parquet files, and what the case calls the input of each.
        rows: how many events.
    """

    name: str
    logsource: LogSource
    files: Mapping[Path, str]
    rows: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What one question may take.

    Attributes:
        seconds: from the beginning to the last row.
        memory_bytes: for the engine.
        rows: of the answer; further ones are cut off.
        bytes: of the answer.
    """

    seconds: float = 30.0
    memory_bytes: int = 512 << 20
    rows: int = 10_000
    bytes: int = 32 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came out. Values are attacker-written text: make them inert where they are shown.

    Attributes:
        columns: names.
        types: the engine's word for the type of each.
        rows: numbers, truth values, text and None; times are text as ISO 8601 (UTC), bytes are text in hex.
        truncated: there are further rows.
        seconds: how long it took.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    truncated: bool
    seconds: float


def table_name(logsource: LogSource) -> str:
    """What the view of a logsource is called: ``webserver``, ``process_creation_windows``, ``linux_auth``."""
    parts = [part for part in (logsource.category, logsource.product, logsource.service) if part]
    name = "_".join(parts).lower()
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name) or "events"


def ask(
    tables: Sequence[EventTable], sql: str, limits: Limits | None = None, stop: threading.Event | None = None
) -> Answer:
    """Ask, and wait for the answer.

    Args:
        tables: what may be read.
        sql: one SELECT over them.
        limits: what it may take.
        stop: set by another thread where nobody waits for the answer any more.

    Raises:
        UsageError: it is no single SELECT, the engine does not understand it, or it took too much; the message says
            which, for whoever wrote it.
        StoreError: the process could not be run.
    """
    within = limits or Limits()
    text = sql.lower()
    named = [each for each in tables if each.name in text]
    request = Request(
        sql.encode("utf-8", "replace").decode(),
        within.seconds,
        within.memory_bytes,
        within.rows,
        within.bytes,
        {each.name: {str(path): name for path, name in each.files.items()} for each in named},
    )
    begun_s = monotonic_s()
    reply = _read(_run(msgspec.json.encode(request), within, stop))
    if reply.error:
        there = ", ".join(sorted(each.name for each in tables)) or _("none")
        raise UsageError(_("{error} (tables: {tables})").format(error=reply.error, tables=there))
    return Answer(
        tuple(reply.columns),
        tuple(reply.types),
        tuple(map(tuple, reply.rows)),
        reply.truncated,
        monotonic_s() - begun_s,
    )


def _run(request: bytes, limits: Limits, stop: threading.Event | None) -> bytes:
    """Run the process; gives what it said."""
    command = [sys.executable, "-I", "-m", "pollwatch.store.queryprocess"]
    try:
        process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/"
        )
    except OSError as error:
        raise StoreError(f"the process for SQL cannot be started: {error}") from error
    with process:
        try:
            return _talk(process, request, limits, stop)
        finally:
            process.kill()


def _talk(process: subprocess.Popen[bytes], request: bytes, limits: Limits, stop: threading.Event | None) -> bytes:
    assert process.stdin is not None  # noqa: S101
    assert process.stdout is not None  # noqa: S101
    deadline_s = monotonic_s() + limits.seconds
    said = bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdin, process.stdout):
            os.set_blocking(pipe.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        selector.register(process.stdout, selectors.EVENT_READ)
        left = memoryview(request)
        while True:
            if stop is not None and stop.is_set():
                raise UsageError(_("the question was given up"))
            if monotonic_s() > deadline_s:
                text = _("the question took longer than {seconds:g} seconds; narrow it, by time for example")
                raise UsageError(text.format(seconds=limits.seconds))
            for key, _events in selector.select(_STEP_S):
                if key.fileobj is process.stdin:
                    left = _write(process, left, selector)
                    continue
                chunk = os.read(process.stdout.fileno(), _CHUNK_BYTES)
                if not chunk:
                    return bytes(said)
                said += chunk


def _write(process: subprocess.Popen[bytes], left: memoryview, selector: selectors.BaseSelector) -> memoryview:
    assert process.stdin is not None  # noqa: S101
    try:
        left = left[os.write(process.stdin.fileno(), left[:_CHUNK_BYTES]) :]
    except BrokenPipeError:  # it died; what it said tells, or says nothing
        left = left[:0]
    if not left:
        selector.unregister(process.stdin)
        process.stdin.close()
    return left


def _read(said: bytes) -> Reply:
    if not said:
        # Killed by the kernel, or by one of its limits.
        return Reply(error=_("the question needs more memory or time than it may have; narrow it"))
    return msgspec.json.decode(said, type=Reply)
