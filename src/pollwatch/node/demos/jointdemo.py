"""``pollwatch demo joint`` from beginning to end: the acts in order, then the story as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pollwatch.clock import Clock
from pollwatch.i18n import _
from pollwatch.node.attribution import dossiers
from pollwatch.node.demos import jointacts, jointcase, jointmatch, jointstory
from pollwatch.node.demos.jointstory import Stage4
from pollwatch.node.gateway import processes
from pollwatch.report.story import Step, story_page


def play(stage: Stage4) -> Iterator[Step]:
    """All acts. The gateways are ended when the iterator is exhausted or closed.

    Raises:
        PollwatchError: a step could not be done at all.
    """
    yield jointstory.charter(stage)
    yield jointstory.scan(stage)
    with processes.running(*jointstory.gateways(stage)):
        for act in (
            jointstory.publish,
            jointstory.release,
            jointmatch.match,
            jointacts.tell,
            jointacts.poison,
            jointcase.weigh,
            jointacts.state,
            jointacts.fork,
            jointacts.sever,
            jointcase.dossier,
        ):
            yield act(stage)


def stage(week: Path, root: Path, clock: Clock) -> Stage4:
    """Where it plays: below a folder that the demo has emptied (:func:`pollwatch.node.demos.demo.prepare`)."""
    return Stage4(week.resolve(), root, clock)


def checks(stage: Stage4) -> list[tuple[str, str]]:
    """What anybody can check afterwards, and the command for it."""
    found = []
    if fork := stage.artefacts.get("fork"):
        found.append((_("the proof of the forked log"), f"pollwatch verify {fork}"))
    if said := stage.artefacts.get("statement"):
        command = f"python -m pollwatch.attribution.verify {said} --charter {stage.artefacts['charter']}"
        found.append((_("the statement, with its dissent"), command))
    if papers := stage.artefacts.get("dossier"):
        found.append((_("read the whole case as a ministry gets it"), str(papers / "dossier-en.pdf")))
        command = f"pollwatch verify {papers / dossiers.EVIDENCE} --policy {papers / dossiers.POLICY}"
        found.append((_("what proves it, and who signed what"), command))
    alder = stage.case(jointstory.ALDER)
    found.append((_("all that ever left Alder's office"), f"pollwatch disclosures --case {alder}"))
    found.append((_("what every member spent on matching"), f"pollwatch match budget --case {alder}"))
    found.append((_("each member's record"), f"pollwatch members record --case {stage.case(jointstory.BIRCH)}"))
    return found


def write_report(stage: Stage4, steps: Sequence[Step]) -> Path:
    """The story as a page that needs no network."""
    path = stage.root / "story.html"
    title = _("One election week, four rivals")
    lead = _(
        "Four offices of three blocs that do not trust one another watched the same week, each with its own node. One "
        "forked its log, one reported innocents. This is what the others saw, and what anybody can check."
    )
    path.write_text(story_page(title, lead, steps, checks(stage)), "utf-8")
    return path
