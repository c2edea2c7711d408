"""Another member's gateway, seen from here. Every answer may be a lie, a flood or a silence.

Time and size of everything are bounded, redirects are not followed, and whatever goes wrong becomes a
:class:`pollwatch.errors.PeerError` that names the member.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import httpx

from pollwatch.errors import EvidenceError, FormatError, PeerError, PolicyError
from pollwatch.evidence import cosigning, keychain
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.cosigning import Accept
from pollwatch.evidence.keys import Verifier
from pollwatch.evidence.mirroring import MirrorUpload
from pollwatch.evidence.mirrorrequest import OCTETS
from pollwatch.evidence.tiles import TileReader
from pollwatch.evidence.witnessanswer import Cosigned, Refused, Response, read_cosignatures
from pollwatch.members import chain
from pollwatch.members.chain import Chain
from pollwatch.members.charter import SignedCharter, difference
from pollwatch.members.delivery import NOTE_HEADER
from pollwatch.sharing import bounded
from pollwatch.sharing.mirrorkey import read_key_note
from pollwatch.sharing.outbound import Outbound

_MAX_TILE: Final = 256 * (2 + 65_535)
_NOT_FOUND: Final = 404
_OTHER_CHARTER: Final = 409


class Peer:
    """A connection to one member's gateway; use it with ``with``."""

    def __init__(self, way: Outbound, transport: httpx.BaseTransport | None = None) -> None:
        """Connect when needed.

        Args:
            way: how that gateway is reached; the other side refuses where it holds another charter.
            transport: another way to reach it than TCP.
        """
        self.member = way.member
        self._charter = way.charter
        self._way = way
        self._client = way.client(transport)

    def __enter__(self) -> Self:
        """The peer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._client.close()

    def checkpoint(self) -> SignedCheckpoint:
        """The latest checkpoint that it shows of its shared log; its signatures are unchecked.

        Raises:
            PeerError: it cannot be reached, or serves something else.
        """
        data = self._get("/log/checkpoint")
        if data is None:
            raise PeerError(f"{self.member.name} serves no checkpoint of its shared log")
        try:
            signed = SignedCheckpoint.parse(data)
        except EvidenceError as error:
            raise PeerError(f"{self.member.name} serves no checkpoint of its own: {error}") from error
        origin, own = signed.checkpoint.origin, self.member.log.name
        if origin != own:
            raise PeerError(f"{self.member.name} serves no checkpoint of its own: it is of {origin!r}, not of {own!r}")
        return signed

    def log_keys(self) -> tuple[bytes, ...]:
        """The key links that its shared log publishes, unverified; none where its key never changed.

        Whoever asks has fetched the checkpoint before: the keys behind a checkpoint are there before it is.

        Raises:
            PeerError: it cannot be reached, or serves something else.
        """
        data = self._get("/log/keys")
        try:
            return () if data is None else keychain.from_file(data)
        except EvidenceError as error:
            raise PeerError(f"{self.member.name} serves no keys of its log: {error}") from error

    def witnessed(self, log_hash: str) -> SignedCheckpoint | None:
        """The checkpoint of some log that it cosigned last (tlog-witness, monitoring); unchecked.

        Args:
            log_hash: SHA-256 of the log's origin in hex.
        """
        data = self._get(f"/witness/{log_hash}/checkpoint")
        try:
            return None if data is None else SignedCheckpoint.parse(data)
        except EvidenceError as error:
            raise PeerError(f"{self.member.name} serves no readable witnessed checkpoint: {error}") from error

    def tiles(self, size: int) -> TileReader:
        """Its shared log at a size, tile by tile; nothing in it is trusted."""
        return TileReader(self._tile, size)

    def cosign(self, signed: SignedCheckpoint, tiles: TileReader, keys: Sequence[bytes] = ()) -> Cosigned | Refused:
        """Ask it to cosign our checkpoint.

        Args:
            signed: our latest checkpoint.
            tiles: our shared log, for the consistency proof from whatever it cosigned last.
            keys: our log's key links; it follows them first.

        Raises:
            PeerError: it cannot be reached, or answers nonsense. Its refusal is an answer, and no veto.
        """
        if keys:
            told = self._post("/witness/add-keys", keychain.to_file(keys))
            # A witness that knows nothing of changing keys may know this one; then it cosigns all the same.
            if told.status not in {httpx.codes.OK, _NOT_FOUND}:
                return Refused(told.status, told.body[:200].decode("utf-8", "replace").strip())
        own = (self.member.witness,)
        return self._grow("/witness/add-checkpoint", signed, tiles, lambda body: read_cosignatures(body, signed, own))

    def mirror_key(self) -> Verifier | None:
        """The key of its mirror, which its gateway vouches for; None where it has no mirror.

        Raises:
            PeerError: it cannot be reached, or names no usable key.
        """
        data = self._get("/mirror/key")
        try:
            return None if data is None else read_key_note(data, self.member)
        except EvidenceError as error:
            raise PeerError(f"{self.member.name}: {error}") from error

    def mirror(self, signed: SignedCheckpoint, tiles: TileReader) -> Cosigned | Refused:
        """Give its mirror what it lacks of our shared log.

        Args:
            signed: our latest checkpoint.
            tiles: our shared log.

        Returns:
            The mirror's cosignature, which says that it holds all of it; or why there is none.

        Raises:
            PeerError: it cannot be reached, has no mirror, or answers nonsense.
        """
        key = self.mirror_key()
        if key is None:
            raise PeerError(f"{self.member.name} has no mirror")
        pending = self._grow("/mirror/add-checkpoint", signed, tiles, lambda _body: Cosigned(()))
        if isinstance(pending, Refused):
            return pending
        upload = MirrorUpload(signed, tiles, (key,))
        headers = {"content-type": OCTETS, "content-encoding": "gzip"}
        outcome = None
        while outcome is None:
            answer = self._post("/mirror/add-entries", gzip.compress(upload.body, 6, mtime=0), headers)
            try:
                outcome = upload.take(answer)
            except EvidenceError as error:
                raise PeerError(f"{self.member.name}: {error}") from error
        return outcome

    def _grow(self, path: str, signed: SignedCheckpoint, tiles: TileReader, accept: Accept) -> Cosigned | Refused:
        try:
            return cosigning.ask(lambda body: self._post(path, body), signed, tiles, accept)
        except EvidenceError as error:
            raise PeerError(f"{self.member.name}: {error}") from error

    def deliver(self, note: str, body: bytes) -> bytes:
        """Deliver a body; the receipt, unchecked.

        Raises:
            PolicyError: it holds another charter; the message says what differs.
            PeerError: it cannot be reached, or refuses; the message says why.
        """
        answer = self._post("/inbox", body, {NOTE_HEADER: note, "content-type": "application/stix+json;version=2.1"})
        if answer.status == _OTHER_CHARTER:
            raise PolicyError(self._charter_quarrel())
        if answer.status != httpx.codes.OK:
            reason = answer.body[:300].decode("utf-8", "replace").strip()
            raise PeerError(f"{self.member.name} refused the delivery ({answer.status}): {reason}")
        return answer.body

    def leave(self, path: str, data: bytes, media_type: str) -> bytes:
        """Leave something at a station of the gateway; gives what it answers, unchecked.

        Raises:
            PeerError: it cannot be reached, or refuses; the message says why.
        """
        answer = self._post(path, data, {"content-type": media_type})
        if answer.status != httpx.codes.OK:
            reason = answer.body[:300].decode("utf-8", "replace").strip()
            raise PeerError(f"{self.member.name} refused it ({answer.status}): {reason}")
        return answer.body

    def charter(self) -> SignedCharter:
        """The charter that it holds; its signatures have been checked.

        Raises:
            PeerError: it cannot be reached, or serves none.
        """
        data = self._get("/charter")
        if data is None:
            raise PeerError(f"{self.member.name} serves no charter")
        try:
            return SignedCharter.parse(data)
        except (EvidenceError, FormatError, PolicyError) as error:
            raise PeerError(f"{self.member.name} serves no valid charter: {error}") from error

    def charters(self) -> Chain:
        """All charters that it holds, from the first; unchecked but for its members' signatures.

        Raises:
            PeerError: it cannot be reached, or serves none.
        """
        data = self._get("/charters", chain.MAX_BYTES)
        try:
            if data is not None:
                return Chain.parse(data)
        except (EvidenceError, FormatError, PolicyError) as error:
            raise PeerError(f"{self.member.name} serves no readable charters: {error}") from error
        raise PeerError(f"{self.member.name} serves no charters")

    def _charter_quarrel(self) -> str:
        try:
            lines = difference(self._charter, self.charter().charter)
        except PeerError as error:
            return str(error)
        return f"{self.member.name} holds another charter:\n  " + "\n  ".join(lines or ("only its signatures differ",))

    def _tile(self, path: str) -> bytes:
        data = self._get(f"/log/{path}", _MAX_TILE)
        if data is None:
            raise FileNotFoundError(path)
        return data

    def _get(self, path: str, limit: int = bounded.MAX_ANSWER) -> bytes | None:
        answer = self._request("GET", path, limit=limit)
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != httpx.codes.OK:
            raise PeerError(f"{self.member.name} answers {answer.status} to GET {path}")
        return answer.body

    def _post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> Response:
        return self._request("POST", path, body, headers)

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        limit: int = bounded.MAX_ANSWER,
    ) -> Response:
        address = self.member.address + path
        try:
            return bounded.exchange(
                self._client, method, address, self.member.name, body=body, headers=headers, limit=limit
            )
        except PeerError:
            self._way.check(method, path)  # if we cut it off ourselves, that is what is told
            raise
