"""What stands between us and a member that goes by another charter: kept as a text, until we hold the same again.

A refusal is told when it happens, often by a process that nobody watches; so it lies in ``CASE/joint/refused/`` with
the difference field by field, and ``pollwatch members`` names the file.
"""

from __future__ import annotations

from pathlib import Path

from pollwatch import durable
from pollwatch.clock import Clock, rfc3339
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import JointFolder


def keep(folder: JointFolder, member: Member, difference: str, clock: Clock) -> Path:
    """Write down how a member's charter differs from ours; the text before is replaced."""
    path = _path(folder, member)
    durable.make_folder(path.parent, mode=0o700)
    durable.write_file(path, f"{rfc3339(clock.now_us())}\n{difference}\n".encode("utf-8", "replace"), mode=0o600)
    return path


def settled(folder: JointFolder, member: Member) -> None:
    """Forget it: we hold the same charter."""
    _path(folder, member).unlink(missing_ok=True)


def kept(folder: JointFolder, member: Member) -> Path | None:
    """The file, if there is one."""
    path = _path(folder, member)
    return path if path.exists() else None


def _path(folder: JointFolder, member: Member) -> Path:
    return folder.root / "refused" / f"{member.identity}.txt"
