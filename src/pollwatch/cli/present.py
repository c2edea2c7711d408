"""Incidents on a terminal: the light, a table, and for each incident what happened and what to do.

Everything that an attacker may have written goes through ``printable`` and is handed to rich as plain text, so
that neither escape sequences nor rich's own markup in a log line mean anything.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pollwatch.clock import rfc3339, to_datetime
from pollwatch.events.detection import Severity
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext
from pollwatch.incidents.light import Light, light
from pollwatch.report.case import actor_names
from pollwatch.report.words import lines_words, severity_word, thousands

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pollwatch.incidents.incident import Incident
    from pollwatch.node.case.explaining import LineExplanation
    from pollwatch.node.case.scan import ScanReport

STYLE = {
    Severity.INFO: "dim",
    Severity.LOW: "cyan",
    Severity.MEDIUM: "yellow",
    Severity.HIGH: "bold dark_orange",
    Severity.CRITICAL: "bold red",
}
WIDE = 100
"""Columns from which on a table of incidents can be read."""
_TITLE = 240
_LAMP = {"normal": "green", "look-now": "yellow", "call-now": "bold red", "not-watching": "bold magenta"}


class _Piped(Console):
    """A console whose reader may go away: that ends us quietly, not with rich's code 1, which would say "findings"."""

    def on_broken_pipe(self) -> None:
        """Leave it to the command line's own end."""
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """A console that obeys NO_COLOR and the terminal's width; 140 columns where there is none."""
    made = _Piped(stderr=stderr, highlight=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = 140
    return made


def scan(report: ScanReport, *, minimum: Severity, case_dir: Path | None, quiet: bool, stories: int = 3) -> None:
    """What a scan found, for a person."""
    out = console()
    shown = [incident for incident in report.incidents if incident.severity >= minimum]
    out.print(light_panel(light(report.incidents, report.inputs, report.coverage, passed_over=len(report.passed_over))))
    if shown:
        out.print(incident_table(shown, out.width))
        for incident in shown[:stories]:
            out.print(story(incident))
        if len(shown) > stories:
            out.print(
                Text(
                    _("… and {n} more in the table; --json has all of each.").format(n=len(shown) - stories),
                    style="dim",
                )
            )
    if not quiet:
        _closing(report, shown, case_dir)


def light_panel(state: Light) -> Panel:
    """The clerk's light: a lamp, a word, a sentence."""
    style = _LAMP[state.state]
    words = Text.assemble(("●  ", style), (state.word.upper(), style), ("   " + state.sentence, "default"))
    return Panel(words, border_style=style.replace("bold ", ""), padding=(0, 2))


def incident_table(incidents: Sequence[Incident], width: int = WIDE) -> Table | Group:
    """One row an incident, in the order of their priority; on a narrow terminal, two or three lines each."""
    if width < WIDE:
        return Group(*(line for incident in incidents for line in _stacked(incident)), "")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(_("prio"), justify="right")
    table.add_column(_("severity"), no_wrap=True)
    table.add_column(_("what"), ratio=3)
    table.add_column(_("who"), ratio=2)
    table.add_column(_("first (UTC)"), no_wrap=True)
    table.add_column(_("last"), no_wrap=True)
    table.add_column(_("lines"), justify="right", no_wrap=True)
    for incident in incidents:
        table.add_row(
            str(incident.election.priority),
            Text(severity_word(incident.severity.word), style=STYLE[incident.severity]),
            Text(printable(incident.title, _TITLE)),
            Text(", ".join(actor_names(incident, 3))),
            moment(incident.first_us),
            moment(incident.last_us),
            thousands(len(incident.lines)),
        )
    return table


def _stacked(incident: Incident) -> tuple[Text, Padding]:
    severity = (severity_word(incident.severity.word), STYLE[incident.severity])
    facts = f"{span(incident.first_us, incident.last_us)} UTC, {lines_words(len(incident.lines))}"
    head = Text.assemble((f"{incident.election.priority}  ", "dim"), severity, "  ", printable(incident.title, _TITLE))
    return head, Padding(Text(facts, style="dim"), (0, 0, 0, 3))


def span(first_us: int | None, last_us: int | None) -> str:
    """From when to when, to the minute; the day once where it is the same."""
    first, last = moment(first_us), moment(last_us)
    if first == last:
        return first
    day, at = last.split(" ") if " " in last else ("", last)
    return f"{first} → {at if first.startswith(day) else last}"


def story(incident: Incident) -> Padding:
    """One incident: what happened, its phases, one line of proof, what to do."""
    head = Text.assemble(
        (f"{incident.id}  ", "dim"), (printable(incident.title, _TITLE), "bold " + STYLE[incident.severity])
    )
    rows: list[Text] = [head, Text(printable(incident.summary, 600))]
    for number, phase in enumerate(incident.phases[:8], 1):
        rows.append(
            Text.assemble(
                (f"  {number}. ", "dim"),
                printable(phase.name, 60),
                (f"  {phase.technique}", "cyan"),
                (f"  {span(phase.first_us, phase.last_us)}  {lines_words(phase.lines)}", "dim"),
            )
        )
    if incident.samples:
        proof = incident.samples[-1]
        rows.append(Text(f"  {printable(proof.path, 60)}:{proof.number}  {printable(proof.text, 160)}", style="dim"))
    rows += [Text.assemble(("  → ", "green"), printable(step, 400)) for step in incident.advice[:3]]
    return Padding(Group(*rows), (1, 0, 0, 0))


def moment(us: int | None) -> str:
    """A time in UTC to the minute, or a dash."""
    return "–" if us is None else to_datetime(us).strftime("%Y-%m-%d %H:%M")


def plain(rows: Iterable[Sequence[str]]) -> None:
    """Rows for another program: tab-separated, each cell inert."""
    for row in rows:
        sys.stdout.write("\t".join(printable(cell, 2000) for cell in row) + "\n")


def passed_over(names: Sequence[str]) -> str:
    """One sentence about the files of no known format that lay beside logs in a folder."""
    shown = ", ".join(printable(name, 80) for name in names[:3])
    if len(names) > 3:
        shown = _("{names} and {n} more").format(names=shown, n=len(names) - 3)
    return ngettext(
        "{n} file beside the logs is of no known format and was passed over: {names}. Name it to have it read.",
        "{n} files beside the logs are of no known format and were passed over: {names}. Name them to have them read.",
        len(names),
    ).format(n=len(names), names=shown)


def _closing(report: ScanReport, shown: Sequence[Incident], case_dir: Path | None) -> None:
    err = console(stderr=True)
    lines, quarantined = (sum(getattr(i, name) for i in report.inputs) for name in ("lines", "quarantined"))
    words = _(
        "{lines} lines of {inputs} read in {seconds:.1f} s ({rate} a second), {quarantined} not understood."
    ).format(
        lines=thousands(lines),
        inputs=ngettext("{n} input", "{n} inputs", len(report.inputs)).format(n=len(report.inputs)),
        seconds=report.elapsed_s,
        rate=thousands(int(report.lines_per_s)),
        quarantined=thousands(quarantined),
    )
    err.print(Text("\n" + words, style="dim"))
    if case_dir is not None and shown:
        folder = shlex.quote(str(case_dir))
        err.print(Text(_("Next: pollwatch report --case {folder}").format(folder=folder), style="dim"))


def explanation(found: LineExplanation, *, show_all: bool) -> None:
    """What becomes of one line: format, fields, rules."""
    out = console()
    if found.scores:
        scored = "  ".join(f"{name} {score:.2f}" for name, score in found.scores if score > 0)
        out.print(Text.assemble((_("format scores") + "  ", "dim"), scored or _("none fits")))
    if not found.format:
        out.print(Text(_("No recognised format; --format NAME says which it is."), style="yellow"))
        return
    out.print(Text.assemble((_("read as") + "  ", "dim"), (found.format, "bold"), "  ", (found.logsource, "cyan")))
    if found.reason:
        out.print(Text(_("Quarantined: {reason}").format(reason=found.reason), style="yellow"))
        return
    fields = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    fields.add_row(Text("time", style="dim"), rfc3339(found.time_us) or "–")
    for name, value in found.fields:
        fields.add_row(Text(printable(name, 80), style="dim"), Text(printable(value, 300)))
    out.print(fields)
    fitting = [rule for rule in found.rules if rule.fits]
    out.print(
        Text("\n" + ngettext("{n} rule fits", "{n} rules fit", len(fitting)).format(n=len(fitting)), style="bold")
    )
    for each in found.rules:
        if each.fits or show_all:
            mark = ("✔ ", "green") if each.fits else ("✘ ", "dim")
            out.print(Text.assemble(mark, (each.rule.info.title, "bold" if each.fits else "dim")))
            for part in each.parts[:8]:
                out.print(Text("    " + printable(part, 300), style="dim"))
    if not show_all and len(fitting) < len(found.rules):
        rest = len(found.rules) - len(fitting)
        out.print(Text(_("{n} rules of this logsource do not fit; --all says why.").format(n=rest), style="dim"))
