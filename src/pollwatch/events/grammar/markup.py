# ruff: noqa: C901 - one branch per part of a page; a pattern reads best unbroken
"""Whether a text is markup or script that a browser would run if a site put it into a page.

A tag counts when it is of a kind that runs or fetches something, or has attributes; an attribute counts when it is an
event handler or an address that is a script; script counts when it calls what only pages can call, with arguments as
programs have them, or breaks out of a string to do so. ``<b>``, ``a < b`` and ``alert (weather)`` are none of these.
"""

from __future__ import annotations

import re
from typing import Final

from pollwatch.events.grammar.listed import listed

#: Elements that run, fetch or take over something by being there.
_ACTIVE: Final = listed(
    "script iframe frame frameset object embed applet svg math base meta link style xml marquee bgsound layer "
    "ilayer isindex body html head form input button textarea select keygen video audio source track template "
    "portal xss noscript foreignobject animate animatetransform set use image img handler listener plaintext "
    "xmp noembed dialog details"
)
#: Of them those that mean nothing without an attribute, since people write them as words in angle brackets.
_NEED_ATTRIBUTES: Final = listed(
    "form input button select set use image img source track link base meta style details dialog html head "
    "body xml template"
)
_TAG = re.compile(
    r"<[\s\x00-\x20/]*(?P<name>[a-z][a-z0-9:_-]*|[\x00-\x20]*!\[cdata\[|!--\s*#\s*(?:exec|include|echo|config|set|printenv)\b|!(?:entity|doctype)\s|\?import\b)"
    r"(?P<rest>[^<>]{0,2000})(?P<end>>?)",
)
_ATTRIBUTE = re.compile(r"[\s\"'/`;,\x00-\x20][a-z_:@#.()\[\]-][\w:.()\[\]-]{0,60}[\s/]*=|[\w\"'`]\s*=\s*[\"'`]")
#: A name with a space behind each letter, or behind its namespace.
_SPACED_NAME = re.compile(r"<\s*(?:(?:[a-z]\s){3,}[a-z]\b|[a-z]+\s*:\s*[a-z]+)")
#: The tag in a question about it: a program of words alone does nothing.
_ASKED: Final = re.compile(r"<script>(?=(?:\s+[^\W\d_]+){2,}\s*[.?!]*$)")
#: Attributes that only say how a page looks, maybe cut off.
_LOOKS: Final = re.compile(
    r"(?:\s+(?:style|class|id|lang|dir|bgcolor|text)\s*=\s*(?:\"[\w\s:;,.#%!-]*(?:\"|$)|'[\w\s:;,.#%!-]*(?:'|$)|[\w#-]+))+\s*"
)
_PLAIN_TAG = re.compile(r"[\s/]*")
#: An event handler, where an attribute may begin: what the event is called is the page's matter, not ours.
_HANDLER = re.compile(
    r"(?:^|[\s\"'/`;,>)}\]\x00-\x20])(?:xlink:|x-|v-)?on(?P<event>[a-z]{3,40})[\s\x00-\x20/]*(?:=|\+adw-|&equals;)"
    r"[\s\x00-\x20]*(?P<code>[^\s&]{0,200}(?:\s[^&]{0,100})?)"
)
#: The events that pages have had over the years, as the beginnings of their names; with these an open value suffices.
_EVENTS: Final = tuple(
    sorted(
        listed(
            "abort activ after anim aux before begin blur bounce cancel canplay cell change click close context copy "
            "cuech cut data dbl deactiv device drag drop duration emptied end ended error filter finish focus form "
            "fullsc gesture gotp got hash help input invalid key language layout load lose lost media message mouse "
            "move offline online orient outofsync page paint paste pause play pointer popst progress property rate "
            "ready redo repeat reset resize resume reverse row rtc scroll search security seek select show slot sort "
            "stalled start stop storage submit suspend syncr time toggle touch track trans unfoc undo unhandled unload "
            "url user volume vr wait webkit wheel zoom"
        )
    )
)
_CODE_SIGN = re.compile(r"[(`'\"{=;\[]|\\\\|\\u|&#")
#: An entity of XML that stands for a file or an address, also where its opening sign was taken away.
_ENTITY = re.compile(r"!entity\s+(?:%\s*)?[\w.-]+\s+(?:system|public)\b")
_SCRIPT_URL = re.compile(
    r"(?:^|[\s\"'=(:,;/`>&|])(?:j\s*a\s*v\s*a\s*s\s*c\s*r\s*i\s*p\s*t|v\s*b\s*s\s*c\s*r\s*i\s*p\s*t|livescript|mocha|jscript|ecmascript)\s*(?::|&colon;)"
    r"\s*(?P<code>\S.{0,200})",
    re.DOTALL,
)
_PAGE_DATA = re.compile(
    r"(?:^|[\s\"'=(])data\s*:[\w/;=\s+.-]{0,60},\s*<|\burl\s*\(\s*[\"']?\s*(?:java|vb)script\b|\bdata\s*:\s*(?:text/(?:html|xml|javascript|ecmascript)|image/svg|application/(?:xhtml|x-javascript|javascript|xml))[^a-z]"
)
_STYLE = re.compile(
    r"(?:expression|expre/\*.{0,20}\*/ssion)\s*\(|-moz-binding|behaviou?r\s*:\s*url|@import\s*[\"'(u\\/]|url\s*\(\s*[\"']?\s*(?:javascript|data:text/html)|"
    r"-o-link|list-style-image\s*:\s*url"
)
#: What pages can call, with arguments as programs write them.
_CALL = re.compile(
    r"(?:^|[^\w$])(?P<name>alert|confirm|prompt|eval|settimeout|setinterval|setimmediate|execscript|atob|btoa|fetch|importscripts|msgbox|"
    r"(?:window|self|top|parent|frames|document|globalthis|this|location|string|navigator|xmlhttprequest|console)(?:\s*\?*\.\s*\w+|\s*\[[^\]]{1,80}\])+)"
    r"\s*(?:/\*.{0,40}\*/\s*|\?\.\s*)?(?P<open>\(|`|&lpar;)(?P<arguments>.{0,120})",
    re.DOTALL,
)
_ARGUMENTS = re.compile(
    r"\s*(?:$|\)|`|\w+\s*,\s*\d|[\"'\d/\[{!~+$@\\&-]|\w+\s*[.(\[`]|(?:document|xss|cookie|location|window|this|self|origin|name|domain)\b)"
)
_PAGE_PROPERTY = re.compile(
    r"(?:^|[^\w$./-])(?:document|window|self|top|parent|frames|this)\s*(?:\?*\.\s*|\[\s*[\"'`/(]+\s*)"
    r"(?:cookie|domain|location|documentelement|body\b|url\b|writeln?\b|createelement|getelement\w*|queryselector\w*|referrer|"
    r"localstorage|sessionstorage|onerror|opener|name\s*=|alert|eval|defaultview|innerhtml|execcommand|parentnode|parentwindow)"
)
_PAGE_ASSIGNMENT = re.compile(
    r"(?:\.|^|[\"';]\s*)(?:inner|outer)html\s*=|\blocation\s*(?:\.\s*href)?\s*=\s*[\"'`/(]|\bnew\s+(?:image|function|xmlhttprequest)\s*\(|"
    r"\bstring\s*\.\s*fromcharcode|\.\s*(?:constructor|call|apply|source)\s*[(`]|\.\s*cookie\s*=|\bthrow\s*/\*?\*?/?[a-z\d]|\bonerror\s*=\s*\w+[;,]|[\"']\s*formaction\s*=|"
    r"\[\s*[\"']\w+[\"'](?:\s*\+\s*[\"']\w+[\"'])+\s*\]\s*\(|(?:reflect|array|object)\.\s*(?:apply|from|call|construct|assign)\s*[(`]"
)
_SIGNS_ONLY = re.compile(r"[\[\]()!+{}'\"\\\s/*_$;=,.~]{24,}")
_UTF7 = re.compile(r"\+(?:adw|adwa|ad4|aciap|acia)-")
_BROKEN_TAG = re.compile(
    r"[\"'`]\s*(?:/?>\s*)+<|^\s*;?!?--[\"'<]|<[\"'`][^<>]{0,40}[\"'`]?>|\bscript\b[\"'/>\s]*(?:src|document|alert|\()|</?scr"
)
_HANDLERLESS = re.compile(
    r"\b(?:ng|v|x|hx|data|wm|tal)-(?:app|init|html|bind|on|click|include|csp|focus|get|post|load|trigger)\s*="
)


