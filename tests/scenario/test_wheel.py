"""The built wheel, not the tree: what a stranger installs has its rules, templates, schemas and migrations."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content in a folder of its own."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=240,
    )
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "site")
    return out / "site"


def run(installed: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the wheel's pollwatch, far from the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, "-c", "import pollwatch.__main__ as m; m.main()", *arguments],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_wheel_scans_and_reports(installed: Path, tmp_path: Path) -> None:
    """A scan into a case and its report need nothing that only the checkout has."""
    log = tmp_path / "access.log"
    log.write_text(
        "".join(
            f'198.51.100.7 - - [03/Nov/2026:21:00:{n:02} +0100] "GET /?id=1%27%20UNION%20SELECT%20{n} HTTP/1.1" 500 9'
            ' "-" "sqlmap/1.8"\n'
            for n in range(30)
        )
    )
    done = run(installed, "scan", str(log), "--json", "--case", str(tmp_path / "case"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["incidents"]) == 1
    done = run(installed, "report", "--case", str(tmp_path / "case"), "-o", "report.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "198.51.100.7" in (tmp_path / "report.html").read_text("utf-8")


def test_wheel_carries_the_example(installed: Path) -> None:
    """The demo runs once installed: its recorded week is in the wheel."""
    assert (installed / "pollwatch" / "examples" / "election-week" / "truth.json").exists()
