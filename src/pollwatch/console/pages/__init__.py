"""The console's pages, a module with a ``router`` each. A new page adds its module's name."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from fastapi import APIRouter

PAGES: Final = (
    "start", "clerk", "cards", "statements", "inbox", "triage", "incident", "tuning",
    "rules", "sources", "attack", "asking", "joint", "elections", "alarm",
)  # fmt: skip


def routers() -> list[APIRouter]:
    """The routers of all pages."""
    return [import_module(f"{__name__}.{name}").router for name in PAGES]