def kinds(text: str) -> frozenset[str]:
    """What of a page a text is: tag, element, handler, script-url, script, style, disguise.

    Args:
        text: decoded; case is ignored.
    """
    text = text.lower()
    if "\xbc" in text or "\xbe" in text:  # angle brackets with the eighth bit set, as ASCII of seven bits
        text = text.replace("\xbc", "<").replace("\xbe", ">")
    text = _ASKED.sub("script", text)
    found: set[str] = set()
    if "+ad" in text and _UTF7.search(text):
        found.add("disguise")
    squeezed = _squeezed(text)
    if "<" in text:
        found |= _tags(text)
        if any(re.sub(r"\s", "", each)[1:].rpartition(":")[2] in _ACTIVE for each in _SPACED_NAME.findall(text)):
            found.add("disguise")
        if _BROKEN_TAG.search(text):
            found.add("element")
    if "on" in text and _handler(text):
        found.add("handler")
    if ":" in text or "&colon" in text:
        found |= _urls(squeezed)
    if "!entity" in text and _ENTITY.search(text):
        found.add("element")
    if _STYLE.search(text):
        found.add("style")
    if _script(text):
        found.add("script")
    if _HANDLERLESS.search(text) and _CODE_SIGN.search(text):
        found.add("handler")
    return frozenset(found)


