"""OTLP logs, in protobuf and in JSON, to lines. Sans-IO.

A record whose body is one line of text and that carries no attributes besides where the line was found (``log.*``) is
that line, as it stood in its file: so a collector's file logs are read like the files themselves. Any other record
becomes a JSON object in the names that it has, with ECS names beside those that OpenTelemetry calls otherwise.

Source: opentelemetry-proto 1.x, logs/v1; OTLP 1.x, JSON protobuf encoding (ids as hex, 64-bit numbers as text).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pollwatch.clock import rfc3339
from pollwatch.errors import FormatError

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

MOST_RECORDS: Final = 200_000
_DEEPEST: Final = 32
_LONGEST_INT: Final = 20
#: ECS name <- OpenTelemetry's names, newest first.
_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "client.ip": ("client.address", "http.client_ip", "source.address", "network.peer.address", "net.peer.ip"),
    "http.request.method": ("http.method",),
    "http.response.status_code": ("http.status_code",),
    "url.original": ("url.full", "http.url", "http.target"),
    "user_agent.original": ("http.user_agent",),
    "user.name": ("enduser.id",),
}


def lines(data: bytes, *, is_json: bool) -> list[bytes]:
    """The records of an export request, each as a line with its end.

    Raises:
        FormatError: it is no export request of logs.
        ImportError: protobuf's message types are not installed.
    """
    found: list[bytes] = []
    for record, resource in _of_json(data) if is_json else _of_protobuf(data):
        if len(found) >= MOST_RECORDS:
            raise FormatError(f"more than {MOST_RECORDS} records in one request; send smaller ones")
        found.append(_line(record, resource))
    return found


def _line(record: Mapping[str, Any], resource: Mapping[str, Any]) -> bytes:
    body, attributes = record.get("body"), record["attributes"]
    plain = isinstance(body, str) and body and not any(mark in body for mark in "\n\r\0")
    if plain and all(name.startswith("log.") for name in attributes):
        return str(body).encode("utf-8", "replace") + b"\n"
    fields: dict[str, Any] = {**resource, **attributes}
    if isinstance(body, Mapping):
        fields |= body
    elif body is not None:
        fields["message"] = body
    nanoseconds = record["time"] or record["observed"]
    if nanoseconds:
        with suppress(OverflowError, ValueError):
            fields["@timestamp"] = rfc3339(nanoseconds // 1000)
    if record["severity"]:
        fields.setdefault("log.level", record["severity"])
    for name, theirs in _ALIASES.items():
        value = next((fields[each] for each in theirs if each in fields), None)
        if name not in fields and value is not None and (name != "client.ip" or _is_address(value)):
            fields[name] = value
    try:
        return msgspec.json.encode(fields) + b"\n"
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError, TypeError) as error:
        raise FormatError(f"a record cannot be written as JSON: {error}") from error


def _is_address(value: object) -> bool:
    try:
        ipaddress.ip_address(str(value))
    except ValueError:
        return False
    return True


# Protobuf


def _of_protobuf(data: bytes) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - the watch's own, not everybody's
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest  # noqa: PLC0415

    request = ExportLogsServiceRequest()
    try:
        request.ParseFromString(data)
    except (DecodeError, RuntimeError) as error:
        raise FormatError(f"no OTLP export request of logs: {error}") from error
    for group in request.resource_logs:
        resource = _attributes(group.resource.attributes)
        for scope in group.scope_logs:
            for record in scope.log_records:
                yield (
                    {
                        "time": record.time_unix_nano,
                        "observed": record.observed_time_unix_nano,
                        "severity": record.severity_text,
                        "body": _value(record.body, _DEEPEST),
                        "attributes": _attributes(record.attributes),
                    },
                    resource,
                )


def _attributes(pairs: Sequence[KeyValue], depth: int = _DEEPEST) -> dict[str, Any]:
    return {pair.key: _value(pair.value, depth) for pair in pairs}


def _value(value: AnyValue, depth: int) -> Any:  # noqa: ANN401 - any value
    if not depth:
        raise FormatError(f"values are nested deeper than {_DEEPEST}")
    match value.WhichOneof("value"):
        case None:
            return None
        case "kvlist_value":
            return {pair.key: _value(pair.value, depth - 1) for pair in value.kvlist_value.values}
        case "array_value":
            return [_value(each, depth - 1) for each in value.array_value.values]
        case "bytes_value":
            return value.bytes_value.hex()
        case str() as name:
            return getattr(value, name)


# JSON


def _of_json(data: bytes) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    try:
        request = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"no OTLP export request of logs: {error}") from error
    for group in _objects(request, "resourceLogs"):
        resource = _json_attributes(_object(group.get("resource")).get("attributes"))
        for scope in _objects(group, "scopeLogs"):
            for record in _objects(scope, "logRecords"):
                yield (
                    {
                        "time": _whole(record.get("timeUnixNano")),
                        "observed": _whole(record.get("observedTimeUnixNano")),
                        "severity": str(record.get("severityText") or ""),
                        "body": _json_value(record.get("body"), _DEEPEST),
                        "attributes": _json_attributes(record.get("attributes")),
                    },
                    resource,
                )


def _object(value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise FormatError("no OTLP export request of logs: a list or text stands where an object belongs")
    return value


def _objects(value: object, key: str) -> list[Mapping[str, Any]]:
    found = _object(value).get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise FormatError(f"no OTLP export request of logs: {key} is no list")
    return [_object(each) for each in found]


def _json_attributes(pairs: object, depth: int = _DEEPEST) -> dict[str, Any]:
    return {
        str(pair.get("key", "")): _json_value(pair.get("value"), depth) for pair in _objects({"pairs": pairs}, "pairs")
    }


def _json_value(value: object, depth: int) -> Any:  # noqa: ANN401 - any value
    if not depth:
        raise FormatError(f"values are nested deeper than {_DEEPEST}")
    name, inside = next(iter(_object(value).items()), ("", None))
    match name:
        case "stringValue" | "bytesValue":
            found: Any = str(inside)
        case "intValue":
            found = _whole(inside)
        case "boolValue" | "doubleValue":
            found = inside
        case "arrayValue":
            found = [_json_value(each, depth - 1) for each in _objects(inside, "values")]
        case "kvlistValue":
            found = _json_attributes(_object(inside).get("values"), depth - 1)
        case _:
            found = None
    return found


def _whole(value: object) -> int:
    if value is None or value == "":
        return 0
    if isinstance(value, int | str) and len(str(value)) <= _LONGEST_INT:
        try:
            return int(value)
        except ValueError:
            pass
    raise FormatError("no OTLP export request of logs: a number is none")
