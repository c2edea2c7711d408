"""Policies: a file that others wrote says whom to trust."""

from __future__ import annotations

from pathlib import Path

from made import COSIGNERS, LOG

from pollwatch.evidence.policy import Policy


def read(data: bytes) -> None:
    """What a policy means survives being written again, and asking it never fails."""
    policy = Policy.parse(data)
    written = policy.to_bytes()
    assert Policy.parse(written) == policy
    assert Policy.parse(written).to_bytes() == written
    policy.is_met(set(policy.witnesses))
    policy.is_met(set())
    policy.rival_blocs(LOG.name, policy.witnesses)


def seeds(folder: Path) -> list[bytes]:
    """Small policies with every kind of line."""
    del folder  # nothing needs the disk
    first, second = (each.verifier.vkey for each in COSIGNERS)
    lines = [
        f"log {LOG.verifier.vkey} https://m.example",
        f"witness a {first}",
        f"witness\tb {second} https://n.example",
    ]
    grouped = ["group g any a b", "group h 1 g", "# bloc a east wing", "# bloc b west", "#", "quorum h"]
    return ["\n".join([*lines, *grouped, ""]).encode(), b"quorum none\n", f"witness a {first}\nquorum a".encode()]
