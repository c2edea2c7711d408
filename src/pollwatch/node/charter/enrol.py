"""Becoming a member: keys and a card, a charter drafted from cards, signatures, and its coming into force."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pollwatch import durable
from pollwatch.clock import US_PER_S, Clock
from pollwatch.errors import ConfigError, PolicyError
from pollwatch.evidence import keychain
from pollwatch.evidence import note as notes
from pollwatch.evidence.keys import Signer, Verifier
from pollwatch.members import keys as keyfiles
from pollwatch.members.card import make_card, read_card
from pollwatch.members.chain import Chain
from pollwatch.members.charter import Charter, SignedCharter
from pollwatch.members.keys import MemberKeys, handle_of
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member, Role, check_names
from pollwatch.members.rules import Amendment, MatchingRules, Quorum
from pollwatch.node.charter import charters
from pollwatch.node.charter.jointfolder import JointFolder
from pollwatch.node.evidence import rail, rekeying


@dataclass(frozen=True, slots=True)
class Terms:
    """What a charter says besides who is in it.

    Attributes:
        name: of the joint watch.
        elections: what is watched.
        quorum: how many must agree; None = all voting members from all blocs, and the usual
            cosigners (:meth:`pollwatch.members.rules.Quorum.usual_cosigners`).
        tlp_default: marking of a release that names no other.
        reply_window_s: how long a respondent has to answer.
        releasers: how many people have to agree before anything leaves a member.
        matching: what private matching may cost.
        amendment: who has to sign a change; None = two thirds from two blocs, and of two members both.
    """

    name: str
    elections: tuple[str, ...]
    quorum: Quorum | None
    tlp_default: Tlp
    reply_window_s: int
    releasers: int = 1
    matching: MatchingRules = field(default_factory=MatchingRules)
    amendment: Amendment | None = None


@dataclass(frozen=True, slots=True)
class Signing:
    """What came of signing a charter.

    Attributes:
        chain: all charters up to it; on the last, its signatures so far.
        in_force: whether it came into force here, or was already.
    """

    chain: Chain
    in_force: bool

    @property
    def signed(self) -> SignedCharter:
        """The charter with its signatures so far."""
        return self.chain.last


def introduce(
    case_dir: Path, name: str, bloc: str, role: Role, address: str, clock: Clock, *, exercise: bool = False
) -> bytes:
    """Make a member's keys, where there are none yet, and its card.

    The card commits to the statement key after the present one, and to the next key of its log. Both are made now and
    belong into a safe: whoever steals the present ones can speak for the member, but not put keys of its own in their
    place.

    Returns:
        The card, to be handed to whoever drafts the charter.

    Raises:
        PolicyError: this node has introduced itself as somebody else already, or its evidence is real and this an
            exercise, or the reverse.
        FormatError: a name or address that cannot be.
    """
    folder = JointFolder(case_dir)
    if folder.card.exists():
        member = read_card(folder.card.read_bytes())
        known = (member.name, member.bloc, member.role, member.address, member.exercise)
        if known != (name, bloc, role, address, exercise):
            raise PolicyError(
                f"{case_dir} is {member.name} (bloc {member.bloc}, {member.role.value}, {member.address}) already; "
                f"a member does not change by itself: use another case folder, or move {folder.root} away"
            )
        return folder.card.read_bytes()
    # First: what is refused must leave no keys behind, for keys are never overwritten.
    check_names(name, bloc, address)
    durable.make_folder(folder.root, mode=0o700)
    handle = handle_of(name, exercise=exercise)
    with rail.opened(case_dir, clock, handle) as evidence:
        log = evidence.shared_signer
        if log.verifier.exercise is not exercise:
            raise PolicyError(
                f"{case_dir} has {'real evidence' if exercise else 'the evidence of an exercise'}; an exercise has a "
                "case folder of its own, so that nothing of it is ever taken for real"
            )
        rekeying.commit(case_dir / "evidence", "private", evidence.private)
        with evidence.writing_shared() as shared:
            chain = rekeying.commit(case_dir / "evidence", "shared", shared).chain
    keys = MemberKeys.complete(folder.inner, folder.outer, handle)
    outer = keys.outer
    following = _next_key(folder, keys.statement.name)
    member = Member(
        name,
        bloc,
        role,
        address,
        f"identity--{uuid.uuid4()}",
        log.verifier,
        outer.witness.verifier,
        keys.statement.verifier,
        outer.gateway.verifier,
        keys.request.verifier,
        keychain.commitment(following).hex(),
        chain.links[-1].following.hex(),
    )
    signers = (log, outer.witness, keys.statement, outer.gateway, keys.request)
    card = make_card(member, signers, clock.now_us())
    durable.create_file(folder.card, card, mode=0o644)
    return card


def _next_key(folder: JointFolder, name: str) -> Verifier:
    """The statement key after the present one; made once."""
    path = folder.following
    if not path.exists():
        durable.make_folder(path.parent, mode=0o700)
        Signer.generate(name).save(path)
    return Signer.load(path).verifier


def draft(cards: Sequence[bytes], terms: Terms, clock: Clock, previous: str = "") -> Charter:
    """A charter for the members that introduced themselves, effective now.

    Raises:
        SignatureError: a card that its owner did not sign.
        FormatError: members that do not fit together, or a quorum that they cannot reach.
    """
    members = tuple(sorted((read_card(card) for card in cards), key=lambda each: each.name))
    voters = [each for each in members if each.role is Role.MEMBER]
    blocs = len({each.bloc for each in voters})
    quorum = terms.quorum or Quorum(len(voters), blocs, Quorum.usual_cosigners([each.bloc for each in members]))
    effective_us = clock.now_us() // US_PER_S * US_PER_S
    return Charter(
        terms.name,
        members,
        terms.elections,
        quorum,
        terms.tlp_default,
        terms.reply_window_s,
        effective_us,
        previous,
        all(each.exercise for each in members),
        terms.releasers,
        terms.matching,
        terms.amendment or Amendment.usual(len(voters), blocs),
    )


def begin(case_dir: Path, charter: Charter) -> SignedCharter:
    """Sign a draft of a first charter as the first; :func:`sign` puts that on record.

    Raises:
        SignatureError: this node is not in it.
    """
    return SignedCharter.begin(charter, Own.load(case_dir).statement[0])


def amend(case_dir: Path, charter: Charter, clock: Clock, *, instead: bool = False) -> Signing:
    """Sign a change of the charter that was last agreed to as the first.

    Raises:
        PolicyError: it is no change of that one, or this node has signed another that excludes it.
        SignatureError: this node has no say in it.
    """
    own = Own.load(case_dir)
    chain = JointFolder(case_dir).load_chain()
    note = notes.sign_note(charter.text, (own.statement[0],))
    return sign(case_dir, chain.followed_by(SignedCharter(charter, note)).to_bytes(), clock, instead=instead)


def check_cards(data: bytes, cards: Iterable[bytes]) -> None:
    """Compare a charter with cards, which show that their owners have the keys on them.

    Raises:
        PolicyError: the charter has a member otherwise than its card.
        SignatureError: a card that its owner did not sign with each key.
    """
    charter = Chain.parse(data).last.charter
    for member in map(read_card, cards):
        named = charter.by_identity(member.identity)
        if named is None:
            raise PolicyError(f"{member.name}, whose card this is, is not in the charter {charter.name!r}")
        _check_same(named, member)


def own_card(case_dir: Path) -> Member | None:
    """Who this node is; None where it has not introduced itself."""
    path = JointFolder(case_dir).card
    return read_card(path.read_bytes()) if path.exists() else None


def sign(case_dir: Path, data: bytes, clock: Clock, *, instead: bool = False) -> Signing:
    """Add this node's signature to a charter, and take it up when that was the last one that it needed.

    Each signature is posted in this node's shared log before it is given away.

    Args:
        case_dir: the member's folder.
        data: the charter, or for a change all charters up to it.
        clock: the time.
        instead: take back what was signed before, where that excludes this one.

    Raises:
        PolicyError: the charter has this member otherwise than its card, or does not follow the one in force, or this
            node has signed another one that excludes it.
        SignatureError: a signature on it is wrong, or this node has no say in it.
    """
    own = Own.load(case_dir)
    chain = Chain.parse(data)
    chain.check_draft()
    member = own.named(chain.last.charter)
    charters.check_goes_on(case_dir, chain, clock)
    signed = charters.signed_by(chain, own.statement)
    charters.promise(case_dir, signed, member, clock, instead=instead)
    chain = chain.ending_with(signed)
    if chain.missing():
        return Signing(chain, in_force=False)
    return Signing(chain, in_force=charters.take_up(case_dir, chain, clock))


def _check_same(named: Member, card: Member) -> None:
    theirs, ours = named.record(), card.record()
    changed = [f"{key} is {theirs[key]!r} and not {ours[key]!r}" for key in ours if ours[key] != theirs[key]]
    if changed:
        raise PolicyError(f"the charter has {card.name} otherwise than its card says: {'; '.join(changed)}")


@dataclass(frozen=True, slots=True)
class Own:
    """How this node introduces itself, and what it signs charters with.

    Attributes:
        cards: the card in use, and after it the one with what it wants to have changed, if there is one.
        statement: the key in use, and after it the one that is to follow, if a change brings it in.
    """

    cards: tuple[Member, ...]
    statement: tuple[Signer, ...]

    @classmethod
    def load(cls, case_dir: Path) -> Own:
        """Read both.

        Raises:
            ConfigError: this node has not introduced itself.
            SignatureError: a key or a card is damaged.
        """
        folder = JointFolder(case_dir)
        paths = [each for each in (folder.card, folder.next_card) if each.exists()]
        if folder.card not in paths:
            raise ConfigError(f"{case_dir} is no member yet; see: pollwatch members card --help")
        cards = tuple(read_card(each.read_bytes()) for each in paths)
        return cls(cards, keyfiles.at_hand(folder.inner, "statement"))

    def named(self, charter: Charter) -> Member:
        """This node as a charter names it; as its card has it, where the charter leaves it out.

        Whoever drafts a charter says nothing wrong of us. It may leave us out: that is what removing a member means.

        Raises:
            PolicyError: the charter has this member otherwise than its cards.
        """
        mine = charter.by_identity(self.cards[0].identity)
        if mine is None:
            return self.cards[0]
        # Where it is a change, our bloc and our role are for the others to judge.
        present, *wanted = self.cards
        if not any(mine.is_as(each) for each in wanted):
            _check_same(replace(mine, bloc=present.bloc, role=present.role) if charter.previous else mine, present)
        return mine
