"""``pollwatch rules``: which rules there are, what they mean, whether they work, and how to get more."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.node.rules.ruleset import Ruleset


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
