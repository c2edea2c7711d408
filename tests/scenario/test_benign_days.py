"""Days on which nothing bad happens end without a high incident, and without a medium one either."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.benign_days import DAYS
from tests.commands import told

ANNOUNCED = """
[[announced]]
name = "yearly test"
addresses = ["192.0.2.200"]
start = 2026-10-05
end = 2026-10-05
"""


@pytest.mark.parametrize("day", DAYS)
def test_nothing_bad_happened(day: str, tmp_path: Path) -> None:
    """No false alarm: a deadline, a crowd, a robot, an office, a scan that was announced."""
    (tmp_path / "pollwatch.toml").write_text(ANNOUNCED, "utf-8")
    for name, lines in DAYS[day]().items():
        (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
    done = told("scan", *sorted(path.name for path in tmp_path.glob("*.log")), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    incidents = json.loads(done.stdout)["incidents"]
    said = [(each["severity"], each["title"], each["why"]) for each in incidents]
    assert [each for each in said if each[0] in ("medium", "high", "critical")] == []
    assert len(said) <= 5
