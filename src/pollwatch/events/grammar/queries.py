"""Whether a text is a filter of LDAP, a path of XPath, or an operator of a document database."""

from __future__ import annotations

import re

_LDAP_ITEM = r"\(\s*[&|!]?\s*\(?\s*(?:[\w.;-]+\s*(?:[~<>:]?=|:[\w.]*:=)|[&|!])"
#: What breaks out of one filter and into another.
_LDAP = re.compile(
    rf"[*\w)]\)\s*[&|!]?\s*{_LDAP_ITEM}|\*\)\s*\(|\)\s*\(\s*[|&!]|\(\s*[|&]\s*\(\s*[\w-]+\s*[~<>]?=|^\*\s*\(\s*[|&]|\)\s*[&|!]\s*\(\s*[\w-]+\s*[<>~]?=|"
    r"\(\s*(?:objectclass|uid|cn|sn|mail|userpassword|samaccountname|memberof)\s*=\s*\*?\s*\)?\s*\)\s*\(?"
)
_SQL_LIKE_CALL = re.compile(r"\)\s*\(\s*\d")
#: XPath: breaking out of a predicate, axes, functions over nodes.
_XPATH = re.compile(
    r"['\"]\s*\]\s*(?:\||/)|\]\s*\|\s*/{0,2}[\w@*]|\|\s*//[\w@*]|(?:ancestor|descendant|following|preceding|parent|child|self|attribute|namespace)(?:-or-self|-sibling)?::(?:\*|node\(|text\(|\w+)|"
    r"\b(?:string-length|substring|count|name|local-name|string|normalize-space|contains|starts-with)\s*\(\s*(?:/{1,2}|\.\.?/|@)[\w*@/.\[]|//(?:\*|user\w*|account\w*|node\(\))\s*(?:\[|/|$)|"
    r"['\"]\s*(?:or|and)\s+(?:position|last|count|name|text|string-length)\s*\(|\bdoc\s*\(\s*['\"]?(?:https?|file|concat)"
)
#: Operators of MongoDB and its like, where only a value should stand: in the name of a parameter, or in an object.
_OPERATORS = (
    r"\$(?:ne|eq|gte?|lte?|n?in|regex|where|exists|or|and|nor|not|all|size|type|mod|elemmatch|expr|function|accumulator|lookup|unionwith|"
    r"text|near|options|jsonschema|slice|comment|rand|natural|merge|out|project|group|match)\b"
)
_NOSQL = re.compile(
    rf"\[\s*['\"]?{_OPERATORS}['\"]?\s*\]|[{{,]\s*['\"]?{_OPERATORS}['\"]?\s*:|['\"\]\[]\s*{_OPERATORS}\s*[:\]]"
)
_NOSQL_CODE = re.compile(
    r"(?:^|['\";|&}])\s*(?:return\s+(?:true|this\.|1\b|!)|this\.\w+\s*(?:[=!<>]=|\.match\s*\()|db\.\w+\.(?:find|insert|drop|remove|update|count|aggregate|stats)\w*\s*\()|"
    r"\|\|\s*this\.\w|['\"]\s*(?:\|\||&&)\s*['\"]?\w*['\"]?\s*==|\b(?:db|tojson|printjson)\s*[.(]\s*(?:get\w+|db\b|version)"
)


def kinds(text: str) -> frozenset[str]:
    """Which languages of queries a text speaks: ldap, xpath, nosql.

    Args:
        text: decoded; case is ignored.
    """
    text = text.lower()
    found: set[str] = set()
    if "(" in text and _LDAP.search(text) and not _SQL_LIKE_CALL.search(text):
        found.add("ldap")
    if ("/" in text or "::" in text or "(" in text) and _XPATH.search(text):
        found.add("xpath")
    if ("$" in text and _NOSQL.search(text)) or _NOSQL_CODE.search(text):
        found.add("nosql")
    return frozenset(found)
