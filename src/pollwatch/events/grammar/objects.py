"""Whether a text is a program's object written out, which a careless program makes alive again, code and all."""

from __future__ import annotations

import re

#: PHP's serialize(): an object with its class, or an array that holds one.
_PHP = re.compile(
    r"(?:^|[;{:\s=])[oc]:\+?\d+:\"?[\w\\]+\"?:\+?\d+:\{|^a:\d+:\{.{0,400}[;{][oc]:\d+:|(?:^|[;{])o:\d+:\"", re.DOTALL
)
#: Java's ObjectOutputStream, in base64, in gzip and base64, in hexadecimal, as bytes.
_JAVA = re.compile(
    r"(?:^|[^A-Za-z0-9+/])(?:rO0AB[A-Z]|H4sIA[A-Z]{2,4}[A-Za-z0-9+/]{60}|KztAAU|Cs7QAF)|(?:^|[^0-9a-fA-F])(?:aced0005|ACED0005)|\xac\xed\x00\x05"
)
#: .NET's BinaryFormatter, LosFormatter and typed JSON.
_NET = re.compile(
    r"(?:^|[^A-Za-z0-9+/])AAEAAAD/{5}AQ|\$type[\"']?\s*[:=]\s*[\"'][\w.]+(?:,|\.Data|`)|ObjectDataProvider|TypeConfuseDelegate",
    re.ASCII,
)
#: Python's pickle: protocol 0 as text, and 2 to 5 in base64.
_PICKLE = re.compile(
    r"(?:^|\s)c(?:os|posix|nt|subprocess|builtins|__builtin__|commands)\n\w+\n|(?:^|[^A-Za-z0-9+/])gA[JNRS]?[VC][A-Za-z0-9+/]{16,}(?:Uuc|Ui4|ZWdS)|Y(?:3Bvc2l4|29zCnN5c3Rl|2J1aWx0)"
)
#: YAML, JSON and XML with types to be made.
_YAML = re.compile(
    r"!!(?:python/|java\.|javax\.|ruby/|com\.|org\.|perl/)|!ruby/|[\"']?@(?:type|class)[\"']?\s*:\s*[\"'](?:java|javax|com|org|sun|\[)[\w.$]*|<(?:java|sorted-set|dynamic-proxy|tree-map)\b[\s>]|__reduce__|__wakeup"
)
#: Node's node-serialize, and Ruby's Marshal in base64.
_OTHERS = re.compile(
    r"_\$\$ND_FUNC\$\$_|__js_function|(?:^|[^A-Za-z0-9+/])BAh[bvJ7]\S{12,}(?:OiBFcmI|R2Vt|ZWdlbQ)|\bXMLDecoder\b|rememberMe=\w{300}"
)


def kinds(text: str) -> frozenset[str]:
    """Whose object a text is: php, java, dotnet, pickle, yaml, node.

    Args:
        text: decoded; case counts.
    """
    found: set[str] = set()
    for name, pattern, folded in _KINDS:
        if pattern.search(text.lower() if folded else text):
            found.add(name)
    return frozenset(found)


_KINDS = (
    ("php", _PHP, True),
    ("java", _JAVA, False),
    ("dotnet", _NET, False),
    ("pickle", _PICKLE, False),
    ("yaml", _YAML, True),
    ("node", _OTHERS, False),
)
