# ruff: noqa: C901, PLR0911 - one way out per kind of code; a pattern reads best unbroken
"""Whether a text is a program: PHP, JavaScript of a server, Java and its expression languages, templates, lookups.

What counts is code in the act: a call with arguments as programs have them of a function that only programs name, a
callee that is itself computed, a way from an object to its class, an expression in a template's marks that computes
something. ``{{name}}``, ``Function (mathematics)`` and ``include (2026)`` do nothing.
"""

from __future__ import annotations

import re
from typing import Final

from pollwatch.events.grammar.listed import listed

#: Families of PHP's functions, by what their names begin with.
_FAMILIES = (
    "array|assert|base64|call_user|class|constant|create|ctype|curl|date|debug|dir|disk|dl|ereg|error|escapeshell|extension|extract|fastcgi|file|filter|fopen|forward|fsockopen|ftp|func|"
    "get|getmy|glob|gz|hash|header|highlight|html|http|iconv|image|include|ini|iptc|is|iterator|json|ldap|libxml|mail|mb|mcrypt|md5|method|move|mysqli?|ob|odbc|opcache|open|"
    "openssl|parse|pcntl|pg|phar|php|popen|posix|preg|proc|property|putenv|random|rawurl|read|register|require|runkit|session|set|sha1|shell|shm|show|simplexml|"
    "socket|spl|sqlite|ssh2|str|stream|strip|substr|sys|syslog|token|trait|trigger|uuencode|uudecode|var|xml|xmlwriter|zend|zip|tidy|sodium_crypto|gmp|yaml|xmlrpc|wddx|snmp|exif|ibase|oci|db2|mssql|pspell|readline|recode|cal|finfo|imap|intl|print|convert|parse|ignore|restore|sem|msg|apc|apache|is|in"
)
#: Its functions with plain names that nobody else has.
_FUNCTIONS = (
    "passthru|phpinfo|phpversion|popen|fopen|fwrite|fputs|fputcsv|fgets|fgetc|fread|fclose|fpassthru|readfile|opendir|readdir|scandir|mkdir|rmdir|unlink|chmod|chown|chgrp|symlink|"
    "checkdate|chroot|unserialize|serialize|intval|floatval|strval|substr|sprintf|printf|vsprintf|sscanf|strrev|strtolower|strtoupper|strtr|strlen|strcmp|ucfirst|lcfirst|ucwords|nl2br|addslashes|getcwd|"
    "getenv|putenv|bin2hex|hex2bin|usleep|filegroup|fileperms|fileowner|filesize|filemtime|gzinflate|gzdeflate|gzuncompress|gzcompress|gzdecode|gzencode|gzopen|bzdecompress|bzcompress|fsockopen|pfsockopen|"
    "implode|explode|str_rot13|rot13|base64_decode|base64_encode|rawurldecode|urldecode|md5|sha1|crc32|dechex|hexdec|chr|ord|eval|assert|exec|system|pcntl_exec|proc_open|shell_exec|"
    "extract|compact|array_map|usort|uasort|uksort|mail|dl|error_log|import_request_variables|lstat|stat|readlink|realpath|tempnam|tmpfile|touch|copy|rename|glob|is_file|php_uname|getmyuid|"
    "gethostbyname|ignore_user_abort|set_time_limit|highlight_string|php_sapi_name|ini_set|include_once|require_once|include|require|print_r|var_dump|var_export|define|constant|die|exit|echo|file|range|crypt|"
    "date|time|pi|setcookie|header|putenv|settype|gettype|levenshtein|similar_text|soundex|metaphone|parse_str|money_format|number_format|localtime|mktime|strtotime|"
    "ftok|getlastmod|get_current_user|escapeshellcmd|escapeshellarg|pack|unpack|uniqid|lcg_value|mt_rand|array_filter|ob_start|register_shutdown_function"
)
_WORDY: Final = listed(
    "include require die exit echo file range date time pi define constant copy rename touch stat header mail "
    "extract compact glob pack unpack crypt exec eval system assert ord chr settype serialize intval substr "
    "explode implode"
)
_GAP = r"(?:\s|/\*.{0,40}?\*/|(?://|#)[^(\r\n]{0,40}[\r\n])*"
_CALL = re.compile(rf"(?:^|[^\w$>-])(?P<name>{_FUNCTIONS}){_GAP}\((?P<arguments>.{{0,120}})", re.DOTALL)
_FAMILY_CALL = re.compile(rf"(?:^|[^\w$.-])(?P<name>(?:{_FAMILIES})_[a-z_\d]{{2,40}}){_GAP}\(", re.DOTALL)
_ARGUMENTS = re.compile(
    r"\s*(?:$|\)\s*(?:[;.)\]\[{}'\"|&,+*/%-]|$)|['\"$@\d\[~!&\\]|[a-z_]\w*\s*[(\[]|[a-z_]\w*::|array\b|new\s|__\w+__|(?:base64|php|data):|null\b|true\b)"
)
#: A name and nothing else, as a constant is given.
_NAMED = re.compile(r"\s*[a-z_]\w*\s*\)\s*(?:;|$)")
_COMPUTED_CALL = re.compile(
    r"\$[a-z_]\w{0,40}(?:\[[^\]]{1,40}\]|\{[^}]{1,40}\}|->\w+)*"
    + _GAP
    + r"\(\s*(?:['\"$)\d@]|[a-z_]\w*\s*\()|\$[a-z_]\w*(?:\s|/\*)"
    + _GAP
    + r"\(|"
    r"\$\{[^{}]{1,80}\}\s*\(|\)\s*\((?:\w|\s|/\*.{0,40}?\*/)+\)\s*;|"
    r"[\])}]\s*(?:/\*.{0,40}?\*/\s*)*\(\s*(?:['\"@$][\w./ -]+['\"]?)\s*\)|\}\s*\(\s*\d+\s*\)|"
    r"(?:^|[=;(.@ ]|return)['\"][\w\\]+['\"]\s*\(\s*['\"$\w]*\s*['\"]?\s*\)|"
    r"\(\s*['\"]?(?:system|exec|passthru|phpinfo|assert|eval|shell_exec|popen)['\"]?\s*\)\s*(?:/\*.{0,40}\*/)?\s*\(",
    re.DOTALL,
)
_PHP: Final = (
    re.compile(r"<\?(?:\s*php\b|=|\s+[a-z_$][^>]{0,80}[;$(]|\s*(?:echo|print|eval|system|exec|include|require)\b|$)|<\?xml\s*:|[\[{]/?\\?php[\]}]|<script\s+language\s*=\s*['\"]?php|^\s*\?>"),
    re.compile(r"\$_?(?:\W{0,3})(?:_(?:get|post|request|server|cookie|files|env|session)\b|globals\s*\[|http_(?:raw_post_data|post_vars|get_vars|server_vars|cookie_vars|post_files))|\$_\s*[\[({]|\$\$[a-z_{]|"
               r"(?:^|[\W_])(?:globals|_server|_request|_get|_post|_session|_cookie|_env|_files)\["),
    re.compile(r"\\think\\|\bthink\\+app|\binvokefunction\b|->\w+\s*\(\s*['\"$]|\bnew\s+(?:reflectionfunction|splfileobject|directoryiterator|globiterator|simplexmlelement|closure)\b"),
    re.compile(r"\$\s*\{\s*['\"@$`]|\$\s+\{\s*['\"\w$]|\{\s*\$\{|\(\s*string\s*\)\s*[\"'{\[]|\[\s*['\"]?(?:system|exec|passthru)['\"]?\s*\]|~\s*['\"\x80-\xff]{2}|\$[a-z_]\w{0,30}\[\s*['\"]"),
    re.compile(r"['\"]\s?\.\s?['\"]\w+['\"]?\s*[;)\]]|(?:^|[;\s=])\$[a-z_]\w*\s*\.?=\s*(?:['\"$\[]|[a-z_]\w*\s*\().{0,120};"),
)  # fmt: skip
#: Settings of PHP, which PHP-CGI and some servers take from a request.
_SETTING = re.compile(
    r"^(?:-d\s*)?(?:php_(?:admin_)?(?:value|flag)|disable_functions|disable_classes|open_basedir|extension_dir|memory_limit|safe_mode\w*|session\.(?:save|auto|use|upload|cookie|name|serialize|gc)\w*|suhosin\.[\w.]+|allow_url_\w+|"
    r"auto_(?:ap|pre)pend_file|error_log|sendmail_path|cgi\.\w+|register_globals|magic_quotes\w*|display_errors|zend\.\w+|opcache\.\w+|mail\.\w+|user_ini\.\w+|input_filter\w*|open_basedir|upload_tmp_dir|include_path|"
    r"engine|short_open_tag|asp_tags|expose_php)(?:\s*=.*)?$"
)
_JAVASCRIPT: Final = (
    re.compile(r"\[\s*['\"]?(?:__proto__|constructor|prototype)['\"]?\s*\]|(?:^|[.\[\]'\"{,:])__(?:proto__|definegetter__|definesetter__|lookupgetter__)|(?:^|\.)constructor\.prototype\b|:(?:constructor|prototype|module:prototype)\b"),
    re.compile(r"\b(?:constructor|mainmodule)\s*[.(\[]\s*['\"]?(?:constructor|prototype|require|['\"(a-z])|\bmodule\s*\.\s*exports\b|\bchild_process\b|\bprocess\s*\.\s*(?:env|mainmodule|binding|exit|kill|dlopen|spawn)\b"),
    re.compile(r"\b(?:process|console|require|globalthis|global|window|self|this|root)\s*\[\s*(?:['\"`]|[a-z]+\.|mainmodule)|\brequire\s*\(\s*['\"`]|\bimport\s*\(\s*['\"`]"),
    re.compile(r"\bnew\s+function\s*\(|\bfunction\s*\*?\s*\w*\s*\([\w\s,]*\)\s*\{|\(\s*\w*\s*\)\s*=>\s*[{\w]|\b\w+\s*=>\s*\{?\s*(?:\w+\(|return\b|require)|\bconsole\s*\.\s*\w+\s*\.\s*(?:call|apply|bind)\s*\("),
    re.compile(r"(?:^|[;\"'{}()\s])(?:while|for)\s*\(\s*[(!+~-]*\s*(?:true|1\b|\d+|this|\"|'|string|infinity|new\s|function|;;|\[\]|\{\}|``|false|null|undefined|nan\b|\w+\s*=)|\bconsole\s*\.\s*\w+\s*\("),
    re.compile(r"\b(?:process|kernel|io|open3|pty|os|subprocess|commands|runtime)\s*\.\s*(?:spawn|exec|popen|system|kill|fork|call|run|check_output|getoutput|open|read)\w*\s*[(\s]\s*['\"(%\w]|\bfs\s*\.\s*(?:read|write|unlink|rm)\w*\s*\(|\bbuffer\s*\.\s*from\s*\("),
    re.compile(r"__(?:class|globals|import|mro|subclasses|builtins|init|base|bases|dict|code|getattribute|self)__|\bimport\s+(?:os|subprocess|socket|sys|pty)\b\s*[;,\n]|\blambda\b.{0,40}:|\bexec\s*\(\s*['\"]|@\{\s*\[|@\[\s*\{|\bcompile\s*\(\s*['\"]"),
)  # fmt: skip
_JAVA: Final = (
    re.compile(r"\bclass\.(?:module\.)?classloader|\bclassloader\s*\.\s*\w|\bclass\s*\.\s*forname\s*\(|\.getclass\s*\(|\bgetruntime\b|\bprocessbuilder\b|\bscriptengine(?:manager)?\b|\bjavax\.(?:script|el|naming)|\bgroovy\.(?:lang|util|shell)|\bexecute\s*\(\s*\)\s*\."),
    re.compile(r"\bjava\.(?:lang|util|io|net|beans|rmi|nio|security)\.(?!\w+(?:exception|error)\b)\w+|\borg\.(?:apache|springframework|python|mozilla|hibernate)\.\w+|\bcom\.(?:sun|opensymphony|mchange|bea|ibm|tangosol|fasterxml)\.\w+|\bsun\.(?:misc|rmi)\.\w|\bfreemarker\.template|\bognl\.\w|\bweblogic\.\w"),
    re.compile(r"#(?:_memberaccess|context|request|response|application|parameters|root|attr|session|cmd|rt|process)\b\s*[.=\['(]|\(\s*#\w+\s*=|@\w+(?:\.\w+)+@\w+|(?:redirect|action|redirectaction)\s*:\s*[$%#]?\s*\{|\bt\s*\(\s*(?:java|org|com)"),
)  # fmt: skip
#: An expression in a template's marks. What is between them must compute.
_TEMPLATE = re.compile(
    r"(?P<mark>\$\{|#\{|\*\{|@\{|~\{|%\{|\{\{|<%=?|\{%|\[\[\$?\{?|<#|@\(|\{\$|\{#|#(?:set|if|foreach|evaluate|include|parse)\s*\()(?P<body>[^\n]{0,400})"
)
_COMPUTES = re.compile(
    r"\d\s*[*+-]\s*['\"]?\d|\d+\s*/\s*\d+\s*[})]|\w\s*\(|\b__\w+|['\"]\s*\*\s*\d|\||\bself\b\s*[.\[]|\bconfig\b\s*(?:[.\[}]|\})|\brequest\b\s*[.\[|]|\bapp\b\s*\.|\bthis\b\s*[.\[}]|\bsettings\.|\bconstructor\b|\bnew\s+\w|"
    r"@\w|\[\s*['\"]?_?\w|\blipsum\b|\bcycler\b|\bjoiner\b|\bnamespace\b|\bhandler\.|\benv\b\s*[.\[}]|\bsmarty\b|\bsession(?:scope)?\b\s*[.\[]|\bapplication(?:scope)?\b\s*[.\[]|\bparam\b\s*[.\[]|\bpagecontext\b|'\s*[+~]|\"\s*[+~]"
)
_STATEMENT = re.compile(
    r"\s*-?\s*(?:for|if|set|import|include|extends|block|macro|debug|load|raw|with|call|do|assign|php|eval|system|exec|print|require|use|filter|autoescape)\b|\s*@|\s*=?\s*\S"
)
_STATEMENT_OF_PAGE = re.compile(
    r"\s*-?\s*(?:if|for|foreach|while|do|end|endif|else|begin|puts|response|set|dim|eval)\b\s*\S*"
)
_LOOKUP = re.compile(
    r"\$\{\s*(?:jndi|lower|upper|env|sys|java|main|ctx|date|base64|docker|kubernetes|k8s|log4j|web|event|bundle|map|sd|spring|marker|:|::|\$\{|script|dns|url|const|file|properties|resourcebundle|xml|urlencoder|urldecoder|localhost)"
    r"\s*(?::|\}|$|[^\w\s}{.])[^\n]{0,200}"
)
_SSI = re.compile(r"<!--\s*#\s*(?:exec|include|echo|config|set|printenv|fsize|flastmod)\b|<esi:\w+")


