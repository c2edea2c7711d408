"""The list of the standard's requirements and the tests that show them belong together."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
LIST = HERE.parents[2] / "docs" / "reference" / "taxii-conformance.md"


def test_every_requirement_has_its_test() -> None:
    """Each test that the list of MUSTs names exists, each test of this suite is named there, and no row has none."""
    named = set(re.findall(r"`(test_\w+)`", LIST.read_text(encoding="utf-8")))
    written = {
        name
        for module in HERE.glob("test_*.py")
        if module != Path(__file__)
        for name in re.findall(r"^def (test_\w+)", module.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert named == written
    rows = [line for line in LIST.read_text(encoding="utf-8").splitlines() if re.match(r"\| (\d|B)", line)]
    assert len(rows) > 50
    assert all("test_" in row or "TLS" in row for row in rows)
