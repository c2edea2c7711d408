"""That nothing was left out between two points can be shown without showing a line; a lie about it cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evidence_scenes import LINES
from pollwatch.clock import ManualClock
from pollwatch.errors import EvidenceError, ProofError
from pollwatch.evidence import verify
from pollwatch.evidence.bundle import read_bundle
from pollwatch.evidence.sequence import Place, Span
from pollwatch.evidence.sequenced import OpenedSequence
from pollwatch.node.evidence import rhythm, sequencing
from pollwatch.node.evidence.sealing import CaseEvidence

CLOCK = ManualClock(1_793_736_000_000_000)


def a_case(folder: Path) -> CaseEvidence:
    """Three inputs; one of them has a hole, and one comes in two stretches."""
    evidence = CaseEvidence.open(folder, CLOCK)
    evidence.seal_batch("whole", 1, LINES[:20])
    evidence.seal_batch("gappy", 1, LINES[:10])
    rhythm.append_sequence(evidence)
    evidence.seal_batch("whole", 21, LINES[20:40])
    evidence.seal_batch("whole", 41, LINES[40:])
    evidence.seal_batch("gappy", 15, LINES[15:20])
    evidence.seal_batch("gappy", 31, LINES[30:40])
    return evidence


def test_what_was_sealed_without_a_gap_is_shown(tmp_path: Path) -> None:
    """The records of each stretch are named, a hole is named too, and no line or other input is in the file."""
    with a_case(tmp_path / "case") as evidence:
        for path in ("whole", "gappy"):
            bundle = sequencing.export(evidence, path, tmp_path / path, CLOCK)
            assert read_bundle((tmp_path / path).read_bytes()) == bundle
        with pytest.raises(ProofError, match="no sealed input"):
            sequencing.export(evidence, "other", tmp_path / "x", CLOCK)
    told = {path: [each.text for each in verify.verify_file(tmp_path / path).statements] for path in ("whole", "gappy")}
    assert any("records 1 to 20 were all" in each for each in told["whole"])
    assert any("records 21 to 60 were all" in each for each in told["whole"])
    assert any("records 15-19, 31-40" in each for each in told["gappy"])
    shown = (tmp_path / "whole").read_bytes()
    assert b"192.0.2.7" not in shown
    assert b"gappy" not in shown


def test_the_owner_cannot_hide_a_batch(tmp_path: Path) -> None:
    """Attack: the owner re-signs the file without a batch, with one of another input, or with other numbers."""
    with a_case(tmp_path / "case") as evidence:
        bundle = sequencing.export(evidence, "whole", tmp_path / "b", CLOCK)
        _first, second = bundle.sequences
        batches = second.span.batches
        lies: list[OpenedSequence] = [
            replace(second, span=Span("whole", batches[:1]), source_salts=second.source_salts[:1]),
            replace(second, span=Span("whole", (batches[0], Place(batches[1].entry, 41, 99)))),
            replace(second, span=Span("else", batches)),
            replace(second, source_salts=second.source_salts[::-1]),
            replace(second, source_salts=second.source_salts[:1]),
            replace(second, place=second.place - 1),
            replace(second, salt=bytes(16)),
            replace(second, entry=batches[0].entry),
            replace(second, proof=()),
        ]
        for lie in lies:
            data = replace(bundle, sequences=(bundle.sequences[0], lie)).to_bytes(evidence.shared_signer)
            with pytest.raises(EvidenceError):
                verify.verify_bytes(data)
        fewer = tuple(each for each in bundle.entries if each.index != batches[0].entry)
        with pytest.raises(ProofError, match="missing"):
            verify.verify_bytes(replace(bundle, entries=fewer).to_bytes(evidence.shared_signer))
        evidence.openings.erase([batches[0].entry], [])
        with pytest.raises(ProofError, match="erased"):
            sequencing.export(evidence, "whole", tmp_path / "b", CLOCK)
