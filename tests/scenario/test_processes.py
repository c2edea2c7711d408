"""Gateways that were started by somebody end with somebody."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import joint_scenes
from pollwatch.clock import SystemClock, monotonic_s

PARENT = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import joint_scenes
from pollwatch.node.charter.jointfolder import Membership
gateway = joint_scenes.gateway(Membership.open(Path(sys.argv[1])))
gateway.start()
gateway.wait()
print("up", flush=True)
time.sleep(600)
"""


def test_a_killed_parent_leaves_no_gateway_behind(tmp_path: Path) -> None:
    """The process that started a gateway is killed with SIGKILL: the gateway ends by itself, and its port is free."""
    member, _other = joint_scenes.enrolled(tmp_path, "ab", SystemClock())
    script = PARENT.format(tests=str(Path(__file__).parents[1]))
    command = [sys.executable, "-c", script, str(member.folder.case)]
    port = urlsplit(member.me.address).port
    assert port is not None
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        parent.send_signal(signal.SIGKILL)
    until_s = monotonic_s() + 20
    while _listens(port):
        assert monotonic_s() < until_s, "the gateway outlived the process that started it"
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
