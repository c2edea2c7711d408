# ruff: noqa: C901, PLR0911 - one branch per construct of the grammar
"""A recogniser of SQL expressions, tolerant of dialects and of where a text was cut off.

It builds no tree. It moves over tokens, and notes on the way what it met (``met``): that, and how far it came, is what
a judgement needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from pollwatch.events.grammar import sqlwords as words
from pollwatch.events.grammar.listed import listed
from pollwatch.events.grammar.sqlcursor import DEEPEST, Cursor, No
from pollwatch.events.grammar.sqltokens import NUMBER, OPEN, PUNCT, STRING, VARIABLE, WORD, Token

SET_OPERATORS = frozenset({"union", "except", "intersect", "minus"})
SELECT_LIKE = frozenset({"select", "values", "with", "table"})
_ARGUMENT_WORDS = listed("as from for using separator order by in asc desc with at time zone")


class Expressions(Cursor, ABC):
    """Expressions; what a query is, the class below knows."""

    @abstractmethod
    def query(self) -> None:
        """A query."""

    @abstractmethod
    def set_operation(self) -> None:
        """UNION and its like."""

    def expression(self) -> str:
        """An expression; says of what kind: const, name, call, query, case, compare, logic, sum or list."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise No
        kind = self.operand()
        while not self.over:
            following = self.operation(kind)
            if following is None:
                break
            kind = following
        self.depth -= 1
        return kind

    def operation(self, left: str) -> str | None:
        """An operator and what stands on its right; None where no operator follows."""
        if self.now.kind not in {WORD, PUNCT}:
            return None
        text = self.now.text
        if text == "not" and self.ahead().text in words.COMPARE:
            self.step()
            text = self.now.text
        if text in {"isnull", "notnull"}:
            self.step()
            return self._compared(left, "const")
        if text in words.LOGIC and text != "||":
            self.step()
            right = "" if self.over else self.expression()
            if right in {"call", "query", "case", "compare"} or left in {"compare", "call", "query"}:
                self.met.add("logic")
            return "logic"
        if text in words.COMPARE and (text != "?" or self.ahead().kind in {STRING, OPEN}):
            return self._comparison(left, text)
        if text in words.ARITHMETIC:
            self.step()
            if text == "||":
                self.met.add("joined")
            right = "" if self.over else self.operand()
            if "call" in {left, right} or "query" in {left, right}:
                return "call"
            return "const" if left == right == "const" else "sum"
        if text in {"::", "collate"}:
            self.step()
            self._type()
            return "cast"
        if text == "escape":
            self.step()
            self.operand()
            return left
        return None

    def _comparison(self, left: str, text: str) -> str:
        self.step()
        if text == "is":
            self.take("not")
            self.take("distinct") and self.take("from")
        elif text in {"similar", "sounds"}:
            self.need("to", "like")
        elif text == "in" and not self.over and self.now.text != "(":
            raise No
        elif text == "between":
            self.take("symmetric")
            self.operand()
            self.need("and")
        # ``= any (select ...)`` and the like are prefixes of the operand.
        right = "" if self.over else self.operand()
        while not self.over and self.now.kind == PUNCT and self.now.text in words.ARITHMETIC:
            self.step()
            right = "" if self.over else self.operand()
        return self._compared(left, right)

    def _compared(self, left: str, right: str) -> str:
        sides = {left, right}
        if sides <= {"const", "list"} or (left == "const" and right == ""):
            self.met.add("constant")
        if sides & {"call", "query", "case"}:
            self.met.add("asked")
        self.met.add("compare")
        return "compare"

    def operand(self) -> str:
        """One value, with what stands before and behind it."""
        while self.now.kind in {WORD, PUNCT} and self.now.text in words.PREFIX:
            if self.now.text == "exists" and self.ahead().text != "(":
                raise No
            self.step()
            if self.over:
                return "const"
        token = self.now
        if token.kind in {NUMBER, STRING, OPEN}:
            self.step()
            kind = "const"
            while self.now.kind in {STRING, OPEN} and token.kind == STRING:
                self.step()  # strings that follow one another are one
        elif token.kind == VARIABLE:
            self.step()
            if token.text.startswith("@@"):
                self.met.add("function")
            kind = "name"
        elif token.kind == WORD:
            kind = self._word()
        elif token.kind == PUNCT and token.text in {"(", "{"}:
            kind = self.group(token.text)
        elif token.kind == PUNCT and token.text in {"?", ":", "$"} and self.ahead().kind in {WORD, NUMBER}:
            self.step()
            self.step()
            kind = "name"
        else:
            raise No
        return self._behind(kind)

    def _behind(self, kind: str) -> str:
        while self.now.kind in {PUNCT, WORD}:
            if self.now.text == "::":
                self.step()
                self._type()
            elif self.now.text == "[" and kind in {"name", "call", "group"}:
                self.step()
                self.expression()
                self.need("]")
            elif self.now.text == "over" and self.ahead().text == "(":
                self.step()
                self.skip_group()
            else:
                break
        return kind

    def group(self, opening: str) -> str:
        """A parenthesis: a query, or expressions."""
        self.step()
        if opening == "{":
            self.step()  # {d '2026-01-01'}, {fn now()}, {x 1}
            kind = self.expression()
            self.need("}")
            return kind
        if self.over:
            return "group"
        if self.is_word(*SELECT_LIKE) and self.now.text != "table":
            self.query()
            self.need(")")
            if self.met & {"items", "from"}:
                self.met.add("queried")
            return "query"
        kind = self.expression()
        while self.take(","):
            kind = "list"
            if not self.over:
                self.expression()
        if self.is_word(*SET_OPERATORS):
            self.set_operation()
        self.need(")")
        return "group" if kind == "name" else kind

    def _word(self) -> str:
        """A constant, name, call or CASE."""
        text = self.now.text
        if text == "case":
            return self._case()
        if text in words.CONSTANTS and self.ahead().text not in {"(", "."}:
            self.step()
            return "const"
        if text in {"interval", "date", "timestamp", "time"} and self.ahead().kind in {STRING, NUMBER}:
            self.step()
            self.operand()
            if self.now.kind == WORD and self.now.text in {"second", "minute", "hour", "day", "month", "year"}:
                self.step()
            return "const"
        if self.ahead().kind in {STRING, OPEN} and (text in {"n", "x", "b", "e", "q"} or text.startswith("_")):
            self.step()
            self.step()
            return "const"
        if text == "array" and self.ahead().text == "[":
            self.step()
            self.step()
            while not self.over and not self.take("]"):
                self.expression()
                self.take(",")
            return "const"
        if text in words.RESERVED and not (self.ahead().text == "(" and text in {"left", "right", "insert", "values"}):
            raise No
        name = self.name()
        if self.now.text == "(" and self.now.kind == PUNCT:
            return self.call(name)
        return "name"

    def name(self) -> str:
        """A name with its owners; notes those of the database's own tables."""
        if self.now.kind == PUNCT and self.now.text == "[":
            self.step()
            text = self.step().text
            self.need("]")
        elif self.now.kind in {WORD, STRING}:
            text = self.step().text
            if text in words.STOP:
                raise No
        else:
            raise No
        parts = [text]
        while self.now.kind == PUNCT and self.now.text in {".", ".."} and self.ahead().kind in {WORD, PUNCT, NUMBER}:
            self.step()
            if self.now.kind == PUNCT and self.now.text not in {"*", "["}:
                raise No
            parts.append(self.step().text)
        if words.SOURCES & set(parts) or (len(parts) > 1 and parts[1] in words.OWNERS.get(parts[0], ())):
            self.met.add("schema")
        return ".".join(parts)

    def call(self, name: str) -> str:
        """The arguments of a function, and what calling it means."""
        self.step()
        last = name.rpartition(".")[2]
        begun, before = self.at, set(self.met)
        while not self.over and not self.take(")"):
            self._argument()
        arguments = [token for token in self.tokens[begun : self.at] if token.text != ")"]
        if name in words.DELAYS:
            self._delay(name, arguments, self.met - before)
        elif name in words.EFFECTS or last in words.EFFECTS:
            self.met.add("effect")
        elif name in words.USUAL and (arguments or name in words.WITHOUT_ARGUMENTS):
            self.met.add("function")
        if last in {"if", "iif", "elt", "make_set", "decode", "nullif", "nvl2"}:
            self.met.add("conditional")
        self.met.add("call")
        return "call"

    def _delay(self, name: str, arguments: Sequence[Token], met: set[str]) -> None:
        """A call that waits has a number of seconds or of turns; ``sleep (better)`` has a word."""
        if name == "benchmark" and not any(token.text == "," for token in arguments):
            return
        if met or any(token.kind in {NUMBER, STRING, VARIABLE} or token.text == "(" for token in arguments):
            self.met.add("delay")

    def _argument(self) -> None:
        """One argument, or a word between arguments as CAST, TRIM, SUBSTRING and aggregates have them."""
        if self.take(",", "*", "both", "leading", "trailing", *_ARGUMENT_WORDS):
            return
        if self.is_word(*SELECT_LIKE):
            self.query()
            return
        self.expression()

    def _case(self) -> str:
        self.step()
        if not self.is_word("when"):
            self.expression()
        if not self.is_word("when"):
            raise No
        while self.take("when"):
            self.expression()
            self.need("then")
            if not self.over:
                self.expression()
        if self.take("else"):
            self.expression()
        self.need("end")
        self.met.add("conditional")
        return "case"

    def _type(self) -> None:
        if self.now.kind not in {WORD, STRING}:
            raise No
        if self.step().text in words.TYPES:
            self.met.add("cast")
            self.take("precision", "varying")
        if self.now.text == "(":
            self.skip_group()
        if self.take("["):
            self.need("]")

    def skip_group(self) -> None:
        """A parenthesis, whatever is in it."""
        depth = 0
        while not self.over:
            depth += (self.now.text == "(") - (self.now.text == ")")
            self.step()
            if depth == 0:
                return
