"""Rules of others: imported from folders and hostile zips, replaced, removed, listed, and used by scans."""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pollwatch.cli.main import root
from pollwatch.errors import ConfigError, PollwatchError
from pollwatch.node.rules import installed, taking

RULE = """
title: Rule {0}
id: 11111111-2222-4333-8444-00000000000{0}
status: test
level: high
logsource: {{category: webserver}}
tags: [attack.t1190, attack.initial-access]
detection:
  wanted: {{cs-uri|contains: '/needle{0}'}}
  condition: wanted
"""
BROKEN = "title: Broken\nlogsource: {category: webserver}\ndetection: {a: {b: '%who%'}, condition: absent}\n"
LINE = '203.0.113.9 - - [03/Nov/2026:20:00:00 +0000] "GET /needle1 HTTP/1.1" 200 5 "-" "Mozilla/5.0"\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with an empty configuration, in an empty folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str | Path) -> Result:
    """A command as its user types it."""
    return CliRunner().invoke(root, [str(each) for each in arguments])


def document(*arguments: str | Path) -> dict[str, object]:
    """What a command prints as JSON."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def checkout(folder: Path, *numbers: int) -> Path:
    """A folder laid out as SigmaHQ's: rules, a broken one among them, and what is not to be taken by itself."""
    for number in numbers:
        path = folder / "rules" / "web" / f"r{number}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RULE.format(number), encoding="utf-8")
    (folder / "rules" / "broken.yml").write_text(BROKEN, encoding="utf-8")
    (folder / "deprecated").mkdir(exist_ok=True)
    (folder / "deprecated" / "old.yml").write_text(RULE.format(9), encoding="utf-8")
    (folder / "LICENSE").write_text("DRL 1.1", encoding="utf-8")
    return folder


def titles(*arguments: str | Path) -> list[str]:
    """Titles of the rules that are listed."""
    return [each["title"] for each in document("rules", "list", *arguments)["rules"]]  # type: ignore[attr-defined]


def test_an_import_is_used_listed_replaced_and_removed(home: Path) -> None:
    """From a checkout to a scan that finds more, to the next version of the same rules, to none."""
    (home / "web.log").write_text(LINE, encoding="utf-8")
    source = checkout(home / "sigma", 1)
    tried = document("rules", "import", source, "--dry-run")
    assert (tried["loaded"], tried["kept"]) == (1, False)
    assert titles("--from", "sigma") == []

    done = document("rules", "import", source)
    assert (done["name"], done["files"], done["loaded"], done["kept"]) == ("sigma", 2, 1, True)
    (refused,) = done["refused"]  # type: ignore[misc]
    assert refused["path"] == "rules/broken.yml"
    assert "absent" in refused["reason"]
    assert (home / "config/pollwatch/rules").stat().st_mode & 0o777 == 0o700
    assert titles("--from", "sigma") == ["Rule 1"]
    scan = document("scan", home / "web.log", "--min-severity", "info")
    assert "Rule 1" in str(scan["incidents"])
    assert document("rules", "list", "--refused")["refused"][0]["from"] == "sigma"  # type: ignore[index]

    checkout(source, 2)
    (source / "rules/web/r1.yml").unlink()
    again = document("rules", "import", source)
    assert again["replaced"]["digest"] == done["digest"]  # type: ignore[index]
    assert titles("--from", "sigma") == ["Rule 2"]
    assert len(list((home / "config/pollwatch/rules").iterdir())) == 2, "the replaced rules are gone"

    assert run("rules", "remove", "sigma").exit_code == 0
    assert list((home / "config/pollwatch/rules").iterdir()) == []
    assert "sigma" not in {each["name"] for each in document("rules", "list")["sources"]}  # type: ignore[attr-defined]
    assert run("rules", "remove", "sigma").exception.__class__.__name__ == "UsageError"


def test_rules_of_a_case_are_for_that_case(home: Path) -> None:
    """What is imported into a case is used with it and nowhere else."""
    source = checkout(home / "sigma", 1)
    document("rules", "import", source, "--case", home / "case", "--name", "theirs")
    assert titles("--from", "theirs") == []
    assert titles("--from", "theirs", "--case", home / "case") == ["Rule 1"]


def test_lists_are_narrowed(home: Path) -> None:
    """By logsource, level, technique, tactic and text; rules of a folder that is only named are listed too."""
    folder = checkout(home / "sigma", 1, 2) / "rules"
    here = ("--rules", folder, "--from", folder)
    assert titles(*here) == ["Rule 1", "Rule 2"]
    assert titles(*here, "--text", "rule 2") == ["Rule 2"]
    assert titles(*here, "--tag", "T1190", "--level", "high", "--logsource", "webserver") == ["Rule 1", "Rule 2"]
    assert titles(*here, "--tag", "initial-access") == ["Rule 1", "Rule 2"]
    for none in (("--tag", "T1110"), ("--level", "low"), ("--logsource", "windows"), ("--text", "nothing")):
        assert titles(*here, *none) == []


