from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from pollwatch import config
from pollwatch.config import load
from pollwatch.config.reference import SETTINGS
from pollwatch.errors import ConfigError

FULL = """
[[election]]
name = "Municipal election"
jurisdiction = "Alder"
zone = "Europe/Amsterdam"
day = 2026-11-03

[[asset]]
name = "results page"
owner = "Alder Commission"
kind = "results"
appears_as = ["results.alder.example", "192.0.2.0/28"]

[[source]]
path = "logs/**/access.log*"
format = "nginx:$remote_addr [$time_local] $request"
zone = "Europe/Amsterdam"

[[source]]
path = "-"
format = "syslog"

[node]
case = "case"
name = "alder"
"""


def _write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pollwatch.toml"
    path.write_text(text)
    return path


def _load(cwd: Path, env: dict[str, str] | None = None, explicit: Path | None = None, **flags: str) -> config.Config:
    named = {key.replace("_", "."): value for key, value in flags.items()}
    return load(cwd, {"HOME": str(cwd / "home")} | (env or {}), explicit, named, system=cwd / "etc")


def test_without_any_file_everything_is_as_by_default(tmp_path: Path) -> None:
    """No configuration is a configuration: nothing set, every origin says so."""
    found = _load(tmp_path)
    assert (found.calendar.elections, found.assets.entries, found.sources, found.files) == ((), (), (), ())
    assert {origin.where for origin in found.origins} == {"default"}
    assert found.reading_of("access.log") == ("", None)


def test_a_full_file_is_read_by_each_station(tmp_path: Path) -> None:
    """Elections, assets, sources and the node, with paths relative to the file."""
    path = _write(tmp_path, FULL)
    found = _load(tmp_path)
    assert [election.name for election in found.calendar.elections] == ["Municipal election"]
    assert [asset.owner for asset in found.assets.entries] == ["Alder Commission"]
    assert (found.node.case, found.node.name, found.node.bloc) == (tmp_path / "case", "alder", "")
    assert {o.key: o.where for o in found.origins}["asset.results page"] == str(path)
    config.check_formats(found)


@pytest.mark.parametrize(
    ("path", "covered"),
    [
        ("logs/access.log", True),
        ("./logs/a/b/access.log.1.gz", True),
        ("logs/error.log", False),
        ("other/access.log", False),
        ("logs/../logs/x/access.log", True),
    ],
)
def test_a_source_covers_what_its_pattern_says(tmp_path: Path, path: str, covered: bool) -> None:  # noqa: FBT001
    """``**`` crosses folders, ``*`` does not, and however the user names a file it is the same file."""
    _write(tmp_path, FULL)
    fmt, zone = _load(tmp_path).reading_of(path)
    assert (fmt.startswith("nginx:"), zone is not None) == (covered, covered)
    assert _load(tmp_path).reading_of("-")[0] == "syslog"


def test_a_star_stays_within_its_folder_and_a_folder_covers_all_below(tmp_path: Path) -> None:
    """The usual shell meaning, classes and literal dots and brackets included."""
    patterns = {
        "/var/log/*.log": ("/var/log/a.log", "/var/log/x/a.log"),
        "/var/log/nginx": ("/var/log/nginx/a/b.log", "/var/log/nginx2/a.log"),
        "/a[!b]?.log": ("/acd.log", "/abd.log"),
        "/x.log": ("/x.log", "/xylog"),
    }
    for pattern, (fits, differs) in patterns.items():
        _write(tmp_path, f'[[source]]\npath = "{pattern}"\nformat = "syslog"')
        found = _load(tmp_path)
        assert found.reading_of(fits)[0] == "syslog", pattern
        assert found.reading_of(differs)[0] == "", pattern


def test_the_nearest_place_wins_and_says_so(tmp_path: Path) -> None:
    """Flag, then environment, then ./pollwatch.toml, then XDG, then the machine's own."""
    system = _write(tmp_path / "etc", '[node]\ncase = "/srv/sys"\nname = "sys"\nbloc = "sys"')
    home = _write(tmp_path / "home" / ".config" / "pollwatch", '[node]\nbloc = "home"\nname = "home"')
    here = _write(tmp_path, '[node]\nname = "here"')

    def node(env: dict[str, str] | None = None, **flags: str) -> dict[str, tuple[str, str]]:
        return {o.key: (o.value, o.where) for o in _load(tmp_path, env, **flags).origins if o.key.startswith("node.")}

    assert node() == {
        "node.name": ("here", str(here)),
        "node.bloc": ("home", str(home)),
        "node.case": ("/srv/sys", str(system)),
        "node.fields": ("ip time user", "default"),
    }
    env = {"POLLWATCH_NODE_NAME": "env", "POLLWATCH_NODE_CASE": "rel"}
    assert node(env)["node.name"] == ("env", "variable POLLWATCH_NODE_NAME")
    assert node(env)["node.case"] == (str(tmp_path / "rel"), "variable POLLWATCH_NODE_CASE")
    assert node(env, node_name="flag")["node.name"] == ("flag", "flag --name")
    xdg = _write(tmp_path / "xdg" / "pollwatch", '[node]\nbloc = "xdg"')
    assert node({"XDG_CONFIG_HOME": str(tmp_path / "xdg")})["node.bloc"] == ("xdg", str(xdg))


