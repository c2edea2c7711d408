"""The message catalogues: a translation without its placeholders would fail at night, in one language only."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from pollwatch import i18n
from pollwatch.cli.main import VERBS

ROOT = Path(__file__).parents[2]
LANGUAGES = sorted(path.parts[-3] for path in i18n.LOCALES.glob("*/LC_MESSAGES/pollwatch.po"))
#: Languages that are complete; the others were begun with what a clerk sees first.
COMPLETE = ("nl",)
#: New texts may wait for their translator, but not many of them.
TRANSLATED = 0.95
#: What a catalogue begins with: the light, and what nobody may do wrong at night.
FIRST = (
    "Normal",
    "Look now",
    "Call now",
    "Not watching",
    "I am not sure",
    "Whom to call",
    "Do not wipe, restart or clean anything: keep the machine as it is, and keep its logs of the last 90 days.",
    "Take {place} off the network, but leave it switched on.",
    "Call {whom} now, by telephone and not by e-mail, and read this page to them.",
)
#: Options and commands are typed as they stand, in every language.
TYPED = re.compile(rf"(?<![\w-])--[a-z]+|pollwatch (?:{'|'.join(VERBS)})\b|[\w./]+\.(?:toml|tlog-proof)")


@functools.cache
def load(language: str) -> Catalog:
    """The catalogue of a language as its translators write it; nobody changes it."""
    with (i18n.LOCALES / language / "LC_MESSAGES" / "pollwatch.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def pairs(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Each original with each of its translations; plural forms with the plural, whose placeholders are the fuller."""
    for message in texts(catalog):
        if isinstance(message.id, str):
            yield message.id, str(message.string)
        else:
            yield from ((message.id[-1], each) for each in message.string)


def texts(catalog: Catalog) -> list[Message]:
    """The messages without the header, translated ones only."""
    return [message for message in catalog if message.id and filled(message)]


def filled(message: Message) -> bool:
    """Whether every form has its words."""
    return all([message.string] if isinstance(message.string, str) else message.string) and bool(message.string)


def placeholders(text: str) -> list[tuple[str, str, str]]:
    """What ``format`` would fill in: name, conversion and format of each."""
    return sorted((name, conversion or "", spec or "") for _, name, spec, conversion in Formatter().parse(text) if name)


@functools.cache
def collected() -> frozenset[str | tuple[str, ...]]:
    """The texts of code and templates as they are now; plurals as (singular, plural)."""
    methods = [("**.py", "python"), ("**/templates/**.j2", "jinja2")]
    options = {"**/templates/**.j2": {"silent": "false"}}
    return frozenset(each[2] for each in extract_from_dir(ROOT / "src" / "pollwatch", methods, options))


def compiled(language: str, folder: Path) -> None:
    """Compile a catalogue as ``make setup`` does."""
    target = folder / language / "LC_MESSAGES" / "pollwatch.mo"
    target.parent.mkdir(parents=True)
    with target.open("wb") as file:
        write_mo(file, load(language))


@pytest.fixture
def locales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """All catalogues, compiled apart, so that no test depends on what was compiled before."""
    for language in LANGUAGES:
        compiled(language, tmp_path)
    monkeypatch.setattr(i18n, "LOCALES", tmp_path)
    i18n.catalogue.cache_clear()
    yield tmp_path
    i18n.catalogue.cache_clear()


