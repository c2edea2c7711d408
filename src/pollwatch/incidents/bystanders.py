"""Who is counted into an attack from many addresses and is only at home there.

A rule that counts the addresses that fail at one account also counts the account's owner, who mistyped that day.
Whoever was let in to that account from that address before the attack began is a bystander: the address is not
named, and its lines are not claimed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pollwatch.events.detection import Detection
from pollwatch.events.lines import LineSet
from pollwatch.incidents.activity import Activity
from pollwatch.incidents.campaigns import Campaign
from pollwatch.incidents.merging import Folded
from pollwatch.incidents.spool import hash_of, short


def spare(found: Sequence[Campaign], activity: Activity) -> None:
    """Take bystanders out of the waves among the campaigns; a wave keeps at least one address."""
    if not len(activity.logins):
        return
    waves = [campaign for campaign in found if campaign.is_wave and not campaign.floods]
    users = sorted({user for campaign in waves for d in campaign.detections for user in d.actors.user if user})
    accounts = dict(zip(users, short(hash_of(users)).tolist(), strict=True))
    for campaign in waves:
        campaign.parts = [Folded(_spared(p.detection, activity, accounts), p.largest) for p in campaign.parts]


def _spared(detection: Detection, activity: Activity, accounts: Mapping[str, int]) -> Detection:
    mine = np.array([accounts[user] for user in detection.actors.user if user], np.uint32)
    begin = detection.first_us
    if begin is None or not mine.size:
        return detection
    at_home = activity.let_in(detection.actors.ip, mine, begin)
    if not at_home:
        return detection
    rows = activity.of(at_home)
    lines = activity.lines(rows.take(activity.inside(rows, detection.lines)))
    left = _minus(detection.lines, lines)
    if not left.by_path or len(at_home) == len(detection.actors.ip):
        return detection
    attackers = tuple(ip for ip in detection.actors.ip if ip not in at_home)
    return replace(detection, actors=replace(detection.actors, ip=attackers), lines=left)


def _minus(lines: LineSet, gone: LineSet) -> LineSet:
    left = {
        path: numbers[~np.isin(numbers, gone.by_path[path])] if path in gone.by_path else numbers
        for path, numbers in lines.by_path.items()
    }
    return LineSet({path: numbers for path, numbers in left.items() if numbers.size})
