"""Every write of a run is broken twice, failed and lost, failed but done; afterwards the log and the runs agree."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import matching_scenes as scenes
from pollwatch.errors import FormatError, PollwatchError
from pollwatch.members.rules import MatchingRules
from pollwatch.sharing import database
from pollwatch.sharing.matching import audit, messages
from pollwatch.sharing.matching.groups import Groups
from pollwatch.sharing.matching.papers import Commitment, HolderKey, Mode
from pollwatch.sharing.matching.runs import Runs, State
from pollwatch.sharing.matching.workers import Workers

_WRITES: list[tuple[type, str]] = [
    (Runs, "add"),
    (scenes.MyLogs, "post"),
    (Runs, "posted"),
    (Runs, "advance"),
    (Runs, "received"),
    (Runs, "close"),
]
_GROUP_WRITES: list[tuple[type, str]] = [
    (scenes.MyLogs, "post"),
    (Groups, "add"),
    (Groups, "keep"),
    (Groups, "keep_owners"),
    (Groups, "keep_hits"),
    (Groups, "end"),
    (Runs, "key"),
    (Runs, "destroy_key"),
    (Runs, "add"),
    (Runs, "posted"),
    (Runs, "send"),
    (Runs, "received"),
    (Runs, "advance"),
    (Runs, "close"),
]
#: Which of a write's times is broken; with POLLWATCH_ALL_FAULTS=1, more of them.
_AT = [1, 2, 3] if os.environ.get("POLLWATCH_ALL_FAULTS") else [1]
_GROUP = ("Alder", "Birch", "Cedar", "Elm")


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
            with database.kept_open():
                node.party.settle()


@pytest.mark.parametrize("done", [False, True], ids=["lost", "done"])
@pytest.mark.parametrize("at", _AT)
@pytest.mark.parametrize(("owner", "name"), _GROUP_WRITES, ids=[f"{each.__name__}-{n}" for each, n in _GROUP_WRITES])
def test_a_crash_in_a_group_is_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, at: int, *, done: bool
) -> None:
    """A process dies in the middle of a write of a group run; it goes on, is paid for once, and can be audited."""
    rules = MatchingRules(auditor="Elm", audit_permille=500, items=100, min_age_s=0)
    scene = scenes.scene(tmp_path, _GROUP, rules, "Elm")
    for each, numbers in (("Alder", (1, 2, 3)), ("Birch", (2, 3, 4)), ("Cedar", (3, 4, 1, 2))):
        scene.nodes[each].candidates = scenes.addresses(*numbers)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, _breaking(getattr(owner, name), at, done=done))
        for _ in range(14):
            _round(scene)
            if _ended(scene):
                break
    assert scene.problems == []
    for member in ("Alder", "Birch", "Cedar"):
        papers = scene.papers(member)
        (commitment,) = (each for each in papers if isinstance(each, Commitment))
        assert len([each for each in papers if isinstance(each, HolderKey)]) <= 1
        node = scene.nodes[member]
        run, circle = node.party.runs.get(commitment.run), node.circle
        assert run is not None
        assert circle is not None
        assert run.state is State.COMPLETED
        found = {run.leaves[place].observable: who for place, who in circle.groups.hits(run.run).items()}
        assert {each.value for each in found if each} == {f"10.0.0.{n}" for n in (2, 3)}
        assert not node.party.runs.has_key(Mode.GROUP, run.run, run.epoch)
        assert not node.party.runs.has_key(Mode.GROUP, f"holder {run.run}", run.epoch)
        ((_run, opening),) = node.party.runs.openings()
        audit.check(opening, member, scene.charter)


def _ended(scene: scenes.Scene) -> bool:
    """Whether the group has ended for everybody."""
    groups = [node.circle.groups for node in scene.nodes.values() if node.circle is not None]
    return all(each.latest() and not each.open() for each in groups)


def _round(scene: scenes.Scene) -> None:
    """Everybody delivers and looks; whoever dies in it finds its box as it was, and Alder begins unless it has."""
    alder = scene.nodes["Alder"].circle
    assert alder is not None
    with suppress(_Power):
        if not alder.groups.latest():
            alder.begin(alder.draft(scene.charter.member("Elm"), 10, 3))
    with suppress(_Power):
        scene.deliver()
    for name, node in scene.nodes.items():
        waiting = list(node.inbox)
        try:
            scene.look(name)
        except _Power:
            node.inbox = waiting


def test_workers_keep_the_order() -> None:
    """Results come in the order of the jobs, whichever thread ends first; of several errors that of the first job."""

    def slow_at_first(job: int) -> int:
        Event().wait(0.05 / (1 + job))
        if job > 5:
            raise FormatError(str(job))
        return -job

    with Workers(3) as workers:
        assert workers.map(slow_at_first, range(6)) == [0, -1, -2, -3, -4, -5]
        assert workers.map_pieces(lambda piece: [len(piece)] * len(piece), range(1100)) == [512] * 1024 + [76] * 76
        with pytest.raises(FormatError, match="6"):
            workers.map(slow_at_first, range(9))
