"""A witness on its own: what a neutral party runs for two rivals' logs, without a case, a charter or a part in either.

State in its folder: ``witness.key``, made the first time, and ``witness.sqlite``, what was cosigned last of each log.
NEVER restore that file from a backup: the witness would cosign a fork. It speaks C2SP tlog-witness, so that whoever
speaks it may be witnessed, and whoever watches logs may ask what was cosigned.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pollwatch import durable
from pollwatch.clock import Clock
from pollwatch.errors import ConfigError, PollwatchError, StoreError
from pollwatch.evidence import keychain
from pollwatch.evidence import request as requests
from pollwatch.evidence.keychain import KnownLog
from pollwatch.evidence.keys import KeyType, Signer, Verifier
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.witness import Witness
from pollwatch.node.gateway import serving
from pollwatch.node.gateway.answers import body_of, passed_on
from pollwatch.node.logs import readpath
from pollwatch.node.logs.readpath import METHODS

_KEY = "witness.key"
_STATE = "witness.sqlite"


def signer(folder: Path, name: str) -> Signer:
    """The witness's key; made the first time.

    Args:
        folder: of the witness.
        name: of the key, as others will know it (``witness.university.example``); may be empty once there is a key.

    Raises:
        ConfigError: there is no key yet and no name for one, or the key has another name.
        StoreError: the disk says no.
    """
    path = folder / _KEY
    if path.exists():
        key = Signer.load(path)
        if name not in {"", key.name}:
            raise ConfigError(f"the key in {path} is of {key.name!r}; a witness keeps its name")
        return key
    if not name:
        raise ConfigError(f"{folder} has no key yet; give the witness a name: --name witness.example")
    try:
        durable.make_folder(folder, mode=0o700)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error.strerror}") from error
    key = Signer.generate(name, KeyType.COSIGNATURE)
    key.save(path)
    return key


class NeutralWitness:
    """Its handlers."""

    def __init__(self, witness: Witness) -> None:
        """Answer for this witness."""
        self._witness = witness

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/add-checkpoint", self.add_checkpoint, methods=["POST"]),
            Route("/add-keys", self.add_keys, methods=["POST"]),
            Route("/{log}/checkpoint", self.latest, methods=list(METHODS)),
        ]
        handlers = {HTTPException: serving.refused, PollwatchError: serving.unavailable}
        return Starlette(routes=routes, exception_handlers=handlers)

    async def add_checkpoint(self, request: Request) -> Response:
        """Cosign a checkpoint, if its log has merely grown."""
        body = await body_of(request, requests.MAX_BYTES)
        return passed_on(await run_in_threadpool(self._witness.add_checkpoint, body))

    async def add_keys(self, request: Request) -> Response:
        """Follow the change of a log's keys, if its own keys say so."""
        body = await body_of(request, keychain.MAX_FILE)
        return passed_on(await run_in_threadpool(self._witness.add_keys, body))

    async def latest(self, request: Request) -> Response:
        """What was cosigned last of a log, by the SHA-256 of its origin in hex."""
        found = await run_in_threadpool(self._witness.monitoring, request.path_params["log"])
        return await run_in_threadpool(readpath.relay, request, request.url.path, found)


def serve(
    folder: Path,
    name: str,
    policy: Policy,
    host: str,
    port: int,
    clock: Clock,
    ready: Callable[[Verifier, str], None],
) -> None:
    """Witness the logs of a policy until SIGTERM or SIGINT.

    Args:
        folder: of the witness.
        name: of its key; see :func:`signer`.
        policy: its ``log`` lines say whose logs are witnessed.
        host: address to listen on.
        port: port to listen on; 0 = any free one.
        clock: for the cosignature times.
        ready: told the witness's key, and its address once it listens.

    Raises:
        ConfigError: no name, or no log.
        StoreError: the state cannot be opened.
    """
    if not policy.logs:
        raise ConfigError("the policy names no log to witness; write: log VKEY")
    key = signer(folder, name)
    known = [KnownLog(each, policy.following.get(each.name)) for each in policy.logs]
    witness = Witness(folder / _STATE, (key,), clock, known)
    try:
        listening = serving.Listening(host, port)
        serving.run(NeutralWitness(witness).app(), listening, lambda address: ready(key.verifier, address))
    finally:
        witness.close()
