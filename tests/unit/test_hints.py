"""Hints about known groups: overlaps with their base rates, and what sources say of addresses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pollwatch import canonical
from pollwatch.attribution import hints
from pollwatch.attribution.hints import Rate, Word
from pollwatch.cli.main import root
from pollwatch.incidents import attack
from pollwatch.incidents.attack import Group

GROUPS = (
    Group("G1", "Grey Heron", ("Grey Heron", "APT-H"), frozenset({"T1110.003", "T1190"})),
    Group("G2", "Loud Crow", ("Loud Crow",), frozenset({"T1110", "T1190", "T1595.002", "T1059", "T1105"})),
    Group("G3", "Mole", ("Mole", "M"), frozenset({"T1059"})),
)


def test_overlaps_come_with_how_many_groups_have_them() -> None:
    """Sub-techniques count as their technique; the smaller repertoire first; who shares nothing is not told."""
    found = hints.find(["T1110.001", "T1190"], (), (), GROUPS)
    assert found.techniques == {"T1110": Rate(2, 3), "T1190": Rate(2, 3)}
    assert [(each.group.id, each.repertoire, each.as_many) for each in found.overlaps] == [
        ("G1", 2, Rate(2, 3)),
        ("G2", 5, Rate(2, 3)),
    ]


def test_words_of_a_source_come_with_how_often_it_says_them() -> None:
    """A feed that calls everything by one group's name says nothing; that is what its rate shows."""
    words = [Word("203.0.113.1", "feed", "c2 of apt-h"), Word("203.0.113.2", "feed", "GREY HERON again", ("a VPN",))]
    words += [Word("203.0.113.3", "feed", "a mole in the garden"), Word("203.0.113.2", "other", "MOLEHILL")]
    found = hints.find((), ["203.0.113.2", "203.0.113.3"], words, GROUPS).labelled
    assert [(each.value, each.group.id, each.source, each.said, each.warnings) for each in found] == [
        ("203.0.113.2", "G1", "feed", Rate(2, 3), ("a VPN",)),
        ("203.0.113.3", "G3", "feed", Rate(1, 3), ()),
    ]


def test_nothing_known_is_no_hint() -> None:
    """No techniques, no words, no groups: nothing is made up."""
    assert hints.find((), (), (), GROUPS) == hints.Hints({}, (), ())
    assert hints.find(["T1190"], ["x"], [Word("x", "feed", "Mole")], ()).overlaps == ()


def test_groups_come_with_the_program_and_follow_revoked_techniques() -> None:
    """Every technique of every group is one that ATT&CK has today."""
    found = attack.groups()
    assert len(found) > 100
    assert len({each.id for each in found}) == len(found)
    used = {each for group in found for each in group.techniques}
    assert all(attack.technique(each).id == each for each in used)
    assert any("APT29" in each.names for each in found)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case with one guessed password."""
    folder = tmp_path_factory.mktemp("hints")
    lines = [
        f"Nov  3 21:{n // 60:02}:{n % 60:02} web sshd[{n}]: Failed password for root from 203.0.113.9 port {n} ssh2"
        for n in range(1, 60)
    ]
    (folder / "auth.log").write_text("\n".join(lines) + "\n")
    done = CliRunner().invoke(root, ["scan", str(folder / "auth.log"), "--case", str(folder / "case"), "-q"])
    assert done.exit_code == 0, done.output
    return folder / "case"


def test_the_command_tells_rates_and_names_nobody(case: Path) -> None:
    """As an analyst runs it: techniques with rates, overlaps with rates, and that it is no answer."""
    runner = CliRunner()
    listed = canonical.loads_lenient(
        runner.invoke(root, ["incidents", "list", "--case", str(case), "--json"]).output.encode()
    )
    incident = listed["incidents"][0]["id"]
    told = runner.invoke(root, ["hypotheses", "hints", incident, "--case", str(case)])
    assert told.exit_code == 0, told.output
    assert "They name nobody" in told.output
    assert "T1110" in told.output
    document = canonical.loads_lenient(
        runner.invoke(root, ["hypotheses", "hints", incident, "--case", str(case), "--json"]).output.encode()
    )
    assert document["techniques"]["T1110"]["of"] == len(attack.groups())
    assert all(each["groups_sharing_as_many"]["count"] >= 1 for each in document["overlaps"])
    missing = runner.invoke(root, ["hypotheses", "hints", "PW-NONE", "--case", str(case)])
    assert missing.exit_code != 0
