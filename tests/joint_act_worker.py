"""Acts of the joint demo, by all four inside nodes, in a process that may be killed: ``... ROOT ACT...``.

It says ``begun`` when the first begins. It ends with 75 where something could not be reached: whoever started it starts
it again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pollwatch.clock import SystemClock
from pollwatch.errors import PollwatchError
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.demos import demo, jointacts, jointcase, jointdemo, jointmatch, jointstory
from pollwatch.node.demos.jointstory import PEOPLE, Stage4
from pollwatch.node.logs import publishing
from pollwatch.node.sharing import joint, releasing


def _settle(stage: Stage4) -> None:
    """What each node's schedule does again and again: send what has no receipt yet, take in, publish."""
    for member in stage.members.values():
        releasing.retry(member, stage.clock)
    for member in stage.members.values():
        joint.take_in(member, stage.clock, stage.assets)
        publishing.publish(member, stage.clock)


ACTS: Final[dict[str, Callable[[Stage4], object]]] = {
    "publish": jointstory.publish,
    "release": jointstory.release,
    "match": jointmatch.match,
    "tell": jointacts.tell,
    "poison": jointacts.poison,
    "weigh": jointcase.weigh,
    "statement": jointacts.state,
    "settle": _settle,
}


def stage_at(root: Path) -> Stage4:
    """The stage as a demo left it at some time."""
    stage = jointdemo.stage(demo.recorded_week(), root, SystemClock())
    stage.members = {name: Membership.open(stage.case(name)) for name in PEOPLE}
    stage.artefacts["charter"] = stage.evidence / "charter.note"
    return stage


if __name__ == "__main__":
    try:
        opened = stage_at(Path(sys.argv[1]))
        sys.stdout.write("begun\n")
        sys.stdout.flush()
        for each in sys.argv[2:]:
            ACTS[each](opened)
    except PollwatchError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(75)
