"""Witnesses outside the joint watch, as a policy file names them: a neutral party, or a public network of witnesses.

With two members who do not cosign each other, this is what raises the grade again. A witness learns the size and the
root of the shared log and our address, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from pollwatch.clock import Clock
from pollwatch.errors import ConfigError, EvidenceError, PeerError
from pollwatch.evidence import cosigning, keychain
from pollwatch.evidence import log as logs
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.note import Signature
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.witnessanswer import Refused, Response, read_cosignatures
from pollwatch.node.evidence import sealer
from pollwatch.node.evidence.casekeys import CaseKeys
from pollwatch.node.logs.publishing import Signing
from pollwatch.sharing import bounded

_PATH: Final = "/add-checkpoint"
_KEYS: Final = "/add-keys"


@dataclass(frozen=True, slots=True)
class Cosignings:
    """What became of asking the witnesses of a policy.

    Attributes:
        size: of the shared log's checkpoint that they were asked to cosign.
        asked: by name in the policy, what each did.
        met: whether those who cosigned make the policy's quorum.
    """

    size: int
    asked: tuple[Signing, ...]
    met: bool


def cosign(case_dir: Path, policy: Policy, clock: Clock, transport: httpx.BaseTransport | None = None) -> Cosignings:
    """Ask every witness of a policy that has an address to cosign the shared log's checkpoint, and keep what comes.

    Args:
        case_dir: the case folder.
        policy: names the witnesses, their keys and addresses (``witness NAME VKEY URL``).
        clock: for opening the log.
        transport: another way to reach them than TCP.

    Raises:
        ConfigError: the policy is not for this log, or has no witness with an address.
        StoreError: there is no shared log, or the disk says no.
    """
    folder = case_dir / "evidence"
    key = CaseKeys.load(folder).shared.verifier
    public = folder / "shared" / "public"
    signed, tiles = logs.open_reader(public, key)
    chain = logs.read_keys(public, key)
    if not set(chain.keys) & set(policy.logs):
        raise ConfigError(f"the policy does not name this log; add the line of: pollwatch evidence policy ({key.name})")
    reachable = {name: witness for name, witness in policy.witnesses.items() if witness in policy.urls}
    if not reachable:
        raise ConfigError("the policy names no witness with an address; write: witness NAME VKEY https://...")
    lines: list[Signature] = []
    asked: list[Signing] = []
    with bounded.client(transport=transport) as client:
        for name, witness in reachable.items():
            try:
                post = _posting(client, policy.urls[witness], name)
                if len(chain.links) > 1:
                    # Of no consequence to a witness that knows only tlog-witness; it then needs our new key first hand.
                    _posting(client, policy.urls[witness], name, _KEYS)(keychain.to_file(chain.notes))
                outcome = cosigning.ask(
                    post, signed, tiles, partial(read_cosignatures, signed=signed, witness=(witness,))
                )
            except (PeerError, EvidenceError) as error:
                asked.append(Signing(name, str(error)))
                continue
            lines += () if isinstance(outcome, Refused) else outcome.lines
            asked.append(Signing(name, str(outcome) if isinstance(outcome, Refused) else ""))
    if lines:
        with sealer.shared_only(case_dir, clock) as shared:
            shared.add_cosignatures(lines, signed)
    return Cosignings(signed.checkpoint.size, tuple(asked), policy.is_met(_cosigned(policy, signed, lines)))


def _posting(client: httpx.Client, url: str, name: str, path: str = _PATH) -> Callable[[bytes], Response]:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise PeerError(f"{name} has no address of http or https: {url}")
    return lambda body: bounded.exchange(client, "POST", url.rstrip("/") + path, name, body=body)


def _cosigned(policy: Policy, signed: SignedCheckpoint, lines: list[Signature]) -> list[str]:
    """Who of the policy has cosigned it by now; earlier cosignatures were checked when they were kept."""
    note = signed.adding(lines).note
    return [name for name, key in policy.witnesses.items() if note.by(key)]
