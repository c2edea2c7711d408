"""ATT&CK: techniques by id, and groups that were reported to use them, from data that ``pymispgalaxies`` ships.

Read on first use. Ids that ATT&CK has revoked are followed to what replaced them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from pollwatch.incidents.galaxies import Value, cluster

#: Where a technique serves several tactics, the one that a log line most likely shows stands first.
TACTICS: Final = (
    "initial-access",
    "credential-access",
    "persistence",
    "privilege-escalation",
    "execution",
    "impact",
    "exfiltration",
    "collection",
    "lateral-movement",
    "command-and-control",
    "discovery",
    "defense-evasion",
    "defense-impairment",
    "stealth",
    "reconnaissance",
    "resource-development",
)
_MAX_HOPS = 8
#: What ATT&CK 19 (April 2026) made of the techniques that it revoked when it split defence evasion into two tactics.
#: Rules use its ids already; the installed data may be older, and then the old id lends tactic and kinship.
_RENUMBERED: Final = {
    "T1562": ("T1685", "Disable or Modify Tools"),
    "T1562.001": ("T1685", "Disable or Modify Tools"),
    "T1562.002": ("T1685.001", "Disable or Modify Windows Event Log"),
    "T1562.003": ("T1690", "Prevent Command History Logging"),
    "T1562.004": ("T1686", "Disable or Modify System Firewall"),
    "T1562.006": ("T1685", "Disable or Modify Tools"),
    "T1562.007": ("T1686.001", "Cloud Firewall"),
    "T1562.008": ("T1685.002", "Disable or Modify Cloud Log"),
    "T1562.009": ("T1688", "Safe Mode Boot"),
    "T1562.010": ("T1689", "Downgrade Attack"),
    "T1562.011": ("T1685.003", "Modify or Spoof Tool UI"),
    "T1562.012": ("T1685.004", "Disable or Modify Linux Audit System Log"),
    "T1562.013": ("T1686.002", "Network Device Firewall"),
    "T1070.001": ("T1685.005", "Clear Windows Event Logs"),
    "T1070.002": ("T1685.006", "Clear Linux or Mac System Logs"),
    "T1656": ("T1684.001", "Impersonation"),
    "T1672": ("T1684.002", "Email Spoofing"),
}
_NEW: Final = {"T1686.003": ("T1686", "Windows Host Firewall")}


@dataclass(frozen=True, slots=True)
class Technique:
    """One technique as ATT&CK has it today.

    Attributes:
        id: after following ``revoked-by``; an unknown id stays as it is.
        name: official name; for a sub-technique its own name (``Password Guessing``). The id where unknown.
        tactics: short names, most likely first; empty where unknown.
    """

    id: str
    name: str
    tactics: tuple[str, ...]

    @property
    def tactic(self) -> str:
        """The tactic that a log line most likely shows; empty where unknown."""
        return self.tactics[0] if self.tactics else ""


@dataclass(frozen=True, slots=True)
class Group:
    """A group as ATT&CK describes it: not an organisation that was found guilty of something.

    Attributes:
        id: ATT&CK id (``G0007``).
        name: its first name there.
        names: all names that others give it, the first one included.
        techniques: ids of the techniques that it was reported to use; those of sub-techniques too.
    """

    id: str
    name: str
    names: tuple[str, ...]
    techniques: frozenset[str]


def technique(attack_id: str) -> Technique:
    """The technique of an id such as ``T1110.001``; never fails: an unknown id is its own name."""
    return _techniques().get(attack_id.upper(), Technique(attack_id, attack_id, ()))


@cache
def groups() -> tuple[Group, ...]:
    """All groups that use any technique, by id; none where the data is not installed."""
    ids = {value.uuid: value.meta.external_id for value in cluster("mitre-attack-pattern")}
    found = []
    for value in cluster("mitre-intrusion-set"):
        used = {ids[r.dest] for r in value.related if r.type == "uses" and ids.get(r.dest, "").startswith("T")}
        if used and not any(r.type == "revoked-by" for r in value.related):
            name = value.value.removesuffix(f" - {value.meta.external_id}")
            names = tuple(dict.fromkeys((name, *value.meta.synonyms)))
            current = frozenset(technique(each).id for each in used)
            found.append(Group(value.meta.external_id, name, names, current))
    return tuple(sorted(found, key=lambda each: each.id))


@cache
def _techniques() -> Mapping[str, Technique]:
    values = cluster("mitre-attack-pattern")
    by_uuid = {value.uuid: value for value in values}
    found: dict[str, Technique] = {}
    for value in values:
        current = _current(value, by_uuid)
        if value.meta.external_id.startswith("T"):
            found[value.meta.external_id] = _made(current)
    return found if _RENUMBERED["T1562"][0] in found else _renumbered(found)


def _renumbered(older: dict[str, Technique]) -> dict[str, Technique]:
    """Data of before ATT&CK 19 with what that release renumbered."""
    found = dict(older)
    for old, (attack_id, name) in _RENUMBERED.items():
        if old in older:
            tactics = found[attack_id].tactics if attack_id in found else older[old].tactics
            found[old] = found[attack_id] = Technique(attack_id, name, tactics)
    for attack_id, (parent, name) in _NEW.items():
        if parent in found:
            found[attack_id] = Technique(attack_id, name, found[parent].tactics)
    return found


def _current(value: Value, by_uuid: Mapping[str, Value]) -> Value:
    for _hop in range(_MAX_HOPS):
        replaced = next((r.dest for r in value.related if r.type == "revoked-by" and r.dest in by_uuid), None)
        if replaced is None:
            break
        value = by_uuid[replaced]
    return value


def _made(value: Value) -> Technique:
    attack_id = value.meta.external_id
    found = {entry.rpartition(":")[2] for entry in value.meta.kill_chain}
    name = value.value.removesuffix(f" - {attack_id}")
    return Technique(attack_id, name, tuple(tactic for tactic in TACTICS if tactic in found))
