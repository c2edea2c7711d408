"""What an engine made of its rules in an earlier run: used again, and only where it is of these rules and this code."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from pollwatch.cache import Cache
from pollwatch.detect import engine as engines
from pollwatch.detect import matcher as matchers
from pollwatch.detect import rulebook as books
from pollwatch.detect.engine import Engine
from pollwatch.detect.kept import Kept
from pollwatch.detect.rulebook import Rulebook
from pollwatch.detect.sigma.plan import Leaf, Text, Wild
from pollwatch.events.batch import NUMBER, TIME, EventBatch
from pollwatch.events.taxonomy import WEB

RULE = """title: Rule {0}
id: 00000000-0000-4000-8000-0000000000{0}
logsource: {{category: webserver}}
detection:
  sel: {{cs-host|contains: {1}}}
  condition: sel
level: low
"""
CONDITIONS = [Leaf("a", Text((Wild.MANY, "wanted", Wild.MANY)))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of rules, whose engines keep what they make in a cache of their own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(engines, "_WORTH_KEEPING", 1)
    monkeypatch.setattr("pollwatch.detect.match.Plan.worth_compiling", lambda *_: True)
    found = tmp_path / "rules"
    found.mkdir()
    for number, text in enumerate(("vote", "ballot", "count")):
        (found / f"{number}.yml").write_text(RULE.format(f"{number:02}", text))
    return found


def found(engine: Engine) -> dict[str, list[int]]:
    """What fits which of some events."""
    table = pa.table({"cs-host": ["a vote", "a ballot", "votes"], TIME: [0, 0, 0], NUMBER: [1, 2, 3]})
    return {hit.rule_id: hit.rows.tolist() for hit in engine.match(EventBatch(WEB, "log", table)).hits}


def never(*_: object) -> None:
    """What must not be asked."""
    raise AssertionError("made again")


def test_the_next_run_neither_writes_conditions_nor_learns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are as they were kept, and so is what is found."""
    engine = Engine.load([folder], shipped=False)
    first = found(engine)
    engine.keep_learned()
    monkeypatch.setattr(books, "written", never)
    monkeypatch.setattr(matchers, "learn", never)
    assert found(Engine.load([folder], shipped=False)) == first
    assert sorted(map(tuple, first.values())) == [(0, 2), (1,)]


def test_a_run_that_recalls_nothing_learns_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Conditions are used again, lessons are not; those of this run take their place."""
    first = Engine.load([folder], shipped=False)
    expected = found(first)
    first.keep_learned()
    monkeypatch.setattr(books, "written", never)
    again = Engine.load([folder], shipped=False, recall=False)
    learned: list[int] = []
    learn = matchers.learn
    monkeypatch.setattr(matchers, "learn", lambda columns, part: (learned.append(1), learn(columns, part))[1])
    assert found(again) == expected
    assert learned == [1]
    again.keep_learned()
    monkeypatch.setattr(matchers, "learn", never)
    assert found(Engine.load([folder], shipped=False)) == expected


def test_a_long_log_is_learned_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was learned of other data is not relied on for longer than it spares: it may be far slower."""
    engine = Engine.load([folder], shipped=False)
    first = found(engine)
    engine.keep_learned()
    learned: list[int] = []
    learn = matchers.learn
    monkeypatch.setattr(matchers, "SAMPLE", 1)
    monkeypatch.setattr(matchers, "_TRUSTED", 4)
    monkeypatch.setattr(matchers, "learn", lambda columns, part: (learned.append(1), learn(columns, part))[1])
    again = Engine.load([folder], shipped=False)
    assert [(found(again) == first, len(learned)) for _batch in range(3)] == [(True, 0), (True, 0), (True, 1)]


def test_rules_that_changed_are_written_anew(folder: Path) -> None:
    """A rule that asks for another word finds that word: nothing that was kept of the old one is asked."""
    engine = Engine.load([folder], shipped=False)
    before = found(engine)
    engine.keep_learned()
    (folder / "0.yml").write_text(RULE.format("00", "ballot"))
    after = found(Engine.load([folder], shipped=False))
    assert (before["00000000-0000-4000-8000-000000000000"], after["00000000-0000-4000-8000-000000000000"]) == (
        [0, 2],
        [1],
    )


@pytest.mark.parametrize(
    "spoiled",
    [b"\xc1", msgspec.msgpack.encode([[], []]), msgspec.msgpack.encode([[["<i4", [9], b"123"]] * 15, []])],
    ids=["no MessagePack", "nothing", "a length that is a lie"],
)
def test_what_does_not_read_back_is_made_again(tmp_path: Path, spoiled: bytes) -> None:
    """An entry whole by its digest but of other shape says so once, and is taken neither for conditions nor lessons."""
    cache = Cache(tmp_path)
    kept = Kept(cache, "rules", b"digest")
    for what in ("conditions", "lessons"):
        cache.keep(f"{what} of rules", kept.key(), spoiled)
    assert kept.written(1) is None
    assert kept.lesson(WEB) is None
    assert any("made again" in remark for remark in cache.remarks)


def test_conditions_read_back_as_they_were_written(tmp_path: Path) -> None:
    """Every array with its type, and able to be written to, as kernels were compiled for; not for other rules."""
    book = Rulebook(CONDITIONS)
    Kept(Cache(tmp_path), "rules", b"digest").keep_written(book.written, book.fields)
    read = Kept(Cache(tmp_path), "rules", b"digest").written(1)
    assert read is not None
    assert read[1] == book.fields
    for mine, theirs in zip(book.written, read[0], strict=True):
        assert mine.dtype == theirs.dtype
        assert mine.flags.writeable
        assert theirs.flags.writeable
        np.testing.assert_array_equal(mine, theirs)
    assert Kept(Cache(tmp_path), "rules", b"digest").written(2) is None
    assert Kept(Cache(tmp_path), "rules", b"another").written(1) is None
