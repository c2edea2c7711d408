"""Indicators read from CSV, STIX 2.1 and MISP: what is understood, and what is listed with its reason."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from pollwatch.clock import from_datetime
from pollwatch.errors import FormatError
from pollwatch.events.observable import Kind, Observable
from pollwatch.members.marking import Tlp
from pollwatch.sharing.indicators import reading
from pollwatch.sharing.indicators.candidates import Read
from pollwatch.stix import pattern

GRIZZLY = Path(__file__).parents[2].parent / "shared" / "data" / "grizzly-steppe" / "JAR-16-20296A.csv"
IDENTITY = "identity--11111111-1111-4111-8111-111111111111"


def values(found: Read) -> list[str]:
    """What was read, in order."""
    return [each.observable.value for each in found.candidates]


def at(*moment: int) -> int:
    """Microseconds of a UTC time."""
    return from_datetime(dt.datetime(*moment, tzinfo=dt.UTC))  # type: ignore[arg-type,misc]


def test_a_list_as_it_comes_by_mail() -> None:
    """Defanged values, inline comments, ranges, ports and brackets are understood; what is none is listed."""
    text = """
        # seen on election night
        203[.]0[.]113[.]7   # the loud one
        hxxps://evil[.]example/login
        clerk[at]evil[.]example
        203.0.113.8 - 203.0.113.11
        [2001:db8::1]:8443
        evil(dot)example
        somebody's notes
        8F154D23AC2071D7F179959AABA37AD5
    """
    found = reading.read_bytes(text.encode())
    assert values(found) == [
        "203.0.113.7", "https://evil.example/login", "clerk@evil.example", "203.0.113.8/30", "2001:db8::1",
        "evil.example", "8f154d23ac2071d7f179959aaba37ad5",
    ]  # fmt: skip
    assert [(each.where, each.what) for each in found.refused] == [("line 9", "somebody's notes")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_with_a_header(encoding: str, delimiter: str) -> None:
    """Columns are found by what people call them, in any encoding and with any usual delimiter."""
    rows = [
        ("Indicator_Value", "Type", "Last Seen", "Handling", "Confidence", "Comment"),
        ("203.0.113.7", "IPV4ADDR", "2026-11-03T20:00:00Z", "TLP:WHITE", "90", "größer"),
        ("evil.example", "FQDN", "2026-11-03", "TLP:AMBER+STRICT", "", "c2"),
        ("not-a-hash", "MD5", "", "", "", ""),
    ]
    data = "\n".join(delimiter.join(row) for row in rows).encode(encoding)
    found = reading.read_bytes(data)
    first, second = found.candidates
    assert (first.observable, first.tlp, first.confidence, first.text) == (
        Observable(Kind.IPV4, "203.0.113.7"), Tlp.CLEAR, 90, "größer",
    )  # fmt: skip
    assert first.observed_us == at(2026, 11, 3, 20)
    assert (second.observable.kind, second.tlp, second.observed_us) == (Kind.DOMAIN, Tlp.AMBER_STRICT, at(2026, 11, 3))
    assert [each.where for each in found.refused] == ["line 4"]


def test_columns_that_are_named_by_kind() -> None:
    """Feeds that have a column for each kind give all of a row's values."""
    found = reading.read_bytes(
        b"ip,domain,sha1\n203.0.113.7,evil.example,\n,,9cb7716d83c0d06ab356bdfa52def1af64bc5210\n"
    )
    assert values(found) == ["203.0.113.7", "evil.example", "9cb7716d83c0d06ab356bdfa52def1af64bc5210"]


def test_bytes_of_no_encoding_are_read_and_said_to_be() -> None:
    """A list in Windows-1252 is read, and the guess is told."""
    found = reading.read_bytes("value;comment\n203.0.113.7;gr\u00fc\u00dfe".encode("cp1252"))
    assert values(found) == ["203.0.113.7"]
    assert "Windows-1252" in found.refused[0].reason


@pytest.mark.skipif(not GRIZZLY.exists(), reason="no ../shared")
def test_grizzly_steppe_is_read_whole() -> None:
    """The list of 2016: 876 addresses, 24 hashes (19 only in its comments), 10 names, one URL; nothing is lost."""
    found, _data = reading.read_path(GRIZZLY)
    kinds = [each.observable.kind for each in found.candidates]
    assert [kinds.count(kind) for kind in (Kind.IPV4, Kind.HASH, Kind.DOMAIN, Kind.URL)] == [876, 24, 10, 1]
    assert not found.refused
    assert {each.tlp for each in found.candidates} == {Tlp.CLEAR}


