"""Lists of indicators of every kind, as a feed that means harm may write them, and the patterns in them."""

from __future__ import annotations

from pathlib import Path

from pollwatch import canonical
from pollwatch.errors import PollwatchError
from pollwatch.events.observable import normalised
from pollwatch.sharing.indicators import reading
from pollwatch.stix import pattern

_STIX = "indicator--11111111-1111-4111-8111-111111111111"


def read(data: bytes) -> None:
    """What is read is in one spelling and comes back from its own pattern; what is not has a reason."""
    for format_name in ("", *reading.FORMATS):
        try:
            found = reading.read_bytes(data, format_name)
        except PollwatchError:
            continue
        for each in found.candidates:
            assert normalised(each.observable.kind, each.observable.value) == each.observable
            assert pattern.observables(pattern.write(each.observable)) == (each.observable,)
        assert all(each.reason for each in found.refused)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return
    try:
        pattern.observables(text)
    except PollwatchError:
        return


def seeds(folder: Path) -> list[bytes]:
    """A list as it is mailed, a table, a STIX bundle, a MISP event, and patterns."""
    del folder  # nothing needs the disk
    patterns = [
        "[ipv4-addr:value = '203.0.113.7' OR domain-name:value IN ('a.example', 'b.example')]",
        "[(network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.7')]",
        f"[file:hashes.'SHA-256' = '{'ab' * 32}' AND file:name = 'x']",
        "[ipv6-addr:value ISSUBSET '2001:db8::/32'] OR [url:value = 'http://evil.example/\\'']",
    ]
    objects = [
        {"type": "indicator", "spec_version": "2.1", "id": _STIX, "pattern_type": "stix", "pattern": each}
        for each in patterns
    ]
    sighting = {"type": "sighting", "spec_version": "2.1", "id": _STIX.replace("indicator", "sighting")}
    attribute = {"type": "domain|ip", "value": "evil.example|203.0.113.8", "to_ids": "1", "uuid": "u"}
    return [
        b"# a list\n203.0.113[.]7 # one\nhxxps://evil[.]example/a\nx[at]evil.example\n203.0.113.8-203.0.113.11\n",
        b"Indicator_Value;Type;Last Seen;TLP\n203.0.113.7;IPV4ADDR;2026-11-03;TLP:WHITE\n;MD5;SHA256:" + b"ab" * 32,
        "value\t203.0.113.7\n".encode("utf-16"),
        canonical.dumps({"type": "bundle", "objects": [*objects, {**sighting, "sighting_of_ref": _STIX}]}),
        b"\n".join(map(canonical.dumps, objects)),
        canonical.dumps({"Event": {"info": "x", "Attribute": [attribute], "Object": [{"Attribute": [attribute]}]}}),
        *(each.encode() for each in patterns),
    ]
