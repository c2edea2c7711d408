"""Six digits from a telephone (RFC 6238: HMAC-SHA-1, 30 seconds), and recovery codes for when it is lost. Sans-IO.

Digits are good once: the step that they belong to is kept, and none up to it is taken again. A recovery code holds 80
random bits, so that its plain SHA-256 tells nobody anything; it is good once too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import Final
from urllib.parse import quote

from pollwatch.clock import US_PER_S

STEP_S: Final = 30
_DIGITS: Final = 6
_SECRET_BYTES: Final = 20
#: Steps before and after the present one that are taken: clocks differ, and people type slowly.
_AROUND: Final = 1
CODES: Final = 10
_ALPHABET: Final = "ABCDEFGHJKMNPQRSTVWXYZ0123456789"  # 32 signs; no I, L, O, U, which people misread
_CODE_CHARS: Final = 16


def new_secret() -> bytes:
    """A secret for a telephone."""
    return secrets.token_bytes(_SECRET_BYTES)


def digits(secret: bytes, step: int) -> str:
    """The digits of one step (RFC 4226, 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 0xF
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


def step_of(secret: bytes, typed: str, now_us: int) -> int | None:
    """Which step these digits belong to; None where they belong to none that is near."""
    code = re.sub(r"\s", "", typed)
    if not re.fullmatch(r"[0-9]{6}", code, re.ASCII):
        return None
    present = now_us // US_PER_S // STEP_S
    found = None
    for step in range(present - _AROUND, present + _AROUND + 1):
        if step >= 0 and hmac.compare_digest(digits(secret, step), code):
            found = step
    return found


def secret_text(secret: bytes) -> str:
    """The secret as people type it, where a camera is of no use."""
    text = base64.b32encode(secret).decode("ascii").rstrip("=")
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def address(secret: bytes, name: str, office: str) -> str:
    """What the QR code says (Google's key URI format)."""
    issuer, account = quote(f"pollwatch {office}".strip(), safe=""), quote(name, safe="")
    encoded = base64.b32encode(secret).decode("ascii").rstrip("=")
    return f"otpauth://totp/{issuer}:{account}?secret={encoded}&issuer={issuer}"


def new_codes() -> list[str]:
    """Recovery codes to print out, in groups of four."""
    return ["-".join(_group() for _each in range(_CODE_CHARS // 4)) for _code in range(CODES)]


def code_digest(typed: str) -> bytes | None:
    """What is kept of a recovery code; None for what can be none."""
    code = re.sub(r"[\s-]", "", typed).upper().translate(str.maketrans("OIL", "011"))
    if len(code) != _CODE_CHARS or not set(code) <= set(_ALPHABET):
        return None
    return hashlib.sha256(b"pollwatch recovery code " + code.encode("ascii")).digest()


def _group() -> str:
    return "".join(secrets.choice(_ALPHABET) for _each in range(4))