def kinds(text: str) -> frozenset[str]:
    """What of a program a text is: php, javascript, java, template, lookup, include.

    Args:
        text: decoded; case is ignored.
    """
    text = text.lower()
    found: set[str] = set()
    if any(pattern.search(text) for pattern in _PHP) or _calls(text) or _SETTING.match(text):
        found.add("php")
    if any(pattern.search(text) for pattern in _JAVASCRIPT):
        found.add("javascript")
    if any(pattern.search(text) for pattern in _JAVA):
        found.add("java")
    if "${" in text and _LOOKUP.search(text):
        found.add("lookup")
    if _templates(text):
        found.add("template")
    if _SSI.search(text):
        found.add("include")
    return frozenset(found)


def _calls(text: str) -> bool:
    """A function of PHP called, or something computed called."""
    if "(" not in text:
        return False
    if _FAMILY_CALL.search(text) or _COMPUTED_CALL.search(text):
        return True
    for match in _CALL.finditer(text):
        spaced = text[text.find(match["name"], match.start()) + len(match["name"]) :][:1].isspace()
        if not _ARGUMENTS.match(match["arguments"]):
            if _NAMED.match(match["arguments"]) and (
                match["name"] not in _WORDY or re.search(r"[\r\n#]|//|/\*", match[0].partition("(")[0])
            ):
                return True
            continue
        if match["name"] not in _WORDY:
            return True
        first = match["arguments"].lstrip()[:1]
        if first in {"'", '"', "$", "@", "~"} or (
            not spaced
            and first
            and first != ")"
            and not first.isdigit()
            and re.match(r"\s*\w+\s*\(", match["arguments"])
        ):
            return True
        if re.search(r"[\x0b\x0c\n#]|/\*", match[0].partition("(")[0][1:]) or (
            (first in {")", "", "0"} or first.isdigit()) and re.match(r"\s*[\w.]{0,8}\s*\)\s*;", match["arguments"])
        ):
            return True
        if (
            not spaced
            and match["name"] in {"eval", "assert", "system", "exec", "phpinfo", "die", "exit"}
            and first.isdigit()
        ):
            return True
    return False


