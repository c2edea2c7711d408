"""``pollwatch collections``: released objects that members and their programs fetch over TAXII 2.1."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.canonical import Json, compact, pretty
from pollwatch.cli import options
from pollwatch.clock import SystemClock
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.sharing.collecting import Published
    from pollwatch.node.sharing.releasing import Prepared
    from pollwatch.sharing.taxii.client import TaxiiClient
    from pollwatch.sharing.taxii.grants import Shelf

_TLP = ("clear", "green", "amber", "amber+strict")
_MAX_PASSWORD = 4_096


@click.group(name="collections")
def command() -> None:
    """Keep collections of released objects, which members and their programs fetch over TAXII 2.1.

    A collection is for an election, a marking and an audience. The gateway serves it at /taxii2/. What is put into it
    counts as told to all its readers, and stands in the disclosure ledger for each of them.
    """


@command.command()
@click.argument("title")
@options.required_case_dir
@click.option("--tlp", type=click.Choice(_TLP), help="Strictest marking that it holds.  [default: the charter's]")
@click.option("--reader", "readers", multiple=True, metavar="MEMBER", help="Who may read.  [default: every member]")
@click.option("--writer", "writers", multiple=True, metavar="MEMBER", help="Who may write.  [default: we alone]")
@click.option("--election", default="", metavar="NAME", help="What it is about.  [default: all of the charter's]")
@click.option("--description", default="", metavar="TEXT", help="What it holds.")
@click.option("--alias", default="", metavar="NAME", help="A name for it in URLs.")
@options.as_json
def add(  # noqa: PLR0913 - one argument per option
    *,
    title: str,
    case_dir: Path,
    tlp: str | None,
    readers: tuple[str, ...],
    writers: tuple[str, ...],
    election: str,
    description: str,
    alias: str,
    as_json: bool,
) -> int:
    """Make a collection called TITLE. Making it again changes nothing."""
    from pollwatch.members.marking import Tlp
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.sharing import collecting
    from pollwatch.sharing.taxii.grants import EVERYBODY, Terms

    membership = Membership.open(case_dir)
    charter = membership.charter
    may_read, may_write = (tuple(charter.member(each).name for each in names) for names in (readers, writers))
    terms = Terms(
        title,
        election,
        Tlp.parse(tlp) if tlp else charter.tlp_default,
        may_read or (EVERYBODY,),
        may_write or (membership.me.name,),
        description,
        alias,
    )
    shelf = collecting.make(membership, terms, SystemClock())
    if as_json:
        click.echo(pretty({"schema": "pollwatch.collections/1", "collections": [_document(shelf)]}))
    else:
        click.echo(_("collection {id} holds {title}").format(id=shelf.id, title=printable(title)))
    return 0


@command.command(name="list")
@options.required_case_dir
@options.as_json
def list_(*, case_dir: Path, as_json: bool) -> int:
    """List our collections: id, marking, readers, writers, how many versions of objects, title."""
    from pollwatch.cli import present
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.sharing import collecting

    membership = Membership.open(case_dir)
    with collecting.store(membership, SystemClock()) as store:
        found = [(shelf, store.count(shelf)) for shelf in store.collections()]
    if as_json:
        listed: list[Json] = [{**_document(shelf), "versions": count} for shelf, count in found]
        click.echo(pretty({"schema": "pollwatch.collections/1", "collections": listed}))
    else:
        present.plain(
            [
                (
                    *(shelf.id, shelf.terms.tlp.label, ",".join(shelf.terms.readers), ",".join(shelf.terms.writers)),
                    *(str(count), shelf.terms.title),
                )
                for shelf, count in found
            ]
        )
    return 0


@command.command(epilog="Exit codes: 0 published (or --dry-run), 6 the marking or the charter forbids it.")
@click.argument("collection")
@click.argument("incidents", nargs=-1, metavar="INCIDENT...")
@options.required_case_dir
@click.option("--campaign", default="", metavar="NAME", help="Tell the incidents as one campaign of this name.")
@click.option("--indicators", is_flag=True, help="All indicators that an analyst released, instead of incidents.")
@click.option("--tlp", type=click.Choice((*_TLP, "red")), help="Marking (TLP 2.0).  [default: the charter's]")
@click.option("--basis", default="", metavar="TEXT", help="Legal basis, for the ledger.  [default: the charter]")
@click.option("--released-by", default="", metavar="NAME", help="Who decided.  [default: the user's name]")
@click.option("--dry-run", is_flag=True, help="Write what would be published to stdout, byte for byte.")
@options.as_json
def publish(  # noqa: PLR0913 - one argument per option
    *,
    collection: str,
    incidents: tuple[str, ...],
    case_dir: Path,
    campaign: str,
    indicators: bool,
    tlp: str | None,
    basis: str,
    released_by: str,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Put an INCIDENT into COLLECTION (id, alias or title): told to every reader, recorded before it can be fetched.

    Several incidents are told as a campaign: `--campaign NAME`. With `--indicators`, what is told are all indicators
    that an analyst released (`pollwatch indicators`). Where the charter asks for two persons, this asks, and somebody
    else agrees (`pollwatch share --agree N`); before that nothing can be fetched.
    """
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.sharing import collecting, releasing

    clock = SystemClock()
    membership = Membership.open(case_dir)
    prepared = _prepared(membership, incidents, campaign, tlp, indicators=indicators)
    if dry_run:
        with collecting.store(membership, clock) as store:
            names = [each.name for each in collecting.readers(membership, collecting.find(store, collection))]
        sys.stdout.buffer.write(prepared.body)
        words = _("would be told to {readers} under {tlp}: {size} bytes")
        facts = {"readers": ", ".join(map(printable, names)), "tlp": prepared.tlp.label, "size": len(prepared.body)}
        click.echo(words.format(**facts), err=True)
        return 0
    decision = releasing.Decision(
        released_by or getpass.getuser(), basis or _("charter {name}").format(name=membership.charter.name)
    )
    if membership.charter.releasers > 1:
        from pollwatch.cli import share

        share.tell_asked(collecting.ask(membership, collection, prepared, decision, clock).number)
        return 0
    return tell(collecting.publish(membership, collection, prepared, decision, clock), as_json=as_json)


