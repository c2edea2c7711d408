# ruff: noqa: C901, PLR0911, E501 - one way out per reading of a word; a pattern reads best unbroken
"""Whether a text is a command line: of a Unix shell, of Windows' cmd, of PowerShell.

A site that builds a command line of a value runs what stands behind a separator (``; id``), in a substitution
(``$(id)``), or the value itself (``cat /etc/passwd``). So a word counts where a command stands, read as the shell
reads it: without quotes, backslashes and empty variables, with ``?`` and ``*`` standing for letters. Where the
program's name is a word of a language, what follows must be what commands have and sentences have not: an option, a
path, a redirection, nothing at all.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache
from typing import Final

from pollwatch.events.grammar import shellwords as words
from pollwatch.events.grammar.listed import listed

_PLACES: Final = 60
#: Where a command may begin.
_SEPARATOR = re.compile(
    r"\|\|?&?|&&?|;;?|`|\$\(|<\(|>\(|\n|\r|(?<![\w$])\{(?=[\s,a-z/])|^!|\bdo\s|\bthen\s|(?<=[;|&\s])\("
)
_WORD = re.compile(r"(?:[^\s;|&<>()`'\"\\]|\\.|'[^'\s]*'|\"[^\"\s]*\"|''|\"\")+", re.DOTALL)
_EMPTY = re.compile(
    r"''|\"\"|``|\$\(\(\)\)|\$\(\)|\$[@*!?_-]|\$\{?[\d@*!?]\}?|\$\{[^}]{0,40}\}|\$[a-z_]\w{0,20}|\\\r?\n|[\\'\"^]|<\(\)|>\(\)",
    re.IGNORECASE,
)
#: Substitutions of nothing, behind a name and in front of what ends it.
_NOTHING = re.compile(r"(?<=[a-z])\$\(\(\)\)(?=\s*\))")
_BRACES = re.compile(r"^\{([^{}\s]*,[^{}\s]*)\}?")
_SHAPED = re.compile(
    r"\s*(?:[<>]|-{1,2}[\w?]|\+\w|/\w|/[a-z?](?:\s|:|$)|[~.]{0,2}/|\\\\?\w|\$|%\w|['\"]|https?:|ftp:|\d|\*|[a-z]:[\\/]?|\{[^\s{}]|@|\S*[/\\]\S|[\w-]+(?:\.[\w-]+)+\b|\w+=)"
)
_ENDS = re.compile(r"\s*(?:$|[;|&`)#<>\n}'\"]|\d?>)")
#: Signs of shells that need no program's name.
_SIGNS: Final = (
    re.compile(
        r"\$\{?(?:ifs|path|pwd|oldpwd|shell|bash\w*|hosttype|ostype|machtype|ps[124])\b\}?(?:[\s:/#%$'\"`;|&\w\\-]|$|\})"
    ),
    re.compile(r"\$\{?\w+\}?\$\{?ifs|\$\{\w+(?::-?\d|[#%^,]{1,2}|//|:[-+=?]|@[a-z])[^}]*\}|\$\{[#!]\w+\}"),
    re.compile(r"\(\s*\)\s*\{"),
    re.compile(
        r"\{,[^{}\s:]*[a-z][^{}\s:]*\}|\{[/?*]+\w[\w/?*.-]*,\}|\{[a-z][\w/.-]*,\}|\{[\w,]*,-[a-z][\w,-]*\}|[a-z]\{[a-z]+,[a-z]+\}[a-z]"
    ),
    re.compile(
        r"(?:\d?>&\s?\d|&>|\d>\$\w|>\s*/(?:tmp|dev|var|etc|proc|opt|usr|home)\b|<\s*/(?:etc|proc|dev|var)\b|/dev/(?:tcp|udp)/|(?:^|[\s;|&=])[<>]\(\s*[a-z])"
    ),
    re.compile(r"\$\(\((?:[^()]|\([^()]*\))*\)\)|^\$\[[^\]]*\]$|\$'(?:\\x?[0-9a-f]+)+'"),
    re.compile(r"^~[+-]\d*$|^!(?:!|-?\d+)$|^!-?\d"),
    re.compile(
        r"(?:^|[\s;|&'\"])(?:[\w/]*/)?(?:ba|z|k|c|da|a|tc)?sh\s+-\w*[ci]\b|\bbash\$\{?\w+|\b(?:python[\d.]*|perl|ruby|php|lua|node)\s+-[cer]\b"
    ),
    re.compile(
        r"(?:^|[;|&])\s*(?:alias|unalias|declare|typeset)\s+(?:[+-]\w\+?\s+)?[-\w]+=|\bcoproc\s|\bexec\s+\d?[<>]"
    ),
    re.compile(
        r"[;|&\n]\s*\$\{?[a-z_]\w*\}?(?:\s+[-/\w]|$|[;|&])|(?:^|[;|&])\s*\w{1,8}=[^\s&;|]+\s*(?:;|&&|\|\|)\s*(?:\w*\$|\w*`)"
    ),
    re.compile(
        r"(?:^|[\s=+])(?:/\w*[?*\[][\w?*\[\]!^-]*/|/(?:etc|bin|usr|dev|proc|sbin|var|tmp)/+\w*[?*\[{])[\w?*\[\]!^{},/-]*"
    ),
    re.compile(
        r"^/?\[[\w!^-]+/*\]\w{2,}$|^\S{0,20}\w(?:''|\"\"|``|\$\(\)|[<>]\(\))\w+(?:''|\"\"|\s+\S)|[a-z](?:``|\$\(\)|[<>]\(\))(?:[a-z]|\s[\w/-])"
    ),
    re.compile(r"<<<\s*['\"$\w]|<<-?\s*'?eof\b|\bxargs\s+-?\w+\s+\w"),
    re.compile(
        r"[;'\"]\s*(?:\\n|\s)*\.\s?(?:sh|shell|system|databases|dump|tables|schema|load|import|output|once)(?:\s+\w|$|\\n)"
    ),
)
_WINDOWS: Final = (
    re.compile(
        r"\bcmd(?:\.exe)?\s*/[ckrv]\b|%(?:comspec|systemroot|windir|appdata|localappdata|userprofile|programfiles|programdata|systemdrive|public|path|temp|tmp|os)(?::[^%]{1,20})?%"
    ),
    re.compile(r"\bfor\s+(?:/[dlfr]\s+.{0,60})?%{1,2}~?\w*%?\s+in\s*\("),
    re.compile(
        r"(?:^|[;|&(=]\s*)if(?:/i\s+|[\s(\"%]\s*(?:/i\s+)?)(?:not\s+)?(?:(?:defined|exist)\s+\S+\s+\S|(?:errorlevel|cmdextversion)\s+\d|"
        r"[(]?[\"\[%!{]+[\w %~!:.-]{0,40}[\"\])%!}]*\s*==|\(\w+\)\s*==\s*\(|[\w%]+={2,3}[\w%/?]+\s+(?!then|return|print)[a-z]|[(\"\[%!{]*[\w%~!:.-]{1,40}[\"\])%!}]*\s+(?:equ|neq|lss|leq|gtr|geq)\s)"
    ),
    re.compile(
        r"\b(?:powershell|pwsh)(?:\.exe)?\s+(?:-|/|i(?:wr|ex|rm)\s|invoke-|[($&{])|-(?:enc|encodedcommand|executionpolicy)\s+\S|\[(?:system\.)?(?:convert|text\.encoding|net\.webclient|io\.file|reflection\.assembly|diagnostics\.process)\]::"
    ),
    re.compile(rf"(?:^|[;|&(`'\"=]|\$\w+\s*=)\s*(?:{words.VERBS})-(?:{words.NOUNS})\b(?:\s*[-|;\"'$({{./]|\s+\S|\s*$)"),
    re.compile(
        r"\b(?:downloadstring|downloadfile|frombase64string|invoke-expression|new-object\s+(?:system|net)\b|start-bitstransfer)|\biex\s*[(\"'$]|[;|&]\s*(?:iwmi|iwr|irm|iex|icm|gci|gwmi|sal|saps|gps|spsv)\s+(?:-|\(|https?:|['\"$])"
    ),
    re.compile(r"[|&;]\s*net1?(?:\.exe)?\s+(?:user|localgroup|group|use|share|start|stop|view|accounts|session)\b"),
    re.compile(r"\b(?:hkey_(?:local_machine|current_user|classes_root|users)|hk(?:lm|cu|cr))(?::|\\)"),
    re.compile(
        r"[|&;]\s*(?:[a-z]:\\[\w\\. ]*\\)?[a-z]\w{1,14}(?:\.(?:exe|com|bat|cmd))?\s+/[a-z?](?:\s|:|$|&)|\b\w+\.(?:exe|bat|cmd)\s+[-/<>]\s*\w|[|&;]\s*\w{4,14}(?:/[a-z]\s|\s*<\s*)\w+\.\w"
    ),
    re.compile(
        r"(?:^|[|&;])\s*(?:dir|type|del|copy|rd|cd|md|more)\s+(?:/\w\s+)*(?:\"?[a-z]:(?:\\|$|\s|\|)|\\\\\w|%\w+%)"
    ),
)


def kinds(text: str) -> frozenset[str]:
    """What of a command line a text is: chained, substitution, command, shell-sign, windows.

    Args:
        text: decoded; case is ignored.
    """
    text = _NOTHING.sub("", text.lower())
    found: set[str] = set()
    if any(sign.search(text) for sign in _SIGNS):
        found.add("shell-sign")
    if any(sign.search(text) for sign in _WINDOWS):
        found.add("windows")
    found |= _places(text)
    return frozenset(found)


def kinds_of_header(text: str) -> frozenset[str]:
    """The same for a header, where a program's name with words behind it, and no version, is no browser's name."""
    text = _VERSION.sub("[", text.lower().strip())
    found = kinds(text) - {"windows"}
    first, _, rest = text.strip("'\"").removeprefix("code=").partition(" ")
    arguments = bool(re.fullmatch(r"[a-z][a-z-]*(?: +-{0,2}[\w.]+)*", rest)) and not re.search(r"\d\.\d", rest)
    if _name(first) in words.UNIX - _CLIENTS and "/" not in first and (arguments or not rest):
        found |= {"command"}
    if re.fullmatch(r"[a-z][a-z-]+(?: [a-z]+)? --?[a-z][\w-]*(?:[ =][\w./:-]+)*", text):
        found |= {"command"}
    return frozenset(found)


#: What a browser is made of, in its name: "(Java 17.0.9; Linux 6.1)".
_VERSION: Final = re.compile(r"(?<=\s)\((?=[\w.+-]+[ /]\d)")
#: Programs that fetch pages, so that their names alone are honest in a header.
_CLIENTS: Final = listed("curl wget wget2 lynx w3m git node php perl ruby python python3 java npm pip docker aws go")


def _places(text: str) -> set[str]:
    found: set[str] = set()
    stripped = text.strip()
    if stripped[:1] in {"'", '"'} and stripped.find(stripped[0], 1) in {-1, len(stripped) - 1}:
        stripped = stripped.strip("'\"").strip()
    if _is_command(stripped, "") or _path_of_program(stripped):
        found.add("command")
    for count, match in enumerate(_SEPARATOR.finditer(text)):
        if count >= _PLACES:
            break
        opening = match[0].strip() or "\n"
        if _is_command(text[match.end() :].lstrip(" \t+\"'"), opening, text[: match.start()]):
            found.add("substitution" if opening in {"`", "$(", "<(", ">(", "("} else "chained")
    return found


def _is_command(text: str, opening: str, before: str = "") -> bool:
    """Whether a command begins here."""
    braces = _BRACES.match(text)
    if braces:
        text = braces[1].replace(",", " ") + " " + text[braces.end() :]
    match = _WORD.match(text)
    if match is None:
        return False
    raw, rest = match[0].rstrip(",.:!?)") if opening else match[0], text[match.end() :]
    if not opening and not rest.strip():
        # One word alone is a word, unless it is written as no word is; but for a few that say who runs it.
        return _name(raw) in words.ALONE or (_odd(raw) and len(raw) > _FOLDER_AND_NAME and _is_program(raw))
    if not opening and _name(raw) in words.ALONE and rest[:1] in _CHAINS:
        return True
    if not opening and _OPTIONS.fullmatch(rest):
        return _name(raw).isalpha()
    name = _name(raw)
    if name in _RUNNERS and rest[:1].isspace() and not rest.lstrip()[:1].isdigit():
        following = _WORD.match(rest.lstrip())
        if (
            following
            and _name(following[0]) in words.UNIX | {"who"}
            and (not (behind := rest.lstrip()[following.end() :]).strip() or _shaped(behind, opening))
        ):
            return True
    directory = "/" in raw
    if name in words.WORDS and not directory and not _odd(raw):
        return _wordy(name, rest, opening, before)
    if not (name in words.UNIX or name in words.WINDOWS or (_globbed(raw) and _is_program(raw))):
        return False
    if directory or _odd(raw):
        return bool(_SHAPED.match(rest) or _ENDS.match(rest)) or rest[:1].isspace()
    if _shaped(rest, opening):
        return True
    if not opening:
        return False
    return bool(_ENDS.match(rest)) and _alone(name, rest, opening, before)


#: A machine's number and a sentence: "ping 192.0.2.1 request timed out".
_SPOKEN_OF: Final = re.compile(r"\s+[\d.]+(?:\s+[a-z]+){2,}[.?!]?\s*")
#: What a further command may follow behind.
_CHAINS: Final = frozenset(";|&`\n")
#: Nothing but options of which one at least is a long one: no search and no sentence is written so.
_OPTIONS: Final = re.compile(
    r"(?:\s+--?[a-z][\w-]*(?:=\S*)?)*\s+--[a-z][\w-]{2,}(?:=\S*)?(?:\s+--?[a-z][\w-]*(?:=\S*)?)*\s*"
)
#: ``A\\B`` is a folder and a name.
_FOLDER_AND_NAME: Final = 3
#: Programs whose names are words, too, so that between two words they say nothing.
_ENGLISH: Final = listed("paste cut groups git install look make node service split strings touch top nice mount tail")
#: Programs that run another.
_RUNNERS: Final = listed("time nohup strace sudo env nice exec command xargs watch doas ionice timeout setsid")


def _shaped(rest: str, opening: str) -> bool:
    """Arguments as commands have them, and not a sentence."""
    if not rest[:1].isspace() and rest[:1] not in {"<", ">", "$", "{"}:
        return False
    match = _SHAPED.match(rest)
    if match is None:
        return False
    if opening:
        return True
    if _SPOKEN_OF.fullmatch(rest):
        return False
    # Without a separator a number, a quote or a file's name proves little: "top 10", "cat 'Tom'".
    return bool(
        re.match(
            r"\s*(?:-{1,2}\w|[/~.]{0,2}/\w|[<>]|\$|%\w+%|https?:|ftp:|[a-z]:[\\/]|(?![\d.]+(?:\s|$))\w+\.\w{2,4}(?:\s|$)|\w+=/|\d+(?:\.\d+){3})",
            rest,
        )
    )


def _alone(name: str, rest: str, opening: str, before: str) -> bool:
    """A program without arguments: between signs it is one; in a list of names (``name;id``) it may be a name."""
    if opening in {"`", "$(", "<(", ">("}:
        # Markdown writes programs in backticks inside of sentences.
        return opening != "`" or not (re.search(r"\w\s*$", before) and re.match(r"\s*`\s*\w", rest))
    if name in _ENGLISH:
        return not before.strip()
    field = opening in {";", "|", "&"} and re.fullmatch(r"\s*\w*[a-z]\w+\s*", before) is not None
    return not (field and name in {"id", "date", "hostname", "service", "java", "php", "node", "python"})


def _wordy(name: str, rest: str, opening: str, before: str) -> bool:
    """A program whose name is a word."""
    if not opening:
        return bool(
            re.match(
                r"\s+(?:-{1,2}[a-z]\w*\s|/(?:etc|proc|var|bin|tmp|usr|dev)/|[<>]\s*/|[a-z]:\\|/[a-z]\s+[a-z]:)", rest
            )
        )
    if (
        re.match(r"\s*(?:-{1,2}[a-z]|/[a-z]|[<>]|\$|[~.]{1,2}/|\"?[a-z]:(?:\\|\s*$|\s*[|&;]))", rest)
        and rest[:1].isspace()
    ):
        return True
    if opening in {"`", "$(", "<(", ">("}:
        return bool(_ENDS.match(rest)) and _alone(name, rest, opening, before)
    if not before.strip() and not rest.strip() and opening in {";", "|", "||", "&&"}:
        return True
    if name in {"at", "batch"} and re.match(r"\s+(?:now\b|\d{1,2}:\d\d\b)", rest):
        return True
    if name in {"sleep", "timeout", "host", "kill"} and re.match(r"\s+-?\d", rest):
        return True
    if name in {"true", "false", "dir", "users", "history", "ver", "tasklist", "systeminfo"}:
        return bool(re.match(r"\s*(?:[;|&]|$)", rest)) and not before.strip().isalpha()
    return False


def _name(raw: str) -> str:
    """A word as the shell reads it, without its folder and ``.exe``."""
    name = _EMPTY.sub("", raw).rpartition("/")[2].rpartition("\\")[2]
    return name.removesuffix(".exe").removesuffix(".com")


def _odd(raw: str) -> bool:
    """Written so that it does not read as what it is."""
    inner = raw.strip("'\"")
    return (
        bool(re.search(r"\w['\"\\^]+\w|\w(?:''|\"\"|``)|\$[@*!?{\d_]|\w\$\w", inner)) and _EMPTY.sub("", inner) != inner
    )


def _globbed(raw: str) -> bool:
    return any(sign in raw for sign in "?*[") and "/" in raw


def _is_program(raw: str) -> bool:
    name = _name(raw)
    if any(sign in name for sign in "?*["):
        letters = sum(letter.isalnum() for letter in name)
        return letters >= 1 and len(name) >= 2 and _fits_program(name)
    return name in words.UNIX or name in words.WORDS or name in words.WINDOWS


@lru_cache(maxsize=1_024)
def _fits_program(pattern: str) -> bool:
    if pattern.count("*") > 3 or len(pattern) > 32:
        return False
    fits = re.compile(translate(pattern)).match
    return any(fits(name) for name in words.UNIX)


def _path_of_program(text: str) -> bool:
    """A program named by its whole path, with nothing or with arguments behind it."""
    match = re.match(r"(?:/(?:[\w.?*\[\]-]+/)+|(?:usr/)?(?:local/)?s?bin/)[\w.?*\[\]+-]+", text)
    if match is None:
        return False
    folder = match[0].rpartition("/")[0]
    return folder.rpartition("/")[2] in {"bin", "sbin"} and _is_program(match[0])
