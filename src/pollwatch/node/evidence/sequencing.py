"""A bundle that shows that an input's batches leave nothing out between two points, without showing a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pollwatch.clock import Clock
from pollwatch.errors import ProofError
from pollwatch.evidence import salted
from pollwatch.evidence.bundle import Bundle
from pollwatch.evidence.manifest import Sequence
from pollwatch.evidence.sequenced import OpenedSequence
from pollwatch.i18n import _
from pollwatch.node.evidence import bundling, rhythm
from pollwatch.node.evidence.bundling import Extras
from pollwatch.node.evidence.sealing import CaseEvidence


def export(evidence: CaseEvidence, path: str, out: Path, clock: Clock) -> Bundle:
    """Write the bundle of an input: every sequence entry that speaks of it, and its batch entries.

    Raises:
        ProofError: no sequence entry speaks of it, or a batch of it was erased.
        StoreError: it is not sealed yet, or the file cannot be written.
    """
    rhythm.append_sequence(evidence)
    opened = tuple(_opened(evidence, path))
    if not opened:
        raise ProofError(f"{path} is no sealed input of this case; name it as the case does")
    entries = {each.entry for each in opened} | {place.entry for each in opened for place in each.span.batches}
    cover = _(
        "EVIDENCE BUNDLE\n"
        "\n"
        "It shows which records of one input were sealed, batch by batch, and that none between them was left out.\n"
        "It shows no record. It does not prove that what they say is true, or that no other input was left out.\n"
        "\n"
        "How to check it (no network is needed):\n"
        "  pollwatch verify THIS-FILE --policy YOUR-POLICY\n"
    )
    bundle = replace(bundling.assemble(evidence, entries, clock, cover, Extras()), sequences=opened)
    bundling.write(evidence, bundle, out)
    return bundle


def _opened(evidence: CaseEvidence, path: str) -> Iterator[OpenedSequence]:
    seeds = {each.entry: each.seed for each in evidence.openings.batches_of(path)}
    for kept in evidence.openings.kept_entries(Sequence.KIND):
        sequence = rhythm.KeptSequence.parse(kept.opening)
        for place, span in enumerate(sequence.spans):
            if span.path != path:
                continue
            erased = [each.entry for each in span.batches if not seeds.get(each.entry)]
            if erased:
                raise ProofError(f"{path}: what opens batch {erased[0]} was erased; it cannot be shown any more")
            yield OpenedSequence(
                kept.entry,
                place,
                salted.salts(sequence.seed, 1, place)[0],
                span,
                tuple(salted.source_salt(seeds[each.entry]) for each in span.batches),
                sequence.tree().inclusion(place),
            )
