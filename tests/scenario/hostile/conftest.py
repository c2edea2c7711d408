"""The hostile member's stage: enrolled once, copied for each attack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile_scenes import NOW_US, Watch, enrol_three, watching
from pollwatch.clock import ManualClock
from pollwatch.node import processes


@pytest.fixture(scope="session")
def enrolled_three(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[int, ...]]:
    """A folder with the three members, and the ports that their charter names."""
    root, ports = tmp_path_factory.mktemp("three"), processes.free_ports(3)
    enrol_three(root, ports, ManualClock(NOW_US))
    return root, ports


@pytest.fixture
def watch(enrolled_three: tuple[Path, tuple[int, ...]], tmp_path: Path) -> Iterator[Watch]:
    """The three with their gateways answering; what a test changes, no other sees."""
    with watching(enrolled_three[0], tmp_path / "watch", enrolled_three[1]) as scene:
        yield scene
