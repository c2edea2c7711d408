"""How this console is called: a request for another host, or from another site's page, is none of its business.

Without the first check a name that an attacker owns could be made to point here, and its pages would be of one origin
with ours (DNS rebinding); and links that are made from the host's name would lead elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from pollwatch.console.accounts.passkeys import Site
from pollwatch.console.accounts.settings import LOCAL_HOSTS, origin_of
from pollwatch.i18n import _

_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII)
_NUMERIC: Final = re.compile(r"[0-9.]+|.*:.*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hosts:
    """How it is called.

    Attributes:
        origin: as browsers write it; empty: whatever this machine calls itself.
    """

    origin: str = ""

    def misdirected(self, request: Request) -> str:
        """Why a request is for another host; empty where it is for us."""
        named = request.headers.getlist("host")
        if len(named) != 1 or not _HOST.fullmatch(named[0]):
            return _("the request must name one host")
        asked = origin_of(f"{request.url.scheme}://{named[0]}")
        fits = asked == self.origin if self.origin else _host(asked) in LOCAL_HOSTS
        return "" if fits else _("this console is not called so; see origin of [console] in its settings")

    def from_own_page(self, request: Request) -> bool:
        """Whether a request that changes something comes from a page of ours, as far as the browser says."""
        site = request.headers.get("sec-fetch-site")
        sent = request.headers.get("origin", self._asked(request))
        if (
            site is not None and sent == "null"
        ):  # a page that must not say from where it comes, and the browser that does
            return site == "same-origin"
        return site in {None, "same-origin"} and sent == self._asked(request)

    def site(self, request: Request) -> Site | None:
        """For which site passkeys are; None where browsers allow none: under a number, or without TLS."""
        origin = self._asked(request)
        host = _host(origin)
        if _NUMERIC.fullmatch(host) or (not origin.startswith("https:") and host != "localhost"):
            return None
        return Site(host, origin)

    def link(self, request: Request, path: str) -> str:
        """A path of ours as an address."""
        return self._asked(request) + path

    def _asked(self, request: Request) -> str:
        return self.origin or origin_of(f"{request.url.scheme}://{request.headers.get('host', '')}")


def _host(origin: str) -> str:
    host = origin.partition("://")[2]
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
