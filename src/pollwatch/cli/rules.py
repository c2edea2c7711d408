"""``pollwatch rules``: which rules there are, what they mean, whether they work, and how to get more."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.node.rules.ruleset import Ruleset
    from pollwatch.sources.interface import Failure


@click.group(name="rules")
def command() -> None:
    """Look at the rules, try them, and import those of others.

    What is listed, shown and tried are the rules that `scan` would use: the shipped pack, what was imported, and the
    folders of --rules.
    """


@command.command(name="list")
@options.rule_dirs
@options.case_dir
@click.option("--logsource", default="", metavar="PART[/PART]", help="Only rules about this: linux, web*server, ...")
@click.option("--level", "levels", type=click.Choice(options.SEVERITIES), multiple=True, help="Only these levels.")
@click.option("--tag", default="", metavar="TAG", help="Only with this tag, technique (T1110) or tactic.")
@click.option("--text", default="", metavar="WORD", help="Only with this in title, description or id.")
@click.option("--from", "origin", default="", metavar="NAME", help="Only from here: shipped, an import, a folder.")
@click.option("--refused", is_flag=True, help="List what did not load instead, each with its reason.")
@options.as_json
def list_(  # noqa: PLR0913 - one argument per option
    *,
    rule_dirs: tuple[Path, ...],
    case_dir: Path | None,
    logsource: str,
    levels: tuple[str, ...],
    tag: str,
    text: str,
    origin: str,
    refused: bool,
    as_json: bool,
) -> int:
    """List the rules that are loaded, or those that were refused."""
    from pollwatch.cli import rulewords as words
    from pollwatch.node.rules.ruleset import Wanted

    ruleset = _open(case_dir, rule_dirs)
    found = list(Wanted(logsource, levels, tag, text, origin).of(ruleset))
    turned_down = [each for each in ruleset.refused if not origin or ruleset.origin(each.path) == origin]
    if as_json:
        click.echo(pretty(words.list_document(ruleset, [] if refused else found, turned_down)))
    elif refused:
        words.tell_refused(ruleset, turned_down)
    else:
        words.tell_list(ruleset, found)
    return 0


@command.command(name="show")
@click.argument("rule")
@options.rule_dirs
@options.case_dir
@options.as_json
def show(*, rule: str, rule_dirs: tuple[Path, ...], case_dir: Path | None, as_json: bool) -> int:
    """Show a RULE: what it means, which events it is asked of, what it looks for first, its samples, its YAML.

    RULE is an id, the first letters of one, a name or a title.
    """
    from pollwatch.cli import ruleshown

    ruleset = _open(case_dir, rule_dirs)
    found = ruleset.find(rule)
    if as_json:
        click.echo(pretty(ruleshown.document(ruleset, found)))
    else:
        ruleshown.tell(ruleset, found)
    return 0


@command.command(name="test", epilog="Exit codes: 0 all did as they should, 1 some did not, 3 a log could not be read.")
@click.argument("rules", nargs=-1, metavar="[RULE]...")
@options.rule_dirs
@options.case_dir
@click.option("--recordings", multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              metavar="DIR",
              help="SigmaHQ's recordings.  [default: regression_data in or beside the --rules]")  # fmt: skip
@click.option("--log", "logs", multiple=True, metavar="PATH", help="Say how often rules fire on this log instead.")
@options.log_format
@options.as_json
def test(
    *,
    rules: tuple[str, ...],
    rule_dirs: tuple[Path, ...],
    case_dir: Path | None,
    recordings: tuple[Path, ...],
    logs: tuple[str, ...],
    fmt: str,
    as_json: bool,
) -> int:
    """Try rules on the samples in them and on recordings of attacks, or on logs of yours; all of them, or each RULE."""
    from pollwatch.cli import ruletrials as words
    from pollwatch.node.case.reading import ReadOptions
    from pollwatch.node.rules import trying

    ruleset = _open(case_dir, rule_dirs)
    chosen = [ruleset.find(each) for each in rules] or list(ruleset.rules)
    if logs:
        failures: list[Failure] = []
        tally = trying.Tally.of(ruleset.engine, trying.events(logs, ReadOptions(fmt), failures))
        if as_json:
            click.echo(pretty(words.tally_document(chosen, tally)))
        else:
            words.tell_tally(chosen, tally)
        return _unread(failures)
    folders = list(recordings) or trying.recordings(origin.folder for origin in ruleset.origins[1:])
    wanted = frozenset(each.info.id for each in chosen) if rules else frozenset()
    trials = [*trying.on_samples(ruleset, chosen), *trying.on_recordings(ruleset, folders, wanted)]
    if as_json:
        click.echo(pretty(words.trials_document(trials)))
    else:
        words.tell_trials(trials)
    return int(any(each.passed is False for each in trials))


@command.command(name="coverage", epilog="Exit codes: 0 fine, 3 a log or the layer's file could not be used.")
@click.argument("logs", nargs=-1, metavar="[LOG]...")
@options.rule_dirs
@options.case_dir
@click.option("--layer", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), metavar="FILE",
              help="Write an ATT&CK Navigator layer here; - is stdout.")  # fmt: skip
@options.as_json
def coverage(
    *, logs: tuple[str, ...], rule_dirs: tuple[Path, ...], case_dir: Path | None, layer: Path | None, as_json: bool
) -> int:
    """Say which ATT&CK techniques the rules are about, in which logs, and which of them could fire at all.

    With LOGs, or with the case's events, a rule counts as fed where there are events that it is asked of, with a
    value in a field that it looks at. That a technique is covered does not say that every way to do it is seen.
    """
    from pollwatch.cli import ruletrials as words
    from pollwatch.errors import StoreError
    from pollwatch.node.case.reading import ReadOptions
    from pollwatch.node.rules import covering, trying

    ruleset = _open(case_dir, rule_dirs)
    failures: list[Failure] = []
    telemetry = None
    if logs:
        telemetry = covering.telemetry_of(trying.events(logs, ReadOptions(), failures))
    elif case_dir is not None:
        telemetry = covering.telemetry_of_case(case_dir, SystemClock())
    found = covering.covered(ruleset, ruleset.rules, telemetry)
    if layer is not None:
        text = pretty(words.layer(found)) + "\n"
        try:
            if str(layer) == "-":
                sys.stdout.write(text)
            else:
                layer.write_text(text, "utf-8")
        except OSError as error:
            raise StoreError(f"{layer}: {error.strerror or error}") from error
    elif as_json:
        click.echo(pretty(words.coverage_document(found)))
    else:
        words.tell_coverage(found)
    return _unread(failures)


@command.command(name="profile", epilog="Exit codes: 0 fine, 3 a log could not be read.")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@options.rule_dirs
@options.case_dir
@click.option("--events", default=50_000, show_default=True, type=click.IntRange(1), metavar="N",
              help="Look at the first N events.")  # fmt: skip
@click.option("--top", default=20, show_default=True, type=click.IntRange(1), metavar="N", help="Show the N dearest.")
@options.log_format
@options.as_json
def profile(
    *,
    logs: tuple[str, ...],
    rule_dirs: tuple[Path, ...],
    case_dir: Path | None,
    events: int,
    top: int,
    fmt: str,
    as_json: bool,
) -> int:
    """Say what each rule costs on LOGs, dearest first, and how often it fires.

    Each rule is timed alone. Rules that run together share what they look for, so that all together cost much less
    than the sum.
    """
    from pollwatch.cli import ruletrials as words
    from pollwatch.node.case.reading import ReadOptions
    from pollwatch.node.rules import trying

    ruleset = _open(case_dir, rule_dirs)
    failures: list[Failure] = []
    found, count = trying.costs(ruleset.rules, trying.events(logs, ReadOptions(fmt), failures), events)
    if as_json:
        click.echo(pretty(words.costs_document(found[:top], count, len(found))))
    else:
        words.tell_costs(found[:top], count, len(found))
    return _unread(failures)


@command.command(
    name="import",
    epilog="Exit codes: 0 imported, 2 an impossible name or folder, 3 the source cannot be read or holds no rule.",
)
@click.argument("source", type=click.Path(exists=True, path_type=Path), metavar="SOURCE")
@options.case_dir
@click.option("--name", default="", metavar="NAME", help="What to call it.  [default: as the folder or zip]")
@click.option("--folder", "folders", multiple=True, metavar="FOLDER",
              help="Take this folder of it.  [default: rules and rules-emerging-threats; else all]")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would load and what would not; keep nothing.")
@options.as_json
def import_(
    *, source: Path, case_dir: Path | None, name: str, folders: tuple[str, ...], dry_run: bool, as_json: bool
) -> int:
    """Copy the rules of SOURCE, a SigmaHQ checkout or a zip of one, so that every scan uses them.

    They go into the user's configuration, or into a case. What is imported again under the same name replaces what
    was there. For each rule that does not load it says why.
    """
    from pollwatch.cli import rulewords as words
    from pollwatch.node.case.progress import progress_bar
    from pollwatch.node.rules.importing import Wish, import_rules

    wish = Wish(source, name, folders, dry_run)
    with progress_bar((), shown=sys.stderr.isatty()) as progress:
        told = None if progress is None else progress.compiling
        done = import_rules(wish, os.environ, case_dir, SystemClock(), told)
    if as_json:
        click.echo(pretty(words.import_document(done)))
    else:
        words.tell_import(done)
    return 0


@command.command(name="remove")
@click.argument("name")
@options.case_dir
def remove(*, name: str, case_dir: Path | None) -> int:
    """Remove the rules that were imported as NAME; scans do without them from now on."""
    from pollwatch.node.rules import installed

    gone = installed.remove(installed.rules_folder(os.environ, case_dir), name)
    click.echo(_("removed: {name}, {n} rules").format(name=gone.name, n=gone.loaded), err=True)
    return 0


def _open(case_dir: Path | None, rule_dirs: tuple[Path, ...]) -> Ruleset:
    """The rules, with a progress bar while they compile, and a word about what slows or narrows them."""
    from pollwatch.node.case.progress import progress_bar
    from pollwatch.node.rules.ruleset import open_rules

    with progress_bar((), shown=sys.stderr.isatty()) as progress:
        told = None if progress is None else progress.compiling
        ruleset = open_rules(os.environ, case_dir, rule_dirs, told)
    for remark in ruleset.engine.report.remarks:
        options.complain(remark)
    return ruleset


def _unread(failures: Sequence[Failure]) -> int:
    """Complain about logs that could not be read; the exit code."""
    for failure in failures:
        options.complain(failure.message)
    return 3 if failures else 0
