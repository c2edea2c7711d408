"""Sections 2, 3.1, 3.2, 3.6 and 3.8: what holds for every endpoint."""

from __future__ import annotations

import re

import pytest

from taxii_scenes import API, TAXII, Scene, indicator, objects_url, post, stix_id

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def every_get(server: Scene) -> list[str]:
    """The path of every endpoint that answers GET, with something at each."""
    shelf = server.shelf(alias="ioc")
    status = post(server.client(), shelf, indicator(1))
    one = f"{objects_url(shelf)}{stix_id('indicator', 1)}/"
    collections = f"{API}collections/"
    collection = f"{collections}{shelf.id}/"
    listed = ["/taxii2/", API, f"{API}status/{status['id']}/", collections, collection, f"{collection}manifest/"]
    return [*listed, objects_url(shelf), one, f"{one}versions/"]


def test_paths_end_in_a_slash(server: Scene) -> None:
    """A path without its slash is no endpoint; the answer says what is missing, and nothing is redirected."""
    for path in every_get(server):
        answer = server.client().get(path.removesuffix("/"))
        assert answer.status_code == 404
        assert "slash" in answer.json()["description"]


def test_success_has_its_body_and_media_type(server: Scene) -> None:
    """Every GET answers 200 with a JSON object under the TAXII media type and version."""
    for path in every_get(server):
        answer = server.client().get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == TAXII
        assert isinstance(answer.json(), dict)


