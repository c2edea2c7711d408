"""Everything that comes in by the network, from honest and hostile senders, through deaths of the receiving process."""

from __future__ import annotations

import gzip
import os
import resource
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from pollwatch.errors import StoreError
from pollwatch.node.receive.process import ReceiverLock, ReceiverProcess, holder
from pollwatch.node.receive.streams import PER_ADDRESS
from pollwatch.sources.syslog_frames import LONGEST_BYTES
from receiving import TOKEN, Receivers, certificates, connect, receivers, source, until

ASA = b"<189>%ASA-6-605004: Login denied from 198.51.100.7/3120"
HEADED = "<34>1 2026-11-03T21:04:11Z office su - - - line "


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receivers]:
    """One of each, shared: no test may hinder another one."""
    folder = tmp_path_factory.mktemp("receivers")
    certificates(folder)
    tls = 'certificate = "server.pem"\nkey = "server.key"\n'
    settings = source("tcp", "syslog-tcp") + source("slow", "syslog-tcp") + source("udp", "syslog-udp")
    settings += source("tls", "syslog-tls", tls + 'client_ca = "ca.pem"') + source("open", "syslog-tls", tls)
    settings += source("push", "http", 'token = "token"') + source("guess", "http", 'token = "token"')
    settings += source("https", "http", tls + 'token = "token"')
    with receivers(folder, settings) as made:
        yield made


def _post(
    running: Receivers, body: bytes, kind: str = "text/plain", to: str = "/v1/push", **headers: str
) -> httpx.Response:
    host, port = running.address("push")
    shown = {"authorization": f"Bearer {TOKEN}", "content-type": kind}
    shown |= {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"http://{host}:{port}{to}", content=body, headers=shown, timeout=20, trust_env=False)


# Syslog over TCP


def test_counted_messages_arrive_whole_although_sent_byte_by_byte(running: Receivers) -> None:
    """A sender whose packets hold one byte each, and messages with line ends inside."""
    messages = [f"{HEADED}{n}\nof two".encode() for n in range(3)] + [ASA]
    with connect(running.address("tcp")) as sender:
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"".join(b"%d %b" % (len(each), each) for each in messages):
            sender.sendall(bytes([byte]))
    wanted = {f"{HEADED}{n}#012of two".encode() for n in range(3)}
    until(lambda: wanted <= set(running.lines("tcp")))
    until(lambda: any(b" 127.0.0.1 - - - - %ASA-6-605004" in line for line in running.lines("tcp")))


def test_an_endless_line_keeps_its_beginning_and_stops_nobody(running: Receivers) -> None:
    """An attacker never ends a line; others go on, and what is behind it is read."""
    with connect(running.address("tcp")) as hostile, connect(running.address("tcp")) as honest:
        hostile.sendall(b"<13>endless " + b"x" * (4 * LONGEST_BYTES))
        honest.sendall(b"<13>honest\n")
        until(lambda: any(b"honest" in line for line in running.lines("tcp")))
        hostile.sendall(b"\n<13>behind the endless\n")
        until(lambda: any(b"behind the endless" in line for line in running.lines("tcp")))
    assert max(map(len, running.lines("tcp"))) < LONGEST_BYTES + 100
    until(lambda: running.counts("tcp").cut == 1)


def test_connections_are_bounded_and_the_refused_are_counted(running: Receivers) -> None:
    """One address opens 1,000 connections (10,000 with POLLWATCH_MANY=1) and holds them: others still get through."""
    many = 10_000 if os.environ.get("POLLWATCH_MANY") else 1_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, many + 500)), hard))
    host, port = running.address("slow")
    held = [connect((host, port)) for _ in range(many)]
    try:
        until(lambda: running.counts("slow").refused >= many - PER_ADDRESS)
        assert running.counts("slow").open == PER_ADDRESS
        other = socket.create_connection((host, port), 10, ("127.0.0.2", 0))
        other.sendall(b"<13>from another address\n")
        until(lambda: any(b"from another address" in line for line in running.lines("slow")))
        other.close()
    finally:
        for each in held:
            each.close()
    until(lambda: running.counts("slow").open == 0)
    assert running.process is not None
    assert running.process.poll() is None


