"""How much stands behind a statement: what raises a bundle's grade above its owner's own word.

- asserted: the owner's word, unchanged since it was sealed;
- quorum: as many witnesses of the reader's policy cosigned as it asks for;
- cross-bloc: a quorum, and a bloc that is not the owner's is part of it: a rival saw it;
- timestamped: a time-stamp authority that the reader trusts stamped it (RFC 3161).

A rival's refusal only keeps a grade low; a neutral time-stamp raises it without any rival.
"""

from __future__ import annotations

from collections.abc import Sequence

from pollwatch.clock import US_PER_S
from pollwatch.events.printable import printable
from pollwatch.evidence.opened import Witnessed
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.report import Grade, Ground, Stamp, shown_time
from pollwatch.i18n import _


def grounds(log: str, witnessed: Witnessed, policy: Policy | None, stamps: Sequence[Stamp]) -> tuple[Ground, ...]:
    """All that raises the grade, lowest first.

    Args:
        log: name of the owner's log key.
        witnessed: who of the policy cosigned.
        policy: the reader's.
        stamps: checked time-stamps by authorities that the reader trusts.
    """
    found: list[Ground] = []
    if policy is not None and witnessed.quorum_s is not None:
        names = ", ".join(printable(name) for name in witnessed.names)
        text = _("{names} cosigned; that is the policy's quorum {quorum}.")
        found.append(Ground("quorum", text.format(names=names, quorum=printable(policy.quorum))))
        blocs = policy.rival_blocs(log, witnessed.names)
        if blocs:
            text = _("among them are rival blocs: {blocs}.")
            found.append(Ground("cross-bloc", text.format(blocs=", ".join(sorted(map(printable, blocs))))))
    for stamp in stamps:
        text = _("{authority} stamped it at {time}.")
        shown = text.format(authority=printable(stamp.authority), time=shown_time(stamp.time_us))
        found.append(Ground("timestamped", shown))
    return tuple(found)


def grade(found: Sequence[Ground]) -> Grade:
    """The highest grade that was reached."""
    return found[-1].grade if found else "asserted"


def not_later_us(witnessed: Witnessed, stamps: Sequence[Stamp]) -> int | None:
    """The earliest time by which somebody besides the owner had seen it, in microseconds."""
    times = [stamp.latest_us for stamp in stamps]
    if witnessed.quorum_s is not None:
        times.append(witnessed.quorum_s * US_PER_S)
    return min(times, default=None)
