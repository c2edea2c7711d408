"""Lines are read in large blocks and sealed in small batches, each with its own times and its own fields."""

from pathlib import Path

import pytest

from evidence_scenes import CLOCK
from pollwatch.node.case import casework
from pollwatch.node.case.scanning import Request, run
from pollwatch.node.evidence import linevalues
from pollwatch.node.evidence.sealing import CaseEvidence


def test_batches_are_small_however_large_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five lines read as one block are sealed as two, two and one: to erase one line takes no more along."""
    monkeypatch.setattr(casework, "SEALED_RECORDS", 2)
    line = '198.51.100.{n} - - [03/Nov/2026:21:04:1{n} +0000] "GET / HTTP/1.1" 200 9 "-" "curl/8"\n'
    log = tmp_path / "access.log"
    log.write_text("".join(line.format(n=n) for n in range(5)))
    run(Request((str(log),), case_dir=tmp_path / "case"), CLOCK)
    with CaseEvidence.open(tmp_path / "case", CLOCK) as evidence:
        batches = evidence.openings.batches_between(0, evidence.private.size)
        assert [(batch.first_number, batch.lines) for batch in batches] == [(1, 2), (3, 2), (5, 1)]
        fields = [linevalues.unpack(evidence.openings.fields_of(batch.entry)) for batch in batches]
        assert [values["ip"] for values in fields] == [
            [b"198.51.100.0", b"198.51.100.1"],
            [b"198.51.100.2", b"198.51.100.3"],
            [b"198.51.100.4"],
        ]
        assert fields[1]["time"][0] == b"2026-11-03T21:04:12Z"
