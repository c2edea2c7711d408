"""Sections 3.3 to 3.5 and 5.3 to 5.8: sorting, filters, pages, manifest, versions, deleting."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from pollwatch.sharing.taxii.grants import Shelf
from taxii_scenes import API, TAXII, Client, Scene, indicator, objects_url, post, stix_id


def names(client: Client, shelf: Shelf, query: str = "") -> list[tuple[str, str]]:
    """Number and second of each indicator that a query gives."""
    answer = client.get(objects_url(shelf) + query)
    assert answer.status_code == 200, answer.text
    return [(each["name"].split()[-1], each["modified"][17:19]) for each in answer.json().get("objects", [])]


def pages(client: Client, url: str, query: str, key: str = "objects") -> list[object]:
    """Everything that paging gives, page by page."""
    found: list[object] = []
    token = ""
    while True:
        answer = client.get(f"{url}?{query}{f'&next={quote(token)}' if token else ''}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page.get(key, [])
        if not page.get("more", False):
            assert "next" not in page
            return found
        token = page["next"]


def filled(server: Scene) -> Shelf:
    """Indicators 1 and 2 in three versions each, a malware and an address between them."""
    shelf = server.shelf()
    malware = indicator(9, type="malware", id=stix_id("malware", 9), name="malware 9")
    address = {
        "type": "ipv4-addr",
        "id": stix_id("ipv4-addr", 1),
        "value": "192.0.2.1",
        "name": "address 7",
        "modified": "2026-11-01T00:00:07.000Z",
        "created": "2026-11-01T00:00:07.000Z",
        "spec_version": "2.1",
    }
    post(server.client(), shelf, indicator(1, 2), indicator(2, 1), malware, indicator(1, 1))
    post(server.client(), shelf, address, indicator(2, 3), indicator(1, 3), indicator(2, 2))
    return shelf


def test_objects_come_in_the_order_in_which_they_were_added(server: Scene) -> None:
    """Objects and manifest are sorted by `date_added`, ascending; it is strictly increasing and unique."""
    shelf = filled(server)
    every = names(server.client(), shelf, "?match[version]=all")
    assert [each[0] for each in every] == ["1", "2", "9", "1", "7", "2", "1", "2"]
    manifest = server.client().get(f"{API}collections/{shelf.id}/manifest/?match[version]=all").json()["objects"]
    added = [each["date_added"] for each in manifest]
    assert added == sorted(set(added))
    assert len(added) == 8


def test_without_a_version_only_the_latest_is_given(server: Scene) -> None:
    """The default is `last`: one version of each object, the latest."""
    shelf = filled(server)
    latest = [("9", "00"), ("7", "07"), ("2", "03"), ("1", "03")]
    assert names(server.client(), shelf) == names(server.client(), shelf, "?match[version]=last") == latest


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("match[version]=first", [("2", "01"), ("9", "00"), ("1", "01"), ("7", "07")]),
        ("match[version]=first,last&match[type]=indicator", [("2", "01"), ("1", "01"), ("2", "03"), ("1", "03")]),
        ("match[version]=2026-11-01T00:00:02.000Z", [("1", "02"), ("2", "02")]),
        (
            "match[version]=2026-11-01T00:00:02.000Z,2026-11-01T00:00:01Z",
            [("1", "02"), ("2", "01"), ("1", "01"), ("2", "02")],
        ),
        (
            "match[version]=first,2026-11-01T00:00:02.000Z&match[type]=indicator",
            [("1", "02"), ("2", "01"), ("1", "01"), ("2", "02")],
        ),
        ("match[version]=2000-01-01T00:00:00.000Z", []),
        ("match[type]=malware", [("9", "00")]),
        ("match[type]=malware,ipv4-addr", [("9", "00"), ("7", "07")]),
        ("match[type]=campaign", []),
        ("match[type]=x-unheard-of", []),
        (f"match[id]={stix_id('indicator', 1)}", [("1", "03")]),
        (f"match[id]={stix_id('indicator', 2)},{stix_id('malware', 9)}", [("9", "00"), ("2", "03")]),
        (f"match[id]={stix_id('indicator', 1)}&match[version]=all", [("1", "02"), ("1", "01"), ("1", "03")]),
        (f"match[id]={stix_id('indicator', 1)}&match[type]=malware", []),
        (f"match[id]={stix_id('indicator', 5)}", []),
        ("match[spec_version]=2.1&match[type]=malware", [("9", "00")]),
        ("match[spec_version]=2.0,2.1&match[type]=malware", [("9", "00")]),
        ("match[spec_version]=2.0", []),
    ],
)
def test_filters_choose(server: Scene, query: str, expected: list[tuple[str, str]]) -> None:
    """Each field, several values (or), several fields (and), nothing found; brackets percent-encoded or not."""
    shelf = filled(server)
    assert names(server.client(), shelf, f"?{query}") == expected
    encoded = query.replace("[", "%5B").replace("]", "%5D").replace(",", "%2C")
    assert names(server.client(), shelf, f"?{encoded}") == expected


def test_added_after_is_exclusive(server: Scene) -> None:
    """`added_after` gives what was added later than that moment, to the microsecond, however it is spelled."""
    shelf = filled(server)
    url = f"{API}collections/{shelf.id}/manifest/?match[version]=all"
    manifest = server.client().get(url).json()["objects"]
    for place, each in enumerate(manifest):
        later = server.client().get(f"{url}&added_after={each['date_added']}").json().get("objects", [])
        assert later == manifest[place + 1 :]
    assert len(names(server.client(), shelf, "?match[version]=all&added_after=2026-11-03T20:00:00Z")) == 7
    assert len(names(server.client(), shelf, "?match[version]=all&added_after=2026-11-03T20:00:00.000Z")) == 7
    assert len(names(server.client(), shelf, "?match[version]=all&added_after=2026-11-03T19:59:59.9999999Z")) == 8
    assert len(names(server.client(), shelf, "?match[version]=all&added_after=0001-01-01T00:00:00Z")) == 8
    assert names(server.client(), shelf, "?match[version]=all&added_after=9999-12-31T23:59:59.999999Z") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 9, 1_000_000])
def test_pages_give_everything_once(server: Scene, limit: int) -> None:
    """Paging by `next` gives each object once, at every page size, on objects, manifest and with each filter."""
    shelf = filled(server)
    client = server.client()
    manifest = f"{API}collections/{shelf.id}/manifest/"
    for query in (
        "match[version]=all",
        "",
        "match[type]=indicator&match[version]=first,last",
        f"match[id]={stix_id('indicator', 1)}&match[version]=all",
    ):
        for url in (objects_url(shelf), manifest):
            whole = client.get(f"{url}?{query}").json()["objects"]
            assert pages(client, url, f"{query}&limit={limit}".lstrip("&")) == whole
            page = client.get(f"{url}?{query}&limit={limit}".replace("?&", "?")).json()
            assert len(page["objects"]) == min(limit, len(whole))
            assert page["more"] is (limit < len(whole))


def test_pages_can_be_turned_by_date(server: Scene) -> None:
    """`added_after` with the last page's X-TAXII-Date-Added-Last gives the next page as well (3.5)."""
    shelf = filled(server)
    found, after = [], ""
    for _ in range(4):
        answer = server.client().get(f"{objects_url(shelf)}?match[version]=all&limit=2{after}")
        found += answer.json()["objects"]
        after = f"&added_after={answer.headers['x-taxii-date-added-last']}"
    assert found == server.client().get(f"{objects_url(shelf)}?match[version]=all").json()["objects"]
    assert server.client().get(f"{objects_url(shelf)}?match[version]=all{after}").json() == {}


