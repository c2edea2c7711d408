"""An init system that restarts what dies, and somebody who kills it by SIGKILL at moments that nobody chose."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pollwatch.errors import PeerError
from pollwatch.node.gateway.processes import GatewayProcess

_TRIES = 25
_AGAIN = 75
_WITHIN_S = 300


@dataclass
class Killer:
    """Kills gateways and inside nodes, and has them restarted at once.

    Attributes:
        root: the demo's folder.
        gateways: what may die; they run.
        chosen: a seeded source of moments and victims.
        deaths: how many inside nodes and gateways were killed while they were at work.
    """

    root: Path
    gateways: Sequence[GatewayProcess]
    chosen: np.random.Generator
    deaths: dict[str, int] = field(default_factory=lambda: {"inside": 0, "gateway": 0})

    def act(self, *names: str, deaths: int = 0, within_s: float = 0.0) -> None:
        """Do acts of the demo in which the inside nodes, and as often some gateway, die; then do them to their end.

        Args:
            names: of the acts.
            deaths: how often.
            within_s: a moment is chosen between the first act's begin and this many seconds after it.
        """
        for _ in range(deaths):
            victim = self.gateways[int(self.chosen.integers(len(self.gateways)))]
            gateway = threading.Thread(target=self._kill_gateway, args=(victim, self.chosen.uniform(0, within_s)))
            moment_s = self.chosen.uniform(0, within_s)
            with self._started(names) as process:
                gateway.start()
                try:
                    process.wait(moment_s)
                except subprocess.TimeoutExpired:
                    process.kill()
                    self.deaths["inside"] += 1
            gateway.join()
        for _ in range(_TRIES):
            with self._started(names) as process:
                _out, said = process.communicate(timeout=_WITHIN_S)
            if process.returncode != _AGAIN:
                break
        assert process.returncode == 0, f"{names}: {said.decode()}"

    def _started(self, names: Sequence[str]) -> subprocess.Popen[bytes]:
        worker = Path(__file__).with_name("joint_act_worker.py")
        process = subprocess.Popen(
            [sys.executable, str(worker), str(self.root), *names], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()  # "begun", or nothing from one that ended
        return process

    def _kill_gateway(self, victim: GatewayProcess, after_s: float) -> None:
        threading.Event().wait(after_s)
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
