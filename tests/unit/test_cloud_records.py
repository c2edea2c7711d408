"""Records of cloud services: times, addresses, places, records within records, and where log-ins come from."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from pollwatch.canonical import compact
from pollwatch.clock import parse_rfc3339
from pollwatch.detect.interface import Seen
from pollwatch.detect.places import accepted, apart_km
from pollwatch.events.batch import EventBatch
from pollwatch.events.block import LineBlock
from pollwatch.events.taxonomy import AUTH, CLOUD_KINDS
from pollwatch.formats import framing_azure, framing_m365, registry
from pollwatch.formats.framing_cloud import Fields, client, degrees, time_us, unwrapped
from pollwatch.formats.framing_sentinel import turned
from pollwatch.formats.interface import ParseContext

EVENING = parse_rfc3339("2026-11-03T20:01:00Z")


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-03T20:01:00Z",
        "2026-11-03T20:01:00",
        "2026-11-03T21:01:00.000+01:00",
        "November 03, 2026, 20:01:00 (UTC+00:00)",
        "11/3/2026 8:01:00 PM",
        "11/3/2026, 8:01:00 PM",
        "11/3/2026 20:01",
        1793736060,
        1793736060000,
        "1793736060000",
    ],
)
def test_times_as_services_write_them(written: object) -> None:
    """All of them are the same moment."""
    assert time_us(written, dt.UTC) == EVENING


@pytest.mark.parametrize("written", ["", "yesterday", "31/31/2026 20:01", None, {}, "9" * 80])
def test_what_is_no_time_is_none(written: object) -> None:
    """A broken time leaves the event without one, and raises nothing."""
    assert time_us(written, dt.UTC) is None


@pytest.mark.parametrize(
    ("logged", "address"),
    [
        ("203.0.113.66", "203.0.113.66"),
        ("203.0.113.66:50123", "203.0.113.66"),
        ("[2001:db8::66]:50123", "2001:db8::66"),
        ("::ffff:203.0.113.66", "203.0.113.66"),
        ("ec2.amazonaws.com", None),
        ("AWS Internal", None),
        ("", None),
        (None, None),
    ],
)
def test_clients(logged: str | None, address: str | None) -> None:
    """A client's address comes without its port; a service's name is no address."""
    assert client(logged) == address


def test_degrees_that_mean_nowhere() -> None:
    """Services write 0, 0 where they know no place; what is no number is none."""
    assert degrees(50.11, "8.68") == "50.11,8.68"
    assert [degrees(0, 0), degrees(None, 8), degrees(91, 0), degrees("x", "y")] == [None] * 4


def test_lists_of_objects_become_fields_without_their_places() -> None:
    """``a.b`` of several objects holds all their values, one value stands alone, and the list is there as a whole."""
    flat = Fields()({"a": [{"b": 1}, {"b": 2}], "c": [{"d": "x"}], "e": ["only"], "f": {}, "g": None})
    assert flat == {
        "a": '[{"b":1},{"b":2}]', "a.b": "[1,2]", "c": '[{"d":"x"}]', "c.d": "x", "e": "only", "f": "{}", "g": None,
    }  # fmt: skip


def test_names_beyond_the_bound_stand_together() -> None:
    """A caller who invents names of fields, request by request, does not get a column for each."""
    fields = Fields()
    for turn in range(50):
        flat = fields({f"name{turn}-{number}": "x" for number in range(100)})
    assert set(flat) == {"_rest"}


def test_a_record_that_carries_another_is_that_one() -> None:
    """Text in place of the carried record leaves the carrier as it is."""
    carrier = {"AuditData": '{"Operation":"FileDownloaded"}', "Operations": "FileDownloaded"}
    assert unwrapped(carrier) == {"Operation": "FileDownloaded"}
    broken = {"AuditData": '{"Operation":', "Operations": "FileDownloaded"}
    assert unwrapped(broken) == broken
    assert turned({"RawEventData": "no object", "ActionType": "x"}) == {"RawEventData": "no object", "ActionType": "x"}


def test_kinds_are_those_of_the_taxonomy() -> None:
    """Golden logs say no kind that the taxonomy does not name, and nearly all that it names."""
    golden = Path(__file__).parents[1] / "contract" / "golden"
    said = set[str]()
    for log in ("azure", "cloudtrail", "github", "google", "m365", "okta"):
        for path in golden.glob(f"{log}/*.out.jsonl"):
            said |= set(re.findall(r'"norm\.kind": "([^"]+)"', path.read_text(encoding="utf-8")))
    assert said <= set(CLOUD_KINDS)
    assert set(CLOUD_KINDS) - said <= {"delete"}


def test_denied_step_before_success_is_no_refusal() -> None:
    """Who refused a first request and then let in another one is logged in: the outcome is what the service says."""
    record = {"userPrincipalName": "u", "appId": "a", "ipAddress": "192.0.2.1", "status": {"errorCode": 0}}
    steps = [{"authenticationStepResultDetail": "MFA denied; user declined the authentication"}]
    event = framing_azure.read(record | {"authenticationDetails": steps}, Fields())
    assert event is not None
    assert (event.deed.kind, event.deed.login) == ("sign-in", "success")


def test_failed_second_factor_is_no_wrong_password() -> None:
    """Who is asked for a second factor knew the password: such tries do not count as guessing."""
    record = {"userPrincipalName": "u", "appId": "a", "ipAddress": "192.0.2.1", "status": {"errorCode": 500121}}
    event = framing_azure.read(record, Fields())
    assert event is not None
    assert (event.deed.kind, event.deed.login) == ("mfa-refused", "")
    locked = framing_azure.read(record | {"status": {"errorCode": 50053}}, Fields())
    assert locked is not None
    assert locked.deed.login == "denied"


@pytest.mark.parametrize("parameters", ["-SearchName all -Export", [], {}, [None], [{"Name": None}], [{"Name": "x"}]])
def test_odd_parameters_are_no_reason_to_lose_a_record(parameters: object) -> None:
    """What stands in place of names and values is kept or left out, and the record is read."""
    record = {"Operation": "x", "CreationTime": "", "UserId": "u", "Workload": "y", "Parameters": parameters}
    assert framing_m365.read(record, Fields()) is not None


@pytest.mark.parametrize("log", ["m365", "google"])
def test_names_of_the_batch_cannot_be_taken_by_a_record(log: str) -> None:
    """A property that is called as a batch's own columns are makes no second column of that name."""
    named = [{"Name": name, "NewValue": "1"} for name in ("number", "time_us", "norm.user", "_rest")]
    told = [{"name": each["Name"], "value": "1"} for each in named]
    record = {
        "m365": {"Operation": "x", "CreationTime": "", "UserId": "u", "Workload": "y", "ModifiedProperties": named},
        "google": {"id": {"applicationName": "admin"}, "events": [{"name": "x", "parameters": told}]},
    }[log]
    text = compact(record)
    chosen, _definition = registry.by_name(log)
    batch = chosen.parser(ParseContext("x", 0)).parse(LineBlock("x", 1, [text.encode()], [text])).batches[0]
    assert len(set(batch.table.column_names)) == len(batch.table.column_names)
    assert batch.table["number"].to_pylist() == [1]
    assert batch.table["norm.user"].to_pylist() == ["u" if log == "m365" else None]


def test_places_apart() -> None:
    """Frankfurt and São Paulo are 9,800 km apart; from a place that is not known it is nowhere far."""
    frame = pl.DataFrame({"one": ["50.11,8.68", "50.11,8.68", None], "other": ["-23.55,-46.63", "50.11,8.68", "1,1"]})
    far, same, unknown = frame.select(apart_km(pl.col("one"), pl.col("other"))).to_series().to_list()
    assert 9_700 < far < 9_900
    assert same < 1
    assert unknown is None


def test_log_ins_to_machines_have_the_country_of_their_address() -> None:
    """Where the log names no country, the registries do; where neither knows, the log-in says nothing of places."""
    rows = {
        "action": ["success", "success", "failure"], "user": ["root"] * 3, "time_us": [1, 2, 3], "number": [1, 2, 3],
        "src_ip": ["8.8.8.8", "192.0.2.1", "8.8.8.8"], "hostname": ["vote1"] * 3,
    }  # fmt: skip
    found = accepted(Seen(EventBatch(AUTH, "auth.log", pa.table(rows))))
    assert found["country"].to_list() == ["US"]
    assert found["number"].to_list() == [1]
