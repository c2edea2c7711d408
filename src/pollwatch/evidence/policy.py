"""C2SP tlog-policy: which logs are known, which witnesses, and how many of them make a quorum.

::

    log VKEY [URL]
    witness NAME VKEY [URL]
    group NAME K|any|all MEMBER...
    quorum NAME|none

Words are parted by spaces and tabs only, names are opaque, and other control characters are refused, so that a policy
means the same to every reader. pollwatch adds two kinds of comments, which other tools pass over:

    # bloc NAME BLOC
    # next LOG HEX

The first says which bloc a witness of the policy (by its name there) or a log (by its key's name) belongs to. It counts
for nothing but the grade: cosignatures from the owner's own bloc are no rival's. The second pins the commitment to the
key that follows the given one of a log (:mod:`pollwatch.evidence.keychain`): a thief of that key cannot begin a chain
of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pollwatch.errors import QuorumError
from pollwatch.evidence.checkpoint import parse_decimal
from pollwatch.evidence.keys import Verifier

MAX_BYTES = 1 << 20
NONE = "none"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_BLANK = re.compile(r"[ \t]+")


@dataclass(frozen=True, slots=True)
class Group:
    """``k`` of these witnesses or groups."""

    k: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom a verifier trusts to have looked.

    Attributes:
        logs: keys of known logs.
        witnesses: name in the policy to key.
        groups: name to group.
        quorum: name of the witness or group that must have cosigned; ``none`` = nobody must.
        blocs: name of a witness, or of a log's key, to its bloc; where it is not said, nothing is assumed.
        urls: key of a log or a witness to where it is reached, where that is said.
        following: name of a log to the commitment to the key after its known one, where its owner gave that.
    """

    logs: tuple[Verifier, ...]
    witnesses: Mapping[str, Verifier]
    groups: Mapping[str, Group]
    quorum: str
    blocs: Mapping[str, str] = field(default_factory=dict)
    urls: Mapping[Verifier, str] = field(default_factory=dict)
    following: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """Read a policy file.

        Raises:
            QuorumError: malformed; the message names the line.
            SignatureError: a malformed or weak key.
        """
        if len(data) > MAX_BYTES:
            raise QuorumError("policy file is over 1 MiB")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise QuorumError("policy file is not UTF-8") from None
        reader = _Reader()
        for number, line in enumerate(text.split("\n"), start=1):
            if _CONTROL.search(line):
                raise QuorumError(f"policy line {number}: a control character; write it anew with a plain editor")
            words = [word for word in _BLANK.split(line) if word]
            if words[:2] == ["#", "bloc"]:
                reader.take_bloc(number, words[2:])
            elif words[:2] == ["#", "next"]:
                reader.take_next(number, words[2:])
            elif words and not words[0].startswith("#"):
                reader.take(number, words)
        return reader.policy()

    def to_bytes(self) -> bytes:
        """The policy as a file."""
        urls = {key: f" {url}" for key, url in self.urls.items()}
        lines = [f"log {each.vkey}{urls.get(each, '')}" for each in self.logs]
        lines += [f"witness {name} {key.vkey}{urls.get(key, '')}" for name, key in self.witnesses.items()]
        lines += [f"group {name} {group.k} {' '.join(group.members)}" for name, group in self.groups.items()]
        lines += [f"# bloc {name} {bloc}" for name, bloc in self.blocs.items()]
        lines += [f"# next {name} {digest.hex()}" for name, digest in self.following.items()]
        return "".join(f"{line}\n" for line in (*lines, f"quorum {self.quorum}")).encode("utf-8")

    def is_met(self, cosigned: Collection[str]) -> bool:
        """Whether these witnesses (names in the policy) make the quorum."""
        if self.quorum == NONE:
            return True
        # A group names only what stands above it, so one pass in order settles them all, however deep they are.
        holds = set(self.witnesses).intersection(cosigned)
        for name, group in self.groups.items():
            if sum(member in holds for member in group.members) >= group.k:
                holds.add(name)
        return self.quorum in holds

    def rival_blocs(self, log: str, cosigned: Iterable[str]) -> frozenset[str]:
        """The blocs, other than that of the log's owner, of those who cosigned.

        Where the owner's bloc is not said, one of the cosigners' blocs may be its own: a single one counts for none.
        """
        found = frozenset(self.blocs[name] for name in cosigned if name in self.blocs)
        own = self.blocs.get(log)
        if own is None:
            return found if len(found) > 1 else frozenset()
        return found - {own}


