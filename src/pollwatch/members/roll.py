"""The members over all charters of a joint watch: whose word counts, said with which key, and until when.

What a member said stays said when it leaves, is removed, or changes its key: it is read as of when it was said. What
it says afterwards, or what a thief says with the key that it had before, is refused: its key was in use until

- a later charter came into force that names another key for it, or leaves it out;
- or it left by its own notice, which revokes all of its keys (:mod:`pollwatch.node.charter.leaving`).

A charter may hold from a time at which not everybody had signed it yet; who goes by :attr:`Roll.taken_up_us` takes what
was said until it really came into force here. The times that objects state are their authors' words; that nothing is
dated back, the authors' logs and what others held of them show, not this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pollwatch.errors import PolicyError, RetiredKeyError
from pollwatch.evidence.keys import Verifier
from pollwatch.members.chain import Chain
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.members.rules import Quorum


@dataclass(frozen=True, slots=True)
class Term:
    """A key of a member, and until when it was one.

    Attributes:
        key: the key.
        until_us: what was said from then on with it does not count; None while it is in use.
    """

    key: Verifier
    until_us: int | None

    def check(self, what: str, member: Member, said_us: int) -> None:
        """Accept what was said with it by then.

        Raises:
            RetiredKeyError: it was not in use any more.
        """
        if self.until_us is not None and said_us >= self.until_us:
            raise RetiredKeyError(
                f"{what} is signed with key {self.key.name} ({self.key.id.hex()}), with which {member.name} says "
                "nothing more: it left, was removed, or has another key by now. The key may have been stolen"
            )


@dataclass(frozen=True, slots=True)
class Electorate:
    """Who has a say at one time, and by which numbers.

    Attributes:
        members: those of the charter that held then, as the newest charter that has them names them.
        quorum: of that charter.
        departed: identities of those that had left by then, or did since, by their own notice.
    """

    members: tuple[Member, ...]
    quorum: Quorum
    departed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Roll:
    """The charters that held, one after another.

    Attributes:
        charters: from the first to the one in force.
        taken_up_us: by digest, when a charter came into force here, where that is known.
        departed_us: by identity, when a member left by its own notice.
    """

    charters: tuple[Charter, ...]
    taken_up_us: Mapping[str, int] = field(default_factory=dict)
    departed_us: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of_chain(
        cls,
        chain: Chain,
        present: Charter | None = None,
        taken_up_us: Mapping[str, int] | None = None,
        departed_us: Mapping[str, int] | None = None,
    ) -> Roll:
        """The members of a chain that was verified, up to the charter in force; None: all of it.

        Who goes by a charter that is not in the chain has that one alone.
        """
        charters = tuple(each.charter for each in chain.charters)
        if present is not None:
            charters = charters[: charters.index(present) + 1] if present in charters else (present,)
        return cls(charters, taken_up_us or {}, departed_us or {})

    @property
    def charter(self) -> Charter:
        """The one in force."""
        return self.charters[-1]

    def by_identity(self, identity: str) -> Member | None:
        """The member with that STIX identity id, as the newest charter that has it names it."""
        return next((found for each in reversed(self.charters) if (found := each.by_identity(identity))), None)

    def at(self, time_us: int) -> Charter:
        """The charter that held at a time; before all of them, the first."""
        held = (each for each in reversed(self.charters) if each.effective_us <= time_us)
        return next(held, self.charters[0])

    def electorate(self, time_us: int) -> Electorate:
        """Who has a say in what is decided at a time."""
        charter = self.at(time_us)
        return Electorate(tuple(map(self._present, charter.members)), charter.quorum, frozenset(self.departed_us))

    def naming(self, time_us: int) -> Naming:
        """What names meant at a time."""
        return Naming(self, time_us)

    def terms(self, member: Member, use: str = "statement") -> tuple[Term, ...]:
        """The keys that a member had for a use, newest first."""
        found: dict[Verifier, int | None] = {}
        left_us = self.departed_us.get(member.identity)
        for number in range(len(self.charters) - 1, -1, -1):
            named = self.charters[number].by_identity(member.identity)
            if named is not None and (key := getattr(named, use)) not in found:
                ended = number + 1 < len(self.charters)
                ends = [self._began(self.charters[number + 1])] if ended else []
                ends += [left_us] if left_us is not None else []
                found[key] = min(ends, default=None)
        return tuple(Term(key, ends) for key, ends in found.items())

    def _began(self, charter: Charter) -> int:
        return max(charter.effective_us, self.taken_up_us.get(charter.digest, 0))

    def _present(self, member: Member) -> Member:
        return self.by_identity(member.identity) or member


@dataclass(frozen=True, slots=True)
class Naming:
    """The names of members at one time: a name may have passed to somebody else long after its owner had gone.

    Attributes:
        roll: all charters.
        time_us: the time.
    """

    roll: Roll
    time_us: int

    def member(self, name: str) -> Member:
        """The member of that name, as the newest charter that has it names it.

        Raises:
            PolicyError: there never was one.
        """
        for charter in (self.roll.at(self.time_us), *reversed(self.roll.charters)):
            try:
                found = charter.member(name)
            except PolicyError:
                continue
            return self.roll.by_identity(found.identity) or found
        return self.roll.charter.member(name)  # raises

    @property
    def members(self) -> tuple[Member, ...]:
        """All of them; those who had a name at that time before others that had it earlier or later."""
        named: dict[str, Member] = {}
        for charter in (self.roll.at(self.time_us), *reversed(self.roll.charters)):
            for each in charter.members:
                named.setdefault(each.name, self.roll.by_identity(each.identity) or each)
        return tuple(named.values())


Charters: TypeAlias = Charter | Roll
"""How a caller says by what to read: a charter that is the only one, as far as it knows, or all of them."""


Names: TypeAlias = Charter | Naming
"""Whatever knows members by their names."""


def of(charters: Charters) -> Roll:
    """A roll either way."""
    return charters if isinstance(charters, Roll) else Roll((charters,))
