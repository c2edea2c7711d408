"""Small real artefacts, made by the program itself each time; no seed is kept as a file.

They come from the same makers that the test suite uses, in ``tests``.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from accusations import chain
from malleable import COSIGNERS, LOG, Subject, subjects

__all__ = ["CHAIN", "COSIGNERS", "LOG", "by_name"]

CHAIN = chain()
"""The keys of a log that were changed twice."""


def by_name(folder: Path) -> dict[str, Subject]:
    """Notes, checkpoints, proofs, requests, accusations and bundles."""
    folder.mkdir(parents=True)
    try:
        return {each.name: each for each in subjects(folder)}
    finally:
        shutil.rmtree(folder)
