"""Non-malleability: whatever is changed in a signed or proven thing, it no longer says the same, or nothing at all.

A slice of 21,000 mutations; ``bench/malleability.py`` runs 100,000 and prints what became of each kind.
"""

from __future__ import annotations

import pytest

from malleable import Subject, run, subjects

COUNT = 1_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Subject]:
    """Everything that can be changed, by name."""
    return {each.name: each for each in subjects(tmp_path_factory.mktemp("case"))}


NAMES = (
    "note", "checkpoint", "cosigned checkpoint", "tlog-proof", "inclusion proof", "consistency proof",
    "witness request", "fork proof, one size", "fork proof, two sizes", "bundle",
    "opened lines", "opened fields", "key chain", "key history", "bundle of a changed key",
    "key used after its time", "key used before its time", "two changes of a key", "fork under a changed key",
    "fork across a change of keys", "keys told to a witness",
)  # fmt: skip


def test_all_subjects_are_tried(made: dict[str, Subject]) -> None:
    """The list of names is complete, and every original is accepted."""
    assert tuple(made) == NAMES
    for each in made.values():
        each.accept(each.data)


@pytest.mark.parametrize("name", NAMES)
def test_no_changed_copy_says_the_same(made: dict[str, Subject], name: str) -> None:
    """Attack: change a byte, a line, an order or a spelling so that it still verifies as the same statement."""
    found = run(made[name], COUNT, seed=NAMES.index(name))
    assert found.malleable == []
    assert found.refused + found.another_statement + found.open_lines == COUNT
    # Only where there are several signature lines can a change leave a statement: one by fewer signers.
    assert found.another_statement == 0 or name == "cosigned checkpoint"
