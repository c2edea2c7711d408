"""Making the dossier of an incident: gather, prove, draw, write.

What is written depends on the case alone: the same case gives the same bytes, whenever and however often it is made.
The bundle comes first, since the cover names its hash; the list of hashes comes last, so that a folder without one is
a dossier that was not finished.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final, TypeAlias

from pollwatch import canonical, durable
from pollwatch.attribution import matrix, paper, proven
from pollwatch.attribution import record as records
from pollwatch.attribution import verify as verify_said
from pollwatch.clock import US_PER_S, Clock, ManualClock, parse_rfc3339
from pollwatch.election.calendar import Calendar
from pollwatch.errors import EvidenceError, PolicyError, StoreError
from pollwatch.evidence import checkpoint as checkpoints
from pollwatch.evidence import merkle, verify
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.manifest import Posted, parse_shared
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.report import Report
from pollwatch.i18n import _, speaking
from pollwatch.incidents.incident import Incident
from pollwatch.members.charter import Charter
from pollwatch.node.attribution import casefile, lookup, ordering
from pollwatch.node.case import reporting
from pollwatch.node.case.reporting import Gathered
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import bundling, rail
from pollwatch.node.evidence.bundling import Extras
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.node.gateway import pushing
from pollwatch.report.dossier import contents, page, pdf
from pollwatch.report.dossier.material import Checkpoint, Enclosed, Material, Place, Received
from pollwatch.sharing.collection import Collection
from pollwatch.sharing.inbox import Mail
from pollwatch.stix import bundle, constants
from pollwatch.stix.constants import StixObject
from pollwatch.stix.leaf import Leaf

EVIDENCE: Final = "evidence.zip"
RECORD: Final = "record.json"
CHARTER: Final = "charter.note"
ORDER: Final = "order.json"
POLICY: Final = "policy.txt"
SUMS: Final = "SHA256SUMS"
_PAGE: Final = "verify.html"
#: What an earlier paper of any kind left in a folder, and must not lie beside the new one: it may say more.
_OURS: Final = (
    *(EVIDENCE, POLICY, _PAGE, "received-*.json"),
    *("dossier-*.pdf", "dossier-*.html", "custody-*", "custody.json", "factsheet-*"),
)
#: Which papers have chapters of their own; all else that was said goes with the measures.
_CHAPTERS: Final = frozenset(
    (*("inquiry", "answer", "notice", "hypothesis", "item", "rating"), *("retraction", "closing", "measure", "outcome"))
)
_MEASURES: Final = frozenset({"course-of-action", "grouping"})


@dataclass(frozen=True, slots=True)
class Made:
    """A dossier that was written.

    Attributes:
        folder: all of it.
        papers: for people, by language: PDF and HTML.
        proof: what the enclosed evidence proves; None where none could be enclosed.
        unproven: why none could be.
    """

    folder: Path
    papers: Mapping[str, tuple[Path, Path]]
    proof: Report | None
    unproven: str


#: What is drawn of a case in a language: file name to bytes.
Papers: TypeAlias = Callable[[Material, str], dict[str, bytes]]


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What the issuer's own logs say."""

    data: bytes | None
    problem: str
    checkpoint: Checkpoint
    places: Mapping[str, Place]
    at_us: int


