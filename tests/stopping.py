"""Stopping an act before any one of its file operations, as a kill would, with everything before it done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from pollwatch import durable

_STEPS: Final = ((durable, "write_file"), (durable, "create_file"), (Path, "replace"), (Path, "unlink"))


def until(stop: int, act: Callable[[], object], *more_steps: tuple[object, str]) -> bool:
    """Act, but stop before the ``stop``-th file operation; gives whether it came to that.

    ``more_steps`` are methods that count as one as well.
    """
    done = 0

    def counted(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **more: object) -> object:
            nonlocal done
            done += 1
            if done > stop:
                raise KeyboardInterrupt(name)
            return real(*arguments, **more)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (*_STEPS, *more_steps):
            patch.setattr(owner, name, counted(name, getattr(owner, name)))
        try:
            act()
        except KeyboardInterrupt:
            return True
    return False
