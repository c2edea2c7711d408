"""The gateway's door over HTTP: who is let in, with what, and for which gateway a request counts."""

from __future__ import annotations

import httpx
import pytest

import joint_scenes
from hostile_scenes import Watch
from pollwatch.node.logs import publishing
from pollwatch.sharing import signedrequest

OPEN = ("/charter", "/log/checkpoint", "/mirror/key")
CLOSED = ("/log/tile/0/000.p/1", "/log/tile/entries/000.p/1", "/mirror/x/tile/0/000", "/inbox", "/", "/nothing")


@pytest.fixture
def stranger(watch: Watch) -> httpx.Client:
    """A client that Alder knows nothing of; Alder has published."""
    publishing.publish(watch.alder, watch.clock)
    return httpx.Client(base_url=watch.alder.me.address, trust_env=False, timeout=20)


def test_strangers_see_what_commits_and_nothing_that_tells(watch: Watch, stranger: httpx.Client) -> None:
    """Charter, checkpoints and the mirror's key are open; entries, mail and what does not exist answer 401 alike."""
    publishing.publish(watch.birch, watch.clock)
    with stranger, joint_scenes.client(watch.birch, watch.alder.me, watch.clock) as member:
        for path in OPEN:
            assert stranger.get(path).status_code == 200, path
        for path in CLOSED:
            answer = stranger.get(path)
            assert (answer.status_code, "sign the request" in answer.text) == (401, True), path
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
            assert stranger.request(method, joint_scenes.bundle(watch.alder)).status_code == 401, method
        assert stranger.post("/mirror/add-entries", content=b"x").status_code == 401
        assert member.get(joint_scenes.bundle(watch.alder)).status_code == 200
        assert member.get("/nothing").status_code in {403, 404}


def test_attack_7_a_request_that_was_overheard(watch: Watch, stranger: httpx.Client) -> None:
    """Attack 7: what a member sent is refused when anybody sends it again, there or at another member's gateway."""
    with stranger, joint_scenes.client(watch.birch, watch.alder.me, watch.clock) as member:
        seen = member.get("/log/tile/0/000.p/1").request
        again = stranger.get("/log/tile/0/000.p/1", headers=seen.headers)
        assert (again.status_code, "sent before" in again.text) == (401, True)
        fresh = dict(member.get("/mirror/key").request.headers)
        other = stranger.get(watch.cedar.me.address + "/mirror/key", headers=fresh)
        assert (other.status_code, "signature" in other.text) == (401, True)


def test_attack_10_cedar_carries_on_with_anothers_signature(watch: Watch, stranger: httpx.Client) -> None:
    """Attack 10: a body that is not the signed one is read to its end and then refused; nothing of it is acted on."""
    body = watch.birch.keys.statement.name.encode()
    head = signedrequest.Head("POST", f"{watch.alder.me.address}/mirror/add-checkpoint", ())
    head = signedrequest.Head(head.method, head.target, (("pollwatch-charter", watch.birch.charter.digest),))
    added = signedrequest.sign(head, body, watch.birch.keys.request, watch.clock.now_us())
    with stranger:
        answer = stranger.post(
            "/mirror/add-checkpoint", content=b"x" * len(body), headers=[*head.fields, *added.items()]
        )
    assert (answer.status_code, "Content-Digest" in answer.text) == (403, True)


def test_attack_25_a_members_clock_is_wrong(watch: Watch, stranger: httpx.Client) -> None:
    """Attack 25: a request from an hour ago is refused, and the answer names both clocks."""
    past = type(watch.clock)(watch.clock.now_us() - 3_600_000_000)
    with stranger, joint_scenes.client(watch.birch, watch.alder.me, past) as member:
        answer = member.get("/log/tile/0/000.p/1")
    assert answer.status_code == 401
    assert "NTP" in answer.text


def test_nodes_with_different_charters_may_watch_and_nothing_more(watch: Watch, stranger: httpx.Client) -> None:
    """Under another charter a member may read logs, so that nobody goes unwatched, but neither deliver nor ask."""
    with stranger, joint_scenes.client(watch.birch, watch.alder.me, watch.clock) as member:
        member.headers[signedrequest.CHARTER] = "0" * 64
        assert member.get(joint_scenes.bundle(watch.alder)).status_code == 200
        assert member.get("/charter").status_code == 200
        refused = member.post("/inbox", content=b"x")
        assert (refused.status_code, watch.alder.charter.digest in refused.text) == (409, True)
