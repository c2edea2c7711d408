"""Our own checked copy of another member's log, which grows as that does.

What was read and checked once is neither fetched nor read again: its root must still be what the log had at that size.
New entries are checked against the tree before they are kept, one bundle at a time, so that a log of any length takes
no more memory than its hashes; and one look reads only so much of it, and the next looks the rest, so that nobody can
keep us reading. Where our copy itself is damaged, all is read anew before anybody is blamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from pollwatch import canonical, durable
from pollwatch.clock import parse_rfc3339
from pollwatch.errors import EvidenceError, FormatError, ProofError, StoreError
from pollwatch.evidence import fsck, manifest, tiles
from pollwatch.evidence.checkpoint import SignedCheckpoint
from pollwatch.evidence.tiles import MAX_ENTRY_BYTES, WIDTH, Fetch, TileReader
from pollwatch.members.member import Member
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.sharing.followed import Followed, Noted, Reached

MOST_BYTES: Final = 256 << 20
"""Of new entries at one look: a year of seals every five minutes."""


_LEAST_BYTES: Final = 256
"""What an entry is taken to have at least, so that hashes alone cannot fill the memory either."""
_POSTED_AT_ONCE: Final = ("claim", "opinion")


@dataclass(frozen=True, slots=True)
class Copied:
    """What one look brought.

    Attributes:
        before: how far the log had been read.
        reached: how far it has been now; less than its size where that has grown by too much for one look.
        entries: those that are new.
    """

    before: Reached
    reached: Reached
    entries: tuple[Noted, ...]


def of(membership: Membership, member: Member) -> Copy:
    """Our copy of a member's log."""
    return Copy(membership.folder.mirrors, membership.folder.record, member)


class Copy:
    """The copy of one member's log."""

    def __init__(self, mirrors: Path, record: Path, member: Member) -> None:
        """Use what there is.

        Args:
            mirrors: folder of all copies.
            record: the record file, which says how far each was read.
            member: whose log.
        """
        self._folder = mirrors / sha256(member.log.name.encode("utf-8")).hexdigest()
        self._member = member
        self.followed = Followed(record, member.log.name)

    def reader(self, size: int) -> TileReader:
        """The copy at a size that was read."""
        return TileReader(self._local, size)

    def follow(self, now: SignedCheckpoint, served: TileReader, now_us: int, most_bytes: int = MOST_BYTES) -> Copied:
        """Read what is new in the log, check it, and keep it.

        Args:
            now: the log's checkpoint, which grew out of all that we saw before.
            served: the log as its owner serves it; untrusted.
            now_us: the time of the look.
            most_bytes: of entries that are read.

        Raises:
            EvidenceError: the log is not what its checkpoint says, or holds what no log may hold.
            StoreError: our own disk says no.
        """
        before = self.followed.reached()
        try:
            return self._follow(before, now, before.size, self._near(served), now_us, most_bytes)
        except EvidenceError:
            if not before.size:
                raise
        return self._follow(before, now, 0, served.fetch, now_us, most_bytes)

    def _follow(
        self,
        before: Reached,
        now: SignedCheckpoint,
        first: int,
        fetch: Fetch,
        now_us: int,
        most_bytes: int,
    ) -> Copied:
        fetched: dict[str, bytes] = {}

        def get(path: str) -> bytes:
            if path not in fetched:
                fetched[path] = fetch(path)
            return fetched[path]

        reader = TileReader(get, now.checkpoint.size)
        if before.size and reader.root(before.size) != before.root:
            raise ProofError(f"the first {before.size} entries are not those that were read before")
        most = min(reader.size, first + max(WIDTH, most_bytes // _LEAST_BYTES))
        fsck.check_tiles(reader, now.checkpoint.root, first, most)
        self._keep(fetched)
        entries: list[Noted] = []
        end, read = first, 0
        while end < most and read < most_bytes:
            index = end // WIDTH
            bundle = fsck.check_bundle(reader, index)
            read += sum(map(len, bundle))
            entries += [self._noted(n, bundle[n % WIDTH]) for n in range(end, index * WIDTH + len(bundle))]
            end = index * WIDTH + len(bundle)
            self._keep(fetched)
        # Only where all was read does the time say that nothing more was there.
        reached = Reached(end, reader.root(end), now_us if end == reader.size else None)
        self._write("checkpoint", now.to_bytes())
        self.followed.add(reached, entries)
        self._tidy(before.size, end)
        return Copied(before, reached, tuple(each for each in entries if each.number >= before.size))

    def _near(self, served: TileReader) -> Fetch:
        """A full tile from our copy where it is there; the rest from the log's owner."""

        def fetch(path: str) -> bytes:
            try:
                return served.fetch(path) if ".p/" in path else self._local(path)
            except FileNotFoundError:
                return served.fetch(path)

        return fetch

    def _noted(self, number: int, entry: bytes) -> Noted:
        parsed = manifest.parse_shared(entry)
        if isinstance(parsed, manifest.Posted):
            return Noted(number, parsed.kind, _own_date(parsed, self._member))
        return Noted(number, parsed.KIND, parsed.at_us if isinstance(parsed, manifest.Seal) else None)

    def _keep(self, fetched: dict[str, bytes]) -> None:
        """Write what was checked, and forget it."""
        for path, data in fetched.items():
            self._write(path, data)
        fetched.clear()

    def _write(self, path: str, data: bytes) -> None:
        try:
            durable.make_folder((self._folder / path).parent)
            durable.write_file(self._folder / path, data, sync=False)
        except OSError as error:
            raise StoreError(f"the copy of {self._member.name}'s log cannot be written: {error}") from error

    def _local(self, path: str) -> bytes:
        return (self._folder / path).read_bytes()

    def _tidy(self, old: int, new: int) -> None:
        """Remove the partial tiles that nobody needs any more; of partial bundles only the last is ever read."""
        for folder in tiles.outgrown(old, new):
            durable.remove_folder(self._folder / folder)
        if old // WIDTH == new // WIDTH and old % WIDTH and old != new:
            (self._folder / tiles.entries_path(old // WIDTH, old % WIDTH)).unlink(missing_ok=True)


def _own_date(posted: manifest.Posted, member: Member) -> int | None:
    """When a member says that it made what it posted; None of what others made, or what is posted only later."""
    if posted.kind not in _POSTED_AT_ONCE or posted.text is None:
        return None
    try:
        found = canonical.loads_lenient(posted.text.encode("utf-8", "surrogatepass"), max_bytes=MAX_ENTRY_BYTES)
        if isinstance(found, dict) and found.get("created_by_ref") == member.identity:
            return parse_rfc3339(found["modified"])
    except (ValueError, KeyError, TypeError, FormatError):
        return None
    return None
