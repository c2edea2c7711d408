"""``/static``: the built scripts and styles. Their addresses change with their content, so browsers keep them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

STATIC: Final = Path(__file__).with_name("static")
_NEEDED: Final = ("console.js", "console.css")
_KEPT: Final = "public, max-age=31536000, immutable"


class Built(StaticFiles):
    """What ``tools/assets.sh`` made, and nothing else."""

    def __init__(self) -> None:
        """Serve the folder of built files; it need not be there yet."""
        super().__init__(directory=STATIC, check_dir=False)

    def file_response(self, *arguments: object, **named: object) -> Response:
        """The file, to be kept."""
        response: Response = super().file_response(*arguments, **named)  # type: ignore[arg-type]
        response.headers["cache-control"] = _KEPT
        return response


def are_built() -> bool:
    """Whether the built files are there."""
    return all((STATIC / name).is_file() for name in _NEEDED)
