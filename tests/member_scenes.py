"""Members with all of their keys in memory, for what needs neither case folders nor processes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from pollwatch.evidence import keychain
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.members.card import make_card
from pollwatch.members.keys import handle_of
from pollwatch.members.member import Member, Role


@dataclass(frozen=True)
class Made:
    """A member and every key it has, the statement key after the present one included."""

    member: Member
    keys: dict[str, Signer]
    following: Signer

    @property
    def statement(self) -> Signer:
        """The key that it speaks with."""
        return self.keys["statement"]

    @property
    def card(self) -> bytes:
        """How it introduces itself."""
        return make_card(self.member, self.keys.values(), 1_793_700_000_000_000)


def made(name: str, port: int = 8001, bloc: str = "", role: Role = Role.MEMBER, *, exercise: bool = False) -> Made:
    """A fresh member."""
    handle = handle_of(name, exercise=exercise)
    kinds = dict.fromkeys(("log", "statement", "gateway", "request"), KeyType.ED25519)
    kinds["witness"] = KeyType.COSIGNATURE
    keys = {use: Signer.generate(f"{handle}/{use}", kind) for use, kind in kinds.items()}
    following = Signer.generate(f"{handle}/statement")
    member = Member(
        name,
        bloc or handle,
        role,
        f"http://127.0.0.1:{port}",
        f"identity--{uuid.uuid4()}",
        **{use: key.verifier for use, key in keys.items()},
        following=keychain.commitment(following.verifier).hex(),
    )
    return Made(member, keys, following)
