"""One self-contained HTML file per case: no network, light and dark, printable, by keyboard and by screen reader.

Everything in a log may have been written by an attacker. Text enters the page only through Jinja's escaping and
:func:`printable`; the page's own style and script are named by their hashes in a Content-Security-Policy, so that
even text that got past both could load and run nothing.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from pollwatch import __version__
from pollwatch.events.detection import Severity
from pollwatch.events.printable import printable
from pollwatch.i18n import _, ngettext
from pollwatch.incidents.incident import Incident
from pollwatch.report.case import CaseReport, actor_names
from pollwatch.report.timeline import WIDTH, timeline
from pollwatch.report.words import lines_words, missing_words, phase_word, severity_word, status_word, thousands

_TEMPLATES = Path(__file__).with_name("templates")


def html_report(case: CaseReport) -> str:
    """The report of a case as one HTML document."""
    counts = Counter(incident.severity for incident in case.incidents)
    script = _TEMPLATES.joinpath("report.js").read_text("utf-8")
    return page(
        "report.html.j2",
        case=case,
        script=Markup(script),  # noqa: S704 - our own file
        script_hash=_hash(script),
        chart=timeline(case),
        width=WIDTH,
        by_severity=[(s.word, counts[s]) for s in sorted(Severity, reverse=True) if counts[s]],
        lines=sum(row.lines for row in case.inputs),
        quarantined=sum(row.quarantined for row in case.inputs),
        actors=actor_names,
        facts=_facts,
        see_for_yourself=_see_for_yourself,
        severity_word=severity_word,
        status_word=status_word,
        phase_word=phase_word,
        lines_words=lines_words,
        missing=missing_words,
        thousands=thousands,
    )


def page(template: str, *, styles: Sequence[str] = ("report.css",), **content: object) -> str:
    """A page of ours from a template; every text in ``content`` is escaped, and ``inert`` makes it short and plain.

    Args:
        template: its name.
        styles: names of its style sheets, which become one.
        content: what it shows.
    """
    style = "".join(_TEMPLATES.joinpath(each).read_text("utf-8") for each in styles)
    return (
        environment(_TEMPLATES)
        .get_template(template)
        .render(
            version=__version__,
            style=Markup(style),  # noqa: S704 - our own file
            style_hash=_hash(style),
            _=_,
            ngettext=ngettext,
            **content,
        )
    )


@lru_cache(maxsize=8)
def environment(templates: Path) -> jinja2.Environment:
    """Where templates come from; each is compiled once. All text is escaped; ``inert`` shows what could act."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inert"] = lambda text, limit=300: printable(str(text), limit)
    return environment


def _hash(text: str) -> str:
    """What CSP calls a hash source: Jinja writes the element's text exactly as given."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _facts(incident: Incident) -> list[tuple[str, str]]:
    facts = [
        (_("Who, as far as the log says"), ", ".join(actor_names(incident, 12))),
        (_("Accounts named"), ", ".join(printable(user, 60) for user in incident.actors.user[:12])),
        (_("What was hit"), ", ".join(printable(target, 80) for target in incident.targets[:8])),
        (_("Tools recognised"), ", ".join(printable(tool, 40) for tool in incident.tools)),
        (_("Lines"), thousands(len(incident.lines))),
        (_("Election"), " · ".join(filter(None, (incident.election.election, phase_word(incident.election.phase))))),
    ]
    return [(name, value) for name, value in facts if value]


def _see_for_yourself(incident: Incident) -> str:
    """Shell commands that print the sample lines with tools that every machine has."""
    by_path: dict[str, list[int]] = {}
    for line in incident.samples:
        by_path.setdefault(line.path, []).append(line.number)
    commands = []
    for path, numbers in by_path.items():
        reader = next((r for ending, r in _READERS.items() if path.endswith(ending)), "cat")
        picks = ";".join(f"{number}p" for number in numbers)
        commands.append(f"{reader} {shlex.quote(printable(path, 200))} | sed -n {shlex.quote(picks)} | cat -v")
    return "\n".join(commands)


_READERS = {".gz": "zcat", ".zst": "zstdcat", ".xz": "xzcat", ".bz2": "bzcat"}
