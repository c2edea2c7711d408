"""The hostile member's stages: enrolled once, copied for each attack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from hostile_scenes import NOW_US, STAGES, THREE, Cast, Watch, enrol_members, watching
from pollwatch.clock import ManualClock
from pollwatch.node.gateway import processes

Enrolled = Callable[[Cast], tuple[Path, tuple[int, ...]]]


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Enrolled:
    """Gives the folder of a cast, and the ports that its charter names; each cast is enrolled once."""

    @cache
    def enrol(cast: Cast) -> tuple[Path, tuple[int, ...]]:
        root, ports = tmp_path_factory.mktemp("stage"), processes.free_ports(len(cast))
        enrol_members(root, cast, ports, ManualClock(NOW_US))
        return root, ports

    return enrol


@pytest.fixture
def watch(enrolled: Enrolled, tmp_path: Path) -> Iterator[Watch]:
    """Three members with their gateways answering; what a test changes, no other sees."""
    root, ports = enrolled(THREE)
    with watching(root, tmp_path / "watch", THREE, ports) as scene:
        yield scene


@pytest.fixture(params=STAGES)
def staged(enrolled: Enrolled, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Watch]:
    """The same for each of the stages, two members and four, with a neutral witness and without."""
    cast = STAGES[request.param]
    root, ports = enrolled(cast)
    with watching(root, tmp_path / "watch", cast, ports) as scene:
        yield scene
