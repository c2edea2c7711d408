"""Several hundred requests taken from no corpus: attacks of all kinds are raised, look-alikes of all kinds are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contract.detect.test_quiet import BROWSERS, detections, web

FOLDER = Path(__file__).parents[1] / "requests"


def requests(name: str) -> list[str]:
    """The requests of a file; headings and empty lines apart."""
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def raised(lines: list[str], status: int) -> set[str]:
    """Those that a rule or a detector of low or above names, each sent by a visitor of its own, one a minute."""
    sent = []
    for at, line in enumerate(lines):
        request, *headers = line.replace("\\", "\\\\").split("\t")  # as servers write them
        more = dict(each.split("=", 1) for each in headers)
        agent, referer = more.get("agent", BROWSERS[at % 4]), more.get("referer", "-").replace('"', "%22")
        sent.append(web(60 * at, f"198.51.{at >> 8}.{at & 255}", request, status, agent.replace('"', "%22"), referer))
    return {lines[number - 1] for found in detections(sent) for _path, number in found.lines}


@pytest.mark.parametrize(("name", "least"), [("attacks", 270), ("harmless", 470)])
def test_there_are_hundreds(name: str, least: int) -> None:
    """The sets are not worn down, and nothing stands in them twice."""
    lines = requests(name)
    assert len(lines) >= least
    assert len(set(lines)) == len(lines)


def test_attacks_are_raised() -> None:
    """Injections, script, foreign files, commands, templates, look-ups, probes and tools, one request each."""
    lines = requests("attacks")
    assert sorted(set(lines) - raised(lines, 404)) == []


def test_look_alikes_are_quiet() -> None:
    """What offices' sites, groupware, maps, filters, log-ins, counters and people of all languages send."""
    assert sorted(raised(requests("harmless"), 200)) == []
