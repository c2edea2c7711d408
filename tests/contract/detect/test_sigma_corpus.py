"""SigmaHQ's own rules load, or are listed with their reason: each tenth of them here, all with POLLWATCH_CORPUS=all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pollwatch.detect.sigma.understand import understood

RULES = Path(__file__).resolve().parents[4] / "shared" / "data" / "sigma-rules"
#: Of a hundred rules so many may be refused.
MOST_REFUSED = 0.01


@pytest.mark.skipif(not RULES.is_dir(), reason="needs ../shared")
def test_the_rules_of_sigmahq_load() -> None:
    """At most one rule in a hundred is refused, and each that is says why."""
    files = sorted(RULES.rglob("*.yml"))
    assert len(files) > 3_000
    chosen = files if os.environ.get("POLLWATCH_CORPUS") == "all" else files[::10]
    loaded, refused = 0, []
    for path in chosen:
        found = understood(path.read_bytes(), path.name, str(path))
        loaded += len(found.rules) + len(found.correlations)
        refused += [f"{path}: {each.reason}" for each in found.refused]
        assert found.rules or found.correlations or found.filters or found.refused, path
    assert len(refused) <= MOST_REFUSED * loaded, "\n".join(refused)
    assert all(each.rpartition(": ")[2] for each in refused)
