"""The collector's part in group matching: it looks for what enough members hold, and tells those who hold it."""

from __future__ import annotations

from dataclasses import dataclass

from pollwatch import canonical
from pollwatch.clock import Clock
from pollwatch.evidence.keys import Signer
from pollwatch.members.charter import Charter
from pollwatch.members.member import Member
from pollwatch.sharing.matching import papers, searching
from pollwatch.sharing.matching.groups import Groups
from pollwatch.sharing.matching.messages import Message, Step
from pollwatch.sharing.matching.papers import Group
from pollwatch.sharing.matching.runs import Outgoing, Runs, State
from pollwatch.sharing.matching.tables import Shape
from pollwatch.sharing.matching.workers import Workers


@dataclass(frozen=True, slots=True)
class Gathering:
    """One collector; its attributes are those of :class:`pollwatch.sharing.matching.circle.Circle`."""

    me: Member
    charter: Charter
    statement: Signer
    runs: Runs
    groups: Groups
    clock: Clock

    def look(self, group: Group, workers: Workers) -> None:
        """When all shares are here: look for what enough members hold, and tell its holders."""
        if self.groups.senders(group.run, Step.SHARES) != set(group.members):
            return
        shape = Shape(group.size, group.threshold)
        parts = {name: self.groups.part(group.run, name, Step.SHARES) for name in group.members}
        found = searching.find([part[2] for part in parts.values() if part is not None], shape, workers)
        blocs = {each.name: each.bloc for each in self.charter.members}
        told: dict[str, list[list[object]]] = {name: [] for name in group.members}
        for hit in found:
            names = [group.members[number - 1] for number in hit.holders]
            if len({blocs[name] for name in names}) >= group.blocs:
                for name in names:
                    told[name].append([hit.cell, names])
        shares = {name: [part[0].decode("utf-8"), part[1].hex()] for name, part in parts.items() if part is not None}
        self.runs.send(
            self._answer(group, name, canonical.dumps({"hits": hits, "shares": shares})) for name, hits in told.items()
        )
        self.groups.end(group.run, State.COMPLETED.value)

    def _answer(self, group: Group, to: str, payload: bytes) -> Outgoing:
        at_us = papers.whole_seconds(self.clock.now_us())
        message = Message(group.run, self.charter.digest, self.me.name, to, Step.HITS, payload=payload, at_us=at_us)
        return Outgoing(group.run, Step.HITS, to, message.to_bytes(self.statement))
