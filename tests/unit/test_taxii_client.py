"""The TAXII client gives everything once, goes on where it stopped, and is not led astray by a server that lies."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from pollwatch import canonical
from pollwatch.errors import FormatError, PeerError, PolicyError
from pollwatch.sharing.taxii.bookmark import Bookmark
from pollwatch.sharing.taxii.client import Limits, TaxiiClient, validate
from taxii_scenes import API, TAXII, Bridge, Scene, indicator, post, scene

BASE = "https://taxii.example/api/collections/x/"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Scene]:
    """A TAXII server at Alder's."""
    with scene(tmp_path) as made:
        yield made


def connected(server: Scene, limits: Limits | None = None) -> TaxiiClient:
    """Birch's client at that server."""
    url = "https://alder.example/taxii2/"
    return TaxiiClient(url, ("Birch", "password"), transport=Bridge(server.app), limits=limits)


def liar(answer: Callable[[httpx.Request], httpx.Response], limits: Limits | None = None) -> TaxiiClient:
    """A client at a server that answers as it likes."""
    waited: list[float] = []
    return TaxiiClient(BASE, transport=httpx.MockTransport(answer), limits=limits, wait=waited.append)


def reply(status: int, body: bytes = b"", media_type: str = TAXII, **headers: str) -> httpx.Response:
    """An answer whose body has yet to be read."""
    kept = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers={"content-type": media_type, **kept}, stream=httpx.ByteStream(body))


def page(value: dict[str, Any], last: str = "") -> httpx.Response:
    """A page as a server writes it."""
    dates = {"x_taxii_date_added_last": last} if last else {}
    return reply(200, canonical.compact(value).encode(), **dates)


def test_discovery_leads_to_objects(server: Scene) -> None:
    """From the server's address alone: API root, collections, and every object once, in order, over several pages."""
    shelf = server.shelf("Indicators")
    server.shelf("Locked", readers=("Alder",))
    for first in range(0, 250, 50):
        post(server.client(), shelf, *(indicator(n) for n in range(first, first + 50)))
    with connected(server, Limits(page_size=33)) as client:
        (root,) = client.api_roots()
        readable = [each for each in client.collections(root) if each.can_read]
        assert [each.title for each in readable] == ["Indicators"]
        found = list(client.objects(readable[0].url))
        assert found == [indicator(n) for n in range(250)]
        assert list(client.objects(readable[0].url, type="malware")) == []
        assert len(list(client.objects(readable[0].url, id=indicator(7)["id"]))) == 1


def test_a_pull_goes_on_where_it_stopped(server: Scene, tmp_path: Path) -> None:
    """A pull that is cut off after a page goes on from its bookmark; the overlap gives nothing twice."""
    shelf = server.shelf()
    url = f"https://alder.example{API}collections/{shelf.id}/"
    post(server.client(), shelf, *(indicator(n) for n in range(10)))
    place, found = tmp_path / "bookmark", []
    for _run in range(4):
        with connected(server, Limits(page_size=3)) as client:
            got = next(iter(client.pages(url, Bookmark.load(place))))
            found += got.objects
            got.bookmark.save(place)
    server.clock.advance(3600)
    post(server.client(), shelf, *(indicator(n) for n in range(10, 20)))
    with connected(server, Limits(page_size=3)) as client:
        for got in client.pages(url, Bookmark.load(place)):
            found += got.objects
            got.bookmark.save(place)
    assert [each["name"] for each in found] == [f"indicator {n}" for n in range(20)]
    with connected(server) as client:
        assert [each.objects for each in client.pages(url, Bookmark.load(place))] == [()]


def test_a_server_without_next_is_paged_by_date(server: Scene) -> None:
    """A server that says `more` and gives no `next` is asked by the date of its last object (3.5)."""
    shelf = server.shelf()
    post(server.client(), shelf, *(indicator(n) for n in range(10)))
    bridge = Bridge(server.app)

    def without_next(request: httpx.Request) -> httpx.Response:
        answer = bridge.handle_request(request)
        value = canonical.loads_lenient(answer.read())
        value.pop("next", None)
        return page(value, answer.headers["x-taxii-date-added-last"])

    url = f"https://alder.example{API}collections/{shelf.id}/"
    transport = httpx.MockTransport(without_next)
    with TaxiiClient(url, ("Birch", "password"), transport=transport, limits=Limits(page_size=4)) as client:
        assert list(client.objects()) == [indicator(n) for n in range(10)]


def test_endless_pages_end() -> None:
    """A server that always says there is more, and repeats itself, is left after a few pages that held nothing new."""
    tokens = itertools.count()
    with (
        liar(lambda _request: page({"more": True, "next": str(next(tokens)), "objects": [indicator(1)]})) as client,
        pytest.raises(PeerError, match="nothing new"),
    ):
        list(client.objects())


def test_endless_new_objects_end() -> None:
    """A server that invents objects without end is left at the limit of objects, of pages, and of bytes."""
    for limits in (Limits(objects=50), Limits(pages=50), Limits(total_bytes=20_000)):
        numbers = itertools.count()

        def invent(_request: httpx.Request, numbers: Iterator[int] = numbers) -> httpx.Response:
            number = next(numbers)
            return page({"more": True, "next": str(number), "objects": [indicator(number)]})

        with liar(invent, limits) as client, pytest.raises(PeerError, match="enough"):
            list(client.objects())


