"""The card with which a member introduces itself: who it is, signed with each of its keys.

Nobody can enrol a key that it does not have: every key on the card has signed it. Keys that sign notes sign its text;
the witness's key signs nothing but checkpoints, so it cosigns one of a log whose only entry is that text, and whose
name no log can have in a charter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pollwatch.clock import US_PER_S
from pollwatch.errors import SignatureError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import merkle
from pollwatch.evidence import note as notes
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.keys import Signer, Verifier
from pollwatch.evidence.note import Note, Signature
from pollwatch.members import document
from pollwatch.members.member import Member

_CARD: Final = "member"


def make_card(member: Member, signers: Iterable[Signer], now_us: int) -> bytes:
    """A member's introduction of itself.

    Args:
        member: who.
        signers: all of its keys.
        now_us: the time that the witness's key states.

    Raises:
        SignatureError: these are not the keys of that member.
    """
    text = document.text_of(_CARD, member.record(), exercise=member.exercise)
    by_key = {each.verifier: each for each in signers}
    if set(by_key) != set(member.keys):
        raise SignatureError(f"the card of {member.name} must be signed with each of its own keys, and with no other")
    return Note(text, tuple(_sign(text, by_key[each], now_us) for each in member.keys)).to_bytes()


def read_card(data: bytes) -> Member:
    """The member that a card introduces; it has shown that it has every key on it.

    Raises:
        FormatError: not a well-formed card.
        SignatureError: a key on it is weak, or has not signed it rightly, or another one has.
    """
    note, value = document.read(_CARD, data)
    member = Member.from_record(value)
    if document.is_exercise(note) is not member.exercise:
        raise SignatureError(f"the card of {member.name} does not agree with its keys on whether this is an exercise")
    if len(note.signatures) != len(member.keys):
        raise SignatureError(f"the card of {member.name} is signed {len(note.signatures)} times, not by each key once")
    for line, verifier in zip(note.signatures, member.keys, strict=True):
        if not line.is_by(verifier):
            raise SignatureError(
                f"{member.name} has not shown that it has the key {verifier.name} ({verifier.id.hex()}) of its card"
            )
        _check(note.text, line, verifier)
    return member


def _sign(text: str, signer: Signer, now_us: int) -> Signature:
    if signer.type.has_time:
        return checkpoints.sign(_as_log(text, signer.verifier), signer, now_us // US_PER_S)
    return notes.sign(text, signer)


def _check(text: str, line: Signature, verifier: Verifier) -> None:
    if verifier.type.has_time:
        checkpoints.verify_line(_as_log(text, verifier), line, verifier)
    else:
        verifier.verify(text.encode("utf-8"), line.blob)


def _as_log(text: str, witness: Verifier) -> Checkpoint:
    """A log that holds the card and nothing else."""
    return Checkpoint(f"{witness.name}/possession", 1, merkle.leaf_hash(text.encode("utf-8")))
