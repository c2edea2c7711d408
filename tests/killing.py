"""An init system that restarts what dies, and somebody who kills it by SIGKILL at moments that nobody chose."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from joint_act_worker import AGAIN
from pollwatch.errors import PeerError
from pollwatch.node.gateway.processes import GatewayProcess

_TRIES = 25
_WITHIN_S = 300


class Inside:
    """The process that forks the inside nodes of a demo's folder."""

    def __init__(self, process: subprocess.Popen[str], said: IO[bytes]) -> None:
        """See :func:`inside`."""
        self._process = process
        self._said = said
        self._lines: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def begin(self, names: Sequence[str]) -> int | None:
        """Begin acts; gives the process that is at them, None where it ended before it began."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{' '.join(names)}\n")
        self._process.stdin.flush()
        word, number = self._lines.get(timeout=_WITHIN_S)
        return number if word == "begun" else None

    def ended(self, within_s: float = _WITHIN_S) -> int | None:
        """The exit code of what was begun; None where it is still at work."""
        with suppress(queue.Empty):
            return self._lines.get(timeout=within_s)[1]
        return None

    def told(self) -> str:
        """The end of what was said on stderr."""
        return os.pread(self._said.fileno(), 1 << 24, 0).decode("utf-8", "replace")[-2000:]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word, number = line.split()
            self._lines.put((word, int(number)))


@contextmanager
def inside(root: Path) -> Iterator[Inside]:
    """The inside nodes of all four offices, none of them at work yet."""
    command = [sys.executable, str(Path(__file__).with_name("joint_act_worker.py")), str(root)]
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=said, text=True) as process,
    ):
        try:
            yield Inside(process, said)
        finally:
            process.kill()


@dataclass
class Killer:
    """Kills gateways and inside nodes, and has them restarted at once.

    Attributes:
        nodes: the inside nodes. One process plays all four in turn: whoever is at work dies with it.
        chosen: a seeded source of moments and victims.
        gateways: what else may die; they run.
        deaths: how many inside nodes and gateways were killed while they were at work.
    """

    nodes: Inside
    chosen: np.random.Generator
    gateways: Sequence[GatewayProcess] = ()
    deaths: dict[str, int] = field(default_factory=lambda: {"inside": 0, "gateway": 0})

    def act(self, *names: str, deaths: int = 0, within_s: float = 0.0) -> None:
        """Do acts of the demo in which the inside nodes, and as often some gateway, die; then do them to their end.

        Args:
            names: of the acts.
            deaths: how often.
            within_s: a moment is chosen between the first act's begin and this many seconds after it.
        """
        for _ in range(deaths):
            moment_s, after_s = self.chosen.uniform(0, within_s, 2)
            kill = (os.kill, os.killpg)[int(self.chosen.integers(2))]  # alone, or with all that it started
            gateway = threading.Thread(target=self._kill_some_gateway, args=(after_s, int(self.chosen.integers(99))))
            process = self.nodes.begin(names)
            gateway.start()
            if process is not None and self.nodes.ended(moment_s) is None:
                with suppress(ProcessLookupError):
                    kill(process, signal.SIGKILL)
                self.deaths["inside"] += self.nodes.ended() == -signal.SIGKILL
            gateway.join()
        code: int | None = AGAIN
        for _ in range(_TRIES):
            code = self.nodes.ended() if self.nodes.begin(names) is not None else AGAIN
            if code != AGAIN:
                break
        assert code == 0, f"{names}: {self.nodes.told()}"

    def _kill_some_gateway(self, after_s: float, which: int) -> None:
        if not self.gateways:
            return
        threading.Event().wait(after_s)
        victim = self.gateways[which % len(self.gateways)]
        victim.kill()
        self.deaths["gateway"] += 1
        for _ in range(_TRIES):
            victim.start()
            try:
                victim.wait()
            except PeerError:
                victim.kill()
                continue
            return
