"""Check a record of claims and opinions, offline: the part that a rival audits.

    python -m pollwatch.attribution.verify RECORD.json --charter CHARTER

A record is a STIX bundle. Checked: the charter carries all its members' signatures; every object was signed by the
member that it says created it, and unchanged since; each opinion is about exactly the claim that stands in the
record; only a respondent denies. Not checked, because no signature can: that what is claimed is true.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pollwatch.attribution import claim as claims
from pollwatch.attribution import opinion as opinions
from pollwatch.attribution.claim import Claim
from pollwatch.attribution.opinion import Opinion
from pollwatch.errors import EvidenceError, FormatError, PolicyError, PollwatchError, SignatureError
from pollwatch.events.printable import printable
from pollwatch.i18n import _
from pollwatch.members.charter import Charter, SignedCharter
from pollwatch.members.member import Member
from pollwatch.stix import accept, bundle
from pollwatch.stix.constants import StixObject


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim with every opinion on it, the respondent's denial among them."""

    claim: Claim
    opinions: tuple[Opinion, ...]

    @property
    def denials(self) -> tuple[Opinion, ...]:
        """The respondent's objections."""
        return tuple(each for each in self.opinions if each.denial)


def verify_record(data: bytes, charter: SignedCharter) -> tuple[Judged, ...]:
    """Check a record.

    Raises:
        SignatureError: an object or the record as a whole is not what was signed; the message names it.
    """
    try:
        charter.check_complete()
        received = bundle.read(data)
        return judge(received, accept.check(received, charter.charter), charter.charter)
    except (FormatError, PolicyError) as error:
        raise SignatureError(str(error)) from error


def judge(received: Sequence[StixObject], authors: Mapping[str, Member], charter: Charter) -> tuple[Judged, ...]:
    """The claims among these objects with the opinions on them.

    Args:
        received: the objects.
        authors: who signed them, as :func:`pollwatch.stix.accept.check` found.
        charter: the one in force.

    Raises:
        FormatError: a malformed claim or opinion.
        PolicyError: an opinion on a claim that is not here, or in a part that is not its author's.
    """
    found = {
        each["id"]: claims.from_stix(each, authors[each["id"]], charter) for each in received if claims.is_claim(each)
    }
    given: dict[str, list[Opinion]] = {name: [] for name in found}
    for each in received:
        if each["type"] != "opinion":
            continue
        opinion = opinions.from_stix(each, authors[each["id"]])
        if opinion.claim not in found:
            raise PolicyError(f"opinion {opinion.id} is about claim {opinion.claim[:80]}, which is not here")
        opinions.check(opinion, found[opinion.claim])
        given[opinion.claim].append(opinion)
    return tuple(Judged(each, tuple(given[name])) for name, each in found.items())


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0 checked, 2 usage, 3 unreadable, 4 does not check out."""
    parser = argparse.ArgumentParser(prog="pollwatch.attribution.verify", description=_("Check a record offline."))
    parser.add_argument("record", type=Path)
    parser.add_argument("--charter", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    try:
        charter = SignedCharter.parse(chosen.charter.read_bytes())
        judged = verify_record(chosen.record.read_bytes(), charter)
    except OSError as error:
        _say(_("cannot be read: {error}").format(error=error), sys.stderr)
        return 3
    except PollwatchError as error:
        _say(_("does not check out: {error}").format(error=error), sys.stderr)
        return EvidenceError.exit_code
    _say(_("charter {digest}, signed by all members").format(digest=charter.charter.digest), sys.stdout)
    for each in judged:
        _tell(each)
    return 0


def _tell(judged: Judged) -> None:
    statement = judged.claim.statement
    whom = statement.respondent.name if statement.respondent else statement.finding.value
    words = _("claim by {claimant}: {whom} (likelihood: {likelihood}; confidence: {confidence})").format(
        claimant=judged.claim.claimant.name,
        whom=whom,
        likelihood=statement.likelihood.word if statement.likelihood else "-",
        confidence=statement.confidence.value,
    )
    _say(words, sys.stdout)
    for each in judged.opinions:
        kind = _("denial by the respondent") if each.denial else _("opinion")
        _say(f"  {kind}, {each.author.name}: {each.stance.value}: {each.text}", sys.stdout)


def _say(text: str, stream: TextIO) -> None:
    stream.write(printable(text, 4000) + "\n")


if __name__ == "__main__":
    sys.exit(main())