@pytest.mark.parametrize(
    "accept",
    [
        TAXII,
        "application/taxii+json",
        "application/taxii+json; version=2.1",
        'application/taxii+json;version="2.1"',
        "APPLICATION/TAXII+JSON;VERSION=2.1",
        "application/taxii+json;version=2.1,application/stix+json;version=2.1",
        "text/html, application/taxii+json;q=0.1",
        "application/taxii+json;version=2.0, application/taxii+json;version=2.1",
        "application/*",
        "*/*",
        "text/html;q=1, */*;q=0.1",
        None,
    ],
)
def test_acceptable_media_types_are_accepted(server: Scene, accept: str | None) -> None:
    """A TAXII media type is never answered with 406, in any spelling; without a version we answer with the highest."""
    for path in every_get(server):
        answer = server.client().get(path, headers={"accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, TAXII)


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "text/html",
        "application/taxii+json;version=2.0",
        "application/taxii+json;version=3.0",
        "application/vnd.oasis.taxii+json;version=2.0",
        "application/stix+json;version=2.1",
        "*/*;q=0",
        "application/taxii+json;version=2.1;q=0, */*",
        "garbage",
        "application/taxii+json;version",
    ],
)
def test_other_media_types_are_not_acceptable(server: Scene, accept: str) -> None:
    """Whoever cannot read TAXII 2.1 is told so (406), in a TAXII error object."""
    for path in every_get(server):
        answer = server.client().get(path, headers={"accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (406, TAXII)
        assert answer.json()["http_status"] == "406"


def test_nobody_is_served_unknown(server: Scene) -> None:
    """Every endpoint and method asks who is there: 401, with the scheme in WWW-Authenticate, whatever the path."""
    paths = [*every_get(server), "/taxii2/nowhere/", "/taxii2"]
    for path in paths:
        for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT"):
            answer = server.client("").request(method, path)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith('Basic realm="')
            if method != "HEAD":
                assert answer.json()["http_status"] == "401"
    assert server.client("Birch", "wrong").get("/taxii2/").status_code == 401
    assert server.client("Nobody").get("/taxii2/").status_code == 401


def test_unknown_paths_are_not_found(server: Scene) -> None:
    """Anything that is no endpoint is 404 with a TAXII error object."""
    shelf = server.shelf()
    one = f"{objects_url(shelf)}{stix_id('indicator', 1)}/"
    unknown = [
        "/taxii2/x",
        "/taxii2/x/",
        f"{API}x/",
        f"{API}status/",
        f"{API}collections/{shelf.id}/x/",
        f"{one}x/",
        "/taxii2//",
    ]
    unknown += [f"{API}collections/{'0' * 8}-0000-4000-8000-{'0' * 12}/", f"{API}collections/%2e%2e/", one]
    for path in unknown:
        answer = server.client().get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, TAXII), path
        assert answer.json()["title"]


def test_methods_that_do_nothing_are_named(server: Scene) -> None:
    """A method that an endpoint does not have is 405, and Allow says which it has; OPTIONS says the same."""
    expected = {"objects": "GET, POST, HEAD, OPTIONS", "object": "GET, DELETE, HEAD, OPTIONS"}
    for place, path in enumerate(every_get(server)):
        allow = expected.get({6: "objects", 7: "object"}.get(place, ""), "GET, HEAD, OPTIONS")
        for method in {"PUT", "PATCH", "POST", "DELETE", "BREW"} - set(allow.split(", ")):
            answer = server.client().request(method, path)
            assert (answer.status_code, answer.headers["allow"]) == (405, allow)
            assert answer.json()["http_status"] == "405"
        answer = server.client().request("OPTIONS", path)
        assert (answer.status_code, answer.headers["allow"], answer.content) == (204, allow, b"")


def test_head_is_get_without_its_body(server: Scene) -> None:
    """HEAD answers with the headers of GET, length included, and with no body; also where GET fails."""
    for path in [*every_get(server), f"{API}status/x/"]:
        got, head = server.client().get(path), server.client().request("HEAD", path)
        assert head.content == b""
        assert head.status_code == got.status_code
        assert dict(head.headers) == dict(got.headers)


def test_date_added_headers_are_timestamps(server: Scene) -> None:
    """Objects, object, manifest and versions say when their first and last object was added, to the microsecond."""
    paths = every_get(server)
    post(server.client(), server.shelf(alias="ioc"), indicator(2))
    manifest = server.client().get(paths[5]).json()["objects"]
    for path, count in ((paths[5], 2), (paths[6], 2), (paths[7], 1), (paths[8], 1)):
        headers = server.client().get(path).headers
        dates = headers["x-taxii-date-added-first"], headers["x-taxii-date-added-last"]
        assert dates == (manifest[0]["date_added"], manifest[count - 1]["date_added"])
        assert all(TIMESTAMP.fullmatch(each) for each in dates)


def test_empty_pages_have_dates_too(server: Scene) -> None:
    """A 200 without objects has both headers as well: the place from which to ask again."""
    shelf = server.shelf()
    for query, expected in (
        ("", "1970-01-01T00:00:00.000000Z"),
        ("?added_after=2031-01-01T00:00:00Z", "2031-01-01T00:00:00.000000Z"),
    ):
        answer = server.client().get(objects_url(shelf) + query)
        assert (answer.status_code, answer.json()) == (200, {})
        assert answer.headers["x-taxii-date-added-first"] == answer.headers["x-taxii-date-added-last"] == expected


def test_errors_say_their_own_status(server: Scene) -> None:
    """An error object has a title, says what to do, and its http_status is the one of the answer, as text."""
    shelf = server.shelf()
    asked = [
        server.client("").get("/taxii2/"),
        server.client().get("/taxii2/x/"),
        server.client().get("/taxii2/?x=1"),
        server.client().get(f"{objects_url(shelf)}?limit=0"),
        server.client().get("/taxii2/", headers={"accept": "text/html"}),
        server.client().request("PUT", "/taxii2/"),
        server.client().post(objects_url(shelf), content=b"{"),
        server.client().post(objects_url(shelf), content=b"{}", headers={"content-type": "text/plain"}),
    ]
    for answer in asked:
        error = answer.json()
        assert error.keys() == {"title", "description", "http_status"}
        assert error["http_status"] == str(answer.status_code)
        assert all(isinstance(each, str) and each for each in error.values())
        assert answer.headers["content-type"] == TAXII


def test_nothing_is_cached_for_others(server: Scene) -> None:
    """What one member may read no cache keeps for another."""
    for path in every_get(server):
        assert server.client().get(path).headers["cache-control"] == "no-store"


def test_no_list_is_empty(server: Scene) -> None:
    """An empty list is left out, in every resource: an empty server has neither collections nor objects."""
    assert server.client().get(f"{API}collections/").json() == {}
    shelf = server.shelf()
    for path in (objects_url(shelf), f"{API}collections/{shelf.id}/manifest/"):
        assert server.client().get(path).json() == {}
    status = post(server.client(), shelf, indicator(1))
    assert "failures" not in status
    assert "pendings" not in status


def test_a_client_need_not_say_what_it_is(server: Scene) -> None:
    """A request without User-Agent is answered (8.2.1)."""
    assert server.client().get("/taxii2/", headers={"user-agent": ""}).status_code == 200
