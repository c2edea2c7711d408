"""Taking indicators in, and deciding about them: every step is sealed in the private log before it takes effect.

Stop between the seal and the store, and the log holds a commitment to a decision that never took effect; doing it
again makes another one. The other way round, a decision could be in effect that nobody can show to have been made.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pollwatch import canonical
from pollwatch.clock import Clock, rfc3339
from pollwatch.election.assets import Assets
from pollwatch.errors import EvidenceError, FormatError, PolicyError
from pollwatch.evidence import durable, salted
from pollwatch.evidence.manifest import Indicator as IndicatorEntry
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member
from pollwatch.node import rail
from pollwatch.node.jointfolder import JointFolder, Membership
from pollwatch.sharing.indicators import scoring, standing
from pollwatch.sharing.indicators.candidates import Candidate, Read, TakenBack
from pollwatch.sharing.indicators.indicator import Act, Decision, Indicator, Origin, Report, Source, State
from pollwatch.sharing.indicators.innocents import Innocents
from pollwatch.sharing.indicators.store import Added, IndicatorStore, Reported, Retraction
from pollwatch.sharing.indicators.warninglists import WarningLists
from pollwatch.stix import accept
from pollwatch.stix.constants import SIGNATURE_EXTENSION
from pollwatch.store.folder import CaseFolder

#: How our own observations are named where no charter names us.
OWN = "own"


@dataclass(frozen=True, slots=True)
class Desk:
    """What is needed to work with the indicators of a case.

    Attributes:
        case_dir: the case folder.
        clock: for when things came and were decided.
        store: the indicators.
        innocents: whom to spare.
        membership: who we are in the joint watch; None where no charter is in force.
    """

    case_dir: Path
    clock: Clock
    store: IndicatorStore
    innocents: Innocents
    membership: Membership | None

    @classmethod
    def open(cls, case_dir: Path, clock: Clock, assets: Assets, env: Mapping[str, str] = os.environ) -> Desk:
        """The desk of a case; the folder becomes a case where it is empty or new.

        Args:
            case_dir: the case folder.
            clock: the time.
            assets: our own systems, as the configuration names them.
            env: says where the user's cache is.

        Raises:
            StoreError: the folder holds other things.
            ConfigError: the warning lists are not installed, or the charter does not name this node.
        """
        folder = JointFolder(case_dir)
        CaseFolder(case_dir).prepare(create=True)
        durable.make_folder(folder.root, mode=0o700)
        membership = Membership.open(case_dir) if folder.charter.exists() else None
        members = membership.peers if membership else ()
        innocents = Innocents(WarningLists.load(cache_folder(env)), assets, members)
        return cls(case_dir, clock, IndicatorStore(folder.indicators), innocents, membership)

    @property
    def own(self) -> Source:
        """We ourselves, as a source."""
        me = self.membership.me if self.membership else None
        return Source(me.name if me else OWN, Origin.OWN, me.bloc if me else OWN)

    def standings(self) -> standing.Records:
        """Everybody's record."""
        return standing.records(self.store.all())


