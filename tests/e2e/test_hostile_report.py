"""From a log of ten thousand hostile lines to a report in a real browser: text all the way."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser


def test_report_of_hostile_log_is_inert(hostile: Path, browser: Browser, tmp_path: Path) -> None:
    """HTML, script and terminal injection through every field of a log: the report shows it and runs nothing."""
    case, report = tmp_path / "case", tmp_path / "report.html"
    for arguments in (
        ("scan", str(hostile), "--case", str(case), "-q"),
        ("report", "--case", str(case), "-o", str(report)),
    ):
        subprocess.run([sys.executable, "-m", "pollwatch", *arguments], check=True, capture_output=True, timeout=240)
    page = browser.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail(f"dialog: {dialog.message}"))
    page.goto(report.as_uri())
    assert requests == [report.as_uri()]
    assert page.evaluate("document.querySelectorAll('article').length") > 0
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("document.querySelectorAll('img,iframe,object,[onerror]').length") == 0
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page.inner_text("body"))
    page.close()
