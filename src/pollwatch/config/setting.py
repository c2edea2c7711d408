"""What the reference page says of one setting."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """One key: its section, what may stand there, and what it means. ``example`` is TOML."""

    section: str
    key: str
    kind: str
    meaning: str
    example: str
