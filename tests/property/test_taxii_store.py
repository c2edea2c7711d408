"""The TAXII store against a plain model: whatever is added, deleted, paged between: nothing is missed or doubled."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pollwatch import canonical
from pollwatch.sharing.taxii import intake
from pollwatch.sharing.taxii.grants import Shelf
from pollwatch.sharing.taxii.journal import Request
from pollwatch.sharing.taxii.query import Filter, Query
from taxii_scenes import NOW_US, Scene, indicator, scene, stix_id

NUMBERS = st.integers(0, 4)
SECONDS = st.integers(0, 3)
TYPES = ("indicator", "malware")
VERSIONS = st.sampled_from(["first", "last", "2026-11-01T00:00:00", "2026-11-01T00:00:02"])
FILTERS = st.builds(
    Filter,
    ids=st.just(()) | st.lists(NUMBERS.map(lambda n: stix_id(TYPES[n % 2], n)), min_size=1, unique=True).map(tuple),
    types=st.just(()) | st.lists(st.sampled_from(TYPES), min_size=1, unique=True).map(tuple),
    versions=st.just(()) | st.just(("all",)) | st.lists(VERSIONS, min_size=1, unique=True).map(tuple),
)


@dataclass(frozen=True)
class Entry:
    """One version of an object in the model."""

    place: int
    id: str
    type: str
    key: str
    source: str


def thing(number: int, second: int, name: str = "") -> dict[str, Any]:
    """An object: indicators have even numbers, malware odd ones."""
    kind = TYPES[number % 2]
    made = indicator(number, second, type=kind, id=stix_id(kind, number))
    return made | {"name": name} if name else made


class StoreModel(RuleBasedStateMachine):
    """The store, a list of what should be in it, and a reader that turns pages while others write."""

    def __init__(self) -> None:
        """Nothing yet."""
        super().__init__()
        self.stack = ExitStack()
        self.entries: list[Entry] = []
        self.next_place = 0
        self.ids = (f"request-{n}" for n in itertools.count())
        self.readers: list[tuple[Filter, int | None, list[str], set[str]]] = []

    @initialize()
    def begin(self) -> None:
        """An empty store on disk with two collections; nothing of one shows in the other."""
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.scene: Scene = self.stack.enter_context(scene(folder))
        self.shelf: Shelf = self.scene.shelf()
        self.other: Shelf = self.scene.shelf("other")
        self.add_to(self.other, [thing(n, 0) for n in range(5)])

    def teardown(self) -> None:
        """Close the store."""
        self.stack.close()

    def add_to(self, shelf: Shelf, objects: list[dict[str, Any]]) -> dict[str, Any]:
        """Post objects; the status."""
        request = Request(next(self.ids), shelf.id, "Birch", signed=False, at_us=NOW_US)
        try:
            body = self.scene.store.add(shelf, request, [intake.candidate(each) for each in objects])
        finally:
            self.scene.clock.us -= 1  # a clock that goes back must not matter
        status: dict[str, Any] = canonical.loads_lenient(body)
        return status

    @rule(objects=st.lists(st.tuples(NUMBERS, SECONDS), min_size=1, max_size=6), name=st.sampled_from(["", "", "x"]))
    def add(self, objects: list[tuple[int, int]], name: str) -> None:
        """Post versions in any order, some of them again, some with other content."""
        failures = 0
        for number, second in objects:
            made = thing(number, second, name)
            source = canonical.dumps(made).decode()
            known = next(
                (each for each in self.entries if (each.id, each.key) == (made["id"], made["modified"][:19])), None
            )
            if known is None:
                entry = Entry(self.next_place, made["id"], made["type"], made["modified"][:19], source)
                self.entries.append(entry)
                self.next_place += 1
            elif known.source != source:
                failures += 1
        status = self.add_to(self.shelf, [thing(number, second, name) for number, second in objects])
        assert status["failure_count"] == failures
        assert status["success_count"] == len(objects) - failures

    @rule(number=NUMBERS, versions=st.just(()) | st.lists(VERSIONS, min_size=1, unique=True).map(tuple))
    def delete(self, number: int, versions: tuple[str, ...]) -> None:
        """Remove an object, or versions of it."""
        name = stix_id(TYPES[number % 2], number)
        gone = chosen([each for each in self.entries if each.id == name], versions or ("all",))
        request = Request(next(self.ids), self.shelf.id, "Birch", signed=False, at_us=NOW_US)
        assert self.scene.store.delete(self.shelf, request, name, versions) == len(gone)
        self.entries = [each for each in self.entries if each not in gone]

    @rule(wanted=FILTERS, limit=st.integers(1, 7))
    def read(self, wanted: Filter, limit: int) -> None:
        """Every filter gives what the model gives, in the order of addition, over pages of every size."""
        expected = [each.source for each in select(self.entries, wanted)]
        found: list[str] = []
        after = None
        while True:
            page = self.scene.store.page(self.shelf, Query(wanted, after, limit))
            found += [row.body.decode() for row in page.rows]
            assert len(page.rows) <= limit
            if not page.more:
                break
            after = page.rows[-1].added_us
        assert found == expected
        dry = self.scene.store.page(self.shelf, Query(wanted, None, 1_000), bodies=False)
        assert [row.id for row in dry.rows] == [each.id for each in select(self.entries, wanted)]

    @rule(versions=st.just(("all",)) | st.just(()))
    def open_book(self, versions: tuple[str, ...]) -> None:
        """A reader begins; it must see whatever is there now and stays there."""
        wanted = Filter(versions=versions)
        self.readers.append((wanted, None, [], {each.source for each in select(self.entries, wanted)}))

    @rule(limit=st.integers(1, 3))
    def turn_pages(self, limit: int) -> None:
        """Each reader turns a page; what it has read it does not get again, and at the end it missed nothing."""
        going = []
        for wanted, after, found, present in self.readers:
            page = self.scene.store.page(self.shelf, Query(wanted, after, limit))
            found += [row.body.decode() for row in page.rows]
            assert len(found) == len(set(found))
            if page.more:
                going.append((wanted, page.rows[-1].added_us, found, present))
            else:
                still = {each.source for each in select(self.entries, wanted)}
                assert present & still <= set(found)
        self.readers = going

    @invariant()
    def dates_increase(self) -> None:
        """`date_added` is unique and strictly increasing, whatever the clock does."""
        if not hasattr(self, "scene"):
            return
        page = self.scene.store.page(self.shelf, Query(Filter(versions=("all",))), bodies=False)
        added = [row.added_us for row in page.rows]
        assert added == sorted(set(added))
        assert len(added) == len(self.entries)


def chosen(entries: Iterable[Entry], versions: tuple[str, ...]) -> list[Entry]:
    """The versions of one object that are asked for."""
    listed = list(entries)
    if not listed or "all" in versions:
        return listed
    ends = {"first": min(listed, key=lambda each: each.key), "last": max(listed, key=lambda each: each.key)}
    wanted = {ends[each].key if each in ends else each for each in versions}
    return [each for each in listed if each.key in wanted]


def select(entries: list[Entry], wanted: Filter) -> list[Entry]:
    """What a filter chooses, in the order of addition."""
    found = []
    for name in {each.id for each in entries}:
        found += chosen([each for each in entries if each.id == name], wanted.versions or ("last",))
    found = [each for each in found if (not wanted.ids or each.id in wanted.ids)]
    found = [each for each in found if (not wanted.types or each.type in wanted.types)]
    return sorted(found, key=lambda each: each.place)


TestStoreModel = StoreModel.TestCase
TestStoreModel.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
