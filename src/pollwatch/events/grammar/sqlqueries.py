# ruff: noqa: PLR0912 - one branch per construct of the grammar
"""A recogniser of SQL queries and of their clauses."""

from __future__ import annotations

from collections.abc import Callable

from pollwatch.events.grammar import sqlwords as words
from pollwatch.events.grammar.listed import listed
from pollwatch.events.grammar.sqlcursor import DEEPEST, No
from pollwatch.events.grammar.sqlparser import SELECT_LIKE, SET_OPERATORS, Expressions
from pollwatch.events.grammar.sqltokens import CUT, NUMBER, OPEN, PUNCT, STRING, VARIABLE, WORD

_AFTER_FROM = listed("where group order having limit union except intersect minus procedure into offset fetch for")
#: Words that are no alias, since the query goes on with them.
_NO_ALIAS = words.RESERVED | _AFTER_FROM | SET_OPERATORS | words.LOGIC | words.COMPARE


class Parser(Expressions):
    """Expressions and queries."""

    def query(self) -> None:
        """SELECT, VALUES or WITH, up to where it ends."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise No
        if self.take("with"):
            self.take("recursive")
            self.name()
            if self.now.text == "(":
                self.skip_group()
            self.need("as")
            self.skip_group()
        if self.take("values"):
            self.need("(", "row")
            self.at -= self.at > 0 and self.tokens[self.at - 1].text in {"(", "row"}
            self._list(self.expression)
            self.met.add("items")
        elif self.take("table"):
            self.name()
        else:
            self._select()
        while self.is_word(*SET_OPERATORS):
            self.set_operation()
        self.depth -= 1

    def _select(self) -> None:
        self.need("select")
        while self.take("all", "distinct", "distinctrow", "sql_no_cache", "sql_calc_found_rows", "straight_join"):
            pass
        if self.is_word("top", "first", "skip") and self.ahead().kind in {NUMBER, PUNCT}:
            self.step()
            self.operand()
            self.take("percent")
        if self.over:
            return
        begun = self.at
        self._list(self._item)
        if any(token.kind != WORD for token in self.tokens[begun : self.at]) or self.met & {"call", "schema"}:
            self.met.add("items")
        if self.take("into"):
            self._into()
        if self.take("from"):
            self._list(self._table)
            self.met.add("from")
        self.clauses()

    def _item(self) -> None:
        if self.take("*"):
            return
        self.expression()
        if self.take("as"):
            self.name()
        elif self.now.kind == WORD and self.now.text not in _NO_ALIAS:
            self.name()  # an alias without AS

    def _table(self) -> None:
        if self.now.text == "(" and self.now.kind == PUNCT:
            self.group("(")
        elif not self.over:
            name = self.name()
            if self.now.text == "(" and self.now.kind == PUNCT:
                self.call(name)
        self.take("as")
        if self.now.kind == WORD and self.now.text not in _NO_ALIAS:
            self.name()
            if self.now.text == "(" and self.now.kind == PUNCT:
                self.skip_group()
        while self.is_word("join", "inner", "left", "right", "full", "cross", "natural", "outer"):
            self.step()
            while self.take("join", "inner", "outer", "left", "right"):
                pass
            self._table()
            if self.take("on"):
                self.expression()
            elif self.take("using"):
                self.skip_group()

    def _list(self, part: Callable[[], object]) -> None:
        part()
        while self.take(","):
            if self.over:
                return
            part()

    def _into(self) -> None:
        if self.take("outfile", "dumpfile"):
            self.met.add("effect")
        if self.now.kind in {STRING, OPEN, VARIABLE}:
            self.step()
        elif not self.over:
            self.name()

    def set_operation(self) -> None:
        """UNION and its like, with the query that follows."""
        self.step()
        self.take("all", "distinct", "distinctrow")
        depth = 0
        while self.take("("):
            depth += 1
        self.take("all", "distinct", "distinctrow")
        if self.over or not self.is_word(*SELECT_LIKE):
            raise No
        self.query()
        if self.met & {"items", "from"} or self.now.kind == CUT:
            self.met.add("union")
        while depth and self.take(")"):
            depth -= 1

    def clauses(self) -> bool:
        """WHERE, GROUP BY, HAVING, ORDER BY, LIMIT and the like; whether there was one."""
        begun = self.at
        while not self.over and self._clause():
            pass
        return self.at > begun

    def _clause(self) -> bool:  # noqa: C901 - one branch per clause
        word = self.now.text if self.now.kind == WORD else ""
        if word in {"where", "having", "rlike", "regexp"}:
            self.step()
            if not self.over:
                kind = self.expression()
                if word == "having" and kind in {"compare", "logic", "call"}:
                    self.met.add("clause")
        elif word in {"order", "group"} and self.ahead().text == "by":
            self.step()
            self.step()
            if not self.over:
                if self.now.kind == NUMBER:
                    self.met.add("ordinal")
                self._list(self.expression)
            while self.take("asc", "desc", "nulls", "first", "last", "with", "rollup"):
                pass
        elif word in {"limit", "offset", "fetch"}:
            self.step()
            self.take("first", "next")
            if not self.over:
                self._list(self.operand)
            while self.take("rows", "row", "only"):
                pass
        elif word == "procedure":
            self.step()
            self.need("analyse")
            self.met.add("effect")
            if self.now.text == "(":
                self.expression()
        elif word == "into":
            self.step()
            self._into()
            while self.take("lines", "fields", "terminated", "starting", "enclosed", "by", "character", "set"):
                if self.now.kind in {STRING, OPEN}:
                    self.step()
        elif word == "for" and self.ahead().text in {"xml", "json", "update", "browse"}:
            self.step()
            self.step()
            self.take("path", "auto", "raw")
            if self.now.text == "(":
                self.skip_group()
        else:
            return False
        return True