def test_the_original_query_goes_along_with_next(server: Scene) -> None:
    """`next` is taken together with the query that it came from; a changed limit is no other query."""
    shelf = filled(server)
    query = "?match[version]=all&added_after=2026-11-03T20:00:00Z"
    first = server.client().get(f"{objects_url(shelf)}{query}&limit=2").json()
    rest = server.client().get(f"{objects_url(shelf)}{query}&limit=500&next={first['next']}").json()
    assert first["objects"] + rest["objects"] == server.client().get(objects_url(shelf) + query).json()["objects"]


def test_next_is_not_trusted(server: Scene) -> None:
    """A `next` that is garbage is 400; one that was made up gives what the request's own query and grants give."""
    shelf, other = filled(server), server.shelf("other", readers=("Alder",))
    client = server.client()
    token = client.get(f"{objects_url(shelf)}?limit=1").json()["next"]
    for wrong in ("", "x", token[:-1], f"{token}0", token.upper() + "é", "-1", "0x0000000000000", "g" * 16):
        answer = client.get(f"{objects_url(shelf)}?next={wrong}")
        assert answer.status_code == 400
        assert "next" in answer.json()["description"]
    assert client.get(f"{objects_url(other)}?next={token}").status_code == 403
    assert names(client, shelf, f"?match[type]=malware&next={'0' * 16}") == [("9", "00")]
    assert names(client, shelf, f"?next={'0' * 16}&added_after=2031-01-01T00:00:00Z") == []
    assert names(client, shelf, f"?next={'f' * 16}") == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=1.5",
        "limit=x",
        "limit=",
        "limit=%2B1",
        "limit=1&limit=1",
        "limit=" + "9" * 40,
        "limit=٣",
        "added_after=yesterday",
        "added_after=",
        "added_after=2026-11-03",
        "added_after=2026-11-03T20:00:00",
        "added_after=2026-11-03T20:00:00+00:00",
        "added_after=2026-13-03T20:00:00Z",
        "added_after=2026-11-03T20:00:00Z&added_after=2026-11-03T20:00:00Z",
        "added_after=2026-11-03T20:00:00Z,2026-11-03T20:00:00Z",
        "match[version]=",
        "match[version]=newest",
        "match[version]=all,last",
        "match[version]=last,last",
        "match[version]=2026-11-01T00:00:02Z,2026-11-01T00:00:02.000Z",
        "match[version]=2026-11-01",
        "match[type]=",
        "match[type]=a,,b",
        "match[type]=a, b",
        "match[type]=a&match[type]=b",
        "match[id]=",
        "match[spec_version]=latest",
        "match[confidence]=3",
        "match[]=x",
        "match=x",
        "unknown=1",
        "Limit=1",
        "limit",
        "match[type]=%ff",
        "match[type]=%00",
        "x" * 33_000 + "=1",
        "match[type]=" + ",".join(["a"] * 501),
    ],
)
def test_garbage_is_refused_with_the_reason(server: Scene, query: str) -> None:
    """Whatever is malformed, unknown or said twice is 400 and says what; it is never silently ignored."""
    shelf = server.shelf()
    for path in (objects_url(shelf), f"{API}collections/{shelf.id}/manifest/"):
        answer = server.client().get(f"{path}?{query}")
        assert answer.status_code == 400
        assert answer.json()["description"]


