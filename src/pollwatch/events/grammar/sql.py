# ruff: noqa: C901, PLR0911, PLR0912 - one way out per way that a text can be SQL
"""Whether a text is SQL: a fragment that continues a query in which a site has put it.

A site's query is ``... where id = VALUE`` or ``... = 'VALUE'`` or ``... in ((VALUE))``. So a text is tried as the rest
of an expression, as the rest of a string in either quote, and behind closing parentheses. What follows must parse to
its end, or to a comment that cuts off the site's own rest, and must ask something: a comparison of constants, a call, a
query. Words alone ask nothing: ``1 or 2``, ``O'Neil`` and ``select a union`` are not SQL.
"""

from __future__ import annotations

import contextlib
import re

from pollwatch.events.grammar import sqlwords as words
from pollwatch.events.grammar.listed import listed
from pollwatch.events.grammar.sqlcursor import FUEL, No
from pollwatch.events.grammar.sqlqueries import Parser
from pollwatch.events.grammar.sqlstatements import statement
from pollwatch.events.grammar.sqltokens import CUT, NUMBER, OPEN, PUNCT, STRING, VARIABLE, WORD, Token, tokens

#: What is worth telling of what a parser meets, and as what.
_TOLD = {
    "union": "union",
    "delay": "delay",
    "effect": "function",
    "function": "function",
    "conditional": "conditional",
    "schema": "schema",
    "statement": "statement",
    "glued": "disguise",
}
#: Meeting one of these says that a continuation asks the database something.
_ASKS = listed("queried constant asked logic union delay effect conditional schema statement call ordinal clause cast")
_COMMENT_WORDS = 2
#: So many kinds say enough; what is left of a text is not looked through for more.
_ENOUGH = 3
#: What automatic tests break a query with: quotes and brackets in a heap.
_HEAP = re.compile(r"^[\w\s.-]{0,24}(?=[(),.'\"]*['\"])[(),.'\"]{6,}$|['\"]<['\"]+>|^\w{0,12}['\"][,.()'\"]{3,}$")
_QUICK = re.compile(
    r"['\"`;=<>()|@#]|--|::|/\*|&&|\b(?:select|union|and|or|xor|order|group|having|limit|like|between|"
    r"waitfor|where|exec\w*|drop|information_schema|pg_catalog|sqlite_master)\b"
)


def kinds(text: str) -> frozenset[str]:
    """What of SQL a text is.

    One of: logic, union, statement, delay, function, conditional, schema, clause, cut, probe, disguise.

    Args:
        text: decoded; case is ignored.
    """
    text = re.sub(r"\\(['\"$])", r"\1", text.lower()).strip()
    if not _QUICK.search(text):
        return frozenset()
    found = _kinds(text)
    for pattern, plain in () if found else _DISGUISES:
        other = pattern.sub(plain, text)
        if other != text and (found := _kinds(other)):
            return frozenset(found | {"disguise"})
    return frozenset(found)


#: What filters and some servers take away, or take for something else, so that words fall apart for who looks on.
_DISGUISES = (
    (re.compile(r"(?<=\w)/\*[^*]{0,40}\*/(?=\w)"), ""),
    (re.compile(r"(?<=[\s\w.])1\.e(?=[\s(),.*])"), " "),
    (re.compile(r"\$\w{0,20}\$"), "'"),
)


def _kinds(text: str) -> set[str]:
    found = _bare(tokens(text))
    for quote in "'\"`":
        if quote in text:
            inner = tokens(text.replace("`", "'"), "'") if quote == "`" else tokens(text, quote)
            found |= _quoted(inner, text.partition(quote)[0])
    if _HEAP.search(text):
        found |= {"probe"}
    return found


def _told(parser: Parser) -> set[str]:
    found = {_TOLD[each] for each in parser.met if each in _TOLD}
    if parser.met & {"constant", "logic", "asked"}:
        found.add("logic")
    if parser.met & {"ordinal", "clause"}:
        found.add("clause")
    return found


def _bare(given: list[Token]) -> set[str]:
    """As the rest of an expression, or a whole statement; else islands of SQL in other text."""
    parser = Parser(given)
    try:
        if _alone(parser):
            return _told(parser) or {"logic"}
    except No:
        pass
    return _islands(given)