def zipped(path: Path, members: Sequence[tuple[str, bytes]], **more: int) -> Path:
    """A zip with these members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            member = zipfile.ZipInfo(name)
            member.compress_type = more.get("compress_type", zipfile.ZIP_DEFLATED)
            member.external_attr = more.get("mode", stat.S_IFREG | 0o644) << 16
            archive.writestr(member, data)
    return path


GOOD = ("sigma-master/rules/web/r1.yml", RULE.format(1).encode())


def test_a_zip_of_a_checkout_is_imported(home: Path) -> None:
    """As GitHub packs it, with one folder at the top: the same rules as from the checkout itself."""
    source = zipped(home / "sigma-master.zip", [GOOD, ("sigma-master/README.md", b"x"), ("sigma-master/LICENSE", b"y")])
    done = document("rules", "import", source)
    assert (done["name"], done["loaded"], done["left_out"]) == ("sigma-master", 1, [])
    assert titles("--from", "sigma-master") == ["Rule 1"]
    (folder,) = (home / "config/pollwatch/rules").glob("sigma-master-*")
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["LICENSE", "r1.yml"]


@pytest.mark.parametrize(
    "name",
    ["../../evil.yml", "/etc/evil.yml", "rules/../../evil.yml", "rules\\..\\evil.yml", "C:/evil.yml", "rules//e.yml",
     "rules/\x1b[2Jevil.yml", "a/" * 30 + "evil.yml", "rules/" + "e" * 300 + ".yml"],
)  # fmt: skip
def test_a_zip_writes_nothing_outside(home: Path, name: str) -> None:
    """A zip that names files outside itself, or names meant for a terminal, has those left out and named."""
    source = zipped(home / "evil.zip", [("rules/r1.yml", GOOD[1]), (name, RULE.format(2).encode())])
    done = run("rules", "import", source)
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.output
    assert titles("--from", "evil") == ["Rule 1"]
    assert list(home.rglob("*evil*.yml")) == []


def test_links_and_odd_members_of_a_zip_are_left_out(home: Path) -> None:
    """A link in a zip, and a packing that needs gigabytes to begin with, are not followed and not unpacked."""
    for number, more in enumerate(({"mode": stat.S_IFLNK | 0o777}, {"compress_type": zipfile.ZIP_LZMA})):
        source = zipped(home / f"odd{number}.zip", [("rules/r1.yml", b"/etc/passwd")], **more)
        assert "no rule files" in str(run("rules", "import", source).exception)


def test_links_out_of_a_folder_are_left_out(home: Path) -> None:
    """A checkout with a link to a file of ours does not have that file copied where others may read it."""
    source = checkout(home / "sigma", 1)
    secret = home / "secret.yml"
    secret.write_text(RULE.format(3), encoding="utf-8")
    (source / "rules" / "link.yml").symlink_to(secret)
    done = document("rules", "import", source)
    assert done["left_out"] == [{"path": "rules/link.yml", "reason": "is a link or no plain file"}]
    assert titles("--from", "sigma") == ["Rule 1"]


def test_bombs_are_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that unpacks to too much, too many members, a list of them too long, zip64, a name twice, noise."""
    monkeypatch.setattr(taking, "MOST_FILES", 3)
    huge = zipped(home / "huge.zip", [GOOD, ("sigma-master/rules/huge.yml", b"a" * (6 << 20))])
    assert document("rules", "import", huge)["left_out"] != []
    many = zipped(home / "many.zip", [(f"rules/{n}.yml", GOOD[1]) for n in range(5)])
    assert "more than 3 files" in str(run("rules", "import", many).exception)
    whole = zipped(home / "whole.zip", [GOOD]).read_bytes()
    end = whole.rfind(b"PK\x05\x06")
    (home / "long.zip").write_bytes(whole[: end + 12] + b"\xff\xff\xff\x7f" + whole[end + 16 :])
    (home / "zip64.zip").write_bytes(whole[:end] + b"PK\x06\x07" + bytes(16) + whole[end:])
    (home / "noise.zip").write_bytes(os.urandom(5_000))
    (home / "cut.zip").write_bytes(whole[: len(whole) // 2])
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as archive:
        archive.writestr(*GOOD)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(*GOOD)
    (home / "twice.zip").write_bytes(twice.getvalue())
    for name, reason in (
        ("long", "list of members"), ("zip64", "zip64"), ("noise", "no zip"), ("cut", "no zip"), ("twice", "twice"),
    ):  # fmt: skip
        error = run("rules", "import", home / f"{name}.zip").exception
        assert isinstance(error, PollwatchError), name
        assert (error.exit_code, reason in str(error)) == (3, True), error


def test_an_import_that_was_killed_leaves_the_old_rules(home: Path) -> None:
    """Whatever an import or removal left half done is not used, and goes with the next one."""
    source = checkout(home / "sigma", 1)
    document("rules", "import", source)
    folder = home / "config/pollwatch/rules"
    (folder / ".tmp-0123456789abcdef/rules").mkdir(parents=True)
    (folder / "sigma-ffffffffffffffff").mkdir()
    (folder / "sigma-ffffffffffffffff/half.yml").write_text(RULE.format(7), encoding="utf-8")
    assert titles("--from", "sigma") == ["Rule 1"]
    document("rules", "import", source)
    assert len(list(folder.iterdir())) == 2


def test_a_damaged_import_is_said_not_passed_over(home: Path) -> None:
    """A scan without the rules that its user imported would find less in silence: it says so and ends."""
    document("rules", "import", checkout(home / "sigma", 1))
    record = home / "config/pollwatch/rules/sigma.json"
    whole = record.read_bytes()
    for spoilt in (
        b"",
        b"{}",
        whole.replace(b'"sigma"', b'"../x"'),
        whole[:-20],
        whole.replace(b'"digest": "', b'"digest": "/'),
    ):
        record.write_bytes(spoilt)
        with pytest.raises(ConfigError, match="import the rules again"):
            installed.imports(os.environ, None)


def test_names_are_checked(home: Path) -> None:
    """A name that is a path cannot be an import's."""
    source = checkout(home / "sigma", 1)
    for name in ("../x", "a/b", "A", ".tmp-1", "x" * 41):
        assert "cannot be an import's name" in str(run("rules", "import", source, "--name", name).exception)
    assert "no folder 'nowhere'" in str(run("rules", "import", source, "--folder", "nowhere").exception)
    assert document("rules", "import", source, "--folder", "deprecated")["loaded"] == 1
