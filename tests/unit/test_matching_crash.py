"""Every write of a run is broken twice, failed and lost, failed but done; afterwards the log and the runs agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import matching_scenes as scenes
from pollwatch.errors import PollwatchError
from pollwatch.sharing.matching import messages
from pollwatch.sharing.matching.papers import Commitment
from pollwatch.sharing.matching.runs import Runs, State

_WRITES: list[tuple[type, str]] = [
    (Runs, "add"),
    (scenes.MyLogs, "post"),
    (Runs, "posted"),
    (Runs, "advance"),
    (Runs, "received"),
    (Runs, "close"),
]


class _Power(Exception):  # noqa: N818 - nobody catches it
    """The power went."""


def _breaking(true: Callable[..., Any], at: int, *, done: bool) -> Callable[..., Any]:
    calls = 0

    def write(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the write takes
        nonlocal calls
        calls += 1
        if calls != at:
            return true(*arguments, **named)
        if done:
            true(*arguments, **named)
        raise _Power

    return write


@pytest.mark.parametrize("done", [False, True], ids=["lost", "done"])
@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize(("owner", "name"), _WRITES, ids=[name for _owner, name in _WRITES])
def test_a_crash_neither_refunds_nor_spends_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, at: int, *, done: bool
) -> None:
    """Attack 17: a process dies in the middle of a write, on either side; what is spent is what stands in the log."""
    scene = scenes.scene(tmp_path)
    scene.nodes["Alder"].candidates = scenes.addresses(*range(15))
    scene.nodes["Birch"].candidates = scenes.addresses(*range(10, 30))
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, _breaking(getattr(owner, name), at, done=done))
        kept: list[bytes] = []
        try:
            scene.begin("Alder", "Birch")
            for _ in range(6):
                kept = [each for node in scene.nodes.values() for each in node.inbox]
                scene.run(1)
        except _Power:
            pass
    # What was in a box and not taken is in it still.
    for node in scene.nodes.values():
        node.inbox = [each for each in {*kept, *node.inbox} if node.me.name.encode() in each[:400]]
    for node in scene.nodes.values():
        node.party.settle()
    _finish(scene)
    for each, node in scene.nodes.items():
        commitments = [paper for paper in scene.papers(each) if isinstance(paper, Commitment)]
        runs = node.party.runs.all()
        assert {paper.run for paper in commitments} == {run.run for run in runs}
        assert len(commitments) == len(runs) <= 2
        assert all(run.state in {State.COMPLETED, State.WAITING} for run in runs)
    done_runs = {run.run for run in scene.nodes["Alder"].party.runs.all() if run.state is State.COMPLETED}
    if done_runs:
        expected = {f"10.0.0.{n}" for n in range(10, 15)}
        assert scene.nodes["Alder"].common("Birch") == scene.nodes["Birch"].common("Alder") == expected


def _finish(scene: scenes.Scene) -> None:
    """Let everybody go on, as after a restart; messages to the wrong box are refused there."""
    for _ in range(8):
        scene.deliver()
        for node in scene.nodes.values():
            waiting, node.inbox = node.inbox, []
            for body in waiting:
                try:
                    message, sender = messages.read(body, scene.charter, node.me)
                except PollwatchError:
                    continue
                node.party.take(message, sender, node.candidates, scenes.ALONE)
            node.party.settle()
