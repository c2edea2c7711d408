"""What a rule file may hold at most, looked at before anything expands it: rules come from strangers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml
from sigma.rule.base import SigmaYAMLLoader

from pollwatch.errors import RuleError

#: Values in one document, those behind a YAML alias counted each time that it stands there.
MOST_VALUES: Final = 50_000
#: A text so short can neither hold too many nor be nested too deep to be read.
_SHORT: Final = 8_192
_DEEPEST: Final = 32
_LONGEST_TEXT: Final = 262_144
#: ``windash`` tries five signs for each dash.
_MOST_DASHES: Final = 5
#: ``base64offset`` and windash make several values of each; so many come of one list.
_MOST_EXPANDED: Final = 50_000
#: Regular expressions in one document: each takes a tenth of a millisecond to compile.
_MOST_REGEXES: Final = 5_000
_DASH: Final = re.compile(r"\B[-/]\b")
_DASHES: Final = 5
_PLACEHOLDER: Final = re.compile(r"(?<!\\)%([^%]+)%")


def documents(text: str) -> list[Any]:
    """The YAML documents of a file.

    Raises:
        RuleError: they hold more than they may.
        yaml.YAMLError: they are none.
    """
    if len(text) > _SHORT:
        depth = 0
        for number, event in enumerate(yaml.parse(text, Loader=SigmaYAMLLoader)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:  # what is nested deeply takes the square of its depth to read on
                raise RuleError(f"is nested more than {_DEEPEST} deep")
            if number > 2 * MOST_VALUES:
                raise RuleError(f"holds more than {MOST_VALUES} values; split it")
    found = list(yaml.load_all(text, SigmaYAMLLoader))
    for each in found:
        check(each)
    return found


def check(document: object) -> None:
    """Refuse a document that would take too much time or memory to understand.

    Raises:
        RuleError: it does.
    """
    left = [(document, 0)]
    seen = expanded = regexes = 0
    while left:
        value, depth = left.pop()
        seen += 1
        if depth > _DEEPEST:
            raise RuleError(f"is nested more than {_DEEPEST} deep")
        if seen > MOST_VALUES:
            raise RuleError(f"holds more than {MOST_VALUES} values, counting what YAML aliases repeat; split it")
        if isinstance(value, dict):
            left += [(each, depth + 1) for each in value.values()]
            regexes += sum(_regexes(key, each) for key, each in value.items() if isinstance(key, str))
            if regexes > _MOST_REGEXES:
                raise RuleError(f"holds more than {_MOST_REGEXES} regular expressions; split it")
            expanded += sum(_expanded(key, each) for key, each in value.items() if isinstance(key, str))
            if expanded > _MOST_EXPANDED:
                raise RuleError(f"comes to more than {_MOST_EXPANDED} values once 'windash' has made its variants")
        elif isinstance(value, list | tuple | set):
            left += [(each, depth + 1) for each in value]
        elif isinstance(value, str) and len(value) > _LONGEST_TEXT:
            raise RuleError(f"holds a text longer than {_LONGEST_TEXT} characters")


def _regexes(key: str, value: object) -> int:
    return (len(value) if isinstance(value, list) else 1) if "re" in key.split("|")[1:] else 0


def _expanded(key: str, value: object) -> int:
    """How many values ``windash`` makes of those under a key."""
    if "windash" not in key.split("|")[1:]:
        return 0
    total = 0
    texts: list[object] = value if isinstance(value, list) else [value]
    for text in texts:
        dashes = len(_DASH.findall(text)) if isinstance(text, str) else 0
        if dashes > _MOST_DASHES:
            raise RuleError(
                f"holds {str(text)[:60]!r} with {dashes} dashes under 'windash', which are {_DASHES}^{dashes} texts"
            )
        total += _DASHES**dashes
    return total


def filled_in(document: Any, values: Mapping[str, tuple[str, ...]]) -> Any:  # noqa: ANN401 - whatever YAML holds
    """A document with values for the placeholders of ``expand``; those that nobody gave values for stay."""
    if isinstance(document, dict):
        filled = (_item(key, value, values) for key, value in document.items())
        return dict(filled)
    return [filled_in(each, values) for each in document] if isinstance(document, list) else document


def _item(key: Any, value: Any, values: Mapping[str, tuple[str, ...]]) -> tuple[Any, Any]:  # noqa: ANN401 - the same
    field, *modifiers = key.split("|") if isinstance(key, str) else [key]
    if "expand" not in modifiers:
        return key, filled_in(value, values)
    texts = value if isinstance(value, list) else [value]
    names = {name for text in texts if isinstance(text, str) for name in _PLACEHOLDER.findall(text)}
    if not names <= values.keys():
        return key, value
    literal = "re" in modifiers
    filled = [each for text in texts for each in _texts(text, values, literal=literal)]
    left = [modifier for modifier in modifiers if modifier != "expand"]
    return "|".join([field, *left]), filled


def _texts(text: Any, values: Mapping[str, tuple[str, ...]], *, literal: bool) -> Iterable[Any]:  # noqa: ANN401 - the same
    """A text once for each value of its placeholders; within a regular expression a value stands for itself."""
    if not isinstance(text, str):
        return [text]
    found = _PLACEHOLDER.search(text)
    if found is None:
        return [text.replace("\\%", "%")]
    rest = list(_texts(text[found.end() :], values, literal=literal))
    if len(rest) * len(values[found[1]]) > MOST_VALUES:
        raise RuleError(f"comes to more than {MOST_VALUES} values once placeholders are filled in")
    front = text[: found.start()].replace("\\%", "%")
    chosen = [re.escape(value) for value in values[found[1]]] if literal else values[found[1]]
    return [front + value + each for value in chosen for each in rest]
