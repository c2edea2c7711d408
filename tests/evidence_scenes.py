"""A small case, its incident and its bundle, for tests of evidence: three batches, two witnesses, a hostile line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pollwatch.clock import ManualClock
from pollwatch.events.detection import Actors, Severity
from pollwatch.events.lines import LineSet
from pollwatch.evidence import checkpoint
from pollwatch.evidence.bundle import Bundle
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.policy import Policy
from pollwatch.incidents.incident import ElectionContext, Incident
from pollwatch.node.evidence import bundling
from pollwatch.node.evidence.bundling import Extras
from pollwatch.node.evidence.sealing import CaseEvidence

CLOCK = ManualClock(1_793_736_000_000_000)
COSIGNED_S = 1_793_740_000
HOSTILE = b"<img src=x onerror=window.pwned=1><script>window.pwned=1</script>\x1b[2J\xff\xe2\x80\xae"
LINES = [
    HOSTILE if number == 3 else f"192.0.2.7 - - [03/Nov/2026:20:00:{number:02d} +0000] GET /{number}".encode()
    for number in range(60)
]
FIELDS = {
    "ip": [None if number == 3 else f"192.0.2.{number}".encode() for number in range(60)],
    "user": [f"user{number}".encode() if number % 3 else None for number in range(60)],
    "note": [HOSTILE if number == 4 else b"" for number in range(60)],
}
WITNESS = Signer("b.example/witness", KeyType.COSIGNATURE, bytes(range(1, 33)))
QUANTUM = Signer("c.example/witness", KeyType.MLDSA44, bytes(range(2, 34)))
INCIDENT_LINES = [3, 4, 5, 30, 31, 33, 40]


def an_incident(numbers: range | list[int], path: str = "access.log") -> Incident:
    """An incident of these lines."""
    return Incident(
        id="inc-1",
        title="Password guessing",
        severity=Severity.HIGH,
        status="open",
        summary="Somebody guessed <b>boldly</b>.",
        why=("40 failures",),
        phases=(),
        techniques=("T1110.001",),
        tactics=("credential-access",),
        tools=(),
        actors=Actors(ip=("192.0.2.7",)),
        targets=("portal",),
        first_us=1_793_736_000_000_000,
        last_us=None,
        lines=LineSet.of(path, numbers),
        samples=(),
        rules=(),
        advice=(),
        election=ElectionContext("", "", 3),
    )


def fetch(_path: str, first: int, count: int) -> list[bytes]:
    """The originals again."""
    return LINES[first - 1 : first - 1 + count]


def a_case(folder: Path) -> CaseEvidence:
    """A case with three sealed batches of 20 lines, each with its fields."""
    evidence = CaseEvidence.open(folder, CLOCK)
    for first in (1, 21, 41):
        fields = {name: values[first - 1 : first + 19] for name, values in FIELDS.items()}
        evidence.seal_batch("access.log", first, fetch("", first, 20), fields=fields)
    return evidence


def cosign(evidence: CaseEvidence, *cosigners: Signer) -> None:
    """Let witnesses (default: the one) cosign the shared log's present checkpoint."""
    at = evidence.shared.signed.checkpoint
    evidence.shared.add_cosignatures([checkpoint.sign(at, each, COSIGNED_S) for each in cosigners or (WITNESS,)])


def policy_of(evidence: CaseEvidence, quorum: str = "b") -> bytes:
    """A reader's policy: this log, one witness."""
    return Policy((evidence.shared.verifier,), {"b": WITNESS.verifier}, {}, quorum).to_bytes()


@dataclass(frozen=True, slots=True)
class Exported:
    """A bundle, and what belongs to it: the reader's policy, and the log's key in the hands of a lying owner."""

    path: Path
    policy: bytes
    bundle: Bundle
    signer: Signer


def exported(folder: Path, *cosigners: Signer, fields: Sequence[str] = (), **extras: object) -> Exported:
    """A bundle of seven lines of two batches: of the incident, or, with ``fields``, of those lines' fields alone."""
    out = folder / "bundle.zip"
    with a_case(folder / "case") as evidence:
        incident = an_incident(INCIDENT_LINES)
        evidence.seal_incident(incident)
        seen = Checkpoint("rival.example/shared", 5, bytes(32))
        evidence.publish_seal([checkpoint.signed(seen, [Signer.generate(seen.origin)])])
        cosign(evidence, *cosigners)
        given = Extras(fields=tuple(fields), **extras)  # type: ignore[arg-type]
        if fields:
            bundle = bundling.export_lines(evidence, incident.lines, out, CLOCK, fetch, given)
        else:
            bundle = bundling.export(evidence, incident, out, CLOCK, fetch, given)
        policy = policy_of(evidence)
    return Exported(out, policy, bundle, Signer.load(folder / "case" / "evidence" / "keys" / "shared.key"))
