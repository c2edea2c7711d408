"""What another member sends: its card, a charter, a delivery note. The content is signed rightly: members may lie."""

from __future__ import annotations

from pathlib import Path

from pollwatch.errors import PollwatchError
from pollwatch.evidence import note
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.members.charter import Charter, SignedCharter
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member, Role, make_card, read_card
from pollwatch.members.rules import Quorum


def _seed(number: int) -> bytes:
    return bytes(range(number, number + 32))


SIGNERS = {name: Signer(f"{name}/statement", KeyType.ED25519, _seed(place)) for place, name in enumerate(("A", "B"))}


def _member(name: str, place: int) -> Member:
    types = dict.fromkeys(("log", "gateway", "request"), KeyType.ED25519) | {"witness": KeyType.COSIGNATURE}
    keys = {
        use: Signer(f"{name}/{use}", kind, _seed(place + at)).verifier for at, (use, kind) in enumerate(types.items())
    }
    identity = f"identity--00000000-0000-4000-8000-00000000000{place % 10}"
    return Member(
        name=name,
        bloc=name,
        role=Role.MEMBER,
        address=f"http://[::1]:{place}",
        identity=identity,
        statement=SIGNERS[name].verifier,
        **keys,
    )


MEMBERS = (_member("A", 10), _member("B", 21))
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
        member = read_card(data)
    except PollwatchError:
        return
    if note.parse(data).signatures == note.parse(make_card(MEMBERS[0], SIGNERS["A"])).signatures:
        assert make_card(member, SIGNERS["A"]) == data


def seeds(folder: Path) -> list[bytes]:
    """A card, and a charter signed by one and by all."""
    del folder  # nothing needs the disk
    first = SignedCharter.begin(CHARTER, SIGNERS["A"])
    card = make_card(MEMBERS[0], SIGNERS["A"])
    return [card, first.to_bytes(), first.signing(SIGNERS["B"]).to_bytes()]