def _alone(parser: Parser) -> bool:
    first = parser.now
    if first.kind == WORD and first.text in _VERBS and parser.ahead().kind in {WORD, PUNCT, VARIABLE, NUMBER, STRING}:
        statement(parser)
        continued = _continued(parser)
        cut = parser.now.kind == CUT
        whole = parser.met & {
            "glued",
            "schema",
            "union",
            "delay",
            "effect",
            "constant",
            "conditional",
            "call",
            "function",
        }
        marked = cut or continued or any(token.text in {";", "=", "*", "(", "'"} for token in parser.tokens)
        if parser.over and "statement" in parser.met and (whole or marked):
            return True
        parser.at = 0
        parser.met.clear()
    begins = _closes(parser) or first.text in _CONTINUES
    kind = "" if begins else parser.expression()
    continued = _continued(parser)
    if not parser.over:
        return False
    cut = parser.now.kind == CUT
    met = parser.met
    if met & {"union", "delay", "effect", "schema", "conditional", "glued", "clause", "cast"}:
        return True
    if "ordinal" in met and (kind != "name" or cut):
        return True
    if continued and met & (_ASKS - {"call", "ordinal"}):
        return True
    if cut and first.kind == NUMBER and kind == "const":
        return parser.now.text.startswith("--") and _short_comment(parser)
    if begins and (cut or (first.text == ")" and "compare" in met)):
        return continued
    if kind == "sum" and first.text == "(" and "constant" in met:
        return True  # (1=1)*2
    if kind == "logic":
        return bool(met & {"function", "queried"}) or ("constant" in met and bool(met & {"logic"} or cut))
    if first.kind == VARIABLE and "function" in met:
        return True
    if kind == "compare":
        return _same(parser) or bool(met & {"asked"} and met & {"function"})
    return kind == "call" and "function" in met and not _formula(parser)


_VERBS = listed(
    "select insert update delete drop create alter truncate exec execute waitfor begin if declare set call do "
    "print load grant revoke merge attach bulk backup shutdown with replace handler copy"
)


#: Words and signs with which a text goes on from a value of the site's own.
_CONTINUES = listed("; union except intersect minus and or xor && || in order group having limit procedure into")


def _formula(parser: Parser) -> bool:
    """Calls as in mathematics and spreadsheets: of functions that these have, too."""
    called = {
        a.text for a, b in zip(parser.tokens, parser.tokens[1:], strict=False) if a.kind == WORD and b.text == "("
    }
    return called <= words.MATHEMATICS


#: Functions that answer one thing or another.
_BRANCHES = listed("elt make_set iif if nullif")


def _same(parser: Parser) -> bool:
    """``1=1``, ``'a'='a'``: a comparison of two equal constants and nothing else."""
    texts = parser.tokens
    if sum(token.kind == STRING for token in texts) > 1 and sum(token.text in words.COMPARE for token in texts) > 1:
        return "constant" in parser.met
    return (
        len(texts) - (parser.now.kind == CUT) == 3
        and texts[0].kind in {NUMBER, STRING}
        and (texts[0].text == texts[2].text) == (texts[1].text not in {"!=", "<>"})
        and texts[1].text in {"=", "<=>", "like", "!=", "<>"}
    )


def _closes(parser: Parser) -> bool:
    """Closing parentheses of the site's query; whether there were any."""
    begun = parser.at
    while parser.now.kind == PUNCT and parser.now.text == ")":
        parser.step()
    return parser.at > begun


def _continued(parser: Parser) -> bool:
    """All that may follow a value in a query, as far as it goes; whether anything did."""
    begun = parser.at
    while not parser.over:
        here = parser.at
        closed = _closes(parser)
        text = parser.now.text if parser.now.kind in {WORD, PUNCT} else ""
        if text == ";":
            parser.step()
            if not parser.over:
                statement(parser)
                parser.met.add("stacked")
        elif text in {"union", "except", "intersect", "minus"}:
            parser.set_operation()
        elif text == "in" and parser.ahead().text == "boolean" and parser.ahead(2).text == "mode":
            parser.at += 3
        elif text == ",":
            parser.step()
            if not parser.over:
                parser.expression()
        elif text in words.LOGIC | words.COMPARE | words.ARITHMETIC | {"not", "::"}:
            _operators(parser)
        elif text == "as" or (closed and parser.now.kind == WORD and parser.ahead().text == "where"):
            parser.take("as")
            parser.name()
        elif text in {"asc", "desc", "escape", "end"}:
            parser.step()
        elif text in {"waitfor", "declare", "exec"} or (
            # a quote behind the word closes what was opened in front of it: 'select'
            text in _VERBS and parser.tokens[0].kind != WORD and parser.ahead().kind != OPEN
        ):
            statement(parser)
        elif not parser.clauses() and not closed:
            break
        if parser.at == here:
            break
    return parser.at > begun


def _operators(parser: Parser) -> None:
    """Operators with what they apply to, the value itself standing on the left."""
    kind: str | None = "const"
    while kind is not None and not parser.over:
        kind = parser.operation(kind)


def _quoted(given: list[Token], before: str) -> set[str]:
    """As the rest of a string."""
    if not given or given[0].kind == OPEN:
        return set()
    parser = Parser(given, 1)
    try:
        continued = _continued(parser)
    except No:
        return _islands(given)
    if not parser.over:
        return _islands(given)
    met, cut = parser.met, parser.now.kind == CUT
    found = _told(parser)
    if cut and _short_comment(parser) and (not _prose(before) or found or parser.at > 1):
        return found | {"cut"}
    if not continued:
        return set()
    if given[-1].text == ";" and parser.at == 2 and not _prose(before):
        return {"cut"}
    if met & (_ASKS - {"constant", "cast"}) or ("constant" in met and parser.at > 2):
        return found or {"logic"}
    if "joined" in met and len(given) > 2:
        return {"logic"}
    if _operands_only(parser, before):
        return {"logic"}
    return set()


