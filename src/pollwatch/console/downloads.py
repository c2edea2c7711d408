"""Files to download: always as a file, never shown in the browser."""

from __future__ import annotations

import re
from typing import Final

from fastapi.responses import Response

from pollwatch.console.desks.incidents import File

_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")


def download(file: File) -> Response:
    """The response that saves a file. Its name is made of letters, digits, dots and dashes."""
    name = _NAME.sub("_", file.name)[:120] or "file"
    return Response(
        file.content, media_type=file.media_type, headers={"content-disposition": f'attachment; filename="{name}"'}
    )
