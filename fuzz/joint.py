"""What another member sends: its card, a charter, a delivery note. The content is signed rightly: members may lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pollwatch.errors import PollwatchError
from pollwatch.evidence import note
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.members.card import make_card, read_card
from pollwatch.members.chain import Chain
from pollwatch.members.charter import Charter, SignedCharter
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member, Role
from pollwatch.members.rules import Quorum


def _seed(number: int) -> bytes:
    return bytes(range(number, number + 32))


_TYPES = dict.fromkeys(("statement", "log", "gateway", "request"), KeyType.ED25519) | {"witness": KeyType.COSIGNATURE}
_KEYS = {
    name: {use: Signer(f"{name}/{use}", kind, _seed(place + at)) for at, (use, kind) in enumerate(_TYPES.items())}
    for name, place in (("A", 10), ("B", 21))
}
SIGNERS = {name: keys["statement"] for name, keys in _KEYS.items()}


def _member(name: str, number: int) -> Member:
    return Member(
        name=name,
        bloc=name,
        role=Role.MEMBER,
        address=f"http://[::1]:{number}",
        identity=f"identity--00000000-0000-4000-8000-00000000000{number}",
        log=_KEYS[name]["log"].verifier,
        witness=_KEYS[name]["witness"].verifier,
        statement=_KEYS[name]["statement"].verifier,
        gateway=_KEYS[name]["gateway"].verifier,
        request=_KEYS[name]["request"].verifier,
    )


MEMBERS = (_member("A", 1), _member("B", 2))
CHARTER = Charter("W", MEMBERS, ("e",), Quorum(1, 1, 1), Tlp.GREEN, 60, 0)


def read(data: bytes) -> None:
    """As it came, and once more with a right signature under whatever it says."""
    _read(data)
    text = data.decode("utf-8", "replace").rpartition("\n\n")[0] + "\n"
    _read(note.sign_note(text, (SIGNERS["A"],)).to_bytes())


def _read(data: bytes) -> None:
    try:
        charter = SignedCharter.parse(data)
    except PollwatchError:
        pass
    else:
        assert charter.to_bytes() == data
        for each in charter.charter.members:
            charter.charter.policy(each)
    try:
        chain = Chain.parse(data)
        assert chain.to_bytes() == data
        chain.verify()
    except PollwatchError:
        pass
    try:
        member = read_card(data)
    except PollwatchError:
        return
    if member == MEMBERS[0]:
        assert note.parse(data).text == note.parse(_card()).text


def _card() -> bytes:
    return make_card(MEMBERS[0], _KEYS["A"].values(), 5_000_000)


def seeds(folder: Path) -> list[bytes]:
    """A card, and a charter signed by one and by all."""
    del folder  # nothing needs the disk
    first = SignedCharter.begin(CHARTER, SIGNERS["A"])
    agreed = first.signing(SIGNERS["B"])
    after = replace(CHARTER, previous=CHARTER.digest, reply_window_s=61)
    changed = SignedCharter.begin(after, SIGNERS["A"]).signing(SIGNERS["B"])
    return [_card(), first.to_bytes(), agreed.to_bytes(), Chain((agreed, changed)).to_bytes()]
