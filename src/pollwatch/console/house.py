"""What every page of the console has at hand: the services, the templates and who is looking."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jinja2
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from pollwatch import __version__
from pollwatch.clock import to_datetime
from pollwatch.console import language
from pollwatch.console.access import viewer_of
from pollwatch.console.changes import Watcher
from pollwatch.console.navigation import groups
from pollwatch.console.services import Services
from pollwatch.console.staticfiles import STATIC
from pollwatch.i18n import _, ngettext
from pollwatch.incidents.inboxrows import InboxRow
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.summary import in_zone
from pollwatch.report.html import environment
from pollwatch.report.words import lines_words, phase_word, severity_word, status_word, thousands

_HERE: Final = Path(__file__).parent
THEMES: Final = ("light", "dark")


@lru_cache(maxsize=32)
def _stamp(name: str) -> str:
    """Part of a file's address that changes with its content, so that browsers may keep it for ever."""
    try:
        return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    except FileNotFoundError:
        return "missing"


def asset(name: str) -> str:
    """The address of a built file."""
    return f"/static/{name}?v={_stamp(name)}"


def _environment() -> jinja2.Environment:
    ready = environment(_HERE / "templates")
    ready.globals |= {
        "_": _,
        "ngettext": ngettext,
        "asset": asset,
        "version": __version__,
        "severity_word": severity_word,
        "status_word": status_word,
        "phase_word": phase_word,
        "lines_words": lines_words,
        "thousands": thousands,
    }
    return ready


@dataclass(frozen=True, slots=True)
class House:
    """The console of one case."""

    services: Services
    watcher: Watcher
    templates: jinja2.Environment = field(default_factory=_environment)

    def page(
        self,
        request: Request,
        template: str,
        code: int = 200,
        headers: Mapping[str, str] | None = None,
        **shown: object,
    ) -> HTMLResponse:
        """A page, or a part of one, from a template.

        Args:
            request: what is answered; says who is looking and in which language.
            template: its name.
            code: status of the answer.
            headers: of the answer.
            shown: what the template shows. All text is escaped.
        """
        answer = self.show(request, template, shown)
        answer.status_code = code
        answer.headers.update(headers or {})
        return answer

    def show(self, request: Request, template: str, shown: Mapping[str, object]) -> HTMLResponse:
        """A page, or a part of one, from a template and what it shows; see :meth:`page`."""
        return HTMLResponse(self.templates.get_template(template).render({**self._surroundings(request), **shown}))

    def zone(self, request: Request) -> dt.tzinfo:
        """The zone in which the viewer reads times: their own, else the office's."""
        viewer = viewer_of(request)
        if viewer is None or viewer.zone in {"", "UTC"}:
            return self.services.office.zone
        try:
            return ZoneInfo(viewer.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return self.services.office.zone

    def _surroundings(self, request: Request) -> dict[str, object]:
        spoken: str = getattr(request.state, "language", "en")
        viewer = viewer_of(request)
        zone = self.zone(request)

        def when(us: int | None, *, seconds: bool = True) -> str:
            if us is None:
                return "–"
            return to_datetime(us).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")

        def summary_of(told: Incident | InboxRow) -> str:
            return in_zone(told.summary, told.first_us, told.last_us, zone)

        theme = request.cookies.get("theme", "")
        return {
            "office": self.services.office,
            "viewer": viewer,
            "csrf": getattr(request.state, "csrf", ""),
            "here": request.url.path,
            "groups": groups(viewer),
            "language": spoken,
            "languages": [(code, language.NAMES.get(code, code)) for code in language.spoken()],
            "direction": language.direction(spoken),
            "theme": theme if theme in THEMES else "",
            "when": when,
            "summary_of": summary_of,
            "zone_name": str(zone),
            "now_us": self.services.clock.now_us(),
        }


def _of(request: Request) -> House:
    house: House = request.app.state.house
    return house


#: In a route's signature: ``house: TheHouse``.
TheHouse = Annotated[House, Depends(_of)]
