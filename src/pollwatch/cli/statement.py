"""``pollwatch statement``: say something together, word for word, with every dissent on record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import rich_click as click

from pollwatch.canonical import Json, pretty
from pollwatch.cli import options, spoken
from pollwatch.clock import SystemClock, rfc3339
from pollwatch.errors import UsageError
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.attribution.tally import Tally

_SCHEMA = "pollwatch.statement/1"
_text = click.option("--text", required=True, help="Why, for the others and for third parties.")
_draft_id = click.argument("statement")


@click.group(name="statement")
def command() -> None:
    """Draft a joint statement, sign it, dissent from it, or abstain.

    A signature is for exactly these words: a changed text is another draft. Members that are named by a claim that the
    statement is about count for nothing in it. It closes when the draft says so, whoever is silent then.
    """


@command.command(epilog=spoken.CODES)
@click.argument("title")
@click.option("--about", multiple=True, required=True, metavar="ID", help="Claim, incident, inquiry; may be repeated.")
@click.option("--text", default="", help="The words of the statement.")
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE", help="They stand in FILE."
)
@click.option("--replaces", default="", metavar="STATEMENT", help="The draft that this one revises.")
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True, help="Days until it closes.")
@spoken.dry_run
@options.required_case_dir
@options.as_json
def draft(  # noqa: PLR0913 - one argument per option
    *,
    title: str,
    about: tuple[str, ...],
    text: str,
    file: Path | None,
    replaces: str,
    days: int,
    dry_run: bool,
    case_dir: Path,
    as_json: bool,
) -> int:
    """Draft a statement with this TITLE, and sign it as the first."""
    if bool(text) == (file is not None):
        raise UsageError(_("give the words with --text, or with --file"))
    words = text or _read(file)
    closes_us = (SystemClock().now_us() // 1_000_000 + days * 86_400) * 1_000_000
    made = spoken.speaker(case_dir, preview=dry_run).draft(title, words, about, closes_us, replaces)
    return spoken.tell(made, _SCHEMA, as_json=as_json)


class _Given(TypedDict):
    """What somebody who signs, dissents or abstains gives."""

    statement: str
    text: str
    dry_run: bool
    case_dir: Path
    as_json: bool


def _says(stance: str) -> Callable[[Callable[[], None]], click.Command]:
    """Make a verb that says this of a draft; its help is what it decorates."""

    def make(described: Callable[[], None]) -> click.Command:
        def say(**given: Unpack[_Given]) -> int:
            from pollwatch.attribution.scale import Stance
            from pollwatch.node.attribution import lookup

            speaker = spoken.speaker(given["case_dir"], preview=given["dry_run"])
            found = lookup.find_statement(speaker.membership, given["statement"])
            said = speaker.opine(found.name.id, Stance(stance), given["text"])
            return spoken.tell(said, _SCHEMA, as_json=given["as_json"])

        verb = say
        for option in (options.as_json, options.required_case_dir, spoken.dry_run, _text, _draft_id):
            verb = option(verb)
        return command.command(described.__name__, help=described.__doc__, epilog=spoken.CODES)(verb)

    return make


@_says("agree")
def sign() -> None:
    """Sign STATEMENT as it stands. A signature cannot be taken back."""


@_says("disagree")
def dissent() -> None:
    """Say, on record, that STATEMENT is not yours. It goes wherever the statement goes."""


@_says("neutral")
def abstain() -> None:
    """Say, on record, that you neither sign STATEMENT nor dissent."""


@command.command()
@click.argument("statement", required=False)
@options.required_case_dir
@options.as_json
def show(*, statement: str | None, case_dir: Path, as_json: bool) -> int:
    """Show STATEMENT, or all: who signed, dissents, abstains, is silent or was never reached; whether it is adopted.

    This goes by the dates that authors state. A dossier, and `pollwatch verify` with an exported --order, also count as
    late what the members' logs show to have been dated back.
    """
    from pollwatch.attribution.matrix import Papers
    from pollwatch.attribution.record import Record
    from pollwatch.node.attribution import casefile, lookup

    membership = spoken.speaker(case_dir).membership
    tallies = casefile.read(membership).tallies
    if statement:
        wanted = lookup.find_statement(membership, statement).name
        tallies = tuple(each for each in tallies if each.statement.name == wanted)
    if as_json:
        click.echo(pretty({"schema": "pollwatch.statements/1", "statements": [_document(each) for each in tallies]}))
    else:
        spoken.show(Record((), tallies, (), Papers()), case_dir)
    return 0


@command.command()
@_draft_id
@options.required_case_dir
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@spoken.order_out
def export(*, statement: str, case_dir: Path, output: Path, order_out: Path | None) -> int:
    """Write STATEMENT with the claims behind it and every voice on it to FILE, as a STIX bundle.

    Anyone can check it: python -m pollwatch.attribution.verify FILE --charter CHARTER --order ORDER. Before
    you export an order, publish (`pollwatch members publish`) and look at the others' logs (`pollwatch members check`).
    """
    from pollwatch.node.attribution import lookup

    membership = spoken.speaker(case_dir).membership
    found = lookup.find_statement(membership, statement)
    spoken.export(membership, found.name.id, output, order_out)
    return 0


def _read(file: Path | None) -> str:
    try:
        return "" if file is None else file.read_text("utf-8")
    except UnicodeDecodeError:
        raise UsageError(_("{file} is not UTF-8 text").format(file=file)) from None


def _document(tally: Tally) -> Json:
    draft = tally.statement.draft
    voices: list[Json] = [
        {
            "member": each.member.name,
            "bloc": each.member.bloc,
            "part": each.part.value,
            "late": each.late,
            "received": None if each.notice is None else rfc3339(each.notice.received_us),
            "said": [{"stance": one.stance.value, "text": one.text, "created": one.created} for one in each.said],
        }
        for each in tally.voices
    ]
    return {
        "id": tally.statement.name.id,
        "sha256": tally.statement.name.digest,
        "title": draft.title,
        "text": draft.text,
        "drafter": tally.statement.drafter.name,
        "about": [each.id for each in draft.about],
        "respondents": [each.name for each in draft.respondents],
        "closes": rfc3339(draft.closes_us),
        "adopted": tally.adopted,
        "needed": {"members": tally.needed, "blocs": tally.needed_blocs},
        "voices": voices,
    }
