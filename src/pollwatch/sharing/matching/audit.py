"""The audit: some of what a member entered, chosen by nobody, is opened to the auditor.

Both sides commit to a random share before the run and reveal it with their answers; together with both roots the shares
make the beacon, which neither side alone could have chosen. From it follow the places that are opened. An opening shows
for each: the leaf with its salt in the tree that was logged before the run; the element at the same place of the set
that was sent; by one proof for all, that each element is the leaf's item under the member's key; and for each item the
analyst's release in the private log, sealed before the run.

A set with fakes that cannot be opened so is caught with the probability :func:`caught`. The auditor learns the opened
items, how much of the set is filling, and what else was released by the same decisions; nobody else learns
anything. That an item in truth was never seen by anybody, although an analyst said so, no audit of papers can tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

from pollwatch import canonical
from pollwatch.errors import FormatError, ProofError
from pollwatch.evidence import merkle, salted
from pollwatch.members import document
from pollwatch.members.charter import Charter
from pollwatch.sharing.matching import entering, reading, voprf
from pollwatch.sharing.matching.entering import Entered, Leaf
from pollwatch.sharing.matching.papers import Commitment
from pollwatch.sharing.matching.ristretto import Element, Scalar, element
from pollwatch.sharing.matching.voprf import Proof

MAX_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class Beacon:
    """What decides which places are opened.

    Attributes:
        run: the run's id.
        shares: by member, its signed commitment and its share.
    """

    run: str
    shares: Mapping[str, tuple[bytes, bytes]]

    @property
    def value(self) -> bytes:
        """32 bytes that no side could choose alone."""
        papers_of = {name: hashlib.sha256(paper).hexdigest() for name, (paper, _nonce) in self.shares.items()}
        nonces = {name: nonce.hex() for name, (_paper, nonce) in self.shares.items()}
        words = {"beacon": "pollwatch.matching-audit/1", "run": self.run, "papers": papers_of, "nonces": nonces}
        return hashlib.sha256(canonical.dumps(words)).digest()

    def places(self, member: str, size: int, permille: int) -> list[int]:
        """The places of a member's set that are opened, ascending."""
        start = hashlib.sha256(self.value + member.encode("utf-8"))

        def draw(place: int) -> bytes:
            drawn = start.copy()
            drawn.update(place.to_bytes(8, "big"))
            return drawn.digest()

        return sorted(sorted(range(size), key=draw)[: opened_count(size, permille)])


@dataclass(frozen=True, slots=True)
class Audited:
    """What an opening showed; it has been checked.

    Attributes:
        commitment: of the member whose set was opened.
        leaves: the opened places with their leaves.
    """

    commitment: Commitment
    leaves: tuple[tuple[int, Leaf], ...]

    @property
    def items(self) -> tuple[Leaf, ...]:
        """The opened items, without filling."""
        return tuple(leaf for _place, leaf in self.leaves if leaf.observable is not None)


