r"""Apache ``LogFormat`` and nginx ``log_format`` strings, compiled to one regular expression and a list of fields.

A definition may be pasted as it stands in the server's configuration: bare, quoted, as a whole directive with its
name, in several quoted pieces. Each value ends where the text behind it in the definition begins, which makes the
expression nearly always decidable by looking at one character: that is what makes it fast.

Sources: Apache ``mod_log_config``, nginx ``ngx_http_log_module`` and ``ngx_http_core_module`` (variables).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pollwatch.errors import FormatError

#: How a whole time stands in brackets for ``%t``.
_BRACKETED = r"\[{}\]"

_APACHE: dict[str, str] = {
    "a": "client", "h": "client", "u": "user", "t": "time", "r": "request", "m": "method", "U": "stem", "q": "query",
    "H": "version", "s": "status", "b": "bytes", "B": "bytes", "O": "bytes", "v": "host", "V": "host", "D": "us",
    "T": "seconds", "l": "", "p": "", "P": "", "k": "", "X": "", "I": "", "S": "", "A": "", "f": "", "L": "", "R": "",
    "C": "", "e": "", "i": "", "n": "", "o": "",
}  # fmt: skip
_HEADERS: dict[str, str] = {
    "referer": "referer", "user-agent": "agent", "x-forwarded-for": "forwarded", "host": "host", "cookie": "cs-cookie",
    "x-forwarded-host": "", "x-real-ip": "x-real-ip",
}  # fmt: skip
_NGINX: dict[str, str] = {
    "remote_addr": "client", "realip_remote_addr": "", "remote_user": "user", "time_local": "time",
    "time_iso8601": "time", "msec": "time", "request": "request", "request_method": "method", "request_uri": "uri",
    "uri": "stem", "document_uri": "stem", "args": "query", "query_string": "query", "server_protocol": "version",
    "status": "status", "body_bytes_sent": "bytes", "bytes_sent": "bytes", "http_referer": "referer",
    "http_user_agent": "agent", "http_x_forwarded_for": "forwarded", "host": "host", "http_host": "host",
    "server_name": "host", "request_time": "seconds", "http_cookie": "cs-cookie",
}  # fmt: skip
#: nginx variables that may hold several values with spaces between.
_NGINX_LISTS = ("upstream_", "http_", "proxy_add_x_forwarded_for", "ssl_client_s_dn", "remote_user")

_TYPED = {"status": "[0-9]{3}|-", "bytes": "[0-9]+|-"}
_QUOTED = r'(?:[^"\\]|\\.)*'
_LIST = r"[^ ]+(?:(?:, | : )[^ ]+)*"

_APACHE_DIRECTIVE = re.compile(r"%[!0-9,]*[<>]?(?:\{([^}]*)\})?(\^?[A-Za-z]{1,3}|%)")
_NGINX_VARIABLE = re.compile(r"\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")
_NGINX_PIECE = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")

NICKNAMES = {
    "common": r'%h %l %u %t "%r" %>s %b',
    "combined": r'%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
    "vhost_combined": r'%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"',
    "combinedio": r'%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %I %O',
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How one line is laid out.

    Attributes:
        pattern: one regular expression, in what Rust's and Python's dialect share; it spans the whole line and its
            named groups are ``f0``, ``f1``, ...
        fields: the field of each group; see ``webfields.FIELDS``. The same field may stand twice: the first value
            that is not ``-`` counts.
        strptime: Python's format of the time where the definition has one of its own.
    """

    pattern: str
    fields: tuple[str, ...]
    strptime: str = ""


@dataclass(frozen=True, slots=True)
class _Value:
    """A part of a definition that is replaced by a value; a plain ``str`` is literal text."""

    field: str
    spaced: bool = False
    strptime: str = ""
    pattern: str = ""


def compile_layout(definition: str, dialect: str = "") -> Layout:
    """The layout that a definition describes.

    Args:
        definition: a LogFormat or log_format string, directive or (Apache) nickname.
        dialect: ``apache`` or ``nginx``; empty = told by what the definition holds.

    Raises:
        FormatError: nothing in it is a field, or it names a directive that Apache does not have.
    """
    text = definition.strip()
    dialect = dialect or ("apache" if text in NICKNAMES or _looks_like_apache(text) else "nginx")
    if dialect == "apache":
        parts = _apache_parts(_apache_string(text))
    else:
        parts = _nginx_parts(_nginx_string(NICKNAMES_NGINX.get(text, text)))
    if not any(isinstance(part, _Value) and part.field for part in parts):
        raise FormatError(
            f"the {dialect} definition {definition!r} names no field; "
            "give the log format itself, as in 'apache:%h %l %u %t \"%r\" %>s %b' or 'nginx:$remote_addr [$time_local]'"
        )
    return _layout(parts)


NICKNAMES_NGINX = {
    "combined": '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent"',
}


def _looks_like_apache(text: str) -> bool:
    return len(_APACHE_DIRECTIVE.findall(text)) > len(_NGINX_VARIABLE.findall(text))


def _apache_string(text: str) -> str:
    """The format itself, out of a directive, a nickname or quotes."""
    text = re.sub(r"(?i)^(?:LogFormat|CustomLog\s+\S+)\s+", "", text)
    if text.startswith('"'):
        quoted = re.match(r'"((?:[^"\\]|\\.)*)"', text)
        text = quoted[1] if quoted else text
    if "\\" in text:
        text = re.sub(r"\\(.)", lambda match: {"t": "\t", "n": ""}.get(match[1], match[1]), text)
    return NICKNAMES.get(text, text)


