from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from taxii_scenes import Scene, scene


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Scene]:
    """A TAXII server at Alder's."""
    with scene(tmp_path) as made:
        yield made
