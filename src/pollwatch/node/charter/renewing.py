"""A member's second card: other keys, or another address, brought in by a change of the charter.

::

    CASE/joint/keys/statement.next, request.next            new keys, beside those in use
    CASE/joint/gateway/witness.next, gateway.next           the gateway's
    CASE/joint/next/statement-ID.key                        the statement key after the new one; it belongs into a safe
    CASE/joint/card.next                                    the card that names them, signed by each of them

What a card asks for goes through these steps, and a process that is killed between any two of them leaves a member that
acts under the charter in force, with the keys that it names:

1. new keys lie beside those in use; nothing refers to them yet, and none is ever made twice;
2. the card is written: every key on it has signed it;
3. the charter is changed by its own rule, from the card. The old statement key and the new one have to sign that, and
   the new one is the one that the old one committed to: who steals the present key cannot take the member's name away;
4. with the new charter in force, each new key takes the old one's place (:meth:`JointFolder.settle`), on the inside
   node and at its gateway, each for itself. What the old keys signed before is still theirs: the charters before name
   them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pollwatch import durable
from pollwatch.clock import Clock
from pollwatch.errors import ConfigError, PolicyError, SignatureError, StoreError
from pollwatch.evidence import keychain
from pollwatch.evidence.keys import Signer, Verifier
from pollwatch.members import keys as keyfiles
from pollwatch.members.card import make_card
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.evidence import rail, rekeying
from pollwatch.node.gateway import pushing
from pollwatch.store import disk

#: The keys that can be renewed; the log's own changes by links in the log (``pollwatch evidence key``).
USES: Final = (*keyfiles.INNER, *keyfiles.OUTER)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a second card says otherwise.

    Attributes:
        address: where the gateway is from then on; empty = as before.
        uses: which keys are new, of :data:`USES`.
        next_key: the file of the statement key that was committed to; None looks for it where it was made.
        following: the file of the statement key after that, or of its public half; None makes one.
    """

    address: str = ""
    uses: tuple[str, ...] = ()
    next_key: Path | None = None
    following: Path | None = None


@dataclass(frozen=True, slots=True)
class Renewed:
    """A second card.

    Attributes:
        card: to be handed to whoever drafts the change, or used in one's own.
        member: whom it describes.
        following: the file of the statement key after the new one, where it lies here; it belongs elsewhere.
    """

    card: bytes
    member: Member
    following: Path | None


def renew(case_dir: Path, wish: Wish, clock: Clock) -> Renewed:
    """Make a second card, and the keys on it. Doing it again gives a card with the same keys.

    The card also names the key with which the shared log signs now, should that have changed.

    Raises:
        ConfigError: no charter is in force here, or the gateway's keys are elsewhere.
        PolicyError: nothing would change, a change of this member's is agreed and yet to come, or no next statement key
            was ever committed to.
        SignatureError: the next statement key is not the one that was committed to.
        FormatError: no address.
        StoreError: it is not here, or the disk says no.
    """
    membership = Membership.open(case_dir)
    folder, me = membership.folder, membership.me
    coming = folder.load_chain().last.charter.by_identity(me.identity)
    if coming is None or not coming.is_as(me):
        raise PolicyError("a change of the charter that says something else of this member is agreed and yet to come")
    if pushing.address(folder):
        raise ConfigError(
            "the gateway stands elsewhere, and its keys have to sign the card too: stop it, move its folder back to "
            f"{folder.outer}, say so (members gateway --here), and make the card again; move it out again afterwards"
        )
    with disk.locked(folder.root / "card.lock"):
        said, following = _wished(membership, wish)
        with rail.opened(case_dir, clock) as evidence:
            log = evidence.shared_signer
            with evidence.writing_shared() as shared:
                chain = rekeying.commit(case_dir / "evidence", "shared", shared).chain
        said |= {"log_key": log.verifier.vkey, "next_log_key": chain.links[-1].following.hex()}
        member = Member.from_record(me.record() | said)
        if member == me:
            raise PolicyError("nothing would change; see: pollwatch members renew --help")
        signers = [log, *_signers(folder, member)]
        card = make_card(member, signers, clock.now_us())
        durable.write_file(folder.next_card, card)
    return Renewed(card, member, following)


