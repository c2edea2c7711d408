"""The joint watch, for the console: read anew each time, since other processes change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pollwatch import canonical
from pollwatch.attribution import matrix, track
from pollwatch.attribution.matrix import Matrix
from pollwatch.attribution.record import Record
from pollwatch.attribution.track import Track
from pollwatch.clock import Clock
from pollwatch.console.desks.joint import BudgetRow, Matching, MemberRow, RunRow, Watch
from pollwatch.console.services import NotThereError
from pollwatch.errors import StoreError
from pollwatch.i18n import _
from pollwatch.node.attribution import casefile, lookup
from pollwatch.node.charter import roster
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.match import matching, matchview
from pollwatch.sharing.indicators import standing
from pollwatch.sharing.indicators.standing import Records
from pollwatch.sharing.indicators.store import IndicatorStore
from pollwatch.sharing.ledger import Disclosure, Ledger
from pollwatch.sharing.matching.runs import Run


@dataclass(frozen=True, slots=True)
class FloorJoint:
    """The joint watch of one case."""

    case_dir: Path
    clock: Clock

    def watch(self) -> Watch | None:
        """Charter and members; None where no charter is in force."""
        membership = self._membership()
        if membership is None:
            return None
        found = standing.records(IndicatorStore(membership.folder.indicators).all())
        tracks = {
            each.member.name: each for each in track.tracks(lookup.all_judged(membership), membership.charter.members)
        }
        rows = [_member(each, tracks.get(each.member.name), found) for each in roster.lines(membership)]
        return Watch(membership.charter.name, membership.charter.digest, tuple(rows))

    def disclosures(self, to: str, containing: str) -> Sequence[Disclosure]:
        """What left for other members, the newest first."""
        membership = self._membership()
        if membership is None:
            return ()
        ledger = Ledger(membership.folder.record)
        found = ledger.containing(canonical.dumps(containing)[1:-1]) if containing else ledger.all("")
        return [each for each in reversed(found) if to in {"", each.release.receiver}]

    def disclosed(self, number: int) -> bytes:
        """The very bytes of a disclosure.

        Raises:
            NotThereError: no such disclosure.
        """
        membership = self._membership()
        try:
            if membership is not None:
                return Ledger(membership.folder.record).get(number).release.body
        except StoreError as error:
            raise NotThereError(str(error)) from error
        raise NotThereError(_("Nothing was ever disclosed: no charter is in force."))

    def matching(self) -> Matching | None:
        """Private matching; None where no charter is in force."""
        membership = self._membership()
        if membership is None:
            return None
        counted, rules = matchview.budgets(membership, self.clock, fresh=False), membership.charter.matching
        spent = [
            BudgetRow(line.member, other, each.items, each.runs) for line in counted.lines for other, each in line.spent
        ]
        runs = sorted(matching.runs(membership).all(), key=lambda each: -each.at_us)
        return Matching(
            counted.epoch,
            counted.end_us,
            rules.items,
            rules.runs,
            tuple(spent),
            tuple(_run(membership, each) for each in runs),
        )

    def record(self) -> tuple[Record, tuple[Matrix, ...]] | None:
        """Everything that was said about who did it, with the matrix of each incident."""
        membership = self._membership()
        if membership is None:
            return None
        record = casefile.read(membership)
        papers = record.papers
        named = [*(each.incident for each in papers.hypotheses), *(each.incident for each in papers.items)]
        return record, tuple(matrix.build(each, papers, membership.charter) for each in dict.fromkeys(named) if each)

    def _membership(self) -> Membership | None:
        folder = JointFolder(self.case_dir)
        return Membership.open(self.case_dir) if folder.charter_files.charters.exists() else None


def _member(line: roster.Line, said: Track | None, found: Records) -> MemberRow:
    member, decided = line.member, line.decided
    return MemberRow(
        name=member.name,
        bloc=member.bloc,
        role=member.role.value,
        address=member.address,
        fingerprint=member.statement.fingerprint,
        stage="" if line.stage is None else line.stage.word,
        since_us=None if decided is None else decided.at_us,
        by="" if decided is None else str(decided.content["by"]["name"]),
        reason="" if decided is None else str(decided.content["reason"]),
        log_size=line.size,
        other_charter="" if line.refused is None else str(line.refused),
        track=said,
        standing=found.standing(member.bloc),
    )


def _run(membership: Membership, run: Run) -> RunRow:
    common = []
    for place, names in matchview.holders(membership, run).items():
        observable = run.leaves[place].observable
        if observable is not None:
            common.append((observable.kind.value, observable.value, names))
    return RunRow(
        run.run,
        run.mode.value,
        run.peer,
        run.epoch,
        run.at_us,
        run.state.value,
        len(run.leaves),
        tuple(common),
        run.problem,
    )
