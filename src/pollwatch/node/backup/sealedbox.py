"""How pieces of a backup are stored: compressed, and with a key file encrypted: nobody else reads or alters them.

Without a key a piece's name is the SHA-256 of what it holds. With a key it is a MAC under the key: names then tell
nothing, and a known file cannot be looked for. Either way the name is checked against the content on reading, so a
piece that was altered, cut off or put in another's place is never taken.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pollwatch import durable
from pollwatch.errors import StoreError

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_LEVEL: Final = 3
_OTHERS: Final = 0o077


class SealedBox:
    """Makes stored bytes of content and content of stored bytes. Safe for several threads."""

    def __init__(self, key: bytes | None) -> None:
        """With the key of a key file, or without one."""
        self._naming = None if key is None else _derived(key, b"pollwatch backup names")
        self._cipher = None if key is None else AESGCM(_derived(key, b"pollwatch backup content"))

    @property
    def encrypted(self) -> bool:
        """Whether what it stores is encrypted."""
        return self._cipher is not None

    @property
    def check(self) -> str:
        """Tells one key from another without telling the key; empty without one."""
        return "" if self._naming is None else hmac.digest(self._naming, b"which key is this?", "sha256").hex()[:32]

    def name(self, content: bytes) -> str:
        """What a piece with this content is called: 64 hex digits."""
        if self._naming is None:
            return hashlib.sha256(content).hexdigest()
        return hmac.digest(self._naming, content, "sha256").hex()

    def stored(self, name: str, content: bytes) -> bytes:
        """A piece as it is stored."""
        packed = zstandard.ZstdCompressor(level=_LEVEL).compress(content)
        if self._cipher is None:
            return packed
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, packed, name.encode())

    def content(self, name: str, stored: bytes, most_bytes: int) -> bytes:
        """What a piece holds.

        Raises:
            StoreError: it is not what its name says: altered, cut off, another's, or under another key.
        """
        content = self.opened(name, stored, most_bytes)
        if not hmac.compare_digest(self.name(content), name):
            raise StoreError(
                f"piece {name[:16]} of the backup holds something else than was stored; use another backup"
            )
        return content

    def opened(self, name: str, stored: bytes, most_bytes: int) -> bytes:
        """The same for what is not named after its content.

        Raises:
            StoreError: it was altered or cut off.
        """
        try:
            if self._cipher is not None:
                stored = self._cipher.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], name.encode())
            size = zstandard.frame_content_size(stored)
            if not 0 <= size <= most_bytes:
                raise StoreError(f"piece {name[:16]} of the backup says that it holds {size} bytes; it was altered")
            return zstandard.ZstdDecompressor().decompress(stored, max_output_size=most_bytes)
        except (InvalidTag, ValueError, zstandard.ZstdError) as error:
            raise StoreError(
                f"piece {name[:16]} of the backup is damaged or was altered; use another backup"
            ) from error


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=purpose).derive(key)


def make_key(path: Path) -> None:
    """Make a key file that only its owner can read.

    Raises:
        StoreError: there is such a file, or the disk says no.
    """
    try:
        durable.create_file(path, secrets.token_hex(_KEY_BYTES).encode() + b"\n")
    except FileExistsError:
        raise StoreError(f"{path} is there already; a key that is replaced opens no backup made with it") from None
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error


def read_key(path: Path) -> bytes:
    """Read a key file.

    Raises:
        StoreError: it cannot be read, others can read it, or it is none.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise StoreError(f"{path} can be read by others; `chmod 600 {path}`, and ask who has read it")
            text = file.read(4 * _KEY_BYTES)
        key = bytes.fromhex(text.decode("ascii").strip())
    except OSError as error:
        raise StoreError(f"cannot read the key file {path}: {error.strerror}") from error
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise StoreError(f"{path} is no key file; `pollwatch db key {path.name}` makes one")
    return key
