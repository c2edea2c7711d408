"""From a sealed incident to a bundle that a third party can check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pollwatch.clock import Clock, rfc3339
from pollwatch.errors import ProofError, StoreError
from pollwatch.events.lines import LineSet
from pollwatch.evidence import bundle as bundles
from pollwatch.evidence.bundle import Bundle, BundleKeys, OpenedEntry, OpenedIncident, OpenedSeal
from pollwatch.evidence.documents import OpenedDocuments
from pollwatch.evidence.keyhistory import KeyHistory
from pollwatch.evidence.keys import Verifier
from pollwatch.evidence.log import Log
from pollwatch.evidence.manifest import Batch
from pollwatch.evidence.openedlines import OpenedBatch
from pollwatch.evidence.references import References
from pollwatch.evidence.seal import Seal
from pollwatch.evidence.tlogproof import TlogProof
from pollwatch.i18n import _
from pollwatch.incidents.incident import Incident
from pollwatch.node.evidence import timestamping
from pollwatch.node.evidence.openings import KeptBatch, KeptIncident, KeptSeal
from pollwatch.node.evidence.sealing import CaseEvidence, FetchRaw

MAX_LINES = 2_000


@dataclass(frozen=True, slots=True)
class Extras:
    """What else goes into a bundle.

    Attributes:
        attachments: file name to bytes: a claim, its denial, STIX objects, each signed by its author.
        witnesses: keys of the witnesses that cosign the shared log.
        policy: the C2SP policy file that the issuer proposes.
        max_lines: of an incident with more lines, this many are shown, spread evenly; all are committed to.
        fields: of single lines, show only these fields and not the lines; none shows the lines.
    """

    attachments: Mapping[str, bytes] = field(default_factory=dict)
    witnesses: tuple[Verifier, ...] = ()
    policy: bytes | None = None
    max_lines: int = MAX_LINES
    fields: tuple[str, ...] = ()


def export(
    evidence: CaseEvidence,
    incident: Incident,
    out: Path,
    clock: Clock,
    fetch_raw: FetchRaw | None,
    extras: Extras | None = None,
) -> Bundle:
    """Write the bundle of an incident (:func:`build`) to a file.

    Raises:
        ProofError: an input is no longer as it was sealed, or the incident's lines were never sealed.
        StoreError: the file cannot be written.
    """
    bundle = build(evidence, incident, clock, fetch_raw, extras)
    write(evidence, bundle, out)
    return bundle


def build(
    evidence: CaseEvidence,
    incident: Incident,
    clock: Clock,
    fetch_raw: FetchRaw | None,
    extras: Extras | None = None,
) -> Bundle:
    """The bundle of an incident; it is sealed first where its present form was not sealed yet.

    Args:
        evidence: the case's.
        incident: as the case has it now.
        clock: for the time of export.
        fetch_raw: gives an input's raw records again; None leaves the lines out and proves the incident alone.
        extras: what else goes in.

    Raises:
        ProofError: an input is no longer as it was sealed, or the incident's lines were never sealed.
        StoreError: what opens it was erased, or the sealer has not sealed it yet.
    """
    given = extras or Extras()
    entry = evidence.seal_incident(incident)
    seal = covering_seal(evidence, entry, clock)
    kept = evidence.openings.incident(entry)
    if kept is None:
        raise StoreError(
            f"incident {incident.id}: what opens its entry {entry} was erased; it cannot be proven any more"
        )
    chosen = _spread(_provable(evidence, References.parse(kept.references)), given.max_lines) if fetch_raw else {}
    batches = tuple(_opened_batches(evidence, incident, chosen, fetch_raw)) if fetch_raw else ()
    cover = _cover(incident, evidence, seal)
    return replace(
        assemble(evidence, {entry, *chosen}, clock, cover, given),
        batches=batches,
        incident=_opened_incident(kept),
    )


def export_lines(
    evidence: CaseEvidence,
    lines: LineSet,
    out: Path,
    clock: Clock,
    fetch_raw: FetchRaw,
    extras: Extras | None = None,
) -> Bundle:
    """Write a bundle that shows single lines, or fields of them, and nothing about what they belong to.

    Args:
        evidence: the case's.
        lines: by input, as the case names it, and record number.
        out: the file to write.
        clock: for the time of export.
        fetch_raw: gives an input's raw records again.
        extras: what else goes in.

    Raises:
        ProofError: a line or a field of it was never sealed, its batch was erased, or the input is no longer as it was
            sealed.
        StoreError: it is not sealed yet, or the file cannot be written.
    """
    chosen: dict[int, list[int]] = {}
    kept: dict[int, KeptBatch] = {}
    for path, number in lines:
        batch = _batch_with(evidence, path, number)
        kept[batch.entry] = batch
        chosen.setdefault(batch.entry, []).append(number)
    if not chosen:
        raise ProofError("no line to show")
    given = extras or Extras()
    batches = tuple(
        _opened_batch(evidence, kept[entry], chosen[entry], fetch_raw, given.fields) for entry in sorted(chosen)
    )
    cover = _line_cover(evidence, covering_seal(evidence, max(chosen), clock), len(lines), given.fields)
    bundle = replace(assemble(evidence, chosen, clock, cover, given), batches=batches)
    write(evidence, bundle, out)
    return bundle


def _batch_with(evidence: CaseEvidence, path: str, number: int) -> KeptBatch:
    holding = [
        each
        for each in evidence.openings.batches_of(path)
        if each.first_number <= number < each.first_number + each.lines
    ]
    if not holding:
        raise ProofError(f"line {number} of {path} was never sealed; name the input as the case does")
    for each in holding:
        if not each.erased:
            return each
    raise ProofError(f"line {number} of {path}: what opens it was erased; it cannot be proven any more")


def assemble(
    evidence: CaseEvidence,
    entries: Iterable[int],
    clock: Clock,
    cover: str,
    extras: Extras,
    documents: tuple[OpenedDocuments, ...] = (),
) -> Bundle:
    """A bundle of some private entries and their seal, to which the caller adds what they commit to.

    Raises:
        StoreError: they are not sealed yet.
    """
    indexes = sorted(set(entries))
    seal = covering_seal(evidence, indexes[-1], clock)
    opened = _opened_seal(evidence, seal)
    return Bundle(
        created_us=clock.now_us(),
        cover=_mark(evidence) + cover,
        keys=BundleKeys(evidence.shared.verifiers, extras.witnesses),
        seal=opened,
        entries=tuple(_opened_entry(evidence, seal, index) for index in indexes),
        batches=(),
        incident=None,
        policy=extras.policy,
        attachments={**extras.attachments, **timestamping.attachments(evidence.shared, seal.entry)},
        documents=documents,
        history=_history(evidence.shared, opened.place.signed.checkpoint.size),
    )


def _mark(evidence: CaseEvidence) -> str:
    """What stands above every cover sheet of an exercise."""
    return _("EXERCISE: nothing in it is real") + "\n\n" if evidence.shared.verifier.exercise else ""


def _history(shared: Log, seal_size: int) -> KeyHistory | None:
    """What a reader needs who knows another key than the present one."""
    if len(shared.chain.links) < 2:
        return None
    return KeyHistory.of(shared.chain, shared.signed, shared.reader(), seal_size)


def write(evidence: CaseEvidence, bundle: Bundle, out: Path) -> None:
    """Write a bundle, signed by the shared log's key.

    Raises:
        StoreError: the disk says no.
    """
    try:
        bundles.write_bundle(out, bundle, evidence.shared_signer)
    except OSError as error:
        raise StoreError(f"{out} cannot be written: {error.strerror}") from error


def covering_seal(evidence: CaseEvidence, entry: int, clock: Clock) -> KeptSeal:
    """The earliest seal over a private entry; made now where there is none and no sealer is configured.

    Raises:
        StoreError: the sealer has not sealed it yet.
    """
    _ = evidence.shared  # opening it settles the seals of a process that was stopped
    found = evidence.openings.seal_covering(entry + 1)
    if found is None and evidence.interval is None:
        evidence.publish_seal()
        found = evidence.openings.seal_covering(entry + 1)
    if found is None:
        now_us = clock.now_us()
        every_s = evidence.interval.every_s if evidence.interval else 0
        next_us = evidence.interval.begin_us(evidence.interval.slot(now_us) + 1) if evidence.interval else now_us
        raise StoreError(
            f"entry {entry} is recorded but not sealed yet; the sealer (every {every_s} s) does so at "
            f"{rfc3339(next_us)}: try again then. A seal out of turn would tell others when you looked"
        )
    return found


def _provable(evidence: CaseEvidence, references: References) -> References:
    """The lines that can still be proven: without those whose batch was erased."""
    kept = evidence.openings.batches_between(0, evidence.private.size)
    erased = {batch.entry for batch in kept if batch.erased}
    return References(tuple(batch for batch in references.batches if batch.entry not in erased))


def _spread(references: References, limit: int) -> dict[int, list[int]]:
    """Record numbers by batch entry: all, or so many that they spread evenly, the first and the last among them."""
    total = references.lines
    shown = min(total, limit)
    places = iter([place * (total - 1) // max(1, shown - 1) for place in range(shown)])
    chosen: dict[int, list[int]] = {}
    place = next(places, None)
    passed = 0
    for batch in references.batches:
        for first, last in batch.ranges:
            while place is not None and place <= passed + last - first:
                chosen.setdefault(batch.entry, []).append(first + place - passed)
                place = next(places, None)
            passed += last - first + 1
    return chosen


def _opened_batches(
    evidence: CaseEvidence, incident: Incident, chosen: Mapping[int, Sequence[int]], fetch_raw: FetchRaw
) -> Iterator[OpenedBatch]:
    kept = {batch.entry: batch for path in incident.lines.by_path for batch in evidence.openings.batches_of(path)}
    for entry in sorted(chosen):
        if entry not in kept:
            raise ProofError(f"the seed of batch {entry} was erased; its lines cannot be proven any more")
        yield _opened_batch(evidence, kept[entry], chosen[entry], fetch_raw)


def _opened_batch(
    evidence: CaseEvidence, kept: KeptBatch, numbers: Sequence[int], fetch_raw: FetchRaw, fields: Sequence[str] = ()
) -> OpenedBatch:
    raw = fetch_raw(kept.path, kept.first_number, kept.lines)
    if len(raw) != kept.lines:
        raise ProofError(f"{kept.path}: {len(raw)} records where {kept.lines} were sealed; give the original file")
    sealed = evidence.salted_lines(kept, raw)
    if sealed.tree.root() != Batch.parse(evidence.private.entry(kept.entry)).root:
        last = kept.first_number + kept.lines - 1
        raise ProofError(f"{kept.path}: records {kept.first_number} to {last} are no longer what was sealed")
    try:
        return sealed.open(kept.entry, kept.first_number, numbers, fields)
    except ProofError as error:
        raise ProofError(f"line {numbers[0]} of {kept.path}: {error}") from error


def _opened_entry(evidence: CaseEvidence, seal: KeptSeal, index: int) -> OpenedEntry:
    proof = evidence.private.inclusion(index, seal.opening.checkpoint.size)
    return OpenedEntry(index, evidence.private.entry(index), proof)


def _opened_incident(kept: KeptIncident) -> OpenedIncident:
    return OpenedIncident(kept.entry, kept.content, kept.content_salt, kept.references, kept.references_salt)


def _opened_seal(evidence: CaseEvidence, seal: KeptSeal) -> OpenedSeal:
    """The seal in the checkpoint that most witnesses cosigned, or else in the present one."""
    signed = evidence.shared.cosigned(seal.entry + 1) or evidence.shared.signed
    proof = evidence.shared.inclusion(seal.entry, signed.checkpoint.size)
    return OpenedSeal(seal.data, seal.opening, TlogProof(seal.entry, proof, signed))


def _cover(incident: Incident, evidence: CaseEvidence, seal: KeptSeal) -> str:
    """The cover sheet. Names nothing that an attacker wrote."""
    text = _(
        "EVIDENCE BUNDLE\n"
        "\n"
        "Incident {incident}, severity {severity}, {lines} log lines, from {first} to {last}.\n"
        "Sealed {sealed} in log {log}\n"
        "(key fingerprint {fingerprint}).\n"
        "\n"
        "What this file proves, to anybody, without trusting its sender:\n"
        "- the log lines in lines/ are byte for byte those that were recorded and sealed;\n"
        "- the incident in incident/ was described in these words when it was sealed;\n"
        "- it existed no later than the times that independent witnesses state in seal/shared.tlog-proof.\n"
        "\n"
        "What it does not prove: that what the lines say is true, or that nothing was left out.\n"
        "\n"
        "How to check it (no network is needed):\n"
        "  pollwatch verify THIS-FILE --policy YOUR-POLICY\n"
        "or, with the audited part alone:\n"
        "  python -m pollwatch.evidence.verify THIS-FILE --policy YOUR-POLICY\n"
        "The policy names the logs and witnesses that you know. Get their keys from their owners, not from this file.\n"
        "Log lines are raw bytes that an attacker may have written: do not open them with tools that interpret them.\n"
        "They may hold personal data: keep and pass on this file accordingly.\n"
    )
    return text.format(
        incident=incident.id,
        severity=incident.severity.word,
        lines=len(incident.lines),
        first=rfc3339(incident.first_us) or "?",
        last=rfc3339(incident.last_us) or "?",
        sealed=rfc3339(Seal.parse(seal.data).at_us),
        log=evidence.shared.origin,
        fingerprint=evidence.shared.verifier.fingerprint,
    )


def _line_cover(evidence: CaseEvidence, seal: KeptSeal, lines: int, fields: Sequence[str]) -> str:
    """The cover sheet of single lines, or of fields of them."""
    text = _(
        "EVIDENCE BUNDLE\n"
        "\n"
        "{shown} Sealed {sealed} in log {log}\n"
        "(key fingerprint {fingerprint}).\n"
        "\n"
        "It proves, to anybody, without trusting its sender, that what is shown in lines/ is byte for byte\n"
        "what was recorded and sealed, no later than the times that independent witnesses state in\n"
        "seal/shared.tlog-proof.\n"
        "It does not prove that what it says is true, or that nothing was left out. Nothing else is shown.\n"
        "\n"
        "How to check it (no network is needed):\n"
        "  pollwatch verify THIS-FILE --policy YOUR-POLICY\n"
        "Log lines are raw bytes that an attacker may have written: do not open them with tools that interpret them.\n"
        "They may hold personal data: keep and pass on this file accordingly.\n"
    )
    if fields:
        shown = _("Log lines of which only fields ({fields}) are shown: {lines}.")
    else:
        shown = _("Log lines shown: {lines}.")
    return text.format(
        shown=shown.format(lines=lines, fields=", ".join(fields)),
        sealed=rfc3339(Seal.parse(seal.data).at_us),
        log=evidence.shared.origin,
        fingerprint=evidence.shared.verifier.fingerprint,
    )
