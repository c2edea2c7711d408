"""Detectors: one module each, and one line here. They know nothing of one another."""

from __future__ import annotations

from pathlib import Path

from pollwatch.detect.detectors.forced_browsing import ForcedBrowsing
from pollwatch.detect.interface import Detector

#: Where they lie.
FOLDER = Path(__file__).parent

#: One line per detector that needs no configuration.
ALL: tuple[Detector, ...] = (
    ForcedBrowsing(),
)  # fmt: skip
