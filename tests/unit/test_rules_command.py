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
    return CliRunner().invoke(root, [str(each) for each in arguments], standalone_mode=False)


def code(*arguments: str | Path) -> int:
    """What a command ends with."""
    result = run(*arguments)
    assert result.exception is None, result.exception
    assert isinstance(result.return_value, int)
    return result.return_value


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

    assert code("rules", "remove", "sigma") == 0
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
    start = whole.find(b".yml") + 8
    (home / "spoilt.zip").write_bytes(whole[:start] + bytes(60) + whole[start + 60 :])
    (home / "cut.zip").write_bytes(whole[: len(whole) // 2])
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as archive:
        archive.writestr(*GOOD)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(*GOOD)
    (home / "twice.zip").write_bytes(twice.getvalue())
    for name, reason in (
        ("spoilt", "no zip"),
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


SAMPLED = (
    RULE
    + """
pollwatch:
  samples:
    fire:
      - request: GET /needle{0}
    silent:
      - request: GET /{1}
"""
)


def test_rules_are_tried_on_their_own_samples(home: Path) -> None:
    """A rule that fires on what it must not, or has a sample that nothing reads, is named; the others are counted."""
    folder = home / "rules"
    folder.mkdir()
    (folder / "good.yml").write_text(SAMPLED.format(1, "hay"), encoding="utf-8")
    (folder / "bad.yml").write_text(SAMPLED.format(2, "needle2"), encoding="utf-8")
    (folder / "odd.yml").write_text(
        SAMPLED.format(3, "hay").replace("request: GET /hay", "what: ever"), encoding="utf-8"
    )
    (folder / "many.yml").write_text(SAMPLED.format(4, "hay\n        times: 1000000000"), encoding="utf-8")
    result = run("rules", "test", "Rule 1", "Rule 2", "Rule 3", "Rule 4", "--rules", folder, "--json")
    assert result.return_value == 1
    told = json.loads(result.stdout)
    assert (told["passed"], told["failed"], told["untried"]) == (3, 1, 2)
    (wrong,) = [each for each in told["trials"] if each["passed"] is False]
    assert (wrong["title"], wrong["kind"], wrong["told"]) == ("Rule 2", "silent", "it fires")
    assert code("rules", "test", "Rule 1", "--rules", folder) == 0


EVENT = """{{"Event": {{"System": {{"Provider": {{"Name": "Microsoft-Windows-Sysmon"}}, "EventID": 1,
 "Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": "pc", "EventRecordID": 1,
 "TimeCreated": {{"SystemTime": "2026-11-03T20:00:00.000Z"}}}},
 "EventData": {{"Image": "C:\\\\{0}.exe", "CommandLine": "{0}"}}}}}}"""


def test_rules_are_tried_on_recordings(home: Path) -> None:
    """SigmaHQ's layout beside the rules: a recording that fires, one that does not, one for a rule that is not here."""
    checkout(home / "sigma", 1)
    rule = RULE.format(5).replace("{category: webserver}", "{category: process_creation, product: windows}")
    rule = rule.replace("cs-uri|contains: '/needle5'", "Image|endswith: '\\bad.exe'")
    (home / "sigma/rules/windows.yml").write_text(rule, encoding="utf-8")
    for number, image in ((5, "bad"), (5, "good"), (6, "bad")):
        rule_id = f"11111111-2222-4333-8444-00000000000{number}"
        folder = home / "sigma/regression_data/rules" / f"{image}{number}"
        folder.mkdir(parents=True)
        (folder / f"{rule_id}.json").write_text(" ".join(EVENT.format(image).split("\n")) + "\n", encoding="utf-8")
        tests = f"[{{type: evtx, match_count: 1, path: ../../../../etc/{rule_id}.evtx}}]"
        info = f"rule_metadata: [{{id: {rule_id}}}]\nregression_tests_info: {tests}\n"
        (folder / "info.yml").write_text(info, encoding="utf-8")
    (home / "sigma/regression_data/info.yml").write_text("rule_metadata: 3\n", encoding="utf-8")
    result = run("rules", "test", "--rules", home / "sigma/rules", "11111111-2222-4333-8444-000000000005", "--json")
    assert result.return_value == 1
    trials = {Path(each["what"]).parent.name: each for each in json.loads(result.stdout)["trials"]}
    assert (trials["bad5"]["passed"], trials["good5"]["passed"]) == (True, False)
    assert "bad6" not in trials
    assert trials["regression_data"]["passed"] is None


def test_rules_are_counted_and_timed_on_logs(home: Path) -> None:
    """How often each rule fires on a log, and what each costs; a log that is not there ends with 3."""
    folder = checkout(home / "sigma", 1, 2) / "rules"
    (home / "web.log").write_text(LINE * 3, encoding="utf-8")
    tally = document("rules", "test", "--rules", folder, "--log", home / "web.log")
    fired = {each["title"]: each["events"] for each in tally["rules"]}  # type: ignore[attr-defined]
    assert (tally["events"], fired["Rule 1"], "Rule 2" in fired) == (3, 3, False)
    cost = document("rules", "profile", home / "web.log", "--rules", folder, "--top", "1000")
    by_title = {each["title"]: each for each in cost["rules"]}  # type: ignore[attr-defined]
    assert (by_title["Rule 1"]["hits"], by_title["Rule 2"]["hits"], by_title["Rule 2"]["events"]) == (3, 0, 3)
    seconds = [each["seconds"] for each in cost["rules"]]  # type: ignore[attr-defined]
    assert seconds == sorted(seconds, reverse=True)
    assert "A root login" not in by_title
    for verb in ("profile", "coverage"):
        assert code("rules", verb, home / "nowhere.log") == 3


def test_coverage_tells_what_logs_can_feed(home: Path) -> None:
    """A technique under its present name; fed only where the logs have events, and values, that a rule looks at."""
    folder = home / "rules"
    folder.mkdir()
    revoked = RULE.format(1).replace("attack.t1190", "attack.t1146")
    (folder / "r1.yml").write_text(revoked, encoding="utf-8")
    absent = RULE.format(2).replace("attack.t1190", "attack.t1070.003").replace("cs-uri|", "cs-cookie|")
    (folder / "r2.yml").write_text(absent, encoding="utf-8")
    (home / "web.log").write_text(LINE, encoding="utf-8")

    def both(*arguments: str | Path) -> dict[str, list[str] | None]:
        found = document("rules", "coverage", *arguments, "--rules", folder)["techniques"]
        (mine,) = [each for each in found if each["technique"] == "T1070.003"]  # type: ignore[attr-defined]
        return {key: mine[key] and sorted(each[-1] for each in mine[key]) for key in ("rules", "fed")}

    assert {"1", "2"} <= set(both()["rules"] or ())
    assert both()["fed"] is None
    assert both(home / "web.log")["fed"] == ["1"]
    assert code("scan", home / "web.log", "--case", home / "case") == 0
    assert both("--case", home / "case")["fed"] == ["1"]
    assert code("rules", "coverage", "--layer", home / "layer.json", "--rules", folder, home / "web.log") == 0
    layer = json.loads((home / "layer.json").read_text())
    assert layer["domain"] == "enterprise-attack"
    assert {each["techniqueID"]: each["score"] for each in layer["techniques"]}["T1070.003"] == 1


def test_a_rule_of_others_is_shown_inert(home: Path) -> None:
    """A rule that writes to the terminal by escape sequences is shown with them spelled out, wherever it says them."""
    evil = "\\e[2J\\e]0;owned\\a\\u202e"
    text = RULE.format(1).replace("title: Rule 1", f'title: "Rule {evil}"\nauthor: "{evil}"\ndescription: "{evil}"')
    text = text.replace("'/needle1'", f'"/needle{evil}"') + "# \x1b[31mred\n"
    (home / "r.yml").write_text(text.replace("# \x1b", "# "), encoding="utf-8")
    (home / "raw.yml").write_text(RULE.format(2) + "# \u202ered\n", encoding="utf-8")
    rule_id = "11111111-2222-4333-8444-000000000001"
    for arguments in (("show", rule_id), ("list", "--from", home / "r.yml")):
        result = run("rules", *arguments, "--rules", home / "r.yml")
        assert result.exit_code == 0, result.output
        assert not {"\x1b", "\x07", "\u202e"}.intersection(result.output)
        assert "\\x1b[2J" in result.output
    shown = run("rules", "show", "Rule 2", "--rules", home / "raw.yml").output
    assert "\\u202ered" in shown
    assert "cs-uri contains '/needle2'" in shown
    assert "webserver/*/*" in shown
    told = document("rules", "show", "Rule 2", "--rules", home / "raw.yml")
    assert told["condition"] == ["cs-uri contains '/needle2'"]
    assert told["asked_of"] == ["webserver/*/*", "webserver/*/error"]
    assert "is said of" in str(run("rules", "show", "11111111", "--rules", home).exception)
