"""What enters a run: which items may, how many it looks like from outside, and the commitment to exactly these.

Only indicators that an analyst of ours released enter, when their release is old enough and nobody holds them back.
A raw address from a log never does: a rival could attack from addresses of its own and read off what was seen.

From outside, every set has a public size: it is filled up with random points. The set is put in the order of its
blinded elements, which is as good as random, and a salted Merkle tree over it is logged before anything is sent.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from pollwatch import canonical
from pollwatch.clock import US_PER_S
from pollwatch.errors import FormatError, PolicyError
from pollwatch.events.observable import Kind, Observable, normalised
from pollwatch.evidence import merkle, salted
from pollwatch.members.rules import MatchingRules
from pollwatch.sharing.matching import ristretto, voprf
from pollwatch.sharing.matching.ristretto import ELEMENT_BYTES, Element, Scalar
from pollwatch.sharing.matching.workers import Workers

#: The sizes that sets may have, seen from outside.
BUCKETS: Final = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
_PAD_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Candidate:
    """An indicator that was released.

    Attributes:
        observable: what it is about.
        released_us: since when an analyst lets it be shared.
        released_by: which analyst.
        entry: place of the release in the private log; None where it was not sealed.
        held: why somebody keeps it out of matching; empty where nobody does.
    """

    observable: Observable
    released_us: int
    released_by: str
    entry: int | None = None
    held: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What may enter.

    Attributes:
        items: the chosen ones, latest release first.
        young: how many were released too recently.
        held: how many somebody holds back.
        known: how many were entered before in this epoch, or are known to be common.
        left_out: how many there was no room for.
    """

    items: tuple[Candidate, ...]
    young: int = 0
    held: int = 0
    known: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Leaf:
    """One place in a set: an item with its release, or filling.

    Attributes:
        observable: the item; None for filling.
        released_us: when it was released; 0 for filling.
        entry: place of the release in the private log.
        pad: random bytes of filling; empty for an item.
    """

    observable: Observable | None
    released_us: int = 0
    entry: int | None = None
    pad: bytes = b""

    @property
    def point_input(self) -> bytes:
        """What is hashed to the group, as canonical JSON: the item alone, so that it is equal at every member."""
        if self.observable is None:
            return self.to_bytes()
        return _bytes(f'{{"kind":"{self.observable.kind.value}","value":{canonical.compact(self.observable.value)}}}')

    def to_bytes(self) -> bytes:
        """What the tree commits to, under a salt: the record as canonical JSON, written without sorting anything."""
        if self.observable is None:
            return _bytes(f'{{"pad":"{self.pad.hex()}"}}')
        entry = "null" if self.entry is None else self.entry
        kind, value = self.observable.kind.value, canonical.compact(self.observable.value)
        return _bytes(f'{{"entry":{entry},"kind":"{kind}","released_us":{self.released_us},"value":{value}}}')

    def record(self) -> dict[str, Any]:
        """The leaf as JSON: what is committed to."""
        if self.observable is None:
            return {"pad": self.pad.hex()}
        words = {"kind": self.observable.kind.value, "value": self.observable.value}
        return {**words, "released_us": self.released_us, "entry": self.entry}

    @classmethod
    def from_record(cls, record: object) -> Leaf:
        """Read a leaf.

        Raises:
            FormatError: not a leaf in its only form.
        """
        try:
            if not isinstance(record, dict):
                raise FormatError("a leaf is a JSON object")
            if "pad" in record:
                leaf = cls(None, pad=bytes.fromhex(record["pad"]))
                fits = len(leaf.pad) == _PAD_BYTES
            else:
                observable = normalised(Kind(record["kind"]), record["value"])
                leaf = cls(observable, record["released_us"], record["entry"])
                fits = isinstance(leaf.released_us, int) and isinstance(leaf.entry, int | None)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise FormatError(f"not a leaf of a matching set ({type(error).__name__})") from None
        if not fits or leaf.record() != record:
            raise FormatError("a leaf of a matching set is not in its only form")
        return leaf


@dataclass(frozen=True, slots=True)
class Entered:
    """A set as it enters a run.

    Attributes:
        leaves: in the order of their elements.
        elements: one blinded element each, one after the other, strictly ascending.
        seed: the salts' secret seed.
    """

    leaves: tuple[Leaf, ...] = field(repr=False)
    elements: bytes = field(repr=False)
    seed: bytes = field(repr=False)

    @property
    def items(self) -> int:
        """How many places are not filling; nobody else learns this."""
        return sum(each.observable is not None for each in self.leaves)

    def tree(self) -> merkle.Tree:
        """The salted tree over the leaves."""
        documents = [each.to_bytes() for each in self.leaves]
        pairs = zip(salted.salts(self.seed, len(documents)), documents, strict=True)
        return merkle.Tree([salted.commitment(salt, data) for salt, data in pairs])

    def salt(self, index: int) -> bytes:
        """The salt of one leaf."""
        return salted.salts(self.seed, 1, index)[0]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def choose(candidates: Iterable[Candidate], rules: MatchingRules, known: Iterable[Observable], now_us: int) -> Choice:
    """What may enter, latest release first, as many as there is room for.

    Args:
        candidates: all that were released.
        rules: the charter's.
        known: observables that need not or must not enter again.
        now_us: the time.
    """
    seen = set(known)
    young, held, fit = 0, 0, []
    repeated = 0
    for each in candidates:
        if each.held:
            held += 1
        elif now_us - each.released_us < rules.min_age_s * US_PER_S:
            young += 1
        elif each.observable in seen:
            repeated += 1
        else:
            fit.append(each)
    fit.sort(key=lambda each: (-each.released_us, each.observable))
    room = max((size for size in BUCKETS if size <= rules.items), default=0)
    return Choice(tuple(fit[:room]), young, held, repeated, max(0, len(fit) - room))


def bucket(count: int, most: int) -> int:
    """The public size of a set.

    Args:
        count: how many items it has.
        most: what is left of the budget.

    Raises:
        PolicyError: no public size fits.
    """
    for size in BUCKETS:
        if count <= size <= most:
            return size
    raise PolicyError(
        f"{count} items fit into no public size within what is left of the budget ({most}); "
        f"sizes are {', '.join(map(str, BUCKETS))}"
    )


def enter(items: Sequence[Candidate], size: int, key: Scalar, workers: Workers) -> Entered:
    """Fill a set up to its public size, blind it, and put it in the order of its elements.

    Raises:
        PolicyError: more items than the size.
    """
    if len(items) > size:
        raise PolicyError(f"{len(items)} items do not fit into {size}")
    leaves = [Leaf(each.observable, each.released_us, each.entry) for each in items]
    leaves += [Leaf(None, pad=os.urandom(_PAD_BYTES)) for _ in range(size - len(items))]
    ristretto.expect(size)
    elements = workers.map_pieces(lambda part: voprf.blind_all([each.point_input for each in part], key), leaves)
    order = sorted(range(size), key=elements.__getitem__)
    return Entered(tuple(leaves[each] for each in order), b"".join(elements[each] for each in order), salted.new_seed())


def split(elements: bytes) -> list[Element]:
    """Elements that travelled one after the other; they are checked when they are computed with.

    Raises:
        FormatError: not whole elements, or not strictly ascending: one twice, or in an order that says something.
    """
    if len(elements) % ELEMENT_BYTES or not elements:
        raise FormatError("not a list of elements")
    found = [Element(elements[at : at + ELEMENT_BYTES]) for at in range(0, len(elements), ELEMENT_BYTES)]
    if any(left >= right for left, right in pairwise(found)):
        raise FormatError("the elements are not strictly ascending")
    return found
