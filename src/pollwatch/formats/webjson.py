"""Access logs of JSON objects: nginx ``escape=json``, Apache, Caddy, Traefik, lines wrapped by a container runtime."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch.events.batch import Parsed, Quarantined
from pollwatch.events.block import LineBlock
from pollwatch.formats.accessline import Fields
from pollwatch.formats.accessobject import carried_text, decode_object, object_fields
from pollwatch.formats.errorline import ErrorLine, read_error
from pollwatch.formats.errorobject import read_error_object
from pollwatch.formats.framing import EMPTY_LINE, WEB_ERROR_SHAPE, Rows
from pollwatch.formats.interface import Framing, ParseContext, Parser
from pollwatch.formats.weblines import completeness, read_request

NOT_A_REQUEST = "a JSON object that reports no web request (no method and target with a client or status)"


@dataclass(frozen=True, slots=True)
class WebJson:
    """JSON access logs."""

    name: str = "weblog-json"
    framing: Framing = "json"

    def sniff(self, sample: Sequence[str]) -> float:
        """The share of records that report a request; those without a result count little."""
        total = sum(_completeness(_read(text, dt.UTC)) for text in sample)
        return total / len(sample) if sample else 0.0

    def parser(self, context: ParseContext) -> Parser:
        """A parser that remembers nothing between blocks."""
        return _WebJsonParser(context.zone)


WEB_JSON = WebJson()


@dataclass(frozen=True, slots=True)
class _WebJsonParser:
    zone: dt.tzinfo

    def parse(self, block: LineBlock) -> Parsed:
        from pollwatch.formats.webcolumns import Requests  # noqa: PLC0415 - heavy: polars

        requests, errors, quarantined = Requests(self.zone), Rows(WEB_ERROR_SHAPE), []
        for at, text in enumerate(block.text):
            found = _read(text, self.zone)
            if isinstance(found, dict):
                requests.add(at, found)
            elif isinstance(found, str):
                quarantined.append(Quarantined(block.first_number + at, found))
            else:
                errors.add(block.first_number + at, found.time_us, found.values)
        return Parsed([*requests.batches(block), *errors.batches(block.path)], quarantined)


def _read(text: str, zone: dt.tzinfo) -> Fields | ErrorLine | str:
    """A request, an error message, or why the record is neither."""
    value, escaped = decode_object(text)
    if isinstance(value, dict):
        if (error := read_error_object(value)) is not None:
            return error
        if (fields := object_fields(value, escaped=escaped)) is not None:
            return fields
        inside = carried_text(value)
        return (read_error(inside, zone) if inside is not None else None) or NOT_A_REQUEST
    if value == EMPTY_LINE:
        return value
    return read_request(text) or read_error(text, zone) or value


def _completeness(found: Fields | ErrorLine | str) -> float:
    if isinstance(found, str):
        return 0.0
    if isinstance(found, ErrorLine):
        return 0.5
    return completeness(found)
