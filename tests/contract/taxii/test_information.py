"""Sections 4 and 5.1 to 5.2: discovery, API root, status, collections."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from member_scenes import made
from pollwatch.errors import PolicyError, StoreError
from pollwatch.members import document
from pollwatch.members.marking import Tlp
from pollwatch.sharing.taxii import intake, resources
from pollwatch.sharing.taxii.grants import EVERYBODY, Grants
from taxii_scenes import API, TAXII, Scene, indicator, objects_url, post, stix_id


def test_discovery_lists_the_api_root(server: Scene) -> None:
    """The discovery resource has a title, and its API roots are relative URLs without a query; one is the default."""
    found = server.client().get("/taxii2/").json()
    assert found["title"]
    assert found["default"] in found["api_roots"]
    for each in found["api_roots"]:
        assert each.startswith("/")
        assert not each.startswith(("//", "../"))
        assert "?" not in each
        assert server.client().get(each).status_code == 200


def test_the_api_root_says_what_it_speaks(server: Scene) -> None:
    """The API root names TAXII 2.1 among its versions and a positive max_content_length."""
    found = server.client().get(API).json()
    assert found["title"] == "Watch"
    assert TAXII in found["versions"]
    assert found["max_content_length"] > 0
    assert isinstance(found["max_content_length"], int)


def test_max_content_length_is_kept(server: Scene) -> None:
    """A body of exactly that size is read; one byte more is 413, whether its length is said or not."""
    shelf = server.shelf()
    head = b'{"objects":[{"id":"x","type":"x","name":"'
    body = head + b"x" * (intake.MAX_BYTES - len(head) - 4) + b'"}]}'
    assert len(body) == server.client().get(API).json()["max_content_length"]
    assert server.client().post(objects_url(shelf), content=body).status_code == 202
    assert server.client().post(objects_url(shelf), content=body + b" ").status_code == 413

    async def chunks() -> object:
        for _ in range(3):
            yield body[: len(body) // 2]

    assert server.client().post(objects_url(shelf), content=chunks()).status_code == 413
    lied = server.client().post(objects_url(shelf), content=b"{}", headers={"content-length": str(1 << 40)})
    assert lied.status_code == 413


def test_a_status_can_be_asked_for_again(server: Scene) -> None:
    """The status of a POST is the same when it is asked for; also a day later, and from its member alone."""
    shelf = server.shelf()
    status = post(server.client(), shelf, indicator(1), {"type": "x"})
    url = f"{API}status/{status['id']}/"
    server.clock.advance(24 * 3600)
    assert server.client().get(url).json() == status
    assert server.client("Cedar").get(url).status_code == 404
    server.clock.advance(30 * 24 * 3600)
    post(server.client(), shelf, indicator(2))
    assert server.client().get(url).status_code == 404


def test_a_status_counts_and_names_every_object(server: Scene) -> None:
    """Counts add up, each object is named with its id and version, each failure says why; `complete` is final."""
    old = indicator(3) | {"spec_version": "2.0"}
    status = post(server.client(), server.shelf(), indicator(1), indicator(2), old, indicator(4) | {"type": "malware"})
    assert (status["status"], status["total_count"], status["pending_count"]) == ("complete", 4, 0)
    assert (status["success_count"], status["failure_count"]) == (2, 2)
    version = "2026-11-01T00:00:00.000Z"
    assert status["successes"] == [{"id": stix_id("indicator", n), "version": version} for n in (1, 2)]
    assert [(each["id"], each["version"]) for each in status["failures"]] == [
        (stix_id("indicator", n), version) for n in (3, 4)
    ]
    assert "2.0" in status["failures"][0]["message"]
    assert "malware" in status["failures"][1]["message"]


def test_a_status_carries_a_signed_receipt(server: Scene) -> None:
    """The receipt in a status is the server's signature over who posted and what: portable proof that it was taken."""
    shelf = server.shelf()
    status = post(server.client(), shelf, indicator(1))
    note = base64.b64decode(status["x_pollwatch_receipt"])
    record = document.open_signed("taxii-receipt", note, server.alder.member.gateway)
    assert (record["request"], record["member"], record["signed"]) == (status["id"], "Birch", False)
    assert (record["collection"], record["count"]) == (shelf.id, 1)
    (event,) = server.store.unsealed()
    assert event.note == note


