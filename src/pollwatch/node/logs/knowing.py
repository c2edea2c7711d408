"""What is known of another member's log, from whomever: its keys, what it signed, and what a wrong key of it signed.

States of a log come from what we saw, what our witness cosigned or refused, what the others cosigned, and what their
seals carry. Each is held against the log's keys: signed by the key of its size, it counts; signed by another one of its
keys, it proves that this key was misused; signed by none, it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from pollwatch.clock import Clock
from pollwatch.errors import PeerError, RetiredKeyError, SignatureError
from pollwatch.evidence import cosigning, keychain
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keychain import KeyChain
from pollwatch.evidence.misuse import KeyMisuse
from pollwatch.evidence.tiles import TileReader
from pollwatch.evidence.witnessanswer import Cosigned
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.gateway import pushing
from pollwatch.node.gateway.outpost import ADD_CHECKPOINT, ADD_KEYS
from pollwatch.node.logs import gossip
from pollwatch.sharing.keybook import KeyBook
from pollwatch.sharing.peer import Peer
from pollwatch.sharing.stages import Gate, Stage
from pollwatch.sharing.views import Views


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found, not yet held against the log's keys.

    Attributes:
        states: checkpoints in the log's name.
        chains: of keys, each verified from the key that the charter names.
    """

    states: tuple[SignedCheckpoint, ...]
    chains: tuple[KeyChain, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a log.

    Attributes:
        chain: its keys.
        states: checkpoints, each signed by the key of its size.
        misuses: proofs that a key of it was misused.
    """

    chain: KeyChain
    states: tuple[SignedCheckpoint, ...]
    misuses: tuple[KeyMisuse, ...]


def gather(membership: Membership, member: Member, clock: Clock) -> Gathered:
    """Every state of a log that anybody knows.

    What others cosigned is what shows a member that has one log for us and another for somebody else.
    """
    folder, origin = membership.folder, member.log.name
    found = list(Views(folder.record).all(origin))
    chains = list(KeyBook(folder.record).contradictions(member.known_log))
    with pushing.opened(membership, clock) as outpost:
        seen_here = outpost.seen(member.known_log)
    found += map(SignedCheckpoint.parse, seen_here.states)
    chains += [member.known_log.follow(links) for links in seen_here.chains]
    for other in membership.peers:
        seen = None if other == member else seen_by(membership, other, member, clock)
        found += [] if seen is None else [seen]
    found += [each.signed for each in gossip.said_of(membership, member)]
    return Gathered(tuple(found), tuple(chains))


def sort_out(membership: Membership, member: Member, gathered: Gathered, links: tuple[bytes, ...]) -> Known:
    """Hold what was gathered against the log's keys.

    Args:
        membership: ours.
        member: whose log.
        gathered: from :func:`gather`.
        links: the key links that the log publishes.

    Raises:
        ProofError: the links do not fit one another.
        SignatureError: they are not the keys of the log that the charter names.
    """
    book, known = KeyBook(membership.folder.record), member.known_log
    for each in gathered.chains:
        book.learn(known, each.notes)
    chain = book.learn(known, links)
    others = {each.notes: each for each in (*gathered.chains, *book.contradictions(known))}.values()
    states, misuses = divide(chain, gathered.states)
    forked = [KeyMisuse.of_chains(chain, each) for each in others if _differ(chain, each)]
    return Known(chain, tuple(states), (*forked, *misuses))


def divide(chain: KeyChain, states: Iterable[SignedCheckpoint]) -> tuple[list[SignedCheckpoint], list[KeyMisuse]]:
    """What the log signed with the key of the size, and what another of its keys signed; nothing else counts."""
    good: list[SignedCheckpoint] = []
    misuses: list[KeyMisuse] = []
    for each in states:
        try:
            chain.check(each)
            good.append(each)
        except RetiredKeyError:
            misuses.append(KeyMisuse.of_checkpoint(chain, each))
        except SignatureError:
            continue
    return good, misuses


def latest(membership: Membership, member: Member) -> SignedCheckpoint | None:
    """The state of a log that we read last, with that log's own signature alone; None where we never did."""
    record = membership.folder.record
    chain, seen = KeyBook(record).chain(member.known_log), Views(record).latest(member.log.name)
    good, _misuses = divide(chain, () if seen is None else (seen,))
    return chain.bare(good[0]) if good else None


def remember(
    membership: Membership, member: Member, chain: KeyChain, now: SignedCheckpoint, log: TileReader, clock: Clock
) -> None:
    """Let our witness know a state of a log that was read whole and fits all that is known.

    It is what the log's owner would ask for, so the witness does as if asked: from then on it cosigns nothing that does
    not grow out of this, also where the owner asks for nothing, or only for an older state. Where the two of us do not
    witness each other there is nothing to tell, and a gateway that is out of reach is told at the next look.

    Args:
        membership: ours.
        member: whose log.
        chain: its keys.
        now: its state.
        log: our copy of it.
        clock: for the cosignature.
    """
    if Gate(membership.folder.stages).stage(member) < Stage.WITNESS:
        return
    with suppress(PeerError), pushing.opened(membership, clock) as outpost:
        if chain.links:
            outpost.witness(member.known_log, ADD_KEYS, keychain.to_file(chain.notes))
        post = partial(outpost.witness, member.known_log, ADD_CHECKPOINT)
        cosigning.ask(post, chain.bare(now), log, lambda _lines: Cosigned(()))


def seen_by(membership: Membership, other: Member, member: Member, clock: Clock) -> SignedCheckpoint | None:
    """What another member says that it cosigned last of a member's log; its signatures are unchecked."""
    try:
        with Peer(membership.way_to(other, clock)) as peer:
            seen = peer.witnessed(sha256(member.log.name.encode("utf-8")).hexdigest())
    except PeerError:
        return None
    return seen if seen is not None and seen.checkpoint.origin == member.log.name else None


def _differ(left: KeyChain, right: KeyChain) -> bool:
    return any(ours != theirs for ours, theirs in zip(left.links, right.links, strict=False))
