"""The demo, as a newcomer runs it: it tells its story, leaves what it promises, and can be run twice."""

import subprocess
import sys
from pathlib import Path

import pytest

from pollwatch.node.demos import demo

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pollwatch in the checkout."""
    return subprocess.run(
        [sys.executable, "-m", "pollwatch", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The demo's folder and what it said, where another demo was stopped in its midst before."""
    out = tmp_path_factory.mktemp("demo") / "out"
    before = demo.prepare(out)
    before.alder.mkdir()
    (before.alder / "case.sqlite").write_bytes(b"half a case")
    before.report.write_text("an older report")
    (out / "left-behind").touch()
    return out, run("demo", "--out", str(out))


def test_it_tells_its_story(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Every step went as it must, and the end says what to try next; of an earlier demo nothing is left."""
    out, done = played
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✘" not in done.stdout
    assert done.stdout.count("✔") >= 8
    assert "pollwatch verify" in done.stdout
    assert not (out / "left-behind").exists()


def test_what_it_leaves_verifies(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Bundle and fork proof are accepted by the verifier alone; the changed bundle is not."""
    out, _done = played
    assert run("verify", str(out / "evidence" / "evidence-bundle.zip")).returncode == 0
    assert run("verify", str(out / "evidence" / "fork-proof.json")).returncode == 0
    assert run("verify", str(out / "evidence" / "evidence-bundle-one-byte-changed.zip")).returncode == 4
    assert "192.0.2.222" in (out / "report.html").read_text("utf-8")


def test_no_process_is_left(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Both gateways have ended with the demo."""
    out, _done = played
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in commands if b"gateway" in command and str(out).encode() in command]


def test_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    """A folder with other things in it is not emptied for a demo."""
    (tmp_path / "thesis.txt").write_text("years of work")
    assert run("demo", "--out", str(tmp_path)).returncode == 2
    assert (tmp_path / "thesis.txt").exists()
