# ruff: noqa: E501 - a pattern reads best unbroken
"""Whether a text names a file by a path that climbs out of its folder, or one of the machine's own, or a wrapper.

A site that opens the file which a value names is led to another one by ``../`` in its many spellings, by a path from
the root into folders where no site keeps its pages, by a letter of a Windows drive, or by an address of a kind that PHP
or Java read as a file.
"""

from __future__ import annotations

import re
from typing import Final

#: One step up, and what servers and filters make of a step's two dots and one slash.
_STEP = re.compile(
    r"(?:\.{2,}|0x2e0x2e|%2e%2e|\.%2e|%2e\.|\.0x2e|0x2e\.|\.\x00\.|\?\.|\.\?)(?:;|\x00|%00)?(?:[/\\]|0x2f|0x5c|%2f|%5c|%c0%af|%c1%9c|\u2215|\u2216|\uff0f|\uff3c)+"
)
_HIDDEN_STEP = re.compile(
    r"\.{4,}//|\.\.\\|\.\.;\\?\.?[/\\]|\.\.\\\.\.|\.{2}[/\\]{3,}|[/\\]\.{3,}[/\\]+\.{3,}|\.{8,}|\.{4,}\{|(?:0x2e){2}|\.\.0x[25][fc]"
)
#: The same step over and over, and slashes in rows.
_RUN = re.compile(r"((?:\.\.|\.)[/\\])\1{3,}|([/\\])\2{3,}")
#: Where climbing may lead without being anybody's business: one step, to a page's neighbour.
_HARMLESS_STEPS: Final = 1
_UNIX = re.compile(
    r"(?:^|[=:;|\s'\"(,@]|(?:\.\.?[/\\]+)+|\w:)[/\\]*(?:\.[/\\])*(?:etc[/\\]+(?:\.{1,2}[/\\]+)*[\w.-]+|proc[/\\]+(?:self|version|cpuinfo|mounts|net|sys|\d+|interrupts|meminfo|cmdline|stat|modules|filesystems|devices)\b"
    r"|sys[/\\]+(?:class|kernel|devices|fs|module|block)\b|var[/\\]+(?:log|lib|mail|spool|run|cache|backups|db|adm)[/\\]?|var[/\\]+www[/\\]|root[/\\]+[\w.]|home[/\\]+\w+[/\\]+\.\w|"
    r"@fs[/\\]|dev[/\\]+(?:tcp|udp|null|fd|shm|random|urandom|stdin|sd[a-z])\b|usr[/\\]+(?:local[/\\]+)?(?:etc|apache2?|lib|share|sbin|bin)[/\\]|boot[/\\]+grub|opt[/\\]+\w+[/\\]+(?:etc|conf|logs)|tmp[/\\]+[\w.-]*(?:sess|php|\.so|\.sh))"
    r"|[/\\](?:etc[/\\]+(?:passwd|shadow|group|hosts|issue|crontab|sudoers|fstab|resolv\.conf|hostname|os-release)(?![\w-])|proc[/\\]+(?:self|version|cpuinfo|mounts|net|interrupts|meminfo|cmdline)\b|sys[/\\]+class\b)"
)
_ETC_ORDINARY = re.compile(
    r"etc[/\\]+(?:(?:fees?|docs?|about|news|index)\b|[\w./-]+\.(?:css|js|png|jpe?g|gif|svg|woff2?|ico|html?)$)"
)
_WINDOWS = re.compile(
    r"(?:^|[=/\\:;|\s'\"(,])[a-z]:[/\\]+(?:windows|winnt|boot|inetpub|apache|xampp|wamp|program ?files|programdata|users[/\\]+(?:public|administrator|default)|documents and settings|config\.sys|autoexec|pagefile|recycler)"
    r"|(?:windows|winnt)[/\\]+(?:system32|repair|win\.ini|system\.ini|php\.ini|debug|panther|system)\b|(?:^|[/\\=\s}])(?:boot|win|system|php|my|desktop)\.ini\b|"
    r"system32[/\\]+(?:config|drivers|cmd|inetsrv)|[/\\]inetpub[/\\]|[/\\]config[/\\]+sam\b|^[/\\=]?sam(?:\.log)?$"
)
_JAVA = re.compile(r"(?:web|meta)-inf(?:[/\\]|$)|[/\\]web-inf\b")
#: Folders and files in which programs keep keys and passwords, as a value names them.
_SECRET = re.compile(
    r"[/\\]\.(?:aws|ssh|docker|kube|git|svn|hg|env|gnupg|npmrc|pypirc|netrc|ht(?:passwd|access|group)|\w*_?history|my\.cnf|pgpass|subversion|config[/\\]|azure|boto|s3cfg|vscode|idea)"
)
_LEFT_OVER = re.compile(
    r"::\$(?:data|index_allocation)\b|\{file\}|(?:^|[/\\.])(?:passwd|shadow|htpasswd)$|etc(?:passwd|shadow|hosts)\b|\.ini\x00|\x00\.?\w{0,5}$|%00"
)
_WRAPPER = re.compile(
    r"(?:^|[=:\s'\"(,;|>@]|url:)(?:php|zip|phar|expect|glob|ssh2(?:\.\w+)?|rar|ogg|zlib|compress\.\w+|bzip2|convert\.\w+|data(?=:(?://|text/plain|;base64|[\w/+.-]*php))|file(?=:[/\\\\])|"
    r"netdoc|jar|gopher|dict|ldaps?|tftp|local_file|view-source|mailto(?=:.*\?.*=)|mosix|vbscript(?=://)|smb|sftp|imaps?|pop3s?|smtps?|telnet|jndi|rmi|classpath|winscp|php5|rtmp|urn)"
    r":(?://|/|\\|(?<=data:)|(?<=glob:)|(?<=file:)|(?<=jar:)|(?<=netdoc:)\w)"
)
_UNC = re.compile(r"(?:^|=)\\\\[\w.-]{2,}(?:@\w+)?\\[\w$.-]+")
_FILTER = re.compile(r"(?:convert|string|zlib)\.(?:base64-(?:en|de)code|rot13|iconv|quoted-printable|inflate|deflate)")


