"""The joint watch, for the console: read anew each time, since other processes change it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch import canonical
from pollwatch.attribution import matrix, track
from pollwatch.attribution.matrix import Matrix
from pollwatch.attribution.record import Record
from pollwatch.attribution.track import Track
from pollwatch.clock import Clock
from pollwatch.console.desks.incidents import File
from pollwatch.console.desks.joint import BudgetRow, Leaving, Matching, MemberRow, RunRow, Watch
from pollwatch.console.services import NotThereError
from pollwatch.errors import StoreError, UsageError
from pollwatch.i18n import _
from pollwatch.incidents.records import Case
from pollwatch.members.marking import Tlp
from pollwatch.node.attribution import casefile, lookup
from pollwatch.node.charter import roster
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.floor.incidents import there
from pollwatch.node.match import matching, matchview
from pollwatch.node.sharing import releasing
from pollwatch.sharing.indicators import standing
from pollwatch.sharing.indicators.standing import Records
from pollwatch.sharing.indicators.store import IndicatorStore
from pollwatch.sharing.ledger import Disclosure, Ledger
from pollwatch.sharing.matching.runs import Run
from pollwatch.stix import bundle


@dataclass(frozen=True, slots=True)
class FloorJoint:
    """The joint watch of one case."""

    case: Case
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

    def leaving(self, incident: str, to: str, tlp: str) -> Leaving:
        """What of an incident would leave for a member."""
        membership, prepared = self._prepared(incident, to, tlp)
        known = Ledger(membership.folder.record).known(to, prepared.content)
        return Leaving(
            incident=prepared.subject.removeprefix("incident "),
            to=to,
            tlp=prepared.tlp.word,
            sha256=prepared.sha256,
            body=prepared.body,
            holds=tuple(sorted(Counter(str(each["type"]) for each in bundle.read(prepared.body)).items())),
            basis=_("charter {name}").format(name=membership.charter.name),
            told=None if known is None else known.number,
        )

    def hand_over(self, leaving: Leaving, who: str, basis: str) -> File:
        """Record what would leave, and only then give it out."""
        membership, prepared = self._prepared(leaving.incident, leaving.to, leaving.tlp)
        if prepared.sha256 != leaving.sha256:
            raise UsageError(_("the incident has changed since you looked at it: look once more at what would leave"))
        decision = releasing.Decision(who, basis.strip() or leaving.basis)
        disclosure = releasing.handed_over(
            membership, prepared, membership.charter.member(leaving.to), decision, self.clock
        )
        return File(f"{leaving.incident}.stix.json", "application/stix+json", disclosure.release.body)

    def _prepared(self, incident: str, to: str, tlp: str) -> tuple[Membership, releasing.Prepared]:
        """As ``pollwatch share`` prepares it: the same bytes, which are that member's alone."""
        membership = self._membership()
        if membership is None:
            raise UsageError(_("STIX objects have a maker: join a watch first (pollwatch join), or export JSON"))
        receiver = next((each for each in membership.peers if each.name == to), None)
        if receiver is None:
            raise UsageError(_("no other member is called so; choose one from the list"))
        with there():
            found = self.case.incident(incident)
        marking = Tlp.parse(tlp) if tlp else None
        return membership, releasing.prepare_incident(membership, found, marking, self.clock, receiver)

    def _membership(self) -> Membership | None:
        root = self.case.folder.root
        return Membership.open(root) if JointFolder(root).charter_files.charters.exists() else None


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
