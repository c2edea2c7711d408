"""Sends a heartbeat into each source of a watch, the way that its senders take, and waits until it is detected."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pollwatch.clock import Clock, monotonic_s
from pollwatch.i18n import _
from pollwatch.incidents import liveness
from pollwatch.node.receive import counts
from pollwatch.node.watch import heartbeat
from pollwatch.sources.settings import WatchedSource, secret

_TIMEOUT_S: Final = 5.0
_LOOK_S: Final = 0.1
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a listener's address, not ours

Tell = Callable[[str], None]


def run(live: Path, sources: Sequence[WatchedSource], within_s: float, clock: Clock, tell: Tell) -> list[str]:
    """Send to each, and wait.

    Args:
        live: ``CASE/live``.
        sources: where to send.
        within_s: how long to wait.
        clock: for the messages' time.
        tell: takes a sentence for whoever waits.

    Returns:
        The names of those that were not heard.

    Raises:
        StoreError: the case's word cannot be read.
    """
    word, begun_us, begun_s = heartbeat.word_of(live), clock.now_us(), monotonic_s()
    _at_us, listening = counts.read(live / counts.NAME)
    formats = liveness.formats(live.parent / "case.sqlite")
    waiting, failed = {each.name for each in sources}, set[str]()
    for source in sources:
        if source.kind in {"files", "stdin"}:
            tell(_("{name}: let its program write the word {word} now").format(name=source.name, word=word))
            continue
        try:
            where = listening[source.name].listening if source.name in listening else ""
            _send(source, where, source.format.partition(":")[0] or formats.get(source.name, ""), word, clock)
        except (OSError, http.client.HTTPException, subprocess.SubprocessError) as error:
            tell(_("{name}: it cannot be sent: {error}").format(name=source.name, error=str(error)))
            failed.add(source.name)
    waiting -= failed
    while waiting and monotonic_s() - begun_s < within_s:
        for name, at_us in heartbeat.heard(live).items():
            if name in waiting and at_us >= begun_us:
                waiting.discard(name)
                seconds = round(monotonic_s() - begun_s, 1)
                tell(_("{name}: detected after {seconds} s").format(name=name, seconds=seconds))
        time.sleep(_LOOK_S)
    return sorted(waiting | failed)


def _send(source: WatchedSource, listening: str, fmt: str, word: str, clock: Clock) -> None:
    """Send a heartbeat by a source's own protocol.

    Raises:
        OSError: nobody listens, or it was refused.
    """
    host, _colon, port = listening.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    address = (_EVERYWHERE.get(host, host), int(port) if port.isdigit() else 0)
    message = heartbeat.line(fmt, word, clock.now_us())
    if source.kind != "journald" and not listening:
        raise ConnectionRefusedError(_("nobody listens; is `pollwatch receive` at work?"))
    match source.kind:
        case "syslog-udp":
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(message.encode(), address)
        case "syslog-tcp" | "syslog-tls":
            with socket.create_connection(address, _TIMEOUT_S) as plain:
                framed = f"{len(message)} {message}".encode()
                if source.kind == "syslog-tcp":
                    plain.sendall(framed)
                    return
                with _trusting(source).wrap_socket(plain) as inside:
                    inside.sendall(framed)
        case "http":
            _push(source, address, message)
        case "journald":
            command = ["logger", "-t", "pollwatch", "--", f"sign of life {word}"]
            subprocess.run(command, check=True, timeout=_TIMEOUT_S)  # noqa: S603 - our own words
        case "files" | "stdin":
            pass


def _push(source: WatchedSource, address: tuple[str, int], message: str) -> None:
    if source.certificate is not None:
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            *address, timeout=_TIMEOUT_S, context=_trusting(source)
        )
    else:
        connection = http.client.HTTPConnection(*address, timeout=_TIMEOUT_S)
    token = secret(source.token).read_text("utf-8").split()[0] if source.token is not None else ""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
    try:
        connection.request("POST", "/v1/push", message.encode(), headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise ConnectionRefusedError(f"HTTP {answer.status}: {answer.read(200).decode('utf-8', 'replace').strip()}")
    finally:
        connection.close()


def _trusting(source: WatchedSource) -> ssl.SSLContext:
    """TLS to our own listener: we know who it is by the certificate that lies here, not by its name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if source.client_ca is not None and source.certificate is not None and source.key is not None:
        context.load_cert_chain(secret(source.certificate), secret(source.key))  # our own, if its signer may connect
    return context