def indicator(number: int, stix_pattern: str, **more: object) -> dict[str, Any]:
    """A STIX 2.1 indicator as somebody else's tool writes it."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{number:08d}-1111-4111-8111-111111111111",
        "created_by_ref": IDENTITY,
        "created": "2026-11-01T00:00:00.000Z",
        "modified": "2026-11-02T00:00:00.000Z",
        "pattern": stix_pattern,
        "pattern_type": "stix",
        "valid_from": "2026-11-01T00:00:00Z",
        **more,
    }


def bundle(*objects: dict[str, Any]) -> bytes:
    """A bundle of them."""
    return json.dumps({"type": "bundle", "id": "bundle--1", "objects": objects}).encode()  # noqa: TID251


def test_stix_indicators_and_sightings() -> None:
    """Indicators come dated and marked; a sighting speaks for what it is of; the rest is listed with reasons."""
    clear = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"
    white = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"
    good = indicator(1, "[ipv4-addr:value = '203.0.113.7' OR domain-name:value = 'evil.example']",
                     object_marking_refs=[clear], confidence=100, name="C2")  # fmt: skip
    sighting = {"type": "sighting", "spec_version": "2.1", "id": "sighting--11111111-1111-4111-8111-111111111111",
                "created": "2026-11-04T00:00:00Z", "modified": "2026-11-04T00:00:00Z",
                "last_seen": "2026-11-03T22:00:00Z", "sighting_of_ref": good["id"]}  # fmt: skip
    found = reading.read_bytes(bundle(
        {"type": "identity", "spec_version": "2.1", "id": IDENTITY, "name": "Somebody"},
        sighting,
        good,
        indicator(2, "alert tcp any any", pattern_type="snort"),
        indicator(3, "[process:name = 'x']"),
        indicator(4, "[url:value = 'http://evil.example/a']", object_marking_refs=[white]),
        indicator(5, "[ipv4-addr:value = '203.0.113.9']", revoked=True, description="a mistake"),
        {"type": "indicator", "id": "indicator--x"},
    ))  # fmt: skip
    assert found.maker == "Somebody"
    assert values(found) == ["203.0.113.7", "evil.example", "http://evil.example/a", "203.0.113.7", "evil.example"]
    assert [each.tlp for each in found.candidates[:3]] == [Tlp.CLEAR, Tlp.CLEAR, Tlp.CLEAR]
    assert found.candidates[0].observed_us == at(2026, 11, 1)
    assert found.candidates[3].observed_us == at(2026, 11, 3, 22)
    assert [(each.reason) for each in found.taken_back] == ["a mistake"]
    assert len(found.refused) == 3
    assert "snort" in found.refused[0].reason
    assert "process:name" in found.refused[1].reason


def test_stix_objects_one_a_line_as_they_are_pulled() -> None:
    """What a TAXII pull writes to a pipe is read; a broken line is listed, one object alone is read too."""
    good = json.dumps(indicator(1, "[ipv4-addr:value = '203.0.113.7']"))  # noqa: TID251
    found = reading.read_bytes(f"{good}\n{{broken\n{good.replace('.7', '.8')}\n".encode())
    assert values(found) == ["203.0.113.7", "203.0.113.8"]
    assert [each.where for each in found.refused] == ["line 2"]
    assert values(reading.read_bytes(good.encode())) == ["203.0.113.7"]


def event(*attributes: dict[str, Any], **more: object) -> bytes:
    """A MISP event."""
    body = {"info": "Wave of mails", "uuid": "5f0c2a3e-0000-4000-8000-000000000001", "date": "2026-11-01",
            "Orgc": {"name": "CERT"}, "Attribute": attributes, **more}  # fmt: skip
    return json.dumps({"Event": body}).encode()  # noqa: TID251


def attribute(kind: str, value: str, **more: object) -> dict[str, Any]:
    """A MISP attribute for detection."""
    return {"type": kind, "value": value, "to_ids": True, "timestamp": "1793491200", "uuid": f"{kind}-{value}", **more}


def test_misp_events() -> None:
    """Attributes for detection are taken, in objects too; context is counted; the rest is listed with reasons."""
    found = reading.read_bytes(event(
        attribute("ip-dst|port", "203.0.113.7|443"),
        attribute("domain|ip", "evil.example|203.0.113.8"),
        attribute("filename|sha256", "mail.doc|" + "ab" * 32, Tag=[{"name": "tlp:red"}]),
        attribute("email-src", "Clerk@Evil.example", to_ids=False),
        attribute("yara", "rule x {}"),
        attribute("ip-src", "999.1.1.1"),
        attribute("url", "http://evil.example/", deleted=True),
        {"type": 7},
        Tag=[{"name": "tlp:amber"}],
        Object=[{"name": "email", "Attribute": [attribute("email-src", "clerk@evil.example", last_seen="2026-11-02")]}],
    ))  # fmt: skip
    assert found.maker == "CERT"
    assert values(found) == ["203.0.113.7", "evil.example", "203.0.113.8", "ab" * 32, "clerk@evil.example"]
    assert [each.tlp for each in found.candidates[2:4]] == [Tlp.AMBER, Tlp.RED]
    assert found.candidates[0].observed_us == at(2026, 11, 1)
    assert found.candidates[-1].observed_us == at(2026, 11, 2)
    assert found.other == {"email-src": 1}
    assert len(found.refused) == 4


def test_a_misp_feed_in_a_folder(tmp_path: Path) -> None:
    """Events are read by the manifest; a name that would leave the folder is refused, a missing file listed."""
    name = "5f0c2a3e-0000-4000-8000-000000000001"
    missing = name.replace("5f", "6f")
    manifest = {name: {"info": "x"}, missing: {}, "../../etc/passwd": {}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))  # noqa: TID251
    (tmp_path / f"{name}.json").write_bytes(event(attribute("domain", "evil.example")))
    found, _data = reading.read_path(tmp_path)
    assert (found.format, values(found)) == ("misp-feed", ["evil.example"])
    assert {each.where for each in found.refused} == {"manifest.json", f"{missing}.json"}


NOTHING = (
    *(b"{}", b'{"objects": 3}', b'{"type": "bundle", "type": "x"}', b'[{"a":' * 50_000),
    *(b'{"Event": []}', b'{"Event": 1}', b'{"a":' * 50_000),
)


@pytest.mark.parametrize("data", NOTHING)
def test_what_holds_nothing_of_the_kind_is_refused(data: bytes) -> None:
    """Files that are malformed as a whole, ambiguous or nested without end are refused with a reason."""
    with pytest.raises(FormatError, match=r"\w"):
        reading.read_bytes(data)


ODD = {
    "[ipv4-addr:value = '203.0.113.7' AND domain-name:value = 'evil.example']": "several things at once",
    "[ipv4-addr:value = '203.0.113.7'] FOLLOWEDBY [domain-name:value = 'evil.example']": "several things at once",
    "[ipv4-addr:value = '203.0.113.7'] REPEATS 5 TIMES": "count or a time",
    "[ipv4-addr:value != '203.0.113.7']": "only =",
    "[NOT ipv4-addr:value = '203.0.113.7']": "absent",
    "[domain-name:value ISSUBSET 'evil.example']": "only addresses",
    "[ipv4-addr:value = '203.0.113.7'": "its end",
    "[ipv4-addr:value = '203.0.113.7'] x": "after its end",
    "[ipv4-addr:value = 'evil']": "no IPv4",
    "[ipv4-addr:value[*] = 'x']": "index",
    "(" * 40 + "[ipv4-addr:value = '203.0.113.7']": "parentheses",
    "[a:b = '\u00e4\x00]": "not understood",
}


@pytest.mark.parametrize("text", ODD)
def test_patterns_that_ask_for_more_are_refused(text: str) -> None:
    """Half a pattern is never taken: it would look for something else than its author meant."""
    with pytest.raises(FormatError, match=ODD[text]):
        pattern.observables(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[(network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.7')]",
         ["203.0.113.7"]),
        (f"[file:name = 'x.doc' AND file:hashes.MD5 = '{'ab' * 16}' AND file:hashes.'SHA-1' = '{'cd' * 20}']",
         ["ab" * 16, "cd" * 20]),
        ("[ipv4-addr:value IN ('203.0.113.7', '203.0.113.8')] OR [ipv6-addr:value ISSUBSET '2001:db8::/32']",
         ["203.0.113.7", "203.0.113.8", "2001:db8::/32"]),
    ],
)  # fmt: skip
def test_patterns_that_name_alternatives_are_read(text: str, wanted: list[str]) -> None:
    """Alternatives, sets, several hashes of one file, and an address beside its own type are understood."""
    assert [each.value for each in pattern.observables(text)] == wanted
