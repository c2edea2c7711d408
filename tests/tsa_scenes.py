"""Time-stamp authorities: real ones (``openssl ts``), with certificates of any kind, honest or not."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pollwatch.clock import SystemClock
from pollwatch.evidence import timestamp
from pollwatch.evidence.timestamp import Query

NEEDS_OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to run a time-stamp authority")
CLOCK = SystemClock()
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
certs = {folder}/root.pem
signer_digest = {digest}
default_policy = 1.2.3.4
digests = sha256, sha512
{accuracy}
ess_cert_id_alg = sha256
"""
TST_INFO = "1.2.840.113549.1.9.16.1.4"
PURPOSE = (ExtendedKeyUsageOID.TIME_STAMPING,)


@dataclass(frozen=True)
class Authority:
    """An authority.

    Attributes:
        address: where it listens; empty where it does not.
        pem: its root.
        folder: its files.
    """

    address: str
    pem: bytes
    folder: Path

    def reply(self, query: bytes) -> bytes:
        """What ``openssl ts`` answers."""
        (self.folder / "query").write_bytes(query)
        config, asked = str(self.folder / "ts.conf"), str(self.folder / "query")
        command = ["openssl", "ts", "-reply", "-config", config, "-queryfile", asked]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def forged(self, info: bytes, *options: str) -> bytes:
        """An answer with this TSTInfo, also where ``openssl ts`` finds its own certificate unfit to make one."""
        (self.folder / "info").write_bytes(info)
        named = {"signer": "tsa.pem", "inkey": "tsa.key", "certfile": "root.pem", "in": "info"}
        files = [word for name, file in named.items() for word in (f"-{name}", str(self.folder / file))]
        command = ["openssl", "cms", "-sign", "-binary", "-nodetach", "-econtent_type", TST_INFO, "-outform", "DER"]
        done = subprocess.run([*command, *files, *(options or ("-cades",))], capture_output=True, check=True)
        return der(0x30, der(0x30, der(2, b"\0")) + done.stdout)


def der(tag: int, content: bytes) -> bytes:
    """One element."""
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([size]) if size < 128 else bytes([128 + len(length)]) + length) + content


@dataclass(frozen=True)
class Wish:
    """What the certificates of an authority are like.

    Attributes:
        kind: of all keys: ``P-256``, ``P-384`` or ``RSA``.
        pss: certificates are signed with RSA-PSS.
        between: an authority stands between the root and the clock, and may itself sign certificates or not.
        purpose: what the clock's certificate is for.
        critical: whether that is a condition.
        days: from when to when it is valid, from today.
        usage: what else the clock's key may do: sign certificates.
    """

    kind: str = "P-256"
    pss: bool = False
    between: bool | None = None
    purpose: Sequence[x509.ObjectIdentifier] = PURPOSE
    critical: bool = True
    days: tuple[int, int] = (-1, 1)
    usage: bool | None = None


def certificates(folder: Path, name: str, wish: Wish | None = None) -> bytes:
    """A root and an authority under it, as files; gives the root."""
    wish = wish or Wish()
    chain = ["root", *([] if wish.between is None else ["office"]), "clock"]
    keys = [_key(wish.kind) for _each in chain]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} {what}")]) for what in chain]
    made = []
    for place, (key, subject) in enumerate(zip(keys, names, strict=True)):
        above = max(place - 1, 0)
        is_clock = place == len(chain) - 1
        days = wish.days if is_clock else (-1, 1)
        builder = _dated(days).subject_name(subject).issuer_name(names[above]).public_key(key.public_key())
        may_sign = not is_clock and (place == 0 or bool(wish.between))
        builder = builder.add_extension(x509.BasicConstraints(ca=may_sign, path_length=None), critical=True)
        if is_clock and wish.purpose:
            builder = builder.add_extension(x509.ExtendedKeyUsage(wish.purpose), critical=wish.critical)
        if is_clock and wish.usage is not None:
            builder = builder.add_extension(_usage(certs=wish.usage), critical=True)
        how = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if wish.pss else None
        made.append(builder.sign(keys[above], hashes.SHA256(), rsa_padding=how).public_bytes(Encoding.PEM))
    # What travels in a token; the root need not.
    (folder / "root.pem").write_bytes(b"".join(made[1:-1]) or made[0])
    (folder / "tsa.pem").write_bytes(made[-1])
    (folder / "tsa.key").write_bytes(keys[-1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "serial").write_text("01\n")
    return made[0]


def an_authority(
    folder: Path, name: str, wish: Wish | None = None, accuracy: str = "", digest: str = "sha256"
) -> Authority:
    """One that does not listen: it is asked as a program."""
    pem = certificates(folder, name, wish)
    (folder / "ts.conf").write_text(CONFIG.format(folder=folder, accuracy=accuracy, digest=digest))
    return Authority("", pem, folder)


def _key(kind: str) -> Key:
    if kind == "RSA":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key({"P-256": ec.SECP256R1, "P-384": ec.SECP384R1}[kind]())


def _dated(days: tuple[int, int]) -> x509.CertificateBuilder:
    now = dt.datetime.fromtimestamp(CLOCK.now_us() // 1_000_000, dt.UTC)
    builder = x509.CertificateBuilder().serial_number(x509.random_serial_number())
    first, last = (now + dt.timedelta(days=each) for each in days)
    return builder.not_valid_before(first).not_valid_after(last)


def _usage(*, certs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=certs, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def running(folder: Path, name: str, accuracy: str) -> Iterator[Authority]:
    """An authority while it is needed."""
    found = an_authority(folder, name, accuracy=accuracy)

    class Handler(BaseHTTPRequestHandler):
        """One POST, one token; some paths answer badly."""

        def do_POST(self) -> None:
            """Answer."""
            asked = self.rfile.read(int(self.headers["content-length"]))
            body = found.reply(asked)
            if self.path == "/old":
                body = found.reply(Query.of(b"something else").data)
            if self.path == "/flood":
                body = bytes(1 << 20)
            self.send_response(500 if self.path == "/broken" else 200)
            self.send_header("content-type", "text/html" if self.path == "/page" else timestamp.REPLY)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield replace(found, address=f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