def make(  # noqa: PLR0913 - all but the first four are what a caller may choose
    case_dir: Path,
    incident: str,
    out: Path,
    clock: Clock,
    *,
    languages: Sequence[str] = ("en",),
    config_file: Path | None = None,
    zone: dt.tzinfo | None = None,
    drawn: Papers | None = None,
    kept: Container[str] | None = None,
) -> Made:
    """Write the dossier of an incident: papers in each language, and the files that prove what they say.

    Args:
        case_dir: the issuer's case.
        incident: its own id or the beginning of it, or the STIX id of one that was received.
        out: a folder; what a dossier before this one left there is replaced.
        clock: the time, for reading; nothing of it is written.
        languages: of the papers.
        config_file: configuration to use instead of the usual places.
        zone: for times; None = the first election's, else UTC.
        drawn: draws other papers than a dossier's, for each language.
        kept: names of the enclosed files that are written; None = all.

    Raises:
        ConfigError: no charter is in force.
        PolicyError: the incident was never released or received.
        StoreError: something cannot be read or written.
    """
    membership = Membership.open(case_dir)
    seen = reporting.gather(case_dir, clock, config_file) if (case_dir / "case.sqlite").exists() else None
    identifier = _identifier(membership, incident, seen)
    own = _own(membership, identifier, seen)
    main = casefile.context_of(Collection(membership.folder.record), identifier)[0]
    whole = casefile.about(membership, main)
    enclosed = {
        RECORD: bundle.write(whole),
        CHARTER: membership.folder.load_chain().to_bytes(),
        POLICY: membership.charter.policy(membership.me).encode("utf-8"),
        ORDER: ordering.order_of(membership, whole, clock),
    }
    told = {} if own is not None or kept is not None else _told(membership, whole, clock)
    enclosed |= {name: mail.body for name, mail in told.items()}
    as_of_us = max(_times(membership, whole, own))
    with speaking(languages[0]):  # of the bundle's cover sheet
        sealed = _sealed(membership, own, whole, enclosed, as_of_us, clock)
    if sealed.data is not None:
        enclosed = {EVIDENCE: sealed.data, **enclosed}
    enclosed[_PAGE] = files("pollwatch.evidence").joinpath(_PAGE).read_bytes()
    papers: dict[str, bytes] = {}
    for language in languages:
        with speaking(language):
            material = _material(membership, main, whole, own, seen, sealed, enclosed)
            material = _with(material, told)
            material = material if zone is None else replace(material, zone=zone)
            papers |= (drawn or draw)(material, language)
    _write(out, {name: data for name, data in enclosed.items() if kept is None or name in kept} | papers)
    shown = {each: (out / _paper(each, "pdf"), out / _paper(each, "html")) for each in languages}
    return Made(out, shown, _proof(sealed, enclosed[POLICY]), _unproven(sealed))


def _identifier(membership: Membership, incident: str, seen: Gathered | None) -> str:
    """The STIX id of an incident, by that, or by the beginning of our own id."""
    if incident.startswith("incident--"):
        return str(Collection(membership.folder.record).get(incident).source["id"])
    fitting = [each for each in (seen.incidents if seen else ()) if each.id.startswith(incident)]
    if len(fitting) != 1:
        many = ", ".join(each.id for each in fitting[:5])
        known = f"several incidents begin so: {many}" if fitting else "see: pollwatch incidents list"
        raise PolicyError(f"no incident {incident[:80]!r} in {membership.folder.case}; {known}")
    found = lookup.incident_object_id(membership, fitting[0].id)
    if not Collection(membership.folder.record).versions([found]):
        raise PolicyError(f"incident {fitting[0].id} was never released; release it first: pollwatch share")
    return found


def _own(membership: Membership, identifier: str, seen: Gathered | None) -> Incident | None:
    mine = (each for each in (seen.incidents if seen else ()))
    return next((each for each in mine if lookup.incident_object_id(membership, each.id) == identifier), None)


def _told(membership: Membership, whole: Sequence[StixObject], clock: Clock) -> dict[str, Mail]:
    """The first delivery of the case by each that told us of it; none that tells of other incidents too.

    Raises:
        PeerError: the gateway, where they are kept, cannot be reached.
    """
    incidents = {each["id"] for each in whole if each["type"] == "incident"}
    first: dict[str, Mail] = {}
    with pushing.opened(membership, clock) as outpost:
        for number in outpost.mail(fetched=True):
            mail = outpost.one_mail(number)
            named = {each["id"] for each in bundle.read(mail.body) if each["type"] == "incident"}
            if named and named <= incidents:
                first.setdefault(mail.sender, mail)
    return {f"received-{number}.json": mail for number, mail in enumerate(first.values(), 1)}


