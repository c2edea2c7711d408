"""A watch loads what is compiled before it says that it is ready."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pollwatch.clock import SystemClock
from pollwatch.detect import windows
from pollwatch.detect.engine import Engine
from pollwatch.detect.work import WORK
from pollwatch.kernels.compiled import ready
from pollwatch.node.watch import warming

RULES = """title: failed
name: failed
id: 00000000-0000-4000-8000-0000000000c1
logsource: {product: linux, service: auth}
detection: {sel: {action: failure}, condition: sel}
level: low
---
title: guessed
id: 00000000-0000-4000-8000-0000000000c2
correlation: {type: event_count, rules: [failed], group-by: [src_ip], timespan: 10m, condition: {gte: 5}}
"""


def test_the_loops_are_there_before_the_first_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Correlations run as machine code from the first event on, and whoever waits long is told why."""
    monkeypatch.setattr(WORK, "nodes", 0)
    monkeypatch.setattr(warming, "_SLOW_S", 0.0)
    (tmp_path / "rules.yml").write_text(RULES, "utf-8")
    said: list[str] = []
    warming.warm(Engine.load([tmp_path], shipped=False), SystemClock(), lambda _level, sentence: said.append(sentence))
    assert WORK.loops() is windows.fast()
    assert ready()
    assert "pollwatch.kernels.accesslines" in sys.modules
    assert len(said) == 1