def test_collections_are_listed_in_one_order(server: Scene) -> None:
    """Collections come in the same order each time, with id, title and what the asking member may do."""
    made = [server.shelf(title) for title in ("B", "A", "C")]
    first, second = (server.client().get(f"{API}collections/").json()["collections"] for _ in range(2))
    assert first == second
    assert [each["id"] for each in first] == [each.id for each in made]
    for each in first:
        assert (each["can_read"], each["can_write"]) == (True, True)
        assert each["media_types"] == ["application/stix+json;version=2.1"]


def test_a_collection_has_an_id_and_may_have_an_alias(server: Scene) -> None:
    """A collection is found by its UUIDv4 or by its alias; both give the resource of the list."""
    shelf = server.shelf(alias="ioc", description="Addresses.")
    (listed,) = server.client().get(f"{API}collections/").json()["collections"]
    for name in (shelf.id, "ioc"):
        assert server.client().get(f"{API}collections/{name}/").json() == listed
    assert listed["alias"] == "ioc"
    assert listed["description"].startswith("Addresses.")
    assert listed["id"][14] == "4"


def test_an_alias_is_unique(server: Scene) -> None:
    """Two collections cannot have one alias; nor can an alias be what URLs would not carry."""
    server.shelf("a", alias="ioc")
    with pytest.raises(StoreError, match="ioc"):
        server.shelf("b", alias="ioc")
    with pytest.raises(PolicyError, match="alias"):
        server.shelf("c", alias="a/b")


def test_what_a_member_may_not_use_it_does_not_see(server: Scene) -> None:
    """A collection without any grant is neither listed nor found, at no endpoint (404)."""
    shelf = server.shelf(readers=("Birch",), writers=("Birch",))
    post(server.client("Birch"), shelf, indicator(1))
    outsider = server.client("Cedar")
    assert outsider.get(f"{API}collections/").json() == {}
    base = f"{API}collections/{shelf.id}/"
    one = f"{objects_url(shelf)}{stix_id('indicator', 1)}/"
    for path in (base, f"{base}manifest/", objects_url(shelf), one, f"{one}versions/"):
        assert outsider.get(path).status_code == 404
    assert outsider.delete(one).status_code == 404
    assert outsider.post(objects_url(shelf), json={"objects": [indicator(2)]}).status_code == 404


def test_reading_and_writing_are_granted_apart(server: Scene) -> None:
    """Without can_read every reading endpoint is 403, without can_write POST is 403; DELETE needs both."""
    readable = server.shelf("r", readers=(EVERYBODY,), writers=("Alder",))
    writable = server.shelf("w", readers=("Alder",), writers=(EVERYBODY,))
    listed = {each["title"]: each for each in server.client().get(f"{API}collections/").json()["collections"]}
    assert (listed["r"]["can_read"], listed["r"]["can_write"]) == (True, False)
    assert (listed["w"]["can_read"], listed["w"]["can_write"]) == (False, True)
    client = server.client()
    post(client, writable, indicator(1))
    assert client.post(objects_url(readable), json={"objects": [indicator(1)]}).status_code == 403
    one = f"{objects_url(writable)}{stix_id('indicator', 1)}/"
    manifest = f"{API}collections/{writable.id}/manifest/"
    for path in (objects_url(writable), one, f"{one}versions/", manifest):
        assert client.get(path).status_code == 403
    assert client.delete(one).status_code == 403
    assert client.delete(f"{objects_url(readable)}{stix_id('indicator', 1)}/").status_code == 403


def test_no_collection_is_for_red(server: Scene) -> None:
    """TLP:RED is for people, not for organisations: nothing of that marking is taken."""
    shelf = server.shelf(tlp=Tlp.AMBER)
    red = indicator(1, object_marking_refs=["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"])
    assert "TLP:RED" in post(server.client(), shelf, red)["failures"][0]["message"]


def test_titles_of_an_exercise_say_so(server: Scene) -> None:
    """Whatever client shows them, nobody takes server, API root or collection of an exercise for real ones."""
    members = tuple(made(name, port, exercise=True).member for name, port in (("Alder", 8001), ("Birch", 8002)))
    drill = replace(server.charter, members=members, exercise=True)
    shelf = server.shelf("Indicators")
    for charter, mark in ((drill, "EXERCISE: "), (server.charter, "")):
        answers = (
            resources.discovery(charter, members[0]),
            resources.api_root(charter, members[0]),
            resources.collection(shelf, Grants(can_read=True, can_write=False), charter),
        )
        titles = [json.loads(each)["title"] for each in answers]
        assert titles == [f"{mark}pollwatch: Alder", f"{mark}Watch", f"{mark}Indicators"]