def test_each_endpoint_takes_its_own_parameters(server: Scene) -> None:
    """A filter that an endpoint does not have is 400 there: id and type on one object, version on versions, ..."""
    shelf = filled(server)
    one = f"{objects_url(shelf)}{stix_id('indicator', 1)}/"
    wrong = [f"{one}?match[id]=x", f"{one}?match[type]=x", f"{one}versions/?match[version]=all"]
    wrong += [f"{path}?limit=1" for path in ("/taxii2/", API, f"{API}collections/", f"{API}collections/{shelf.id}/")]
    for url in wrong:
        assert server.client().get(url).status_code == 400
    for query in ("limit=1", "added_after=2026-11-03T20:00:00Z", "next=x", "match[type]=x"):
        assert server.client().delete(f"{one}?{query}").status_code == 400
    assert server.client().post(f"{objects_url(shelf)}?limit=1", json={"objects": [indicator(1)]}).status_code == 400


def test_one_object_and_its_versions(server: Scene) -> None:
    """An object is given in an envelope; its versions in the order in which they were added, with pages."""
    shelf = filled(server)
    one = f"{objects_url(shelf)}{stix_id('indicator', 1)}/"
    client = server.client()
    assert client.get(one).json()["objects"] == [indicator(1, 3)]
    assert client.get(f"{one}?match[version]=2026-11-01T00:00:01.000Z").json()["objects"] == [indicator(1, 1)]
    versions = [f"2026-11-01T00:00:0{second}.000Z" for second in (2, 1, 3)]
    assert client.get(f"{one}versions/").json() == {"more": False, "versions": versions}
    assert pages(client, f"{one}versions/", "limit=1", "versions") == versions
    assert pages(client, one, "limit=1&match[version]=all") == [indicator(1, second) for second in (2, 1, 3)]
    assert client.get(f"{one}versions/?match[spec_version]=2.0").json() == {}
    assert client.get(f"{one}versions/?added_after=2030-01-01T00:00:00Z").json() == {}