def _squeezed(text: str) -> str:
    """Without what browsers overlook inside of addresses: line breaks, tabs, control characters."""
    return re.sub(r"[\x00-\x1f\x7f\xad]+|\\(?:0{1,4}[0-9a-f]{2}\s?|\n)|<!--.{0,10}-->|/\*.{0,20}?\*/", "", text)


def _tags(text: str) -> set[str]:
    found: set[str] = set()
    for match in _TAG.finditer(text):
        name, rest = match["name"].strip(), match["rest"]
        if name.startswith(("!", "?")):
            found.add("include" if "#" in name else "element")
            continue
        attributes = _ATTRIBUTE.search(rest)
        closed = text[match.start() + 1 :].lstrip()[:1] == "/"
        if name == "body" and _LOOKS.fullmatch(rest):
            continue
        if _ACTIVE & {name, *name.split(":")}:
            if (
                attributes
                or (closed and name == "script")
                or (name not in _NEED_ATTRIBUTES and _bare_element(name, rest, match["end"]))
            ):
                found.add("element")
        elif attributes and ("=" in rest) and not closed:
            found.add("tag")
    return found


def _bare_element(name: str, rest: str, end: str) -> bool:
    """An active element without attributes: closed, cut off, or with nothing that reads as prose behind its name."""
    return name == "script" or (bool(end) and _PLAIN_TAG.fullmatch(rest) is not None) or (not end and not rest.strip())


def _handler(text: str) -> bool:
    for match in _HANDLER.finditer(text):
        known = match["event"].startswith(_EVENTS)
        code = match["code"]
        broken = match[0][0] in "\"'/`>" or "<" in text[: match.start()]
        if not code.strip() and match[0][0].isspace():
            return True
        if known and (_CODE_SIGN.search(code) or broken):
            return True
        if re.match(r"[\w.$]+\s*[(`]", code) or ("<" in text and len(match["event"]) > 3):
            return True
    return False


def _urls(text: str) -> set[str]:
    found: set[str] = set()
    for match in _SCRIPT_URL.finditer(text):
        if _CODE_SIGN.search(match["code"]) or re.match(r"//|\w+[.%\\\[]", match["code"]):
            found.add("script-url")
    if _PAGE_DATA.search(text):
        found.add("script-url")
    return found


#: What browsers say of a program that failed, which pages report to their own server.
_FAILED: Final = re.compile(
    r"\bis (?:null|undefined|not (?:a function|defined|an object|a constructor|iterable))\b|"
    r"\bcannot (?:read|set) propert|\bundefined is not\b|\bunexpected (?:token|identifier|end)\b"
)


def _script(text: str) -> bool:
    if _FAILED.search(text) and not any(sign in text for sign in "<>;=`+|&"):
        return False
    for match in _CALL.finditer(text):
        plain = match["name"].isalpha()
        spaced = text[match.start("open") - 1 : match.start("open")].isspace()
        if match["open"] != "(":
            return True
        if not match["arguments"] and text.strip() == match[0]:
            continue  # the name of a function and an open parenthesis, and nothing else
        if _ARGUMENTS.match(match["arguments"]) and not (
            spaced and plain and not re.match(r"\s*[\d\"'`/]", match["arguments"])
        ):
            if (
                plain
                and not match["arguments"].strip(" )")
                and match["name"] in {"confirm", "prompt", "alert", "fetch"}
            ):
                return ";" in text or "'" in text or '"' in text or "<" in text or match.start() == 0
            return True
    page = _PAGE_PROPERTY.search(text)
    if (page and page[0].strip() != text.strip()) or _PAGE_ASSIGNMENT.search(text):
        return True
    signs = _SIGNS_ONLY.search(text)
    return signs is not None and len(set(signs[0]) & set("[]()!+{}")) >= 4 and "[" in signs[0]
