"""Announced tests: told as low while they last and come from where they should; never when they work."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.commands import told

from pollwatch.election.announced import parse_announced
from pollwatch.errors import ConfigError

TOML = """
[[announced]]
name = "yearly test"
addresses = ["192.0.2.200"]
start = 2026-11-03
end = 2026-11-03
"""
TABLE = {"name": "t", "addresses": ["192.0.2.200"], "start": "2026-11-03", "end": "2026-11-03"}


def _scan(folder: Path, day: int, status: int, ip: str = "192.0.2.200") -> str:
    (folder / "pollwatch.toml").write_text(TOML, "utf-8")
    lines = [
        f'{ip} - - [{day:02d}/Nov/2026:20:{at // 60:02d}:{at % 60:02d} +0000] "GET /x{at}?id=1%27%20UNION%20SELECT%20'
        f'name,{at}%20FROM%20voters-- HTTP/1.1" {status} {900 if at else 90_000} "-" "sqlmap/1.8"'
        for at in range(60)
    ]
    (folder / "access.log").write_text("\n".join(lines) + "\n", "utf-8")
    return told("scan", "access.log", "--json", cwd=folder).stdout


def test_an_announced_test_is_low_and_says_so(tmp_path: Path) -> None:
    """Sixty injections, all refused, from where and when they were announced."""
    said = _scan(tmp_path, 3, 403)
    assert '"severity": "low"' in said
    assert '"severity": "medium"' not in said
    assert "an announced test: yearly test" in said


@pytest.mark.parametrize(("day", "ip"), [(4, "192.0.2.200"), (3, "192.0.2.201")])
def test_another_day_or_address_is_none(tmp_path: Path, day: int, ip: str) -> None:
    """An attacker who knows of the test gains nothing by coming a day later, or from next door."""
    said = _scan(tmp_path, day, 403, ip)
    assert '"severity": "medium"' in said
    assert "announced test" not in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"addresses": []}, "addresses is missing"),
        ({"addresses": ["tester.example"]}, "no address"),
        ({"addresses": ["10.0.0.0/8"]}, "too wide"),
        ({"end": "2026-11-01"}, "before start"),
        ({"end": None}, "is missing"),
        ({"from": "x"}, "from is no setting"),
    ],
)
def test_what_would_excuse_strangers_is_refused(change: dict[str, object], said: str) -> None:
    """A test without an end, or from half the internet, would be a door."""
    table = {key: value for key, value in (TABLE | change).items() if value is not None}
    with pytest.raises(ConfigError, match=said):
        parse_announced([table])