def _nginx_string(text: str) -> str:
    """The format itself, out of a directive or several quoted pieces."""
    text = re.sub(r"^log_format\s+\S+\s+(?:escape=\w+\s+)?", "", text).rstrip().removesuffix(";")
    if text.lstrip()[:1] == "'" or re.match(r'"[^"]*\$[^"]*"\s*$', text):
        pieces = [single or double for single, double in _NGINX_PIECE.findall(text)]
        return re.sub(r"\\(['\"\\])", r"\1", "".join(pieces))
    return text


def _apache_parts(text: str) -> list[str | _Value]:
    parts: list[str | _Value] = []
    at = 0
    for match in _APACHE_DIRECTIVE.finditer(text):
        parts.append(text[at : match.start()])
        parts += ["%"] if match[2] == "%" else _apache_value(match[1], match[2], match[0])
        at = match.end()
    return [*parts, text[at:]]


def _apache_value(argument: str | None, letter: str, whole: str) -> list[str | _Value]:
    if letter == "t":
        return _apache_time(argument)
    if letter == "T" and argument:
        return [_Value({"ms": "ms", "us": "us"}.get(argument, "seconds"))]
    if letter in ("i", "^ti", "o", "^to", "n", "e", "C", "x", "c") and argument:
        name = argument.lower()
        column = _HEADERS.get(name, name) if letter == "i" else f"cs-cookie-{name}" if letter == "C" else name
        return [_Value(column, spaced=True)]
    if letter == "q":  # brings its own question mark
        return [_Value("query", pattern=r'(?:\?[^ "]*)?')]
    if letter == "a" and argument == "c":  # the peer itself, before mod_remoteip believed a header
        return [_Value("peer")]
    if letter not in _APACHE:
        raise FormatError(f"Apache's LogFormat has no directive {whole!r}; the letters are {', '.join(_APACHE)}")
    return [_Value(_APACHE[letter], spaced=letter == "u")]


def _apache_time(argument: str | None) -> list[str | _Value]:
    if argument is None:
        return ["[", _Value("time"), "]"]
    form = argument.removeprefix("begin:").removeprefix("end:")
    fraction = {"msec_frac": "%f", "usec_frac": "%f"}.get(form)
    if form in ("", "sec", "msec", "usec"):
        return [_Value("time")]
    return [_Value("time", spaced=" " in form, strptime=fraction or _as_python(form))]


def _as_python(form: str) -> str:
    """A C strftime format in Python's words; what both know stays."""
    for theirs, ours in (("%T", "%H:%M:%S"), ("%F", "%Y-%m-%d"), ("%D", "%m/%d/%y"), ("%R", "%H:%M"), ("%e", "%d")):
        form = form.replace(theirs, ours)
    return form


def _nginx_parts(text: str) -> list[str | _Value]:
    parts: list[str | _Value] = []
    at = 0
    for match in _NGINX_VARIABLE.finditer(text):
        name = (match[1] or match[2]).lower()
        parts += [text[at : match.start()], _Value("", pattern=r"\??") if name == "is_args" else _nginx_value(name)]
        at = match.end()
    return [*parts, text[at:]]


def _nginx_value(name: str) -> _Value:
    return _Value(_NGINX.get(name, name), spaced=name.startswith(_NGINX_LISTS))


def _layout(parts: list[str | _Value]) -> Layout:
    merged = [part for part in parts if part != ""]
    pattern = ["(?s)^"]
    fields: list[str] = []
    notations: list[str] = []
    for at, part in enumerate(merged):
        if isinstance(part, str):
            pattern.append(_literal(part))
            continue
        before = merged[at - 1] if at else ""
        after = merged[at + 1] if at + 1 < len(merged) else None
        group = f"(?P<f{len(fields)}>{_value_pattern(part, before, after)})"
        pattern.append(group)
        fields.append(part.field)
        if part.field == "time":
            notations.append(part.strptime)
    tail = merged[-1]
    pattern.append("$" if isinstance(tail, _Value) and _to_the_end(tail) else r"\s*$")
    return Layout("".join(pattern), tuple(fields), " ".join(notations) if all(notations) else "")


def _value_pattern(value: _Value, before: str | _Value, after: str | _Value | None) -> str:
    if value.pattern:
        return value.pattern
    if isinstance(after, str) and after[0] == '"' and isinstance(before, str) and before.endswith('"'):
        return _QUOTED
    if value.field in _TYPED:
        return _TYPED[value.field]
    if after is None or isinstance(after, _Value):
        return (
            r"[^?]*"
            if value.field == "stem" and after
            else ".*?"
            if after
            else ".*"
            if _to_the_end(value)
            else r"[^\s]*"
        )
    words = 1 + value.strptime.count(" ")
    if after[0] == " " and (value.spaced or words > 1):
        return _LIST if words == 1 else " ".join(["[^ ]+"] * words)
    return f"[^{_escape(after[0])}]*"


def _to_the_end(value: _Value) -> bool:
    """Whether a last value may hold blanks, and so takes all that is left."""
    return value.spaced or value.field in ("agent", "referer")


def _literal(text: str) -> str:
    r"""Literal text; a run of blanks fits any run of blanks, so that a wrapped definition still does."""
    return r"[ \t]+".join(_escape(piece) for piece in re.split(r"[ \t]+", text))


def _escape(text: str) -> str:
    return "".join(f"\\{char}" if char in r"\.+*?()|[]{}^$#&-~/" else char for char in text)
