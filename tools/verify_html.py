"""Make ``src/pollwatch/evidence/verify.html`` out of ``tools/verify_page.html``, the page as people write and read it.

Leaves out comments, indentation, empty lines and spaces beside signs, and gives every variable a name of one or two
letters, and most sentences such a code, so that the page stays below 60 KB; writes the hashes of its one script and one
style sheet into its content security policy. Lines stay lines: the two can be compared side by side, and ``--names``
prints which name became which. Run it after every change; a test fails where it was forgotten.

A variable has one short name all over the script, which no other variable has: so no scope can confuse two of them.
Properties that the script alone knows are treated as variables; other names stay as they are.
"""

import base64
import hashlib
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from string import ascii_letters

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "tools" / "verify_page.html"
PAGE = ROOT / "src" / "pollwatch" / "evidence" / "verify.html"
MAX_BYTES = 60 * 1024
_COMMENT = re.compile(r"//|/\*\*.*\*/$")
#: Strings, templates and regular expressions stay as they are; a division that looks like one loses nothing by it.
_ONE = r"\\.|\[(?:[^\]\\\n]|\\.)*\]"
_KEPT = rf'"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|/(?:[^/\\\n[ ]|{_ONE})(?:[^/\\\n[]|{_ONE})*/[a-z]*'
_WORD = r"[A-Za-z_$][\w$]*"
_SPACED = {
    "script": re.compile(rf"({_KEPT})| *([{{}}()\[\],;:=<>+*/%&|?!-]) *"),
    "style": re.compile(r"((?!))| *([{};:,]) *"),
}
#: What JavaScript adds by itself: before a brace, and where a line ends and the next one begins with a word.
_IDLE = re.compile(rf"({_KEPT})|;(?=}}|\n[A-Za-z}}])")
_TOKEN = re.compile(rf"(?P<kept>{_KEPT})|(?P<word>{_WORD})|\d[\w.]*|=>|\.\.\.|\s+|.", re.DOTALL)
_LANGUAGE = (
    "async await break case catch class const constructor continue default delete do else extends false finally for "
    "function get if in instanceof let new null of return set static super switch this throw true try typeof undefined "
    "var void while yield"
)
_BROWSER = (
    "Array BigInt DataTransfer DataView Date Error JSON Map Math Number Object Promise RangeError RegExp Set String "
    "TextDecoder TextEncoder Uint8Array Uint32Array addEventListener atob btoa crypto document globalThis navigator "
    "parseInt window"
)
#: What the tests call in the page.
_CALLED = "ENTRIES Fields Misfit parseKey"
#: Properties that are the script's own: no browser, no JSON, no sentence and no test knows them by these names.
_PRIVATE = (
    "accuracy attachments blind blob body bundle bytes checked contentSalt cosigner cover created critical detail "
    "disowned end extensions fields following growth hexes history isMet issuer latest left links logs many "
    "members note objects optional origin others parts places policy proof ranges read referencesSalt results rivals "
    "roots salt salts scheme sealBytes sealedText sequences shown sid signatures signed stamps statements take "
    "texts turn unchecked valid vkey weak whole witnesses working wrong"
)
_OWN = frozenset(_PRIVATE.split())
_FIXED = frozenset(f"{_LANGUAGE} {_BROWSER} {_CALLED}".split())
#: That a name is bound once is for those who write; a browser that reads the page needs no telling.
_SHORTER = {"const": "let"}
#: The page's sentences, and their codes; no JSON has names like those that only the script asks for.
_WORDS = re.compile(r"`\ntitle\|[^`]*`")
_CODE = re.compile(r"^\w+(?=\|)", re.MULTILINE)
_ONLY_HERE = re.compile(r"[a-z]+[A-Z][A-Za-z]*")
_VERDICTS = frozenset(["forkFits", "badPolicy"])
#: Before a brace, these begin an object or the names that are taken out of one; all else begins a block.
_BEFORE_OBJECT = frozenset(["(", "[", ",", "=", ":", "?", "|", "&", "...", "return", "const", "let"])


@dataclass(frozen=True)
class Token:
    """A piece of the script; ``role`` of a word: it names a "variable", that and a property ("both"), or neither."""

    text: str
    role: str = ""


def made(source: str) -> str:
    """The page as it ships."""
    page = _without_comments(source)
    codes = short_codes(page)
    for tag, spaced in _SPACED.items():
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        short = spaced.sub(lambda found: found[1] or found[2], renamed(body, codes) if tag == "script" else body)
        short = _IDLE.sub(lambda found: found[1] or "", short)
        page = page.replace(body, short)
        digest = base64.b64encode(hashlib.sha256(short.encode("utf-8")).digest()).decode("ascii")
        page, count = re.subn(rf"{tag}-src '[^']*'", f"{tag}-src 'sha256-{digest}'", page, count=1)
        if count != 1:
            raise SystemExit(f"{SOURCE}: the policy has no {tag}-src")
    return page


