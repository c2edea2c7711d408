"""Replacing a folder that is being served, in one step: whoever reads it sees the old one or the new one, whole.

The new folder is written and flushed beside the old one; then the two change places (Linux's ``renameat2`` with
``RENAME_EXCHANGE``), and the old one is removed. Where the file system cannot do that, two renames follow one another,
and a reader that comes between them finds nothing. Stop anywhere: a folder with ``.new-`` or ``.old-`` in its name may
be left beside it, which the next build removes.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pollwatch import durable
from pollwatch.errors import StoreError

_AT_FDCWD: Final = -100
_EXCHANGE: Final = 2
_NOT_POSSIBLE: Final = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}


def replace_folder(out: Path, files: Mapping[str, bytes], marker: str) -> bool:
    """Make a folder hold exactly these files.

    Args:
        out: the folder; it may be missing or empty, or one that this wrote before.
        files: name, which may have one folder in it, to content.
        marker: one of them, which is in every folder that was written so.

    Returns:
        Whether anything was changed.

    Raises:
        StoreError: it holds something else, or cannot be written; then it is as it was.
    """
    out = out.absolute()
    try:
        if out.is_symlink() or (out.exists() and not out.is_dir()):
            raise StoreError(f"{out} is no folder; name the folder that the web server serves")
        durable.make_folder(out.parent)
        _sweep(out)
        present = list(out.iterdir()) if out.exists() else []
        if present and not (out / marker).is_file():
            raise StoreError(f"{out} holds something else than a public page; name an empty folder, or a new one")
        if present and _holds(out, files):
            return False
        fresh = out.with_name(f".{out.name}.new-{secrets.token_hex(4)}")
        _write(fresh, files)
        if present:
            _swap(out, fresh)
        else:
            fresh.rename(out)  # an empty folder may be there: rename replaces it
        durable.sync_path(out.parent)
        _sweep(out)
    except OSError as error:
        raise StoreError(f"the page cannot be written to {out}: {error.strerror}") from error
    return True


def _holds(out: Path, files: Mapping[str, bytes]) -> bool:
    found = {str(path.relative_to(out)) for path in out.rglob("*") if not path.is_dir()}
    return found == set(files) and all(durable.holds(out / name, data) for name, data in files.items())


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(mode=0o755)
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o755, exist_ok=True)
        durable.write_file(path, data, sync_name=False)
    for path in (folder, *(each for each in folder.iterdir() if each.is_dir())):
        durable.sync_path(path)


def _swap(out: Path, fresh: Path) -> None:
    """Let the two change places; the old one then has the new one's name."""
    exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if exchange is not None:
        if exchange(_AT_FDCWD, os.fsencode(fresh), _AT_FDCWD, os.fsencode(out), _EXCHANGE) == 0:
            return
        code = ctypes.get_errno()
        if code not in _NOT_POSSIBLE:
            raise OSError(code, os.strerror(code), str(out))
    old = out.with_name(f".{out.name}.old-{secrets.token_hex(4)}")
    out.rename(old)
    fresh.rename(out)


def _sweep(out: Path) -> None:
    """Remove what an earlier build left beside it; what was moved away and never replaced is put back first."""
    for kind in ("new", "old"):
        for left in out.parent.glob(f".{out.name}.{kind}-????????"):
            if kind == "old" and not out.exists():
                left.rename(out)
            else:
                shutil.rmtree(left, ignore_errors=True)
