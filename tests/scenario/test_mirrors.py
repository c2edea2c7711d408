"""Every member mirrors every other: what was published stays readable, whatever its owner does then."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import httpx

import joint_scenes
from pollwatch.clock import SystemClock
from pollwatch.evidence import fsck
from pollwatch.evidence.checkpoint import open_checkpoint, verify
from pollwatch.evidence.mirrorrequest import Header, build_upload
from pollwatch.evidence.tiles import TileReader
from pollwatch.node.gateway import processes
from pollwatch.node.logs import publishing
from pollwatch.sharing.peer import Peer

CLOCK = SystemClock()


def test_a_log_that_its_owner_deletes_stays_with_the_others(tmp_path: Path) -> None:
    """Attack 11: B publishes, then deletes its whole log; A's mirror serves all of it, under both signatures."""
    a, b = joint_scenes.enrolled(tmp_path, "ab", CLOCK)
    with processes.running(joint_scenes.gateway(a)):
        for _round in range(2):
            published = publishing.publish(b, CLOCK)
            assert [each.problem for each in (*published.cosignings, *published.mirrors)] == ["", ""]
        with Peer(b.way_to(a.me, CLOCK)) as peer:
            key = peer.mirror_key()
        assert key is not None
        assert key.public != a.me.witness.public
        own = (b.folder.public / "checkpoint").read_bytes()
        assert len(verify(open_checkpoint(own, b.me.log), (a.me.witness, key))) == 2
        shutil.rmtree(b.folder.case / "evidence")

        def fetch(path: str) -> bytes:
            answer = client.get(f"/mirror/{b.me.log.name}/{path}")
            if answer.status_code != 200:
                raise FileNotFoundError(path)
            return answer.content

        with joint_scenes.client(b, a.me, CLOCK) as client:
            signed = open_checkpoint(fetch("checkpoint"), b.me.log)
            assert verify(signed, (key,))
            assert signed.checkpoint.size == published.size
            reader = TileReader(fetch, signed.checkpoint.size)
            fsck.check_all(reader, signed.checkpoint.root)
            hostile_uploads(client, b.me.log.name, reader)


def hostile_uploads(client: httpx.Client, origin: str, log: TileReader) -> None:
    """Attacks 8 and 12: bombs, cut streams, unknown encodings and paths outside the mirror are refused."""
    address = "/mirror/add-entries"
    packed = {"content-encoding": "gzip"}
    good = gzip.compress(build_upload(Header(origin, log.size, log.size, b""), log))
    assert client.post(address, content=good, headers=packed).status_code == 200
    assert client.post(address, content=gzip.compress(bytes(100 << 20)), headers=packed).status_code == 413
    assert client.post(address, content=good[:-4], headers=packed).status_code == 400
    assert client.post(address, content=good + b"x", headers=packed).status_code == 400
    assert client.post(address, content=b"no gzip", headers=packed).status_code == 400
    assert client.post(address, content=b"", headers={"content-encoding": "br"}).status_code == 415
    for path in ("/mirror/", "/mirror/key/..%2f..%2fmirror.key", f"/mirror/{origin}/..%2fmirror.sqlite"):
        assert client.get(path).status_code == 404