def _wished(membership: Membership, wish: Wish) -> tuple[dict[str, str], Path | None]:
    """What the card says otherwise; the keys on it are there when this returns."""
    folder, me = membership.folder, membership.me
    said = {"address": wish.address} if wish.address else {}
    made: Path | None = None
    try:
        if "statement" in wish.uses:
            new = _bring_in(folder, me, wish.next_key)
            after, made = _following(folder, me, new, wish.following)
            said |= {"statement_key": new.vkey, "next_statement_key": keychain.commitment(after).hex()}
        elif wish.next_key is not None or wish.following is not None:
            raise PolicyError("a next key and one after it are those of the statement key: name that one as well")
        for use in set(wish.uses) - {"statement"}:
            said[f"{use}_key"] = _fresh(folder, getattr(me, use), use).vkey
    except OSError as error:
        raise StoreError(f"the new keys cannot be written to {folder.root}: {error}") from error
    return said, made


def _place(folder: JointFolder, use: str) -> Path:
    return folder.inner if use in keyfiles.INNER else folder.outer


def _fresh(folder: JointFolder, present: Verifier, use: str) -> Verifier:
    """The new key for a use; made once."""
    path = keyfiles.arriving(_place(folder, use), use)
    if not path.exists():
        keyfiles.make(path, present.name, use)
    return Signer.load(path).verifier


def _bring_in(folder: JointFolder, me: Member, given: Path | None) -> Verifier:
    """Lay the statement key that was committed to beside the present one."""
    if not me.following:
        raise PolicyError(f"{me.name} has never committed to a next statement key: leave, and join as a new member")
    path = keyfiles.arriving(folder.inner, "statement")
    if not path.exists():
        source = _committed(folder, me, given)
        durable.write_file(path, source.read_bytes(), mode=0o600)
    return Signer.load(path).verifier


def _committed(folder: JointFolder, me: Member, given: Path | None) -> Path:
    for path in sorted(folder.root.glob("next/statement*.key")) if given is None else [given]:
        key = Signer.load(path).verifier
        if key.name == me.statement.name and keychain.commitment(key).hex() == me.following:
            return path
        if given is not None:
            raise SignatureError(f"{given} holds {key.id.hex()}, not the statement key that {me.name} committed to")
    raise StoreError(
        f"the next statement key of {me.name} is not in {folder.root / 'next'}; fetch it and name it with --next FILE"
    )


def _following(folder: JointFolder, me: Member, new: Verifier, given: Path | None) -> tuple[Verifier, Path | None]:
    """The statement key after the new one: given, left over from an earlier attempt, or made."""
    if given is not None:
        found = rekeying.public_half(given)
        if found.name != me.statement.name or found in {me.statement, new}:
            raise SignatureError(f"{given} holds no key that can follow {new.id.hex()}: {found.name} {found.id.hex()}")
        return found, None
    for path in sorted(folder.root.glob("next/statement*.key")):
        if (key := Signer.load(path).verifier) not in {me.statement, new}:
            return key, path
    signer = Signer.generate(me.statement.name)
    path = folder.root / "next" / f"statement-{signer.verifier.id.hex()}.key"
    durable.make_folder(path.parent, mode=0o700)
    signer.save(path)
    return signer.verifier, path


def _signers(folder: JointFolder, member: Member) -> Iterable[Signer]:
    """The keys of a card, the log's aside."""
    for use in USES:
        at_hand = {each.verifier: each for each in keyfiles.at_hand(_place(folder, use), use)}
        if getattr(member, use) not in at_hand:
            raise SignatureError(f"the {use} key that the charter names is not in {_place(folder, use)}")
        yield at_hand[getattr(member, use)]
