"""Other people's TAXII client, and ours, against our server in a process of its own, over real HTTP with Basic."""

from __future__ import annotations

import base64
import contextlib
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import requests
from taxii2client.v21 import Collection, Server, as_pages

from pollwatch.sharing.taxii.client import Limits, TaxiiClient
from taxii_scenes import API, TAXII, Address, indicator, served, stix_id

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[Address]:
    """A server that runs."""
    with served(tmp_path / "server") as found:
        yield found


def test_taxii2_client_works_end_to_end(address: Address) -> None:
    """OASIS's client: from discovery over posting, status, objects, manifest, versions and pages to deleting."""
    server = Server(f"{address.base}/taxii2/", user="Birch", password="password")  # noqa: S106 - made up
    assert server.title == "pollwatch: Alder"
    assert server.default.url == f"{address.base}{API}"
    (root,) = server.api_roots
    assert root.title == "Watch"
    assert root.versions == [TAXII]
    collection, read_only = root.collections
    assert (collection.title, collection.can_read, collection.can_write) == ("Indicators", True, True)
    assert (read_only.can_read, read_only.can_write) == (True, False)
    assert read_only.get_objects() == {}

    status = collection.add_objects({"objects": [indicator(1), indicator(1, 1), indicator(2), {"type": "x"}]})
    assert (status.status, status.success_count, status.failure_count) == ("complete", 3, 1)
    again = root.get_status(status.id)
    assert (again.successes, again.failures) == (status.successes, status.failures)

    assert collection.get_objects()["objects"] == [indicator(1, 1), indicator(2)]
    assert collection.get_objects(version="all", type="indicator", limit=1)["more"] is True
    assert collection.get_objects(id=[stix_id("indicator", 2)], spec_version="2.1")["objects"] == [indicator(2)]
    one = stix_id("indicator", 1)
    assert collection.get_object(one)["objects"] == [indicator(1, 1)]
    assert collection.get_object(one, version="first")["objects"] == [indicator(1)]
    versions = [indicator(1)["modified"], indicator(1, 1)["modified"]]
    assert collection.object_versions(one)["versions"] == versions
    manifest = collection.get_manifest(version="all")["objects"]
    assert [each["version"] for each in manifest] == [*versions, indicator(2)["modified"]]
    later = collection.get_objects(added_after=manifest[1]["date_added"])
    assert later["objects"] == [indicator(2)]

    collection.add_objects({"objects": [indicator(n) for n in range(10, 60)]}, wait_for_completion=True)
    found = [each for page in as_pages(collection.get_objects, per_request=7) for each in page["objects"]]
    assert found == [indicator(1, 1), indicator(2), *(indicator(n) for n in range(10, 60))]
    entries = [each for page in as_pages(collection.get_manifest, per_request=9) for each in page["objects"]]
    assert [each["id"] for each in entries] == [each["id"] for each in found]

    collection.delete_object(one)
    with pytest.raises(requests.exceptions.HTTPError, match="404"):
        collection.get_object(one)
    with pytest.raises(requests.exceptions.HTTPError, match="401"):
        Collection(f"{address.base}{API}collections/{address.shelf_id}/", user="Birch", password="x").get_objects()  # noqa: S106


def test_our_client_pulls_from_our_server(address: Address) -> None:
    """Our client finds the collection from the server's address alone and pulls it in pages."""
    objects = [indicator(n) for n in range(2_500)]
    with httpx.Client(auth=("Birch", "password"), headers={"accept": TAXII, "content-type": TAXII}) as poster:
        url = f"{address.base}{API}collections/{address.shelf_id}/objects/"
        assert poster.post(url, json={"objects": objects}, timeout=60).json()["success_count"] == 2_500
    with TaxiiClient(f"{address.base}/taxii2/", ("Birch", "password"), limits=Limits(page_size=300)) as client:
        (root,) = client.api_roots()
        collection = client.collections(root)[0]
        assert list(client.objects(collection.url)) == objects


def test_what_was_acknowledged_survives_a_kill(address: Address, tmp_path: Path) -> None:
    """Kill -9 while objects come in: every object that was acknowledged is there after the restart, in order, once."""
    acknowledged: list[str] = []
    url = f"{API}collections/{address.shelf_id}/objects/"
    with httpx.Client(auth=("Birch", "password"), headers={"accept": TAXII, "content-type": TAXII}) as poster:
        for batch in range(40):
            if batch == 25:
                address.process.send_signal(signal.SIGKILL)
            objects = [indicator(batch * 50 + n) for n in range(50)]
            try:
                status = poster.post(f"{address.base}{url}", json={"objects": objects}, timeout=30).json()
            except httpx.HTTPError:
                break
            acknowledged += [each["id"] for each in status["successes"]]
    address.process.wait(timeout=30)
    assert len(acknowledged) >= 25 * 50
    with (
        served(tmp_path / "server") as again,
        TaxiiClient(f"{again.base}{url.removesuffix('objects/')}", ("Birch", "password")) as client,
    ):
        found = [each["id"] for each in client.objects()]
    assert found[: len(acknowledged)] == acknowledged
    assert len(found) == len(set(found)) <= len(acknowledged) + 50


def test_hostile_connections_do_no_harm(address: Address) -> None:
    """Attacks 12 and 22 over real HTTP: lying, endless, nested, packed and half bodies; it answers on as before."""
    host, _, port = address.base.removeprefix("http://").partition(":")
    path = f"{API}collections/{address.shelf_id}/objects/"
    token = base64.b64encode(b"Birch:password").decode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Basic {token}\r\ncontent-type: {TAXII}\r\n"
    deep = b'{"objects":' + b"[" * 500_000 + b"]" * 500_000 + b"}"
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    tries = [
        (f"{head}content-length: {1 << 50}\r\n\r\n".encode(), b" 413 "),
        (f"{head}content-length: {len(deep)}\r\n\r\n".encode() + deep, b" 422 "),
        (f"{head}transfer-encoding: chunked\r\n\r\n".encode() + chunk * 9, b" 413 "),
        (f"{head}content-encoding: gzip\r\ncontent-length: 9\r\n\r\nxxxxxxxxx".encode(), b" 415 "),
        (f"{head}content-length: -1\r\n\r\n".encode(), b" 400 "),
        (f"{head}content-length: 5\r\ncontent-length: 6\r\n\r\nxxxxxx".encode(), b" 400 "),
        (f"{head}x: {'y' * 100_000}\r\n\r\n".encode(), b" 4"),
        (f"GET {path}?{'x' * 60_000} HTTP/1.1\r\nhost: x\r\n\r\n".encode(), b" 4"),
        (f"{head}content-length: 100\r\n\r\nhalf".encode(), b""),
    ]
    for sent, expected in tries:
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            with contextlib.suppress(OSError):  # it may refuse before it has read all
                connection.sendall(sent)
            if expected:
                assert expected in connection.recv(4096).partition(b"\r\n")[0], sent[:200]
    answer = httpx.get(f"{address.base}{path}", auth=("Birch", "password"), headers={"accept": TAXII})
    assert (answer.status_code, answer.json()) == (200, {})
