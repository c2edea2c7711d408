"""Why a request is not answered: becomes a TAXII error object (section 3.6.1)."""

from __future__ import annotations

from collections.abc import Mapping

from pollwatch.errors import SharingError


class RefusedError(SharingError):
    """A request that is refused.

    Attributes:
        status: HTTP status.
        title: in a few words.
        description: what to do about it.
        headers: further HTTP headers.
    """

    def __init__(self, status: int, title: str, description: str, headers: Mapping[str, str] | None = None) -> None:
        """Say why."""
        super().__init__(f"{title}: {description}")
        self.status = status
        self.title = title
        self.description = description
        self.headers = dict(headers or {})
