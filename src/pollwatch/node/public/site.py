"""Building the public page: gather what was published, prove it, draw it in each language, replace the folder.

The same case gives the same bytes. Only what the ledger says left for everybody is shown; what members signed is
checked again each time. A page can be built while a scan or the watch holds the private log: then the bundles are those
of the last time, and what is newer than they says that its proof follows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.resources import files as resources
from pathlib import Path
from typing import Final

from pollwatch import canonical, durable
from pollwatch.attribution import matrix, proven
from pollwatch.attribution import record as records
from pollwatch.attribution import verify as verify_said
from pollwatch.clock import UTC, Clock, ManualClock, rfc3339
from pollwatch.election.calendar import Calendar
from pollwatch.errors import EvidenceError, StoreError
from pollwatch.evidence import bundle as bundles
from pollwatch.evidence.documents import Digest
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.published import KEYS
from pollwatch.i18n import speaking
from pollwatch.members.marking import Tlp
from pollwatch.node.charter.jointfolder import JointFolder, Membership
from pollwatch.node.evidence import documenting, rail
from pollwatch.node.evidence.bundling import Extras
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.node.public import logstate, preparing, publishing, replacing
from pollwatch.node.public.publishing import Standing
from pollwatch.report.dossier.material import Checkpoint, Material
from pollwatch.report.public import feed, page
from pollwatch.report.public.material import Entry, File, LogState, Site
from pollwatch.stix import accept, bundle

#: The list of what is published, for programs; by it a folder is known as one of ours.
MANIFEST: Final = "public.json"
SCHEMA: Final = "pollwatch.public/1"
_SUMS: Final = "SHA256SUMS"
_PAGE: Final = "verify.html"
_FOLDER: Final = "publications"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the page is to be.

    Attributes:
        office: whose page it is; empty = the member's name.
        title: of the watch; empty = the charter's name.
        languages: of the pages, the first one's is ``index.html``.
        zone: for times.
        url: where it is served; empty where that is not known.
        policy: names witnesses besides the members; None = none.
    """

    office: str = ""
    title: str = ""
    languages: tuple[str, ...] = ("en", "nl")
    zone: dt.tzinfo = UTC
    url: str = ""
    policy: bytes | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did.

    Attributes:
        folder: the page.
        shown: how many publications stand on it.
        withdrawn: how many are shown as withdrawn.
        pending: ids of those whose proof follows.
        changed: whether the folder was replaced; False where it held the very same already.
    """

    folder: Path
    shown: int
    withdrawn: int
    pending: tuple[str, ...]
    changed: bool


def build(case_dir: Path, out: Path, wanted: Wanted, clock: Clock) -> Built:
    """Make the folder that a web server serves.

    Raises:
        StoreError: the case cannot be read, or the folder cannot be written or holds something else.
        EvidenceError: what members signed, or the log, does not check out.
        FormatError: a language that there is not.
    """
    for language in wanted.languages:
        page.Tongue.of(language)
    membership = preparing.membership_of(case_dir)
    standing = publishing.standing(case_dir)
    if membership is not None:
        standing = tuple(publishing.renew(membership, each, clock) for each in standing)
    policy = None if wanted.policy is None else Policy.parse(wanted.policy)
    proofs = _proofs(case_dir, membership, standing, wanted, clock)
    log = logstate.read(case_dir, membership, policy)  # last: proving may have sealed
    files = _enclosed(case_dir, membership, log, wanted)
    entries = []
    for each in reversed(standing):
        files |= _papers(each, proofs.get(each.publication.id))
        entries.append(_entry(membership, each, log, wanted, files))
    site = Site(
        title=wanted.title or (membership.charter.name if membership else ""),
        office=wanted.office or (membership.me.name if membership else ""),
        exercise=JointFolder(case_dir).is_exercise,
        log=log,
        entries=entries,
        files={key: _file(name, files[name]) for key, name in _NAMES.items() if name in files},
        languages=wanted.languages,
        zone=wanted.zone,
        url=wanted.url,
    )
    for language in wanted.languages:
        files[site.page_name(language)] = page.html(site, language).encode("utf-8")
        files[site.feed_name(language)] = feed.atom(site, language)
    pending = tuple(each.publication.id for each in entries if each.reasons is None and each.proof is None)
    changed = replacing.replace_folder(out, _listed(site, files), MANIFEST)
    gone = sum(each.reasons is not None for each in entries)
    return Built(out, len(entries) - gone, gone, pending, changed)


_NAMES: Final = {
    "verify": _PAGE,
    "checkpoint": "checkpoint.note",
    "keys": "keys.note",
    "policy": "policy.txt",
    "charter": "charter.note",
}


def _enclosed(case_dir: Path, membership: Membership | None, log: LogState | None, wanted: Wanted) -> dict[str, bytes]:
    """What can be fetched besides the publications."""
    found = {_PAGE: resources("pollwatch.evidence").joinpath(_PAGE).read_bytes()}
    if log is not None:
        found[_NAMES["checkpoint"]] = log.note
        keys = case_dir / "evidence" / "shared" / "public" / KEYS
        if keys.exists():
            found[_NAMES["keys"]] = keys.read_bytes()
    policy = _policy(membership, wanted)
    if policy is not None:
        found[_NAMES["policy"]] = policy
    return found


def _policy(membership: Membership | None, wanted: Wanted) -> bytes | None:
    """The policy that is proposed: whoever reads the page need not know where the members' gateways are."""
    data = wanted.policy
    if data is None and membership is not None:
        data = membership.charter.policy(membership.me).encode("utf-8")
    return None if data is None else replace(Policy.parse(data), urls={}).to_bytes()


