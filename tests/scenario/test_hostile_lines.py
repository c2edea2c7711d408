"""Hostile lines through every format: nothing crashes, nothing is lost, and what is shown is inert."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from commands import here
from poison import LINES, write_hostile
from pollwatch.formats import registry

FEW = 1_500


def scan(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as its user would."""
    return subprocess.run(
        [sys.executable, "-m", "pollwatch", "scan", str(path), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_nothing_is_lost(hostile: Path) -> None:
    """Every line is an event or in quarantine."""
    done = scan(hostile, "--json")
    assert done.returncode in (0, 3), done.stderr[-2000:]
    counted = json.loads(done.stdout)["inputs"][0]
    assert counted["lines"] == LINES
    assert counted["parsed"] + counted["quarantined"] == LINES


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fewer such lines, since each format reads them."""
    return write_hostile(tmp_path_factory.mktemp("few") / "hostile.log", FEW, 2)


@pytest.mark.parametrize("name", [fmt.name for fmt in registry.ALL])
def test_nothing_is_lost_whatever_it_is_taken_for(few: Path, name: str) -> None:
    """Every line is an event or in quarantine, in each format."""
    done = here("scan", str(few), "--json", "--format", name)
    assert done.returncode in (0, 3), done.stderr[-2000:]
    counted = json.loads(done.stdout)["inputs"][0]
    assert counted["lines"] == FEW
    assert counted["parsed"] + counted["quarantined"] == FEW


def test_terminal_output_is_inert(hostile: Path) -> None:
    """Escape sequences and direction overrides from log lines never reach the terminal."""
    done = scan(hostile, "--min-severity", "info", "--format", "weblog")
    assert done.returncode == 0, done.stderr[-2000:]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]", done.stdout + done.stderr)
    assert done.stdout.strip()
