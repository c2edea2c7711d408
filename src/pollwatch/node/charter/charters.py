"""The charters of a node: what it signed, what was agreed to, and what holds from when.

States of a charter here::

    signed by us    posted in our shared log before anybody gets the signature; not agreed to yet
    agreed to       signed as the charter before it says (the first: by all); posted with all signatures, and kept
    in force        agreed to, and its effective time has come

A node moves only forward along one chain. It takes up a change from another member as it would from a file: after
checking every charter from the first. Of two changes that exclude each other it keeps the one that it has, tells who
signed both, and keeps the other as evidence; it never signs two itself, unless a person takes the first one back.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from pollwatch import durable
from pollwatch.clock import Clock
from pollwatch.errors import PolicyError, SplitError, StoreError
from pollwatch.evidence.keys import Signer
from pollwatch.members import amendment
from pollwatch.members import chain as chains
from pollwatch.members.chain import Chain, Relation
from pollwatch.members.charter import SignedCharter, difference
from pollwatch.members.member import Member
from pollwatch.node.charter import staging
from pollwatch.node.charter.jointfolder import JointFolder
from pollwatch.node.evidence import rail
from pollwatch.node.gateway import pushing
from pollwatch.sharing.decisions import Decisions, Person

#: How a promise is kept among the decisions: what this node signed, and what it took back.
SIGNED: Final = "charter-signed"
TAKEN_BACK: Final = "charter-taken-back"


def held(case_dir: Path) -> Chain | None:
    """The charters that were agreed to here; None where there is none yet.

    Raises:
        EvidenceError, FormatError, PolicyError: they are not in order.
    """
    folder = JointFolder(case_dir)
    return folder.load_chain() if folder.charters.exists() else None


def check_goes_on(case_dir: Path, chain: Chain, clock: Clock) -> None:
    """Accept a chain whose last charter may still be unsigned, if it goes on from what is held here.

    Raises:
        PolicyError: it is another watch, an older charter, or a change of one that was changed meanwhile.
        SplitError: it was agreed to, and excludes what was agreed to here.
    """
    ours = held(case_dir)
    if ours is None or ours.relation_of(chain) in {Relation.SAME, Relation.AHEAD}:
        return
    if ours.relation_of(chain) is Relation.BEHIND:
        raise PolicyError(
            f"that charter is older than the one that was agreed to here ({ours.last.charter.digest[:16]}); "
            "a node never goes back"
        )
    if chain.missing():
        lines = "\n  ".join(difference(ours.last.charter, chain.last.charter))
        raise PolicyError(
            f"another charter was agreed to here meanwhile ({ours.last.charter.digest[:16]}), and this one does not "
            f"follow it; make the change anew with: pollwatch charter amend\n  {lines}"
        )
    _check_not_split(case_dir, ours, chain, clock)


def signed_by(chain: Chain, statement: Sequence[Signer]) -> SignedCharter:
    """The last charter of a chain with our signature; signing twice changes nothing.

    Args:
        chain: all charters up to it.
        statement: the key in use, and the one that is to follow, if there is one: it signs what names it.

    Raises:
        SignatureError: the key has no say in it.
    """
    before, signed = chain.before_last, chain.last
    if before is None:
        return signed.signing(statement[0])
    charter = signed.charter
    for each in (statement[0], *(new for new in statement[1:] if charter.by_statement_key(new.verifier))):
        signed = amendment.signing(before, signed, each)
    return signed


def promise(case_dir: Path, signed: SignedCharter, member: Member, clock: Clock, *, instead: bool) -> None:
    """Post a signature before anybody gets it, once; unless we signed a charter that excludes this one.

    Raises:
        PolicyError: we did; two signatures would convict us.
        StoreError: it cannot be posted; then nobody may get it.
    """
    folder = JointFolder(case_dir)
    durable.make_folder(folder.root, mode=0o700)
    decisions = Decisions(folder.record)
    back = {each.content["charter"] for each in decisions.all(TAKEN_BACK)}
    mine = [each.content for each in decisions.all(SIGNED)]
    if signed.charter.digest in {each["charter"] for each in mine} - back:
        return
    rivals = [
        each["charter"]
        for each in mine
        if each["previous"] == signed.charter.previous and each["charter"] not in {signed.charter.digest, *back}
    ]
    if rivals and not instead:
        raise PolicyError(
            f"this node has signed {rivals[0][:16]}, which excludes this one: with both signatures anybody could show "
            "that it agreed to two things. To take the first one back on the record: --instead"
        )
    content = {"charter": signed.charter.digest, "previous": signed.charter.previous, "by": Person.here().record()}
    with rail.opened(case_dir, clock) as evidence:
        for rival in rivals:
            decisions.add(TAKEN_BACK, clock.now_us(), {**content, "charter": rival})
            rail.post(evidence, "charter", f"{rival} taken back by {member.name}", signed.to_bytes())
        decisions.add(SIGNED, clock.now_us(), content)
        rail.post(evidence, "charter", f"{signed.charter.digest} signed by {member.name}", signed.to_bytes())
        rail.seal_decisions(case_dir, evidence)


def take_up(case_dir: Path, chain: Chain, clock: Clock) -> bool:
    """Keep what was agreed to, post it, and put in force what holds by now; gives whether the last of it does.

    If we stop in between, the same call again does the rest.

    Raises:
        PolicyError: it was not agreed to, or does not go on from what is held here.
        SplitError: it excludes what was agreed to here; both are kept, and posted.
    """
    chain.verify()
    folder = JointFolder(case_dir)
    ours = held(case_dir)
    if ours is not None:
        _check_not_split(case_dir, ours, chain, clock)
        if ours.relation_of(chain) is Relation.BEHIND:
            chain = ours
    if ours is None or ours.relation_of(chain) is Relation.AHEAD:
        fresh = chain.charters[0 if ours is None else len(ours.charters) :]
        with rail.opened(case_dir, clock) as evidence:
            for signed in fresh:
                rail.post(evidence, "charter", signed.charter.digest, signed.to_bytes())
        staging.begin(folder, [each for signed in fresh for each in signed.charter.members])
        durable.write_file(folder.charters, chain.to_bytes())
    folder.turn(clock.now_us())
    pushing.after_change(case_dir, clock)
    return folder.charter.exists() and folder.load_charter().charter == chain.last.charter


def _check_not_split(case_dir: Path, ours: Chain, theirs: Chain, clock: Clock) -> None:
    """Refuse a chain that parts from ours; post what excludes ours, and keep all of it as a file for third parties."""
    try:
        chains.check_not_split(ours, theirs)
    except SplitError as error:
        folder = JointFolder(case_dir)
        path = folder.forks / f"charters-{theirs.last.charter.digest[:16]}.json"
        if not path.exists():
            durable.make_folder(folder.forks, mode=0o700)
            other = chains.parting(ours, theirs).right
            with suppress(StoreError), rail.opened(case_dir, clock) as evidence:
                rail.post(evidence, "charter", other.charter.digest, other.to_bytes())
            durable.write_file(path, theirs.to_bytes())
        raise SplitError(f"{error}\nto show it: pollwatch charter check {folder.charters} {path}") from None