def cache_folder(env: Mapping[str, str]) -> Path | None:
    """Where what can be made again is kept: the service's cache, else the user's; None where there is neither."""
    if folder := env.get("CACHE_DIRECTORY") or env.get("XDG_CACHE_HOME"):
        return Path(folder.partition(":")[0]) / "pollwatch"
    return Path(env["HOME"]) / ".cache" / "pollwatch" if env.get("HOME") else None


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for everything in a file, where the file itself does not say.

    Attributes:
        source: who reports it.
        tlp: its marking.
        observed_us: when it was seen; None = now.
        digest: SHA-256 of the file in hex.
    """

    source: Source
    tlp: Tlp
    observed_us: int | None
    digest: str


@dataclass(frozen=True, slots=True)
class Sorted:
    """What a file's content comes to, before anything of it is kept.

    Attributes:
        reported: what can be kept, each with the warnings about it.
        taken_back: what its sources revoke, each with who that is.
        read: the file's content, with what was refused.
    """

    reported: tuple[Reported, ...]
    taken_back: tuple[tuple[TakenBack, Source], ...]
    read: Read

    @property
    def weak(self) -> int:
        """How many observables a warning names."""
        return len({each.report.observable for each in self.reported if each.warnings})

    def kinds(self) -> Counter[str]:
        """How many observables of each kind."""
        return Counter(each.kind.value for each in {each.report.observable for each in self.reported})

    def warned(self) -> Counter[str]:
        """How many observables each warning names."""
        named = {each.report.observable: each.warnings for each in self.reported}
        return Counter(warning for warnings in named.values() for warning in warnings)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of taking something in.

    Attributes:
        added: what is new.
        retracted: indicators that rested on what was taken back or changed to name something else.
        suspended: those of them that were in use, and no longer are.
        entry: place of its entry in the private log; None where nothing was new.
    """

    added: Added
    retracted: tuple[str, ...]
    suspended: tuple[str, ...]
    entry: int | None


def sort(desk: Desk, read: Read, terms: Terms) -> Sorted:
    """Say whose word everything is, and what speaks against it. Nothing is kept.

    An object that says that a member of the charter made it is that member's only with its signature; without one it
    is refused, whoever brings it.
    """
    observables = list(dict.fromkeys(each.observable for each in read.candidates))
    warnings = dict(zip(observables, desk.innocents.warnings(observables), strict=True))
    now_us = desk.clock.now_us()
    authors = _Authors(desk, terms.source)
    kept: list[Reported] = []
    for each in read.candidates:
        try:
            source, signed = authors.of(each.author, each.content)
        except (EvidenceError, FormatError, PolicyError) as error:
            read.refuse(each.where, each.observable.value, str(error))
            continue
        report = _report(each, source, terms, now_us, signed=signed)
        kept.append(Reported(report, warnings[each.observable]))
    taken_back = []
    for gone in read.taken_back:
        try:
            taken_back.append((gone, authors.of(gone.author, gone.content)[0]))
        except (EvidenceError, FormatError, PolicyError) as error:
            read.refuse(gone.object_id, "", str(error))
    return Sorted(tuple(kept), tuple(taken_back), read)


class _Authors:
    """Whose word an object is; each object is checked once, however many observables it names."""

    def __init__(self, desk: Desk, bringer: Source) -> None:
        self._charter = desk.membership.charter if desk.membership else None
        self._me = desk.membership.me if desk.membership else None
        self._bringer = bringer
        self._known: dict[bytes, tuple[Source, bool]] = {}

    def of(self, author: str, content: bytes) -> tuple[Source, bool]:
        """The source of an object, and whether its signature was checked.

        Raises:
            SignatureError: it says that a member made it, and that member did not sign it.
        """
        member = self._charter.by_identity(author) if self._charter and author else None
        if member is None or self._charter is None:
            return self._bringer, False
        digest = sha256(content).digest()
        if digest not in self._known:
            stated = canonical.loads(content)
            extensions = stated.get("extensions")
            bare = not isinstance(extensions, dict) or SIGNATURE_EXTENSION not in extensions
            if bare and member.name == self._bringer.name:  # a third party's client of that member: its word, unsigned
                return self._bringer, False
            accept.check([stated], self._charter)
            self._known[digest] = (source_of(member, self._me), True)
        return self._known[digest]


def source_of(member: Member, me: Member | None) -> Source:
    """A member as a source."""
    own = me is not None and member.name == me.name
    return Source(member.name, Origin.OWN if own else Origin.MEMBER, member.bloc)


