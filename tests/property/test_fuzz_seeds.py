"""Every area of ``fuzz/`` begins: its seeds are made, and its reader reads them. `make fuzz` goes on from there."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from pollwatch.errors import PollwatchError

FUZZ = Path(__file__).parents[2] / "fuzz"
#: What only runs the others.
_TOOLS = {"again", "made", "one", "run"}
AREAS = sorted(path.stem for path in FUZZ.glob("*.py") if path.stem not in _TOOLS)


@pytest.fixture(autouse=True)
def _on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``fuzz/one.py`` finds them."""
    monkeypatch.syspath_prepend(str(FUZZ))


@pytest.mark.parametrize("area", AREAS)
def test_an_area_begins_with_what_its_reader_takes(area: str, tmp_path: Path) -> None:
    """Seeds that are refused lead nowhere: each area has some that its reader takes, and `make fuzz` runs it."""
    target = importlib.import_module(area)
    seeds = target.seeds(tmp_path / "made")
    taken = 0
    for seed in seeds:
        try:
            target.read(seed)
        except PollwatchError:
            continue
        taken += 1
    assert 2 * taken >= len(seeds) > 0
    assert area in importlib.import_module("run").AREAS