def opened_count(size: int, permille: int) -> int:
    """How many places of a set are opened."""
    return min(size, -(-size * permille // 1000))


def caught(fakes: int, size: int, permille: int) -> float:
    """The probability that at least one of some fakes is among the places that are opened."""
    opened = opened_count(size, permille)
    few, many = sorted((fakes, opened))  # drawing one from the other's complement is symmetric
    return 1 - prod((size - many - each) / (size - each) for each in range(min(few, size - many + 1)))


def open_set(beacon: Beacon, member: str, entered: Entered, key: Scalar, permille: int) -> bytes:
    """The opening of a set that we entered.

    Args:
        beacon: of the run.
        member: our name.
        entered: our set.
        key: the secret key under which it was blinded; it is not shown.
        permille: the charter's share.
    """
    size = len(entered.leaves)
    places = beacon.places(member, size, permille)
    elements = entering.split(entered.elements)
    leaves = [entered.leaves[place] for place in places]
    points = [voprf.hash_to_group(leaf.point_input) for leaf in leaves]
    element_tree = merkle.Tree(merkle.leaf_hashes(elements))
    shown = [elements[place] for place in places]
    return canonical.dumps(
        {
            "run": beacon.run,
            "member": member,
            "papers": {name: paper.decode("utf-8") for name, (paper, _nonce) in beacon.shares.items()},
            "nonces": {name: nonce.hex() for name, (_paper, nonce) in beacon.shares.items()},
            "leaves": [
                [place, leaf.record(), entered.salt(place).hex()] for place, leaf in zip(places, leaves, strict=True)
            ],
            "tree": _hex(merkle.prove_subset(places, size, entered.tree().subtree)),
            "elements": _hex(shown),
            "element_tree": _hex(merkle.prove_subset(places, size, element_tree.subtree)),
            "proof": voprf.prove(key, points, shown).to_bytes().hex(),
        }
    )


def check(data: bytes, member_name: str, charter: Charter) -> Audited:
    """Accept an opening as of what its member committed to and sent.

    Args:
        data: the opening.
        member_name: whose set it is about, as its sender is called.
        charter: the one in force.

    Raises:
        FormatError: malformed.
        ProofError: something in it is not what was committed to, or the places are not those of the beacon.
        SignatureError: a commitment is not signed by its member.
    """
    record = _record(data)
    commitments, beacon = _beacon(record, charter)
    if record["member"] != member_name or member_name not in commitments:
        raise ProofError(f"the opening is not of a set of {member_name}")
    mine = commitments[member_name]
    try:
        leaves = [(place, Leaf.from_record(leaf), bytes.fromhex(salt)) for place, leaf, salt in record["leaves"]]
        shown = [element(bytes.fromhex(each)) for each in record["elements"]]
        trees = [[bytes.fromhex(each) for each in record[name]] for name in ("tree", "element_tree")]
        proof = Proof.parse(bytes.fromhex(record["proof"]))
    except (TypeError, ValueError) as error:
        raise FormatError(f"the opening cannot be read: {type(error).__name__}") from None
    places = [place for place, _leaf, _salt in leaves]
    if places != beacon.places(member_name, mine.size, charter.matching.audit_permille):
        raise ProofError("the opened places are not those that the beacon chose")
    hashes = {place: salted.commitment(salt, leaf.to_bytes()) for place, leaf, salt in leaves}
    _same(merkle.root_from_subset(hashes, mine.size, trees[0]), mine.root, "a leaf is not in the tree that was logged")
    hashes = {place: merkle.leaf_hash(each) for place, each in zip(places, shown, strict=True)}
    _same(merkle.root_from_subset(hashes, mine.size, trees[1]), mine.elements, "an element is not one that was sent")
    _check_elements(mine, [leaf for _place, leaf, _salt in leaves], shown, proof)
    return Audited(mine, tuple((place, leaf) for place, leaf, _salt in leaves))


def _check_elements(mine: Commitment, leaves: list[Leaf], shown: list[Element], proof: Proof) -> None:
    points = [voprf.hash_to_group(leaf.point_input) for leaf in leaves]
    try:
        voprf.verify(mine.key, points, shown, proof)
    except ProofError:
        raise ProofError("an element that was sent is not the item that is shown for it") from None


def _beacon(record: dict[str, Any], charter: Charter) -> tuple[dict[str, Commitment], Beacon]:
    if not isinstance(record["papers"], dict) or record["papers"].keys() != record["nonces"].keys():
        raise FormatError("the opening names other members for papers than for shares")
    commitments: dict[str, Commitment] = {}
    shares: dict[str, tuple[bytes, bytes]] = {}
    for name, text in record["papers"].items():
        try:
            paper, nonce = text.encode("utf-8"), bytes.fromhex(record["nonces"][name])
        except (AttributeError, TypeError, ValueError):
            raise FormatError("the opening's papers or shares cannot be read") from None
        commitments[name] = reading.read_commitment(paper, charter.member(name), charter)
        if hashlib.sha256(nonce).digest() != commitments[name].nonce or commitments[name].run != record["run"]:
            raise ProofError(f"the share of {name} is not the one that it committed to for this run")
        shares[name] = paper, nonce
    for name, each in commitments.items():
        if {name, *each.others} != commitments.keys():
            raise ProofError("the opening lacks somebody's commitment")
    return commitments, Beacon(str(record["run"]), shares)


def _record(data: bytes) -> dict[str, Any]:
    shape: dict[str, type] = {"run": str, "member": str, "papers": dict, "nonces": dict, "leaves": list, "tree": list}
    shape |= {"elements": list, "element_tree": list, "proof": str}
    return document.fields(canonical.loads(data, max_bytes=MAX_BYTES), "the opening", shape)


def _same(found: bytes, expected: bytes, problem: str) -> None:
    if found != expected:
        raise ProofError(problem)


def _hex(hashes: Iterable[bytes]) -> list[str]:
    return [each.hex() for each in hashes]
