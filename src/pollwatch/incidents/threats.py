"""The EU's list of threats to elections: 23, each with its phase and system, and what of them logs can show.

The list is that of the NIS Cooperation Group's compendium of 2018, as the galaxy ``election-guidelines`` has it. What
is laid down here is our reading of it: which of our kinds of systems a threat is aimed at, which kinds of incidents may
be it, and which logs show it. A threat that no log shows says what shows it instead.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from pollwatch.election.assets import Asset
from pollwatch.i18n import _
from pollwatch.incidents.galaxies import cluster
from pollwatch.incidents.kinds import Kind
from pollwatch.incidents.signals import Signal

_CLUSTER: Final = "election-guidelines"
_CHAIN: Final = "example-of-threats:"
_OFFICES: Final = ("email", "office", "network", "other")
_PARTIES: Final = ("party",)
_ROLLS: Final = ("registration", "portal")
_COUNT: Final = ("tabulation",)
_RESULTS: Final = ("results",)
_INTRUSION: Final = frozenset({Kind.SHELL, Kind.EXPLOIT, Kind.PASSWORD, Kind.ACCESS, Kind.PRIVILEGE})
_CHANGE: Final = frozenset({Kind.ALTERATION, Kind.SHELL, Kind.ACCESS, Kind.PRIVILEGE, Kind.EXPLOIT})
_THEFT: Final = frozenset({Kind.THEFT})
_FLOOD: Final = frozenset({Kind.FLOOD})
_ALTERED: Final = frozenset({Kind.ALTERATION})
_POSING: Final = frozenset({Kind.LOOKALIKE})
_DECEPTION: Final = _INTRUSION | _ALTERED | _POSING
_BY_VOLUME: Final = (Signal.REQUESTS, Signal.FLOWS)
_ON_HOSTS: Final = (Signal.LOGINS, Signal.PROGRAMS, Signal.FLOWS)
_ON_SITES: Final = (Signal.REQUESTS, Signal.LOGINS, Signal.PROGRAMS)
_BY_DATABASE: Final = (Signal.DATABASE, Signal.REQUESTS, Signal.LOGINS)


@dataclass(frozen=True, slots=True)
class Threat:
    """One of the 23.

    Attributes:
        number: its place in the list, from 1.
        phase, system: as the list names them: ``voting``, ``election-technology``.
        assets: our kinds of systems that it is aimed at.
        kinds: incidents of these kinds may be it.
        evidence: what shows it, the most telling first; empty = no log does.
    """

    number: int
    name: str
    phase: str
    system: str
    assets: tuple[str, ...]
    kinds: frozenset[Kind]
    evidence: tuple[Signal, ...]

    def concerns(self, kind: str) -> bool:
        """Whether systems of a kind are exposed to it; of no kind, all are."""
        return not kind or kind in self.assets


#: By a threat's first words in the list, so that a corrected letter at its end loses nothing.
_READINGS: Final[dict[str, tuple[tuple[str, ...], frozenset[Kind], tuple[Signal, ...]]]] = {
    "Tampering with registrations": (("registration", "party"), _CHANGE, _BY_DATABASE),
    "DoS or overload of party/campaign registration": (("registration", "party"), _FLOOD, _BY_VOLUME),
    "Fabricated signatures": (("registration",), frozenset(), ()),
    "Identity fraud during voter registration": (_ROLLS, frozenset(), (Signal.REQUESTS, Signal.DATABASE)),
    "Deleting or tampering with voter data": (_ROLLS, _CHANGE | _THEFT, _BY_DATABASE),
    "DoS or overload of voter registration": (_ROLLS, _FLOOD, _BY_VOLUME),
    "Hacking candidate laptops or email": (_PARTIES, _INTRUSION, (Signal.MAIL, Signal.LOGINS, Signal.PROGRAMS)),
    "Hacking campaign websites (defacement": (_PARTIES, _INTRUSION | _FLOOD | _ALTERED, _ON_SITES),
    "Misconfiguration of a website": (("website", "party", "portal"), frozenset({Kind.PROBE}), (Signal.REQUESTS,)),
    "Leak of confidential": (("party", "office", "email"), _THEFT, (Signal.SIZES, Signal.FLOWS, Signal.MAIL)),
    "Hacking/misconfiguration of government servers": (_OFFICES, _INTRUSION | {Kind.PROBE}, _ON_HOSTS),
    "Hacking campaign websites, spreading": (("website", "party"), _DECEPTION, _ON_SITES),
    "DoS or overload of government": (("website", "portal", "other"), _FLOOD, _BY_VOLUME),
    "Tampering or DoS of voting": (_COUNT, _CHANGE | _FLOOD, _ON_HOSTS),
    "Software bug": (_COUNT, frozenset(), ()),
    "Tampering with logs": ((*_COUNT, *_RESULTS, *_OFFICES), _ALTERED, (Signal.ACCOUNTABLE, Signal.PROGRAMS)),
    "Breach of voters privacy": (_COUNT, _THEFT, (Signal.PROGRAMS, Signal.FLOWS)),
    "Tampering, DoS or overload of the systems used for counting": (_COUNT, _CHANGE | _FLOOD, _ON_HOSTS),
    "Tampering or DoS of communication links": ((*_COUNT, "network"), _CHANGE | _FLOOD, (Signal.FLOWS, Signal.SENSOR)),
    "Tampering with supply chain": ((*_COUNT, "email", "office"), _POSING, (Signal.MAIL, Signal.PROGRAMS)),
    "Hacking of internal systems used by media": (("results", "other"), _INTRUSION, _ON_HOSTS),
    "Tampering, DoS, or overload of media": (("results", "network"), _FLOOD, (Signal.FLOWS, Signal.SENSOR)),
    "Defacement, DoS or overload": (_RESULTS, _CHANGE | _FLOOD, (Signal.REQUESTS, Signal.LOGINS, Signal.FLOWS)),
}  # fmt: skip


@cache
def threats() -> tuple[Threat, ...]:
    """All of them in the list's order; none where the data is not installed."""
    found = []
    for number, value in enumerate(cluster(_CLUSTER), 1):
        place = next((each.removeprefix(_CHAIN) for each in value.meta.kill_chain if each.startswith(_CHAIN)), "")
        phase, _bar, system = (part.strip() for part in place.partition("|"))
        reading = next((mine for start, mine in _READINGS.items() if value.value.startswith(start)), None)
        if reading is not None:
            found.append(Threat(number, value.value, phase, system, *reading))
    return tuple(found)


def instead(threat: Threat) -> str:
    """What shows a threat that no log shows."""
    if threat.name.startswith("Software bug"):
        return _("no log shows it: count a sample of the paper by hand")
    return _("no log shows it: compare the records with the papers they were made from")


def of_incident(kinds: Collection[Kind], assets: Sequence[Asset]) -> tuple[Threat, ...]:
    """The threats that an incident may be: of one of its kinds, aimed at one of the systems that were hit.

    Args:
        kinds: what the incident shows.
        assets: the systems that were hit; where none is known, nothing is said.
    """
    hit = {asset.kind for asset in assets}
    return tuple(each for each in threats() if each.kinds & set(kinds) and hit & set(each.assets))
