"""Which language and which zone a page speaks: the viewer's, else the browser's, else English and the office's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from pollwatch.i18n import DOMAIN, LOCALES, speaking

#: How languages are called in themselves; those with a catalogue are offered.
NAMES: Final = {
    "en": "English",
    "nl": "Nederlands",
    "uk": "Українська",
    "ro": "Română",
    "fr": "Français",
    "es": "Español",
    "ru": "Русский",
    "ar": "العربية",
    "he": "עברית",
}
_RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur"})
_MAX_HEADER: Final = 500
_RANGE: Final = re.compile(r"([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,20})?(?:\s*;\s*q=([01](?:\.[0-9]{0,3})?))?")


@lru_cache(maxsize=1)
def spoken() -> tuple[str, ...]:
    """The languages that there are, English first."""
    found = {path.parts[-3] for path in LOCALES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")}
    return ("en", *sorted(found - {"en"}))


def direction(language: str) -> str:
    """``rtl`` or ``ltr``."""
    return "rtl" if language in _RIGHT_TO_LEFT else "ltr"


def negotiated(header: str, offered: Iterable[str]) -> str:
    """The language of an ``Accept-Language`` header (RFC 9110, 12.5.4) that is offered; English where none is."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:_MAX_HEADER].split(",")):
        found = _RANGE.fullmatch(part.strip())
        if found and (weight := float(found[2] or 1)) > 0:
            wanted.append((-weight, place, found[1].lower()))
    known = frozenset(offered)
    return next((language for _weight, _place, language in sorted(wanted) if language in known), "en")


class Speaking:
    """ASGI: everything below is said in the viewer's language. Stands inside of what finds out who is looking."""

    def __init__(self, app: ASGIApp) -> None:
        """Speak for this application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        viewer = state.get("viewer")
        own = viewer.language if viewer is not None else ""
        header = Headers(scope=scope).get("accept-language", "")
        language = own if own in spoken() else negotiated(header, spoken())
        state["language"] = language
        with speaking(language):
            await self._app(scope, receive, send)
