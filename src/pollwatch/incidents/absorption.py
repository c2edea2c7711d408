"""Which harmless-looking lines belong to an incident because of who wrote them.

A scanner's requests that met an existing page, the look around before the first blow, the log-in that worked after
a thousand that did not, the session that followed: no rule fires on them, yet they are part of what happened. But
an address can be an office, a proxy, a mobile carrier: one bad request from there must not drag a thousand
innocent ones in. So lines are claimed by share:

- hostile share = detected / (detected + undetected that were answered well). Undetected refusals (404, 403, a
  closed connection) speak for nobody and count on neither side.
- A *visitor* is an address with one user agent (log-in and error messages have none); half an hour's pause ends
  a *visit*. A visit that holds detected lines is claimed whole when its share is at least ``VISIT_SHARE``.
- Whatever a visitor, or a whole address, left within a day of the incident is claimed when the share of all that
  is at least ``MOSTLY``.
- What names no address is claimed by connection and by session (``sessions``).

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
from pollwatch.incidents.sessions import same_process, session
from pollwatch.incidents.spool import KIND_WEB, NO_TIME, Rows

NEAR_US: Final = 24 * 3600 * US_PER_S
VISIT_US: Final = 1800 * US_PER_S
VISIT_SHARE: Final = 0.25
MOSTLY: Final = 0.5
#: Of a flooder: a server that turns one request in ten away still answers nine.
FLOOD_SHARE: Final = 0.1

Groups = npt.NDArray[np.int64]


def absorbed(
    activity: Activity,
    addresses: Sequence[str],
    lines: LineSet,
    first_us: int | None,
    last_us: int | None,
    mostly: float = MOSTLY,
) -> LineSet:
    """The further lines of these addresses that belong to an incident.

    Args:
        activity: rows of the addresses.
        addresses: the incident's hostile addresses.
        lines: the lines that made its detections fire.
        first_us: its first moment; without times nothing is claimed.
        last_us: its last moment.
        mostly: the share from which all that a visitor or an address left is claimed.
    """
    if first_us is None or last_us is None:
        return LineSet({})
    rows = activity.of(addresses)
    near = rows.take((rows.time >= first_us - NEAR_US) & (rows.time <= last_us + NEAR_US) & (rows.time != NO_TIME))
    if not len(near):
        return LineSet({})
    near = near.take(np.lexsort((near.number, near.path, near.time, _agent(near), near.ip)))
    detected = activity.inside(near, lines)
    ours = _claim(near, detected, mostly) | detected
    mine = near.take(ours)
    found = activity.lines(near.take(ours & ~detected))
    found |= activity.lines(same_process(mine, activity.of_processes))
    return found | activity.lines(session(mine, activity.unaddressed, activity.logins))


def _agent(rows: Rows) -> npt.NDArray[np.uint32]:
    """What tells the visitors of one address apart: the user agent; other messages than requests have none."""
    return np.where(rows.kind == KIND_WEB, rows.thread, np.uint32(0))


def _claim(rows: Rows, detected: Mask, mostly: float) -> Mask:
    """Which rows are claimed; rows are sorted by address, visitor, time."""
    well = ~detected & (rows.status >= 200) & (rows.status < 400)
    new_address = np.diff(rows.ip) != 0
    new_visitor = new_address | (np.diff(_agent(rows)) != 0)
    new_visit = new_visitor | (np.diff(rows.time) > VISIT_US)
    visit, visitor, address = (_numbered(each) for each in (new_visit, new_visitor, new_address))
    holds = np.bincount(visit, detected)[visit] > 0
    claimed: Mask = (
        (holds & (_share(visit, detected, well) >= VISIT_SHARE))
        | (_share(visitor, detected, well) >= mostly)
        | (_share(address, detected, well) >= mostly)
    )
    return claimed


def _numbered(begins: Mask) -> Groups:
    """0, 1, 2 ...: the group of each row, from where new groups begin after the first row."""
    return np.concatenate([[0], np.cumsum(begins)]).astype(np.int64)


def _share(group: Groups, detected: Mask, well: Mask) -> npt.NDArray[np.float64]:
    """Each row's group's hostile share."""
    bad, good = np.bincount(group, detected), np.bincount(group, well)
    share: npt.NDArray[np.float64] = (bad / np.maximum(bad + good, 1))[group]
    return share
