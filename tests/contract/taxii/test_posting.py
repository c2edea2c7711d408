"""Section 5.5: adding objects."""

from __future__ import annotations

import json

import pytest

from pollwatch import canonical
from taxii_scenes import TAXII, Scene, indicator, objects_url, post, stix_id


def test_what_is_posted_can_be_read(server: Scene) -> None:
    """An accepted object comes back as it was sent, to the value; 202 with a status says that it was accepted."""
    odd = indicator(
        1, name='näme \u2028 \U0001f5f3 \\ "', x_float=1.5e-7, x_int=2**53 - 1, x_nested={"b": [1, {"a": None}]}
    )
    shelf = server.shelf()
    assert post(server.client(), shelf, odd)["success_count"] == 1
    (found,) = server.client().get(objects_url(shelf)).json()["objects"]
    assert found == odd


def test_an_exact_duplicate_is_no_error(server: Scene) -> None:
    """Posting the same object again succeeds and changes nothing; in another layout, too, and twice in one envelope."""
    shelf = server.shelf()
    post(server.client(), shelf, indicator(1))
    before = server.client().get(objects_url(shelf))
    again = canonical.pretty({"objects": [dict(reversed(indicator(1).items())), indicator(1)]})
    answer = server.client().post(objects_url(shelf), content=again.encode())
    assert (answer.status_code, answer.json()["success_count"]) == (202, 2)
    after = server.client().get(objects_url(shelf))
    assert (after.content, after.headers["x-taxii-date-added-last"]) == (
        before.content,
        before.headers["x-taxii-date-added-last"],
    )


def test_a_version_is_not_overwritten(server: Scene) -> None:
    """Attack 11: other content under the same id and version is refused, and what was there stays."""
    shelf = server.shelf()
    post(server.client(), shelf, indicator(1))
    status = post(server.client(), shelf, indicator(1, name="changed"))
    assert "later modified" in status["failures"][0]["message"]
    assert server.client().get(objects_url(shelf)).json()["objects"] == [indicator(1)]


@pytest.mark.parametrize("spelling", ["2026-11-01T00:00:00Z", "2026-11-01T00:00:00.0000000Z"])
def test_one_moment_is_one_version(server: Scene, spelling: str) -> None:
    """The same moment in another spelling is the same version, when posting and when asking."""
    shelf = server.shelf()
    post(server.client(), shelf, indicator(1))
    assert post(server.client(), shelf, indicator(1, name="other", modified=spelling))["failure_count"] == 1
    found = server.client().get(f"{objects_url(shelf)}?match[version]={spelling}").json()
    assert found["objects"] == [indicator(1)]


def test_several_versions_in_any_order(server: Scene) -> None:
    """Versions may come in one envelope and out of order; the latest is the one with the latest `modified`."""
    shelf = server.shelf()
    post(server.client(), shelf, indicator(1, 5), indicator(1, 1))
    post(server.client(), shelf, indicator(1, 3))
    url = f"{objects_url(shelf)}{stix_id('indicator', 1)}/"
    assert server.client().get(url).json()["objects"] == [indicator(1, 5)]
    every = server.client().get(f"{url}?match[version]=all").json()["objects"]
    assert every == [indicator(1, 5), indicator(1, 1), indicator(1, 3)]
    assert server.client().get(f"{url}?match[version]=first").json()["objects"] == [indicator(1, 1)]


@pytest.mark.parametrize(
    "content_type",
    [TAXII, "application/taxii+json", "application/taxii+json; version=2.1", "Application/TAXII+JSON;version=2.1"],
)
def test_the_taxii_media_type_is_taken(server: Scene, content_type: str) -> None:
    """A body of a TAXII media type is never answered with 415."""
    answer = server.client().post(
        objects_url(server.shelf()), json={"objects": [indicator(1)]}, headers={"content-type": content_type}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (202, TAXII)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/stix+json;version=2.1", "application/taxii+json;version=2.0", "x", ""],
)
def test_other_media_types_are_unsupported(server: Scene, content_type: str) -> None:
    """A body of another type is 415 and is not read; nor is one that is compressed."""
    shelf = server.shelf()
    answer = server.client().post(
        objects_url(shelf), json={"objects": [indicator(1)]}, headers={"content-type": content_type}
    )
    assert (answer.status_code, answer.json()["http_status"]) == (415, "415")
    packed = server.client().post(objects_url(shelf), content=b"x", headers={"content-encoding": "gzip"})
    assert packed.status_code == 415
    assert server.client().get(objects_url(shelf)).json() == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"objects"',
        b"{}",
        b'{"objects":[]}',
        b'{"objects":{}}',
        b'{"objects":null}',
        b'{"objects":[1],"objects":[2]}',
        b'{"objects":[{"id":NaN}]}',
        b'{"objects":[{"id":1e999}]}',
        b'{"objects":["\xff"]}',
        b'\xef\xbb\xbf{"objects":[{}]}',
        b'{"objects":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"type":"bundle","id":"bundle--1"}',
    ],
)
def test_what_is_no_envelope_is_unprocessable(server: Scene, body: bytes) -> None:
    """A malformed body is 422 as a whole: no JSON, ambiguous JSON, no list of objects, an empty list, absurd depth."""
    answer = server.client().post(objects_url(server.shelf()), content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, TAXII)
    assert answer.json()["description"]


