"""The steps of an incident, in order: one phase per technique and spell of activity, few enough to read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from pollwatch.clock import US_PER_S
from pollwatch.events.detection import Detection
from pollwatch.events.lines import LineSet
from pollwatch.i18n import _
from pollwatch.incidents.attack import technique
from pollwatch.incidents.incident import Phase

#: The same technique again after this pause is a step of its own ...
PAUSE_US: Final = 6 * 3600 * US_PER_S
#: ... unless it comes back so often that steps would say nothing.
_MOST_SPELLS: Final = 2


def phases(detections: Sequence[Detection]) -> tuple[Phase, ...]:
    """The steps of an incident by first time; techniques without a time come last.

    A detection shows its first, most specific technique. Alternating techniques stay one phase each.
    """
    by_technique: dict[str, list[Detection]] = defaultdict(list)
    for detection in detections:
        shown = technique(detection.techniques[0]).id if detection.techniques else ""
        by_technique[shown].append(detection)
    if len(by_technique) > 1:
        by_technique.pop("", None)  # what says nothing about the step adds nothing to the steps
    found = [phase for shown, of in by_technique.items() for phase in _spells(shown, of)]
    return tuple(sorted(found, key=lambda p: (p.first_us is None, p.first_us or 0, p.last_us or 0, p.technique)))


def _spells(shown: str, detections: Sequence[Detection]) -> list[Phase]:
    timed = sorted((d for d in detections if d.first_us is not None), key=lambda d: (d.first_us or 0, d.last_us or 0))
    spells: list[list[Detection]] = []
    end_us = 0
    for detection in timed:
        if not spells or (detection.first_us or 0) - end_us > PAUSE_US:
            spells.append([])
        spells[-1].append(detection)
        end_us = max(end_us, detection.last_us or detection.first_us or 0)
    if len(spells) > _MOST_SPELLS:
        spells = [timed]
    timeless = [d for d in detections if d.first_us is None]
    if timeless:
        spells[:1] = [[*spells[0], *timeless]] if spells else [timeless]
    return [_phase(shown, spell) for spell in spells]


def _phase(shown: str, detections: Sequence[Detection]) -> Phase:
    known = technique(shown)
    times = [t for d in detections for t in (d.first_us, d.last_us) if t is not None]
    return Phase(
        known.name or _("Suspicious activity"),
        known.id,
        known.tactic,
        min(times, default=None),
        max(times, default=None),
        len(LineSet.union(d.lines for d in detections)),
    )


def techniques_of(detections: Sequence[Detection]) -> tuple[str, ...]:
    """All ATT&CK ids as they are valid today, in order of first appearance."""
    return tuple(dict.fromkeys(technique(each).id for d in detections for each in d.techniques))


def tactics_of(detections: Sequence[Detection]) -> tuple[str, ...]:
    """The tactics of the techniques, in order of first appearance."""
    shown = (technique(each).tactic for d in detections for each in d.techniques[:1])
    return tuple(dict.fromkeys(tactic for tactic in shown if tactic))
