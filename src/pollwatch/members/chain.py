"""All charters of a joint watch from the first: each agreed to by the rule of the one before it.

It travels as one file, so that whoever gets it can check everything alone: the first charter is signed by all its
members, each later one as :mod:`pollwatch.members.amendment` says. Two chains that go apart are a split.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pollwatch import canonical
from pollwatch.errors import FormatError, PolicyError, SplitError
from pollwatch.members import amendment, document
from pollwatch.members.charter import Charter, SignedCharter, difference
from pollwatch.members.member import Member

SCHEMA: Final = "pollwatch.charters/1"
#: What a chain may measure, and how many charters it may hold.
MAX_BYTES: Final = 8 << 20
_MAX_CHARTERS: Final = 1000


class Relation(StrEnum):
    """How another chain stands to ours."""

    SAME = "same"
    BEHIND = "behind"
    AHEAD = "ahead"
    SPLIT = "split"
    STRANGE = "strange"


@dataclass(frozen=True, slots=True)
class Chain:
    """Charters, each naming the one before it. Make it with :meth:`parse`; what is in it is checked by :meth:`verify`.

    Attributes:
        charters: from the first to the last.
    """

    charters: tuple[SignedCharter, ...]

    @classmethod
    def parse(cls, data: bytes) -> Chain:
        """Read a chain, or a first charter alone.

        Raises:
            FormatError: not well formed, or charters that do not follow one another.
            SignatureError: a signature by a member is wrong.
        """
        if not data.startswith(b"{"):
            return cls((SignedCharter.parse(data),)).linked()
        record = document.fields(
            canonical.loads(data, max_bytes=MAX_BYTES), "the chain of charters", {"schema": str, "charters": list}
        )
        texts = document.texts(record["charters"], "the chain of charters")
        if record["schema"] != SCHEMA or not 2 <= len(texts) <= _MAX_CHARTERS:
            raise FormatError(f"this is no chain of charters of {SCHEMA}")
        return cls(tuple(SignedCharter.parse(each.encode("utf-8")) for each in texts)).linked()

    def to_bytes(self) -> bytes:
        """The chain as it travels and is kept; the first charter alone is just that."""
        if len(self.charters) == 1:
            return self.last.to_bytes()
        texts = [each.to_bytes().decode("utf-8") for each in self.charters]
        return canonical.dumps({"schema": SCHEMA, "charters": texts})

    def linked(self) -> Chain:
        """This chain, if each charter in it names the one before.

        Raises:
            FormatError: it does not.
        """
        previous = ""
        for each in self.charters:
            if each.charter.previous != previous:
                raise FormatError(
                    f"the charter {each.charter.digest[:16]} names {each.charter.previous[:16] or 'none'} as the one "
                    f"before it, not {previous[:16] or 'none'}: ask for the file with all charters"
                )
            previous = each.charter.digest
        return self

    @property
    def last(self) -> SignedCharter:
        """The latest."""
        return self.charters[-1]

    @property
    def before_last(self) -> Charter | None:
        """The charter that the latest one changes; None where it is the first."""
        return self.charters[-2].charter if len(self.charters) > 1 else None

    @property
    def digests(self) -> tuple[str, ...]:
        """Their names among machines."""
        return tuple(each.charter.digest for each in self.charters)

    def followed_by(self, signed: SignedCharter) -> Chain:
        """With one more.

        Raises:
            FormatError: it does not follow.
        """
        return Chain((*self.charters, signed)).linked()

    def ending_with(self, signed: SignedCharter) -> Chain:
        """With other signatures on the last.

        Raises:
            FormatError: it is another charter.
        """
        if signed.charter != self.last.charter:
            raise FormatError("these are signatures on another charter")
        return Chain((*self.charters[:-1], signed))

    def verify(self) -> None:
        """Accept a chain in which every charter was agreed to.

        Raises:
            PolicyError: one was not; the message says by whom not.
            SignatureError: a signature is wrong.
        """
        self.charters[0].check_complete()
        former: frozenset[bytes] = frozenset()
        for before, signed in zip(self.charters, self.charters[1:], strict=False):
            amendment.check(before.charter, signed, former)
            former |= _keys(before.charter)

    def check_draft(self) -> None:
        """Accept a chain whose last charter is being signed: all else is in order, and nothing on it is wrong.

        Raises:
            PolicyError: what is in it can never come into force.
            SignatureError: a signature is wrong.
        """
        if len(self.charters) == 1:
            return
        Chain(self.charters[:-1]).verify()
        former = frozenset[bytes]().union(*(_keys(each.charter) for each in self.charters[:-2]))
        amendment.check_content(self.charters[-2].charter, self.last.charter, former)

    def missing(self) -> str:
        """What the last charter still lacks, in words; empty where it is agreed."""
        before = self.before_last
        if before is None:
            return ", ".join(each.name for each in self.last.missing())
        return amendment.missing(before, self.last).sentence

    def relation_of(self, other: Chain) -> Relation:
        """How another chain stands to this one."""
        ours, theirs = self.digests, other.digests
        common = _common(ours, theirs)
        if common == len(ours):
            return Relation.SAME if common == len(theirs) else Relation.AHEAD
        if common == len(theirs):
            return Relation.BEHIND
        return Relation.SPLIT if common else Relation.STRANGE

    def agreed_at(self, now_us: int) -> SignedCharter | None:
        """The latest charter that holds by then; None where the first is yet to come."""
        return next((each for each in reversed(self.charters) if each.charter.effective_us <= now_us), None)


@dataclass(frozen=True, slots=True)
class Parting:
    """Where two chains go apart, each in order by itself.

    Attributes:
        before: the last charter that both have.
        left: the one that the first chain has after it.
        right: the one that the other has.
    """

    before: Charter
    left: SignedCharter
    right: SignedCharter

    @property
    def signed_both(self) -> tuple[Member, ...]:
        """Who signed both: by the rule that more than half sign a change, there is somebody."""
        return amendment.signed_both(self.left, self.right, self.before)


def parting(left: Chain, right: Chain) -> Parting:
    """Where two chains go apart.

    Raises:
        PolicyError: they do not, or have nothing in common, or one of them is not in order.
    """
    for each in (left, right):
        each.verify()
    common = _common(left.digests, right.digests)
    if not 0 < common < min(len(left.charters), len(right.charters)):
        raise PolicyError("these two chains of charters do not go apart after a common charter")
    return Parting(left.charters[common - 1].charter, left.charters[common], right.charters[common])


def check_not_split(ours: Chain, theirs: Chain) -> None:
    """Accept another chain that goes on from ours, or is behind it.

    Raises:
        SplitError: both were agreed to, and they exclude each other; the message names who signed both.
        PolicyError: it has nothing in common with ours, or is not in order.
    """
    relation = ours.relation_of(theirs)
    if relation is Relation.STRANGE:
        lines = "\n  ".join(difference(ours.charters[0].charter, theirs.charters[0].charter))
        raise PolicyError(f"that is another joint watch; its first charter differs from ours:\n  {lines}")
    if relation is Relation.SPLIT:
        found = parting(ours, theirs)
        names = ", ".join(each.name for each in found.signed_both)
        lines = "\n  ".join(difference(found.left.charter, found.right.charter))
        raise SplitError(
            f"two changes of charter {found.before.digest[:16]} exclude each other: {found.left.charter.digest[:16]} "
            f"here and {found.right.charter.digest[:16]} there. Signed by both sides' keys: {names}\n  {lines}"
        )


def _common(ours: tuple[str, ...], theirs: tuple[str, ...]) -> int:
    """How many charters two chains share from the beginning."""
    count = 0
    for left, right in zip(ours, theirs, strict=False):
        if left != right:
            break
        count += 1
    return count


def _keys(charter: Charter) -> frozenset[bytes]:
    return frozenset(key.public for member in charter.members for key in member.keys)
