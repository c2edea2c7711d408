"""``pollwatch scan``: from log files to explained incidents."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import compact, pretty
from pollwatch.cli import options
from pollwatch.clock import UTC, SystemClock
from pollwatch.errors import UsageError
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.node.case.scan import ScanReport

#: So many rules that did not load are named; of more than these, only how many.
_REFUSED = 5


@click.command(epilog="Exit codes: 0 fine, 1 findings (with --fail-on), 3 an input could not be read.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@options.as_json
@click.option("--jsonl", is_flag=True, help="One JSON record a line: inputs, incidents, then a summary.")
@click.option(
    "--min-severity",
    type=click.Choice(options.SEVERITIES),
    default="low",
    show_default=True,
    help="Show incidents from this severity on.",
)
@click.option("--with-lines", is_flag=True, help="Name every line of each incident (with --json or --jsonl).")
@options.rule_dirs
@options.log_format
@click.option("--since", type=options.Moment(), help="Leave out earlier events: 2026-11-03, RFC 3339, or 36h ago.")
@click.option("--until", type=options.Moment(), help="Leave out events from this moment on.")
@click.option("--tz", "zone", type=options.Zone(), help="Zone of times that name none.  [default: UTC]")
@click.option("--fail-on", type=click.Choice(options.SEVERITIES), help="Exit with 1 if an incident is this severe.")
@options.case_dir
@options.config_file
@click.option("--jobs", type=click.IntRange(1), help="Cores to use; what is found is the same.  [default: all]")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no closing words.")
def command(  # noqa: PLR0913 - one parameter per option
    *,
    paths: tuple[str, ...],
    as_json: bool,
    jsonl: bool,
    min_severity: str,
    with_lines: bool,
    rule_dirs: tuple[Path, ...],
    fmt: str,
    since: str | None,
    until: str | None,
    zone: dt.tzinfo | None,
    fail_on: str | None,
    case_dir: Path | None,
    config_file: Path | None,
    jobs: int | None,
    quiet: bool,
) -> int:
    """Read logs, detect attacks, and show the incidents.

    PATH is a file, a folder, an archive (zip, tar), a pattern, or - for stdin. Compression, encoding and format are
    found out. What lies in a folder or an archive beside logs and is of no known format is passed over, with a word
    at the end; what is named is not.
    """
    if as_json and jsonl:
        raise UsageError(_("--json and --jsonl exclude each other"))
    from pollwatch.cli import present
    from pollwatch.events.detection import Severity
    from pollwatch.node.case import document, scanning

    clock = SystemClock()
    now_us = clock.now_us()
    request = scanning.Request(
        paths=paths,
        rule_dirs=rule_dirs,
        format=fmt,
        zone=zone,
        since_us=options.moment_us(since, now_us, zone or UTC) if since else None,
        until_us=options.moment_us(until, now_us, zone or UTC) if until else None,
        case_dir=case_dir,
        config_file=config_file,
        jobs=jobs,
    )
    report = scanning.run(request, clock, show_progress=not quiet)
    minimum = Severity.parse(min_severity)
    if as_json:
        click.echo(pretty(document.scan_document(report, minimum=minimum, with_lines=with_lines)))
    elif jsonl:
        for record in document.scan_records(report, minimum=minimum, with_lines=with_lines):
            click.echo(compact(record))
    else:
        present.scan(report, minimum=minimum, case_dir=case_dir, quiet=quiet)
    _complain(report)
    if report.failures:
        return 3
    worst = max((incident.severity for incident in report.incidents), default=None)
    return int(fail_on is not None and worst is not None and worst >= Severity.parse(fail_on))


def _complain(report: ScanReport) -> None:
    """Say on stderr what could not be read, which rules did not load, and what was passed over."""
    from pollwatch.cli import present

    for failure in report.failures:
        options.complain(failure.message)
    for remark in report.remarks:
        options.complain(remark)
    for refused in report.refused[:_REFUSED]:
        options.complain(str(refused))
    if len(report.refused) > _REFUSED:
        words = _("{n} more rules did not load; `pollwatch rules list --refused` says which and why")
        options.complain(words.format(n=len(report.refused) - _REFUSED))
    if report.dropped:
        words = _("{n} observations were forgotten for want of memory: slow attacks may be missed; scan less at a time")
        options.complain(words.format(n=report.dropped))
    if report.passed_over:
        options.complain(present.passed_over([each.path for each in report.passed_over]))
