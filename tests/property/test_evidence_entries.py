"""What is sealed reads back as it was written, and nothing else reads as it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.errors import EvidenceError, ProofError
from pollwatch.evidence import merkle, salted
from pollwatch.evidence.large import fitting
from pollwatch.evidence.manifest import (
    Batch,
    Canary,
    Decision,
    Disclosure,
    Documents,
    Hold,
    IncidentEntry,
    Indicator,
    Large,
    MatchCommitment,
    Posted,
    Sequence,
    Tombstone,
    parse_private,
    parse_shared,
)
from pollwatch.evidence.posted import KINDS
from pollwatch.evidence.references import BatchLines, References
from pollwatch.evidence.seal import Seal, Seen
from pollwatch.evidence.sequence import NONE_BEFORE, Place, Span
from pollwatch.evidence.tiles import MAX_ENTRY_BYTES
from pollwatch.evidence.upkeep import ACTIONS

HASH = st.binary(min_size=32, max_size=32)
NUMBER = st.integers(0, 2**53 - 1)
TIME = st.none() | st.integers(-(2**53) + 1, 2**53 - 1)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
SEEN = st.builds(
    Seen,
    HASH.filter(any),
    st.integers(0, 2**64 - 1),
    HASH,
    st.binary(min_size=4, max_size=4),
    st.binary(min_size=64, max_size=64),
)

PRIVATE = st.one_of(
    st.builds(Batch, HASH, NUMBER, NUMBER, TIME, TIME, HASH),
    st.builds(IncidentEntry, TEXT, TEXT, TIME, TIME, NUMBER, HASH, HASH),
    st.builds(Disclosure, TEXT, TEXT, HASH, NUMBER),
    st.builds(Documents, NUMBER, HASH),
    st.builds(Canary, HASH),
    st.builds(Indicator, HASH, NUMBER),
    st.builds(MatchCommitment, TEXT, NUMBER, HASH),
    st.builds(Tombstone, NUMBER, HASH, NUMBER),
    st.builds(Decision, HASH, NUMBER),
    st.builds(Hold, TEXT, st.sampled_from(ACTIONS), HASH, NUMBER),
    st.builds(Large, TEXT, st.integers(65_536, 2**53 - 1), HASH),
    st.builds(
        lambda number, previous, first, batches, inputs, more, root: Sequence(
            number,
            previous if number else NONE_BEFORE,
            first,
            first + batches + inputs + more,
            batches + inputs,
            inputs,
            root,
        ),
        st.integers(0, 3),
        HASH.filter(any),
        st.integers(0, 2**40),
        st.integers(0, 2**20),
        st.integers(0, 2**20),
        st.integers(0, 2**20),
        HASH,
    ),
)
SHARED = st.one_of(
    st.builds(
        Seal, st.integers(0, 2**64 - 1), HASH, st.lists(SEEN, max_size=16, unique=True).map(lambda s: tuple(sorted(s)))
    ),
    st.builds(
        lambda kind, subject, text, inline: Posted.of(kind, subject, text.encode(), inline=inline),
        st.sampled_from(KINDS),
        TEXT,
        TEXT,
        st.booleans(),
    ),
)


@settings(max_examples=200, deadline=None)
@given(PRIVATE, SHARED)
def test_entries_round_trip(private: Batch, shared: Seal) -> None:
    """Every entry of both logs is read back as it was written."""
    assert parse_private(private.to_bytes()) == private
    assert parse_shared(shared.to_bytes()) == shared


@settings(max_examples=300, deadline=None)
@given(PRIVATE | SHARED, st.data())
def test_entries_have_one_spelling(entry: Batch, data: st.DataObject) -> None:
    """A changed byte makes another entry or none: no two spellings of one entry, and never a crash."""
    raw = entry.to_bytes()
    place = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :]
    for parse in (parse_private, parse_shared):
        try:
            again = parse(changed)
        except EvidenceError:
            continue
        assert again.to_bytes() == changed


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.integers(0, 50), st.sets(st.integers(1, 60), min_size=1)))
def test_references_name_exactly_the_lines(lines: dict[int, set[int]]) -> None:
    """References round-trip and contain the lines that they were made from, and no others."""
    references = References(tuple(BatchLines.of(entry, sorted(lines[entry])) for entry in sorted(lines)))
    assert References.parse(references.to_bytes()) == references
    assert references.lines == sum(map(len, lines.values()))
    for entry, numbers in lines.items():
        assert {number for number in range(70) if number in references.batch(entry)} == numbers


def test_references_out_of_order_are_refused() -> None:
    """Attack: overlapping or unordered ranges, which two readers may count differently."""
    for ranges in (((5, 4),), ((1, 3), (3, 5)), ((1, 3), (4, 5)), ((4, 5), (1, 2)), ()):
        with pytest.raises(ProofError):
            References.parse(References((BatchLines(0, ranges),)).to_bytes())
    twice = References((BatchLines(1, ((1, 1),)), BatchLines(1, ((2, 2),))))
    with pytest.raises(ProofError):
        References.parse(twice.to_bytes())


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 300), st.data())
def test_several_lines_have_one_proof(size: int, data: st.DataObject) -> None:
    """Any subset of a salted tree's leaves is proven by one proof; a wrong leaf, or a hash more or less, is not."""
    seed = bytes(32)
    lines = [str(number).encode() for number in range(size)]
    tree = salted.line_tree(seed, lines)
    chosen = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1)))
    proof = merkle.prove_subset(chosen, size, tree.subtree)
    leaves = {place: salted.commitment(salted.salts(seed, 1, place)[0], lines[place]) for place in chosen}
    assert merkle.root_from_subset(leaves, size, proof) == tree.root()
    assert merkle.root_from_subset(leaves | {chosen[0]: bytes(32)}, size, proof) != tree.root()
    with pytest.raises(ProofError):
        merkle.root_from_subset(leaves, size, (*proof, bytes(32)))
    if proof:
        with pytest.raises(ProofError):
            merkle.root_from_subset(leaves, size, proof[:-1])


