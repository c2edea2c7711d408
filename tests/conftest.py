"""Fixtures that several kinds of tests share."""

import getpass
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, sync_playwright

LINES = 10_000
LONG = 20

SEEDS = [
    b'198.51.100.7 - - [03/Nov/2026:21:04:11 +0100] "GET /?id=1 HTTP/1.1" 200 9 "-" "Mozilla/5.0"',
    b'vote.example:443 198.51.100.7 - bob [03/Nov/2026:21:04:11 +0100] "POST /login HTTP/1.1" 401 9 "-" "curl/8"',
    b"[Tue Nov 03 21:04:11.123456 2026] [authz_core:error] [pid 12:tid 34] [client 198.51.100.7:443] AH01630: denied",
    b'2026/11/03 21:04:11 [error] 12#12: *3 open() failed, client: 198.51.100.7, server: v, request: "GET /x HTTP/1.1"',
    b"Nov  3 21:04:11 office sshd[123]: Failed password for invalid user admin from 198.51.100.7 port 22 ssh2",
    b"<34>1 2026-11-03T21:04:11.003Z office su - ID47 [x@1 a=\"b\"] 'su root' failed for lonvick on /dev/pts/8",
    (
        b'{"__REALTIME_TIMESTAMP":"1793739851000000","SYSLOG_IDENTIFIER":"sshd",'
        b'"MESSAGE":"Accepted password for bob from 198.51.100.7 port 22 ssh2"}'
    ),
    (
        b'{"timestamp":"2026-11-03T21:04:11.1+0100","event_type":"alert",'
        b'"src_ip":"198.51.100.7","alert":{"signature":"x","severity":1}}'
    ),
    (
        b'{"@timestamp":"2026-11-03T20:04:11Z","source":{"ip":"198.51.100.7"},"url":{"original":"/x"},'
        b'"http":{"request":{"method":"GET"}}}'
    ),
    b'{"remote_addr":"198.51.100.7","time_iso8601":"2026-11-03T21:04:11+01:00","request":"GET /","status":"200"}',
]
POISON = [
    b"\x1b]0;pwned\x07\x1b[2J\x1b[31m",
    b"<script>alert(1)</script><img src=x onerror=alert(1)>",
    b"\xff\xfe\x80\xc0\xaf\x00\x01\x02",
    "\u202e\u2066\u200b\u0000".encode(),
    b"99/Zzz/99999:99:99:99 +9999",
    b"Feb 30 25:61:61",
    b'"\\"""\\\\"',
    b"%00%ff%u0000%%%25%32%35",
    b"{" * 2000,
    b"[" * 2000,
    b"' or 1=1 --",
    b"=cmd|' /C calc'!A0",
    b"9" * 400,
    b"\t\r\x0b\x0c\x85",
]


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lines of every format with poison at a random place, random cuts, and some a mebibyte long."""
    rng = np.random.default_rng(20261103)
    path = tmp_path_factory.mktemp("hostile") / "hostile.log"
    long = set(rng.choice(LINES, LONG, replace=False).tolist())
    with path.open("wb") as out:
        for number in range(LINES):
            seed, poison = SEEDS[rng.integers(len(SEEDS))], POISON[rng.integers(len(POISON))]
            at = int(rng.integers(len(seed) + 1))
            kind = rng.integers(4)
            line = [seed[:at] + poison + seed[at:], seed[:at], poison, rng.bytes(int(rng.integers(1, 300)))][kind]
            if number in long:
                line = (seed + poison) * (1 + (1 << 20) // (len(seed) + len(poison)))
            out.write(line.replace(b"\n", b" ") + b"\n")
    return path


@pytest.fixture(autouse=True, scope="session")
def kept_cache() -> Iterator[None]:
    """Compiled warning lists and rules stay from one run to the next: they are named by what they were compiled from.

    What whoever runs the tests has configured for themselves, rules of others above all, stays out.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", "/nonexistent/pollwatch-tests")
        patch.setenv("XDG_CACHE_HOME", str(Path(tempfile.gettempdir()) / f"pollwatch-tests-{getpass.getuser()}"))
        yield


FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-default-apps",
    "--disable-extensions",
    "--no-proxy-server",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, or a skip that says what to install."""
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium; on Debian: apt install chromium-headless-shell")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


#: What takes longest, longest first: begun late, the other processes would wait for it with nothing left to do.
LONGEST = (
    "scenario/test_demo_joint.py",
    "scenario/test_who_did_it.py",
    "scenario/hostile/test_hostile_matching.py",
    "scenario/test_log_faults.py",
    "scenario/hostile/test_hostile_logs.py",
    "scenario/test_evidence_commands.py",
    "unit/test_matching_crash.py",
    "e2e/test_taxii_openapi.py",
    "scenario/test_two_rivals.py",
    "scenario/test_group_matching.py",
    "contract/detect/test_rules.py",
    "scenario/test_known_attacks.py",
    "scenario/hostile/test_oracle.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where processes share the tests, each of which gets a run of them first, let every such run begin with long ones.

    Modules stay together: what they share is made once.
    """
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if count == 1:
        return
    folder = Path(__file__).parent
    long: dict[str, list[pytest.Item]] = {each: [] for each in LONGEST}
    rest = []
    for item in items:
        long.get(item.path.relative_to(folder).as_posix(), rest).append(item)
    share = -(-len(items) // count)
    ordered: list[pytest.Item] = []
    for worker in range(count):
        ordered += [item for name in LONGEST[worker::count] for item in long[name]]
        room = max(0, (worker + 1) * share - len(ordered))
        ordered += rest[:room]
        del rest[:room]
    items[:] = ordered + rest


ALLOWED_SKIPS = ("../shared", "no Go")
"""On CI nothing may be skipped in silence, but for what only the workshop has and for a missing Go toolchain."""
_unexplained: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """On CI, remember tests that were skipped for any other reason."""
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(allowed in reason for allowed in ALLOWED_SKIPS):
            _unexplained.append(f"{report.nodeid}: {reason}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what must not have been skipped."""
    for line in _unexplained:
        terminalreporter.write_line(f"skipped on CI: {line}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A test that CI did not run has failed."""
    if _unexplained and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
