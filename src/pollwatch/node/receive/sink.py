"""The one writer of a source's spool: a thread that writes what has come meanwhile, flushes once, and then answers.

Whoever hands lines in is answered when they are on the disk (HTTP), or not at all (syslog). While the spool is full
the lines wait here, a bounded number of them, and receivers stop taking more: so the senders wait, too.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pollwatch.clock import Clock, monotonic_s
from pollwatch.node.receive.counts import Counts
from pollwatch.sources.spool import Entry, Spool, SpoolFullError
from pollwatch.sources.spool_batches import BatchConflictError

#: So much may wait to be written; then receivers stop taking more.
HIGH_BYTES: Final = 8 << 20
_AT_ONCE_BYTES: Final = 4 << 20
_FLUSH_S: Final = 1.0
_RETRY_S: Final = 0.2

Answer = Callable[[Exception | None], object]
"""Called from the writing thread: with None once the lines are on the disk, else with why they are not."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    entry: Entry
    answer: Answer | None


class Sink:
    """See the module. Lines may be handed in from any thread."""

    def __init__(self, spool: Spool, counts: Counts, clock: Clock) -> None:
        """Begin to write.

        Args:
            spool: closed by :meth:`close`.
            counts: of the source.
            clock: for when the last line came.
        """
        self._spool = spool
        self._counts = counts
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._change = threading.Condition()
        self._ended = False
        self._eased: list[Callable[[], object]] = []
        self._thread = threading.Thread(target=self._run, name=f"spool {spool.folder.name}", daemon=True)
        self._thread.start()

    @property
    def crowded(self) -> bool:
        """Whether nothing more should be taken for now."""
        return self._bytes >= HIGH_BYTES or self._counts.waiting

    def put(self, lines: bytes, *, answer: Answer | None = None, entry: Entry | None = None) -> None:
        """Hand in lines, each with its end; never waits."""
        with self._change:
            self._waiting.append(_Waiting(entry or Entry(lines), answer))
            self._bytes += len(entry.lines if entry is not None else lines)
            self._change.notify_all()

    def put_when_eased(self, lines: bytes) -> bool:
        """The same, but wait while it is crowded; False where it ended meanwhile."""
        with self._change:
            self._change.wait_for(lambda: not self.crowded or self._ended)
        if self._ended:
            return False
        self.put(lines)
        return True

    def when_eased(self, call: Callable[[], object]) -> None:
        """Have something called, once, from the writing thread, when it is crowded no more."""
        with self._change:
            if self.crowded and not self._ended:
                self._eased.append(call)
                return
        call()

    def settle(self) -> None:
        """Wait until all that was handed in is written, or it ended."""
        with self._change:
            self._change.wait_for(lambda: not self._bytes or self._ended)

    def close(self) -> None:
        """Write what has come, as far as the spool takes it, and end."""
        with self._change:
            self._ended = True
            self._change.notify_all()
        self._thread.join()
        self._spool.close()

    def _run(self) -> None:
        flushed_s, unflushed = monotonic_s(), False
        while True:
            with self._change:
                left_s = max(0.0, flushed_s + _FLUSH_S - monotonic_s()) if unflushed else None
                self._change.wait_for(lambda: self._waiting or self._ended, left_s)
                group = self._take()
                if not group and self._ended:
                    return
            acknowledged = any(each.answer is not None for each in group)
            due = monotonic_s() - flushed_s >= _FLUSH_S
            if group and not self._write(group, flush=acknowledged or due):
                return
            if not group and unflushed:
                self._spool.flush()
            unflushed = bool(group) and not (acknowledged or due)
            if not unflushed:
                flushed_s = monotonic_s()
            self._ease(group)

    def _take(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        most = min(_AT_ONCE_BYTES, self._spool.limit_bytes // 4)  # more might never fit
        while self._waiting and size < most:
            group.append(self._waiting.popleft())
            size += len(group[-1].entry.lines)
        return group

    def _write(self, group: list[_Waiting], *, flush: bool) -> bool:
        """Write a group, however long the spool is full; False where we are told to end before."""
        left = [each for each in group if self._may(each)]
        while left:
            try:
                self._spool.append([each.entry for each in left], flush=flush)
            except SpoolFullError as error:
                self._counts.waiting = True
                for each in left:
                    if each.answer is not None:
                        each.answer(error)
                left = [each for each in left if each.answer is None]  # who waits for an answer asks again
                if not self._until_there_is_room():
                    self._counts.lost += sum(each.entry.lines.count(b"\n") for each in left)
                    return False
                continue
            for each in left:
                self._counts.lines += each.entry.lines.count(b"\n")
                self._counts.bytes += len(each.entry.lines)
                if each.answer is not None:
                    each.answer(None)
            self._counts.last_us = self._clock.now_us()
            break
        self._counts.waiting = False
        return True

    def _may(self, each: _Waiting) -> bool:
        """Whether lines can be written: their batch is not another one with the same id."""
        batch = each.entry.batch
        try:
            if batch is not None and self._spool.batches.done(batch) == batch.length:
                self._counts.again += 1
        except BatchConflictError as error:
            if each.answer is not None:
                each.answer(error)
            return False
        return True

    def _until_there_is_room(self) -> bool:
        """Wait; False where we are told to end."""
        while True:
            with self._change:
                if self._change.wait_for(lambda: self._ended, _RETRY_S):
                    return False
            if not self._spool.full():
                return True

    def _ease(self, group: list[_Waiting]) -> None:
        with self._change:
            self._bytes -= sum(len(each.entry.lines) for each in group)
            calls, self._eased = ([], self._eased) if self.crowded else (self._eased, [])
            self._change.notify_all()
        for call in calls:
            call()
