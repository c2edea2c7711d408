"""Pages of a large floor over HTTP: a real console as a process of its own, and somebody signed in with a cookie.

A part of ``bench/floor.py``, which makes the case.
"""

from __future__ import annotations

import html
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
from timing import timed

from pollwatch.clock import SystemClock, monotonic_s
from pollwatch.console.accounts.passwords import Passwords
from pollwatch.console.accounts.settings import AccessSettings
from pollwatch.console.roles import Role
from pollwatch.node.floor.entrance import desk_of

_NAME: Final = "bench"
_PASSWORD: Final = "four words for a bench"  # noqa: S105 - of nobody
_SETTINGS: Final = "[console]\nsecond_factor = []\n"
_TOKEN: Final = re.compile(r'name="csrf" (?:content|value)="([^"]+)"')
#: What people open, by how it is called.
_PAGES: Final = {
    "inbox": "/inbox",
    "inbox: the list alone": "/inbox/rows",
    "inbox: the counts alone": "/inbox/facets",
    "inbox: severity and system": "/inbox?severity=high&asset=host7.example",
    "inbox: newest first, all states": "/inbox?status=all&sort=newest",
    "inbox: words, few incidents": "/inbox?q=203.7.{turn}",
    # The last search is kept: two that differ in a capital are two.
    "inbox: words, a fifth of all": "/inbox?q={a}ltered",
    "inbox: grouped by system": "/inbox?group=asset",
    "clerk": "/clerk",
    "sources": "/sources",
}


def measure(root: Path, turns: int, ids: list[str]) -> None:
    """Ask a console over HTTP, and print how long it took.

    Args:
        root: the case.
        turns: how often each page is asked for.
        ids: of incidents to open.
    """
    account(root)
    begun = monotonic_s()
    with console(root) as address, httpx.Client(base_url=address, timeout=120) as client:
        ready_s = monotonic_s() - begun
        sign_in(client)
        begun = monotonic_s()
        client.get("/inbox").raise_for_status()
        print(f"HTTP: ready after {ready_s:.1f} s, the first inbox after another {monotonic_s() - begun:.1f} s")
        for name, path in _PAGES.items():
            _pages(client, name, turns, path)
        _pages(client, "incident", turns, "/incidents/{id}", ids)
        _pages(client, "history and state of one", turns, "/incidents/{id}/now", ids)


def _pages(client: httpx.Client, name: str, turns: int, path: str, ids: Sequence[str] = ("",)) -> None:
    def ask(turn: int) -> None:
        client.get(path.format(turn=turn, a="aA"[turn % 2], id=ids[turn % len(ids)])).raise_for_status()

    timed(f"HTTP: {name}", turns, ask, here=False)


def account(root: Path) -> None:
    """A lead with a password."""
    with desk_of(root, AccessSettings(second_factor=frozenset()), SystemClock()) as desk:
        if desk.accounts.by_name(_NAME) is None:
            made = desk.accounts.add(_NAME, Role.LEAD, "Bench")
            desk.accounts.set_password(made.id, Passwords().hashed(_PASSWORD))


@contextmanager
def console(root: Path) -> Iterator[str]:
    """``pollwatch console`` over a case, until the block ends; gives its address."""
    with tempfile.TemporaryDirectory(prefix="pollwatch-floor-") as folder:
        settings = Path(folder) / "pollwatch.toml"
        settings.write_text(_SETTINGS)
        command = [sys.executable, "-m", "pollwatch", "console", "--case", str(root), "--config", str(settings)]
        command += ["--listen", "127.0.0.1:0", "--until-eof"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
            assert process.stderr is not None
            assert process.stdin is not None
            address = next(line.split()[-1] for line in process.stderr if "http://" in line)
            try:
                yield address
            finally:
                process.stdin.close()
                process.wait(60)


def sign_in(client: httpx.Client) -> None:
    """Sign in as people do."""
    token = _TOKEN.search(client.get("/sign-in").text)
    assert token is not None
    form = {"csrf": html.unescape(token[1]), "name": _NAME, "password": _PASSWORD, "next": "/me"}
    answer = client.post("/sign-in", data=form)
    assert answer.status_code == 303, answer.text
