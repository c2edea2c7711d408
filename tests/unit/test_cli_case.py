from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from case_scenes import open_case, scan
from pollwatch.cli import main
from pollwatch.incidents.export import schema


@dataclass(frozen=True)
class Done:
    """How a command ended and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line as its users type it, in a folder of its own."""

    def program(*arguments: str, stdin: str = "", code: int = 0, **env: str) -> Done:
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            patch.setattr("sys.stdin", io.StringIO(stdin))
            for name, value in ({"HOME": str(tmp_path), "LANGUAGE": "en"} | env).items():
                patch.setenv(name, value)
            capsys.readouterr()
            with pytest.raises(SystemExit) as ended:
                main.run(arguments)
        done = Done(int(ended.value.code or 0), *capsys.readouterr())
        assert done.returncode == code, done.stderr
        return done

    return program


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A case with two incidents."""
    with open_case(tmp_path / "case") as opened:
        scan(opened, {"a.log": ["ann", "ann", "bob!"]})
    return tmp_path / "case"


def _ids(run: Run) -> list[str]:
    return [each["id"] for each in json.loads(run("incidents", "list", "--case", "case", "--json").stdout)["incidents"]]


def test_incidents_are_listed_as_the_contract_says(run: Run, case: Path) -> None:
    """``--json`` fits its schema; piped, each incident is one row of cells; filters filter."""
    document = json.loads(run("incidents", "list", "--case", "case", "--json", "--with-lines").stdout)
    Draft202012Validator(schema("incidents-1.json")).validate(document)
    assert [each["severity"] for each in document["incidents"]] == ["high", "medium"]
    assert document["incidents"][1]["lines"] == [{"path": "a.log", "number": 1}, {"path": "a.log", "number": 2}]
    rows = [line.split("\t") for line in run("incidents", "list", "--case", "case").stdout.splitlines()]
    assert [(row[1], row[2], row[6]) for row in rows] == [("high", "open", "1"), ("medium", "open", "2")]
    assert len(run("incidents", "list", "--case", "case", "--min-severity", "high").stdout.splitlines()) == 1
    assert run("incidents", "list", "--case", "case", "--status", "closed").stdout == ""


def test_a_terminal_gets_a_table(run: Run, case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, incidents are a table with a heading; an empty list says so on stderr."""
    monkeypatch.setattr("pollwatch.cli.casebook._is_terminal", lambda: True)
    shown = run("incidents", "list", "--case", "case").stdout.splitlines()
    assert shown[0].split()[:3] == ["id", "prio", "severity"]
    assert [line.split()[:3] for line in shown[1:]] == [
        [each, "5", w] for each, w in zip(_ids(run), ("high", "medium"), strict=True)
    ]
    none = run("incidents", "list", "--case", "case", "--status", "closed")
    assert (none.stdout, none.stderr.strip()) == ("", "No incidents.")


def test_what_people_do_is_on_record(run: Run, case: Path) -> None:
    """Acknowledge, note, close and reopen, each with who and why, by the beginning of an id."""
    incident = _ids(run)[0]
    assert "acknowledged" in run("incidents", "acknowledge", incident[:6], "--case", "case", "--as", "eva").stderr
    run("incidents", "note", incident, "called the hoster", "--case", "case", "--as", "eva")
    run("incidents", "note", incident, "-", "--case", "case", "--as", "joe", stdin="two\nlines\n")
    run("incidents", "close", incident, "--false-positive", "-m", "our robot", "--case", "case", "--as", "eva")
    run("incidents", "reopen", incident, "-m", "it is not", "--case", "case")
    document = json.loads(run("incidents", "show", incident, "--case", "case", "--json").stdout)
    Draft202012Validator(schema("incident-1.json")).validate(document)
    assert [(h["who"], h["kind"], h["status"], h["text"]) for h in document["history"]][:-1] == [
        ("eva", "status", "acknowledged", ""),
        ("eva", "note", "acknowledged", "called the hoster"),
        ("joe", "note", "acknowledged", "two\nlines"),
        ("eva", "status", "false-positive", "our robot"),
    ]
    assert document["history"][-1]["status"] == document["incident"]["status"] == "open"
    page = run("incidents", "show", incident, "--case", "case").stdout
    assert "called the hoster" in page
    assert "a.log:3  bob!" in page


def test_text_that_attackers_wrote_is_inert(run: Run, tmp_path: Path) -> None:
    """Terminal escapes and markup in a log (ANSI injection) show as text in list, page and notes."""
    with open_case(tmp_path / "case") as opened:
        scan(opened, {"a.log": ["\x1b]0;owned\x07[bold red]ann\u202e"]})
        opened.add_note(opened.incidents()[0].id, "\x1b[31meva", "\x1b[2Jgone")
    shown = run("incidents", "list", "--case", "case").stdout + run("incidents", "show", "PW-", "--case", "case").stdout
    assert "[bold red]ann" in shown
    assert not set("\x1b\x07\u202e") & set(shown)


def test_a_wrong_id_names_what_is_near(run: Run, case: Path) -> None:
    """An unknown id is an error on stderr, with nothing on stdout."""
    incident = _ids(run)[0]
    done = run("incidents", "show", incident[:-1] + "x", "--case", "case", code=3)
    assert incident in done.stderr
    assert done.stdout == ""


def test_without_a_case_the_user_is_told_how_to_name_one(run: Run, case: Path) -> None:
    """No --case and no configuration is a usage error; a case in the configuration is used."""
    assert "--case DIR" in run("incidents", "list", code=2).stderr
    assert "pollwatch scan PATH" in run("incidents", "list", "--case", "none", code=3).stderr
    assert len(run("incidents", "list", POLLWATCH_NODE_CASE="case").stdout.splitlines()) == 2


def test_config_show_says_what_counts_and_why(run: Run, tmp_path: Path) -> None:
    """Each setting with its origin; as JSON too."""
    (tmp_path / "pollwatch.toml").write_text('[node]\nname = "alder"\n[[source]]\npath = "x.log"\nformat = "syslog"\n')
    rows = dict(line.split("\t", 1) for line in run("config", "show", "--origin").stdout.splitlines())
    assert rows["node.name"] == f"alder\t{tmp_path}/pollwatch.toml"
    assert rows["node.bloc"] == "\tdefault"
    document = json.loads(run("config", "show", "--json", POLLWATCH_NODE_BLOC="south").stdout)
    assert document["schema"] == "pollwatch.config/1"
    assert {"key": "node.bloc", "value": "south", "origin": "variable POLLWATCH_NODE_BLOC"} in document["settings"]
    assert run("config", "show").stdout.splitlines()[1] == "node.name\talder"


def test_config_check_finds_mistakes(run: Run, tmp_path: Path) -> None:
    """A right file is fine; a wrong key and a wrong format are exit code 6, with the nearest right one."""
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('[[source]]\npath = "x.log"\nformat = "syslog"\n')
    assert "fine" in run("config", "check", "good.toml").stderr
    assert "by default" in run("config", "check").stderr
    bad.write_text("[node]\nbolc = 'x'\n")
    assert "did you mean 'bloc'" in run("config", "check", "bad.toml", code=6).stderr
    bad.write_text('[[source]]\npath = "x.log"\nformat = "sylog"\n')
    assert "'syslog'" in run("config", "check", "bad.toml", code=6).stderr


def test_the_program_itself_lists_a_case(case: Path) -> None:
    """Run as a process of its own, with all warnings as errors: the same rows."""
    command = [sys.executable, "-W", "error", "-m", "pollwatch", "incidents", "list", "--case", case]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=case)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""
