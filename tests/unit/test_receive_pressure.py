"""Receivers under pressure: a full spool, a sender that never finishes, a reader that comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from console_scenes import run as run_apart
from pollwatch.clock import SystemClock
from pollwatch.node.receive import streams
from pollwatch.node.receive.counts import Counts
from pollwatch.node.receive.push import Push
from pollwatch.node.receive.sink import HIGH_BYTES, Sink
from pollwatch.node.receive.streams import Streams
from pollwatch.node.receive.tokens import Tokens
from pollwatch.sources.following import Followed, FollowOptions, Watched
from pollwatch.sources.settings import Address, WatchedSource
from pollwatch.sources.spool import Spool, prune

LIMIT = 1 << 20
TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of a receiver in this process
TCP = WatchedSource("tcp", "syslog-tcp", listen=Address("127.0.0.1", 0))


async def _until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not what():  # noqa: ASYNC110 - threads change it
            await asyncio.sleep(0.01)


def _port(counts: Counts) -> int:
    return int(counts.listening.rpartition(":")[2])


def test_while_the_spool_is_full_senders_wait_and_nothing_is_lost(tmp_path: Path) -> None:
    """A sender pushes 18 MiB into a spool that holds one: it is held up, memory is bounded, and every line arrives."""
    lines = [f"<13>Nov  3 21:04:11 host app: {number:07d} {'x' * 4000}\n".encode() for number in range(4_500)]

    async def run() -> bytes:
        counts = Counts()
        sink = Sink(Spool(tmp_path / "tcp", LIMIT, segment_bytes=200_000), counts, SystemClock())
        receiving = Streams(TCP, sink, counts, SystemClock())
        await receiving.start()
        _reader, writer = await asyncio.open_connection("127.0.0.1", _port(counts))
        sent = asyncio.create_task(_send(writer, lines))
        await _until(lambda: counts.waiting and sink.crowded)
        await asyncio.sleep(0.2)
        assert not sent.done()
        assert sink._bytes < HIGH_BYTES + (8 << 20)  # noqa: SLF001 - the bound is the point
        followed = Followed(
            [Watched("tcp", (str(tmp_path / "tcp"),), "all", whole=True)], FollowOptions(polling=True, rescan_s=0)
        )
        got = b""
        async with asyncio.timeout(60):
            while not sent.done() or got.count(b"\n") < len(lines):
                got += b"".join(each.raw for each in followed.read(LIMIT))
                prune(tmp_path / "tcp", followed.positions())
                await asyncio.sleep(0.001)
        followed.close()
        await receiving.stop()
        await asyncio.to_thread(sink.close)
        return got

    assert run_apart(run()) == b"".join(lines)


async def _send(writer: asyncio.StreamWriter, lines: list[bytes]) -> None:
    for start in range(0, len(lines), 500):
        writer.write(b"".join(lines[start : start + 500]))
        await writer.drain()
    writer.close()


def test_a_message_that_is_never_finished_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow loris: one byte now and then, and no end; the connection is cut, and what stood there is kept."""
    monkeypatch.setattr(streams, "UNFINISHED_S", 0.3)

    async def run() -> Counts:
        counts = Counts()
        sink = Sink(Spool(tmp_path / "tcp", LIMIT), counts, SystemClock())
        receiving = Streams(TCP, sink, counts, SystemClock())
        await receiving.start()
        _reader, writer = await asyncio.open_connection("127.0.0.1", _port(counts))
        writer.write(b"<13>Nov  3 21:04:11 host app: whole\n900 <13>Nov  3 21:04:11 host app: never")
        with pytest.raises(ConnectionError):
            await _dawdle(writer)
        writer.close()
        await _until(lambda: counts.lines == 2)
        await receiving.stop()
        await asyncio.to_thread(sink.close)
        return counts

    counts = run_apart(run())
    assert (counts.refused, counts.open, counts.cut) == (1, 0, 1)


async def _dawdle(writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(60):
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)


def test_http_senders_are_told_to_come_again(tmp_path: Path) -> None:
    """503 with a time while the spool is full; once something was read the same batch is taken, once."""
    (tmp_path / "token").write_text(TOKEN, "utf-8")
    (tmp_path / "token").chmod(0o600)

    async def run() -> tuple[list[int], bytes]:
        counts = Counts()
        sink = Sink(Spool(tmp_path / "web", 3_000, segment_bytes=1_000), counts, SystemClock())
        app = Push(sink, counts, Tokens(tmp_path / "token")).app()
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "text/plain"}
        answers, got = [], b""
        followed = Followed(
            [Watched("web", (str(tmp_path / "web"),), "all", whole=True)], FollowOptions(polling=True, rescan_s=0)
        )
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://web", headers=headers) as client:
            number = 0
            while number < 6:
                body = b"%d " % number + b"x" * 900
                answer = await client.post("/v1/push", content=body, headers={"x-batch-id": f"b{number}"})
                answers.append(answer.status_code)
                if answer.status_code == 200:
                    number += 1
                    continue
                assert int(answer.headers["retry-after"]) > 0
                got += b"".join(each.raw for each in followed.read(LIMIT))
                prune(tmp_path / "web", followed.positions())
                await _until(lambda: not sink.crowded)
        got += b"".join(each.raw for each in followed.read(LIMIT))
        followed.close()
        await asyncio.to_thread(sink.close)
        return answers, got

    answers, got = run_apart(run())
    assert set(answers) == {200, 503}
    assert [line[:1] for line in got.splitlines()] == [b"0", b"1", b"2", b"3", b"4", b"5"]
