"""Which harmless-looking lines belong to an incident because of who wrote them.

A scanner's requests that met an existing page, the log-in that worked after a thousand that did not, the session
that followed: no rule fires on them, yet they are part of what happened. But an address can be an office, a
proxy, a mobile carrier: one bad request from there must not drag a thousand innocent ones in.

So lines are claimed per *visitor* (address and user agent; for log-in messages the address) and per *visit*
(pauses of half an hour end one), and only where the visitor is mostly hostile:

- hostile share = detected / (detected + undetected that were answered well). Undetected refusals (404, 403, a
  closed connection) speak for nobody and count on neither side.
- a visit that holds detected lines is claimed whole when its share is at least ``VISIT_SHARE``;
- every other visit of that visitor between the incident's first and last line (with ``SLACK_US``) is claimed
  when the visitor's share over all visits is at least ``VISITOR_SHARE``;
- where a log-in was accepted from a hostile address, the rest of that connection is claimed as well: messages
  of the same process that name no address.

Only incidents of medium or more claim lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from pollwatch.clock import US_PER_S
from pollwatch.events.lines import LineSet
from pollwatch.incidents.activity import Activity, Mask
from pollwatch.incidents.spool import KIND_AUTH, KIND_WEB, NO_TIME, Rows

SLACK_US: Final = 300 * US_PER_S
VISIT_US: Final = 1800 * US_PER_S
#: A connection's messages stand near one another; process numbers come around again.
PROCESS_US: Final = 12 * 3600 * US_PER_S
VISIT_SHARE: Final = 0.25
VISITOR_SHARE: Final = 0.5


def absorbed(
    activity: Activity, addresses: Sequence[str], lines: LineSet, first_us: int | None, last_us: int | None
) -> LineSet:
    """The further lines of these addresses that belong to an incident.

    Args:
        activity: rows of the addresses.
        addresses: the incident's hostile addresses.
        lines: the lines that made its detections fire.
        first_us: its first moment; without times nothing is claimed.
        last_us: its last moment.
    """
    if first_us is None or last_us is None:
        return LineSet({})
    rows = activity.of(addresses)
    near = rows.take((rows.time >= first_us - SLACK_US) & (rows.time <= last_us + VISIT_US) & (rows.time != NO_TIME))
    if not len(near):
        return LineSet({})
    order = np.lexsort((near.number, near.path, near.time, _visitor(near), near.ip))
    near = near.take(order)
    detected = activity.inside(near, lines)
    claimed = _claim(near, detected, last_us)
    found = activity.lines(near.take(claimed & ~detected))
    follow_up = _same_process(near.take(claimed | detected), activity.unaddressed)
    return found | activity.lines(follow_up)


def _visitor(rows: Rows) -> npt.NDArray[np.uint32]:
    """What tells the visitors of one address apart: the user agent; log-in messages have none."""
    return np.where(rows.kind == KIND_WEB, rows.thread, np.uint32(0))


def _claim(rows: Rows, detected: Mask, last_us: int) -> Mask:
    """Which rows are claimed; rows are sorted by address, visitor, time."""
    visitor = _visitor(rows)
    changes = (np.diff(rows.ip) != 0) | (np.diff(visitor) != 0)
    starts = np.concatenate([[True], changes])
    visits = np.concatenate([[True], changes | (np.diff(rows.time) > VISIT_US)])
    by_visitor, by_visit = np.cumsum(starts) - 1, np.cumsum(visits) - 1
    well = ~detected & (rows.status >= 200) & (rows.status < 400)
    visitor_share = _share(by_visitor, detected, well)[by_visitor]
    visit_share = _share(by_visit, detected, well)[by_visit]
    holds = np.bincount(by_visit, detected)[by_visit] > 0
    within = rows.time <= last_us + SLACK_US
    claimed: Mask = (holds & (visit_share >= VISIT_SHARE)) | (within & (visitor_share >= VISITOR_SHARE))
    return claimed


def _share(group: npt.NDArray[np.int64], detected: Mask, well: Mask) -> npt.NDArray[np.float64]:
    bad, good = np.bincount(group, detected), np.bincount(group, well)
    share: npt.NDArray[np.float64] = bad / np.maximum(bad + good, 1)
    return share


def _same_process(rows: Rows, unaddressed: Rows) -> Rows:
    """Messages without an address that the processes behind these rows wrote."""
    auth = rows.take((rows.kind == KIND_AUTH) & (rows.thread != 0))
    if not len(auth) or not len(unaddressed):
        return Rows.join([])
    known = np.argsort(auth.thread, kind="stable")
    threads, times = auth.thread[known], auth.time[known]
    candidates = unaddressed.take(np.isin(unaddressed.thread, threads) & (unaddressed.time != NO_TIME))
    at = np.minimum(np.searchsorted(threads, candidates.thread), len(threads) - 1)
    return candidates.take(np.abs(candidates.time - times[at]) <= PROCESS_US)
