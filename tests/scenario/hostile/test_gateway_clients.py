"""Third parties' clients over real TLS: what their password opens, and everything that must not open anything."""

from __future__ import annotations

import datetime as dt
import ipaddress
import itertools
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import joint_scenes
from pollwatch.cli.main import root
from pollwatch.clock import SystemClock
from pollwatch.errors import FormatError, PolicyError
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.gateway import processes
from pollwatch.node.gateway.processes import GatewayProcess
from pollwatch.node.logs import publishing
from pollwatch.sharing import clients, stages
from pollwatch.sharing.caller import UnauthenticatedError
from pollwatch.sharing.clients import Passwords
from pollwatch.sharing.stages import Stage

CLOCK = SystemClock()
Pair: TypeAlias = tuple[Membership, Membership, httpx.Client]


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine's loopback address, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    now = dt.datetime.fromtimestamp(CLOCK.now_us() / 1e6, dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "tls.pem", folder / "tls.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    return paths


def password(of: Membership, name: str, member: str) -> str:
    """What the command prints once."""
    command = ["clients", "add", name, "--case", str(of.folder.case), "--member", member]
    return CliRunner().invoke(root, command, standalone_mode=False).stdout.strip()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A and B; A's gateway over TLS, and a client that trusts its certificate."""
    a, b = joint_scenes.enrolled(tmp_path, "ab", CLOCK)
    publishing.publish(a, CLOCK)
    pem, key = certificate(tmp_path)
    gateway = GatewayProcess(a.folder.case, a.me, ["--tls-cert", str(pem), "--tls-key", str(key)])
    address = a.me.address.replace("http:", "https:")
    trusting = ssl.create_default_context(cafile=str(pem))
    with (
        processes.running(gateway),
        httpx.Client(base_url=address, verify=trusting, trust_env=False, timeout=20) as over_tls,
    ):
        yield a, b, over_tls


def test_a_client_reads_what_its_member_may(pair: Pair) -> None:
    """Over TLS the right password opens what the member may read, until it is removed or the member's stage ends."""
    a, b, over_tls = pair
    right, tile = ("siem", password(a, "siem", "B")), joint_scenes.bundle(a)
    assert over_tls.get(tile).status_code == 401
    assert over_tls.get(tile).headers["www-authenticate"].startswith("Basic ")
    assert over_tls.get(tile, auth=right).status_code == 200
    assert over_tls.get(tile, auth=("siem", right[1] + "x")).status_code == 401
    assert over_tls.get(tile, auth=("nobody", right[1])).status_code == 401
    assert over_tls.post("/inbox", content=b"x", auth=right).status_code == 400  # and a delivery needs a note
    stages.write(a.folder.outer_stages, {b.me.identity: Stage.ALONE})
    assert over_tls.get(tile, auth=right).status_code == 403
    stages.write(a.folder.outer_stages, {b.me.identity: Stage.WITNESS})
    assert over_tls.get(tile, auth=right).status_code == 200
    removed = CliRunner().invoke(root, ["clients", "remove", "siem", "--case", str(a.folder.case)])
    assert removed.exit_code == 0
    assert over_tls.get(tile, auth=right).status_code == 401


@pytest.mark.parametrize(("options", "status"), [((), 403), (("--plain-passwords",), 200)])
def test_passwords_without_tls(tmp_path: Path, options: tuple[str, ...], status: int) -> None:
    """In clear a password is refused though right, and called lost; from this very machine where that was allowed."""
    a, _b = joint_scenes.enrolled(tmp_path, "ab", CLOCK)
    publishing.publish(a, CLOCK)
    right = ("siem", password(a, "siem", "B"))
    with processes.running(GatewayProcess(a.folder.case, a.me, options)):
        said = httpx.get(a.me.address + joint_scenes.bundle(a), auth=right, trust_env=False)
    assert (said.status_code, "TLS only" in said.text) == (status, status == 403)


def test_attack_22_somebody_guesses_passwords(pair: Pair) -> None:
    """Attack 22: ten wrong passwords, and then a wait; a client that is known already is served on."""
    a, _b, over_tls = pair
    right, tile = ("siem", password(a, "siem", "B")), joint_scenes.bundle(a)
    assert over_tls.get(tile, auth=right).status_code == 200
    guesses = (over_tls.get(tile, auth=("siem", f"guess {number}")).status_code for number in range(60))
    got = list(itertools.takewhile(lambda status: status == 401, guesses))
    assert 9 <= len(got) < 59
    assert over_tls.get(tile, auth=right).status_code == 200


def test_only_hashes_are_kept_and_names_are_plain(tmp_path: Path) -> None:
    """The file holds no password; two clients have no hash in common; a name that HTTP cannot carry is refused."""
    a, b = joint_scenes.enrolled(tmp_path, "ab", CLOCK)
    secrets = [password(a, name, "B") for name in ("one", "two")]
    path = a.folder.gateway.clients
    kept = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not any(secret.encode() in kept for secret in secrets)
    known = clients.parse(kept)
    assert len({each.scrypt for each in known}) == 2
    with pytest.raises(PolicyError, match="already"):
        clients.added(known, clients.make("one", a.me, CLOCK.now_us())[0])
    with pytest.raises(PolicyError, match="no client"):
        clients.without(known, "three")
    for name in ("", "a:b", "a b", "é", "a" * 65, "-x"):
        with pytest.raises(FormatError):
            clients.make(name, b.me, CLOCK.now_us())


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic ***", "Bearer x", "Basic " + "A" * 10_000, "Basic bm9jb2xvbg=="]
)
def test_attack_12_what_is_no_password_is_refused(tmp_path: Path, header: str) -> None:
    """Attack 12: other schemes, broken base64, endless values and bytes without a colon are an error of ours."""
    with pytest.raises(UnauthenticatedError):
        Passwords(tmp_path / "none").check(header)
