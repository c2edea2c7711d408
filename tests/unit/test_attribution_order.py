"""What an order of events leaves open, and what becomes of logs that say what cannot be."""

from __future__ import annotations

from dataclasses import replace

import attribution_scenes as scenes
from pollwatch.attribution import order
from pollwatch.attribution.order import Place, Proven
from pollwatch.attribution.subject import Named


def paper(digest: str, after: str = "", followed: str = "") -> Proven:
    """A paper that came after some by hash, and after others by its author's log."""
    author = scenes.two().member("Alder")
    return Proven(Named(f"note--{digest}", digest), author, "opinion", (), frozenset(after), frozenset(followed))


def test_pairs_that_nothing_orders_are_named() -> None:
    """a, then b and c in any order, then d: only b and c are open, and the words say so."""
    found = (paper("a"), paper("b", "a"), paper("c", "a"), paper("d", "bc"))
    assert [(one.name.digest, other.name.digest) for one, other in order.unordered(found)] == [("b", "c")]
    told = "\n".join(order.told(found))
    assert "cannot be determined for 2/3" in told


def test_a_chain_is_proven_as_a_whole() -> None:
    """By hash, then by log, then by hash: nothing is left open."""
    found = (paper("a"), paper("b", "a"), paper("c", "", "b"), paper("d", "c"))
    assert order.unordered(found) == ()
    assert "that is proven" in "\n".join(order.told(found))


def test_a_log_that_says_what_cannot_be_gives_way_and_is_told() -> None:
    """Attack: a member posts its claim after the denial that names it; hashes win, and the contradiction is told."""
    claim, denial = paper("a", "", "b"), paper("b", "a")
    left = order.uncontradicted({"a": claim, "b": denial})
    assert (left["a"].followed, left["a"].contradicted) == (frozenset(), frozenset("b"))
    assert left["b"].after == frozenset("a")
    told = "\n".join(order.told((left["a"], left["b"])))
    assert "Alder's own log had 2 before it, which cannot be: it was posted later" in told


def test_a_cosigner_that_backdates_lends_its_time_to_nobody() -> None:
    """Attack: the owner's friend states an early time in its cosignature; the others' time stands beside theirs."""
    alder, honest_s = scenes.two().member("Alder"), scenes.T // 10**6
    place = Place(alder, 0, {"Birch": honest_s - 30 * 86_400, "Cedar": honest_s}, "cross-bloc")
    found = (replace(paper("a"), places=(place,)),)
    told = "\n".join(order.told(found))
    assert "Birch not later than 2026-10-04T10:00:00Z, Cedar not later than 2026-11-03T10:00:00Z (cross-bloc)" in told
