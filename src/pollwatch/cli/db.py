"""``pollwatch db``: keep a case a second time, put it back, bring it up to date, look whether it is whole."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock, rfc3339
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollwatch.canonical import Json
    from pollwatch.node.backup.checking import Checked
    from pollwatch.node.backup.manifest import Manifest

_SCHEMA = "pollwatch.db/1"
_key_file = click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Encrypts the backup, and opens it again; `pollwatch db key` makes one.",
)
_backup = click.argument("backup", type=click.Path(path_type=Path), metavar="BACKUP")


@click.group(name="db")
def command() -> None:
    """Back a case up, restore it, bring it up to date, and check that it is whole.

    BACKUP is a folder for any number of backups, or a .tar file with one.
    """


@command.command()
@options.required_case_dir
@click.argument("to", type=click.Path(path_type=Path), metavar="BACKUP")
@_key_file
@click.option("--keep", type=click.IntRange(1), metavar="N", help="Leave the latest N backups in the folder, no more.")
@options.as_json
def backup(*, case_dir: Path, to: Path, key_file: Path | None, keep: int | None, as_json: bool) -> None:
    """Back a case up, while daemon, console and scans go on.

    Everything of one moment: database, events, evidence with its keys, what is shared. In a folder only what changed
    since its earlier backups takes room. Without --key-file whoever reads the backup reads the case and its keys.
    """
    from pollwatch.node.backup import backing

    key = _key(key_file)
    archive = to.suffix == ".tar"
    made = backing.backup(
        case_dir, to, SystemClock(), key=key, archive=archive, keep=None if archive else keep, progress=_progress()
    )
    if as_json:
        click.echo(pretty({**_described(made.name, made.manifest, made.digest), "written_bytes": made.written_bytes}))
        return
    text = _("Backup {name}: {size} in {files} files, {written} of it new.")
    _say(
        text,
        name=made.name,
        size=_bytes(made.manifest.size_bytes),
        files=len(made.manifest.files),
        written=_bytes(made.written_bytes),
    )
    _say(_("Its digest, to note down elsewhere: {digest}"), digest=made.digest)
    if key is None:
        _say(_("It is not encrypted: whoever reads it has the case and its keys. --key-file encrypts it."))


@command.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
def key(*, path: Path) -> None:
    """Make a key file for backups. Keep a copy away from them: without it, nobody opens them."""
    from pollwatch.node.backup.sealedbox import make_key

    make_key(path)
    _say(_("{path} encrypts backups from now on; keep a copy of it away from them."), path=str(path))


@command.command(name="list")
@_backup
@_key_file
@options.as_json
def list_(*, backup: Path, key_file: Path | None, as_json: bool) -> None:
    """List the backups in a folder or archive."""
    from pollwatch.node.backup import manifest, vault
    from pollwatch.node.backup.sealedbox import SealedBox

    with vault.reading(backup, SealedBox(_key(key_file))) as stored:
        found = [(name, stored.read_list(name)) for name in stored.backups()]
    rows = [(name, manifest.parse(data, str(backup)), manifest.digest(data)) for name, data in found]
    if as_json:
        click.echo(pretty({"schema": _SCHEMA, "backups": [_described(*row) for row in rows]}))
        return
    for name, each, digest in rows:
        click.echo(f"{name}  {_bytes(each.size_bytes):>9}  {each.incidents:>9}  {each.events:>12}  {digest}")


@command.command()
@_backup
@click.argument("to", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--name", metavar="NAME", help="Which backup of the folder.  [default: the latest]")
@click.option("--digest", metavar="HEX", help="Restore only the backup with this digest.")
@_key_file
@options.as_json
def restore(
    *, backup: Path, to: Path, name: str | None, digest: str | None, key_file: Path | None, as_json: bool
) -> None:
    """Restore a case into a new folder DIR, checked as a whole before it stands there.

    Its logs and witnesses then sign nothing: they may have signed more after the backup was made, and a second history
    must never be. `pollwatch db resume` lets them go on.
    """
    from pollwatch.node.backup import restoring

    done = restoring.restore(backup, to, key=_key(key_file), name=name, digest=digest, progress=_progress())
    if as_json:
        click.echo(pretty({**_described(done.name, done.manifest), "held": list(done.held), **_result(done.checked)}))
        return
    _say(_("Restored into {to}: backup {name}, all of it as it was."), to=str(to), name=done.name)
    for log in done.checked.logs:
        text = _("The {log} log {origin} stands at {size} entries, root {root}.")
        _say(text, log=log.name, origin=log.origin, size=log.size, root=log.root[:16])
    if done.held:
        made = rfc3339(done.manifest.created_us)
        _say(
            _("Its logs sign nothing for now: what they signed after {when}, others may have. All can be read."),
            when=made,
        )
        text = _("To let them sign again, compare: `pollwatch db resume --case {to} --seen FILE --because TEXT`.")
        _say(text, to=str(to))
        _say(_("To go on watching at once, begin a new case."))


@command.command()
@options.required_case_dir
@click.option(
    "--seen",
    "seen",
    multiple=True,
    metavar="FILE|ADDRESS",
    help="A signed checkpoint of one of its logs, as a peer, a witness, the public page or the lost disk has it; "
    "or the address of a member's gateway or a witness, which is asked for what it cosigned last.",
)
@click.option(
    "--because",
    required=True,
    metavar="TEXT",
    help="How you know that nothing was signed after the backup; kept with the logs.",
)
@click.option("--as", "who", default="", metavar="NAME", help="Who answers for that.  [default: your user name]")
def resume(*, case_dir: Path, seen: tuple[str, ...], because: str, who: str) -> None:
    """Let the logs of a restored case sign again, where they signed nothing after the backup was made.

    A checkpoint that goes beyond the backup shows that they did. They must then never sign again: two histories under
    one key prove their owner dishonest to everybody.
    """
    from pollwatch.node.backup import resuming

    checkpoints = [_shown(case_dir, each) for each in seen]
    found = resuming.resume(case_dir, checkpoints, who or _user(), because, SystemClock())
    for each in found:
        text = _("The {log} log was seen at size {size}, which is within what was restored.")
        _say(text, log=each.log, size=each.checkpoint.size)
    _say(_("The logs of {case} sign again."), case=str(case_dir))


def _shown(case_dir: Path, seen: str) -> bytes:
    from pollwatch.node.backup import resuming

    if "://" in seen:
        return resuming.fetched(case_dir, seen)
    try:
        with Path(seen).open("rb") as opened:
            return opened.read(1 << 20)
    except OSError as error:
        raise click.UsageError(f"{seen}: {error.strerror}") from error


@command.command()
@options.required_case_dir
@click.option("--dry-run", is_flag=True, help="Do it on a copy, which is removed again.")
def upgrade(*, case_dir: Path, dry_run: bool) -> None:
    """Bring a case of an earlier pollwatch up to date; its database is kept beside it as it was.

    Whatever opens an older case does so, too.
    """
    from pollwatch.node.backup import upgrading

    done = upgrading.upgrade(case_dir, dry_run=dry_run)
    if not done.steps:
        _say(_("The case has the newest schema ({schema}) already."), schema=done.after)
    elif dry_run:
        text = _("The case would go from schema {before} to {after}, in {seconds:.1f} s; nothing was changed.")
        _say(text, before=done.before, after=done.after, seconds=done.seconds)
    else:
        text = _("The case went from schema {before} to {after}. As it was, it stands in {copy}.")
        _say(text, before=done.before, after=done.after, copy=str(done.copy))


@command.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), metavar="PATH")
@click.option("--name", metavar="NAME", help="Which backup of a folder.  [default: the latest]")
@_key_file
@options.as_json
def check(*, path: Path, name: str | None, key_file: Path | None, as_json: bool) -> None:
    """Check that a case or a backup at PATH is whole, and change nothing.

    Of a case: database, events, both logs from their entries, what opens the batches. Of a backup: every piece.
    """
    if (path / "case.sqlite").exists():
        from pollwatch.node.backup import checking

        _tell(checking.check(path), as_json=as_json)
        return
    from pollwatch.node.backup import restoring, vault
    from pollwatch.node.backup.sealedbox import SealedBox

    with vault.reading(path, SealedBox(_key(key_file))) as stored:
        chosen, found = restoring.read(stored, path, name, None)
        restoring.verify(stored, found, _progress())
    if as_json:
        click.echo(pretty(_described(chosen, found)))
    else:
        _say(_("Backup {name} is whole: {size}."), name=chosen, size=_bytes(found.size_bytes))


def _tell(found: Checked, *, as_json: bool) -> None:
    from pollwatch.errors import EvidenceError, StoreError

    if as_json:
        click.echo(pretty({"schema": _SCHEMA, **_result(found)}))
    else:
        text = _("Schema {schema}, {incidents} incidents, {events} events, {opened} batches of lines can be opened.")
        _say(text, schema=found.schema, incidents=found.incidents, events=found.events, opened=found.openable)
        for log in found.logs:
            text = _("The {log} log {origin}: {size} entries, all as signed.")
            _say(text, log=log.name, origin=log.origin, size=log.size)
            if log.held:
                _say(_("It was restored, and signs nothing before `pollwatch db resume`."))
    if found.wrong:
        kind = EvidenceError if found.tampered else StoreError
        raise kind("; ".join(found.wrong))


def _described(name: str, found: Manifest, digest: str | None = None) -> dict[str, Json]:
    described: dict[str, Json] = {
        "name": name,
        "created": rfc3339(found.created_us),
        "version": found.version,
        "case_schema": found.schema,
        "incidents": found.incidents,
        "events": found.events,
        "size_bytes": found.size_bytes,
        "files": len(found.files),
        "logs": [{"name": log.name, "origin": log.origin, "size": log.size, "root": log.root} for log in found.logs],
    }
    return {"schema": _SCHEMA, **described} if digest is None else {"schema": _SCHEMA, **described, "digest": digest}


def _result(found: Checked) -> dict[str, Json]:
    return {
        "checked": {
            "case_schema": found.schema,
            "incidents": found.incidents,
            "events": found.events,
            "openable_batches": found.openable,
            "erased_batches": found.erased,
            "logs": [
                {"name": log.name, "origin": log.origin, "size": log.size, "root": log.root, "held": log.held}
                for log in found.logs
            ],
            "wrong": list(found.wrong),
        }
    }


def _key(path: Path | None) -> bytes | None:
    from pollwatch.node.backup.sealedbox import read_key

    return None if path is None else read_key(path)


def _progress() -> Callable[[int, int], None] | None:
    """A line on a terminal that says how far it is."""
    if not sys.stderr.isatty():
        return None
    last = [-1]

    def told(done: int, total: int) -> None:
        share = 100 * done // max(total, 1)
        if share != last[0]:
            last[0] = share
            click.echo(f"\r{share:3d} %" + ("\n" if done >= total else ""), nl=False, err=True)

    return told


def _say(text: str, **values: object) -> None:
    click.echo(
        text.format(**{name: printable(each) if isinstance(each, str) else each for name, each in values.items()}),
        err=True,
    )


def _bytes(size: int) -> str:
    """A size for people."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def _user() -> str:
    """Who is at the keyboard, as the system knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"uid {os.getuid()}"
