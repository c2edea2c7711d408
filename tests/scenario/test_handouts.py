"""What is handed to a prosecutor and to diplomats, from a real case: whole, checkable, and no more than was said."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import stix_validator
from dossier_drill import Drill, begin
from dossier_scenes import ARABIC, DENIAL, DISSENT, HOSTILE, material
from pollwatch.cli.main import root
from pollwatch.node.attribution import dossiers
from pollwatch.report.dossier import custody, factsheet, sheet
from pollwatch.report.dossier.custody import Custody, Handled, Original

HANDING = ("--by", "Oksana", "--to", "Prosecutor", "--reason", "Request 7 | <b>now</b>")


def _measure(drill: Drill, *arguments: str) -> str:
    done = CliRunner().invoke(root, ["measure", *arguments, "--case", str(drill.case)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Drill:
    """Two offices, an incident released by the first one and claimed."""
    return begin(tmp_path_factory.mktemp("drill"))


@pytest.fixture(scope="module")
def packed(drill: Drill, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prosecutor's package of Kyiv's incident."""
    out = tmp_path_factory.mktemp("package") / "out"
    _measure(drill, "prosecutor", drill.incident, "--out", str(out), *HANDING)
    return out


def test_the_package_verifies_offline_and_its_hashes_hold(packed: Path) -> None:
    """Whoever gets it checks every file and proves the bundle and the record with the commands it names."""
    found = _files(packed)
    sums = dict(reversed(line.split("  ")) for line in found[dossiers.SUMS].decode().splitlines())
    assert sums == {n: hashlib.sha256(data).hexdigest() for n, data in found.items() if n != dossiers.SUMS}
    for name, option, key in (
        (dossiers.EVIDENCE, "--policy", dossiers.POLICY),
        (dossiers.RECORD, "--charter", dossiers.CHARTER),
    ):
        done = CliRunner().invoke(root, ["verify", str(packed / name), option, str(packed / key)])
        assert done.exit_code == 0, done.output
        assert f"pollwatch verify {name} {option} {key}" in found["custody-en.html"].decode()


def test_the_chain_of_custody_says_who_held_and_who_got_it(drill: Drill, packed: Path) -> None:
    """The input's hash, its seal, the release to the other office, and the person who decided."""
    chain = json.loads((packed / "custody.json").read_bytes())
    (original,) = chain["originals"]
    assert original["sha256"] == hashlib.sha256((drill.case.parent / "access.log").read_bytes()).hexdigest()
    assert [(each["lines"], each["erased"]) for each in chain["sealed"]] == [(8, False)]
    assert chain["sealed"][0]["sealed"]
    assert {each["released_by"] for each in chain["told"]} == {"Oksana"}
    assert (chain["decided_by"], chain["addressee"]) == ("Oksana", "Prosecutor")
    shown = (packed / "custody-en.md").read_text("utf-8")
    assert original["sha256"] in shown
    assert "\\<b\\>now" in shown
    assert "<b>now" not in (packed / "custody-en.html").read_text("utf-8")


def test_making_it_is_on_record_and_in_the_next_chain(drill: Drill, packed: Path, tmp_path: Path) -> None:
    """A copy that was made shows in the custody of every later one, by the hash that stands for all of it."""
    digest = hashlib.sha256((packed / dossiers.SUMS).read_bytes()).hexdigest()
    _measure(drill, "prosecutor", drill.incident, "--out", str(tmp_path / "next"), *HANDING)
    handled = json.loads((tmp_path / "next" / "custody.json").read_bytes())["handled"]
    assert any(digest in each["what"] and each["who"] == "Oksana" for each in handled)


def test_a_fact_sheet_says_no_more_than_was_said(drill: Drill, tmp_path: Path) -> None:
    """Without a statement nothing is established; no logs are handed out, nor a package's rest."""
    _measure(drill, "factsheet", drill.incident, "--out", str(tmp_path / "one"))
    _measure(drill, "prosecutor", drill.incident, "--out", str(tmp_path / "two"), *HANDING)
    _measure(drill, "factsheet", drill.incident, "--out", str(tmp_path / "two"))
    found = _files(tmp_path / "one")
    assert found == _files(tmp_path / "two")
    assert set(found) == {
        *("factsheet-en.html", "factsheet-en.md", dossiers.RECORD, dossiers.CHARTER, dossiers.ORDER, dossiers.SUMS)
    }
    text = found["factsheet-en.md"].decode()
    assert "nothing is established together" in text
    assert "EXERCISE" in text
    assert "access.log" not in text
    assert hashlib.sha256(found[dossiers.RECORD]).hexdigest() in text


def test_denial_and_dissent_stand_in_the_fact_sheet_word_for_word() -> None:
    """Denied and dissented from: both are whole in the page; likelihood and confidence are said apart."""
    made = factsheet.make(material())
    page = sheet.html(made)
    assert DENIAL in page
    assert DISSENT in page
    assert "The same sources came to three." in page
    assert "Likelihood: " in page
    assert "Confidence: " in page
    quoted = sheet.markdown(made)
    for each in (page, quoted):
        assert f"\u2068{ARABIC}\u2069" in each, "a name runs its own way"
        assert "u2068" not in each
    assert all(each.replace(".", "") in quoted.replace(".", "") for each in DISSENT.split("; "))


@pytest.mark.parametrize("made", ["factsheet", "custody"])
def test_hostile_words_stay_words(made: str) -> None:
    """Attack 20: a denial, a path and a name that would be HTML, Markdown or a turned line in a paper."""
    case = material()
    held = Handled(case.as_of_us, HOSTILE, HOSTILE)
    chain = Custody((Original(HOSTILE, "ab" * 32, 1, 1),), (), (held,), (), HOSTILE[:90], HOSTILE[:90], HOSTILE)
    shown = factsheet.make(case) if made == "factsheet" else custody.sheet(chain, case)
    page, text = sheet.html(shown), sheet.markdown(shown)
    assert "<script" not in page
    assert "<script" not in text.replace("\\<", "")
    for each in (page, text):
        assert "\u202e" not in each
        assert "\x1b" not in each
    assert "*b*" not in text.replace("\\*", "")


def test_a_block_list_in_stix_passes_the_validator(drill: Drill, tmp_path: Path) -> None:
    """A course of action with its indicators, as a person decided it: strictly, references enforced."""
    out = tmp_path / "block"
    _measure(drill, "block", drill.incident, "--format", "stix", "-o", str(out), "--by", "Ada", "--reason", HOSTILE)
    stix_validator.accepts(tmp_path, {"course": out.read_bytes()})