def test_salts_are_all_different_and_tell_nothing_of_each_other() -> None:
    """Salts of one batch never repeat, do not depend on how many are drawn at once, and differ between batches."""
    seed, other = salted.new_seed(), salted.new_seed()
    every = list(salted.salts(seed, 500))
    assert len({*every, *salted.salts(other, 500), salted.source_salt(seed)}) == 1001
    assert salted.salts(seed, 3, 100) == every[100:103]


PLACES = st.lists(
    st.builds(Place, st.integers(0, 99), st.integers(1, 200), st.integers(1, 50)),
    min_size=1,
    max_size=8,
    unique_by=lambda each: each.entry,
).map(lambda places: tuple(sorted(places)))


@settings(max_examples=150, deadline=None)
@given(TEXT, PLACES, st.data())
def test_spans_say_which_records_are_covered(path: str, places: tuple[Place, ...], data: st.DataObject) -> None:
    """A span's runs are exactly the records of its batches, and it has one spelling."""
    span = Span(path, places)
    covered = {number for each in places for number in range(each.first_number, each.first_number + each.lines)}
    assert {number for first, last in span.runs for number in range(first, last + 1)} == covered
    assert all(left[1] + 1 < right[0] for left, right in zip(span.runs, span.runs[1:], strict=False))
    raw = span.to_bytes()
    assert Span.parse(raw) == span
    place = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :]
    try:
        assert Span.parse(changed).to_bytes() == changed
    except EvidenceError:
        return


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_no_bytes_crash_a_reader(data: bytes) -> None:
    """Attack: garbage in a log. It is refused by the declared error, or is an entry in its only spelling."""
    for parse in (parse_private, parse_shared, References.parse, Span.parse):
        try:
            assert parse(data).to_bytes() == data
        except EvidenceError:
            continue


def test_an_entry_too_large_for_a_log_commits_by_its_digest() -> None:
    """The log gets a small entry for it; other bytes, other types and what would have fitted are refused."""
    small = MatchCommitment("s", 1, bytes(32)).to_bytes()
    assert fitting(small) == small
    big = MatchCommitment("s" * MAX_ENTRY_BYTES, 1, bytes(32)).to_bytes()
    entry = parse_private(fitting(big))
    assert isinstance(entry, Large)
    assert len(entry.to_bytes()) < 300
    entry.check(big)
    for wrong in (big[:-1], small):
        with pytest.raises(ProofError):
            entry.check(wrong)
    with pytest.raises(ProofError, match="another type"):
        Large("batch", entry.size_bytes, entry.sha256).check(big)
    with pytest.raises(ProofError, match="fitted"):
        Large.parse(Large("batch", MAX_ENTRY_BYTES, bytes(32)).to_bytes())
