"""A gateway that dies by SIGKILL under load, again and again: what it acknowledged is there when it comes back."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import joint_scenes
from hostile_scenes import an_incident
from pollwatch.clock import SystemClock
from pollwatch.errors import EvidenceError, SharingError
from pollwatch.evidence import log as logs
from pollwatch.evidence.manifest import Posted
from pollwatch.evidence.witnessanswer import Cosigned
from pollwatch.members.delivery import Delivery, open_receipt
from pollwatch.members.marking import Tlp
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.evidence import rail
from pollwatch.node.gateway import pushing
from pollwatch.node.gateway.processes import running
from pollwatch.node.sharing import joint, releasing
from pollwatch.sharing.inbox import Mailbox
from pollwatch.sharing.peer import Peer

CLOCK = SystemClock()
DEATHS = 5
SENDERS = 3


@dataclass
class Load:
    """Deliveries without end, by several threads, and which of them were acknowledged."""

    sender: Membership
    receiver: Membership
    body: bytes
    digest: str
    acknowledged: list[tuple[Delivery, bytes]] = field(default_factory=list)
    failed: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Deliver until told to stop."""
        while not self.stop.is_set():
            delivery = Delivery(
                self.sender.charter.digest,
                self.sender.me.name,
                self.receiver.me.name,
                self.digest,
                Tlp.AMBER,
                CLOCK.now_us(),
            )
            try:
                with Peer(self.sender.way_to(self.receiver.me, CLOCK)) as peer:
                    receipt = peer.deliver(delivery.to_header(self.sender.keys.statement), self.body)
            except (SharingError, EvidenceError):
                self.failed += 1
                time.sleep(0.1)
                continue
            open_receipt(receipt, delivery, self.receiver.me.gateway)
            self.acknowledged.append((delivery, receipt))


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Five deaths by SIGKILL while three threads deliver and a log is cosigned: every receipt and cosignature holds."""
    a, b = joint_scenes.enrolled(tmp_path, "ab", CLOCK)
    joint_scenes.trusting(a, b, clock=CLOCK)
    prepared = releasing.prepare_incident(b, an_incident("PW-1"), None, CLOCK)
    load = Load(b, a, prepared.body, prepared.sha256)
    gateway = joint_scenes.gateway(a)
    cosigned: list[int] = []
    with running(gateway):
        threads = [threading.Thread(target=load.run) for _each in range(SENDERS)]
        for each in threads:
            each.start()
        try:
            for death in range(DEATHS):
                before = len(load.acknowledged)
                while len(load.acknowledged) < before + 3:
                    time.sleep(0.01)
                cosigned += cosign(b, a, death)
                gateway.kill()
                gateway.start()
                gateway.wait()
        finally:
            load.stop.set()
            for each in threads:
                each.join(30)
        kept = {each.sent_us: each for each in Mailbox(a.folder.mailbox, CLOCK).all()}
        for delivery, receipt in load.acknowledged:
            assert kept[delivery.time_us].body == prepared.body
            with Peer(b.way_to(a.me, CLOCK)) as peer:
                assert peer.deliver(delivery.to_header(b.keys.statement), prepared.body) == receipt
        with pushing.opened(a, CLOCK) as outpost:
            seen = outpost.seen(b.me.known_log)
        assert cosigned == sorted(cosigned)
        assert cosigned
        assert f"\n{cosigned[-1]}\n".encode() in seen.states[0]
    assert load.failed
    assert len(joint.take_in(a, CLOCK)) == len(kept) >= len(load.acknowledged)


def cosign(owner: Membership, witness: Membership, number: int) -> list[int]:
    """Let a log grow and be cosigned; the size, where it was."""
    with rail.opened(owner.folder.case, CLOCK) as evidence:
        evidence.post(Posted.of("policy", str(number), b"x"))
    signed, tiles = logs.open_reader(owner.folder.public, owner.me.log)
    with Peer(owner.way_to(witness.me, CLOCK)) as peer:
        outcome = peer.cosign(signed, tiles)
    return [signed.checkpoint.size] if isinstance(outcome, Cosigned) else []
