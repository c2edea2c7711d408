"""What a person hands to a prosecutor or to diplomats: the package with its chain of custody, and the fact sheet."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from pollwatch.canonical import pretty
from pollwatch.clock import Clock
from pollwatch.errors import PolicyError
from pollwatch.evidence.seal import Seal
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.records import Case
from pollwatch.node.attribution import dossiers, lookup
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.evidence.openings import Openings
from pollwatch.report.dossier import custody, factsheet, sheet
from pollwatch.report.dossier.custody import Custody, Handled, Original, SealedBatch, Told
from pollwatch.report.dossier.material import Material
from pollwatch.sharing.ledger import Ledger

_KEPT: Final = frozenset({dossiers.RECORD, dossiers.CHARTER, dossiers.ORDER})


@dataclass(frozen=True, slots=True)
class Handing:
    """Who decided to hand something over, to whom, and why."""

    person: str
    addressee: str
    reason: str


@dataclass(frozen=True, slots=True)
class Packed:
    """A package that was written: its folder, and the SHA-256 of its list of hashes, which stands for all of it."""

    folder: Path
    digest: str


def package(
    case_dir: Path, incident: str, out: Path, handing: Handing, clock: Clock, *, config_file: Path | None = None
) -> Packed:
    """Write a package for a prosecutor: dossier, evidence and chain of custody; who decided it is noted.

    Raises:
        PolicyError: no person, addressee or reason, the incident is not our own, or its evidence cannot be enclosed.
        StoreError: something cannot be read or written.
    """
    if not all(each.strip() for each in (handing.person, handing.addressee, handing.reason)):
        raise PolicyError("a package is decided by a person, for somebody, for a reason; give --by, --to and --reason")
    membership = Membership.open(case_dir)
    with Case.open(case_dir, clock, create=False) as case:
        own = case.incident(incident)
    chain = _custody(membership, own, handing, clock)

    def drawn(material: Material, language: str) -> dict[str, bytes]:
        if material.proof is None:
            raise PolicyError(
                f"no evidence can be enclosed, and a package without it proves nothing: {material.unproven}"
            )
        shown = custody.sheet(chain, material)
        return {
            **dossiers.draw(material, language),
            f"custody-{language}.html": sheet.html(shown).encode("utf-8"),
            f"custody-{language}.md": sheet.markdown(shown).encode("utf-8"),
            "custody.json": (pretty(custody.document(chain)) + "\n").encode("utf-8"),
        }

    dossiers.make(case_dir, own.id, out, clock, config_file=config_file, drawn=drawn)
    digest = sha256((out / dossiers.SUMS).read_bytes()).hexdigest()
    with Case.open(case_dir, clock, create=False) as case:
        said = f"Prosecutor's package for {handing.addressee} (SHA-256 of {dossiers.SUMS}: {digest}): {handing.reason}"
        case.add_note(own.id, handing.person, said)
    return Packed(out, digest)


def fact_sheet(case_dir: Path, incident: str, out: Path, clock: Clock, *, language: str = "en") -> Packed:
    """Write a fact sheet, with the record that it speaks of and nothing from our own logs.

    Raises:
        PolicyError: the incident was never released or received.
        StoreError: something cannot be read or written.
    """

    def drawn(material: Material, language: str) -> dict[str, bytes]:
        shown = factsheet.make(material)
        return {
            f"factsheet-{language}.html": sheet.html(shown).encode("utf-8"),
            f"factsheet-{language}.md": sheet.markdown(shown).encode("utf-8"),
        }

    dossiers.make(case_dir, incident, out, clock, languages=(language,), drawn=drawn, kept=_KEPT)
    return Packed(out, sha256((out / dossiers.SUMS).read_bytes()).hexdigest())


def _custody(membership: Membership, own: Incident, handing: Handing, clock: Clock) -> Custody:
    case_dir, paths = membership.folder.case, own.lines.by_path
    with Case.open(case_dir, clock, create=False) as case:
        originals = tuple(
            Original(each.path, each.digest, each.size_bytes, each.lines)
            for each in case.inputs()
            if each.path in paths
        )
        changes = case.history(own.id)
    handled = tuple(Handled(each.at_us, each.who, f"{each.kind} ({each.status}): {each.text}") for each in changes)
    with rail.opened(case_dir, clock) as evidence:
        sealed = tuple(each for path in sorted(paths) for each in _batches(evidence.openings, path))
    about = lookup.incident_object_id(membership, own.id).encode("ascii")
    told = tuple(
        Told(
            each.at_us,
            each.release.receiver,
            each.release.released_by,
            each.release.legal_basis,
            each.release.sha256,
            each.received_us,
        )
        for each in Ledger(membership.folder.record).containing(about)
    )
    return Custody(originals, sealed, handled, told, handing.person, handing.addressee, handing.reason)


def _batches(openings: Openings, path: str) -> list[SealedBatch]:
    found = []
    for each in openings.batches_of(path):
        seal = openings.seal_covering(each.entry + 1)
        at_us = None if seal is None else Seal.parse(seal.data).at_us
        entry = None if seal is None else seal.entry
        found.append(SealedBatch(path, each.first_number, each.lines, each.entry, entry, at_us, each.erased))
    return found