# Syslog over TLS


def _tls(running: Receivers, name: str, certificate: str = "") -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(running.folder / "ca.pem"))
    if certificate:
        context.load_cert_chain(running.folder / f"{certificate}.pem", running.folder / f"{certificate}.key")
    return context.wrap_socket(connect(running.address(name)), server_hostname="localhost")


def test_tls_takes_messages_and_a_named_client(running: Receivers) -> None:
    """RFC 5425: counted messages over TLS; with a client certificate where one is asked for."""
    for name, certificate in (("open", ""), ("tls", "client")):
        with _tls(running, name, certificate) as sender:
            sender.sendall(b"%d %b" % (len(HEADED), HEADED.encode()))
        until(lambda name=name: HEADED.encode().rstrip() in running.lines(name))


@pytest.mark.parametrize("certificate", ["", "stranger"])
def test_a_client_without_a_certificate_of_ours_sends_nothing(running: Receivers, certificate: str) -> None:
    """Nobody, or somebody with a certificate that they signed themselves, pushes lines into a closed listener."""
    before = running.counts("tls").refused
    try:
        with _tls(running, "tls", certificate) as sender:
            sender.sendall(b"<13>forged\n")
            sender.recv(1)
    except (OSError, ssl.SSLError):
        pass
    until(lambda: running.counts("tls").refused > before)
    assert not any(b"forged" in line for line in running.lines("tls"))


def test_garbage_instead_of_tls_is_refused(running: Receivers) -> None:
    """Plain syslog, HTTP and random bytes on a TLS port, and a handshake that never goes on: refused, and counted."""
    before = running.counts("open").refused
    for garbage in (b"<13>plain\n", b"GET / HTTP/1.0\r\n\r\n", os.urandom(600), b"\x16\x03\x01\xff\xff" + b"\0" * 600):
        with connect(running.address("open")) as hostile:
            hostile.sendall(garbage)
            hostile.settimeout(15)
            try:
                while hostile.recv(4096):
                    pass
            except ConnectionError:
                pass
    until(lambda: running.counts("open").refused >= before + 4)
    with _tls(running, "open") as sender:
        sender.sendall(b"<13>after garbage\n")
    until(lambda: any(b"after garbage" in line for line in running.lines("open")))


# Syslog over UDP


def test_what_the_kernel_drops_is_counted(running: Receivers) -> None:
    """A flood while the receiver does not come to reading: every datagram is a line, or counted as lost."""
    assert running.process is not None
    message, sent, address = HEADED.encode() + b"x" * 1_400, 40_000, running.address("udp")
    os.kill(running.process.pid, signal.SIGSTOP)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(sent):
                sender.sendto(message, address)
    finally:
        os.kill(running.process.pid, signal.SIGCONT)
    until(lambda: running.counts("udp").lines + running.counts("udp").lost == sent, lambda: running.counts("udp"))
    assert running.counts("udp").lost > 0
    assert len(running.lines("udp")) == running.counts("udp").lines


# HTTP


def test_lines_json_and_otlp_are_taken(running: Receivers) -> None:
    """Each kind of body, compressed or not, becomes the lines that it holds."""
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = "otlp raw line"
    record.attributes.add(key="log.file.name").value.string_value = "access.log"
    assert _post(running, b"plain one\r\n\nplain two").text == "2 lines taken\n"
    assert _post(running, b'[{"json": 1},\n {"json":\n 2}]', "application/json").status_code == 200
    assert _post(running, b'{"nd": 1}\n{"nd": 2}\n', "application/x-ndjson").status_code == 200
    packed = gzip.compress(request.SerializeToString())
    assert _post(running, packed, "application/x-protobuf", "/v1/logs", content_encoding="gzip").content == b""
    body = (
        b'{"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"web1"}}]},"scopeLogs":'
        b'[{"logRecords":[{"timeUnixNano":"1793739851000000000","traceId":"5b8efff798038103d269b633813fc60c","body":'
        b'{"stringValue":"GET /x"},"attributes":[{"key":"http.method","value":{"stringValue":"GET"}},{"key":'
        b'"client.address","value":{"stringValue":"198.51.100.7"}}]}]}]}]}'
    )
    assert _post(running, body, "application/json", "/v1/logs").json() == {}
    lines = set(running.lines("push"))
    assert {b"plain one", b"plain two", b'{"json": 1}', b'{"json":  2}', b'{"nd": 1}', b"otlp raw line"} <= lines
    assert any(b'"client.ip":"198.51.100.7"' in line and b'"host.name":"web1"' in line for line in lines)


