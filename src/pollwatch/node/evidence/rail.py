"""The case's evidence, opened for a moment: the joint watch's verbs wait for one another instead of failing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pollwatch import durable
from pollwatch.clock import Clock
from pollwatch.evidence import merkle
from pollwatch.evidence.posted import Posted
from pollwatch.node.charter.jointfolder import JointFolder
from pollwatch.node.evidence.sealing import CaseEvidence, last_index
from pollwatch.sharing.decisions import Decisions
from pollwatch.stix.leaf import Leaf
from pollwatch.store import disk

#: A longer document is posted by its digest: an entry holds 65,535 bytes, and JSON in JSON doubles its quotes.
_MAX_INLINE: Final = 24_000


@contextmanager
def opened(case_dir: Path, clock: Clock, handle: str = "watch") -> Iterator[CaseEvidence]:
    """The evidence of a case; waits for another verb of the joint watch that has it open.

    Raises:
        StoreError: a scan has it open, or the disk says no.
        EvidenceError: it does not check out.
    """
    durable.make_folder(case_dir / "joint", mode=0o700)
    with disk.locked(case_dir / "joint" / "lock"), CaseEvidence.open(case_dir, clock, handle) as evidence:
        seal_decisions(case_dir, evidence)
        yield evidence


def seal_decisions(case_dir: Path, evidence: CaseEvidence) -> None:
    """Commit to what was decided while a scan held the log."""
    path = JointFolder(case_dir).record
    if not path.exists():
        return
    decisions = Decisions(path)
    for each in decisions.unsealed():
        manifest = each.entry.to_bytes()
        index = last_index(evidence.private, manifest)  # of a process that was cut short after appending
        decisions.sealed(each.number, evidence.append_private(each.entry) if index is None else index)


def post(evidence: CaseEvidence, kind: str, subject: str, data: bytes) -> int:
    """Post a document in the shared log, in clear where it fits; gives its index."""
    return evidence.post(Posted.of(kind, subject, data, inline=len(data) <= _MAX_INLINE))


def post_digest(evidence: CaseEvidence, kind: str, subject: str, data: bytes) -> int:
    """Post a document in the shared log by its digest alone; gives its index. Its salt keeps guesses from fitting."""
    return evidence.post(Posted.of(kind, subject, data, inline=False))


def incident_leaf(evidence: CaseEvidence, incident_id: str) -> Leaf | None:
    """The private log's commitment to an incident; None where it was never sealed."""
    index = evidence.latest_entry(incident_id)
    if index is None:
        return None
    leaf = merkle.leaf_hash(evidence.private.entry(index))
    return Leaf(evidence.private.origin, index, leaf.hex())