def names_in(source: str) -> Mapping[str, str]:
    """Which name became which in the page as it ships."""
    (script,) = re.findall(r"<script>(.*?)</script>", _without_comments(source), re.DOTALL)
    return short_names(list(_tokens(script)))


def _without_comments(source: str) -> str:
    lines = [line.strip() for line in source.split("\n")]
    return "".join(f"{line}\n" for line in lines if line and not _COMMENT.match(line))


def short_codes(page: str) -> Mapping[str, str]:
    """A short code for each sentence of the page that only its script asks for; its first letter stays."""
    (words,) = _WORDS.findall(page)
    codes = [line.partition("|")[0] for line in words.strip("`\n").split("\n")]
    taken = set(codes)
    short: dict[str, str] = {}
    for code in codes:
        if _ONLY_HERE.fullmatch(code) and code not in _VERDICTS and f'data-t="{code}"' not in page:
            short[code] = next(name for each in ascii_letters if (name := code[0] + each) not in taken)
            taken.add(short[code])
    return short


def renamed(script: str, codes: Mapping[str, str]) -> str:
    """The script with short names, and short codes for its sentences."""
    tokens = list(_tokens(script))
    names = short_names(tokens)
    shorter = _SHORTER | {f'"{code}"': f'"{short}"' for code, short in codes.items()}
    parts = []
    for token in tokens:
        if _WORDS.fullmatch(token.text):
            parts.append(_CODE.sub(lambda found: codes.get(found[0], found[0]), token.text))
            continue
        short = names.get(token.text) if token.role else shorter.get(token.text)
        if short is None:
            parts.append(token.text)
        else:
            parts.append(f"{token.text}:{short}" if token.role == "both" else short)
    return "".join(parts)


def short_names(tokens: list[Token]) -> Mapping[str, str]:
    """A short name for each variable that gets shorter by it, the shortest for those that stand most often."""
    plain = Counter(token.text for token in tokens if token.role == "variable")
    both = Counter(token.text for token in tokens if token.role == "both")
    taken = _FIXED | {token.text for token in tokens}
    free = (
        name for width in (1, 2) for name in map("".join, product(ascii_letters, repeat=width)) if name not in taken
    )
    names: dict[str, str] = {}
    name = next(free)
    for word, count in sorted(plain.items(), key=lambda item: (-item[1] * len(item[0]), item[0])):
        if count * (len(word) - len(name)) > both[word] * (len(name) + 1):
            names[word] = name
            name = next(free)
    return names


def _tokens(script: str) -> Iterator[Token]:
    """The script's tokens, each word with its role."""
    found = list(_TOKEN.finditer(script))
    solid = [place for place, match in enumerate(found) if not match[0].isspace()]
    roles: dict[int, str] = {}
    #: What each open brace or bracket encloses: "object", "class", or "" for a block, a call or a list.
    inside = [""]
    before = ["", "", ""]
    for at, place in enumerate(solid):
        match = found[place]
        after = found[solid[at + 1]][0] if at + 1 < len(solid) else ""
        if match[0] in "({[":
            inside.append(_enclosed(match[0], before))
        elif match[0] in ")}]":
            inside.pop()
        elif match["word"] and match[0] not in _FIXED:
            roles[place] = _role(match[0], before[-1], after, inside[-1])
        before = [*before[1:], match[0]]
    for place, match in enumerate(found):
        yield Token(match[0], roles.get(place, ""))


def _enclosed(sign: str, before: list[str]) -> str:
    if sign == "{" and before[-1] in _BEFORE_OBJECT:
        return "object"
    return "class" if sign == "{" and ("class" in before[-2:] or before[-2:-1] == ["extends"]) else ""


def _role(word: str, before: str, after: str, inside: str) -> str:
    if word in _OWN:
        return "variable"
    if before == ".":
        return ""
    if inside == "class" and after == "(":
        return ""
    if inside == "object" and before in "{,":
        return "" if after in ":(" else "both"
    return "variable"


if __name__ == "__main__":
    text = SOURCE.read_text("utf-8")
    if "--names" in sys.argv[1:]:
        given = sorted(names_in(text).items(), key=lambda item: item[1])
        print(*(f"{short:2} {name}" for name, short in given), sep="\n")
    else:
        whole = made(text)
        PAGE.write_text(whole, "utf-8")
        print(f"{len(whole.encode('utf-8')):,} of {MAX_BYTES:,} bytes")
