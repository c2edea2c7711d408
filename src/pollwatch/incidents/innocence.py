"""Who only looks like a guesser: an office behind one address, an owner who mistyped, a device with an old password.

Their failed log-ins count as anybody's, and so a log-in that is accepted after them may be taken for a guess that
was right. What tells them apart is what else came from their address:

- *office*: several people are let in from there, more often than anybody is refused, and most of those who are
  refused are also let in: after all passwords were changed, half a department mistypes behind one address;
- *owner*: only one account was refused, and it was let in from there before all that;
- *device*: only one account, no word-list name, is refused at the same interval again and again, slower than any
  guesser is, and never let in: a telephone with an old password.

An attacker can be taken for the last one by being that slow at a single account; then nothing was won, and it stays
written as a low incident. None of it excuses anything else that an address does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from pollwatch.clock import US_PER_S
from pollwatch.events.accounts import in_wordlists
from pollwatch.events.detection import Detection
from pollwatch.i18n import _
from pollwatch.incidents.activity import Activity
from pollwatch.incidents.campaigns import Campaign
from pollwatch.incidents.kinds import Kind, kinds_of
from pollwatch.incidents.spool import KIND_AUTH, NO_TIME, STATUS_OK, STATUS_REFUSED, Rows

_COLLEAGUES: Final = 3
_TRIES: Final = 5
_SLOW_US: Final = 20 * US_PER_S
#: Tries of one sitting: a mail program opens several connections at once.
_SITTING_US: Final = 10 * US_PER_S
_ALIKE: Final = 0.25
_MOST: Final = 0.7


def excuse(group: Sequence[Campaign], activity: Activity) -> str:
    """The sentence that says why a group of campaigns is nothing worse than that; empty where it is."""
    detections = [d for campaign in group for d in campaign.detections]
    addresses = sorted({ip for d in detections for ip in d.actors.ip})
    if not addresses or kinds_of(detections) - {Kind.PASSWORD, Kind.ACCESS, Kind.OTHER}:
        return ""
    told = ""
    for ip in addresses:  # thousands, perhaps: most groups are no case for this at their first
        reason = _excuse(activity.of([ip]), detections)
        if not reason or told not in ("", reason):
            return ""
        told = reason
    return told


def _excuse(rows: Rows, detections: Sequence[Detection]) -> str:
    logins = rows.take((rows.kind == KIND_AUTH) & (rows.user != 0) & (rows.time != NO_TIME))
    refused, accepted = logins.take(logins.status == STATUS_REFUSED), logins.take(logins.status == STATUS_OK)
    nameless = (rows.kind == KIND_AUTH) & (rows.user == 0) & (rows.status == STATUS_REFUSED)
    if not len(refused) or nameless.any():
        return ""
    if _is_office(refused, accepted):
        return _("Several people are let in from this address, more often than anybody is refused: an office.")
    if np.unique(refused.user).size > 1:
        return ""
    if (accepted.user[accepted.time < refused.time.min()] == refused.user[0]).any():
        return _("Only one account failed, and it was let in from this address before: its owner.")
    listed = any(in_wordlists(user) for d in detections for user in d.actors.user)
    if not listed and not len(accepted) and _is_device(refused):
        return _("One account fails at the same interval, without ever getting in: a device with an old password.")
    return ""


def _is_office(refused: Rows, accepted: Rows) -> bool:
    colleagues, failed = np.unique(accepted.user), np.unique(refused.user)
    known = np.isin(failed, colleagues)
    return bool(colleagues.size >= _COLLEAGUES and len(accepted) >= len(refused) and known.mean() >= _MOST)


def _is_device(refused: Rows) -> bool:
    times = np.sort(refused.time)
    gaps = np.diff(times)
    gaps = gaps[gaps > _SITTING_US]
    if gaps.size < _TRIES:
        return False
    usual = float(np.median(gaps))
    alike = np.abs(gaps - usual) <= _ALIKE * usual
    return usual >= _SLOW_US and float(alike.mean()) >= _MOST
