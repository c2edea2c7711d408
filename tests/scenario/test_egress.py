"""Captured egress equals the record: every byte of a body that crossed the wire is accounted for, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

import joint_scenes
import wires
from hostile_scenes import an_incident
from pollwatch.cli.main import root
from pollwatch.clock import SystemClock
from pollwatch.evidence.published import Published
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.gateway import answered, processes
from pollwatch.node.logs import publishing, watching
from pollwatch.node.sharing import joint, releasing
from pollwatch.node.sharing.releasing import Decision
from pollwatch.sharing.inbox import Mailbox
from pollwatch.sharing.ledger import Ledger

CLOCK = SystemClock()


@pytest.fixture
def tapped(tmp_path: Path) -> Iterator[list[Membership]]:
    """Two members who go all the way, their gateways as processes, and a wire before each that keeps what crosses."""
    members = joint_scenes.enrolled(tmp_path, "ab", CLOCK)
    joint_scenes.trusting(*members, clock=CLOCK)
    with ExitStack() as stack:
        taps, gateways = wires.before(members, tmp_path / "wires")
        for each in taps:
            stack.callback(each.close)
        stack.enter_context(processes.running(*gateways))
        yield members


def test_every_byte_that_crosses_is_on_record(tapped: list[Membership], tmp_path: Path) -> None:
    """Publishing, watching, releasing and taking in: each body captured on the wire is on its sender's record."""
    a, b = tapped
    for member in (a, b):
        publishing.publish(member, CLOCK)
        watching.check_peers(member, CLOCK)
    prepared = releasing.prepare_incident(a, an_incident("PW-1"), None, CLOCK)
    assert not releasing.release(a, prepared, b.me, Decision("officer", "charter"), CLOCK).problem
    assert [each.mail.body for each in joint.take_in(b, CLOCK)] == [prepared.body]
    for sender, receiver in ((a, b), (b, a)):
        exchanged = list(wires.exchanges(wires.captured(tmp_path / "wires", receiver.me.name)))
        ours, theirs = answered.everything(sender, CLOCK), answered.everything(receiver, CLOCK)
        assert wires.crossed(exchanged, asked=True) == wires.recorded(ours, receiver.me.name, asked=True)
        assert wires.crossed(exchanged, asked=False) == wires.recorded(theirs, sender.me.name, asked=False)
        assert exchanged
        released = {each.release.sha256: each.release.body for each in Ledger(sender.folder.record).all()}
        mails = {each.sha256: each.body for each in Mailbox(receiver.folder.mailbox, CLOCK).all()}
        assert mails.items() <= released.items()  # what was delivered stands in the ledger, byte for byte
        public = Published(receiver.folder.gateway.log)
        for each in theirs:
            if each.member and each.status == 200 and each.body is None and each.target.startswith("/log/"):
                data = public.read(each.target.removeprefix("/log/"))
                assert data is not None
                assert sha256(data).digest() == each.sha256  # and a tile is found by its path
    listed = CliRunner().invoke(root, ["egress", "--to", "B", "--case", str(a.folder.case)], standalone_mode=False)
    assert "asked by us" in listed.stdout
    assert "/inbox" in listed.stdout