def tell(done: Published, *, as_json: bool = False) -> int:
    """What came of publishing, for a person."""
    if as_json:
        click.echo(pretty(_published(done)))
    else:
        words = _("{n} new objects in {title}; told to {readers} (disclosures {numbers})")
        facts = {
            "n": done.added,
            "title": printable(done.shelf.terms.title),
            "readers": ", ".join(printable(each.release.receiver) for each in done.disclosures) or _("nobody"),
            "numbers": ", ".join(str(each.number) for each in done.disclosures),
        }
        click.echo(words.format(**facts))
    for problem in done.problems:
        options.complain(problem)
    return 0


@command.command()
@click.argument("collection")
@click.argument("object_id", metavar="OBJECT")
@options.required_case_dir
def withdraw(*, collection: str, object_id: str, case_dir: Path) -> int:
    """Remove OBJECT (its STIX id) from COLLECTION; a signed tombstone stays. Who has fetched it keeps it."""
    from pollwatch.node.charter.jointfolder import Membership
    from pollwatch.node.sharing import collecting

    removed = collecting.withdraw(Membership.open(case_dir), collection, object_id, SystemClock())
    click.echo(_("{n} versions removed; the ledger still says to whom they were told").format(n=removed))
    return 0


@command.command(
    epilog="Exit codes: 0 pulled to the end, 2 no such password file, 5 the server is out of reach or lies."
)
@click.argument("url")
@click.option("--user", default="", metavar="NAME", help="Name for HTTP Basic.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File with the password on its first line.",
)
@click.option(
    "--bookmark",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Go on from where the last pull ended, and remember where this one did.",
)
@click.option("--type", "kinds", multiple=True, metavar="TYPE", help="Only objects of this STIX type.")
def pull(*, url: str, user: str, password_file: Path | None, bookmark: Path | None, kinds: tuple[str, ...]) -> int:
    """Fetch the objects of a collection at any TAXII 2.1 server: URL ends in /collections/ID/.

    Given a server's or an API root's URL instead, its collections are listed, URL and title. Objects go to stdout, one
    line of JSON each, as they are: nothing is imported or believed by this. Each line is written before the bookmark
    moves on, so that nothing is lost when the pull is cut off.
    """
    from pollwatch.sharing.taxii.bookmark import Bookmark
    from pollwatch.sharing.taxii.client import TaxiiClient

    auth = (user, _password(password_file)) if user else None
    with TaxiiClient(url, auth) as client:
        if "/collections/" not in client.url:
            _list_remote(client)
            return 0
        place = Bookmark.load(bookmark) if bookmark else None
        for page in client.pages("", place, type=",".join(kinds)):
            for each in page.objects:
                sys.stdout.write(compact(each) + "\n")
            sys.stdout.flush()
            for failure in page.failures:
                options.complain(f"{failure.id}: {failure.message}")
            if bookmark:
                page.bookmark.save(bookmark)
    return 0