def _templates(text: str) -> bool:
    for match in _TEMPLATE.finditer(text):
        mark, body = match["mark"], match["body"]
        if mark == "{%":
            if _STATEMENT.match(body) and not body.startswith(("%", "2", "7")):
                return True
            continue
        if mark.startswith("<%"):
            inner = body.partition("%>")[0].lstrip("=")
            if re.search(r"[(;'\"=@!]|\d\s*[*+-]\s*\d", inner) or _STATEMENT_OF_PAGE.match(inner):
                return True
            continue
        if mark == "<#":
            if re.match(r"\s*(?:assign|if|list|include|import|macro|setting)\b", body):
                return True
            continue
        if mark.startswith("#") and mark.endswith("("):
            if "$" in body or "'" in body:
                return True
            continue
        closing = {"{{": "}}", "@(": ")", "[[": "]]"}.get(mark[:2], "}")
        inner = body.partition(closing)[0] + ("}" if closing in body else "")
        if mark == "{{" and re.fullmatch(r"[\w.]+\s*\|\s*\w+\}?", inner.strip()):
            continue  # a name through one filter: what translators and mail programs leave behind
        if mark in {"@(", "[[", "{#"} and not re.search(r"\d\s*[*+-]\s*\d|\$\{|\w\(", inner):
            continue
        if _COMPUTES.search(inner):
            return True
    return False
