"""A restored log asks whoever cosigned it, over HTTP, before it signs again."""

from __future__ import annotations

from pathlib import Path

import pytest

from backup_scenes import a_case
from case_scenes import clock, open_case
from commands import told
from hostile_scenes import served
from joint_scenes import enrolled, trusting
from pollwatch.errors import PeerError, SplitError, UsageError
from pollwatch.node.backup import restoring, resuming
from pollwatch.node.backup.backing import backup
from pollwatch.node.logs import publishing


def test_a_member_is_asked_at_its_gateway(tmp_path: Path) -> None:
    """Rollback: what a rival's gateway cosigned after the backup keeps the log from ever signing again.

    Of a log that it never saw it shows nothing; where the backup has all that it cosigned, the log goes on.
    """
    now = clock()
    alder, birch = enrolled(tmp_path, "ab", now)
    trusting(alder, birch, clock=now)
    case, kept, address = alder.folder.case, tmp_path / "kept", birch.me.address
    open_case(case).close()
    with served(alder, birch, clock=now):
        assert [each.problem for each in publishing.publish(alder, now).cosignings] == [""]
        backup(case, kept, now)
        restoring.restore(kept, tmp_path / "within")
        restoring.restore(kept, tmp_path / "behind")
        resumed = ("db", "resume", "--case", str(tmp_path / "within"), "--seen", f"{address}/", "--because", "a fire")
        done = told(*resumed, cwd=tmp_path)
        assert (done.returncode, "which is within what was restored" in done.stdout + done.stderr) == (0, True)
        now.advance(60)
        publishing.publish(alder, now)
        with pytest.raises(SplitError, match="never sign again"):
            resuming.resume(tmp_path / "behind", [resuming.fetched(tmp_path / "behind", address)], "eva", "a fire", now)
        foreign = a_case(tmp_path / "foreign")
        shown = f"{alder.me.address}/log/checkpoint"
        assert resuming.fetched(case, shown).startswith(f"{alder.me.log.name}\n".encode())
        for each in (address, shown):
            with pytest.raises(PeerError, match="shows no checkpoint of"):
                resuming.fetched(foreign, each)
    with pytest.raises(PeerError):
        resuming.fetched(case, address)
    with pytest.raises(UsageError, match="begins with http"):
        resuming.fetched(case, "file:///etc/passwd")
