"""A watch of what comes by the network: from the sender to the case, through deaths of the watch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from pollwatch.node.receive.counts import read
from pollwatch.node.receive.process import holder
from pollwatch.node.watch import heartbeat
from receiving import TOKEN, connect, source
from watching import found_in, injection, lines_in, request, stop, until, watching

SETTINGS = (
    '[watch]\nhealth = "none"\n'
    + source("push", "http", 'token = "token"')
    + source("tcp", "syslog-tcp")
    + '[[watch.source]]\nname = "web"\npath = ["access.log"]\n'
)


def _address(live: Path, name: str) -> tuple[str, int]:
    host, _colon, port = read(live / "receiving.json")[1][name].listening.rpartition(":")
    return host, int(port)


def _push(live: Path, number: int, lines: list[str]) -> None:
    host, port = _address(live, "push")
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "text/plain", "x-batch-id": f"b{number}"}
    body = "\n".join(lines).encode()
    answer = httpx.post(f"http://{host}:{port}/v1/push", content=body, headers=headers, timeout=30, trust_env=False)
    assert answer.status_code == 200


def test_what_was_acknowledged_while_the_watch_was_dead_is_in_the_case_once(tmp_path: Path) -> None:
    """The watch is killed; the receivers go on and answer; the next watch reads all of it, and hears signs of life."""
    (tmp_path / "pollwatch.toml").write_text(SETTINGS, "utf-8")
    (tmp_path / "token").write_text(TOKEN, "utf-8")
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "access.log").write_text(request(1) + "\n", "utf-8")
    case, live = tmp_path / "case", tmp_path / "case" / "live"

    def receiving() -> bool:
        counts = read(live / "receiving.json")[1]
        return len(counts) == 2 and all(each.listening for each in counts.values())

    with watching(case) as process:
        until(receiving)
        _push(live, 1, [request(n) for n in range(100)] + [injection(100)])
        with connect(_address(live, "tcp")) as sender:
            sender.sendall(b"<13>Nov  3 00:00:01 host app: one\n")
        until(lambda: lines_in(case) >= 103)
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = holder(live)
    assert before is not None
    _push(live, 2, [request(n) for n in range(101, 200)] + [injection(200)])
    _push(live, 2, [request(n) for n in range(101, 200)] + [injection(200)])
    with watching(case) as process:
        until(lambda: lines_in(case) >= 203)
        assert holder(live) == before
        word = heartbeat.word_of(live)
        canary = subprocess.Popen(
            [sys.executable, "-m", "pollwatch", "watch", "canary", "--case", case], cwd=tmp_path, stderr=subprocess.PIPE
        )
        with (tmp_path / "access.log").open("a") as log:
            until(lambda: len(heartbeat.heard(live)) >= 2)
            log.write(request(2, f"/?{word}") + "\n")
        _out, said = canary.communicate(timeout=60)
        assert (canary.returncode, said.count(b"detected after")) == (0, 3)
        code, told = stop(process)
    assert code == 143, told
    assert holder(live) is None
    assert lines_in(case) == 206
    attacks = [lines for key, lines in found_in(case).items() if "203.0.113.9" in str(key)]
    assert len({number for lines in attacks for _path, number in lines}) == 2
    assert not [key for key in found_in(case) if key[0] == heartbeat.RULE]
    assert os.listdir(live / "spool" / "push")  # noqa: PTH208 - the newest segment stays
