"""OTLP logs: what a collector sends becomes lines; whatever else is sent, no more than an error."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from pollwatch.errors import FormatError
from pollwatch.sources import otlp

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=8,
)


def _set(value: object, into: AnyValue) -> None:
    match value:
        case None:
            pass
        case bool():
            into.bool_value = value
        case int():
            into.int_value = value
        case float():
            into.double_value = value
        case str():
            into.string_value = value
        case list():
            into.array_value.SetInParent()
            for each in value:
                _set(each, into.array_value.values.add())
        case dict():
            into.kvlist_value.SetInParent()
            for key, each in value.items():
                _set(each, into.kvlist_value.values.add(key=key).value)


def _request(body: object, attributes: dict[str, object], resource: dict[str, object]) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    record = group.scope_logs.add().log_records.add(time_unix_nano=1_793_739_851_000_000_000, severity_text="WARN")
    _set(body, record.body)
    for into, values in ((record.attributes, attributes), (group.resource.attributes, resource)):
        for key, value in values.items():
            _set(value, into.add(key=key).value)
    return request


@settings(max_examples=20, deadline=None)
@given(
    _VALUES,
    st.dictionaries(st.text(max_size=6), _VALUES, max_size=3),
    st.dictionaries(st.text(max_size=6), _VALUES, max_size=2),
)
def test_protobuf_and_json_say_the_same(
    body: object, attributes: dict[str, object], resource: dict[str, object]
) -> None:
    """Both encodings of a request, the second by Google's own writer, give the same lines: one line a record."""
    request = _request(body, attributes, resource)
    lines = otlp.lines(request.SerializeToString(), is_json=False)
    assert otlp.lines(json_format.MessageToJson(request).encode(), is_json=True) == lines
    assert [line.count(b"\n") for line in lines] == [1]


def test_a_collector_s_file_log_is_the_file_s_line() -> None:
    """A raw line stays as it is; a structured record keeps its names, with ECS names beside OpenTelemetry's."""
    raw = _request('1.2.3.4 - - "GET /"', {"log.file.name": "access.log"}, {"host.name": "web1"})
    assert otlp.lines(raw.SerializeToString(), is_json=False) == [b'1.2.3.4 - - "GET /"\n']
    attributes = {"client.address": "198.51.100.7", "http.method": "GET", "http.target": "/x", "http.status_code": 404}
    found = json.loads(otlp.lines(_request("no", attributes, {"host.name": "w"}).SerializeToString(), is_json=False)[0])
    assert found["client.ip"] == "198.51.100.7"
    assert (found["http.request.method"], found["url.original"], found["http.response.status_code"]) == (
        "GET",
        "/x",
        404,
    )
    assert (found["@timestamp"], found["log.level"], found["host.name"]) == ("2026-11-03T21:04:11Z", "WARN", "w")


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_do_more_than_be_refused(data: bytes, is_json: bool) -> None:  # noqa: FBT001 - drawn
    """Arbitrary bytes in either encoding."""
    with suppress(FormatError):
        otlp.lines(data, is_json=is_json)


@settings(max_examples=25, deadline=None)
@given(
    st.recursive(
        _VALUES,
        lambda inside: st.fixed_dictionaries(
            {},
            optional={
                "resourceLogs": inside,
                "scopeLogs": inside,
                "logRecords": inside,
                "body": inside,
                "attributes": inside,
                "resource": inside,
                "timeUnixNano": inside,
                "kvlistValue": inside,
                "values": inside,
            },
        ),
        max_leaves=12,
    )
)
def test_no_json_of_the_right_names_does_more_than_be_refused(value: object) -> None:
    """The names of the protocol at places where they do not belong, and numbers beyond any."""
    with suppress(FormatError):
        otlp.lines(json.dumps({"resourceLogs": [value]}).encode("utf-8", "surrogatepass"), is_json=True)  # noqa: TID251 - a sender's


@pytest.mark.parametrize("depth", [20, 60, 5_000])
def test_nesting_is_bounded(depth: int) -> None:
    """Arrays in arrays: taken to a depth, then refused, and never a crash."""
    data = b'{"arrayValue":{"values":[' * depth + b"]}}" * depth
    data = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":' + data + b"}]}]}]}"
    if depth > 32:
        with pytest.raises(FormatError):
            otlp.lines(data, is_json=True)
    else:
        assert len(otlp.lines(data, is_json=True)) == 1
