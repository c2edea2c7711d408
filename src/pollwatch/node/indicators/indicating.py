"""Taking indicators in, and deciding about them: every step is sealed in the private log before it takes effect.

Stop between the seal and the store, and the log holds a commitment to a decision that never took effect; doing it
again makes another one. The other way round, a decision could be in effect that nobody can show to have been made.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256

from pollwatch import canonical
from pollwatch.clock import rfc3339
from pollwatch.errors import EvidenceError, FormatError, PolicyError
from pollwatch.members.marking import Tlp
from pollwatch.node.indicators.deciding import suspend
from pollwatch.node.indicators.desk import Desk, seal, source_of
from pollwatch.sharing.indicators.candidates import Candidate, Read, TakenBack
from pollwatch.sharing.indicators.indicator import Origin, Report, Source
from pollwatch.sharing.indicators.store import Added, Reported, Retraction
from pollwatch.stix import accept
from pollwatch.stix.constants import SIGNATURE_EXTENSION


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
        self._roll = desk.membership.roll if desk.membership else None
        self._me = desk.membership.me if desk.membership else None
        self._bringer = bringer
        self._known: dict[bytes, tuple[Source, bool]] = {}

    def of(self, author: str, content: bytes) -> tuple[Source, bool]:
        """The source of an object, and whether its signature was checked.

        Raises:
            SignatureError: it says that a member made it, and that member did not sign it.
        """
        member = self._roll.by_identity(author) if self._roll and author else None
        if member is None or self._roll is None:
            return self._bringer, False
        digest = sha256(content).digest()
        if digest not in self._known:
            stated = canonical.loads(content)
            extensions = stated.get("extensions")
            bare = not isinstance(extensions, dict) or SIGNATURE_EXTENSION not in extensions
            if bare and member.name == self._bringer.name:  # a third party's client of that member: its word, unsigned
                return self._bringer, False
            accept.check([stated], self._roll)
            self._known[digest] = (source_of(member, self._me), True)
        return self._known[digest]


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
