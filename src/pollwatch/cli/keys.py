"""``pollwatch evidence key``: the keys of a case's logs, and how they change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.canonical import Json
    from pollwatch.node.evidence.casekeys import Which
    from pollwatch.node.evidence.rekeying import Changed, Keys

_following = click.option(
    "--following",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="FILE",
    help="The key after that: a key file, or one with its public half alone.  [default: made here]",
)


@click.group()
def key() -> None:
    """Show and change the keys of a case's logs.

    Each key names the next one, unseen, long before that is needed; who steals a key can sign with it, but not change
    it. Keep the next key elsewhere: in a safe, on a token, with a second person.
    """


@key.command()
@options.required_case_dir
@options.which_log
@options.as_json
def show(*, case_dir: Path, which: Which, as_json: bool) -> None:
    """Show a log's keys: from which size each of them signs, and whether the next one lies where it should not."""
    from pollwatch.node.evidence import rekeying

    found = rekeying.show(case_dir, which)
    if as_json:
        click.echo(pretty(_document(found)))
        return
    chain = found.chain
    click.echo(_("log {origin}").format(origin=chain.name))
    for number, verifier in enumerate(chain.keys):
        size = chain.links[number].from_size if number else 0
        text = _("  key {number}, from size {size}: {fingerprint}")
        click.echo(text.format(number=number, size=size, fingerprint=verifier.fingerprint))
    if not chain.links:
        click.echo(_("  it has committed to no next key yet: pollwatch evidence key begin"))
    else:
        click.echo(_("  next, by its commitment: {digest}").format(digest=chain.links[-1].following.hex()))
    for path in found.beside:
        click.echo(_("  {path} lies beside the key that it is to replace: move it elsewhere").format(path=path))


@key.command()
@options.required_case_dir
@options.which_log
@_following
def begin(*, case_dir: Path, which: Which, following: Path | None) -> None:
    """Commit a log to its next key, so that its key can be changed one day. Enrolment (members card) does so too."""
    from pollwatch.node.evidence import rekeying

    _tell(rekeying.begin(case_dir, which, SystemClock(), following))


@key.command(epilog="Exit codes: 3 the next key is not here, 4 it is not the one that was committed to.")
@options.required_case_dir
@options.which_log
@click.option(
    "--next",
    "next_key",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="FILE",
    help="The next key's file: a key, or what names a systemd credential or signing program.  [default: as made here]",
)
@_following
def rotate(*, case_dir: Path, which: Which, next_key: Path | None, following: Path | None) -> None:
    """Put the next key in the present one's place, and commit to the one after it.

    The change is signed by both keys and becomes an entry of the log; from there on the old key signs nothing more, and
    its file is gone. Stopped at any point, the log has one key or the other, and the same command goes on. The shared
    log's ML-DSA key is changed along. Other members learn of it when you next run `members publish`.
    """
    from pollwatch.node.evidence import rekeying

    _tell(rekeying.rotate(case_dir, which, SystemClock(), next_key, following))


@key.command(name="new")
@click.argument("name", metavar="LOG")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write it; it must not exist.",
)
def new(*, name: str, output: Path) -> None:
    """Make a key for LOG on another machine, where it stays; prints its public half, for --following.

    LOG is the log's name, as `evidence key show` prints it.
    """
    from pollwatch.evidence.keys import Signer

    signer = Signer.generate(name)
    signer.save(output)
    click.echo(signer.verifier.vkey)


def _tell(changed: Changed) -> None:
    chain = changed.chain
    last = chain.links[-1]
    if last.number:
        text = _("log {origin}: key {number} ({fingerprint}) signs from size {size} on")
    else:
        text = _("log {origin}: its key ({fingerprint}) has named the next one")
    shown = text.format(
        origin=chain.name, number=last.number, fingerprint=last.verifier.fingerprint, size=last.from_size
    )
    click.echo(shown, err=True)
    if changed.following is not None:
        text = _("the next key is {path}: move it to where no thief of this machine finds it")
        click.echo(text.format(path=changed.following), err=True)


def _document(found: Keys) -> Json:
    chain = found.chain
    return {
        "schema": "pollwatch.evidence-key/1",
        "log": chain.name,
        "keys": [
            {
                "number": number,
                "from_size": chain.links[number].from_size if number else 0,
                "key": verifier.vkey,
                "fingerprint": verifier.fingerprint,
            }
            for number, verifier in enumerate(chain.keys)
        ],
        "following": chain.links[-1].following.hex() if chain.links else None,
        "beside": [str(path) for path in found.beside],
    }
