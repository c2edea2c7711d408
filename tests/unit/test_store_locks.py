"""Several processes on one case: whoever closes it must not take the journal from under the others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from case_scenes import open_case, scan
from pollwatch.incidents.inbox import Inbox
from pollwatch.incidents.inboxquery import Question
from pollwatch.store.folder import CaseFolder

_OTHER = """
import sys
from pathlib import Path
from case_scenes import open_case, scan
with open_case(Path(sys.argv[1])) as case:
    scan(case, {"b.log": ["bob"]})
"""


def test_another_process_that_closes_the_case_leaves_ours_whole(tmp_path: Path) -> None:
    """A scan beside a console: the scan ends as the last one that it knows of, and the console reads on.

    A descriptor of the database that is opened and closed by hand drops this process's locks (POSIX); then the other
    process removes the journal, and what we read is malformed.
    """
    with open_case(tmp_path) as case, Inbox.open(tmp_path) as inbox:
        scan(case, {"a.log": ["ann"]})
        assert inbox.count(Question()) == 1
        CaseFolder(tmp_path).prepare(create=False)
        journal = (tmp_path / "case.sqlite-wal").stat().st_ino
        command = [sys.executable, "-c", _OTHER, str(tmp_path)]
        subprocess.run(command, check=True, env={"PYTHONPATH": str(Path(__file__).parents[1])})
        assert (tmp_path / "case.sqlite-wal").stat().st_ino == journal
        assert inbox.count(Question()) == 2
        assert len(case.incidents()) == 2