@pytest.mark.parametrize(
    ("body", "kind", "to", "headers", "status"),
    [
        (b"\xff" * 50, "application/x-protobuf", "/v1/logs", {}, 400),
        (b'{"resourceLogs": 7}', "application/json", "/v1/logs", {}, 400),
        (
            b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"9e99"}]}]}]}',
            "application/json",
            "/v1/logs",
            {},
            400,
        ),
        (b"[" * 100_000, "application/json", "/v1/push", {}, 400),
        (b"not gzip", "text/plain", "/v1/push", {"content_encoding": "gzip"}, 400),
        (gzip.compress(b"half")[:-6], "text/plain", "/v1/push", {"content_encoding": "gzip"}, 400),
        (gzip.compress(b"\0" * (33 << 20)), "text/plain", "/v1/push", {"content_encoding": "gzip"}, 413),
        (b"x" * (17 << 20), "text/plain", "/v1/push", {}, 413),
        (b"x", "text/plain", "/v1/push", {"content_encoding": "br"}, 415),
        (b"<x/>", "application/xml", "/v1/push", {}, 415),
        (b"x", "text/plain", "/v1/push", {"x_batch_id": "a b"}, 400),
        (b"x", "text/plain", "/v2/push", {}, 404),
    ],
    # Of their own: a body as a name holds the time at which it was compressed, and differs from process to process.
    ids=[
        "no-protobuf",
        "wrong-shape",
        "wrong-number",
        "too-deep",
        "no-gzip",
        "half-gzip",
        "bomb",
        "too-large",
        "brotli",
        "xml",
        "batch-with-blank",
        "no-such-place",
    ],
)
def test_what_cannot_be_taken_is_refused_with_a_reason(
    running: Receivers, body: bytes, kind: str, to: str, headers: dict[str, str], status: int
) -> None:
    """Malformed, too large, a decompression bomb, nested without end: refused, and nothing of it is written."""
    before = running.lines("push")
    try:
        answer = _post(running, body, kind, to, **headers)
    except httpx.WriteError:  # refused before all of it was sent
        assert status == 413
    else:
        assert (answer.status_code, answer.headers.get("x-content-type-options", "nosniff")) == (status, "nosniff")
    assert running.lines("push") == before


def test_a_batch_that_is_sent_again_is_written_once(running: Receivers) -> None:
    """The answer was lost: the same id again is taken and adds nothing; other lines under it are refused."""
    first = [_post(running, b"batched\n", x_batch_id="id-1").status_code for _ in range(3)]
    assert (first, running.lines("push").count(b"batched")) == ([200] * 3, 1)
    assert _post(running, b"other\n", x_batch_id="id-1").status_code == 409


def test_guessing_a_token_is_slowed_and_shuts_nobody_out(running: Receivers) -> None:
    """Brute force from one address: some answers, then 429; who showed the right token before goes on."""
    host, port = running.address("guess")
    url = f"http://{host}:{port}/v1/push"
    with httpx.Client(trust_env=False) as client:

        def shown(token: str) -> int:
            return client.post(url, content=b"x", headers={"authorization": token}).status_code

        assert shown(f"Bearer {TOKEN}") == 200
        answers = [shown(f"Bearer {TOKEN[:-1]}{n % 10}{n}") for n in range(40)]
        assert set(answers) == {401, 429}
        assert answers.count(401) <= 15
        assert shown(f"Bearer {TOKEN}") == 200
        assert {shown(""), shown("Basic eDp5"), shown("Bearer")} <= {401, 429}
    until(lambda: running.counts("guess").refused >= 40)


