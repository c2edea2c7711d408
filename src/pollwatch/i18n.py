"""User-visible text goes through :func:`_`; catalogues live in ``locale/`` (``make docs`` refreshes them)."""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

DOMAIN = "pollwatch"
LOCALES = Path(__file__).with_name("locale")
_chosen: ContextVar[str | None] = ContextVar("language", default=None)


@lru_cache(maxsize=16)
def catalogue(language: str | None = None) -> gettext.NullTranslations:
    """The catalogue of a language (``nl``), or of the environment (LANGUAGE, LC_ALL, LC_MESSAGES, LANG)."""
    languages = [language] if language else None
    return gettext.translation(DOMAIN, LOCALES, languages=languages, fallback=True)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Say everything in this language for a while, whatever the environment says: a paper for others."""
    token = _chosen.set(language)
    try:
        yield
    finally:
        _chosen.reset(token)


def _(text: str) -> str:
    """The text in the reader's language, or unchanged where there is no translation."""
    return catalogue(_chosen.get() or os.environ.get("POLLWATCH_LANGUAGE")).gettext(text)


def ngettext(singular: str, plural: str, n: int) -> str:
    """Singular or plural in the reader's language."""
    return catalogue(_chosen.get() or os.environ.get("POLLWATCH_LANGUAGE")).ngettext(singular, plural, n)