def _proofs(
    case_dir: Path, membership: Membership | None, standing: Sequence[Standing], wanted: Wanted, clock: Clock
) -> dict[str, bytes]:
    """The bundle of each publication, or the one of the last time; an id that is missing has none yet."""
    kept = JointFolder(case_dir).root / "published"
    wanting = {each.publication.id: each for each in standing if each.withdrawal is None}
    policy = _policy(membership, wanted)
    try:
        with rail.opened(case_dir, clock) as evidence:
            for identifier, each in wanting.items():
                data = _proof(evidence, each, policy)
                path = kept / f"{identifier}.zip"
                if data is not None and not durable.holds(path, data):
                    durable.make_folder(kept, mode=0o700)
                    durable.write_file(path, data, mode=0o600)
    except StoreError:
        if not wanting or not kept.exists():
            return {}
    found = {}
    for identifier, each in wanting.items():
        path = kept / f"{identifier}.zip"
        if path.exists() and _is_of(path.read_bytes(), each):
            found[identifier] = path.read_bytes()
    return found


def _proof(evidence: CaseEvidence, stands: Standing, policy: bytes | None) -> bytes | None:
    body = stands.recorded.release.body
    digest = Digest(sha256(body).digest(), len(body))
    witnesses = () if policy is None else tuple(Policy.parse(policy).witnesses.values())
    extras = Extras({_name(stands): body}, witnesses, policy)
    try:
        with speaking("en"):  # its cover sheet
            made = documenting.proof_of(evidence, digest, ManualClock(stands.recorded.at_us), _name(stands), extras)
    except (StoreError, EvidenceError):  # the sealer has not come by yet
        return None
    return made.to_bytes(evidence.shared_signer)


def _is_of(data: bytes, stands: Standing) -> bool:
    """Whether a kept bundle is of the publication as it stands now."""
    return bundles.read_bundle(data).attachments.get(_name(stands)) == stands.recorded.release.body


def _name(stands: Standing) -> str:
    return f"{stands.publication.id}.json"


