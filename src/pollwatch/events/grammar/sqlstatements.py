# ruff: noqa: C901, PLR0912, PLR0915 - one branch per construct of the grammar
"""SQL statements, as they are stacked behind a query of the site's own."""

from __future__ import annotations

from pollwatch.events.grammar import sqlwords as words
from pollwatch.events.grammar.listed import listed
from pollwatch.events.grammar.sqlcursor import No
from pollwatch.events.grammar.sqlqueries import Parser
from pollwatch.events.grammar.sqltokens import CUT, NUMBER, OPEN, STRING, VARIABLE, WORD


def statement(parser: Parser) -> None:
    """One statement, noting in ``parser.met`` what it is.

    Raises:
        No: there is none here.
    """
    word = parser.now.text if parser.now.kind == WORD else parser.now.text if parser.now.text == "(" else ""
    if word in {"select", "with", "values", "("}:
        parser.query() if word != "(" else parser.expression()
        if "items" in parser.met or parser.met & {"call", "from", "constant"} or word == "(":
            parser.met.add("statement")
    elif word in {"insert", "replace"}:
        _insert(parser)
    elif word == "update":
        parser.step()
        parser.name()
        parser.need("set")
        parser.expression()
        while parser.take(","):
            parser.expression()
        if "compare" not in parser.met:
            raise No
        parser.clauses()
        parser.met.add("statement")
    elif word == "delete":
        parser.step()
        parser.need("from")
        parser.name()
        parser.clauses()
        parser.met.add("statement")
    elif word in {"drop", "create", "alter", "truncate", "rename"}:
        _definition(parser)
    elif word in {"exec", "execute"}:
        _execute(parser)
    elif word == "waitfor":
        parser.step()
        if not parser.take("delay", "time"):
            raise No
        if not parser.over:
            if parser.now.kind not in {STRING, OPEN, VARIABLE, NUMBER}:
                raise No
            parser.step()
        parser.met |= {"delay", "statement"}
    elif word == "begin":
        parser.step()
        while not parser.over and not parser.take("end"):
            statement(parser)
            parser.take(";")
    elif word == "if":
        _if(parser)
    elif word == "declare":
        parser.step()
        if parser.now.kind != VARIABLE and not (parser.now.kind == WORD and parser.ahead().kind == WORD):
            raise No
        _rest(parser)
    elif word == "set" and (parser.ahead().kind == VARIABLE or parser.ahead(2).text in {"=", ":="}):
        _rest(parser)
    elif word in {"call", "do", "print", "perform", "kill", "return"}:
        parser.step()
        if parser.expression() == "const" or parser.met & {"call", "constant", "joined", "asked"}:
            parser.met.add("statement")
    elif word in _OTHERS and parser.ahead().text in _OTHERS[word]:
        _rest(parser)
    elif word in {"shutdown", "commit", "rollback"}:
        parser.step()
        if not parser.over and parser.now.text != ";" and not parser.take("with", "nowait"):
            raise No
        parser.met.add("statement")
    else:
        kind = parser.expression()
        if kind not in {"const", "name", "group"}:
            known = parser.met & {"function", "delay", "effect", "conditional"}
            parser.met.add("statement" if known else "compare")


#: Statements told by their second word.
_OTHERS = {
    "load": frozenset({"data", "xml"}),
    "handler": frozenset(["user", "users", "admin"]),
    "grant": listed(
    "all select insert update delete dba connect execute"
),
    "revoke": frozenset(["all", "select", "insert", "update", "delete"]),
    "attach": frozenset({"database"}),
    "bulk": frozenset({"insert"}),
    "backup": frozenset({"database", "log"}),
    "restore": frozenset({"database"}),
    "merge": frozenset({"into"}),
    "copy": frozenset({"(", "cmd_exec"}),
    "lock": frozenset({"tables", "table"}),
    "show": listed(
    "tables databases columns variables grants create processlist"
),
    "describe": frozenset(["user", "users"]),
    "pragma": frozenset(["table_info", "database_list", "user_version"]),
    "reconfigure": frozenset({";", ""}),
    "dbcc": frozenset(["addextendedproc"]),
}  # fmt: skip


def _rest(parser: Parser) -> None:
    """Whatever stands up to the next semicolon."""
    while not parser.over and parser.now.text != ";":
        parser.step()
    parser.met.add("statement")


def _insert(parser: Parser) -> None:
    parser.step()
    parser.take("ignore", "low_priority", "delayed", "or", "replace")
    parser.take("into")
    if parser.over:
        raise No
    parser.name()
    if parser.now.text == "(":
        parser.expression()
    if parser.is_word("values", "value"):
        parser.step()
        while not parser.over and parser.now.text in {"(", ","}:
            parser.step() if parser.now.text == "," else parser.expression()
    elif parser.is_word("select", "exec", "execute"):
        statement(parser)
    elif parser.take("set"):
        parser.expression()
    elif parser.take("default"):
        parser.need("values")
    else:
        raise No
    parser.met.add("statement")


def _definition(parser: Parser) -> None:
    """DROP, CREATE, ALTER, TRUNCATE."""
    word = parser.step().text
    while parser.take("or", "replace", "temporary", "temp", "unique", "global"):
        pass
    if parser.now.text in words.OBJECTS:
        parser.step()
    elif word != "truncate" and not (word == "drop" and parser.ahead().text == ";" and parser.ahead(2).kind == CUT):
        raise No
    while parser.take("if", "not", "exists"):
        pass
    if parser.over:
        raise No
    parser.name()
    while parser.take(","):
        parser.name()
    if word in {"create", "alter", "rename"}:
        if parser.now.kind == WORD and parser.now.text not in _AFTER_NAME:
            raise No
        while not parser.over and parser.now.text != ";":
            parser.step()
    else:
        parser.take("cascade", "restrict", "purge")
    parser.met.add("statement")


_AFTER_NAME = listed(
    "as add drop rename modify identified with returns return is on for begin select owner set to alter "
    "language like engine from using before after password encoding authorization"
)


def _execute(parser: Parser) -> None:
    parser.step()
    if parser.take("immediate"):
        parser.met.add("function")
        if not parser.over:
            parser.expression()
    elif parser.now.text == "(" and parser.ahead().kind != "end":
        parser.expression()
    else:
        if parser.now.kind == VARIABLE:
            parser.step()
            parser.take("=")
        name = parser.name()
        if name.rpartition(".")[2].startswith(("xp_", "sp_")):
            parser.met.add("effect")
        elif "." not in name and parser.now.kind not in {STRING, OPEN, VARIABLE}:
            raise No
        while not parser.over and parser.now.text != ";":
            parser.step()
    parser.met.add("statement")


def _if(parser: Parser) -> None:
    parser.step()
    if parser.now.text == "(" or parser.is_word("not", "exists"):
        kind = parser.expression()
    else:
        raise No
    parser.met.add("conditional")
    if not parser.over and parser.now.text not in {";", ")"} and kind:
        statement(parser)
    if parser.take("else"):
        statement(parser)
