from __future__ import annotations

import numba.core.caching
import pytest

from pollwatch.kernels.compiled import compiled


def test_a_kernel_runs_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service whose files and home are read-only has no place for machine code, and compiles at each start."""
    monkeypatch.setattr(numba.core.caching.CompileResultCacheImpl, "_locator_classes", [])
    double = compiled(_double)
    assert double(21) == 42
    assert not double.stats.cache_path  # type: ignore[attr-defined]


def _double(number: int) -> int:
    return 2 * number
