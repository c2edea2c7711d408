"""Whether the dates in a log can be true, as far as the log itself and our own looks at it tell.

An owner may write any date into an entry. But what was not in the log when we last read it was not made long before;
seals come in the order of time; and what an owner posts was made between the seals around it. A wrong clock looks the
same as a lie, and neither is proven by this: it is told, with the index, so that people ask.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from statistics import median
from typing import Final

from pollwatch.clock import US_PER_S
from pollwatch.evidence.report import shown_time
from pollwatch.evidence.seal import Seal
from pollwatch.i18n import _
from pollwatch.sharing.followed import Noted, Reached

TOLERANCE_US: Final = 600 * US_PER_S
_LEAST_GAPS: Final = 6
_REGULAR: Final = 0.25  # of the usual gap
_MOST_ODD: Final = 0.25  # of all gaps


def misdated(before: Reached, seal: Noted | None, entries: Sequence[Noted], now_us: int) -> str:
    """What is wrong with the dates of new entries, in a sentence; empty where nothing is.

    Args:
        before: how far the log had been read when we last looked.
        seal: the last seal before the new entries.
        entries: the new ones, in order.
        now_us: the time of this look.
    """
    waiting: list[Noted] = []  # what was posted since the last seal
    for each in entries:
        if each.at_us is None:
            continue
        if before.at_us is not None and each.at_us < before.at_us - TOLERANCE_US:
            return _("entry {number} is dated {when}, but was not there at {then}: it is back-dated").format(
                number=each.number, when=shown_time(each.at_us), then=shown_time(before.at_us)
            )
        if each.at_us > now_us + TOLERANCE_US:
            return _("entry {number} is dated {when}, which is yet to come").format(
                number=each.number, when=shown_time(each.at_us)
            )
        slack_us = 0 if each.kind == Seal.KIND else TOLERANCE_US
        if seal is not None and seal.at_us is not None and each.at_us < seal.at_us - slack_us:
            return _out_of_order(each, seal)
        if each.kind != Seal.KIND:
            waiting.append(each)
            continue
        for posted in waiting:
            if posted.at_us is not None and posted.at_us > each.at_us + TOLERANCE_US:
                return _out_of_order(each, posted)
        seal, waiting = each, []
    return ""


def usual_gap_us(seals: Sequence[Noted]) -> int | None:
    """How often seals come, where they come often enough and regularly; None where they do not."""
    times = [each.at_us for each in seals if each.at_us is not None]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    if len(gaps) < _LEAST_GAPS:
        return None
    usual = median(gaps)
    odd = sum(abs(each - usual) > _REGULAR * usual for each in gaps)
    return int(usual) if usual >= US_PER_S and odd <= _MOST_ODD * len(gaps) else None


def _out_of_order(later: Noted, earlier: Noted) -> str:
    text = _("entry {number} is dated {when}, but comes after entry {other}, which is dated {then}")
    return text.format(
        number=later.number,
        when=shown_time(later.at_us or 0),
        other=earlier.number,
        then=shown_time(earlier.at_us or 0),
    )