def _report(each: Candidate, source: Source, terms: Terms, now_us: int, *, signed: bool) -> Report:
    observed_us = each.observed_us if each.observed_us is not None else terms.observed_us
    version = each.version or f"{now_us:020d}"
    # What is not dated is fresh as often as its list changes, and no more often.
    said = [each.object_id, each.version, observed_us or terms.digest, each.until_us or 0, each.text]
    digest = sha256(each.content or canonical.dumps(said)).hexdigest()
    return Report(
        each.observable,
        source,
        signed,
        each.object_id,
        version,
        digest,
        terms.tlp if each.tlp is None else each.tlp,
        min(now_us if observed_us is None else observed_us, now_us),
        each.until_us,
        now_us,
        each.confidence,
        each.text,
        each.seen or source.origin is Origin.OWN,
    )


def take(desk: Desk, found: Sorted, terms: Terms) -> Taken:
    """Keep what was sorted; what a source takes back goes out of use here, whoever accepted it.

    Raises:
        StoreError: the disk says no; then nothing was kept.
    """
    record = {
        "import": terms.source.name,
        "sha256": terms.digest,
        "time": rfc3339(desk.clock.now_us()),
        "reports": len(found.reported),
        "reports_sha256": sha256("\n".join(sorted(each.report.sha256 for each in found.reported)).encode()).hexdigest(),
        "taken_back": sorted(gone.object_id for gone, _source in found.taken_back),
    }
    known = {report.sha256 for each in desk.store.all() for report in each.reports}
    gone_before = {(each.source, each.object_id) for each in desk.store.retractions()}
    fresh = any(each.report.sha256 not in known for each in found.reported) or any(
        (source.name, gone.object_id) not in gone_before for gone, source in found.taken_back
    )
    entry = seal(desk, record) if fresh else None
    added = desk.store.add(found.reported)
    retracted: dict[str, None] = dict.fromkeys(added.moved)
    for gone, source in found.taken_back:
        digest = sha256(gone.content).hexdigest() if gone.content else ""
        made = Retraction(source.name, gone.object_id, desk.clock.now_us(), digest, gone.reason)
        retracted |= dict.fromkeys(desk.store.retract(made))
    suspended = suspend(desk, tuple(retracted))
    return Taken(added, tuple(retracted), suspended, entry)


def suspend(desk: Desk, ids: Sequence[str]) -> tuple[str, ...]:
    """Take those out of use that are in it: what they rested on was taken back, and people have to look again."""
    in_use = [each for each in desk.store.of(ids) if each.acceptance is not None or each.release is not None]
    if not in_use:
        return ()
    reason = "a source took it back"
    names = [each.id for each in in_use]
    entry = seal(desk, _decision_record(Act.SUSPEND, names, "pollwatch", reason, (), desk.clock.now_us()))
    desk.store.decide(names, Decision(Act.SUSPEND, "pollwatch", reason, desk.clock.now_us(), entry))
    return tuple(names)


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a decision.

    Attributes:
        done: the indicators that it was made about.
        refused: the others, each with the reason.
    """

    done: tuple[Indicator, ...]
    refused: tuple[tuple[Indicator, str], ...]


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision as a person makes it.

    Attributes:
        act: what.
        who: who decides.
        reason: why; needed to override a warning, to confirm and to refute.
        override: whether warnings are known and overridden.
    """

    act: Act
    who: str
    reason: str = ""
    override: bool = False


