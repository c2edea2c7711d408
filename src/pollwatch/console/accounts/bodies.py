"""What a request carries, up to a limit and a time, and the token in it; then it is given on as it came."""

from __future__ import annotations

import asyncio
import re
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import Message, Receive

#: A form, or JSON.
MAX_BYTES: Final = 1 << 20
#: A form with files.
MAX_FILES_BYTES: Final = 32 << 20
_PATIENCE_S: Final = 30.0
_FIELD: Final = "csrf"
_MAX_FIELDS: Final = 2000
#: So much of a form with files is looked at: the token is its first field.
_BEGINNING: Final = 4096


class TooLargeError(Exception):
    """More than is taken."""


class TooSlowError(Exception):
    """It did not come in time."""


class Body:
    """The body of one request: counted as it comes, and what was read of it is read again by whoever asks next."""

    def __init__(self, headers: Headers, receive: Receive) -> None:
        """Take the body of a request.

        Raises:
            TooLargeError: it says itself that it is too large.
        """
        self._receive = receive
        self._kind, _semicolon, self._parameters = headers.get("content-type", "").partition(";")
        self._kind = self._kind.strip().lower()
        self._most = MAX_FILES_BYTES if self._kind == "multipart/form-data" else MAX_BYTES
        self._read: list[Message] = []
        self._bytes = 0
        said = headers.get("content-length", "")
        if said.isascii() and said.isdecimal() and int(said[:20]) > self._most:
            raise TooLargeError

    async def receive(self) -> Message:
        """The next message, for whoever handles the request.

        Raises:
            TooLargeError: more came than is taken.
        """
        return self._read.pop(0) if self._read else await self._next()

    async def token(self) -> str:
        """The token in a form; empty where there is none.

        Raises:
            TooLargeError: more came than is taken.
            TooSlowError: it did not come in time.
        """
        if self._kind == "application/x-www-form-urlencoded":
            return _in_form(await self._beginning(self._most))
        if self._kind == "multipart/form-data":
            return _in_parts(await self._beginning(_BEGINNING))
        return ""

    async def _beginning(self, most: int) -> bytes:
        found = b""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                more = True
                while more and len(found) < most:
                    message = await self._next()
                    self._read.append(message)
                    found += message.get("body", b"")
                    more = message["type"] == "http.request" and message.get("more_body", False)
        except TimeoutError:
            raise TooSlowError from None
        return found

    async def _next(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._most:
            raise TooLargeError
        return message


def _in_form(body: bytes) -> str:
    try:
        fields = parse_qsl(body.decode("ascii"), max_num_fields=_MAX_FIELDS, keep_blank_values=True)
    except ValueError:
        return ""
    found = [value for name, value in fields if name == _FIELD]
    return found[0] if len(found) == 1 else ""


def _in_parts(beginning: bytes) -> str:
    head, _blank, rest = beginning.partition(b"\r\n\r\n")
    named = re.search(rb'^content-disposition: *form-data; *name="csrf" *$', head, re.IGNORECASE | re.MULTILINE)
    lines = head.count(b"\r\n")
    if named is None and not re.search(rb'form-data; *name="csrf"\s*\Z', head, re.IGNORECASE):
        return ""
    value, ended, _rest = rest.partition(b"\r\n")
    return value.decode("ascii", "replace") if ended and lines <= 3 else ""
