"""Who attacked what, and how: the attacks as attacks.toml tells them, and truth.json after it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from hosts import HERE


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack as truth.json tells it.

    Attributes:
        session_user: the account in whose session lines without an address (sudo, useradd) belong to the attack.
    """

    ident: str
    name: str
    actors: tuple[str, ...]
    techniques: tuple[str, ...]
    success: bool
    pace: str
    tools: tuple[str, ...]
    description: str
    session_user: str = ""


def attacks() -> tuple[Attack, ...]:
    """All attacks, from attacks.toml."""
    tables = tomllib.loads((HERE / "attacks.toml").read_text(encoding="utf-8"))["attack"]
    return tuple(
        Attack(t["id"], t["name"], tuple(t["actor_ips"]), tuple(t["techniques"]), t["success"], t["pace"],
               tuple(t["tools"]), t["description"], t.get("session_user", ""))
        for t in tables
    )  # fmt: skip


ATTACKS = attacks()
FLOODERS = next(attack.actors for attack in ATTACKS if attack.ident == "results-flood")