def _times(membership: Membership, whole: Sequence[StixObject], own: Incident | None) -> list[int]:
    """Since when we hold what the case is made of, by our own clock: an author can state any time."""
    collection = Collection(membership.folder.record)
    identifiers = {each["id"] for each in whole}
    held = (each for kind in {one["type"] for one in whole} for each in collection.of_type(kind))
    times = [each.at_us for each in held if each.source["id"] in identifiers]
    return times + ([own.last_us] if own is not None and own.last_us is not None else [])


def _sealed(
    membership: Membership,
    own: Incident | None,
    whole: Sequence[StixObject],
    enclosed: Mapping[str, bytes],
    as_of_us: int,
    clock: Clock,
) -> _Sealed:
    """The bundle, then the state of the log: making the bundle may seal, and what is shown is what it is under."""
    policy = enclosed[POLICY]
    with rail.opened(membership.folder.case, clock) as evidence:
        data, problem = None, ""
        if own is not None:
            witnesses = tuple(Policy.parse(policy).witnesses.values())
            extras = Extras({name: enclosed[name] for name in (RECORD, CHARTER, ORDER)}, witnesses, policy)
            try:
                built = bundling.build(evidence, own, ManualClock(as_of_us), None, extras)
                data = built.to_bytes(evidence.shared_signer)
                verify.verify_bytes(data, policy)
            except (EvidenceError, StoreError) as error:
                data, problem = None, str(error)
        places = _places(evidence, whole)
        reach = max((each.index for each in places.values()), default=-1) + 1
        signed = evidence.shared.cosigned(reach) or evidence.shared.signed
        latest = evidence.openings.latest_seal()
    checkpoint, seen_us = _checkpoint(signed, membership.charter)
    at_us = max(as_of_us, seen_us, 0 if latest is None else latest.at_us)
    return _Sealed(data, problem, checkpoint, places, at_us)


def _proof(sealed: _Sealed, policy: bytes) -> Report | None:
    """What the bundle proves, in the language that is spoken now."""
    return None if sealed.data is None else verify.verify_bytes(sealed.data, policy)


def _unproven(sealed: _Sealed) -> str:
    """Why there is no bundle; empty where there is one."""
    if sealed.data is not None:
        return ""
    return sealed.problem or _("another member saw this incident, and holds its evidence")


def _places(evidence: CaseEvidence, whole: Iterable[StixObject]) -> dict[str, Place]:
    """Where our shared log has what was said; the first entry of each object, with these very words."""
    wanted = {sha256(canonical.dumps(each)).digest(): each["id"] for each in whole if records.is_spoken(each)}
    found: dict[str, Place] = {}
    reader = evidence.shared.reader()
    for index, data in enumerate(reader.entries(0, reader.size)):
        entry = parse_shared(data)
        if isinstance(entry, Posted) and entry.digest in wanted:
            found.setdefault(wanted[entry.digest], Place(index, merkle.leaf_hash(data).hex()))
    return found


def _checkpoint(signed: SignedCheckpoint, charter: Charter) -> tuple[Checkpoint, int]:
    """A checkpoint with the members that cosigned it, and the latest time that any of them states."""
    names = {each.witness: each.name for each in charter.members}
    checked = checkpoints.verify(signed, names)
    state = signed.checkpoint
    seen_by = tuple(sorted({names[each.verifier] for each in checked}))
    latest_us = max((each.time_s * US_PER_S for each in checked if each.time_s is not None), default=0)
    return Checkpoint(state.origin, state.size, state.root.hex(), seen_by), latest_us


