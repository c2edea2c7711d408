"""Whether a value is a condition that a page hands to its own server, which takes conditions: no attack by itself.

Maps, open data, ticket systems and administration pages ask ``where=COUNTY = 'King' AND votes > 100``,
``jql=status in (Open)``, ``filters[year][$gte]=2024``. The parameter says that a condition stands there, and what
stands there begins as one: with the name of a field. An injection continues a value instead: it begins with what closes
that, or asks for more than rows: another table, the database itself, time, code.
"""

from __future__ import annotations

import re
from typing import Final

from pollwatch.events.grammar import sqlwords as words
from pollwatch.events.grammar.listed import listed

#: Parameters that hold conditions, without the sign that some put before them.
_NAMES: Final = listed(
    "where filter filters query having jql cql cql_filter soql criteria selector expression conditions layerdefs "
    "definitionexpression"
)
_BEGINS = re.compile(
    r"[\s(]*(?:not\s+)?[a-z_\"\[][\w.\"\]]{0,60}(?:\([^()]*\))?\s*"
    r"(?:[<>=!~]{1,2}|(?:not\s+)?(?:in|i?like|between|contains|is|was)\b|(?:and|or)\b)"
)
#: What a condition may say in SQL.
_ORDINARY: Final = frozenset({"sql.logic", "sql.clause", "sql.function"})
_CALLED = re.compile(r"([a-z_][\w.]*)\s*\(|@@|\bselect\b.*\bfrom\b", re.DOTALL)
_OWN: Final = words.DELAYS | words.EFFECTS | words.WITHOUT_ARGUMENTS
#: Operators of document databases that run code.
_CODE = re.compile(r"\$(?:where|function|accumulator|expr|out|merge|lookup|unionwith)\b")


def usual(found: set[str], text: str, name: str) -> set[str]:
    """Of what was found in a value, that which the server's own conditions say, too.

    Args:
        found: languages and constructs.
        text: decoded.
        name: of the parameter whose value, or which itself, it is.
    """
    if re.split(r"[\[.]", name.lower().lstrip("$_"), maxsplit=1)[0] not in _NAMES:
        return set()
    text = text.lower()
    said = {each for each in found if each.startswith("sql.")}
    asks = any(match[1] is None or match[1] in _OWN for match in _CALLED.finditer(text))
    if asks or not (said <= _ORDINARY and _BEGINS.match(text) and _closed(text)):
        said = set()
    return said | ({"queries.nosql"} & found if not _CODE.search(text) else set())


def _closed(text: str) -> bool:
    """Whether all strings end that begin."""
    return not any(text.count(quote) % 2 for quote in "'\"")
