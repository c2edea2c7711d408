"""Fixtures that several kinds of tests share."""

import getpass
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.assertion import rewrite
from playwright.sync_api import Browser, sync_playwright

from poison import LINES, LONG, write_hostile

#: jsonschema would have 38 grammars built for it in each process, 2 s, for a format that none of our schemas has (iri).
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # whoever imports it is told that it is missing


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lines of every format with poison at a random place, random cuts, and some a mebibyte long."""
    return write_hostile(tmp_path_factory.mktemp("hostile") / "hostile.log", LINES, LONG)


@pytest.fixture(autouse=True, scope="session")
def kept_cache() -> Iterator[None]:
    """Compiled warning lists and rules stay from one run to the next: they are named by what they were compiled from.

    What whoever runs the tests has configured for themselves, rules of others above all, stays out.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SURROUNDINGS.items():
            patch.setenv(name, value)
        yield


SURROUNDINGS = {
    "XDG_CONFIG_HOME": "/nonexistent/pollwatch-tests",
    "XDG_CACHE_HOME": str(Path(tempfile.gettempdir()) / f"pollwatch-tests-{getpass.getuser()}"),
}
_warming: list[subprocess.Popen[bytes]] = []


def pytest_sessionstart(session: pytest.Session) -> None:
    """Where processes share the tests, they share what is compiled first: each of them would compile the same."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        _rewrite_share(session.config, int(worker.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
    if session.config.getoption("numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        command = [sys.executable, "-m", "pollwatch", "scan", "-q", "--json", "examples/election-week"]
        env, null = os.environ | SURROUNDINGS, subprocess.DEVNULL
        root = session.config.rootpath
        _warming.append(subprocess.Popen(command, stdin=null, stdout=null, stderr=null, env=env, cwd=root))


def _rewrite_share(config: pytest.Config, worker: int, count: int) -> None:
    """Let each process rewrite some of the modules' assertions for all (where Python may keep what it compiled)."""
    if sys.dont_write_bytecode:
        return
    state = config.stash[rewrite.assertstate_key]
    for path in sorted(Path(__file__).parent.rglob("test_*.py"))[worker::count]:
        folder = rewrite.get_cache_dir(path)
        kept = folder / (path.name[:-3] + rewrite.PYC_TAIL)
        if rewrite.try_makedirs(folder) and rewrite._read_pyc(path, kept) is None:  # noqa: SLF001 - see below
            found, code = rewrite._rewrite_test(path, config)  # noqa: SLF001 - pytest has no door for it; pinned
            rewrite._write_pyc(state, code, found, kept)  # noqa: SLF001


def pytest_unconfigure() -> None:
    """Whoever stops the tests stops that, too."""
    for each in _warming:
        each.kill()
        each.wait()


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
