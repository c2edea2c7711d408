"""The digest of an input's content, and whether the content continues one that was read before.

A log that is still written to is scanned again and again. Its digest changes each time, so digests alone would
make yesterday's lines count twice; but yesterday's whole content is a prefix of today's, and that can be proved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Content:
    """What is known of some content: its length and its SHA-256 as hex."""

    size_bytes: int
    digest: str


class ContentDigest:
    """SHA-256 over content that comes in chunks, watching for contents that are prefixes of it."""

    def __init__(self, earlier: Iterable[Content] = ()) -> None:
        """Start empty.

        Args:
            earlier: contents that this one may continue; those that are not a prefix do no harm.
        """
        self._sha = hashlib.sha256()
        self._size_bytes = 0
        self._ahead = sorted((content for content in earlier if content.size_bytes), reverse=True)
        self._longest_prefix = ""

    def update(self, chunk: bytes | memoryview) -> None:
        """Add the next bytes."""
        view = memoryview(chunk)
        while self._ahead and self._ahead[-1].size_bytes <= self._size_bytes + len(view):
            content = self._ahead.pop()
            upto = content.size_bytes - self._size_bytes
            self._add(view[:upto])
            view = view[upto:]
            if self._sha.hexdigest() == content.digest:
                self._longest_prefix = content.digest
        self._add(view)

    def _add(self, view: memoryview) -> None:
        self._sha.update(view)
        self._size_bytes += len(view)

    @property
    def content(self) -> Content:
        """What has come so far."""
        return Content(self._size_bytes, self._sha.hexdigest())

    @property
    def grown_from(self) -> str:
        """Digest of the longest earlier content that is a proper prefix of this one; empty = none.

        Content equal to an earlier one has not grown: it is that one.
        """
        return self._longest_prefix if self._longest_prefix != self._sha.hexdigest() else ""
