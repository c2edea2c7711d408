"""Signer keys from files, systemd credentials and signing programs; none that others can read."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest

from pollwatch.clock import ManualClock
from pollwatch.errors import SignatureError
from pollwatch.evidence.keys import KeyType, Signer
from pollwatch.evidence.log import Log, open_reader

SIGNER = Signer("a.example/shared", KeyType.ED25519, bytes(range(32)))
PROGRAM = """
import base64, sys
from pathlib import Path
from pollwatch.evidence.keys import Signer
sys.stdout.write(base64.b64encode(Signer.load(Path(sys.argv[1])).sign(sys.stdin.buffer.read())).decode() + "\\n")
"""


def private(path: Path, text: str) -> Path:
    """A file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
    return path


def by_command(folder: Path, *arguments: str, vkey: str = SIGNER.verifier.vkey) -> Path:
    """A key file that names a signing program."""
    return private(folder / "shared.key", "\n".join((f"COMMAND+KEY {vkey}", *arguments)) + "\n")


def python(folder: Path, code: str) -> tuple[str, ...]:
    """A signing program in Python."""
    return (sys.executable, str(private(folder / "program.py", code)))


def test_a_systemd_credential_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key file names a credential; without the service's folder, or with another name in it, it says so."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    SIGNER.save(credentials / "pollwatch-shared")
    (credentials / "pollwatch-shared").chmod(0o440)
    reference = private(tmp_path / "shared.key", "CREDENTIAL+KEY pollwatch-shared\n")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SignatureError, match="LoadCredential"):
        Signer.load(reference)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert Signer.load(reference) == SIGNER
    (credentials / "pollwatch-shared").chmod(0o444)
    with pytest.raises(SignatureError, match="read by others"):
        Signer.load(reference)


@pytest.mark.parametrize("name", ["", "..", "../shared.key", "absent"])
def test_a_credential_is_a_name_and_no_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: a reference that leads out of the credentials' folder."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(SignatureError):
        Signer.load(private(tmp_path / "shared.key", f"CREDENTIAL+KEY {name}\n"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o644])
def test_key_files_that_others_can_use_are_refused(mode: int, tmp_path: Path) -> None:
    """Accident: a key file, or a reference to a program that others could change, without mode 0600."""
    for text in ("", "CREDENTIAL+KEY x\n", f"COMMAND+KEY {SIGNER.verifier.vkey}\n/bin/true\n"):
        path = private(tmp_path / f"{len(text)}.key", text)
        path.chmod(mode)
        with pytest.raises(SignatureError, match="chmod 600"):
            Signer.load(path)


def test_a_program_signs_for_a_log(tmp_path: Path) -> None:
    """The key stays with another process; the log's checkpoints verify as ever, and the key cannot be saved."""
    SIGNER.save(tmp_path / "token")
    signer = Signer.load(by_command(tmp_path, *python(tmp_path, PROGRAM), str(tmp_path / "token")))
    assert signer.verifier == SIGNER.verifier
    with Log.open(tmp_path / "log", [signer], ManualClock(0)) as log:
        log.append([b"entry"])
        signed, _reader = open_reader(log.public, SIGNER.verifier)
    assert signed.checkpoint.size == 1
    with pytest.raises(SignatureError, match="cannot be saved"):
        signer.save(tmp_path / "copy")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise SystemExit(1)", "ended with 1"),
        ("print('not base64!')", "no base64"),
        ("print()", "wrong"),
        (f"print({base64.b64encode(bytes(64)).decode()!r})", "wrong"),
    ],
)
def test_a_program_that_fails_or_lies_signs_nothing(code: str, says: str, tmp_path: Path) -> None:
    """Attack or accident: the token is gone, or signs with another key; nothing of that is published."""
    signer = Signer.load(by_command(tmp_path, *python(tmp_path, code)))
    with pytest.raises(SignatureError, match=says):
        signer.sign(b"message")


def test_a_program_is_named_by_its_path(tmp_path: Path) -> None:
    """Attack: another program of that name earlier in the search path."""
    with pytest.raises(SignatureError, match="absolute"):
        Signer.load(by_command(tmp_path, "pkcs11-sign"))
    (tmp_path / "shared.key").unlink()
    with pytest.raises(SignatureError, match="cannot be run"):
        Signer.load(by_command(tmp_path, str(tmp_path / "absent"))).sign(b"")
