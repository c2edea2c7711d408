"""Web server access logs of text lines: Apache and nginx, common, combined, with virtual host, custom.

``weblog`` recognises the usual layouts by itself. ``apache`` and ``nginx`` are the same reader for people who know
which server wrote the log, and take the server's own format definition: ``--format 'nginx:$remote_addr [$msec] ...'``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch.formats.interface import Framing, ParseContext, Parser
from pollwatch.formats.logformat import compile_layout
from pollwatch.formats.weblines import LAYOUTS, WebLines, completeness, read_request, share

NOT_UNDERSTOOD = 'no web server line: no [time] "request" status, and no error message'
DOES_NOT_FIT = "does not fit the definition given with --format, and is no error message"


@dataclass(frozen=True, slots=True)
class WebLog:
    """Access logs of text lines.

    Attributes:
        name: what ``--format`` calls it.
        dialect: of the definition: ``apache``, ``nginx``, or empty = told by what it holds.
    """

    name: str = "weblog"
    dialect: str = ""
    framing: Framing = "lines"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of lines that report a request; 0 where a server is named: which one wrote them cannot be told."""
        return 0.0 if self.dialect else share(sample, _fit)

    def parser(self, context: ParseContext) -> Parser:
        """A parser that remembers nothing between blocks.

        Raises:
            FormatError: the definition names no field, or a directive that the server does not have.
        """
        if not context.definition:
            return WebLines(context.zone, LAYOUTS, loose=True, otherwise=lambda _text: NOT_UNDERSTOOD)
        layout = compile_layout(context.definition, self.dialect)
        return WebLines(context.zone, (layout,), loose=False, otherwise=lambda _text: DOES_NOT_FIT)


def _fit(line: str) -> float:
    complete = completeness(read_request(line))
    return complete if complete > 0.5 else 0.0


WEB_LOG = WebLog()
APACHE = WebLog("apache", "apache")
NGINX = WebLog("nginx", "nginx")
