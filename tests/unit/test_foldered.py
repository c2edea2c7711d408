"""What lies in a folder beside its logs."""

from pathlib import Path

import pytest

from pollwatch.clock import ManualClock
from pollwatch.incidents.light import light
from pollwatch.node.case import scanning
from pollwatch.node.case.scan import ScanReport

LINE = '203.0.113.9 - - [03/Nov/2026:21:04:11 +0100] "GET / HTTP/1.1" 200 9 "-" "x"\n'


def scanned(*paths: Path, case_dir: Path | None = None) -> ScanReport:
    """A scan of some paths."""
    return scanning.run(scanning.Request(tuple(map(str, paths)), case_dir=case_dir), ManualClock(1_800_000_000_000_000))


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a log, a README and a binary file."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "access.log").write_text(LINE * 3)
    (folder / "README").write_text("Logs of the portal.\nKept for 90 days.\n")
    (folder / "blob").write_bytes(bytes(range(256)) * 40)
    return folder


def test_what_lies_beside_logs_is_passed_over(logs: Path) -> None:
    """A README beside the logs is counted and named; it is no failure and does not dim the light."""
    report = scanned(logs)
    assert report.failures == ()
    assert [Path(each.path).name for each in report.inputs] == ["access.log"]
    assert {Path(each.path).name: each.lines == each.quarantined > 0 for each in report.passed_over} == {
        "README": True,
        "blob": True,
    }
    shown = light(report.incidents, report.inputs, report.coverage, passed_over=len(report.passed_over))
    assert shown.state == "normal"
    assert "2 files of no known format" in shown.sentence


def test_what_is_named_is_never_passed_over(logs: Path) -> None:
    """Naming the file, alone or beside its folder, makes it a failure that it has no known format."""
    for paths in ((logs / "README",), (logs, logs / "README"), (logs / "README", logs)):
        assert [Path(each.path).name for each in scanned(*paths).failures] == ["README"]


def test_a_folder_without_any_log_is_a_failure(logs: Path, tmp_path: Path) -> None:
    """A folder in which nothing is understood is a watch that sees nothing, whatever else is read."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes").write_text("nothing here\n")
    assert [Path(each.path).name for each in scanned(other, logs).failures] == ["notes"]


def test_a_damaged_file_in_a_folder_is_a_failure(logs: Path) -> None:
    """Passing over is for other formats, never for logs that cannot be read."""
    (logs / "old.log.gz").write_bytes(b"\x1f\x8b\x08\x00damaged")
    assert [Path(each.path).name for each in scanned(logs).failures] == ["old.log.gz"]


def test_a_case_does_not_keep_what_was_passed_over(logs: Path, tmp_path: Path) -> None:
    """What is not a log is not sealed as one."""
    report = scanned(logs, case_dir=tmp_path / "case")
    assert [Path(each.path).name for each in report.inputs] == ["access.log"]
    assert len(report.passed_over) == 2
