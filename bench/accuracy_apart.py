"""Requests that the Core Rule Set's tests keep from firing one rule, and that hold an attack all the same.

A negative test says that *this* rule stays silent, often since another one's business begins there. A line is apart if
and only if both hold: it has, whole, what makes an attack of its kind (a call, a statement, markup that runs, a command
with its arguments, a place inside as an address, a header behind a line break, another site than ours to connect to),
and what pollwatch says of it is that. Each is named here with its reason, and listed in ``ACCURACY.md``; no other line
is ever taken out, and the row with all of them is shown as well.
"""

from __future__ import annotations

from typing import Final

#: A rule of pollwatch's, what the request's address or headers must hold, and why that is an attack.
APART: Final = (
    ("open_proxy_probe", "coreruleset.org", "asks a web server to connect to another site: a search for open relays"),
    ("open_proxy_probe", "1.2.3.4:80", "asks a web server to connect to another machine: a search for open relays"),
    ("xss", "setTimeout(", "a script element with code that loads another script"),
    ("attack_in_header", "setTimeout(", "a script element in the referer"),
    ("xss", "url%28javascript%3Aalert", "an address that is a script, which calls alert"),
    ("line_split", "%0A%0Dlocation:", "a header of an answer (Location) behind line breaks"),
    ("command_in_header", "/;ls%20-al", "a separator and a command with its option, in the referer"),
    ("command_injection", "bash%20-c%20", "a shell that is handed a command line"),
    ("command_injection", "ping%20127.0.0.1", "a command with its argument"),
    ("command_injection", "code=>/tmp", "output redirected into a folder of the machine"),
    ("code_injection", "%3C%3Fphp=", "the opening mark of PHP"),
    ("code_injection", "%3C%3Fecho", "the opening mark of PHP, a statement and the closing mark"),
    ("code_injection", "system%28%27id%27%29", "a call that runs a command"),
    ("code_injection", "filemtime%28%24foo%29", "a call of a function of PHP with a variable of PHP"),
    ("code_injection", "while(!true)", "a loop of JavaScript"),
    ("code_injection", "BENChmARk(2999", "a call that keeps a database busy, cut off"),
    ("remote_include", "169.254.169.254", "the place where clouds tell their machines of themselves"),
    ("remote_include", "metadata.google.internal", "the place where clouds tell their machines of themselves"),
    ("remote_include", "::ffff:a9fe:a9fe", "the same place, as IPv6"),
    ("remote_include", "0xA9.0xFE.0xA9", "the same place, in hexadecimal"),
    ("remote_include", "data://text/plain;base64", "a stream of PHP as a file to open"),
    ("sqli_union", "union+all+select+1,2,3+from", "a whole UNION SELECT"),
    ("sqli_statement", "INSERT%20INTO%20category", "a whole INSERT"),
)


def reason(request: dict[str, str | None], hits: list[str]) -> str:
    """Why a request that was flagged counts apart; empty where it does not."""
    text = " ".join(each for each in request.values() if each)
    for rule, held, why in APART:
        if rule in hits and held in text:
            return why
    return ""
