"""Where a signer key comes from: a file, a systemd credential, or a program that signs (a PKCS#11 token, an HSM).

A key file normally holds the key (``PRIVATE+KEY+...``). It may instead say where the key is:

``CREDENTIAL+KEY NAME``
    the key is in ``$CREDENTIALS_DIRECTORY/NAME``, where systemd puts what a unit names with ``LoadCredential=`` or
    ``LoadCredentialEncrypted=``: decrypted for this service alone, gone when it stops.
``COMMAND+KEY VKEY`` and then one argument a line
    the key never comes here. For each signature the program is run (no shell) with the message, raw, on its standard
    input; it prints the bare signature in base64 and ends with 0, within ten seconds. VKEY is the public half: each
    signature is checked against it before it is used.

Whichever it is, a file that others could read or change is refused.
"""

from __future__ import annotations

import base64
import binascii
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pollwatch.errors import SignatureError

_CREDENTIAL = "CREDENTIAL+KEY "
_COMMAND = "COMMAND+KEY "
_TIMEOUT_S = 10
_MAX_FILE = 1 << 16


class SignerBackend(Protocol):
    """What can sign with one secret key."""

    def sign(self, message: bytes, /) -> bytes:
        """A bare signature over exactly these bytes."""


@dataclass(frozen=True, slots=True)
class CommandBackend:
    """Signs by running a program; see the module for its protocol.

    Attributes:
        arguments: the program, by its absolute path, and its arguments.
    """

    arguments: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what a changed search path would turn into another program.

        Raises:
            SignatureError: no program, or not an absolute path.
        """
        if not self.arguments or not Path(self.arguments[0]).is_absolute():
            raise SignatureError("a signing program is named by its absolute path")

    def sign(self, message: bytes, /) -> bytes:
        """Run the program once.

        Raises:
            SignatureError: it cannot be run, fails, takes too long, or prints no base64.
        """
        program = self.arguments[0]
        try:
            done = subprocess.run(  # noqa: S603 - the program is named in a file that only the key's owner can write
                self.arguments, input=message, capture_output=True, timeout=_TIMEOUT_S, check=False
            )
            if done.returncode:
                raise SignatureError(f"signing program {program} ended with {done.returncode}; nothing was signed")
            return base64.b64decode(done.stdout.strip(), validate=True)
        except OSError as error:
            raise SignatureError(f"signing program {program} cannot be run: {error}") from error
        except subprocess.TimeoutExpired:
            raise SignatureError(f"signing program {program} took over {_TIMEOUT_S} s; is the token there?") from None
        except binascii.Error:
            raise SignatureError(f"signing program {program} printed no base64") from None


@dataclass(frozen=True, slots=True)
class External:
    """A key that stays where it is.

    Attributes:
        vkey: its public half.
        backend: what signs with it.
    """

    vkey: str
    backend: SignerBackend


def read(path: Path, environment: Mapping[str, str] | None = None) -> str | External:
    """A key file's private key as text, or what signs in its place.

    Args:
        path: the key file.
        environment: where ``CREDENTIALS_DIRECTORY`` is looked up; default: the process's.

    Raises:
        SignatureError: the file cannot be read, others can read it, or what it refers to is not there.
    """
    text = _read_private(path, 0o077)
    if text.startswith(_CREDENTIAL):
        name = text.removeprefix(_CREDENTIAL).rstrip("\n")
        folder = (os.environ if environment is None else environment).get("CREDENTIALS_DIRECTORY")
        if folder is None:
            raise SignatureError(
                f"{path} names the systemd credential {name[:80]!r}, but CREDENTIALS_DIRECTORY is not set: "
                "run it as the unit that has LoadCredential="
            )
        if not name or name in {".", ".."} or "/" in name or "\n" in name:
            raise SignatureError(f"{path} does not name a systemd credential")
        # systemd grants the service's user by an ACL, which shows as a group bit; others must have nothing.
        return _read_private(Path(folder) / name, 0o007).removesuffix("\n")
    if text.startswith(_COMMAND):
        vkey, *arguments = text.removeprefix(_COMMAND).removesuffix("\n").split("\n")
        return External(vkey, CommandBackend(tuple(arguments)))
    return text.removesuffix("\n")


def _read_private(path: Path, forbidden: int) -> str:
    """A file's text, unless its mode gives others anything; mode and content are of one and the same open file."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_MAX_FILE).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SignatureError(f"signer key {path} cannot be read: {error}") from error
    if mode & forbidden:
        raise SignatureError(f"signer key {path} can be read by others; run: chmod 600 {path}")
    return text