def test_fields_are_names_or_none(tmp_path: Path) -> None:
    """What is sealed of each line: words, `none` for none; one that cannot be a name is told with its file."""
    assert _load(tmp_path).node.fields == ("ip", "time", "user")
    for text, names in (("ip, cs-uri", ("ip", "cs-uri")), ("none", ())):
        _write(tmp_path, f'[node]\nfields = "{text}"')
        assert _load(tmp_path).node.fields == names
    for text in ("ip ip", "a/b", "a b c d e f g h i"):
        path = _write(tmp_path, f'[node]\nfields = "{text}"')
        with pytest.raises(ConfigError, match=str(path)):
            _load(tmp_path, {"POLLWATCH_NODE_FIELDS": "ip"})


def test_an_explicit_file_is_the_only_one(tmp_path: Path) -> None:
    """``--config`` and POLLWATCH_CONFIG leave the other files unread; the flag wins over the variable."""
    _write(tmp_path, '[node]\nname = "here"')
    one, two = _write(tmp_path / "one", '[node]\nbloc = "one"'), _write(tmp_path / "two", '[node]\nbloc = "two"')
    assert _load(tmp_path, explicit=one).node == config.NodeSettings(bloc="one")
    assert _load(tmp_path, {"POLLWATCH_CONFIG": str(two)}).files == (two,)
    assert _load(tmp_path, {"POLLWATCH_CONFIG": str(two)}, one).files == (one,)
    with pytest.raises(ConfigError, match="cannot read"):
        _load(tmp_path, explicit=tmp_path / "none.toml")


