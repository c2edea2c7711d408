"""``pollwatch demo joint`` with a wire before each gateway: ``python tests/joint_demo_worker.py OUT WIRES SCANNED``.

Before the first gateway starts, the four offices are copied to ``SCANNED``.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import wires
from pollwatch.cli.main import run
from pollwatch.node.demos import jointstory
from pollwatch.node.demos.jointstory import Stage4
from pollwatch.node.gateway.processes import GatewayProcess


def _run(out: str, captured: Path, scanned: Path) -> None:
    def behind_wires(stage: Stage4) -> tuple[GatewayProcess, ...]:
        shutil.copytree(stage.root, scanned)
        return tuple(wires.before(list(stage.members.values()), captured)[1])

    jointstory.gateways = behind_wires
    run(["demo", "joint", "--out", out])


if __name__ == "__main__":
    _run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
