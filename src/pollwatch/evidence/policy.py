"""C2SP tlog-policy: which logs are known, which witnesses, and how many of them make a quorum.

::

    log VKEY [URL]
    witness NAME VKEY [URL]
    group NAME K|any|all MEMBER...
    quorum NAME|none
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pollwatch.errors import QuorumError
from pollwatch.evidence.checkpoint import parse_decimal
from pollwatch.evidence.keys import Verifier

MAX_BYTES = 1 << 20
NONE = "none"


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
    """

    logs: tuple[Verifier, ...]
    witnesses: Mapping[str, Verifier]
    groups: Mapping[str, Group]
    quorum: str

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
            words = line.split()
            if words and not words[0].startswith("#"):
                reader.take(number, words)
        return reader.policy()

    def to_bytes(self) -> bytes:
        """The policy as a file."""
        lines = [f"log {each.vkey}" for each in self.logs]
        lines += [f"witness {name} {key.vkey}" for name, key in self.witnesses.items()]
        lines += [f"group {name} {group.k} {' '.join(group.members)}" for name, group in self.groups.items()]
        return "".join(f"{line}\n" for line in (*lines, f"quorum {self.quorum}")).encode("utf-8")

    def is_met(self, cosigned: Collection[str]) -> bool:
        """Whether these witnesses (names in the policy) make the quorum."""
        return self.quorum == NONE or self._holds(self.quorum, cosigned)

    def _holds(self, name: str, cosigned: Collection[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in cosigned
        return sum(self._holds(member, cosigned) for member in group.members) >= group.k


class _Reader:
    """Takes a policy file line by line; names must be defined before they are used, so that nothing is circular."""

    def __init__(self) -> None:
        self._logs: list[Verifier] = []
        self._witnesses: dict[str, Verifier] = {}
        self._groups: dict[str, Group] = {}
        self._grouped: set[str] = set()
        self._quorum: str | None = None

    def take(self, number: int, words: list[str]) -> None:
        match words:
            case ["log", vkey, *url] if len(url) <= 1:
                self._logs.append(Verifier.parse(vkey))
                self._no_twins(number, self._logs)
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self._new_name(number, name)
                self._witnesses[name] = Verifier.parse(vkey)
                self._no_twins(number, list(self._witnesses.values()))
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
        return Policy(tuple(self._logs), self._witnesses, self._groups, self._quorum)

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