def test_more_objects_than_allowed_are_refused(server: Scene) -> None:
    """An envelope of 10,001 objects is refused as a whole, with the number that is allowed."""
    body = b'{"objects":[' + b",".join([b"1"] * 10_001) + b"]}"
    answer = server.client().post(objects_url(server.shelf()), content=body)
    assert (answer.status_code, "10000" in answer.json()["description"]) == (422, True)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1, "JSON object"),
        ({}, "identifier"),
        ({"type": "indicator"}, "identifier"),
        (indicator(1, id="indicator--1"), "identifier"),
        (indicator(1, id=7), "identifier"),
        (indicator(1, type="malware"), "malware"),
        (indicator(1, type=None), "None"),
        (indicator(1, spec_version="2.0"), "STIX 2.0"),
        ({name: value for name, value in indicator(1).items() if name != "spec_version"}, "STIX 2.0"),
        (indicator(1, modified="yesterday"), "timestamp"),
        (indicator(1, modified="2026-11-01T00:00:00+00:00"), "timestamp"),
        (indicator(1, modified="2026-02-30T00:00:00Z"), "calendar"),
        (indicator(1, modified=7), "timestamp"),
        (indicator(1, modified="2026-10-01T00:00:00Z"), "before it was created"),
        ({name: value for name, value in indicator(1).items() if name != "created"}, "without created"),
        (indicator(1, created_by_ref="indicator--x"), "identity"),
        (indicator(1, object_marking_refs="x"), "marking"),
        (indicator(1, name="\ud800"), "UTF-8"),
        (indicator(1, x=2**53), "canonical"),
        (indicator(1, name="x" * (1 << 20)), "bytes"),
        (indicator(1, x=json.loads("[" * 40 + "]" * 40)), "levels"),
    ],
)
def test_an_object_fails_alone(server: Scene, value: object, words: str) -> None:
    """An object that cannot be taken is a failure with its reason; the ones around it are taken all the same."""
    shelf = server.shelf()
    body = json.JSONEncoder().encode({"objects": [indicator(100), value, indicator(101)]}).encode()
    status = server.client().post(objects_url(shelf), content=body).json()
    assert (status["total_count"], status["success_count"], status["failure_count"]) == (3, 2, 1)
    (failed,) = status["failures"]
    assert words in failed["message"]
    assert failed["id"]
    assert failed["version"]
    assert len(server.client().get(objects_url(shelf)).json()["objects"]) == 2


def test_objects_without_versions_are_kept_whole(server: Scene) -> None:
    """An observable has no version of its own: the server's stays the same, other content becomes a later version."""
    shelf = server.shelf()
    address = {"type": "ipv4-addr", "spec_version": "2.1", "id": stix_id("ipv4-addr", 1), "value": "192.0.2.1"}
    status = post(server.client(), shelf, address)
    assert post(server.client(), shelf, address)["successes"] == status["successes"]
    post(server.client(), shelf, address | {"defanged": False})
    post(server.client(), shelf, address)
    versions = server.client().get(f"{objects_url(shelf)}{address['id']}/versions/").json()["versions"]
    assert versions[0] == status["successes"][0]["version"]
    assert len(versions) == 2
    assert server.client().get(objects_url(shelf)).json()["objects"] == [address | {"defanged": False}]


def test_marking_definitions_are_versioned_by_created(server: Scene) -> None:
    """An object that has `created` and no `modified` has that as its version (3.4.1, 5.3.1, 5.8)."""
    shelf = server.shelf()
    mark = {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": stix_id("marking-definition", 1),
        "created": "2026-01-01T00:00:00.000Z",
        "definition_type": "statement",
        "definition": {"statement": "ours"},
    }
    assert post(server.client(), shelf, mark)["successes"][0]["version"] == mark["created"]
    found = server.client().get(f"{objects_url(shelf)}{mark['id']}/versions/").json()
    assert found["versions"] == [mark["created"]]


def test_other_envelope_properties_are_ignored(server: Scene) -> None:
    """`more`, `next` and custom properties of an envelope change nothing (7.1.1)."""
    body = {"more": True, "next": "x", "x_other": 1, "objects": [indicator(1)]}
    assert server.client().post(objects_url(server.shelf()), json=body).json()["success_count"] == 1


def test_bodies_are_canonical_inside(server: Scene) -> None:
    """What is kept is the RFC 8785 form of what was sent: the bytes that others' signatures are over."""
    shelf = server.shelf()
    sent = indicator(1, x_b=1.0, x_a=[1e21, -0.0, 1e-9])
    post(server.client(), shelf, sent)
    (event,) = server.store.unsealed()
    (kept,) = server.store.kept(event)
    assert kept.body == canonical.dumps(sent)
    assert (kept.author, kept.signed, kept.collection) == ("Birch", False, shelf.id)


def test_a_member_cannot_fill_the_disk(server: Scene) -> None:
    """Attack 22: one member's share of the server is bounded; the others' is not touched, and deleting makes room."""
    server.store._max_share_bytes = 2_000  # noqa: SLF001 - 4 GiB otherwise
    shelf = server.shelf()
    status = post(server.client(), shelf, *(indicator(n) for n in range(10)))
    assert 0 < status["success_count"] < 10
    assert "share" in status["failures"][0]["message"]
    assert post(server.client("Cedar"), shelf, indicator(50))["success_count"] == 1
    assert server.client().delete(f"{objects_url(shelf)}{stix_id('indicator', 0)}/").status_code == 200
    assert post(server.client(), shelf, indicator(60))["success_count"] == 1