def test_the_languages_are_there() -> None:
    """Without this the other tests could pass over nothing."""
    assert {"nl", "uk", "ro", "fr", "es", "ru"} <= set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_clerk_is_told_the_first_things_in_every_language(language: str) -> None:
    """A catalogue that was only begun has the light's words, and what must not be done to a machine that was hit."""
    catalog = load(language)
    missing = [text for text in FIRST if (message := catalog.get(text)) is None or not filled(message)]
    assert missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_fuzzy(language: str) -> None:
    """A guess of the tools is left out when compiling: it looks translated and is not."""
    assert [message.id for message in load(language) if message.id and message.fuzzy] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_are_those_of_the_original(language: str) -> None:
    """A name that ``format`` does not get is a KeyError in the middle of the night."""
    wrong = [(original, words) for original, words in pairs(load(language))
             if placeholders(original) != placeholders(words)]  # fmt: skip
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_typed_stays_as_it_is(language: str) -> None:
    """A translated option or command would be refused when the reader types it."""
    wrong = [(original, words) for original, words in pairs(load(language))
             if sorted(TYPED.findall(original)) != sorted(TYPED.findall(words))]  # fmt: skip
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_white_space_around_the_text_is_kept(language: str) -> None:
    """Indents and line ends are part of how a text is put together with its neighbours."""
    wrong = [(original, words) for original, words in pairs(load(language))
             if original.count("\n") != words.count("\n") or original.startswith(" ") != words.startswith(" ")
             or original.endswith("\n") != words.endswith("\n")]  # fmt: skip
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_plural_has_all_forms(language: str) -> None:
    """A form too few would say nothing for some numbers."""
    catalog = load(language)
    plurals = [message for message in texts(catalog) if isinstance(message.id, tuple)]
    assert plurals
    assert {len(message.string) for message in plurals} == {catalog.num_plurals}


@pytest.mark.parametrize("language", COMPLETE)
def test_nearly_all_texts_are_translated(language: str) -> None:
    """Texts are collected afresh from code and templates, so that new ones without translation are noticed."""
    catalog = load(language)
    found = collected()
    assert len(found) > 100
    assert any("Skip to the incidents" in text for text in found), "the template is collected as well"
    missing = [text for text in found if (message := catalog.get(key(text))) is None or not filled(message)]
    assert len(missing) <= (1 - TRANSLATED) * len(found), sorted(map(str, missing))


def test_every_text_can_be_collected() -> None:
    """A text inside an f-string, or put together at run time, never reaches the translators."""
    found = {key(text) for text in collected()}
    for path in (ROOT / "src" / "pollwatch").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"_", "ngettext"}:
                text = node.args[0]
                assert not isinstance(text, ast.JoinedStr), f"{path}:{node.lineno}"
                assert not isinstance(text, ast.Constant) or text.value in found, f"{path}:{node.lineno}"


def key(text: str | tuple[str, ...]) -> str:
    """By what a catalogue finds a message: its singular."""
    return text if isinstance(text, str) else text[0]


@pytest.mark.usefixtures("locales")
def test_dutch_is_spoken() -> None:
    """Singular, plural and a plain text come out in Dutch."""
    dutch = i18n.catalogue("nl")
    assert dutch.gettext("Call now") == "Nu bellen"
    assert dutch.ngettext("{n} line", "{n} lines", 1) == "{n} regel"
    assert dutch.ngettext("{n} line", "{n} lines", 0) == "{n} regels"


@pytest.mark.usefixtures("locales")
def test_the_report_names_its_language() -> None:
    """A screen reader speaks a page in the language that its ``lang`` names."""
    assert {language: i18n.catalogue(language).gettext("en") for language in LANGUAGES} == {
        language: language for language in LANGUAGES
    }


@pytest.mark.usefixtures("locales")
@pytest.mark.parametrize(
    ("variable", "value"), [("POLLWATCH_LANGUAGE", "nl"), ("LANGUAGE", "nl"), ("LANG", "nl_NL.UTF-8")]
)
def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """Our own variable and those of every system lead to Dutch."""
    for name in ("POLLWATCH_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    assert i18n._("Call now") == "Nu bellen"


@pytest.mark.usefixtures("locales")
def test_a_language_that_we_do_not_speak_is_english(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown language is no error: the reader gets English."""
    monkeypatch.setenv("POLLWATCH_LANGUAGE", "xx")
    assert i18n._("Call now") == "Call now"
    assert i18n.ngettext("{n} line", "{n} lines", 2) == "{n} lines"
