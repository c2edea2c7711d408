"""Pair matching: two members learn what both have. Bytes in, bytes out.

Each has a secret key ``k`` for the other and the epoch, with the public key ``K``. Its set is the elements ``k H(x)``:
each is at the same time what RFC 9497 calls a blinded element (the blind is the member's own key) and what the member
offers. Each evaluates the other's elements with its key and proves that it did (one batched proof per
:data:`PROOF_ITEMS`)::

    A                                       B
    a H(x)              ──offer──▶          learns how large A's set looks
                        ◀──reply──          b H(y)
    a (b H(y)), proof   ──answer─▶          compares with b (a H(x)): B has learned
    compares            ◀──final──          b (a H(x)), proof: A has learned

What a member asks about is thus exactly what it offers, and it is bound to it by the commitment in its log: there is no
asking with one set and answering with another. The member that began answers first; that it then goes without its
answer is shown by B's log.

Within an epoch the key stays, so that an element that enters twice shows itself and is refused, and all that was
entered in the epoch is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pollwatch.errors import FormatError, ProofError
from pollwatch.sharing.matching import ristretto, voprf
from pollwatch.sharing.matching.ristretto import ELEMENT_BYTES, Element, element
from pollwatch.sharing.matching.secret import Secret
from pollwatch.sharing.matching.voprf import PROOF_BYTES, Proof
from pollwatch.sharing.matching.workers import Workers

#: So many elements have one proof.
PROOF_ITEMS: Final = 2_048


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A set, evaluated with the other side's key.

    Attributes:
        elements: in the order of the elements that were sent.
        proofs: one per :data:`PROOF_ITEMS`.
    """

    elements: tuple[Element, ...]
    proofs: tuple[Proof, ...]

    def to_bytes(self) -> bytes:
        """Proofs first, then the elements."""
        return b"".join(each.to_bytes() for each in self.proofs) + b"".join(self.elements)

    @classmethod
    def parse(cls, data: bytes, count: int) -> Evaluation:
        """Read an evaluation; nothing is verified.

        Args:
            data: as it came.
            count: how many elements were sent.

        Raises:
            FormatError: another size, or a scalar in another spelling.
        """
        head = evaluation_bytes(count) - count * ELEMENT_BYTES
        if len(data) != head + count * ELEMENT_BYTES:
            raise FormatError(f"an evaluation of {count} elements has {evaluation_bytes(count)} bytes, not {len(data)}")
        proofs = tuple(Proof.parse(data[at : at + PROOF_BYTES]) for at in range(0, head, PROOF_BYTES))
        elements = tuple(Element(data[at : at + ELEMENT_BYTES]) for at in range(head, len(data), ELEMENT_BYTES))
        return cls(elements, proofs)


def evaluation_bytes(count: int) -> int:
    """What an evaluation of so many elements measures."""
    return -(-count // PROOF_ITEMS) * PROOF_BYTES + count * ELEMENT_BYTES


def evaluate(key: Secret, theirs: Sequence[Element], workers: Workers) -> Evaluation:
    """The other side's set under our key, with proofs.

    Raises:
        FormatError: something is no element.
    """
    scalar = key.scalar
    ristretto.expect(len(theirs))
    evaluated = workers.map_pieces(lambda each: ristretto.times_all(scalar, each), theirs)
    jobs = zip(_pieces(theirs), _pieces(evaluated), strict=True)
    return Evaluation(tuple(evaluated), tuple(workers.map(lambda each: voprf.prove(scalar, *each), list(jobs))))


def check(public: Element, sent: Sequence[Element], evaluation: Evaluation, workers: Workers) -> None:
    """Accept an evaluation of what we sent as made with the key that the other side committed to.

    Raises:
        ProofError: some element was not.
        FormatError: something is no element.
    """
    ristretto.expect(len(sent))
    answered = _pieces(evaluation.elements)
    jobs = list(zip(_pieces(sent), answered, evaluation.proofs, strict=True))
    workers.map(lambda each: voprf.verify(public, *each), jobs)


def common(ours: Evaluation, theirs: Iterable[bytes]) -> list[int]:
    """Which of our elements the other side has too, by their places.

    Args:
        ours: our elements under both keys, as the other side evaluated them; checked.
        theirs: the other side's elements under both keys, as we evaluated them.
    """
    known = set(theirs)
    return [place for place, each in enumerate(ours.elements) if each in known]


def public_key(data: bytes) -> Element:
    """A member's public key.

    Raises:
        ProofError: it is no element, or the generator, whose secret key everybody knows.
    """
    try:
        point = element(data)
    except FormatError as error:
        raise ProofError(f"the public key is {error}") from None
    if point == voprf.GENERATOR:
        raise ProofError("the public key is the generator, whose secret key is one")
    return point


def _pieces(elements: Sequence[Element]) -> list[Sequence[Element]]:
    return [elements[at : at + PROOF_ITEMS] for at in range(0, len(elements), PROOF_ITEMS)]
