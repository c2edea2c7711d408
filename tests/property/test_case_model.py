"""The case against the plainest model of it: a dict of what was scanned, and a list of what people did."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from case_scenes import content, open_case, scan
from pollwatch.events.lines import LineSet
from pollwatch.incidents.workflow import STATUSES

LINE = st.sampled_from(["ann", "bob", "cid", "ann!", "ann+bob", "?"])
LOG = st.lists(LINE, min_size=1, max_size=5)


class CaseMachine(RuleBasedStateMachine):
    """Scans, growth, crashes, restarts and people's work in any order; the laws of the store after each."""

    logs = Bundle("logs")

    @initialize()
    def start(self) -> None:
        """An empty case."""
        self.folder = tempfile.TemporaryDirectory()
        self.case = open_case(Path(self.folder.name) / "case")
        self.serial = 0
        #: What each current input of the case holds, by content: the model.
        self.contents: list[list[str]] = []
        self.ids: set[str] = set()
        self.notes: list[str] = []

    @rule(target=logs, lines=LOG)
    def scan_a_new_log(self, lines: list[str]) -> list[str]:
        """A log that nobody saw before."""
        self.serial += 1
        fresh = [f"host{self.serial}", *lines]
        self._scan({"some.log": fresh})
        self.contents.append(fresh)
        return fresh

    @rule(log=logs)
    def scan_it_again(self, log: list[str]) -> None:
        """The same content under another name changes nothing."""
        before = self._state()
        self._scan({"again.log": log})
        assert self._state() == before

    @rule(target=logs, log=consumes(logs), more=LOG)
    def scan_it_grown(self, log: list[str], more: list[str]) -> list[str]:
        """A log that was written to meanwhile takes its shorter self's place."""
        grown = [*log, *more]
        self._scan({"some.log": grown})
        self.contents.remove(log)
        self.contents.append(grown)
        return grown

    @rule(lines=LOG)
    def stop_before_the_commit(self, lines: list[str]) -> None:
        """A scan that ends without its commit was never there."""
        before = self._state()
        with self.case.scanning() as intake:
            digest = intake.digest()
            digest.update(content(["crash", *lines]))
            intake.admit("crash.log", digest)
        assert self._state() == before

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), status=st.sampled_from(STATUSES))
    def set_a_status(self, data: st.DataObject, status: str) -> None:
        """People move an incident, by any id that it ever had."""
        name = data.draw(st.sampled_from(sorted(self.ids)))
        assert self.case.set_status(name, status, "eva").status == status

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def write_a_note(self, data: st.DataObject) -> None:
        """People write something down."""
        text = f"note {len(self.notes)}"
        self.case.add_note(data.draw(st.sampled_from(sorted(self.ids))), "eva", text)
        self.notes.append(text)

    @rule()
    def restart(self) -> None:
        """The process ends and another opens the case."""
        before = self._state()
        self.case.close()
        self.case = open_case(Path(self.folder.name) / "case")
        assert self._state() == before

    def _scan(self, logs: dict[str, list[str]]) -> None:
        before = {each.id: each for each in self.case.incidents()}
        kept = scan(self.case, logs)
        assert set(kept.new).isdisjoint(self.ids)
        self.ids |= set(kept.new)
        merged_into = set(kept.merged.values())
        for name, old in before.items():
            now = self.case.incident(name)
            assert len(now.lines) >= len(old.lines)
            if name not in kept.grown and name not in kept.merged and name not in merged_into:
                assert now.status == old.status
            if old.status == "open":
                assert now.status == "open"

    def _state(self) -> tuple[object, ...]:
        incidents = self.case.incidents()
        return self.case.inputs(), self.case.detections(), incidents, [self.case.history(each.id) for each in incidents]

    @invariant()
    def every_line_is_counted_once(self) -> None:
        """Inputs, events, quarantine and incidents add up to what the model holds."""
        lines = [line for log in self.contents for line in log]
        assert sum(each.lines for each in self.case.inputs()) == len(lines)
        assert sum(each.count for each in self.case.quarantine().counts) == lines.count("?")
        events = [who for batch in self.case.events() for who in batch.table["who"].to_pylist()]
        assert sorted(events) == sorted(line for line in lines if line != "?")
        incidents = self.case.incidents()
        assert sum(len(each.lines) for each in incidents) == len(LineSet.union(each.lines for each in incidents))
        assert sum(len(each.lines) for each in incidents) == len(events)

    @invariant()
    def nothing_that_people_did_is_lost(self) -> None:
        """Each id still leads to an incident, and each note stands in exactly one history."""
        for name in self.ids:
            self.case.incident(name)
        texts = [c.text for each in self.case.incidents() for c in self.case.history(each.id) if c.kind == "note"]
        assert sorted(texts) == sorted(self.notes)

    def teardown(self) -> None:
        """Remove the folder."""
        if hasattr(self, "case"):
            self.case.close()
            self.folder.cleanup()


TestCase = CaseMachine.TestCase
TestCase.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
TestCase.__doc__ = "The laws of the store hold after any course of scans, growth, crashes and work-flow."
