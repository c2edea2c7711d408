"""``pollwatch demo``: what pollwatch is for, in half a minute."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.clock import SystemClock, monotonic_s
from pollwatch.i18n import _

if TYPE_CHECKING:
    from rich.console import Console

    from pollwatch.node.demos.demo import Folders
    from pollwatch.report.story import Step


_out = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-out"),
    show_default=True,
    metavar="DIR",
    help="Where to leave the cases, the evidence and the report.",
)


@click.group(invoke_without_command=True)
@_out
@click.pass_context
def command(context: click.Context, *, out: Path) -> int | None:
    """Play a recorded election week on two rival nodes; with `joint`, on four.

    One finds the attacks, seals and releases what it found, and claims; the other denies, rewrites its log, and is
    caught. Two real processes, real keys, no network beyond this machine.
    """
    if context.invoked_subcommand is not None:
        return None
    from pollwatch.cli import present
    from pollwatch.events.detection import Severity
    from pollwatch.node.demos import demo, story

    started_s = monotonic_s()
    clock = SystemClock()
    week, folders = demo.recorded_week(), demo.prepare(out)
    screen = present.console()
    _act(screen, _("An election week, read from an office's own logs"), str(week))
    report = demo.scan_week(week, folders, clock, show_progress=True)
    present.scan(report, minimum=Severity.LOW, case_dir=None, quiet=False, stories=1)
    _act(screen, _("The same week with a rival at the table"), _("two processes, two keys, no centre"))
    wrong = 0
    for step in story.tell(demo.stage(report, folders, clock)):
        _step(screen, step)
        wrong += not step.expected
    demo.write_report(week, folders, clock)
    _next(screen, _hints(folders), monotonic_s() - started_s)
    return 70 if wrong or report.failures else 0


@command.command()
@_out
def joint(*, out: Path) -> int:
    """Play the week on four rival nodes of three blocs: one forks its log, one reports innocents.

    Each scans its own part of the week; common attackers are found by private matching; every act is done by real
    processes with real keys on this machine, and checked by those whom it is done to.
    """
    from pollwatch.cli import present
    from pollwatch.node.demos import demo, jointdemo

    started_s = monotonic_s()
    stage = jointdemo.stage(demo.recorded_week(), demo.prepare(out).root, SystemClock())
    screen = present.console()
    _act(screen, _("One election week, four rivals"), _("four nodes, three blocs, no centre"))
    steps = []
    for step in jointdemo.play(stage):
        _step(screen, step)
        steps.append(step)
    page = jointdemo.write_report(stage, steps)
    _next(screen, [(_("read the story in a browser"), str(page)), *jointdemo.checks(stage)], monotonic_s() - started_s)
    return 0 if all(step.expected for step in steps) else 70


def _act(screen: Console, title: str, subtitle: str) -> None:
    from rich.rule import Rule
    from rich.text import Text

    screen.print()
    screen.print(Rule(Text.assemble((title, "bold"), ("  " + subtitle, "dim")), align="left", style="dim"))


def _step(screen: Console, step: Step) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from pollwatch.events.printable import printable

    mark = ("✔ ", "bold green") if step.expected else ("✘ ", "bold red")
    screen.print(Text.assemble("\n", mark, (step.title, "bold")))
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    label = ""
    for name, value in step.facts:
        facts.add_row("" if name == label else name, Text(printable(value, 400)))
        label = name
    screen.print(Padding(facts, (0, 0, 0, 2)))


def _hints(folders: Folders) -> list[tuple[str, str]]:
    return [
        (_("read the report in a browser"), str(folders.report)),
        (_("check the evidence yourself"), f"pollwatch verify {folders.evidence / 'evidence-bundle.zip'}"),
        (_("check the proof of the rewritten log"), f"pollwatch verify {folders.evidence / 'fork-proof.json'}"),
        (_("see what left the building"), f"pollwatch disclosures --case {folders.alder}"),
        (_("ask why a line is suspicious"), "pollwatch explain 'PASTE A LOG LINE'"),
        (_("scan your own logs"), "pollwatch scan /var/log/nginx /var/log/auth.log"),
        (_("the same with four rivals"), "pollwatch demo joint"),
    ]


def _next(screen: Console, hints: list[tuple[str, str]], elapsed_s: float) -> None:
    from rich.text import Text

    _act(screen, _("What to try next"), _("{seconds:.0f} seconds").format(seconds=elapsed_s))
    width = max(len(words) for words, _line in hints) + 2
    for words, line in hints:
        screen.print(Text.assemble(("  " + words.ljust(width), "dim"), line))
    screen.print()
