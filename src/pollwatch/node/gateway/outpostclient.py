"""A gateway that stands elsewhere: :class:`pollwatch.node.gateway.outpost.Outpost` over signed requests."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from pollwatch.errors import PeerError, PolicyError
from pollwatch.evidence.keychain import KnownLog
from pollwatch.evidence.mirror import mirror_name
from pollwatch.evidence.witnessanswer import Response
from pollwatch.node.gateway.outpost import Seen
from pollwatch.sharing import bounded
from pollwatch.sharing.egress import Left
from pollwatch.sharing.inbox import Mail
from pollwatch.sharing.matching.box import Waiting
from pollwatch.sharing.outbound import Outbound

#: A message of private matching is the largest thing that waits.
_MAX_ANSWER: Final = 96 << 20
_T = TypeVar("_T")


class HttpOutpost:
    """Our gateway over HTTP; use it with ``with``."""

    def __init__(self, way: Outbound, address: str, transport: httpx.BaseTransport | None = None) -> None:
        """Connect when needed.

        Args:
            way: signs as our node, to our own address in the charter.
            address: where the gateway is reached from inside.
            transport: another way to reach it than TCP.
        """
        self._address = address.rstrip("/")
        self._client = way.client(transport)
        self._client.base_url = httpx.URL(self._address)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._client.close()

    def read(self, name: str) -> bytes | None:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`."""
        answer = self._ask("GET", f"/inside/files/{quote(name)}", missing=True)
        return None if answer is None else answer.body

    def write(self, name: str, data: bytes) -> None:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`."""
        self._ask("PUT", f"/inside/files/{quote(name)}", data)

    def restart_log(self) -> None:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`."""
        self._ask("DELETE", "/inside/files/log/")

    def mail(self, *, fetched: bool = False) -> tuple[int, ...]:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`."""
        return self._get(f"/inside/mail?fetched={int(fetched)}", tuple[int, ...])

    def one_mail(self, number: int) -> Mail:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`."""
        return self._get(f"/inside/mail/{number}", Mail)

    def mail_done(self, number: int) -> None:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`."""
        self._ask("DELETE", f"/inside/mail/{number}")

    def messages(self) -> tuple[int, ...]:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`."""
        return self._get("/inside/messages", tuple[int, ...])

    def one_message(self, number: int) -> Waiting:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`."""
        return self._get(f"/inside/messages/{number}", Waiting)

    def message_done(self, number: int) -> None:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`."""
        self._ask("DELETE", f"/inside/messages/{number}")

    def forget_mail(self, sender: str) -> None:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`."""
        self._ask("DELETE", f"/inside/mail?sender={quote(sender, safe='')}")

    def seen(self, log: KnownLog) -> Seen:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`."""
        following = (log.following or b"").hex()
        return self._get(f"/inside/seen?log={quote(log.verifier.vkey, safe='')}&following={following}", Seen)

    def mirrored(self, origin: str, path: str) -> bytes | None:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`."""
        answer = self._ask("GET", f"/mirror/{mirror_name(origin)}/{path}", missing=True)
        return None if answer is None else answer.body

    def witness(self, _log: KnownLog, path: str, body: bytes) -> Response:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`. It knows the logs from the charter, as everybody's."""
        return bounded.exchange(self._client, "POST", self._address + path, "our gateway", body=body)

    def left(self, before_us: int, skip: int = 0) -> tuple[Left, ...]:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`."""
        return self._get(f"/inside/left?before_us={before_us}&skip={skip}", tuple[Left, ...])

    def left_done(self, before_us: int) -> None:
        """See :class:`pollwatch.node.gateway.outpost.Outpost`."""
        self._ask("DELETE", f"/inside/left?before_us={before_us}")

    def call(self, name: str, arguments: bytes) -> bytes:
        """Make a call of its collections (:mod:`pollwatch.node.gateway.outpostshelves`).

        Raises:
            PeerError: it cannot be reached, or the call went wrong there.
            PolicyError: it forbids that.
        """
        answer = self._ask("POST", f"/inside/collections/{name}", arguments)
        return b"" if answer is None else answer.body

    def _get(self, path: str, kind: type[_T]) -> _T:
        answer = self._ask("GET", path)
        try:
            return msgspec.json.decode(b"" if answer is None else answer.body, type=kind)
        except msgspec.MsgspecError as error:
            raise PeerError(f"our gateway answers {path} with something else: {error}") from error

    def _ask(self, method: str, path: str, body: bytes | None = None, *, missing: bool = False) -> Response | None:
        answer = bounded.exchange(
            self._client, method, self._address + path, "our gateway", body=body, limit=_MAX_ANSWER
        )
        if answer.status in {httpx.codes.OK, httpx.codes.NO_CONTENT}:
            return answer
        if answer.status == httpx.codes.NOT_FOUND and missing:
            return None
        reason = answer.body[:300].decode("utf-8", "replace").strip()
        if answer.status == httpx.codes.FORBIDDEN:
            raise PolicyError(f"our gateway refuses {path}: {reason}")
        raise PeerError(f"our gateway answers {path} with {answer.status}: {reason}")
