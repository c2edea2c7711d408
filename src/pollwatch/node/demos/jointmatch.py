"""The joint demo's matching: three offices learn which attackers they have in common, and nothing else."""

from __future__ import annotations

from pollwatch.i18n import _
from pollwatch.node.demos.jointstory import ALDER, DOGWOOD, THRESHOLD, Stage4, expected_common
from pollwatch.node.match import matching
from pollwatch.report.story import Step
from pollwatch.sharing.matching.papers import Group
from pollwatch.sharing.matching.workers import Workers

_LOOKS = 14


def match(stage: Stage4) -> Step:
    """A group run: committed in every log before it begins, its keys destroyed after it, its hits told to holders."""
    clock, dogwood = stage.clock, stage.members[DOGWOOD].me
    with Workers() as workers:
        group = _begun(stage) or matching.begin_group(stage.members[ALDER], dogwood, THRESHOLD, clock)
        problems = _look_until_quiet(stage, workers)
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


def _look_until_quiet(stage: Stage4, workers: Workers) -> list[str]:
    """Everybody looks into its box until twice nobody found anything; gives what went wrong for a while."""
    problems: list[str] = []
    quiet = 0
    for _look in range(_LOOKS):
        looked = [(name, matching.step(each, stage.clock, workers)) for name, each in stage.members.items()]
        problems += [f"{name}: {problem}" for name, done in looked for _who, problem in done.problems]
        quiet = 0 if any(done.taken or done.problems for _name, done in looked) else quiet + 1
        if quiet == 2:
            break
    return problems


def _begun(stage: Stage4) -> Group | None:
    """The run that an act stopped in the middle had begun: gone on with, it is paid for once."""
    circle = matching.circle(stage.members[ALDER], stage.clock)
    return circle.group(circle.groups.latest())
