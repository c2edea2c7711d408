"""A dossier from a real case: of an exercise, by offices whose names are not Latin, with nobody else in reach."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pypdf
import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from click.testing import CliRunner

from dossier_drill import Drill, begin
from dossier_scenes import KYIV
from pollwatch import i18n
from pollwatch.cli.main import root
from pollwatch.errors import PolicyError, StoreError
from pollwatch.node.attribution import dossiers
from pollwatch.stix import bundle


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Drill:
    """Two offices, an incident in the first one's log, released and claimed; the other is never reached."""
    return begin(tmp_path_factory.mktemp("drill"))


def made(drill: Drill, out: Path) -> dict[str, bytes]:
    """Every file of a dossier that is made now."""
    dossiers.make(drill.case, drill.incident, out, drill.clock, languages=("en", "nl"))
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_the_same_case_gives_the_same_bytes_at_any_time(drill: Drill, tmp_path: Path) -> None:
    """Made again a day later, into the same folder or another, every file is what it was."""
    first = made(drill, tmp_path / "first")
    drill.clock.advance(86_400)
    assert made(drill, tmp_path / "second") == first
    assert made(drill, tmp_path / "first") == first
    sums = dict(reversed(line.split("  ")) for line in first[dossiers.SUMS].decode().splitlines())
    assert sums == {n: hashlib.sha256(data).hexdigest() for n, data in first.items() if n != dossiers.SUMS}
    dossiers.make(drill.case, drill.incident, tmp_path / "first", drill.clock, languages=("nl",))
    assert not (tmp_path / "first" / "dossier-en.pdf").exists(), "no paper of another time is left beside the new ones"
    cover = pypdf.PdfReader(io.BytesIO(first["dossier-en.pdf"])).pages[0].extract_text()
    assert sums[dossiers.EVIDENCE] in cover


def test_everything_of_an_exercise_says_so(drill: Drill, tmp_path: Path) -> None:
    """Papers, bundle and report: none of them can be taken for real, whoever tears a page out."""
    found = made(drill, tmp_path)
    for page in pypdf.PdfReader(io.BytesIO(found["dossier-en.pdf"])).pages:
        assert page.extract_text().count("EXERCISE") >= 2
    with zipfile.ZipFile(io.BytesIO(found[dossiers.EVIDENCE])) as packed:
        assert packed.read("README.txt").startswith(b"EXERCISE: nothing in it is real\n\nEVIDENCE BUNDLE")
    for ending, words in (("html", 2), ("md", 3), ("json", 1)):
        report = tmp_path / f"report.{ending}"
        done = CliRunner().invoke(
            root, ["report", "--case", str(drill.case), "-o", str(report)], catch_exceptions=False
        )
        assert done.exit_code == 0
        assert report.read_text("utf-8").count("EXERCISE: nothing in it is real") >= words


def test_anybody_checks_it_with_two_commands(drill: Drill, tmp_path: Path) -> None:
    """The commands that the dossier names do what it says; another's charter is not taken for the reader's."""
    found = made(drill, tmp_path)
    html = found["dossier-en.html"].decode()
    for command in (
        f"verify {dossiers.EVIDENCE} --policy {dossiers.POLICY}",
        f"verify {dossiers.RECORD} --charter {dossiers.CHARTER} --order {dossiers.ORDER}",
    ):
        assert f"pollwatch {command}" in html
        arguments = [str(tmp_path / each) if (tmp_path / each).exists() else each for each in command.split()]
        done = CliRunner().invoke(root, [*arguments, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        record = json.loads(done.stdout)["record"]
        assert any(f"claim by {KYIV}: unknown" in line for line in record["said"])
        assert any("order of events, by the members' logs:" in line for line in record["said"])
    refused = CliRunner().invoke(root, ["verify", str(tmp_path / dossiers.RECORD)])
    assert "--charter" in str(refused.output) + str(refused.exception)


def test_attack_11_a_word_that_was_changed_in_the_record_shows(drill: Drill, tmp_path: Path) -> None:
    """Attack 11: a record that is whole but for one changed claim is refused, and the message names it."""
    found = made(drill, tmp_path)
    said = bundle.read(found[dossiers.RECORD])
    (claim,) = (each for each in said if each.get("relationship_type") == "attributed-to")
    claim["description"] = "It was Cedar."
    (tmp_path / "changed.json").write_bytes(bundle.write(said))
    arguments = ["verify", str(tmp_path / "changed.json"), "--charter", str(tmp_path / dossiers.CHARTER)]
    done = CliRunner().invoke(root, arguments)
    assert done.exception is not None
    assert claim["id"] in str(done.exception)


def test_what_was_never_released_has_no_dossier(drill: Drill, tmp_path: Path) -> None:
    """A dossier is made of what was released or received; the error says what to do."""
    with pytest.raises(PolicyError, match="pollwatch incidents list"):
        dossiers.make(drill.case, "PW-NONE", tmp_path, drill.clock)
    with pytest.raises(PolicyError, match="was shared or received"):
        dossiers.make(drill.case, "incident--00000000-0000-4000-8000-000000000000", tmp_path, drill.clock)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        dossiers.make(drill.case, drill.incident, tmp_path / "file", drill.clock)


def test_the_papers_of_a_language_are_in_that_language(
    drill: Drill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment speaks: what the bundle proves is told in each paper's own language."""
    monkeypatch.setattr(i18n, "LOCALES", tmp_path / "locale")
    folder = i18n.LOCALES / "nl" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (Path(i18n.__file__).parent / "locale/nl/LC_MESSAGES/pollwatch.po").open("rb") as po:
        catalogue = read_po(po, locale="nl")
    with (folder / "pollwatch.mo").open("wb") as mo:
        write_mo(mo, catalogue)
    i18n.catalogue.cache_clear()
    english, dutch = (
        "Every byte of this file is as the key of log",
        "Elke byte van dit bestand is zoals de sleutel van log",
    )
    for environment in ("en", "nl"):
        monkeypatch.setenv("POLLWATCH_LANGUAGE", environment)
        found = made(drill, tmp_path / environment)
        assert english in found["dossier-en.html"].decode()
        assert dutch in found["dossier-nl.html"].decode()
        assert dutch not in found["dossier-en.html"].decode()
        assert english not in found["dossier-nl.html"].decode()
    assert (tmp_path / "en" / dossiers.SUMS).read_bytes() == (tmp_path / "nl" / dossiers.SUMS).read_bytes()
    i18n.catalogue.cache_clear()
