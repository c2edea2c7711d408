from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import sqlalchemy as sa

from case_scenes import START_US, detections, incident, open_case, scan
from pollwatch.errors import StoreError, UsageError
from pollwatch.events.detection import Actors, Severity
from pollwatch.events.lines import LineSet
from pollwatch.incidents import tables
from pollwatch.incidents.inbox import Inbox
from pollwatch.incidents.inboxquery import SORTS, Question, Sort
from pollwatch.incidents.incident import ElectionContext, Incident, RuleCount
from pollwatch.incidents.regroup import write_incidents
from pollwatch.incidents.workflow import STATUSES
from pollwatch.store.database import Database

_HOUR_US = 3_600_000_000
_PLAIN = incident(("ann",), detections("a.log", ["ann"]), {})

_T = TypeVar("_T")


class _Chance:
    """The same choices for the same seed."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def random(self) -> float:
        return float(self._rng.random())

    def randrange(self, *bounds: int) -> int:
        return int(self._rng.integers(*bounds))

    def choice(self, values: Sequence[_T]) -> _T:
        return values[self.randrange(len(values))]

    def sample(self, values: Sequence[_T], many: int) -> list[_T]:
        return [values[at] for at in self._rng.permutation(len(values))[:many]]


def _made(number: int, chance: _Chance) -> Incident:
    first = None if chance.random() < 0.1 else START_US + chance.randrange(100) * _HOUR_US
    return replace(
        _PLAIN,
        id=f"PW-{number:06d}",
        title=chance.choice(["Passwords guessed", "Database asked through a form", "Page défaced"]),
        severity=chance.choice(list(Severity)),
        status=chance.choice(STATUSES),
        actors=Actors(ip=(f"203.0.113.{chance.randrange(20)}",), user=(f"user{number}",)),
        targets=tuple(chance.sample(["portal.example", "results.example", "mail.example"], chance.randrange(3))),
        techniques=tuple(chance.sample(["T1110", "T1110.001", "T1190", "T1491"], chance.randrange(1, 3))),
        rules=(RuleCount(f"rule-{chance.randrange(4)}", "A rule", 1),),
        first_us=first,
        last_us=None if first is None else first + chance.randrange(50) * _HOUR_US,
        lines=LineSet.of("a.log", [number]),
        election=ElectionContext("vote", chance.choice(["", "results-night", "campaign"]), chance.randrange(1, 6)),
    )


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Path, list[Incident]]:
    """A case with 300 incidents of every kind, written by the writer of scans."""
    with open_case(tmp_path / "case") as case:
        scan(case, {"a.log": ["?"] * 400})
    made = [_made(number, _Chance(number)) for number in range(1, 301)]
    _write(tmp_path / "case", made)
    return tmp_path / "case", made


def _write(root: Path, incidents: Sequence[Incident]) -> None:
    database = Database(root / "case.sqlite")
    with database.writing() as connection:
        write_incidents(connection, incidents, {"a.log": 1}, START_US)
    database.close()


def _walk(inbox: Inbox, question: Question, sort: Sort, rows: int) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = inbox.page(question, sort, rows=rows, cursor=cursor)
        found += [row.id for row in page.rows]
        assert page.total == inbox.count(question)
        if page.next is None:
            return found
        assert len(page.rows) == rows
        cursor = page.next


def _fits(question: Question, one: Incident) -> bool:
    def technique(wanted: str) -> bool:
        return any(each == wanted or each.startswith(wanted + ".") for each in one.techniques)

    return all(
        (
            not question.severities or one.severity in question.severities,
            not question.statuses or one.status in question.statuses,
            not question.assignees or "" in question.assignees,
            not question.assets or set(question.assets) & set(one.targets),
            not question.rules or one.rules[0].id in question.rules,
            not question.techniques or any(map(technique, question.techniques)),
            not question.phases or one.election.phase in question.phases,
            not question.actors or set(question.actors) & {*one.actors.ip, *one.actors.user},
            question.since_us is None or (one.last_us is not None and one.last_us >= question.since_us),
            question.until_us is None or (one.first_us is not None and one.first_us < question.until_us),
            not question.text or question.text.lower() in one.title.lower().replace("é", "e"),
        )
    )


_ORDER: dict[Sort, Callable[[Incident], tuple[int, ...]]] = {
    "priority": lambda i: (i.election.priority, -i.severity, i.first_us or 0),
    "severity": lambda i: (-i.severity, i.election.priority, -(i.last_us or 0)),
    "newest": lambda i: (-(i.last_us or 0),),
}


def _asked(chance: _Chance) -> Question:
    def some(values: Sequence[object]) -> tuple[object, ...]:
        return tuple(chance.sample(values, chance.randrange(1, 3))) if chance.random() < 0.3 else ()

    return Question(
        some(list(Severity)),  # type: ignore[arg-type]
        some(STATUSES),  # type: ignore[arg-type]
        ("", "eva") if chance.random() < 0.1 else (),
        some(["portal.example", "results.example", "nobody"]),  # type: ignore[arg-type]
        some(["rule-0", "rule-1", "rule-2"]),  # type: ignore[arg-type]
        some(["T1110", "T1190", "T14"]),  # type: ignore[arg-type]
        some(["", "results-night"]),  # type: ignore[arg-type]
        some(["203.0.113.7", "203.0.113.8", "user12"]) if chance.random() < 0.3 else (),  # type: ignore[arg-type]
        START_US + chance.randrange(100) * _HOUR_US if chance.random() < 0.2 else None,
        START_US + chance.randrange(100) * _HOUR_US if chance.random() < 0.2 else None,
        chance.choice(["guessed", "Defaced", "through a form"]) if chance.random() < 0.3 else "",
    )


def test_pages_and_counts_are_those_of_looking_at_every_incident(filled: tuple[Path, list[Incident]]) -> None:
    """Whatever is asked in whatever order: the same incidents, in the same order, as by brute force; each once."""
    root, made = filled
    chance = _Chance(1)
    with Inbox.open(root) as inbox:
        for _ in range(30):
            question, sort = _asked(chance), chance.choice(SORTS)
            expected = sorted(
                (one for one in made if _fits(question, one)), key=lambda one: (*_ORDER[sort](one), one.id)
            )
            assert _walk(inbox, question, sort, chance.randrange(1, 90)) == [one.id for one in expected], question
            facets = inbox.facets(question)
            for value, mine in (
                ("open", replace(question, statuses=("open",))),
                ("closed", replace(question, statuses=("closed",))),
            ):
                assert next(each.incidents for each in facets.statuses if each.value == value) == inbox.count(mine)
            for name, counts in (("assets", facets.assets), ("rules", facets.rules), ("phases", facets.phases)):
                for each in counts:
                    assert each.incidents == inbox.count(replace(question, **{name: (each.value,)}))


def test_an_open_inbox_follows_what_others_write(filled: tuple[Path, list[Incident]]) -> None:
    """New incidents, states, assignees and merges show at the next question, as in an inbox that was opened afresh."""
    root, made = filled
    with Inbox.open(root) as inbox, open_case(root) as case:
        assert inbox.count(Question(statuses=("open",))) == sum(one.status == "open" for one in made)
        seen = inbox.latest()
        case.set_status(made[0].id, "closed", "eva")
        case.add_note(made[1].id, "eva", "seen")
        joined = replace(made[2], lines=made[2].lines | made[3].lines, targets=("new.example",))
        fresh = replace(_made(350, _Chance(5)), targets=("new.example",))
        _write(root, [*made[:2], joined, *made[4:], fresh])
        changes = inbox.changes(seen)
        told = {change.incident_id: (change.new, change.removed, change.into) for change in changes.changes}
        assert told.pop(made[3].id) == (False, True, made[2].id)
        assert told.pop(fresh.id) == (True, False, "")
        assert set(told.values()) == {(False, False, "")}
        assert {made[0].id, made[1].id, made[2].id} <= told.keys()
        assert inbox.changes(changes.seq).changes == ()
        with Inbox.open(root) as anew:
            for question in (Question(), Question(assets=("new.example",)), Question(statuses=("closed",))):
                for sort in SORTS:
                    assert _walk(inbox, question, sort, 70) == _walk(anew, question, sort, 500)
                assert inbox.facets(question) == anew.facets(question)
        assert inbox.count(Question(assets=("new.example",))) == 2
        assert [row.id for row in inbox.page(Question(text=made[3].id)).rows] == []


def test_an_incident_that_comes_back_under_its_id_keeps_its_place(filled: tuple[Path, list[Incident]]) -> None:
    """Removed and written again between two questions, or over a restart: it is there once, with its number."""
    root, made = filled
    with Inbox.open(root) as inbox:
        before = {row.id: row.number for row in inbox.page(Question(), rows=300).rows}
        _remove(root, made[5].id)
        with Inbox.open(root) as other:
            assert made[5].id not in _walk(other, Question(), "newest", 100)
            _write(root, made)
            for each in (inbox, other):
                assert sorted(_walk(each, Question(), "newest", 100)) == sorted(before)
                assert {row.id: row.number for row in each.page(Question(), rows=300).rows} == before


def _remove(root: Path, name: str) -> None:
    database = Database(root / "case.sqlite")
    with database.writing() as connection:
        for table in (tables.INCIDENT_LINES, tables.INCIDENT_SAMPLES, tables.INCIDENT_HISTORY):
            connection.execute(sa.delete(table).where(table.c.incident_id == name))
        connection.execute(sa.delete(tables.INCIDENTS).where(tables.INCIDENTS.c.id == name))
    database.close()


def test_who_works_on_an_incident_is_a_filter(filled: tuple[Path, list[Incident]]) -> None:
    """What is written to ``incidents.assignee``, by whomever, is found without anybody telling the inbox."""
    root, made = filled
    with Inbox.open(root) as inbox:
        assert inbox.count(Question(assignees=("eva",))) == 0
        database = Database(root / "case.sqlite")
        with database.writing() as connection:
            mine = tables.INCIDENTS.c.id == made[7].id
            connection.execute(sa.update(tables.INCIDENTS).where(mine).values(assignee="eva"))
        database.close()
        assert [(row.id, row.assignee) for row in inbox.page(Question(assignees=("eva",))).rows] == [
            (made[7].id, "eva")
        ]
        assert inbox.count(Question(assignees=("",))) == 299


def test_incidents_with_an_actor_in_common_are_related(tmp_path: Path) -> None:
    """The rarest in common comes first: an address of two incidents before the portal of all of them."""
    with open_case(tmp_path / "case") as case:
        scan(case, {"a.log": ["ann", "bob", "cid", "dan"]})
        scan(case, {"b.log": ["dan+eve"]})
        ids = {row.actors.user: row.id for row in map(_row, case.incidents())}
    with Inbox.open(tmp_path / "case") as inbox:
        others = inbox.related(ids["ann",])
        assert {each.row.id for each in others} == set(ids.values()) - {ids["ann",]}
        assert all(each.targets == ("portal",) and each.actors == () for each in others)
        with pytest.raises(StoreError, match="no incident 'PW-nobody'"):
            inbox.related("PW-nobody")


def _row(one: Incident) -> Incident:
    return one


def test_a_cursor_of_another_question_or_a_forged_one_is_refused(filled: tuple[Path, list[Incident]]) -> None:
    """A cursor comes back from a browser: cut, altered, re-encoded or taken to another list it is an error."""
    root, _ = filled
    question = Question(severities=(Severity.HIGH,))
    with Inbox.open(root) as inbox:
        cursor = inbox.page(question, "newest", rows=2).next
        assert cursor is not None
        assert inbox.page(question, "newest", rows=2, cursor=cursor).rows
        for bad in ("", "x", cursor[:-1], cursor + "A", cursor + "=", "é" * 40, "A" * 100_000, cursor.swapcase(), "\0"):
            with pytest.raises(UsageError, match="place"):
                inbox.page(question, "newest", rows=2, cursor=bad)
        for asked, sort in ((question, "priority"), (Question(), "newest")):
            with pytest.raises(UsageError, match="another list"):
                inbox.page(asked, sort, cursor=cursor)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="1 to 500"):
            inbox.page(question, rows=501)


def test_words_are_only_ever_words(filled: tuple[Path, list[Incident]]) -> None:
    """Injection: the search language of SQLite cannot be reached through the search field, and nothing breaks it."""
    root, _ = filled
    nothing = ('"', '" OR 1', "title:Passwords", "NEAR(a b)", "*", "a\0b", "\ud800", "AND OR NOT", "x" * 100_000)
    with Inbox.open(root) as inbox:
        for text in ("203.0.113.7", "0.113", "user", "guessed passw"):
            assert inbox.page(Question(text=text)).rows, text
        for text in nothing:
            assert not inbox.page(Question(text=text)).rows, text


def test_hostile_names_in_an_incident_are_kept_and_found(tmp_path: Path) -> None:
    """Lone surrogates, quotes, NUL and a megabyte as an account's name neither break the index nor the others."""
    names = ("\ud800x", "a'b\"c", "n\0ul", "y" * (1 << 20), "\u202eevil")
    with open_case(tmp_path / "case") as case:
        scan(case, {"a.log": ["?"] * 9})
    base = _PLAIN
    _write(
        tmp_path / "case",
        [
            replace(
                base, id=f"PW-{n}", actors=Actors(user=(name,)), targets=(name,), lines=LineSet.of("a.log", [n + 1])
            )
            for n, name in enumerate(names)
        ],
    )
    with Inbox.open(tmp_path / "case") as inbox:
        for number, name in enumerate(names):
            assert [row.id for row in inbox.page(Question(actors=(name,))).rows] == [f"PW-{number}"]
            assert [row.id for row in inbox.page(Question(assets=(name,))).rows] == [f"PW-{number}"]
        assert inbox.count(Question()) == 5


def test_several_threads_ask_while_another_writes(filled: tuple[Path, list[Incident]]) -> None:
    """A web server's threads share one inbox: each answer is whole, and no thread takes the columns back in time."""
    root, made = filled
    wrong: list[str] = []

    def ask(inbox: Inbox) -> None:
        last = 0
        for _ in range(6):
            page = inbox.page(Question(), "newest", rows=500)
            if len(page.rows) != page.total or page.total < last:
                wrong.append(f"{len(page.rows)} of {page.total} after {last}")
            last = page.total

    with Inbox.open(root) as inbox:
        threads = [threading.Thread(target=ask, args=(inbox,)) for _ in range(3)]
        for each in threads:
            each.start()
        for number in range(301, 307):
            _write(root, [*made, _made(number, _Chance(number))])
            made.append(_made(number, _Chance(number)))
        for each in threads:
            each.join()
        assert wrong == []
        assert inbox.count(Question()) == 306