def kinds(text: str) -> frozenset[str]:
    """What of a file's name a text is: climb, target, secret, wrapper.

    Args:
        text: decoded, dots and slashes as sent; case is ignored.
    """
    text = _RUN.sub(_shorter, text.lower())
    found: set[str] = set()
    steps = len(_STEP.findall(text)) if ".." in text or "0x2e" in text or "?." in text or ".?" in text else 0
    if (steps > _HARMLESS_STEPS and not _stays_inside(text)) or _HIDDEN_STEP.search(text):
        found.add("climb")
    target = _UNIX.search(text)
    windows = _WINDOWS.search(text)
    if (
        (target and not _ETC_ORDINARY.search(text) and not _listing(text) and not _told(text, target))
        or (windows and not _told(text, windows))
        or _JAVA.search(text)
    ):
        found.add("target")
    elif _SECRET.search(text):
        found.add("secret")
    elif (steps or "::$" in text) and _LEFT_OVER.search(text):
        found.add("climb")
    if _WRAPPER.search(text) or _UNC.search(text) or _FILTER.search(text):
        found.add("wrapper")
    return frozenset(found)


def _shorter(match: re.Match[str]) -> str:
    return (match[1] or match[2]) * 4


def _stays_inside(text: str) -> bool:
    """Steps up that only take back steps down before them, as careless links have them: ``/a/b/../c/../d``."""
    path = re.split(r"[?#]", text, maxsplit=1)[0]
    depth = 0
    for part in re.split(r"[/\\]+", path.lstrip("/\\")):
        depth += -1 if part.startswith("..") else part not in {"", "."}
        if depth < 0:
            return False
    return "%" not in path and "\\" not in path


#: Two plain words or more, in front of a file's name or behind it.
_BEFORE: Final = re.compile(r"(?:[^\W\d_][\w'\u2019-]*,? ){2,}[\"']?")
_BEHIND: Final = re.compile(r"\S*(?: \S*\\\S*)?(?: [^\W\d_][\w'\u2019-]*[,.?!]*){2,}")


def _told(text: str, target: re.Match[str]) -> bool:
    """A sentence that mentions a file: ``what is /etc/hosts for``; a site asked for it is given its name alone."""
    before, behind = text[: target.start()].lstrip(), text[target.start() :].strip()
    if before and not before.endswith(" "):
        before += " " if behind[:1] not in "/\\" or target[0][:1].isspace() else ""
    return _BEFORE.fullmatch(before) is not None or (not before.strip() and _BEHIND.fullmatch(behind) is not None)


def _listing(text: str) -> bool:
    """Words with slashes between them, as people write alternatives."""
    return text.count(" ") > 2 and "../" not in text and not re.search(r"/(?:passwd|shadow|hosts|self)\b", text)