def test_nothing_found_is_an_empty_envelope(server: Scene) -> None:
    """An object that is there, in a version that never was, gives an empty envelope; an unknown object is 404."""
    shelf = filled(server)
    one = f"{objects_url(shelf)}{stix_id('indicator', 1)}/"
    assert server.client().get(f"{one}?match[version]=2001-01-01T00:00:00Z").json() == {}
    assert server.client().get(f"{one}?match[spec_version]=2.0").json() == {}
    for path in ("", "versions/"):
        assert server.client().get(f"{objects_url(shelf)}{stix_id('indicator', 77)}/{path}").status_code == 404


def test_a_manifest_names_what_objects_gives(server: Scene) -> None:
    """Manifest and objects answer every query alike; entries have id, date_added, version and media type."""
    shelf = filled(server)
    base = f"{API}collections/{shelf.id}/"
    for query in ("", "?match[version]=all", "?match[type]=indicator&match[version]=first", "?limit=3"):
        objects = server.client().get(f"{base}objects/{query}").json()["objects"]
        entries = server.client().get(f"{base}manifest/{query}").json()["objects"]
        assert [(each["id"], each["version"]) for each in entries] == [
            (each["id"], each["modified"]) for each in objects
        ]
        for each in entries:
            assert each.keys() == {"id", "date_added", "version", "media_type"}
            assert each["media_type"] == "application/stix+json;version=2.1"


def test_the_default_page_has_a_thousand_objects(server: Scene) -> None:
    """Without a limit a page has at most 1,000 objects; a larger limit gives no more."""
    shelf = server.shelf()
    post(server.client(), shelf, *(indicator(n) for n in range(1_001)))
    for query in ("", "?limit=5000"):
        page = server.client().get(objects_url(shelf) + query).json()
        assert (len(page["objects"]), page["more"]) == (1_000, True)
    assert len(pages(server.client(), objects_url(shelf), "")) == 1_001


def test_large_objects_make_short_pages(server: Scene) -> None:
    """A page is bounded in bytes, too: with large objects it ends early, and the rest follows."""
    shelf = server.shelf()
    for n in range(20):
        post(server.client(), shelf, indicator(n, description="x" * 1_000_000))
    first = server.client().get(objects_url(shelf))
    assert len(first.content) < 17 << 20
    assert (len(first.json()["objects"]), first.json()["more"]) == (16, True)
    assert len(pages(server.client(), objects_url(shelf), "")) == 20


def test_a_deleted_object_is_gone_everywhere(server: Scene) -> None:
    """After DELETE with 200 an object is 404, and in no list; a tombstone is signed, and a second DELETE is 404."""
    shelf = filled(server)
    one = f"{objects_url(shelf)}{stix_id('indicator', 1)}/"
    answer = server.client().delete(one)
    assert (answer.status_code, answer.content) == (200, b"")
    for path in (one, f"{one}?match[version]=all", f"{one}versions/"):
        assert server.client().get(path).status_code == 404
    base = f"{API}collections/{shelf.id}/"
    for path in (f"{base}objects/", f"{base}manifest/"):
        ids = [each["id"] for each in server.client().get(f"{path}?match[version]=all").json()["objects"]]
        assert stix_id("indicator", 1) not in ids
        assert len(ids) == 5
    assert server.client().delete(one).status_code == 404
    assert [each.kind for each in server.store.unsealed()] == ["taxii-receipt"] * 2 + ["taxii-tombstone"]


