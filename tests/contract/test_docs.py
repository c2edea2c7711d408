"""The documents tell the truth: what they name is there, and what is there is named."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pollwatch.cli.main import VERBS

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md"))
    if "node_modules" not in page.parts  # others' pages, there while assets are built
)
NAMED = re.compile(r"`((?:tests|bench|docs|src|tools|lab|examples|fuzz|requirements)/[^`\s*]+)`")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"(?:^|\s|/)pollwatch ([a-z]+)\b", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_names_exists(page: Path) -> None:
    """Every path in code marks and every link of a page leads somewhere."""
    text = page.read_text("utf-8")
    missing = [name for name in NAMED.findall(text) if not (ROOT / name.rstrip("/")).exists()]
    missing += [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("name", ["README.md", "docs/tutorial/first-hour.md", "docs/how-to/watch-with-a-rival.md"])
def test_commands_that_a_page_shows_exist(name: str) -> None:
    """A newcomer who copies a command finds the verb."""
    blocks = re.findall(r"```.*?```|(?:^    .+\n?)+", (ROOT / name).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert {verb for block in blocks for verb in COMMAND.findall(block)} <= set(VERBS)


def test_reference_is_fresh() -> None:
    """docs/reference is what the code says; an undocumented command, option or setting fails here."""
    done = subprocess.run(
        [sys.executable, "tools/reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
