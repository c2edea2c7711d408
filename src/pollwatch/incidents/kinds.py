"""What kind of thing a technique is, as far as grouping, severity and advice tell things apart."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

from pollwatch.events.detection import Detection
from pollwatch.incidents.attack import technique


class Kind(Enum):
    """Kinds of activity, in the order in which one names an incident that shows several."""

    SHELL = "shell"
    THEFT = "theft"
    ALTERATION = "alteration"
    PRIVILEGE = "privilege"
    EXPLOIT = "exploit"
    PASSWORD = "password"  # noqa: S105 - a kind of attack
    ACCESS = "access"
    FLOOD = "flood"
    LOOKALIKE = "lookalike"
    PROBE = "probe"
    OTHER = "other"


_BY_ID = {
    "T1505.003": Kind.SHELL,
    "T1491": Kind.ALTERATION,
    "T1565": Kind.ALTERATION,
    "T1485": Kind.ALTERATION,
    "T1486": Kind.ALTERATION,
    "T1110": Kind.PASSWORD,
    "T1078": Kind.ACCESS,
    "T1133": Kind.ACCESS,
    "T1021": Kind.ACCESS,
    "T1498": Kind.FLOOD,
    "T1499": Kind.FLOOD,
    "T1583.001": Kind.LOOKALIKE,
    "T1566": Kind.LOOKALIKE,
    "T1598": Kind.LOOKALIKE,
    "T1190": Kind.EXPLOIT,
    "T1210": Kind.EXPLOIT,
    "T1203": Kind.EXPLOIT,
    "T1189": Kind.EXPLOIT,
    "T1059": Kind.EXPLOIT,
    "T1083": Kind.EXPLOIT,
    "T1006": Kind.EXPLOIT,
    "T1213": Kind.THEFT,
    "T1530": Kind.THEFT,
    "T1005": Kind.THEFT,
    "T1003": Kind.THEFT,
    "T1555": Kind.THEFT,
    "T1606": Kind.ACCESS,
    "T1046": Kind.PROBE,
    "T1087": Kind.PASSWORD,
    "T1087.004": Kind.PROBE,
    "T1114": Kind.THEFT,
    "T1528": Kind.ACCESS,
    "T1539": Kind.ACCESS,
    "T1550": Kind.ACCESS,
    "T1552": Kind.ACCESS,
    "T1556": Kind.PRIVILEGE,
}
_BY_TACTIC = {
    "reconnaissance": Kind.PROBE,
    "discovery": Kind.PROBE,
    "credential-access": Kind.PASSWORD,
    "initial-access": Kind.EXPLOIT,
    "execution": Kind.EXPLOIT,
    "persistence": Kind.PRIVILEGE,
    "privilege-escalation": Kind.PRIVILEGE,
    "exfiltration": Kind.THEFT,
    "collection": Kind.THEFT,
    "impact": Kind.ALTERATION,
}


@lru_cache(maxsize=4096)
def kind_of(attack_id: str) -> Kind:
    """The kind of a technique: by its id, its parent's, else its tactic."""
    current = technique(attack_id)
    parent = current.id.partition(".")[0]
    return _BY_ID.get(current.id) or _BY_ID.get(parent) or _BY_TACTIC.get(current.tactic, Kind.OTHER)


def kinds_of(detections: Iterable[Detection]) -> frozenset[Kind]:
    """All kinds that the detections show."""
    ids = {attack_id for detection in detections for attack_id in detection.techniques}
    return frozenset(map(kind_of, ids))


def leading(kinds: Iterable[Kind]) -> Kind:
    """The kind that names an incident."""
    order = list(Kind)
    return min(kinds, key=order.index, default=Kind.OTHER)


def is_flood(detection: Detection) -> bool:
    """Whether it says nothing but: very much traffic."""
    return bool(detection.techniques) and all(kind_of(each) is Kind.FLOOD for each in detection.techniques)


def is_of_windows(detection: Detection) -> bool:
    """Whether the log of a Windows machine shows it: then it was done there, and not merely asked for."""
    return detection.logsource.product == "windows"
