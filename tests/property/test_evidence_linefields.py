"""Any lines with any fields: what is opened of them is what was sealed, and nothing else can be opened."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.errors import EvidenceError, ProofError
from pollwatch.evidence import manylines, salted
from pollwatch.evidence.linefields import Values
from pollwatch.evidence.manifest import Batch, PrivateEntry
from pollwatch.evidence.openedlines import OpenedBatch, OpenedField
from pollwatch.evidence.saltedlines import SaltedLines
from pollwatch.kernels import digests

LABEL = "logs/ünïcode.log"
NAMES = st.text("abcABC019_.-", min_size=1, max_size=6).filter(lambda name: name[0] not in ".-")


@st.composite
def sealed_lines(draw: st.DrawFn) -> SaltedLines:
    """A batch of a few lines with a few fields."""
    lines = draw(st.lists(st.binary(max_size=20), min_size=1, max_size=20))
    names = draw(st.lists(NAMES, max_size=8, unique=True))
    fields: dict[str, Values] = {
        name: draw(st.lists(st.none() | st.binary(max_size=9), min_size=len(lines), max_size=len(lines)))
        for name in names
    }
    label = LABEL.encode()
    return SaltedLines(salted.new_seed_for(label, names), label, lines, fields)


def entries(sealed: SaltedLines, first: int) -> dict[int, PrivateEntry]:
    """The log that holds the batch, as a verifier has it."""
    return {3: Batch(sealed.source, first, len(sealed.lines), None, None, sealed.tree.root())}


@settings(max_examples=150, deadline=None)
@given(sealed_lines(), st.integers(1, 10**9), st.data())
def test_what_was_sealed_opens(sealed: SaltedLines, first: int, data: st.DataObject) -> None:
    """Any lines, whole or some fields of each, are written, read and checked, and show exactly what was sealed."""
    numbers = sorted(data.draw(st.sets(st.integers(first, first + len(sealed.lines) - 1), min_size=1)))
    names = sorted(data.draw(st.sets(st.sampled_from(sorted(sealed.fields))))) if sealed.fields else []
    opened = OpenedBatch.parse(sealed.open(3, first, numbers, names).to_bytes())
    opened.check(entries(sealed, first))
    assert opened.source == LABEL
    assert opened.numbers == tuple(numbers)
    assert [each.raw for each in opened.lines] == ([] if names else [sealed.lines[n - first] for n in numbers])
    shown = [(part.number, field.name, field.value) for part in opened.parts for field in part.shown]
    assert shown == [(n, name, sealed.fields[name][n - first]) for n in numbers for name in names]


@settings(max_examples=150, deadline=None)
@given(sealed_lines().filter(lambda each: len(each.fields) > 0), st.data())
def test_nothing_else_opens(sealed: SaltedLines, data: st.DataObject) -> None:
    """Attack: another value, salt, name, line or neighbour in what is opened; none leads to the sealed root."""
    number = data.draw(st.integers(1, len(sealed.lines)))
    name = data.draw(st.sampled_from(sorted(sealed.fields)))
    opened = sealed.open(3, 1, [number], [name])
    (part,) = opened.parts
    (field,) = part.shown
    other_value = data.draw((st.none() | st.binary(max_size=9)).filter(lambda value: value != field.value))
    place = data.draw(st.integers(0, len(part.others) - 1))
    moved = (*part.others[:place], bytes(32), *part.others[place + 1 :])
    lies = [
        replace(part, shown=(OpenedField(name, field.salt, other_value),)),
        replace(part, shown=(OpenedField(name, bytes(16), field.value),)),
        replace(part, shown=(OpenedField(name + "x", field.salt, field.value),)),
        replace(part, line=bytes(32)),
        replace(part, others=moved),
        replace(part, others=part.others[:-1]),
        replace(part, others=(*part.others, bytes(32))),
        replace(part, shown=(), others=(*part.others, bytes(32))),
        replace(part, number=number + 1),
    ]
    for lie in lies:
        with pytest.raises(ProofError):
            replace(opened, parts=(lie,)).check(entries(sealed, 1))


@settings(max_examples=150, deadline=None)
@given(sealed_lines(), st.data())
def test_what_is_opened_has_one_spelling(sealed: SaltedLines, data: st.DataObject) -> None:
    """A changed byte of the member makes another one or none, and never crashes its reader."""
    names = sorted(sealed.fields)[:2]
    raw = sealed.open(3, 1, [1], names).to_bytes()
    place = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :]
    try:
        again = OpenedBatch.parse(changed)
    except EvidenceError:
        return
    assert again.to_bytes() == changed


@pytest.mark.skipif(not digests.usable(), reason="this processor has no instructions for SHA-256")
@settings(max_examples=150, deadline=None)
@given(sealed_lines())
def test_many_lines_at_once_make_the_same_tree(sealed: SaltedLines) -> None:
    """Every node of the tree is the same whether a kernel made it, or one line after the other."""
    at_once = manylines.tree(sealed.seed, sealed.lines, sealed.by_slot)
    assert len(sealed.lines) < digests.WORTH  # what the batch makes by itself is the other way
    for size in range(1, len(sealed.lines) + 1):
        assert at_once.root(size) == sealed.tree.root(size)
