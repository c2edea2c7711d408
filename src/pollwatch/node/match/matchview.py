"""Matching as it is shown to people and programs: previews, budgets, findings."""

from __future__ import annotations

from dataclasses import dataclass

from pollwatch.canonical import Json
from pollwatch.clock import Clock, rfc3339
from pollwatch.errors import PeerError
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.match.matching import Logs, plan
from pollwatch.sharing.matching import audit, budget, pair, reading
from pollwatch.sharing.matching.budget import Spending
from pollwatch.sharing.matching.groups import Groups
from pollwatch.sharing.matching.papers import Mode
from pollwatch.sharing.matching.ristretto import ELEMENT_BYTES
from pollwatch.sharing.matching.runs import Run


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would give away and cost.

    Attributes:
        facts: the numbers and names, by what they are.
        auditor: who would audit it; empty where nobody was agreed.
    """

    facts: dict[str, str | int]
    auditor: str

    def record(self) -> dict[str, Json]:
        """The preview as JSON."""
        return {"schema": "pollwatch.match-preview/1", **self.facts}


@dataclass(frozen=True, slots=True)
class Line:
    """One member's spending.

    Attributes:
        member: whose.
        spent: with whom, and what.
        problem: why its log could not be read; empty where it could.
    """

    member: str
    spent: tuple[tuple[str, Spending], ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Budgets:
    """Everybody's spending in an epoch."""

    epoch: int
    end_us: int
    lines: tuple[Line, ...]

    def record(self) -> dict[str, Json]:
        """The budgets as JSON."""
        members: list[Json] = [
            {
                "member": line.member,
                "problem": line.problem or None,
                "spent": [{"with": name, "items": each.items, "runs": each.runs} for name, each in line.spent],
            }
            for line in self.lines
        ]
        return {"schema": "pollwatch.match-budget/1", "epoch": self.epoch, "members": members}


def preview(membership: Membership, peer: Member, clock: Clock) -> Preview:
    """What a run would give away and cost; changes nothing.

    Raises:
        PolicyError: the stage, the budget or the lack of anything new forbids it.
    """
    made, rules = plan(membership, peer, clock), membership.charter.matching
    facts: dict[str, str | int] = {
        "peer": peer.name,
        "epoch": made.epoch,
        "items": len(made.choice.items),
        "size": made.size,
        "young": made.choice.young,
        "held": made.choice.held,
        "known": made.choice.known,
        "left_out": made.choice.left_out,
        "items_left": rules.items - made.spent.items,
        "runs_left": rules.runs - made.spent.runs,
        "sent": made.size * ELEMENT_BYTES + pair.evaluation_bytes(made.size),
        "auditor": rules.auditor,
        "opened": audit.opened_count(made.size, rules.audit_permille) if rules.auditor else 0,
    }
    return Preview(facts, rules.auditor)


def budgets(membership: Membership, clock: Clock, *, fresh: bool) -> Budgets:
    """Everybody's spending in this epoch, counted from the logs.

    Args:
        membership: ours.
        clock: the time.
        fresh: whether the others' logs are read now, instead of our last copies.
    """
    ours, rules = Logs(membership, clock), membership.charter.matching
    epoch = budget.epoch_of(rules, clock.now_us())
    lines = []
    for member in membership.charter.members:
        try:
            logged = ours.papers(member) if fresh else ours.known(member)
        except PeerError as error:
            lines.append(Line(member.name, (), str(error)))
            continue
        commitments = reading.commitments(logged, member)
        others = sorted({name for each in commitments if each.epoch == epoch for name in each.others})
        lines.append(Line(member.name, tuple((name, budget.spent(commitments, name, epoch)) for name in others)))
    return Budgets(epoch, budget.epoch_end_us(rules, epoch), tuple(lines))


def holders(membership: Membership, run: Run) -> dict[int, tuple[str, ...]]:
    """Who has which of our leaves too, as far as a run told: place to other members' names."""
    if run.mode is Mode.PAIR:
        return dict.fromkeys(run.common, (run.peer,))
    found = Groups(membership.folder.matching).hits(run.run)
    return {place: tuple(name for name in names if name != membership.me.name) for place, names in found.items()}


def document(membership: Membership, run: Run) -> dict[str, Json]:
    """A run as JSON."""
    common: list[Json] = []
    for place, names in holders(membership, run).items():
        observable = run.leaves[place].observable
        if observable is not None:
            common.append({"kind": observable.kind.value, "value": observable.value, "with": list(names)})
    return {
        "run": run.run,
        "mode": run.mode.value,
        "with": run.peer,
        "began": run.began,
        "epoch": run.epoch,
        "time": rfc3339(run.at_us),
        "state": run.state.value,
        "size": len(run.leaves),
        "items": run.entered.items,
        "common": common,
        "problem": run.problem or None,
    }
