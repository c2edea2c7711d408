"""What is known of another member's log, from whomever: its keys, what it signed, and what a wrong key of it signed.

States of a log come from what we saw, what our witness cosigned or refused, and what the others cosigned. Each is held
against the log's keys: signed by the key of its size, it counts; signed by another one of its keys, it proves that this
key was misused; signed by none, it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from pollwatch.clock import Clock
from pollwatch.errors import PeerError, RetiredKeyError, SignatureError
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.keychain import KeyChain
from pollwatch.evidence.misuse import KeyMisuse
from pollwatch.members.member import Member
from pollwatch.node import pushing
from pollwatch.node.jointfolder import Membership
from pollwatch.sharing.keybook import KeyBook
from pollwatch.sharing.peer import Peer
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
    found, chains = (
        list(Views(folder.record).all(origin)),
        list(KeyBook(folder.record).contradictions(member.known_log)),
    )
    with pushing.opened(membership, clock) as outpost:
        seen_here = outpost.seen(member.known_log)
    found += map(SignedCheckpoint.parse, seen_here.states)
    chains += [member.known_log.follow(links) for links in seen_here.chains]
    for other in membership.peers:
        seen = None if other == member else seen_by(membership, other, member, clock)
        found += [] if seen is None else [seen]
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