def test_lists_come_whole_from_the_first_file_that_has_any(tmp_path: Path) -> None:
    """An election of the machine's own file does not mix with those of a nearer file."""
    _write(tmp_path / "etc", FULL)
    _write(tmp_path, '[[election]]\nname = "Other"\nday = 2027-03-17')
    found = _load(tmp_path)
    assert [election.name for election in found.calendar.elections] == ["Other"]
    assert [asset.name for asset in found.assets.entries] == ["results page"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[nodes]\n", r"pollwatch\.toml: nodes is no section; did you mean 'node'\?"),
        ("[node]\ncaes = 'x'", r"\[node\]: caes is no setting; did you mean 'case'\?"),
        ("[node]\nname = 3", "name must be a text, not 3"),
        ("node = 1", r"must be written as \[node\]"),
        ("[election]\nname = 'x'", r"must be written as \[\[election\]\]"),
        ("source = ['x']", r"must be written as \[\[source\]\]"),
        ("[[source]]\nformat = 'syslog'", r"\[\[source\]\] 1: path is missing"),
        ("[[source]]\npath = 'x'\nfromat = 'y'", "fromat is no setting; did you mean 'format'"),
        ("[[source]]\npath = 'x'\nzone = 'Mars/Olympus'", "'Mars/Olympus' is no time zone"),
        ("[[source]]\npath = 'x[z-a]'", "is no pattern"),
        ("[[election]]\nnaem = 'x'", "name is missing"),
        ("[[asset]]\nname = 'x'\nkind = 'portl'\nappears_as = ['x']", "portl"),
        ("[node\n", r"not valid TOML: .*line 1"),
    ],
)
def test_mistakes_name_the_file_the_key_and_the_nearest(tmp_path: Path, text: str, message: str) -> None:
    """Every mistake is a ConfigError (exit code 6) that says where it is and what would be right."""
    path = _write(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as caught:
        _load(tmp_path)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 6


def test_a_mistake_in_a_file_that_is_overridden_shows_too(tmp_path: Path) -> None:
    """What a nearer file hides today may count tomorrow, so it is checked today."""
    _write(tmp_path, FULL)
    _write(tmp_path / "etc", "[[asset]]\nname = 'x'\n")
    with pytest.raises(ConfigError, match="appears_as is missing"):
        _load(tmp_path)


def test_unknown_variables_and_flags_are_mistakes_too(tmp_path: Path) -> None:
    """A misspelt POLLWATCH_NODE_ variable is not silently ignored."""
    with pytest.raises(ConfigError, match="did you mean 'POLLWATCH_NODE_CASE'"):
        _load(tmp_path, {"POLLWATCH_NODE_CAES": "x"})
    with pytest.raises(ConfigError, match=r"did you mean 'node\.case'"):
        _load(tmp_path, node_caes="x")


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    """Saved in another encoding: the message says which byte."""
    _write(tmp_path, "").write_bytes(b"[node]\nname = 'caf\xe9'")
    with pytest.raises(ConfigError, match="not UTF-8"):
        _load(tmp_path)


def test_formats_are_checked_with_their_definitions(tmp_path: Path) -> None:
    """``config check`` finds a format that does not exist before the day that it is needed."""
    _write(tmp_path, '[[source]]\npath = "x"\nformat = "sylog"')
    with pytest.raises(ConfigError, match=r"path '.*x': format: there is no format 'sylog'.*'syslog'"):
        config.check_formats(_load(tmp_path))


def test_every_documented_setting_is_read_and_every_setting_is_documented(tmp_path: Path) -> None:
    """A file of all documented examples loads; each reader's keys are those of the reference page."""
    sections: dict[str, list[str]] = {}
    for setting in SETTINGS:
        if setting.key == "credential":
            continue  # a channel has this or a file
        if setting.key not in {"client_ca", "path", "begin", "units"} or "watch" not in setting.section:
            sections.setdefault(setting.section, []).append(f"{setting.key} = {setting.example}")
    # No source takes all of it: this is one of HTTP.
    sections["[[watch.source]]"] = [each.replace('"syslog-tls"', '"http"') for each in sections["[[watch.source]]"]]
    text = "\n".join("\n".join([section, *lines]) for section, lines in sections.items())
    tomllib.loads(text)
    _write(tmp_path, text)
    assert len(_load(tmp_path).origins) == 21
    for section, named in sections.items():
        if section == "[console.oidc.roles]":
            continue  # its keys are groups at an identity provider
        wrong = text.replace("\n".join([section, *named]), "\n".join([section, *named, "zzzzzz = 1"]))
        _write(tmp_path, wrong)
        with pytest.raises(ConfigError, match="zzzzzz is no setting; use one of: ") as caught:
            _load(tmp_path)
        known = set(str(caught.value).rpartition("use one of: ")[2].split(", "))
        assert known == {line.partition(" = ")[0] for line in named} | (
            {
                "[[election]]": {"phase"},
                "[watch]": {"source"},
                "[console]": {"oidc"},
                "[notify]": {"channel", "person", "step", "shift"},
                "[[notify.channel]]": {"credential", "url"},
                "[console.oidc]": {"roles"},
                "[[watch.source]]": {"client_ca", "path", "begin", "units"},
            }.get(section, set())
        )
        for line in named:
            assert f"| `{line.partition(' = ')[0]}` |" in config.reference()


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ('name = "Web"', "must be of small letters"),
        ('name = "web"', "path is missing"),
        ('name = "a"\nkind = "syslog-tsl"\nlisten = "0.0.0.0:1"', "did you mean 'syslog-tls'"),
        ('name = "a"\nkind = "syslog-udp"', "listen is missing"),
        ('name = "a"\nkind = "syslog-udp"\nlisten = "loghost:514"', "must be ADDRESS:PORT"),
        ('name = "a"\nkind = "syslog-udp"\nlisten = "0.0.0.0:66000"', "port from 0 to 65535"),
        ('name = "a"\nkind = "syslog-tls"\nlisten = "0.0.0.0:6514"', "certificate is missing"),
        ('name = "a"\nkind = "syslog-udp"\nlisten = "[::]:514"\ntoken = "x"', "token does not go with kind"),
        ('name = "a"\nkind = "http"\nlisten = "127.0.0.1:1"', "token is missing"),
        ('name = "a"\nkind = "http"\nlisten = "0.0.0.0:1"\ntoken = "x"', "sent in the clear"),
        ('name = "a"\npath = ["x"]\nsilent_after = "15"', "must be a time such as"),
        ('name = "a"\npath = ["x"]\n[[watch.source]]\nname = "a"\npath = ["y"]', "name of another source too"),
    ],
)
def test_a_source_that_could_not_work_is_refused(tmp_path: Path, lines: str, wrong: str) -> None:
    """A watch that listens nowhere, or takes tokens in the clear, is told of before it starts."""
    _write(tmp_path, f"[[watch.source]]\n{lines}")
    with pytest.raises(ConfigError, match=re.escape(wrong)):
        _load(tmp_path)


def test_sources_of_a_watch_are_read(tmp_path: Path) -> None:
    """What is followed and where receivers listen, with paths relative to the file that says so."""
    _write(
        tmp_path,
        '[watch]\nhealth = "none"\nspool_mib = 64\n[[watch.source]]\nname = "web"\npath = "logs/*.log"\n'
        '[[watch.source]]\nname = "fw"\nkind = "syslog-tcp"\nlisten = "[::1]:601"\nsilent_after = "2h"',
    )
    watch = _load(tmp_path).watch
    web, firewall = watch.sources
    assert (watch.health, watch.spool_bytes, web.paths) == (None, 64 << 20, (f"{tmp_path}/logs/*.log",))
    assert (str(firewall.listen), firewall.silent_after_s, firewall.received) == ("[::1]:601", 7200.0, True)
