"""What is installed only where somebody wants it, and how to get it."""

from __future__ import annotations

from importlib.util import find_spec

from pollwatch.errors import UsageError
from pollwatch.i18n import _


def need_console() -> None:
    """See that what the watch floor needs is installed.

    Raises:
        UsageError: it is not; the message says how to get it.
    """
    missing = [name for name in ("fastapi", "sse_starlette", "argon2", "webauthn") if find_spec(name) is None]
    if missing:
        raise UsageError(
            _("this needs more packages ({missing}): pip install 'pollwatch[console]', or make setup-console").format(
                missing=", ".join(missing)
            )
        )
