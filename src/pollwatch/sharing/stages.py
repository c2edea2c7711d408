"""How far a member goes with another: the stage, and the one question that everything outbound and inbound asks.

::

    alone     nothing leaves for that member, and nothing that it sends is taken
    receive   what it sends is taken, and its log is read
    witness   each cosigns and mirrors the other's log, and may read all of it
    match     private matching
    share     releases go to it, and it may read what was released
    claim     claims, opinions and statements go to it

A stage includes those before it. A member is at ``witness`` when its charter comes into force: that much it signed.
Everything beyond is switched on by a named person, for one member, with a reason
(:mod:`pollwatch.node.charter.staging`).

The stages are one small file, replaced whole, which every process reads again before each step of a transfer, so that
a change takes effect everywhere at once: nobody has to be told. Without the file, everybody is at ``alone``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import Final

from pollwatch import canonical, durable
from pollwatch.errors import FormatError, PeerError, StoreError
from pollwatch.members import document
from pollwatch.members.member import Member

SCHEMA: Final = "pollwatch.stages/1"
_MAX_BYTES: Final = 1 << 16


class Stage(IntEnum):
    """How far one goes with a member; a stage includes all before it."""

    ALONE = 0
    RECEIVE = 1
    WITNESS = 2
    MATCH = 3
    SHARE = 4
    CLAIM = 5

    @property
    def word(self) -> str:
        """``alone`` ... ``claim``."""
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> Stage:
        """The stage of a word.

        Raises:
            FormatError: there is none of that name.
        """
        for each in cls:
            if each.word == text:
                return each
        raise FormatError(f"no stage {text[:40]!r}; the stages are {', '.join(WORDS)}")


WORDS: Final = tuple(each.word for each in Stage)
#: Where a member is whose charter came into force: cosigning is what it signed, telling it something is not.
AFTER_JOINING: Final = Stage.WITNESS


class StageError(PeerError):
    """What was to be done with a member needs a stage that nobody has switched on for it, or that was switched off."""

    exit_code = 6


#: What another member's request needs of us, and what our request to it needs: method and path, first fit counts.
#: Reading its log is no more than looking; letting it read ours is what witnessing is about.
_ROUTES: Final[tuple[tuple[re.Pattern[str], Stage, Stage], ...]] = tuple(
    (re.compile(pattern), inbound, outbound)
    for pattern, inbound, outbound in (
        (r"GET /charters?(?:/.*)?", Stage.RECEIVE, Stage.RECEIVE),
        (r"GET /(?:log|mirror|witness)/.*", Stage.WITNESS, Stage.RECEIVE),
        (r"POST /(?:witness|mirror)/.*", Stage.WITNESS, Stage.WITNESS),
        (r"POST /inbox", Stage.RECEIVE, Stage.RECEIVE),  # what a delivery needs beyond that depends on its content
        (r"[A-Z]+ /match(?:/.*)?", Stage.MATCH, Stage.MATCH),
        (r"POST /taxii2/.*", Stage.RECEIVE, Stage.SHARE),
        (r"DELETE /taxii2/.*", Stage.RECEIVE, Stage.SHARE),
        (r"GET /taxii2/.*", Stage.SHARE, Stage.RECEIVE),
    )
)


def inbound(method: str, path: str) -> Stage:
    """What another member's request needs; what nobody thought of needs the last stage."""
    return next((stage for pattern, stage, _out in _ROUTES if pattern.fullmatch(f"{method} {path}")), Stage.CLAIM)


def outbound(method: str, path: str) -> Stage:
    """What our request to another member needs, at least."""
    return next((stage for pattern, _in, stage in _ROUTES if pattern.fullmatch(f"{method} {path}")), Stage.CLAIM)


class Gate:
    """The stages as they are now; asked before every step, by every process."""

    def __init__(self, path: Path) -> None:
        """Ask the file at this path."""
        self._path = path

    def stage(self, member: Member) -> Stage:
        """Where a member is now. Nobody who stands in no readable file is further than ``alone``."""
        try:
            return read(self._path).get(member.identity, Stage.ALONE)
        except (FormatError, StoreError):
            return Stage.ALONE

    def check(self, member: Member, needed: Stage) -> None:
        """Let a step pass.

        Raises:
            StageError: it needs more than is switched on for that member.
        """
        present = self.stage(member)
        if present < needed:
            raise StageError(
                f"{member.name} is at stage {present.word!r} here, and this needs {needed.word!r}; "
                f"to switch it on: pollwatch members stage {member.name!r} {needed.word} --by NAME --reason TEXT"
            )


class OwnGate(Gate):
    """The way between the parts of one member: no stage holds there."""

    def __init__(self) -> None:
        """Nothing to ask."""
        super().__init__(Path())

    def stage(self, member: Member) -> Stage:  # noqa: ARG002 - whoever it is, it is ourselves
        """All the way."""
        return Stage.CLAIM


def read(path: Path) -> dict[str, Stage]:
    """All stages by STIX identity.

    Raises:
        StoreError: the file cannot be read.
        FormatError: it is not what :func:`write` writes.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    return parse(data)


def parse(data: bytes) -> dict[str, Stage]:
    """All stages by STIX identity, from the bytes of their file.

    Raises:
        FormatError: it is not what :func:`write` writes.
    """
    record = document.fields(
        canonical.loads(data, max_bytes=_MAX_BYTES), "the file of stages", {"schema": str, "stages": dict}
    )
    if record["schema"] != SCHEMA or not all(isinstance(each, str) for each in record["stages"].values()):
        raise FormatError(f"these are no stages of {SCHEMA}")
    return {identity: Stage.parse(word) for identity, word in record["stages"].items()}


def write(path: Path, stages: Mapping[str, Stage]) -> None:
    """Replace all stages at once; a reader finds the old file or the new one.

    Raises:
        OSError: the disk says no.
    """
    words = {identity: stage.word for identity, stage in stages.items()}
    durable.write_file(path, canonical.dumps({"schema": SCHEMA, "stages": words}), mode=0o600)