def _operands_only(parser: Parser, before: str) -> bool:
    """``' or 1``, ``'or'x``: a condition that is one constant; heights like ``5' or 6`` apart."""
    rest = parser.tokens[1:]
    if len(rest) < 2 or rest[0].text not in words.LOGIC or _prose(before):
        return False
    last = rest[-1]
    if last.kind == NUMBER or last.text in {"true", "false", "null"}:
        return not before.strip().isdigit()
    return last.kind == OPEN and len(rest) == 2


def _prose(text: str) -> bool:
    """Two words or more."""
    return len(text.split()) > _COMMENT_WORDS - 1


def _short_comment(parser: Parser) -> bool:
    """What a cut leaves behind is no sentence."""
    behind = parser.now.text.lstrip("-#*/ \t+")
    if behind[:1].isdigit():
        return False
    return len(behind.split()) < _COMMENT_WORDS or not re.fullmatch(r"[\w\s,.'!?-]*", behind)


def _islands(given: list[Token]) -> set[str]:
    """Pieces of SQL that no honest text has, wherever they stand."""
    found: set[str] = set()
    fuel = FUEL
    for at, token in enumerate(given):
        if token.kind not in {WORD, PUNCT, VARIABLE}:
            continue
        parser = Parser(given, at, fuel)
        with contextlib.suppress(No):
            found |= _island(parser, given[at - 1].text if at else "") or set()
        fuel = parser.fuel
        if fuel < 0 or len(found) > _ENOUGH:
            break
    return found


def _island(parser: Parser, before: str) -> set[str] | None:
    token, following = parser.now, parser.ahead().text
    if token.text in _ISLANDS:
        return _ISLANDS[token.text](parser)
    if token.kind == VARIABLE:
        return {"function"} if token.text.startswith("@@") else None
    if token.text in words.SOURCES or token.text in words.OWNERS:
        parser.name()
        owned = parser.ahead(-1).text != token.text
        return {"schema"} if "schema" in parser.met and ("_" in token.text or owned) else None
    if token.kind != WORD or following not in {"(", "."}:
        return None
    if following == "." or token.text in words.DELAYS | words.EFFECTS:
        parser.operand()
        return {_TOLD[each] for each in parser.met & {"delay", "effect"}} or None
    if token.text in _BRANCHES:
        parser.operand()
        return {"conditional"} if "constant" in parser.met else None
    if token.text in words.USUAL - words.MATHEMATICS and before in {"=", ",", "(", "||", "+"}:
        parser.operand()
        return {"function"} if {"function", "constant"} <= parser.met else None
    return None


def _union_island(parser: Parser) -> set[str] | None:
    parser.set_operation()
    good = "items" in parser.met and (
        parser.over or parser.now.text in {")", ";", "'", '"'} or parser.now.kind in {STRING, OPEN}
    )
    return _told(parser) | {"union"} if good else None


def _select_island(parser: Parser) -> set[str] | None:
    parser.query()
    enough = parser.met & {"call", "schema", "constant", "delay", "effect", "conditional"}
    if "from" in parser.met and (enough or parser.now.kind == CUT or parser.now.text in {")", ";"}):
        return _told(parser) | {"statement"}
    asks = enough & {"delay", "effect", "schema", "conditional"} or {"queried", "function"} <= parser.met
    return _told(parser) | {"statement"} if asks else None


def _logic_island(parser: Parser) -> set[str] | None:
    """AND or OR with a comparison of two constants, or with a call that only databases have."""
    parser.step()
    kind = parser.operand() if parser.now.text in {"(", "not", "exists"} else parser.expression()
    if "constant" in parser.met or parser.met & {"delay", "effect", "schema"}:
        return _told(parser) | {"logic"} if kind else None
    return None


def _waitfor_island(parser: Parser) -> set[str] | None:
    statement(parser)
    return {"delay"}


def _stacked_island(parser: Parser) -> set[str] | None:
    parser.step()
    if parser.now.text not in _VERBS:
        return None
    statement(parser)
    good = "statement" in parser.met and (parser.over or parser.now.text in {";", ")"})
    return _told(parser) | {"statement"} if good else None


def _case_island(parser: Parser) -> set[str] | None:
    parser.operand()
    return {"conditional"} if parser.met & {"compare"} else None


def _into_island(parser: Parser) -> set[str] | None:
    parser.clauses()
    return {"function"} if "effect" in parser.met else None


_ISLANDS = {
    "union": _union_island,
    "select": _select_island,
    "and": _logic_island,
    "or": _logic_island,
    "xor": _logic_island,
    "&&": _logic_island,
    "||": _logic_island,
    "waitfor": _waitfor_island,
    ";": _stacked_island,
    "case": _case_island,
    "into": _into_island,
    "procedure": _into_island,
}
