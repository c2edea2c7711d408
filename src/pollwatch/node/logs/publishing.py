"""Publishing as a member does it: the shared log, the others' cosignatures, and a copy at each of their mirrors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pollwatch.clock import Clock
from pollwatch.errors import PeerError
from pollwatch.evidence import log as logs
from pollwatch.evidence.note import Signature
from pollwatch.evidence.witnessanswer import Cosigned, Refused
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail, sealer
from pollwatch.node.evidence.casekeys import CaseKeys
from pollwatch.node.evidence.interval import Interval
from pollwatch.node.gateway import pushing
from pollwatch.node.sharing import releasing
from pollwatch.sharing.peer import Peer


@dataclass(frozen=True, slots=True)
class Signing:
    """What one member did when asked to sign for our log.

    Attributes:
        member: its name.
        problem: why it did not; empty when it did. A refusal is no veto.
    """

    member: str
    problem: str


@dataclass(frozen=True, slots=True)
class Published:
    """The shared log's state as it was published.

    Attributes:
        size: entries.
        root: in hex.
        cosignings: by member, whether its witness cosigned.
        mirrors: by member, whether its mirror now holds all of the log.
        grade: ``quorum`` where as many cosigned as the charter asks for, else ``asserted``.
    """

    size: int
    root: str
    cosignings: tuple[Signing, ...]
    mirrors: tuple[Signing, ...]
    grade: str


def publish(membership: Membership, clock: Clock) -> Published:
    """Seal the private log's state into the shared log, publish that, and ask the others to cosign and to mirror it.

    Where a sealer is configured, the seal is made only if the present interval has none yet.
    It is published at once, with whatever cosignatures come; nobody's silence or refusal holds it up.

    Raises:
        StoreError: the log cannot be written.
        PeerError: our own gateway cannot be reached: nobody is asked to cosign what nobody can read.
    """
    case_dir = membership.folder.case
    seen = sealer.latest_rivals(case_dir)
    if Interval.load(case_dir / "evidence") is not None:  # exactly one seal per interval, whoever comes by
        sealer.seal_if_due(case_dir, clock, seen)
    else:
        with rail.opened(case_dir, clock) as evidence:
            evidence.publish_seal(seen)
    pushing.push(membership, clock)
    # The log is not held while others are waited for.
    key = CaseKeys.load(case_dir / "evidence").shared.verifier
    signed, tiles = logs.open_reader(membership.folder.public, key)
    links = logs.read_keys(membership.folder.public, key).notes

    def gather(ask: Callable[[Peer], Cosigned | Refused]) -> tuple[Signing, ...]:
        lines, found = _ask_all(membership, ask, clock)
        if lines:
            with sealer.shared_only(case_dir, clock) as shared:
                shared.add_cosignatures(lines, signed)
        return found

    cosignings = gather(lambda peer: peer.cosign(signed, tiles, links))
    mirrors = gather(lambda peer: peer.mirror(signed, tiles))
    for member in membership.peers:
        releasing.remind(membership, member, clock)
    needed = membership.charter.quorum.cosigners
    enough = sum(not each.problem for each in cosignings) >= needed
    grade = "quorum" if enough and needed else "asserted"
    return Published(signed.checkpoint.size, signed.checkpoint.root.hex(), cosignings, mirrors, grade)


def _ask_all(
    membership: Membership, ask: Callable[[Peer], Cosigned | Refused], clock: Clock
) -> tuple[list[Signature], tuple[Signing, ...]]:
    """Ask every other member to sign for our log; silence and refusal are told, and hold nothing up.

    Returns:
        The signature lines that came, and what became of each member's.
    """
    lines: list[Signature] = []
    found: list[Signing] = []
    for member in membership.peers:
        try:
            with Peer(membership.way_to(member, clock)) as peer:
                outcome = ask(peer)
        except PeerError as error:
            found.append(Signing(member.name, str(error)))
            continue
        if isinstance(outcome, Cosigned):
            lines += outcome.lines
            found.append(Signing(member.name, ""))
        else:
            found.append(Signing(member.name, str(outcome)))
    return lines, tuple(found)
