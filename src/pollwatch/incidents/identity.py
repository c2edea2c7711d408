"""An incident's id: the same whenever the same input is scanned again, also when the attack has gone on since.

It rests on how the incident begins (the first detection's rule, actor, time and line number), not on how it goes
on, and not on where the input lies.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import PurePath

from pollwatch import canonical
from pollwatch.clock import rfc3339
from pollwatch.events.detection import Detection
from pollwatch.incidents.campaigns import actor_of
from pollwatch.incidents.merging import first_line

_CHARACTERS = 10


def incident_id(detections: Sequence[Detection], taken: set[str]) -> str:
    """``PW-`` and ten characters of base 32.

    Args:
        detections: of the incident, in the order of :func:`pollwatch.incidents.merging.order_of`.
        taken: ids given in this run; a copy of the same log under another name gets its own.
    """
    first = detections[0]
    path, number = first_line(first.lines)
    begin: list[str | int | None] = [
        "pollwatch.incident/1",
        first.rule_id,
        *actor_of(first),
        rfc3339(first.first_us),
        number,
    ]
    found = _id(begin)
    if found in taken:
        found = _id([*begin, PurePath(path).name])
    copies = 0
    while found in taken:
        copies += 1
        found = _id([*begin, path, copies])
    taken.add(found)
    return found


def _id(begin: Sequence[str | int | None]) -> str:
    digest = hashlib.sha256(canonical.dumps(list(begin))).digest()
    return "PW-" + base64.b32encode(digest).decode("ascii")[:_CHARACTERS]