@pytest.mark.parametrize(
    ("query", "gone", "latest"),
    [
        ("last", "03", "02"),
        ("first", "01", "03"),
        ("2026-11-01T00:00:02Z", "02", "03"),
        ("2026-11-01T00:00:03.000Z", "03", "02"),
    ],
)
def test_a_deleted_version_is_gone_alone(server: Scene, query: str, gone: str, latest: str) -> None:
    """DELETE with a version removes that one: asking for it is 404, the others stay, the latest is the latest left."""
    shelf = filled(server)
    one = f"{objects_url(shelf)}{stix_id('indicator', 1)}/"
    client = server.client()
    assert client.delete(f"{one}?match[version]={query}").status_code == 200
    assert client.get(f"{one}?match[version]=2026-11-01T00:00:{gone}.000Z").status_code == 404
    assert client.delete(f"{one}?match[version]=2026-11-01T00:00:{gone}.000Z").status_code == 404
    left = client.get(f"{one}versions/").json()["versions"]
    assert len(left) == 2
    assert f"2026-11-01T00:00:{gone}.000Z" not in left
    assert client.get(one).json()["objects"][0]["modified"][17:19] == latest
    assert names(client, shelf, "?match[version]=first&match[type]=indicator")[-1][0] in "12"
    entries = client.get(
        f"{API}collections/{shelf.id}/manifest/?match[id]={stix_id('indicator', 1)}&match[version]=all"
    )
    assert sorted(each["version"] for each in entries.json()["objects"]) == sorted(left)


def test_what_was_deleted_may_be_posted_again(server: Scene) -> None:
    """A deleted object that is posted anew is there again, under a new `date_added`, last in the order."""
    shelf = filled(server)
    one = f"{objects_url(shelf)}{stix_id('indicator', 1)}/"
    client = server.client()
    client.delete(one)
    post(client, shelf, indicator(1, 2))
    assert client.get(f"{one}?match[version]=2026-11-01T00:00:02.000Z").json()["objects"] == [indicator(1, 2)]
    assert names(client, shelf)[-1] == ("1", "02")


def test_only_who_posted_an_object_deletes_it(server: Scene) -> None:
    """Attack 11: another member's object cannot be deleted, though the collection can be written (403)."""
    shelf = filled(server)
    one = f"{objects_url(shelf)}{stix_id('indicator', 1)}/"
    answer = server.client("Cedar").delete(one)
    assert (answer.status_code, "Birch" in answer.json()["description"]) == (403, True)
    assert server.client().get(one).status_code == 200
    assert server.client().delete(f"{one}?match[spec_version]=2.0").status_code == 404


def test_what_two_posted_neither_takes_from_the_other(server: Scene) -> None:
    """Attack 11: Cedar posts what Birch posts too, first or later; neither can delete it under the other's hands."""
    shelf = server.shelf()
    for n, order in ((1, ("Cedar", "Birch")), (2, ("Birch", "Cedar"))):
        address = {"type": "ipv4-addr", "spec_version": "2.1", "id": stix_id("ipv4-addr", n), "value": f"192.0.2.{n}"}
        for name in order:
            assert post(server.client(name), shelf, address)["success_count"] == 1
        for name in order:
            answer = server.client(name).delete(f"{objects_url(shelf)}{address['id']}/")
            assert (answer.status_code, answer.json()["http_status"]) == (403, "403")
    assert len(server.client().get(objects_url(shelf)).json()["objects"]) == 2


def test_a_line_break_in_a_path_is_refused_in_taxiis_words(server: Scene) -> None:
    """Whatever stands in a path below the server's root, its answer is a TAXII answer."""
    answer = server.client().get(f"{API}status/%0A/")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == TAXII