def _material(
    membership: Membership,
    main: StixObject,
    whole: Sequence[StixObject],
    own: Incident | None,
    seen: Gathered | None,
    sealed: _Sealed,
    enclosed: Mapping[str, bytes],
) -> Material:
    order = verify_said.read_order(enclosed[ORDER], (enclosed[RECORD],), membership.roll, None)
    record = records.read(whole, membership.roll, proven.dated_back(order, membership.charter.quorum.blocs))
    said = main.get("extensions", {}).get(constants.CLAIM_EXTENSION, {})
    material = Material(
        issuer=membership.me,
        charter=membership.charter,
        roll=membership.roll,
        incident=main,
        own=own,
        span_us=_span(whole, own),
        others=[each for each in whole if _is_other(each)],
        record=record,
        matrix=matrix.build(main["id"], record.papers, membership.charter),
        places=sealed.places,
        leaves=[Leaf.from_record(each) for each in said.get("evidence", ())],
        checkpoint=sealed.checkpoint,
        proof=_proof(sealed, enclosed[POLICY]),
        unproven=_unproven(sealed),
        coverage=seen.coverage if seen is not None and own is not None else (),
        files=[Enclosed(name, sha256(data).hexdigest(), _command(name)) for name, data in enclosed.items()],
        calendar=seen.settings.calendar if seen is not None else Calendar(),
        tlp=casefile.marking(whole),
        as_of_us=sealed.at_us,
    )
    return material if seen is None else replace(material, zone=seen.zone)


def _with(material: Material, told: Mapping[str, Mail]) -> Material:
    """The same with what the issuer was told of the case, under the strictest marking of any of it."""
    received = [Received(name, each.sender, each.sent_us, each.received_us) for name, each in told.items()]
    return replace(material, received=received, tlp=max((material.tlp, *(each.tlp for each in told.values()))))


def _is_other(each: StixObject) -> bool:
    """Whether something that was said has no chapter of its own."""
    said = each["type"] == "note" and records.is_spoken(each)
    return each["type"] in _MEASURES or (said and paper.kind(each) not in _CHAPTERS)


def _span(whole: Iterable[StixObject], own: Incident | None) -> tuple[int | None, int | None]:
    """From when to when the incident lasted: as we saw it, or as we were told."""
    if own is not None:
        return own.first_us, own.last_us
    for each in whole:
        if each["type"] == "threat-actor" and "first_seen" in each and "last_seen" in each:
            return parse_rfc3339(each["first_seen"]), parse_rfc3339(each["last_seen"])
    return None, None


def _command(name: str) -> str:
    """What checks an enclosed file."""
    return {
        EVIDENCE: f"pollwatch verify {EVIDENCE} --policy {POLICY}",
        RECORD: f"pollwatch verify {RECORD} --charter {CHARTER} --order {ORDER}",
    }.get(name, f"pollwatch verify {name} --charter {CHARTER}" if name.startswith("received-") else "")


def draw(material: Material, language: str) -> dict[str, bytes]:
    """A dossier's own papers."""
    document = contents.make(material)
    return {
        _paper(language, "pdf"): pdf.pdf(document, material.as_of_us),
        _paper(language, "html"): page.html(document).encode("utf-8"),
    }


def _paper(language: str, kind: str) -> str:
    return f"dossier-{language}.{kind}"


def _write(out: Path, found: Mapping[str, bytes]) -> None:
    """Write all files, the list of their hashes last; what an earlier dossier had more is removed."""
    sums = "".join(f"{sha256(data).hexdigest()}  {name}\n" for name, data in sorted(found.items()))
    try:
        durable.make_folder(out, mode=0o700)
        earlier = (path for pattern in _OURS for path in out.glob(pattern))
        for path in (out / SUMS, *earlier):
            if path.name not in found:
                path.unlink(missing_ok=True)
        for name, data in found.items():
            durable.write_file(out / name, data, mode=0o600)
        durable.write_file(out / SUMS, sums.encode("ascii"), mode=0o600)
    except OSError as error:
        raise StoreError(f"the dossier cannot be written to {out}: {error.strerror}") from error