def decide(desk: Desk, chosen: Sequence[Indicator], ruling: Ruling) -> Decided:
    """Decide about some indicators; those about which it cannot be decided so are left as they are, with the reason.

    Raises:
        PolicyError: a decision that needs a reason has none.
    """
    if ruling.override and not ruling.reason.strip():
        raise PolicyError("a warning is overridden for a reason; give one with --reason")
    if ruling.act in {Act.CONFIRM, Act.REFUTE} and not ruling.reason.strip():
        raise PolicyError(f"to {ruling.act} is to say what was found; give it with --reason")
    warnings = desk.innocents.warnings([each.observable for each in chosen])
    plain: list[Indicator] = []
    against: dict[tuple[str, ...], list[Indicator]] = {}
    refused: list[tuple[Indicator, str]] = []
    for each, warned in zip(chosen, warnings, strict=True):
        problem = _problem(desk, each, ruling, warned)
        if problem:
            refused.append((each, problem))
        elif warned and ruling.act in {Act.ACCEPT, Act.RELEASE}:
            against.setdefault(warned, []).append(each)
        else:
            plain.append(each)
    for overridden, group in [((), plain), *against.items()]:
        if group:
            _record_decision(desk, group, ruling, overridden)
    done = {each.id for group in (plain, *against.values()) for each in group}
    return Decided(desk.store.of([each.id for each in chosen if each.id in done]), tuple(refused))


def _record_decision(desk: Desk, group: Sequence[Indicator], ruling: Ruling, warnings: tuple[str, ...]) -> None:
    at_us, names = desk.clock.now_us(), [each.id for each in group]
    entry = seal(desk, _decision_record(ruling.act, names, ruling.who, ruling.reason, warnings, at_us))
    desk.store.decide(names, Decision(ruling.act, ruling.who, ruling.reason, at_us, entry, warnings))


def _decision_record(
    act: Act, names: Iterable[str], who: str, reason: str, warnings: Sequence[str], at_us: int
) -> dict[str, Any]:
    return {
        "decision": act.value,
        "who": who,
        "reason": reason,
        "overrides": list(warnings),
        "time": rfc3339(at_us),
        "indicators": list(names),
    }


def _problem(desk: Desk, each: Indicator, ruling: Ruling, warned: tuple[str, ...]) -> str:
    """Why it cannot be decided so; empty where it can."""
    state = scoring.state(each, desk.clock.now_us())
    if ruling.act in {Act.ACCEPT, Act.RELEASE}:
        if state in {State.RETRACTED, State.EXPIRED}:
            return f"it is {state}"
        if warned and not ruling.override:
            words = ", ".join(desk.innocents.words(key) for key in warned[:3])
            more = f" and {len(warned) - 3} more" if len(warned) > 3 else ""
            return f"warned of: {words}{more}; look, then --override with a --reason"
    if ruling.act is Act.RELEASE and not _may_pass_on(each):
        return "all we know of it was told to us under a marking that keeps it here; see it ourselves first"
    if ruling.act is Act.WITHDRAW and each.release is None:
        return "it is not released"
    return ""


def _may_pass_on(each: Indicator) -> bool:
    """Whether somebody may be told: we saw it ourselves, or a source lets the whole community know."""
    return any(report.source.origin is Origin.OWN or report.tlp <= Tlp.GREEN for report in each.standing_reports)


def seal(desk: Desk, record: Mapping[str, Any]) -> int:
    """Seal a step about indicators in the private log; what it commits to is kept with the case.

    Raises:
        StoreError: the log cannot be written.
    """
    salt = salted.new_salt()
    content = canonical.dumps(dict(record))
    opening = canonical.dumps({**record, "salt": salt.hex()})
    with rail.opened(desk.case_dir, desk.clock) as evidence:
        return evidence.record(IndicatorEntry(salted.commitment(salt, content), desk.clock.now_us()), opening)


def choose(desk: Desk, names: Iterable[str], states: Callable[[State], bool] | None, source: str) -> list[Indicator]:
    """The indicators that a person names, or all in some state, or of some source.

    Raises:
        PolicyError: a name fits none or several.
    """
    found = [desk.store.get(name) for name in names]
    if states is not None:
        now_us = desk.clock.now_us()
        found += [each for each in desk.store.all() if states(scoring.state(each, now_us))]
    found = list({each.id: each for each in found}.values())
    if source:
        wanted = source.casefold()
        found = [each for each in found if any(r.source.name.casefold() == wanted for r in each.reports)]
    return found
