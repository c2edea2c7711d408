"""Blocks of a proxy's or load balancer's log: requests in columns by layout, the rest one by one.

A proxy sees who connects; what it passes on as ``X-Forwarded-For`` is for those behind it. Some write every request
line in absolute form (``GET https://votes.example:443/path``): there the site is ours, and no relay is sought.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollwatch.events.batch import Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats.errorline import ErrorLine
from pollwatch.formats.framing import EMPTY_LINE, FLOW_SHAPE, WEB_ERROR_SHAPE, Rows, Value
from pollwatch.formats.logformat import Layout
from pollwatch.formats.transport import CARRIED, carried

if TYPE_CHECKING:
    import polars as pl


_TYPED = {"status": "[0-9]{1,3}|-", "bytes": "[0-9]+|-", "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}Z"}


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection that was passed on unread: its time and columns of ``taxonomy.FLOW_COLUMNS``."""

    time_us: int | None
    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class ProxyLines:
    """Reads blocks of one input, in order.

    Attributes:
        zone: of times that name none.
        layouts: what a request looks like, most usual first.
        otherwise: what a line is that reports no request: an event, or a reason to quarantine it.
        finish: what the layouts' fields mean in this log, where they are not at once ``webfields.FIELDS``.
    """

    zone: dt.tzinfo
    layouts: Sequence[Layout]
    otherwise: Callable[[str, dt.tzinfo], Connection | ErrorLine | str]
    finish: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame

    def parse(self, block: LineBlock) -> Parsed:
        """Every line becomes one event or one quarantined line."""
        from pollwatch.formats.webcolumns import Requests  # noqa: PLC0415 - heavy: polars

        requests = Requests(self.zone)
        left = requests.read_layouts(block.text, range(len(block)), self.layouts, CARRIED)
        requests.frames = [self.finish(frame) for frame in requests.frames]
        errors, flows, quarantined = Rows(WEB_ERROR_SHAPE), Rows(FLOW_SHAPE), []
        for at in left:
            number, found = block.first_number + at, self._other(block.text[at])
            if isinstance(found, str):
                quarantined.append(Quarantined(number, found))
            else:
                (flows if isinstance(found, Connection) else errors).add(number, found.time_us, found.values)
        batches = [*requests.batches(block), *errors.batches(block.path), *flows.batches(block.path)]
        return Parsed(batches, quarantined)

    def _other(self, text: str) -> Connection | ErrorLine | str:
        if not text or text.isspace():
            return EMPTY_LINE
        found = self.otherwise(text, self.zone)
        if isinstance(found, str) and (inside := carried(text)) is not None:
            return self.otherwise(inside, self.zone)
        return found


def with_own_site(frame: pl.DataFrame, rows: pl.Expr) -> pl.DataFrame:
    """The frame with the site moved out of absolute-form request lines into ``host``, in the rows that are named.

    A request line that is only dashes, as load balancers write it for what they could not read, becomes absent.
    """
    import polars as pl  # noqa: PLC0415 - heavy

    request = pl.col("request")
    absolute = r"(?s)^([^ ]+) (?:https?|wss?)://([^/? ]*)(.*)$"
    unread = rows & request.str.starts_with("- ")
    named = rows & ~unread & request.str.contains(absolute)
    host = pl.col("host") if "host" in frame.columns else pl.lit(None, dtype=pl.String)
    return frame.with_columns(
        pl.when(unread)
        .then(pl.lit("-"))
        .when(named)
        .then(request.str.replace(absolute, "$1 $3"))
        .otherwise(request)
        .alias("request"),
        pl.when(named & (host.is_null() | (host == "-")))
        .then(request.str.extract(absolute, 2))
        .otherwise(host)
        .alias("host"),
    )


def spelled(fields: str, **typed: str) -> Layout:
    """The layout of a log whose documentation lists its fields: ``[time] client "request" status``.

    Quotes and brackets stand around a value as they do in the log; ``_`` is a value that nobody needs. What newer
    versions write behind the last one goes to ``extra``.

    Args:
        fields: their names, see ``webfields.FIELDS``; others become columns.
        typed: what a field's value looks like where it matters, as a regular expression.
    """
    values = []
    known = _TYPED | typed
    words = fields.split()
    for at, word in enumerate(words):
        name = word.strip('"[]')
        if word[0] == '"':
            values.append(rf'"(?P<f{at}>(?:[^"\\]|\\.)*)"')
        elif word[0] == "[":
            values.append(rf"\[(?P<f{at}>[^\]]*)\]")
        else:
            values.append(rf"(?P<f{at}>{known.get(name, '[^ ]+')})")
    names = tuple("" if word == "_" else word.strip('"[]') for word in words)
    return Layout("(?s)^" + " ".join(values) + rf"(?P<f{len(words)}>(?: .*)?)$", (*names, "extra"))
