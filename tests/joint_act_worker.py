"""The joint demo's acts, by all four inside nodes, in processes that may be killed: ``python THIS ROOT``.

It reads lines from standard input. For each, with names of acts, it forks (what is imported is imported once) a process
that says ``begun PID`` when the first act begins, and tells how that ended: ``ended CODE``; 75 where something could
not be reached: whoever asked for it asks again. On an empty line or at the end of the input it ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pollwatch.clock import SystemClock
from pollwatch.errors import PollwatchError
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.demos import demo, jointacts, jointcase, jointdemo, jointmatch, jointstory
from pollwatch.node.demos.jointstory import PEOPLE, Stage4
from pollwatch.node.logs import publishing
from pollwatch.node.sharing import joint, releasing
from pollwatch.report.story import Step

AGAIN: Final = 75
FAILED: Final = 70


def _settle(stage: Stage4) -> None:
    """What each node's schedule does again and again: send what has no receipt yet, take in, publish."""
    for member in stage.members.values():
        releasing.retry(member, stage.clock)
    for member in stage.members.values():
        joint.take_in(member, stage.clock, stage.assets)
        publishing.publish(member, stage.clock)


ACTS: Final[dict[str, Callable[[Stage4], object]]] = {
    "charter": jointstory.charter,
    "scan": jointstory.scan,
    "publish": jointstory.publish,
    "release": jointstory.release,
    "match": jointmatch.match,
    "tell": jointacts.tell,
    "poison": jointacts.poison,
    "weigh": jointcase.weigh,
    "statement": jointacts.state,
    "settle": _settle,
    "fork": jointacts.fork,
    "sever": jointacts.sever,
    "dossier": jointcase.dossier,
}
#: Acts that end as they must although somebody died in them; the others say things twice when they are done twice.
_WHOLE: Final = frozenset({"charter", "scan", "match", "fork", "sever", "dossier"})


def stage_at(root: Path) -> Stage4:
    """The stage as a demo left it at some time."""
    stage = jointdemo.stage(demo.recorded_week(), root, SystemClock())
    stage.artefacts["charter"] = stage.evidence / "charter.note"
    if stage.artefacts["charter"].exists():
        stage.members = {name: Membership.open(stage.case(name)) for name in PEOPLE}
    return stage


def _play(root: Path, names: Sequence[str]) -> int:
    try:
        stage = stage_at(root)
        _say(f"begun {os.getpid()}")
        for name in names:
            step = ACTS[name](stage)
            if name in _WHOLE and isinstance(step, Step) and not step.expected:
                sys.stderr.write(f"{name}: {step.facts}\n")
                return FAILED
    except PollwatchError as error:
        sys.stderr.write(f"{error}\n")
        return AGAIN
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(root: Path) -> None:
    """See the module."""
    while names := sys.stdin.readline().split():
        child = os.fork()
        if child == 0:
            os.setsid()
            os._exit(_play(root, names))
        _say(f"ended {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
