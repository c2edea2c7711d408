"""``pollwatch pages``: record what public pages say, and see whether they still do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import compact, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.errors import SourceError
from pollwatch.i18n import _, ngettext

if TYPE_CHECKING:
    from pollwatch.evidence.keys import Verifier
    from pollwatch.node.case.scan import ScanReport
    from pollwatch.node.pages import Checked

_FAILS = "Exit codes: 0 fine, 1 an incident of --fail-on, 3 a file cannot be read, 4 a signature is wrong."


@click.group(name="pages")
def command() -> None:
    """Record what results pages and archived pages say, and see whether they still say it.

    What counts is what a reader sees: figures and what they are of, texts, pictures, where links lead, which scripts
    run. Layout and the time of the last update do not.
    """


@command.command(epilog="Exit codes: 0 recorded, 2 no address, 3 the record cannot be written, 5 a page not fetched.")
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.option("-o", "--output", "out", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE",
              help="The record to write.")  # fmt: skip
@options.case_dir
def record(*, urls: tuple[str, ...], out: Path, case_dir: Path | None) -> int:
    """Fetch pages and keep what they say; with --case, signed by the key of its shared log.

    Do it when somebody has looked at the pages and found them right.
    """
    from pollwatch.node import pages

    clock = SystemClock()
    recorded = pages.record(urls, clock)
    key = ""
    if case_dir is None:
        data = pages.to_bytes(recorded, None)
    else:
        from pollwatch.node.evidence.sealing import CaseEvidence

        with CaseEvidence.open(case_dir, clock) as evidence:
            signer = evidence.shared_signer
            data, key = pages.to_bytes(recorded, signer), signer.verifier.vkey
    try:
        out.write_bytes(data)
    except OSError as error:
        raise SourceError(f"{out}: {error.strerror or error}") from error
    count = len(recorded.pages)
    click.echo(ngettext("{n} page recorded", "{n} pages recorded", count).format(n=count), err=True)
    if key:
        click.echo(_("signed; others check it with --key {key}").format(key=key), err=True)
    return 0


@command.command(epilog=_FAILS)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="RECORD")
@click.option("--key", "key", default="", metavar="VKEY", help="Who must have signed the record.")
@click.option("--feed", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="The official figures: CSV with label and number, or JSON.")  # fmt: skip
@click.option("--feed-key", default="", metavar="VKEY", help="Who must have signed the feed.")
@click.option("-o", "--output", "out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Add what was found to this log.  [default with --case: RECORD.checks.jsonl]")  # fmt: skip
@click.option("--fail-on", type=click.Choice(options.SEVERITIES), help="Exit with 1 where an incident is so grave.")
@options.case_dir
@options.as_json
def check(  # noqa: PLR0913 - one argument per option
    *,
    file: Path,
    key: str,
    feed: Path | None,
    feed_key: str,
    out: Path | None,
    fail_on: str | None,
    case_dir: Path | None,
    as_json: bool,
) -> int:
    """Fetch the pages of RECORD again and say what is not as it was.

    With a feed of official figures, figures are held against that; so a results page may change all night, as long as
    it says what the feed says. What is found becomes an incident; with --case it is kept there, and the record must be
    signed by the case's own key unless --key names another.
    """
    from pollwatch.events.detection import Severity
    from pollwatch.evidence.keys import Verifier
    from pollwatch.node import pages

    clock = SystemClock()
    verifier = Verifier.parse(key) if key else None if case_dir is None else _own(case_dir)
    recorded = pages.read(file, verifier)
    official = pages.read_feed(feed, Verifier.parse(feed_key) if feed_key else None) if feed is not None else []
    checked = list(pages.check(recorded, official, clock))
    log = out if out is not None or case_dir is None else file.with_name(f"{file.name}.checks.jsonl")
    report = _scanned(checked, log, case_dir)
    if as_json:
        from pollwatch.node.case import document

        told = [
            {"url": each.url, "findings": [{"change": f.change.value, "said": f.said} for f in each.findings]}
            for each in checked
        ]
        incidents = document.scan_document(report, minimum=Severity.INFO, with_lines=False)["incidents"]
        click.echo(pretty({"schema": "pollwatch.pages.check/1", "pages": told, "incidents": incidents}))
    else:
        _tell(checked)
    worst = max((incident.severity for incident in report.incidents), default=None)
    return int(fail_on is not None and worst is not None and worst >= Severity.parse(fail_on))


def _own(case_dir: Path) -> Verifier:
    from pollwatch.node.evidence.sealing import CaseEvidence

    with CaseEvidence.open(case_dir, SystemClock()) as evidence:
        return evidence.shared_signer.verifier


def _scanned(checked: list[Checked], log: Path | None, case_dir: Path | None) -> ScanReport:
    """The findings through the rules, as lines of a log; a case takes the log that it has grown to."""
    from pollwatch.node import pages
    from pollwatch.node.case import scanning

    written = "".join(f"{compact(line)}\n" for each in checked for line in pages.lines(each))
    with tempfile.TemporaryDirectory(prefix="pollwatch-") as aside:
        only = Path(aside) / "pages.jsonl"
        try:
            only.write_text(written, "utf-8")
            if log is not None:
                with log.open("a", encoding="utf-8") as opened:
                    opened.write(written)
        except OSError as error:
            raise SourceError(f"{log or only}: {error.strerror or error}") from error
        path = str(log if log is not None and case_dir is not None else only)
        return scanning.run(scanning.Request((path,), format="jsonlines", case_dir=case_dir, jobs=1), SystemClock())


def _tell(checked: list[Checked]) -> None:
    from pollwatch.cli.rulewords import rows

    rows(
        (_("page"), _("what"), _("said")),
        [(each.url, found.change.value, found.said) for each in checked for found in each.findings],
    )
    odd = sum(bool(each.findings) for each in checked)
    words = ngettext("{n} of {pages} pages is not as recorded", "{n} of {pages} pages are not as recorded", odd)
    click.echo(words.format(n=odd, pages=len(checked)), err=True)
