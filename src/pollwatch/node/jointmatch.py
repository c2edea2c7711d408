"""The joint demo's matching: three offices learn which attackers they have in common, and nothing else."""

from __future__ import annotations

from pollwatch.i18n import _
from pollwatch.node import matching
from pollwatch.node.jointstory import ALDER, DOGWOOD, THRESHOLD, Stage4, expected_common
from pollwatch.report.story import Step
from pollwatch.sharing.matching.workers import Workers

_LOOKS = 14


def match(stage: Stage4) -> Step:
    """A group run: committed in every log before it begins, its keys destroyed after it, its hits told to holders."""
    clock, dogwood = stage.clock, stage.members[DOGWOOD].me
    with Workers() as workers:
        group = matching.begin_group(stage.members[ALDER], dogwood, THRESHOLD, clock)
        problems = [
            f"{name}: {problem}"
            for _look in range(_LOOKS)
            for member in stage.members.values()
            for name, problem in matching.step(member, clock, workers).problems
        ]
    found: dict[str, frozenset[str]] = {}
    facts = [(_("run"), _("{run}, begun by {who}, looked into by {other}, which enters nothing").format(
        run=group.run[:16], who=ALDER, other=DOGWOOD))]  # fmt: skip
    for name, member in stage.members.items():
        if name == DOGWOOD:
            continue
        run = matching.runs(member).get(group.run)
        hits = {} if run is None else matching.circle(member, clock).groups.hits(group.run)
        mine = {}
        for place, holders in hits.items():
            observable = None if run is None else run.leaves[place].observable
            if observable is not None:
                mine[observable.value] = frozenset(holders)
        found |= mine
        entered = 0 if run is None else run.entered.items
        words = _("entered {entered} of {size} places; learned: {common}")
        common = ", ".join(sorted(mine)) or _("nothing")
        facts.append((name, words.format(entered=entered, size=group.size, common=common)))
    facts.append((_("nobody learned"), _("an address that one office or one bloc has alone")))
    facts += [(_("problem"), each) for each in problems[-1:]]
    title = _("Offices of rival blocs find their common attackers, and show one another nothing else")
    return Step("match", title, tuple(facts), found == expected_common())
