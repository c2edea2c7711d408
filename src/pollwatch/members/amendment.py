"""Changing a charter by its own rule: what a change may do, and who has to have signed it.

A change is signed

- by as many voting members of the charter before it, of as many blocs, as that charter says, with the keys of that
  charter. Nobody else can block it: not a member that it removes, not one that is accused;
- by every member that it adds, and by every member about which it says something new that only that member can know
  (address, keys): with the key that it then has;
- where a statement key changes, by the old one too, and the new one is the one that the old one committed to. So no
  majority can give a member's name to somebody else. Who has lost its key leaves, and comes back as a new member.

More than half of the members sign a change; of two that exclude each other, somebody signed both (:func:`signed_both`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pollwatch.errors import PolicyError, SignatureError
from pollwatch.evidence import keychain
from pollwatch.evidence import note as notes
from pollwatch.evidence.keys import Signer, Verifier
from pollwatch.members.charter import Charter, SignedCharter
from pollwatch.members.member import Member, Role


@dataclass(frozen=True, slots=True)
class Missing:
    """What a change still lacks; nothing, where it is in order.

    Attributes:
        votes: how many more voting members have to sign.
        blocs: from how many more blocs.
        consents: the members without whose own signature it cannot be.
    """

    votes: int
    blocs: int
    consents: tuple[Member, ...]

    def __bool__(self) -> bool:
        """Whether anything is missing."""
        return bool(self.votes or self.blocs or self.consents)

    @property
    def sentence(self) -> str:
        """What is missing, in words."""
        parts = []
        if self.votes or self.blocs:
            count = max(self.votes, self.blocs)
            spread = f" from {self.blocs} other blocs at least" if self.blocs else ""
            parts.append(f"{count} more voting member{'s' if count > 1 else ''}{spread}")
        if self.consents:
            parts.append("the consent of " + ", ".join(each.name for each in self.consents))
        return " and ".join(parts)


def check(before: Charter, signed: SignedCharter, former: frozenset[bytes]) -> None:
    """Accept a change.

    Args:
        before: the charter that it changes.
        signed: the changed one, with its signatures.
        former: public keys that stood in any charter before that one.

    Raises:
        PolicyError: it says what no change may say, or too few have signed it.
        SignatureError: a signature on it is wrong, or by nobody who has a say.
    """
    check_content(before, signed.charter, former)
    _check_signatures(before, signed)
    if lacking := missing(before, signed):
        raise PolicyError(f"the change of charter {before.name!r} is not agreed: it lacks {lacking.sentence}")


def check_content(before: Charter, after: Charter, former: frozenset[bytes] = frozenset()) -> None:
    """Accept what a change says, whoever has signed it.

    Raises:
        PolicyError: naming what no change may say.
    """
    if after.previous != before.digest:
        raise PolicyError(f"the charter {after.digest[:16]} does not follow {before.digest[:16]}")
    if after.exercise is not before.exercise:
        raise PolicyError("a change makes no exercise of a real charter, and nothing real of an exercise")
    if after.effective_us < before.effective_us:
        raise PolicyError("a change cannot hold from before the charter that it changes")
    old = {each.identity: each for each in before.members}
    names = {each.name: each.identity for each in before.members}
    used = {key.public for each in before.members for key in each.keys} | former
    for member in after.members:
        same = old.get(member.identity)
        if names.get(member.name, member.identity) != member.identity or (same and same.name != member.name):
            raise PolicyError(f"the name {member.name!r} passes to somebody else: a member keeps its name and identity")
        kept = set() if same is None else {(key.name, key.public) for key in same.keys}
        for key in member.keys:
            if key.public in used and (key.name, key.public) not in kept:
                raise PolicyError(f"the key {key.name} of {member.name} was used before; a key that is gone stays gone")
        if same is not None and same.statement != member.statement:
            _check_succession(same, member.statement)


def missing(before: Charter, signed: SignedCharter) -> Missing:
    """Whose signatures a change still lacks; those that are there are taken to be right."""
    voters = [each for each in before.members if each.role is Role.MEMBER]
    voted = [each for each in voters if signed.note.by(each.statement)]
    rule = before.amendment
    consents = [
        member for member, keys in _must_consent(before, signed.charter) if not all(signed.note.by(key) for key in keys)
    ]
    return Missing(
        max(0, rule.needed(len(voters)) - len(voted)),
        max(0, rule.blocs - len({each.bloc for each in voted})),
        tuple(consents),
    )


def signing(before: Charter, signed: SignedCharter, signer: Signer) -> SignedCharter:
    """A change with one more signature.

    Raises:
        SignatureError: the key has no say in it.
    """
    if signer.verifier not in _signatories(before, signed.charter):
        raise SignatureError(f"key {signer.name} ({signer.verifier.id.hex()}) has no say in this change")
    return SignedCharter(signed.charter, signed.note.adding((notes.sign(signed.charter.text, signer),)))


def signed_both(left: SignedCharter, right: SignedCharter, before: Charter) -> tuple[Member, ...]:
    """The members of a charter that signed two changes of it which exclude each other."""
    return tuple(each for each in before.members if left.note.by(each.statement) and right.note.by(each.statement))


def _check_signatures(before: Charter, signed: SignedCharter) -> None:
    keys = _signatories(before, signed.charter)
    known = {(key.name, key.id) for key in keys}
    for line in signed.note.signatures:
        if (line.name, line.key_id) not in known:
            raise SignatureError(f"the change is signed by {line.name} ({line.key_id.hex()}), who has no say in it")
    notes.verify(signed.note, keys)


def _signatories(before: Charter, after: Charter) -> tuple[Verifier, ...]:
    return tuple(dict.fromkeys(each.statement for each in (*before.members, *after.members)))


def _must_consent(before: Charter, after: Charter) -> Iterator[tuple[Member, tuple[Verifier, ...]]]:
    """Members without whose signature a change cannot be, each with the keys that sign."""
    old = {each.identity: each for each in before.members}
    for member in after.members:
        same = old.get(member.identity)
        if same is None or same.statement == member.statement:
            if same is None or _own(same) != _own(member):
                yield member, (member.statement,)
        else:
            yield member, (same.statement, member.statement)


def _own(member: Member) -> tuple[object, ...]:
    """What only the member itself can say of itself. Its bloc and its role are for the others to judge."""
    return (member.address, member.keys, member.following, member.following_log)


def _check_succession(same: Member, statement: Verifier) -> None:
    if keychain.commitment(statement).hex() != same.following:
        raise PolicyError(
            f"the new statement key of {same.name} is not the one that it committed to: whoever made this change may "
            "have stolen its present key"
        )