def test_push_speaks_tls(running: Receivers) -> None:
    """Over HTTPS a sender that knows the certificate's issuer pushes as over HTTP."""
    host, port = running.address("https")
    trusted = ssl.create_default_context(cafile=str(running.folder / "ca.pem"))
    with httpx.Client(verify=trusted, trust_env=False) as client:
        url = f"https://localhost:{port}/v1/push"
        assert client.post(url, content=b"https", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert (host, running.lines("https")) == ("127.0.0.1", [b"https"])


# Deaths


def test_nothing_that_was_acknowledged_is_lost_and_nothing_comes_twice(tmp_path: Path) -> None:
    """The receiver is killed (SIGKILL) in the middle of a stream of batches; the sender repeats what got no answer."""
    with receivers(tmp_path, source("push", "http", 'token = "token"')) as running:
        sent: list[bytes] = []
        done = threading.Event()

        def send() -> None:
            number = 0
            while not done.is_set():
                lines = [f"batch {number} line {n} {'x' * 500}".encode() for n in range(400)]
                while not done.is_set():
                    try:
                        if _post(running, b"\n".join(lines), x_batch_id=f"b{number}").status_code == 200:
                            sent.extend(lines)
                            break
                    except (httpx.HTTPError, OSError, ValueError, KeyError):
                        time.sleep(0.02)
                number += 1

        sender = threading.Thread(target=send)
        sender.start()
        for wanted in (800, 1_600):
            until(lambda wanted=wanted: len(sent) >= wanted)
            time.sleep(0.013 * wanted / 800)  # somewhere in a batch
            running.kill()
            running.start()
        until(lambda: len(sent) >= 2_400)
        done.set()
        sender.join()
        lines = running.lines("push")
    assert len(lines) == len(set(lines))
    assert set(sent) <= set(lines)
    assert all(line.endswith(b"x" * 500) for line in lines)


def test_a_watch_starts_the_receivers_which_outlive_it(tmp_path: Path) -> None:
    """A killed watch leaves them at work for the next one; one that ends takes them along; dead, they rise."""
    (tmp_path / "pollwatch.toml").write_text(source("tcp", "syslog-tcp"), "utf-8")
    options = ["--config", str(tmp_path / "pollwatch.toml")]
    live = tmp_path / "case" / "live"
    first = ReceiverProcess(tmp_path / "case", options)
    until(first.ensure, first.said)
    running = holder(live)
    assert running is not None
    os.kill(running[0], signal.SIGKILL)
    until(lambda: first.ensure() and holder(live) != running, first.said)
    risen = holder(live)
    assert risen is not None
    first.abandon()  # as if the watch were killed: the kernel lets go of its lock, and nothing else happens
    second = ReceiverProcess(tmp_path / "case", options)
    until(second.ensure, second.said)
    assert holder(live) == risen
    with pytest.raises(StoreError, match="another process receives"):
        ReceiverLock(live, for_watch=True)
    second.stop()
    assert holder(live) is None
    assert first.process is not None
    first.process.wait(10)


#: Three lines behind the cursor that is asked for; a field of theirs claims to hold another one.
_JOURNALCTL = r"""#!/bin/sh
for each; do case $each in --after-cursor=c*) from=${each#--after-cursor=c};; esac; done
for n in 1 2 3; do printf '{"__CURSOR":"c%d","MESSAGE":"\\"__CURSOR\\":\\"c99\\""}\n' $((from+n)); done
exec sleep 60
"""


def test_the_journal_goes_on_behind_the_last_line_that_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed and started again, the journal's reader asks for what follows the cursor in its spool."""
    journal = tmp_path / "bin" / "journalctl"
    journal.parent.mkdir()
    journal.write_text(_JOURNALCTL, "utf-8")
    journal.chmod(0o755)
    monkeypatch.setenv("PATH", f"{journal.parent}:{os.environ['PATH']}")
    with receivers(tmp_path, source("journal", "journald")) as running:
        until(lambda: len(running.lines("journal")) == 3)
        running.kill()
        running.start()
        until(lambda: len(running.lines("journal")) == 6)
        cursors = [line.partition(b'"__CURSOR":"')[2].partition(b'"')[0] for line in running.lines("journal")]
    assert cursors == [b"c1", b"c2", b"c3", b"c4", b"c5", b"c6"]
