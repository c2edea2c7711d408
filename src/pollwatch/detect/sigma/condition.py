"""Sigma's conditions: ``selection and not 1 of filter_*``. From text to our tree, in one pass and to a limited depth.

Precedence: ``x of`` binds most, then ``not``, ``and``, ``or``. ``them`` and patterns leave out what begins with ``_``,
unless the pattern does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import translate
from typing import Final

from pollwatch.detect.sigma.plan import And, Leaf, Node, Not, Or
from pollwatch.errors import RuleError

_LONGEST: Final = 65_536
_DEEPEST: Final = 64
#: Tests that one rule may come to, those of a selection counted each time that the condition names it.
MOST_TESTS: Final = 50_000
_TOKEN: Final = re.compile(r"\s*(?:([()])|([\w.*?-]+)|(\S))")
_WORDS: Final = frozenset({"and", "or", "not", "of"})


def parsed(text: str, selections: Mapping[str, Node]) -> Node:
    """A condition over named selections.

    Raises:
        RuleError: it is not understood, names what is not there, or is too large.
    """
    if len(text) > _LONGEST:
        raise RuleError(f"the condition is longer than {_LONGEST} characters")
    return _Parser(text, selections).whole()


def joined(kind: type[And | Or], children: Sequence[Node]) -> Node:
    """Several conditions as one."""
    return children[0] if len(children) == 1 else kind(tuple(children))


def size(node: Node) -> int:
    """How many tests a condition comes to."""
    match node:
        case Leaf():
            return 1
        case Not(child):
            return size(child)
        case And(children) | Or(children):
            return sum(map(size, children))


class _Parser:
    def __init__(self, text: str, selections: Mapping[str, Node]) -> None:
        self._text, self._selections = text, selections
        self._tokens = _tokens(text)
        self._at = 0
        self._sizes: dict[str, int] = {}
        self._tests = 0

    def whole(self) -> Node:
        node = self._or(0)
        if self._at < len(self._tokens):
            raise RuleError(f"the condition goes on with {self._tokens[self._at][:40]!r} where it should end")
        return node

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _took(self, word: str) -> bool:
        if self._next().lower() != word:
            return False
        self._at += 1
        return True

    def _or(self, depth: int) -> Node:
        children = [self._and(depth)]
        while self._took("or"):
            children.append(self._and(depth))
        return joined(Or, children)

    def _and(self, depth: int) -> Node:
        children = [self._not(depth)]
        while self._took("and"):
            children.append(self._not(depth))
        return joined(And, children)

    def _not(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise RuleError(f"the condition is nested more than {_DEEPEST} deep")
        if self._took("not"):
            return Not(self._not(depth + 1))
        if self._took("("):
            inner = self._or(depth + 1)
            if not self._took(")"):
                raise RuleError("the condition opens a bracket that it does not close")
            return inner
        return self._named()

    def _named(self) -> Node:
        word = self._next()
        if not word or word == ")" or word.lower() in _WORDS:
            raise RuleError(f"the condition misses a selection before {word!r}" if word else "the condition breaks off")
        self._at += 1
        if word.lower() in ("1", "any", "all") and self._took("of"):
            pattern = self._next()
            self._at += 1
            names = self._matching(pattern)
            return joined(And if word.lower() == "all" else Or, [self._selection(name) for name in names])
        return self._selection(word)

    def _matching(self, pattern: str) -> list[str]:
        if not pattern or pattern in "()":
            raise RuleError("the condition says 'of' without saying of what")
        fits = re.compile(translate("*" if pattern == "them" else pattern.replace("[", "[[]"))).match
        hidden = pattern.startswith("_")
        names = [name for name in self._selections if fits(name) and (hidden or not name.startswith("_"))]
        if not names:
            raise RuleError(f"the condition names no selection that exists: 'of {pattern[:40]}' without any")
        return names

    def _selection(self, name: str) -> Node:
        node = self._selections.get(name)
        if node is None:
            raise RuleError(f"the condition names {name[:80]!r}, which is not defined; there are {self._known()}")
        if name not in self._sizes:
            self._sizes[name] = size(node)
        self._tests += self._sizes[name]
        if self._tests > MOST_TESTS:
            raise RuleError(f"the rule comes to more than {MOST_TESTS} tests; split it")
        return node

    def _known(self) -> str:
        return ", ".join(list(self._selections)[:8])


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    for bracket, word, other in _TOKEN.findall(text):
        if other == "|":
            raise RuleError("conditions with a pipe (| count() ...) are of old; write a correlation instead")
        if other:
            raise RuleError(f"the condition holds {other!r}, which means nothing there")
        tokens.append(bracket or word)
    return tokens
