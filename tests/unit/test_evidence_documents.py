"""Own documents sealed before a leak: what can be shown of a leaked file afterwards, and what cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.clock import ManualClock
from pollwatch.errors import EvidenceError, ProofError, SourceError
from pollwatch.evidence import container, merkle, verify
from pollwatch.evidence.bundle import Bundle
from pollwatch.evidence.documents import Digest, OpenedDocument, OpenedDocuments
from pollwatch.node.evidence import documenting
from pollwatch.node.evidence.sealing import CaseEvidence

CLOCK = ManualClock(1_793_736_000_000_000)


def a_case(folder: Path) -> CaseEvidence:
    """A case with six sealed documents in two entries."""
    papers = folder / "papers"
    (papers / "deep").mkdir(parents=True)
    for number in range(5):
        (papers / "deep" / f"memo-{number}.txt").write_text(f"memo {number}")
    (folder / "single.txt").write_text("single")
    evidence = CaseEvidence.open(folder / "case", CLOCK)
    assert documenting.seal_documents(evidence, [papers, papers / "deep"]) == (0, 5)
    assert documenting.seal_documents(evidence, [folder / "single.txt"]) == (1, 1)
    evidence.publish_seal()
    return evidence


def test_a_leaked_document_is_shown_to_be_ones_own(tmp_path: Path) -> None:
    """The digest of the leaked file is in the sealed tree; names, contents and the other documents stay closed."""
    out = tmp_path / "b.zip"
    with a_case(tmp_path) as evidence:
        documenting.prove(evidence, tmp_path / "papers" / "deep" / "memo-3.txt", out, CLOCK)
        private = b"".join(p.read_bytes() for p in (evidence.private.public).rglob("*") if p.is_file())
    report = verify.verify_file(out)
    digest = documenting.digest_of(tmp_path / "papers" / "deep" / "memo-3.txt").sha256.hex()
    assert any(digest in each.text for each in report.statements if each.weight == "proven")
    assert any("forged" in each.text for each in report.statements if each.weight == "not-proven")
    shown = b"".join(container.unpack(out.read_bytes()).values())
    for number in (0, 1, 2, 4):
        other = documenting.digest_of(tmp_path / "papers" / "deep" / f"memo-{number}.txt").sha256.hex().encode()
        assert other not in shown
        assert other not in private
    assert b"memo" not in shown + private


def test_a_forged_document_is_disowned(tmp_path: Path) -> None:
    """Attack: a real memo, altered in one byte, is leaked among real ones. The digests of all are shown."""
    forged, out = tmp_path / "forged.txt", tmp_path / "b.zip"
    forged.write_text("memo 3!")
    with a_case(tmp_path) as evidence:
        with pytest.raises(ProofError, match="none of the sealed"):
            documenting.prove(evidence, forged, out, CLOCK)
        documenting.disown(evidence, forged, out, CLOCK)
        with pytest.raises(ProofError, match="cannot be disowned"):
            documenting.disown(evidence, tmp_path / "single.txt", out, CLOCK)
    report = verify.verify_file(out)
    said = [each.text for each in report.statements if each.weight == "proven" and "is none of" in each.text]
    assert len(said) == 2
    assert b"memo-" not in b"".join(container.unpack(out.read_bytes()).values())


def test_the_owner_cannot_lie_about_documents(tmp_path: Path) -> None:
    """Attack: the owner re-signs a bundle to disown its own file, by hiding it, or claims one that it never sealed."""
    forged = tmp_path / "forged.txt"
    forged.write_text("forged")
    with a_case(tmp_path) as evidence:
        bundle = documenting.disown(evidence, forged, tmp_path / "b.zip", CLOCK)
        first = bundle.documents[0]
        real = first.shown[2].digest
        fake = replace(first.shown[2], digest=documenting.digest_of(forged))
        lies: list[OpenedDocuments] = [
            replace(first, disowned=real),
            replace(first, shown=first.shown[:4]),
            replace(first, shown=(), proof=()),
            replace(first, shown=(*first.shown[:2], fake, *first.shown[3:]), disowned=real),
            replace(first, shown=first.shown[::-1]),
            replace(first, entry=7),
            replace(first, shown=first.shown[:4], disowned=None),
            replace(first, shown=(*first.shown, OpenedDocument(5, bytes(16), real)), disowned=None),
        ]
        # The proof for four of five is a right one, and still no basis for disowning.
        kept = next(documenting._all(evidence))[1]  # noqa: SLF001 - the owner has it all
        subset = merkle.prove_subset(range(4), 5, kept.tree().subtree)
        lies.append(replace(first, shown=first.shown[:4], proof=subset))
        for lie in lies:
            data = _resigned(evidence, replace(bundle, documents=(lie, *bundle.documents[1:])))
            with pytest.raises(EvidenceError):
                verify.verify_bytes(data)
        assert verify.verify_bytes(_resigned(evidence, bundle)).grade == "asserted"
        with pytest.raises(ProofError, match="twice"):
            replace(bundle, documents=(first, first)).members()


def test_nothing_to_seal_is_said(tmp_path: Path) -> None:
    """An empty folder seals nothing, a missing file is named, and without documents there is nothing to disown."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "f").write_text("x")
    with CaseEvidence.open(tmp_path / "case", CLOCK) as evidence:
        with pytest.raises(SourceError, match="no file"):
            documenting.seal_documents(evidence, [tmp_path / "empty"])
        with pytest.raises(SourceError, match="gone"):
            documenting.seal_documents(evidence, [tmp_path / "gone"])
        with pytest.raises(ProofError, match="ever sealed"):
            documenting.disown(evidence, tmp_path / "f", tmp_path / "b.zip", CLOCK)
        assert evidence.private.size == 0


DIGESTS = st.builds(Digest, st.binary(min_size=32, max_size=32), st.integers(0, 2**53 - 1))


@given(
    st.builds(
        OpenedDocuments,
        st.integers(0, 2**40),
        st.lists(
            st.builds(OpenedDocument, st.integers(0, 99), st.binary(min_size=16, max_size=16), DIGESTS), max_size=3
        ).map(tuple),
        st.lists(st.binary(min_size=32, max_size=32), max_size=3).map(tuple),
        st.none() | DIGESTS,
    ),
    st.data(),
)
def test_opened_documents_have_one_spelling(opened: OpenedDocuments, data: st.DataObject) -> None:
    """What is written reads back the same; a changed byte is refused or means something else."""
    written = opened.to_bytes()
    assert OpenedDocuments.parse(written) == opened
    place = data.draw(st.integers(0, len(written) - 1))
    changed = written[:place] + bytes([written[place] ^ data.draw(st.integers(1, 255))]) + written[place + 1 :]
    try:
        assert OpenedDocuments.parse(changed).to_bytes() == changed
    except ProofError:
        return


def _resigned(evidence: CaseEvidence, bundle: Bundle) -> bytes:
    return bundle.to_bytes(evidence.shared_signer)
