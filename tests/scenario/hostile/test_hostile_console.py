"""Bytes on the console's socket that no browser sends: smuggling, traversal, floods of headers, odd methods."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from console_scenes import Hall, Visitor, hall, served


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A console on a socket, as it is served."""
    with hall(tmp_path_factory.mktemp("raw") / "case") as found, served(found.app) as url:
        parts = urlsplit(url)
        yield "127.0.0.1", parts.port or 0


def said(address: tuple[str, int], sent: bytes) -> bytes:
    """All that the server answers to these bytes until it is done, or says nothing more for a while."""
    with socket.create_connection(address, timeout=20) as connection:
        found = b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            connection.sendall(sent)
            while piece := connection.recv(65536):
                found += piece
                connection.settimeout(0.4)
        return found


def host(address: tuple[str, int]) -> bytes:
    """The right Host field."""
    return b"Host: localhost:%d\r\n" % address[1]


SMUGGLED = b"GET /accounts HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\nContent-Length: 50\r\n",
        b"Content-Length: 5, 50\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b" Content-Length: 5\r\n",
        b"X: a\r\n\tContent-Length: 5\r\n\x00: b\r\n",
    ],
)
def test_a_request_whose_end_two_readers_could_see_differently_is_refused(
    address: tuple[str, int], fields: bytes
) -> None:
    """Request smuggling: contradictory or odd lengths get 400, the connection ends, and nothing behind is answered."""
    answer = said(address, b"POST /sign-in HTTP/1.1\r\n" + host(address) + fields + b"\r\n" + b"0\r\n\r\n" + SMUGGLED)
    assert answer == b"" or answer.split(b" ")[1] in {b"400", b"421"}
    assert not re.search(rb"HTTP/1\.1 [23]", answer)


def test_a_length_beside_chunks_does_not_let_a_second_request_through(address: tuple[str, int]) -> None:
    """CL.TE smuggling: what follows the last chunk is at most a request of its own, whose host is checked anew."""
    fields = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"
    answer = said(address, b"POST /sign-in HTTP/1.1\r\n" + host(address) + fields + b"\r\n0\r\n\r\n" + SMUGGLED)
    assert b"303" not in answer.partition(b"\r\n")[0]
    assert answer.count(b"HTTP/1.1 200") == 0


@pytest.mark.parametrize(
    "target",
    [
        b"/static/../access.py",
        b"/static/%2e%2e/access.py",
        b"/static/..%2faccess.py",
        b"/static/%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
        b"/static//etc/passwd",
        b"/static/....//access.py",
        b"/static/..\\access.py",
        b"/static/console.js%00.py",
        b"/static/\xc0\xae\xc0\xae/access.py",
        b"//static/../../etc/passwd",
        b"http://localhost/static/../access.py",
        b"/static/",
        b"/static",
    ],
)
def test_no_path_leads_out_of_the_built_files(address: tuple[str, int], target: bytes) -> None:
    """Path traversal in all spellings reads neither our source nor the machine's files, and lists no folder."""
    answer = said(address, b"GET " + target + b" HTTP/1.1\r\n" + host(address) + b"Connection: close\r\n\r\n")
    status = answer.split(b" ")[1] if answer else b"400"
    assert status in {b"400", b"404", b"405", b"307", b"421"}
    assert b"root:" not in answer
    assert b"from __future__" not in answer
    assert b"console.css" not in answer.replace(b"/static/console.css?v=", b"")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ],
)
def test_no_header_makes_us_another_host(address: tuple[str, int], head: bytes) -> None:
    """Host header attacks: missing, double and forwarded hosts end or change nothing; no link of ours names another."""
    answer = said(address, head)
    assert b"evil.example" not in answer
    assert answer.split(b" ")[1] in {b"400", b"421", b"303", b"404"}


def test_heads_beyond_reason_are_refused(address: tuple[str, int]) -> None:
    """A head of megabytes, or with thousands of fields, ends the connection instead of filling memory."""
    for fields in (b"X: " + b"a" * (1 << 20) + b"\r\n", b"".join(b"X%d: a\r\n" % n for n in range(50_000))):
        answer = said(address, b"GET / HTTP/1.1\r\n" + host(address) + fields + b"\r\n")
        assert answer == b"" or answer.split(b" ")[1] in {b"400", b"431"}


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "FOO"])
def test_methods_that_nobody_asked_for_do_nothing(address: tuple[str, int], method: str) -> None:
    """Nothing is echoed (TRACE), tunnelled or changed by a method that no route has."""
    answer = said(address, f"{method} /sign-in HTTP/1.1\r\n".encode() + host(address) + b"X-Secret: 42\r\n\r\n")
    assert answer.split(b" ")[1] in {b"400", b"403", b"404", b"405"}
    assert b"X-Secret" not in answer


def test_cookies_that_are_none_of_ours_are_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Long, odd, doubled and injected cookies are as if there were none."""
    with hall(tmp_path_factory.mktemp("cookies") / "case") as console:
        check_cookies(console)


def check_cookies(console: Hall) -> None:
    """Every such cookie leads to the way in."""
    console.account("anna")
    anna = Visitor(console.app).signed_in("anna")
    good = anna.cookies["pollwatch"]
    for value in ("x" * 100_000, "' OR 1=1 --", good + "; pollwatch=x", f"{good}\x00", "%00", f'"{good}"x', good[:-1]):
        visitor = Visitor(console.app)
        visitor.cookies = {"pollwatch": value}
        assert visitor.get("/me").status_code in {303, 400}
