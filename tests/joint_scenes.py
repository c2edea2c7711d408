"""Members of a joint watch, enrolled under one charter, for scenarios with two or more of them."""

from __future__ import annotations

from pathlib import Path

import httpx

from pollwatch.clock import Clock
from pollwatch.evidence import tiles
from pollwatch.evidence.published import Published
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member, Role
from pollwatch.node.charter import enrol, staging
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.gateway import processes
from pollwatch.node.gateway.processes import GatewayProcess
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.stages import Stage


def enrolled(folder: Path, names: str, clock: Clock) -> list[Membership]:
    """One member per letter, each a bloc of its own; nothing runs yet."""
    cases = [folder / name for name in names]
    ports = processes.free_ports(len(cases))
    cards = [
        enrol.introduce(case, case.name.upper(), case.name, Role.MEMBER, f"http://127.0.0.1:{port}", clock)
        for case, port in zip(cases, ports, strict=True)
    ]
    signed = enrol.begin(cases[0], enrol.draft(cards, enrol.Terms("Watch", (), None, Tlp.AMBER, 0), clock))
    for case in (*cases, *cases):
        signed = enrol.sign(case, signed.to_bytes(), clock).signed
    return [Membership.open(case) for case in cases]


def trusting(*members: Membership, clock: Clock) -> None:
    """Let each of these go all the way with every other one: what they do to one another is what a test is about."""
    for each in members:
        for peer in each.peers:
            staging.switch(each, peer, Stage.CLAIM, Person("Ada", "test"), "a test", clock)


def client(sender: Membership, receiver: Member, clock: Clock, address: str = "") -> httpx.Client:
    """What a member's node sends another's gateway with: each request signed, for the address in the charter.

    Args:
        sender: whose node.
        receiver: whose gateway.
        clock: of the sender.
        address: where that gateway really listens, if not there.
    """
    made = sender.way_to(receiver, clock).client()
    made.base_url = httpx.URL(address or receiver.address)
    made.timeout = httpx.Timeout(20)
    return made


def bundle(member: Membership) -> str:
    """The path of the last entries of a member's shared log, at its gateway; nobody but members may read them."""
    size = Published(member.folder.public).size()
    return f"/log/{tiles.entries_path(size // 256, size % 256)}"


def gateway(member: Membership) -> GatewayProcess:
    """The gateway of a member."""
    return GatewayProcess(member.folder.case, member.me)
