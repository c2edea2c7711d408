"""One message of a server that logs JSON: Caddy's own records, its errors and its firewall's findings.

Caddy writes requests (``http.log.access``) and messages into one file, with the same keys around them. A failed
request stands there twice, once with its result and once with what went wrong; only the first is a request.

Source: Caddy, "Logging" and "log" directive (zap's encoder); Coraza's Caddy module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pollwatch.formats.errorline import ErrorLine, said_in
from pollwatch.formats.framing import Value, as_text, epoch_us, iso_us, json_object
from pollwatch.formats.webtext import client_address, host_name

_REQUESTS = "http.log.access"


def read_error_object(value: Mapping[str, Any]) -> ErrorLine | None:
    """The message that a decoded record is, or None where it is a request or another program's record."""
    logger, message, level = value.get("logger"), value.get("msg"), value.get("level")
    if not (isinstance(logger, str) and isinstance(message, str) and isinstance(level, str) and "ts" in value):
        return None
    if logger.startswith(_REQUESTS):
        return None
    request = value.get("request")
    asked: Mapping[str, Any] = request if isinstance(request, dict) else {}
    client = next((asked[name] for name in ("client_ip", "remote_ip", "remote_addr") if name in asked), None)
    values: dict[str, Value] = {
        "c-ip": client_address(as_text(client)), "level": level, "module": logger, "message": as_text(message),
        "cs-method": as_text(asked.get("method")), "cs-uri": as_text(asked.get("uri")),
        "cs-host": host_name(as_text(asked.get("host"))),
    }  # fmt: skip
    when = value["ts"]
    time_us = iso_us(when) if isinstance(when, str) and "-" in when else epoch_us(when)
    return ErrorLine(time_us, values | said_in(str(values["message"]), values))


def read_error_text(text: str) -> ErrorLine | None:
    """The message that a JSON text is, or None."""
    if '"logger"' not in text:
        return None
    value = json_object(text)
    return read_error_object(value) if isinstance(value, dict) else None