class _Reader:
    """Takes a policy file line by line; names must be defined before they are used, so that nothing is circular."""

    def __init__(self) -> None:
        self._logs: list[Verifier] = []
        self._witnesses: dict[str, Verifier] = {}
        self._groups: dict[str, Group] = {}
        self._grouped: set[str] = set()
        self._quorum: str | None = None
        self._blocs: dict[str, str] = {}
        self._urls: dict[Verifier, str] = {}
        self._following: dict[str, bytes] = {}

    def take_bloc(self, number: int, words: list[str]) -> None:
        """A comment that says a bloc; one that says nothing of the kind is an ordinary comment."""
        if len(words) < 2:
            return
        name, bloc = words[0], " ".join(words[1:])
        if self._blocs.setdefault(name, bloc) != bloc:
            raise QuorumError(f"policy line {number}: {name!r} would be in two blocs")

    def take_next(self, number: int, words: list[str]) -> None:
        """A comment that pins the key after a log's known one; one that says nothing of the kind is an ordinary one."""
        if len(words) != 2 or not _DIGEST.fullmatch(words[1]):
            return
        if self._following.setdefault(words[0], bytes.fromhex(words[1])).hex() != words[1]:
            raise QuorumError(f"policy line {number}: log {words[0]!r} would have two next keys")

    def take(self, number: int, words: list[str]) -> None:
        """One line that is no comment."""
        match words:
            case ["log", vkey, *url] if len(url) <= 1:
                self._logs.append(self._key(number, vkey, cosigns=False))
                self._no_twins(number, self._logs)
                self._urls.update((self._logs[-1], each) for each in url)
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self._new_name(number, name)
                self._witnesses[name] = self._key(number, vkey, cosigns=True)
                self._no_twins(number, list(self._witnesses.values()))
                self._urls.update((self._witnesses[name], each) for each in url)
            case ["group", name, k, *members] if members:
                self._group(number, name, k, members)
            case ["quorum", name] if self._quorum is None:
                if name != NONE and name not in self._witnesses and name not in self._groups:
                    raise QuorumError(f"policy line {number}: quorum {name!r} is not defined above it")
                self._quorum = name
            case _:
                raise QuorumError(f"policy line {number}: not understood, or said twice: {words[0][:40]!r}")

    def policy(self) -> Policy:
        if self._quorum is None:
            raise QuorumError("policy has no quorum line; write 'quorum none' if nobody must have cosigned")
        return Policy(
            logs=tuple(self._logs),
            witnesses=self._witnesses,
            groups=self._groups,
            quorum=self._quorum,
            blocs=self._blocs,
            urls=self._urls,
            following=self._following,
        )

    def _key(self, number: int, vkey: str, *, cosigns: bool) -> Verifier:
        key = Verifier.parse(vkey)
        if key.type.has_time is not cosigns:
            use = "a witness needs a cosignature key" if cosigns else "a log needs a key of type 01"
            raise QuorumError(f"policy line {number}: {use}; ask the owner for the right one")
        return key

    def _group(self, number: int, name: str, k: str, members: list[str]) -> None:
        self._new_name(number, name)
        for member in members:
            if member not in self._witnesses and member not in self._groups:
                raise QuorumError(f"policy line {number}: {member!r} is not defined above it")
            if member in self._grouped:
                raise QuorumError(f"policy line {number}: {member!r} would count twice")
            self._grouped.add(member)
        needed = {"any": 1, "all": len(members)}.get(k) or parse_decimal(k, f"policy line {number}: threshold")
        if not 1 <= needed <= len(members):
            raise QuorumError(f"policy line {number}: {needed} of {len(members)} is impossible")
        self._groups[name] = Group(needed, tuple(members))

    def _new_name(self, number: int, name: str) -> None:
        if name == NONE or name in self._witnesses or name in self._groups:
            raise QuorumError(f"policy line {number}: the name {name!r} is taken")

    def _no_twins(self, number: int, keys: list[Verifier]) -> None:
        if any(keys[-1].public == other.public for other in keys[:-1]):
            raise QuorumError(f"policy line {number}: the same key stands twice; one key counts once")