def _password(path: Path | None) -> str:
    """The first line of a password file."""
    from pollwatch.errors import UsageError

    if path is None:
        return ""
    with path.open("rb") as file:
        line = file.read(_MAX_PASSWORD).partition(b"\n")[0].removesuffix(b"\r")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(_("{path} holds no password: its first line is no text").format(path=path)) from None


def _prepared(
    membership: Membership, names: tuple[str, ...], campaign: str, tlp: str | None, *, indicators: bool
) -> Prepared:
    """What is to be published, as it would leave."""
    from pollwatch import config
    from pollwatch.errors import UsageError
    from pollwatch.incidents.records import Case
    from pollwatch.members.marking import Tlp
    from pollwatch.node.indicators.desk import Desk
    from pollwatch.node.sharing import releasing, telling

    clock, marking = SystemClock(), Tlp.parse(tlp) if tlp else None
    if indicators:
        if names or campaign:
            raise UsageError(_("--indicators stands alone: incidents are told in a release of their own"))
        desk = Desk.open(membership.folder.case, clock, config.load(Path.cwd(), os.environ).assets)
        return telling.prepare_indicators(desk, desk.store.released(clock.now_us()), None, marking)
    if not names or (len(names) > 1 and not campaign):
        raise UsageError(_("name one incident, or several and --campaign NAME, or say --indicators"))
    with Case.open(membership.folder.case, clock, create=False) as case:
        found = [case.incident(each) for each in names]
    if campaign:
        return telling.prepare_campaign(membership, campaign, found, marking, clock)
    return releasing.prepare_incident(membership, found[0], marking, clock)


def _list_remote(client: TaxiiClient) -> None:
    """The readable collections of a server, or of an API root."""
    from pollwatch.cli import present
    from pollwatch.errors import PeerError

    roots = client.api_roots() or (client.url,)
    for root in roots:
        try:
            found = client.collections(root)
        except PeerError as error:
            options.complain(str(error))
            continue
        present.plain([(each.url, each.title) for each in found if each.can_read])


def _document(shelf: Shelf) -> dict[str, Json]:
    terms = shelf.terms
    readers: list[Json] = [*terms.readers]
    writers: list[Json] = [*terms.writers]
    return {
        "id": shelf.id,
        "title": terms.title,
        "description": terms.description,
        "alias": terms.alias or None,
        "election": terms.election or None,
        "tlp": terms.tlp.word,
        "readers": readers,
        "writers": writers,
    }


def _published(done: Published) -> dict[str, Json]:
    told: list[Json] = [{"to": each.release.receiver, "disclosure": each.number} for each in done.disclosures]
    problems: list[Json] = [*done.problems]
    return {
        "schema": "pollwatch.collections-publish/1",
        "collection": done.shelf.id,
        "added": done.added,
        "told": told,
        "problems": problems,
    }