def _papers(stands: Standing, proof: bytes | None) -> dict[str, bytes]:
    if stands.withdrawal is not None:
        return {}
    found = {f"{_FOLDER}/{_name(stands)}": stands.recorded.release.body}
    if proof is not None:
        found[f"{_FOLDER}/{stands.publication.id}.zip"] = proof
    said = stands.publication
    if said.said:
        found[f"{_FOLDER}/{said.id}.record.json"] = bundle.write(list(said.said))
        found[f"{_FOLDER}/{said.id}.order.json"] = said.order
        found[_NAMES["charter"]] = said.charter
    return found


def _entry(
    membership: Membership | None, stands: Standing, log: LogState | None, wanted: Wanted, files: dict[str, bytes]
) -> Entry:
    said = stands.publication
    taken = stands.withdrawal
    body, proof = (f"{_FOLDER}/{said.id}.{ending}" for ending in ("json", "zip"))
    return Entry(
        publication=said,
        first_us=stands.first_us,
        changed_us=max(stands.recorded.at_us, stands.withdrawn_us or 0),
        material=_material(membership, stands, log, wanted),
        body=_file(body, files[body]) if body in files else None,
        proof=_file(proof, files[proof]) if proof in files else None,
        record=tuple(name for name in files if name.startswith(f"{_FOLDER}/{said.id}.") and name.count(".") > 1),
        reasons=None if taken is None else taken.reasons,
        withdrawn_us=stands.withdrawn_us,
    )


def _material(membership: Membership | None, stands: Standing, log: LogState | None, wanted: Wanted) -> Material | None:
    """What the chapters on claims and statements are drawn from; every signature is checked again.

    Raises:
        EvidenceError: a signature is wrong, or a proof of when something was said does not hold.
    """
    said = stands.publication
    if membership is None or not said.said or stands.withdrawal is not None:
        return None
    whole = list(said.said)
    accept.check(whole, membership.roll)
    order = verify_said.read_order(said.order, (bundle.write(whole),), membership.roll, None)
    charter = membership.charter
    record = records.read(whole, membership.roll, proven.dated_back(order, charter.quorum.blocs))
    main = next((each for each in whole if each["type"] == "incident"), whole[0])
    state = Checkpoint("", 0, "", ()) if log is None else Checkpoint(log.origin, log.size, log.root, ())
    return Material(
        issuer=membership.me,
        charter=charter,
        roll=membership.roll,
        incident=main,
        own=None,
        span_us=(None, None),
        others=(),
        record=record,
        matrix=matrix.build(main["id"], record.papers, charter),
        places={},
        leaves=(),
        checkpoint=state,
        proof=None,
        unproven="",
        coverage=(),
        files=(),
        calendar=Calendar(),
        tlp=Tlp.CLEAR,
        as_of_us=stands.recorded.at_us,
        zone=wanted.zone,
    )


def _file(name: str, data: bytes) -> File:
    return File(name, len(data), sha256(data).hexdigest())


def _listed(site: Site, files: dict[str, bytes]) -> dict[str, bytes]:
    """All files with the list of what is published, for programs, and the list of all hashes."""
    entries = [
        {
            "id": each.publication.id,
            "kind": each.publication.kind.value,
            "published": rfc3339(each.first_us),
            "changed": rfc3339(each.changed_us),
            "withdrawn": rfc3339(each.withdrawn_us),
            "publication": None if each.body is None else each.body.name,
            "evidence": None if each.proof is None else each.proof.name,
        }
        for each in site.entries
    ]
    log = None
    if site.log is not None:
        present = [each.name for each in site.log.cosigners if each.present]
        log = {"origin": site.log.origin, "size": site.log.size, "root": site.log.root, "cosigned_by": present}
    document = {"schema": SCHEMA, "exercise": site.exercise, "log": log, "publications": entries}
    whole = {**files, MANIFEST: canonical.pretty(document).encode("utf-8") + b"\n"}
    sums = "".join(f"{sha256(data).hexdigest()}  {name}\n" for name, data in sorted(whole.items()))
    return {**whole, _SUMS: sums.encode("utf-8")}