def test_a_repeated_next_ends_the_pull() -> None:
    """A server whose `next` leads back to a page that was there already is left at once."""
    numbers = itertools.count()
    with (
        liar(lambda _request: page({"more": True, "next": "same", "objects": [indicator(next(numbers))]})) as client,
        pytest.raises(PeerError, match="gave before"),
    ):
        list(client.objects())


def test_more_without_a_way_ends_the_pull() -> None:
    """`more` without `next` and without a later date gives no way on; so does a date that stands still or is none."""
    for last in ("", "2026-11-03T20:00:00.000000Z", "tomorrow"):
        numbers = itertools.count()

        def stand(_request: httpx.Request, last: str = last, numbers: Iterator[int] = numbers) -> httpx.Response:
            return page({"more": True, "objects": [indicator(next(numbers))]}, last)

        with liar(stand) as client, pytest.raises(PeerError, match=r"neither next|Date-Added"):
            list(client.objects())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (partial(reply, 200, b"<html>", "text/html"), "text/html"),
        (partial(reply, 200, b"{}", "application/taxii+json;version=2.0"), "2.0"),
        (partial(reply, 200, b"{}", ""), "''"),
        (partial(reply, 200, b"{}", content_encoding="gzip"), "compresses"),
        (partial(reply, 302, location="https://evil.example/"), "redirects are not followed"),
        (partial(reply, 401, b"who?"), "401: who"),
        (partial(reply, 503, retry_after="9999"), "503"),
        (partial(reply, 200, b"["), "JSON"),
        (partial(reply, 200, b"[]"), "no JSON object"),
        (partial(reply, 200, b'{"a":1,"a":2}'), "twice"),
        (partial(reply, 200, b"[" * 100_000), "deep"),
        (partial(reply, 200, b" " * 150_000), "100000 bytes"),
        (partial(reply, 200, b'{"objects":{}}'), "no list"),
    ],
)
def test_nonsense_ends_the_pull(answer: Callable[[], httpx.Response], words: str) -> None:
    """Foreign media types, compression, redirects, refusals, huge and ambiguous bodies: each is told, none is taken."""
    with liar(lambda _request: answer(), Limits(page_bytes=100_000)) as client, pytest.raises(PeerError, match=words):
        list(client.objects())


def test_a_slow_server_is_given_up() -> None:
    """A server that drips its answer holds us no longer than an answer may take."""

    def drip(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": TAXII}, content=(b" " for _ in range(1_000_000)))

    with liar(drip, Limits(page_s=0.05)) as client, pytest.raises(PeerError, match="takes over"):
        list(client.objects())


def test_a_busy_server_is_asked_again() -> None:
    """429 and 503 are waited out, as long as the server says and never longer than a minute."""
    answers = iter([reply(429, retry_after="7"), reply(503), page({"objects": [indicator(1)]})])
    waited: list[float] = []
    transport = httpx.MockTransport(lambda _request: next(answers))
    with TaxiiClient(BASE, transport=transport, wait=waited.append) as client:
        assert list(client.objects()) == [indicator(1)]
    assert waited == [7.0, 1.0]


def test_credentials_stay_at_their_origin() -> None:
    """Discovery that names API roots elsewhere gets no password there: they are left out, and refused when given."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return page({"title": "t", "api_roots": ["https://evil.example/root/", "//evil.example/", "/ok/", "ok2"]})

    with liar(answer) as client:
        assert client.api_roots() == ("https://taxii.example/ok/", f"{BASE}ok2/")
        for elsewhere in ("https://evil.example/x/", "//evil.example/x/", "https://taxii.example:444/"):
            with pytest.raises(PeerError, match="another origin"):
                list(client.objects(elsewhere))
    assert set(asked) == {"taxii.example"}


@pytest.mark.parametrize(
    "url",
    [
        "http://taxii.example/",
        "https://user:secret@taxii.example/",
        "ftp://taxii.example/",
        "taxii.example",
        "https://taxii.example/?x",
        "https://[::1/",
    ],
)
def test_an_address_is_checked(url: str) -> None:
    """TAXII is spoken over HTTPS (loopback aside), and no password stands in a URL; the message does not repeat it."""
    with pytest.raises(PolicyError) as caught:
        TaxiiClient(url)
    assert "secret" not in str(caught.value)
    TaxiiClient("http://127.0.0.1:8443/taxii2")


def test_bad_objects_do_not_spoil_a_page() -> None:
    """Objects that are none are told with their reasons; the others are given."""
    listed = [indicator(1), 7, {"type": "indicator"}, indicator(2, type="malware"), indicator(3)]
    with liar(lambda _request: page({"objects": listed})) as client:
        (got,) = client.pages()
    assert list(got.objects) == [indicator(1), indicator(3)]
    assert len(got.failures) == 3
    good, bad = validate(listed)
    assert [source for source, _candidate in good] == list(got.objects)
    assert tuple(bad) == got.failures


def test_a_bookmark_is_read_strictly(tmp_path: Path) -> None:
    """A bookmark never moves back, and a file that is none is named with what to do."""
    early, late = Bookmark("2026-01-01T00:00:00Z"), Bookmark("2026-12-01T00:00:00.000000Z")
    assert late.moved(0, []) == late
    assert early.moved(None, ["a"]) == Bookmark("2026-01-01T00:00:00Z", ("a",))
    with pytest.raises(FormatError):
        Bookmark("yesterday")
    path = tmp_path / "b"
    path.write_bytes(b'{"added_after":"","recent":[],"schema":"other"}')
    with pytest.raises(FormatError, match="begin anew"):
        Bookmark.load(path)
