"""The members as this node knows them: who they are, how far it goes with each, and what it last saw of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pollwatch.clock import rfc3339
from pollwatch.evidence.report import shown_time
from pollwatch.i18n import _
from pollwatch.members.member import Member
from pollwatch.node.charter import quarrels, staging
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.sharing.decisions import Decided
from pollwatch.sharing.stages import Gate, Stage
from pollwatch.sharing.views import Views


@dataclass(frozen=True, slots=True)
class Line:
    """One member.

    Attributes:
        member: who.
        stage: how far we go with it; None for ourselves.
        decided: the decision that switched it so; None where it came with the charter.
        size: entries of its shared log when it was last read; None where it never was.
        refused: the file with how its charter differs from ours, where that kept us apart.
    """

    member: Member
    stage: Stage | None
    decided: Decided | None
    size: int | None
    refused: Path | None = None

    def record(self) -> dict[str, Any]:
        """The member as JSON."""
        decided = self.decided
        by = None if decided is None else {**decided.content["by"], "reason": decided.content["reason"]}
        return {
            "name": self.member.name,
            "bloc": self.member.bloc,
            "role": self.member.role.value,
            "address": self.member.address,
            "fingerprint": self.member.statement.fingerprint,
            "self": self.stage is None,
            "stage": None if self.stage is None else self.stage.word,
            "since": None if decided is None else rfc3339(decided.at_us),
            "by": by,
            "log_size_seen": self.size,
            "other_charter": None if self.refused is None else str(self.refused),
        }

    @property
    def sentence(self) -> str:
        """The member for a person."""
        member = self.member
        head = f"{member.name} ({member.bloc}, {member.role.value}) {member.address}"
        if self.stage is None:
            return _("{head}: this node").format(head=head)
        seen = _("its log was never read") if self.size is None else _("{n} entries seen").format(n=self.size)
        if self.refused is not None:
            seen += "; " + _("it goes by another charter: {file}").format(file=self.refused)
        if self.decided is None:
            return _("{head}: {stage}, with the charter; {seen}").format(head=head, stage=self.stage.word, seen=seen)
        by, reason = self.decided.content["by"]["name"], self.decided.content["reason"]
        text = _("{head}: {stage} since {when}, by {by} ({reason}); {seen}")
        when = shown_time(self.decided.at_us)
        return text.format(head=head, stage=self.stage.word, when=when, by=by, reason=reason, seen=seen)


def lines(membership: Membership) -> tuple[Line, ...]:
    """All members, ourselves first."""
    gate, views = Gate(membership.folder.stages), Views(membership.folder.record)
    decisions = {each.content["member"]: each for each in staging.history(membership)}
    found = [Line(membership.me, None, None, None)]
    for member in membership.peers:
        seen = views.latest(member.log.name)
        size = None if seen is None else seen.checkpoint.size
        refused = quarrels.kept(membership.folder, member)
        found.append(Line(member, gate.stage(member), decisions.get(member.identity), size, refused))
    return tuple(found)
