"""Attacks 8 and 22: somebody really floods a gateway, as a process of its own, while an honest member is served."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import joint_scenes
from pollwatch.clock import SystemClock, monotonic_s
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.gateway import processes
from pollwatch.node.logs import publishing

CLOCK = SystemClock()
WORKER = Path(__file__).parents[2] / "flood_worker.py"
ASKED = 150


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Membership]]:
    """A, whose gateway runs and has a log; B, who is honest; C, who is not."""
    members = joint_scenes.enrolled(tmp_path_factory.mktemp("floods"), "abc", CLOCK)
    with processes.running(joint_scenes.gateway(members[0])):
        publishing.publish(members[0], CLOCK)
        yield members


@contextmanager
def flood(kind: str, by: Membership, of: Membership) -> Iterator[dict[str, int]]:
    """A flood as long as the block; what it got is known after it."""
    command = [sys.executable, str(WORKER), kind, str(by.folder.case), of.me.name, of.me.address]
    got: dict[str, int] = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
            yield got
            said, _nothing = process.communicate(timeout=40)
            got.update(json.loads(said))
        finally:
            process.kill()


def waited(by: Membership, at: Membership, count: int = ASKED) -> list[float]:
    """Seconds that each of an honest member's requests took, the shortest first; all of them are answered."""
    took = []
    with joint_scenes.client(by, at.me, CLOCK) as client:
        for _each in range(count):
            began_s = monotonic_s()
            answer = client.get(joint_scenes.bundle(at))
            took.append(monotonic_s() - began_s)
            assert answer.status_code == 200, answer.text
    return sorted(took)


def report(line: str) -> None:
    """For whoever runs this with ``-s``."""
    sys.stdout.write(line + "\n")


@pytest.mark.parametrize("kind", ["member", "stranger", "dawdler"])
def test_attacks_8_and_22_one_floods_and_another_is_served(three: list[Membership], kind: str) -> None:
    """Attacks 8, 22: 24 connections flood or 90 dawdle; the honest member gets every answer, 99 of 100 within 1 s."""
    a, b, c = three
    quiet = waited(b, a)
    with flood(kind, c, a) as got:
        took = waited(b, a)
    report(f"{kind}: p50 {took[len(took) // 2]:.3f} s, p99 {took[-2]:.3f} s, alone {quiet[-2]:.3f} s; it got {got}")
    assert took[-2] < 1
    if kind == "member":
        assert got.get("429", 0) > 0
        assert got.get("200", 0) < 2000 + 200 * 60
    if kind == "stranger":
        assert set(got) <= {
            "401",
            "429",
            "ReadError",
            "RemoteProtocolError",
            "ConnectError",
            "WriteError",
            "ReadTimeout",
        }
