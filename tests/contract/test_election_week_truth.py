"""The shipped recording and its ground truth agree, and the check that says so is not easily fooled."""

import copy
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest

ROOT = Path(__file__).parents[2]
WEEK = ROOT / "examples" / "election-week"


class TruthCheck(Protocol):
    """What the tests use of the lab's ``Check``."""

    truth: dict[str, Any]
    wrong: list[str]
    owners: dict[str, list[str]]

    def run(self) -> list[str]:
        """What does not fit."""


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    """The lab's check, loaded from its file: the lab is no package."""
    spec = importlib.util.spec_from_file_location("check_truth", ROOT / "lab" / "check_truth.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def check(checker: ModuleType) -> TruthCheck:
    """The check with the recording read: reading takes longer than checking."""
    found: TruthCheck = checker.Check(WEEK)
    return found


def spoil(truth: dict[str, Any], change: str) -> None:
    """Make one false statement."""
    attack = next(attack for attack in truth["attacks"] if attack["id"] == "webshell")
    spans = attack["lines"]["web/portal-access.log.gz"]
    if change == "line of another":
        spans[0][0] -= 1
    elif change == "line left out":
        del spans[0]
    elif change == "line out of the file":
        spans[-1][1] = 10_000_000
    elif change == "benign attacker":
        truth["benign"][0]["ips"].append(attack["actor_ips"][0])
    elif change == "unlisted visitor":
        del truth["benign"][0]["ips"][0]
    elif change == "wrong time":
        attack["first"] = "2026-11-03T20:00:00+01:00"


def test_the_recording_and_its_truth_agree(check: TruthCheck) -> None:
    """Every line that truth.json names is where and whose it says, and none is missing."""
    assert check.run() == []


@pytest.mark.parametrize(
    "change",
    ["line of another", "line left out", "line out of the file", "benign attacker", "unlisted visitor", "wrong time"],
)
def test_a_false_statement_is_found(check: TruthCheck, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """A truth.json that is wrong in one place does not pass."""
    truth = copy.deepcopy(check.truth)
    spoil(truth, change)
    monkeypatch.setattr(check, "truth", truth)
    monkeypatch.setattr(check, "wrong", [])
    assert check.run()


def test_the_recording_is_small_and_from_documentation_addresses(checker: ModuleType, check: TruthCheck) -> None:
    """It ships below 20 MB, and no address outside RFC 5737 acts in it."""
    assert sum(path.stat().st_size for path in WEEK.rglob("*") if path.is_file()) < 20_000_000
    acting = {address for found in check.owners.values() for address in found if address}
    assert all(checker.DOCUMENTATION.match(address) for address in acting)


def test_the_weak_portal_cannot_start_a_process() -> None:
    """The lab's web shell is a table of answers: the portal imports nothing that could run what it is sent."""
    text = (ROOT / "lab" / "portal.py").read_text(encoding="utf-8")
    assert not any(word in text for word in ("subprocess", "os.system", "popen", "exec(", "eval("))
