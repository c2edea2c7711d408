"""Per system and per threat: what the logs at hand can show, what they cannot, and what to switch on first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pollwatch.election.assets import Asset
from pollwatch.i18n import _
from pollwatch.incidents import signals
from pollwatch.incidents.coverage import Telemetry
from pollwatch.incidents.signals import Signal
from pollwatch.incidents.threats import Threat, instead, threats

#: How much more it counts where nothing is seen of a threat yet.
_BLIND: Final = 3

State = Literal["seen", "partly", "unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the logs of one system can show of one threat.

    Attributes:
        state: all that shows it is logged, some, or nothing.
        shown: what is shown, in words.
        missing: what is not, and why.
    """

    threat: Threat
    state: State
    shown: tuple[str, ...]
    missing: tuple[str, ...]
    lacking: tuple[Signal, ...]

    @property
    def answer(self) -> str:
        """The verdict in a sentence."""
        if self.state == "seen":
            return _("can be seen: {shown}").format(shown="; ".join(self.shown))
        if self.state == "partly":
            return _("partly: {shown}; but {missing}").format(
                shown="; ".join(self.shown), missing="; ".join(self.missing)
            )
        return _("cannot be determined: {missing}").format(missing="; ".join(self.missing))


@dataclass(frozen=True, slots=True)
class Exposure:
    """One system.

    Attributes:
        asset: None for the lines of no system that the configuration names.
    """

    asset: Asset | None
    verdicts: tuple[Verdict, ...]
    events: int


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to switch on.

    Attributes:
        what: an instruction.
        systems: names of the systems where it is missing; empty where none is named.
        threats: how many threats, counted per system, can be seen better with it.
    """

    what: str
    systems: tuple[str, ...]
    threats: int


def exposure(asset: Asset | None, telemetry: Telemetry) -> Exposure:
    """What the logs of a system can show of each threat to it."""
    kind = asset.kind if asset else ""
    verdicts = tuple(_verdict(threat, telemetry) for threat in threats() if threat.concerns(kind))
    return Exposure(asset, verdicts, sum(telemetry.events.values()))


def _verdict(threat: Threat, telemetry: Telemetry) -> Verdict:
    if not threat.evidence:
        return Verdict(threat, "unknown", (), (instead(threat),), ())
    present = [each for each in threat.evidence if signals.there(each, telemetry)]
    lacking = tuple(each for each in threat.evidence if each not in present)
    state: State = "seen" if not lacking else "partly" if present else "unknown"
    return Verdict(
        threat,
        state,
        tuple(map(signals.shows, present)),
        tuple(dict.fromkeys(signals.missing(each, telemetry) for each in lacking)),
        lacking,
    )


def remedies(found: Sequence[Exposure], telemetry: Mapping[Asset | None, Telemetry]) -> list[Remedy]:
    """What to switch on, first what helps most: a threat of which nothing is seen yet counts thrice."""
    weight: Counter[str] = Counter()
    count: Counter[str] = Counter()
    systems: dict[str, list[str]] = defaultdict(list)
    for each in found:
        for verdict in each.verdicts:
            for signal in verdict.lacking:
                what = signals.remedy(signal, telemetry[each.asset])
                # What stands first in a threat's evidence tells most.
                rank = len(verdict.threat.evidence) - verdict.threat.evidence.index(signal)
                weight[what] += rank * (_BLIND if verdict.state == "unknown" else 1)
                count[what] += 1
                systems[what] += [each.asset.name] if each.asset else []
    order = sorted(weight, key=lambda what: -weight[what])
    return [Remedy(what, tuple(dict.fromkeys(systems[what])), count[what]) for what in order]
