"""The report as Markdown, for a ticket, a mail or a wiki. Attacker-written text stands only in code spans."""

from __future__ import annotations

import re

from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.incidents.incident import Incident
from pollwatch.report.case import CaseReport, actor_names
from pollwatch.report.words import exercise_words, lines_words, missing_words, severity_word, status_word, thousands

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~&-])")


def markdown_report(case: CaseReport) -> str:
    """The report of a case as one Markdown document."""
    mark = f"**{exercise_words(case.exercise).strip()}**" if case.exercise else ""
    parts = [
        mark,
        f"# {inert(case.title)}",
        _("Made {when} ({zone}). All times are in this zone.").format(
            when=case.when(case.generated_us, seconds=False), zone=case.zone_name
        ),
        f"**{case.light.word}** – {inert(case.light.sentence)}",
        f"## {_('Incidents')}",
        _table(case) if case.told else _("None. What the logs at hand cannot show is listed under coverage."),
        *(_incident(case, incident) for incident in case.told),
        f"## {_('What these logs can and cannot show')}",
        "\n".join(
            f"- {inert(each.question)} **{inert(each.answer)}** ({inert(missing_words(each))})"
            if each.missing
            else f"- {inert(each.question)} **{inert(each.answer)}**"
            for each in case.coverage
        ),
        f"## {_('What was read')}",
        "\n".join(
            f"- {code(row.path)}: {row.format or '–'}, {lines_words(row.lines)}, "
            + _("{n} not understood").format(n=thousands(row.quarantined))
            for row in case.inputs
        ),
        mark,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(case: CaseReport) -> str:
    head = [
        _("Priority"),
        _("Severity"),
        _("What"),
        _("Who, as far as the log says"),
        _("First"),
        _("Last"),
        _("Lines"),
    ]
    rows = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    for incident in case.told:
        cells = [
            str(incident.election.priority),
            severity_word(incident.severity.word),
            inert(incident.title),
            ", ".join(inert(name) for name in actor_names(incident)),
            case.when(incident.first_us, seconds=False),
            case.when(incident.last_us, seconds=False),
            thousands(len(incident.lines)),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _incident(case: CaseReport, incident: Incident) -> str:
    parts = [
        f"## {inert(exercise_words(case.exercise) + incident.title)}",
        f"`{incident.id}` · {severity_word(incident.severity.word)} · {status_word(incident.status)}",
        inert(incident.summary),
        f"### {_('What to do')}",
        "\n".join(f"{n}. {inert(step)}" for n, step in enumerate(incident.advice, 1)),
        f"### {_('Steps of the attack, in order')}",
        "\n".join(
            f"{n}. {inert(phase.name)} `{phase.technique}` – {case.when(phase.first_us)} … {case.when(phase.last_us)}, "
            f"{lines_words(phase.lines)}"
            for n, phase in enumerate(incident.phases, 1)
        ),
        f"### {_('Why we say so')}",
        "\n".join(f"- {inert(sentence)}" for sentence in incident.why),
        "\n".join(f"- {code(f'{line.path}:{line.number}')} {code(line.text)}" for line in incident.samples),
    ]
    return "\n\n".join(part for part in parts if part)


def inert(text: str) -> str:
    """Text on one line, in which nothing is Markdown or HTML."""
    return special(printable(text, 2000))


def special(text: str) -> str:
    """Text in which nothing is Markdown or HTML; whoever calls it has made it one printable line."""
    return _SPECIAL.sub(r"\\\1", text)


def code(text: str) -> str:
    """A code span that its content cannot end: its fence is longer than any run of backticks inside."""
    inert = printable(text, 1200)
    fence = "`" * (max((len(run) for run in re.findall(r"`+", inert)), default=0) + 1)
    pad = " " if inert.startswith("`") or inert.endswith("`") or not inert.strip() else ""
    return f"{fence}{pad}{inert}{pad}{fence}"
