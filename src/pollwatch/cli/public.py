"""``pollwatch public``: what everybody may know, published on purpose, and the static page that shows it."""

from __future__ import annotations

import datetime as dt
import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options
from pollwatch.clock import UTC, SystemClock, rfc3339
from pollwatch.errors import SourceError, UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.node.public.publishing import Standing
    from pollwatch.node.sharing.releasing import Decision
    from pollwatch.sharing.publication import Publication, Words

_decided = click.option("--released-by", default="", metavar="NAME", help="Who decided.  [default: the user's name]")


@click.group(name="public")
def command() -> None:
    """Publish on purpose, and build the page that everybody can read and check.

    The page is a folder of files: serve it with any web server. Nothing is on it that was not published with `public
    publish`, but the state of the shared log and who signed for it. It shows what stands against every claim.
    """


@command.command(epilog="Exit codes: 0 built, 3 the folder cannot be written, 4 something does not check out.")
@options.required_case_dir
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder that a web server serves; it is replaced in one step.",
)
@click.option("--office", default="", metavar="NAME", help="Whose page it is.  [default: the member's name]")
@click.option("--title", default="", metavar="TEXT", help="Of the watch.  [default: the charter's name]")
@click.option(
    "--language",
    "languages",
    multiple=True,
    metavar="LANG",
    help="Languages of the page, the first one's is index.html; may be given more than once.  [default: en, nl]",
)
@click.option("--tz", "zone", type=options.Zone(), help="Zone of the times.  [default: the election's, else UTC]")
@click.option("--url", default="", metavar="URL", help="Where the page is served; then links in the feed are whole.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Propose this policy to readers; witnesses in it that are no members are shown too.",
)
@options.config_file
@options.as_json
def build(  # noqa: PLR0913 - one argument per option
    *,
    case_dir: Path,
    out: Path,
    office: str,
    title: str,
    languages: tuple[str, ...],
    zone: dt.tzinfo | None,
    url: str,
    policy_file: Path | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Build the public page in the folder --out DIR, for any web server.

    Latest checkpoint, who signed for it and who did not, what was published with dissent and denial beside it, evidence
    to fetch, verify.html, and feeds. The same case gives the same bytes. Run it as often as you like, also while the
    watch goes on. Serve the folder read-only, e.g. with nginx, Apache or `python -m http.server --directory DIR`.
    """
    from pollwatch.node.public import site

    wanted = site.Wanted(
        office=office or _settings_name(config_file),
        title=title,
        languages=tuple(dict.fromkeys(languages)) or ("en", "nl"),
        zone=zone or _zone(config_file),
        url=_checked(url),
        policy=None if policy_file is None else policy_file.read_bytes(),
    )
    built = site.build(case_dir, out, wanted, SystemClock())
    if as_json:
        document: dict[str, Json] = {
            "schema": "pollwatch.public-build/1",
            "folder": str(built.folder),
            "shown": built.shown,
            "withdrawn": built.withdrawn,
            "pending": list(built.pending),
            "changed": built.changed,
        }
        click.echo(pretty(document))
        return 0
    words = _("{folder}: {shown} published, {withdrawn} withdrawn") if built.changed else _("{folder}: nothing changed")
    click.echo(words.format(folder=built.folder, shown=built.shown, withdrawn=built.withdrawn), err=True)
    for each in built.pending:
        options.complain(_("{id}: its evidence follows with the next seal; build again then").format(id=each))
    return 0


@command.command(epilog="Exit codes: 0 published (or --dry-run), 6 it may not be public, or two persons have to agree.")
@click.argument("subject", required=False, default="", metavar="[INCIDENT|CLAIM|STATEMENT]")
@options.required_case_dir
@click.option(
    "--words",
    "given",
    multiple=True,
    metavar="LANG:FILE",
    help="Your own words in a language, e.g. en:words.txt: the first line is the title. May be given more than once.",
)
@click.option("--allow", "allowed", multiple=True, metavar="TEXT", help="May be named in it: your own mail address.")
@click.option("--basis", default="", metavar="TEXT", help="Legal basis, for the ledger.")
@_decided
@click.option("--tz", "zone", type=options.Zone(), help="Zone of the days.  [default: the election's, else UTC]")
@click.option("--dry-run", is_flag=True, help="Write what would go out to stdout, byte for byte; nothing is published.")
@click.option("--yes", is_flag=True, help="Do not ask whether what was shown may go out.")
@options.config_file
def publish(  # noqa: PLR0913 - one argument per option
    *,
    subject: str,
    case_dir: Path,
    given: tuple[str, ...],
    allowed: tuple[str, ...],
    basis: str,
    released_by: str,
    zone: dt.tzinfo | None,
    dry_run: bool,
    yes: bool,
    config_file: Path | None,
) -> int:
    """Publish an INCIDENT of this case, a CLAIM or STATEMENT (by its STIX id), or words alone, for everybody.

    Of an incident: your words, its steps by technique, its days, how grave it is; no minute, count, address or name. Of
    a claim or statement: all that members signed about it, denial and dissent among it, as far as they marked it
    TLP:CLEAR; and the charter, which names the members' addresses. It is shown first, and is on record in the
    disclosure ledger before it is on the page. `public build` then shows it.
    """
    from pollwatch.cli import share
    from pollwatch.node.public import preparing, publishing
    from pollwatch.node.public.publishing import Standing

    clock = SystemClock()
    words = tuple(_read_words(each) for each in given)
    found = preparing.prepare(case_dir, subject, words, zone or _zone(config_file), allowed, clock)
    body = found.to_bytes()
    if dry_run:
        sys.stdout.buffer.write(body)
        click.echo(_("would be public as {id}: {size} bytes").format(id=found.id, size=len(body)), err=True)
        return 0
    _preview(found, len(body))
    if not yes:
        click.confirm(_("Publish this to everybody?"), abort=True, err=True)
    membership = preparing.membership_of(case_dir)
    done = publishing.publish(case_dir, membership, found, _decision(released_by, basis), clock)
    if not isinstance(done, Standing):
        share.tell_asked(done.number)
        return 0
    told(done)
    return 0


def told(done: Standing) -> None:
    """That something was published, for a person."""
    words = _("{id} is published: disclosure {number}, SHA-256 {digest}. Show it: pollwatch public build")
    recorded = done.recorded
    click.echo(words.format(id=done.publication.id, number=recorded.number, digest=recorded.release.sha256))


@command.command(epilog="Exit codes: 0 withdrawn, 6 there is no such publication, or it was withdrawn already.")
@click.argument("publication")
@options.required_case_dir
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    required=True,
    metavar="LANG:TEXT",
    help="Why, for everybody, on one line, e.g. en:It was wrong. May be given in more languages.",
)
@click.option("--basis", default="", metavar="TEXT", help="Legal basis, for the ledger.")
@_decided
def withdraw(*, publication: str, case_dir: Path, reasons: tuple[str, ...], basis: str, released_by: str) -> int:
    """Take PUBLICATION back: the next page shows that it was there, and why it is gone, and not what it said.

    What others have copied meanwhile cannot be called back.
    """
    from pollwatch.node.public import publishing
    from pollwatch.sharing.publication import Words

    split = (each.partition(":") for each in reasons)
    why = tuple(Words(language, text.strip(), "") for language, _colon, text in split)
    done = publishing.withdraw(case_dir, publication, why, _decision(released_by, basis), SystemClock())
    words = _("{id} is withdrawn; the page says so after: pollwatch public build")
    click.echo(words.format(id=done.publication.id))
    return 0


@command.command(name="list")
@options.required_case_dir
@options.as_json
def list_(*, case_dir: Path, as_json: bool) -> int:
    """List everything that was ever published: what, when, by whose decision, and whether it still stands."""
    from pollwatch.cli import present
    from pollwatch.node.public import publishing

    found = publishing.standing(case_dir)
    if as_json:
        documents = [_document(each) for each in found]
        click.echo(pretty({"schema": "pollwatch.publications/1", "publications": documents}))
        return 0
    present.plain(
        [
            (
                each.publication.id,
                rfc3339(each.first_us) or "",
                each.publication.kind.value,
                _("withdrawn") if each.withdrawal else _("stands"),
                each.by,
                each.publication.words[0].title if each.publication.words else each.publication.subject,
            )
            for each in found
        ]
    )
    return 0


def _document(each: Standing) -> dict[str, Json]:
    said = each.publication
    return {
        "id": said.id,
        "kind": said.kind.value,
        "subject": said.subject or None,
        "titles": {one.language: one.title for one in said.words},
        "published": rfc3339(each.first_us),
        "released_by": each.by,
        "disclosure": each.recorded.number,
        "sha256": each.recorded.release.sha256,
        "silent": list(said.silent),
        "withdrawn": rfc3339(each.withdrawn_us),
    }


def _preview(found: Publication, size: int) -> None:
    """What would go out, for a person; the bytes themselves are behind --dry-run."""
    lines = [_("This would be public as {id} ({kind}, {size} bytes):").format(id=found.id, kind=found.kind, size=size)]
    for words in found.words:
        lines += [f"[{words.language}] {words.title}", *words.text.splitlines()]
    if found.told is not None:
        steps = "; ".join(f"{name} ({technique})" for name, technique in found.told.steps)
        first, last = found.told.days
        lines += [f"{first} – {last}", steps, f"{found.told.severity}, {found.told.status}"]
    lines += [f"{each['type']} {each['id']}" for each in found.said if each["type"] in _SHOWN]
    if found.silent:
        text = _("not shown, since it is not marked for everybody: words of {names}")
        lines.append(text.format(names=", ".join(found.silent)))
    for line in lines:
        click.echo(printable(line, 2_000), err=True)


_SHOWN = frozenset({"incident", "relationship", "opinion", "note", "report"})


def _decision(released_by: str, basis: str) -> Decision:
    from pollwatch.node.sharing.releasing import Decision
    from pollwatch.sharing.decisions import Person

    person = Person.here(released_by or getpass.getuser())
    return Decision(person.name, basis or _("published on purpose"))


def _read_words(given: str) -> Words:
    from pollwatch.sharing.publication import Words

    language, colon, file = given.partition(":")
    if not colon:
        raise UsageError(_("{given!r}: write LANGUAGE:FILE, e.g. en:words.txt").format(given=printable(given)))
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except OSError as error:
        raise SourceError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SourceError(f"{file} is not UTF-8 text; save it as UTF-8") from None
    title, _newline, rest = text.lstrip().partition("\n")
    return Words(language, title.strip(), rest.strip())


def _checked(url: str) -> str:
    if url and not url.startswith(("https://", "http://")):
        raise UsageError(_("--url: write https://watch.example/"))
    return url if not url or url.endswith("/") else f"{url}/"


def _zone(config_file: Path | None) -> dt.tzinfo:
    from zoneinfo import ZoneInfo

    from pollwatch import config

    elections = config.load(Path.cwd(), os.environ, config_file).calendar.elections
    return ZoneInfo(elections[0].zone) if elections else UTC


def _settings_name(config_file: Path | None) -> str:
    from pollwatch import config

    return config.load(Path.cwd(), os.environ, config_file).node.name
