"""What comes line by line from a program or a pipe: the journal, and standard input.

The journal's cursor is in each of its lines, so the last line of the spool says where to go on: nothing else has to be
kept, and nothing comes twice. Standard input cannot be asked again: what was read is written, and ended pipes stay so.
"""

from __future__ import annotations

import asyncio
import os
import re
import select
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pollwatch.node.receive.counts import Counts
from pollwatch.node.receive.sink import Sink
from pollwatch.sources.interface import MAX_RECORD_BYTES
from pollwatch.sources.spool import last_line

_READ_BYTES: Final = 256 << 10
_AGAIN_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0)
_WAIT_S: Final = 0.25
#: It stands before the fields, of which somebody else may have named one the same.
_CURSOR: Final = re.compile(rb'"__CURSOR"\s*:\s*"([!-~]{1,500}?)"')


class Pipe:
    """Reads a descriptor to its end, line by line, and hands the lines on."""

    def __init__(self, sink: Sink, counts: Counts) -> None:
        """Prepare.

        Args:
            sink: takes the lines.
            counts: of the source.
        """
        self._sink = sink
        self._counts = counts
        self.ended = threading.Event()

    def read(self, descriptor: int) -> None:
        """Read until it ends or :attr:`ended` is set; an endless line keeps its head."""
        held, dropping = b"", False
        while not self.ended.is_set():
            if not select.select([descriptor], [], [], _WAIT_S)[0]:
                continue
            data = os.read(descriptor, _READ_BYTES)
            if not data:
                break
            if dropping:
                _rest, newline, data = data.partition(b"\n")
                dropping = not newline
            whole, newline, held = (held + data).rpartition(b"\n")
            if newline and not self._sink.put_when_eased(_clean(whole)):
                return
            if len(held) > MAX_RECORD_BYTES:
                self._counts.cut += 1
                self._sink.put_when_eased(_clean(held[:MAX_RECORD_BYTES]))
                held, dropping = b"", True
        if held:
            self._sink.put_when_eased(_clean(held))


def _clean(lines: bytes) -> bytes:
    return (lines.replace(b"\0", b"#000") if b"\0" in lines else lines) + b"\n"


class Stdin:
    """Standard input as a source."""

    def __init__(self, sink: Sink, counts: Counts) -> None:
        """Prepare; see :meth:`start`."""
        self._pipe = Pipe(sink, counts)
        self._counts = counts
        self._thread = threading.Thread(target=self._run, name="stdin", daemon=True)

    async def start(self) -> None:
        """Begin to read."""
        self._counts.listening = "-"
        self._thread.start()

    def reload(self) -> None:
        """There is nothing to reload."""

    async def stop(self) -> None:
        """Stop reading."""
        self._pipe.ended.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        self._pipe.read(0)
        self._counts.listening = ""
        if not self._pipe.ended.is_set():
            self._counts.trouble = "standard input has ended"


class Journal:
    """The journal of this machine, followed by ``journalctl``; started again whenever that ends."""

    def __init__(self, units: Sequence[str], spool: Path, sink: Sink, counts: Counts) -> None:
        """Prepare; see :meth:`start`.

        Args:
            units: whose messages; empty = all.
            spool: the source's folder, whose last line says where to go on.
            sink: takes the lines.
            counts: of the source.
        """
        self._units = units
        self._spool = spool
        self._counts = counts
        self._pipe = Pipe(sink, counts)
        self._sink = sink
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    async def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def reload(self) -> None:
        """There is nothing to reload."""

    async def stop(self) -> None:
        """Stop reading."""
        self._pipe.ended.set()
        if self._process is not None:
            self._process.terminate()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        tries = 0
        while not self._pipe.ended.is_set():
            before = self._counts.lines
            self._follow()
            tries = 0 if self._counts.lines > before else tries + 1
            self._pipe.ended.wait(_AGAIN_S[min(tries, len(_AGAIN_S) - 1)])

    def _follow(self) -> None:
        command = ["journalctl", "--output=json", "--follow", "--all", "--no-pager"]
        cursor = self._cursor()
        command += [f"--after-cursor={cursor}"] if cursor else ["--boot", "--lines=all"]
        command += [f"--unit={unit}" for unit in self._units]
        with tempfile.TemporaryFile() as said:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own words and the settings'
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
                )
            except OSError as error:
                self._counts.trouble = f"journalctl: {error.strerror}"
                return
            with self._process as process:
                self._counts.listening, self._counts.trouble = "journal", ""
                if process.stdout is not None:
                    self._pipe.read(process.stdout.fileno())
                process.terminate()
            self._counts.listening = ""
            if not self._pipe.ended.is_set():
                words = os.pread(said.fileno(), 300, 0).decode("utf-8", "replace").strip()
                self._counts.trouble = f"journalctl ended: {words}"

    def _cursor(self) -> str:
        """Behind what was written; waits for what is still to be written."""
        self._sink.settle()
        found = _CURSOR.search(last_line(self._spool))
        return found[1].decode() if found is not None else ""
