"""A block of web server lines: requests and error messages, whatever stands in which file.

``docker logs`` mixes both, and so do administrators. The formats ``weblog`` and ``weberror`` read through this one
reader and differ in what they do with a line that is neither.

Fast first: the layouts are tried on the whole block in columns; what is left is freed of a transport's header and
tried again; only what is left then is looked at line by line.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from re import Pattern
from re import compile as compile_pattern
from typing import TYPE_CHECKING

from pollwatch.events.batch import EventBatch, Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.events.taxonomy import WEB
from pollwatch.formats.accessline import Fields, read_access
from pollwatch.formats.accessobject import read_object
from pollwatch.formats.errorline import ErrorLine, read_error
from pollwatch.formats.errorobject import read_error_text
from pollwatch.formats.framing import EMPTY_LINE, WEB_ERROR_SHAPE, Rows
from pollwatch.formats.logformat import Layout, compile_layout
from pollwatch.formats.transport import CARRIED, carried

if TYPE_CHECKING:
    from pollwatch.formats.framing_spans import Scratch
    from pollwatch.formats.webspans import Read

_COMBINED = (
    r'(?s)^(?P<f0>[^ ]+) (?P<f1>[^ .:]+) (?P<f2>[^ ]+) \[(?P<f3>[^\]"]+)\] "(?P<f4>(?:[^"\\]|\\.)*)" '
    r"(?P<f5>[0-9]{3}|-) (?P<f6>[0-9]+|-)"
)
_AGENT = r' "(?P<f7>(?:[^"\\]|\\.)*)" "(?P<f8>(?:[^"\\]|\\.)*)"(?P<f9>(?: .*)?)$'
_FIELDS = ("client", "", "user", "time", "request", "status", "bytes")
_BEHIND = ("referer", "agent", "extra")
_CONSOLE = compile_pattern(r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?)\t\S{4,20}\thttp\.log\.access\S*\t[^\t]*\t$")
_VHOST = r"(?s)^(?P<v>[^ ,<]+) (?P<f0>[0-9A-Fa-f:.]+) "
_PROXY_MANAGER = (
    r"(?s)^\[(?P<f0>[^\]]+)\](?: [A-Z-]+)?(?: [0-9-]+)? (?P<f1>[0-9]{3}) - (?P<f2>[^ ]+) [a-z]+ (?P<f3>[^ ]+) "
    r'"(?P<f4>(?:[^"\\]|\\.)*)" \[Client (?P<f5>[^\]]+)\] \[Length (?P<f6>[^\]]+)\] '
    r"\[Gzip [^\]]*\](?: \[Sent-to [^\]]*\])? "
    r'"(?P<f7>(?:[^"\\]|\\.)*)" "(?P<f8>(?:[^"\\]|\\.)*)"$'
)
_PROXY_MANAGER_FIELDS = ("time", "status", "method", "host", "uri", "client", "bytes", "agent", "referer")
_PROXY_MANAGER_PLUS = (
    r'[$time_local] $host $remote_addr $request_time "$request" $status $body_bytes_sent $request_length '
    "$http_referer $http_user_agent"
)

#: Layouts that need no ``--format``, the usual ones first. What deviates is read line by line.
LAYOUTS = (
    Layout(_COMBINED + _AGENT, (*_FIELDS, *_BEHIND)),
    Layout(_COMBINED + r'(?P<f7>(?: [^"]*)?)$', (*_FIELDS, "extra")),
    Layout(_COMBINED.replace("(?s)^(?P<f0>[^ ]+) ", _VHOST) + _AGENT, ("host", *_FIELDS, *_BEHIND)),
    compile_layout(_PROXY_MANAGER_PLUS, "nginx"),
    Layout(_PROXY_MANAGER, _PROXY_MANAGER_FIELDS),
)


@dataclass(slots=True)
class WebLines:
    """Reads blocks of one input, in order.

    Attributes:
        zone: of times that name none.
        layouts: what the lines look like, most usual first; no line fits two, so that their order changes nothing.
        loose: whether lines that fit no layout may still be read as requests; not where the user said what the
            layout is: a loose reading could take for the client what only the client itself wrote.
        otherwise: what becomes of a line that is neither request nor error message: an event, or a reason to
            quarantine it.
        seen_error: told of every error message.
        lines_before: how many lines of the input came before the next block.
        scratch: memory that is kept from block to block.
    """

    zone: dt.tzinfo
    layouts: Sequence[Layout]
    loose: bool
    otherwise: Callable[[str], ErrorLine | str]
    seen_error: Callable[[ErrorLine], None] = field(default=lambda _line: None)
    lines_before: int = 0
    scratch: Scratch | None = None

    def parse(self, block: LineBlock) -> Parsed:
        """Every line becomes one event or one quarantined line."""
        from pollwatch.formats.webcolumns import Requests  # noqa: PLC0415 - heavy: polars
        from pollwatch.formats.webspans import joined  # noqa: PLC0415 - heavy: polars

        fast = self._fast(block)
        places = range(len(block)) if fast is None else fast.left(len(block))
        texts = list(block.text) if fast is None else [block.text[at] for at in places]
        requests = Requests(self.zone)
        left = requests.read_layouts(texts, places, self.layouts, CARRIED)
        self.layouts = requests.most_fitting_first(self.layouts)
        errors, quarantined = Rows(WEB_ERROR_SHAPE), []
        for at in left:
            number, text = block.first_number + at, block.text[at]
            found = self._read_line(text)
            if isinstance(found, dict):
                requests.add(at, found)
            elif isinstance(found, str):
                quarantined.append(Quarantined(number, found))
            else:
                errors.add(number, found.time_us, found.values)
        batches = errors.batches(block.path)
        table = requests.table(block.first_number)
        if fast is not None and len(fast.places):
            table = joined(fast, table, block.first_number)
        if table is not None:
            batches.insert(0, EventBatch(WEB, block.path, table))
        return Parsed(batches, quarantined)

    def _fast(self, block: LineBlock) -> Read | None:
        """What compiled code can read of a block that is worth it, None for others."""
        from pollwatch.formats import framing_spans, webspans  # noqa: PLC0415 - heavy: polars
        from pollwatch.formats.webfields import Notation  # noqa: PLC0415 - heavy: polars

        before, self.lines_before = self.lines_before, self.lines_before + len(block)
        if not self.loose or not framing_spans.worth(block.raw, before):
            return None
        self.scratch = self.scratch or webspans.scratch()
        return webspans.read(block.raw, Notation(self.zone), self.scratch)

    def _read_line(self, text: str) -> Fields | ErrorLine | str:
        if not text or text.isspace():
            return EMPTY_LINE
        for line in _unwrapped(text):
            error = read_error_text(line) if line[:1] == "{" else read_error(line, self.zone)
            if error is not None:
                self.seen_error(error)
                return error
            if self.loose and (fields := read_request(line)) is not None:
                return fields
        return self.otherwise(text)


def read_request(line: str) -> Fields | None:
    """The request that one line (without a transport's header) reports, in any notation known here, else None."""
    if line[:1] == "{":
        return read_object(line)
    if (tail := line.find("\t{")) > 0 and (console := _CONSOLE.match(line, 0, tail + 1)):  # Caddy on a console
        asked = read_object(line[tail + 1 :])
        return None if asked is None else asked | {"time": console[1].replace("/", "-")}
    for pattern, fields in _python_layouts():
        match = pattern.match(line)
        if match:
            return merge_fields(fields, match.groups())
    return read_access(line)


def merge_fields(names: Sequence[str], values: Sequence[str | None]) -> Fields:
    """Fields by name; of several values of one field the first that is not ``-`` counts, times are joined."""
    fields: Fields = {}
    for name, value in zip(names, values, strict=True):
        known = fields.get(name)
        if name == "time" and known is not None and value is not None:
            fields[name] = f"{known} {value}"
        elif name and (known is None or known == "-"):
            fields[name] = value
    return fields


@lru_cache(maxsize=1)
def _python_layouts() -> tuple[tuple[Pattern[str], tuple[str, ...]], ...]:
    """The layouts for single lines; Python must be told not to go back into a quoted text, Rust never does."""
    return tuple((compile_pattern(each.pattern.replace(r"|\\.)*", r"|\\.)*+")), each.fields) for each in LAYOUTS)


def _unwrapped(text: str) -> Iterator[str]:
    """The line itself, and what it carries when it has a transport's header."""
    yield text
    inside = carried(text)
    if inside is not None:
        yield inside


def completeness(fields: Fields | None) -> float:
    """How much of what an access log should say is there: 1 with a result, little for an application's own record.

    Applications also log methods and paths in JSON; without a status it is their message that matters.
    """
    if fields is None:
        return 0.0
    if "client" in fields and "waf-action" in fields:  # a firewall's record of what it made of the request
        return 1.0
    return 1.0 if "client" in fields and "status" in fields else 0.75 if "status" in fields else 0.2


def share(sample: Sequence[str], fits: Callable[[str], float]) -> float:
    """The share of a sample's records that fit, as themselves or as what a transport's header carries."""
    return sum(max(fits(line) for line in _unwrapped(text)) for text in sample) / len(sample) if sample else 0.0
