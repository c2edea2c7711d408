from __future__ import annotations

import pytest

from pollwatch.formats.framing_auth import LONGEST, decode
from pollwatch.formats.framing_login import Login, peer

FORGED = "192.0.2.66"
TRUE = "203.0.113.7"


def said(program: str, message: str) -> Login:
    """What a message of a log-in program says."""
    login = decode(program, message)[1]
    assert login is not None
    return login


def brief(program: str, message: str) -> tuple[object, ...]:
    """Action, accounts and source."""
    login = said(program, message)
    return login.action, login.user, login.ruser, login.src_ip or login.src_host


@pytest.mark.parametrize(
    "message",
    [
        "Failed password for invalid user root from {forged} port 22 ssh2 from {true} port 4 ssh2",
        "Failed none for invalid user root from {forged} port 22 ssh2 from {true} port 4 ssh2",
        "Failed keyboard-interactive/pam for invalid user a from {forged} port 1 from {true} port 4 ssh2",
        "Failed publickey for invalid user a from {forged} port 1 ssh2 from {true} port 4 ssh2",
        "Invalid user a from {forged} port 22 from {true} port 4",
        "Invalid user a from {forged} port 22 from {true}",
        "Invalid user Failed password for root from {forged} port 22 ssh2 from {true} port 4",
        "Connection closed by invalid user a {forged} port 22 [preauth] {true} port 4 [preauth]",
        "Connection reset by authenticating user a {forged} port 22 {true} port 4 [preauth]",
        "Disconnected from invalid user a {forged} port 22 [preauth] {true} port 4 [preauth]",
        "maximum authentication attempts exceeded for invalid user a from {forged} port 1 ssh2 from {true} port 4 ssh2",
        "error: PAM: Authentication failure for illegal user a from {forged} from {true}",
        "Bad protocol version identification 'a' from {forged} port 22' from {true} port 4",
        "Bad protocol version identification 'a\\n' from {forged}' from {true}",
        "Received disconnect from {true} port 4:11: from {forged} port 22:11: bye",
        "Unable to negotiate with {true} port 4: no matching cipher. Their offer: {forged} port 1",
        "banner exchange: Connection from {true} port 4: invalid format {forged} port 22:",
    ],
)
def test_forged_source_in_sshd(message: str) -> None:
    """Attack: an account name, client version or goodbye that ends like a log line, to get another address accused."""
    assert said("sshd", message.format(forged=FORGED, true=TRUE)).src_ip == TRUE


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("sshd", "Disconnecting invalid user a {forged} port 1: x {true} port 4: Change of username [preauth]"),
        ("sshd", "ssh_dispatch_run_fatal: Connection from invalid user a {forged} port 1: {true} port 4: x"),
        (
            "sshd",
            "Failed publickey for invalid user a from {true} port 4 ssh2: RSA X a from {forged} port 1 ssh2: RSA Y",
        ),
        ("sshd", "Failed publickey for invalid user a from {forged} port 1 ssh2: RSA from {true} port 4 ssh2: RSA X"),
        ("exim", "plain authenticator failed for ([{forged}]: 535 [{true}]:5: 535 Incorrect authentication data"),
        ("vsftpd", "pam_unix(vsftpd:auth): authentication failure; tty=ftp ruser=a rhost={forged} rhost={true}"),
        ("su", "pam_sss(su:auth): authentication failure; ruser= rhost={true} user=a rhost={forged}"),
        (
            "dovecot",
            "imap-login: Disconnected (auth failed): user=<a>, rip={forged}, x>, method=PLAIN, rip={true}, lip=::1",
        ),
        ("webmin", "Invalid login as a from {forged} from {true}"),
    ],
)
def test_nobody_is_named_where_two_readings_are_possible(program: str, message: str) -> None:
    """Attack: text of the outsider on both sides of the true address; better no source than a forged one."""
    assert said(program, message.format(forged=FORGED, true=TRUE)).src_ip in {None, TRUE}


def test_other_programs_cannot_speak_for_sshd() -> None:
    """Attack: a web form's text, logged by its application, that holds a whole line of sshd."""
    forged = f"note: Nov  3 20:00:00 h sshd[1]: Accepted password for root from {FORGED} port 22 ssh2"
    assert decode("app", forged)[1] is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Accepted password for clerk from 203.0.113.7 port 4 ssh2", ("success", "clerk", None, TRUE)),
        (
            "Accepted keyboard-interactive/pam for clerk from ::ffff:203.0.113.7 port 4 ssh2",
            ("success", "clerk", None, TRUE),
        ),
        (
            "Accepted gssapi-with-mic for clerk from 203.0.113.7 port 4 ssh2: clerk@EXAMPLE.ORG",
            ("success", "clerk", None, TRUE),
        ),
        (
            "Failed password for OFFICE\\jane doe from 203.0.113.7 port 4 ssh2",
            ("failure", "OFFICE\\jane doe", None, TRUE),
        ),
        ("Postponed publickey for clerk from 203.0.113.7 port 4 ssh2 [preauth]", (None, "clerk", None, TRUE)),
        ("Invalid user  from 203.0.113.7 port 4", ("invalid_user", "", None, TRUE)),
        ("input_userauth_request: invalid user press [preauth]", ("disconnect", "press", None, None)),
        ("Connection closed by 203.0.113.7 [preauth]", ("disconnect", None, None, TRUE)),
        (
            "Connection closed by authenticating user root 203.0.113.7 port 4 [preauth]",
            ("disconnect", "root", None, TRUE),
        ),
        ("Disconnected from user clerk 203.0.113.7 port 4", ("disconnect", "clerk", None, TRUE)),
        ("Disconnecting: Too many authentication failures [preauth]", ("disconnect", None, None, None)),
        (
            "Timeout before authentication for connection from 203.0.113.7 to ::1, pid = 9",
            ("disconnect", None, None, TRUE),
        ),
        (
            "fatal: Unable to negotiate with 203.0.113.7 port 4: no matching cipher found. [preauth]",
            ("disconnect", None, None, TRUE),
        ),
        (
            "User a from gate.example.net not allowed because not listed in AllowUsers",
            ("denied", "a", None, "gate.example.net"),
        ),
        ("ROOT LOGIN REFUSED FROM 203.0.113.7 port 4", ("denied", "root", None, TRUE)),
        ("pam_access(sshd:account): access denied for user `a' from `203.0.113.7'", ("denied", "a", None, TRUE)),
        (
            "Address 203.0.113.7 maps to x.example.net, but this does not map back to the address.",
            (None, None, None, TRUE),
        ),
        ("Server listening on :: port 22.", (None, None, None, None)),
        ("", (None, None, None, None)),
    ],
)
def test_sshd(message: str, expected: tuple[object, ...]) -> None:
    """Who tried what from where, in the words of sshd's several ages."""
    assert brief("sshd", message) == expected


@pytest.mark.parametrize(
    ("program", "message", "expected"),
    [
        (
            "sudo",
            "clerk : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls ; USER=x",
            ("command", "root", "clerk", None),
        ),
        (
            "sudo",
            "a : a password is required ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
            (None, "root", "a", None),
        ),
        (
            "sudo",
            "a : command not allowed ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
            ("denied", "root", "a", None),
        ),
        (
            "sudo",
            "a : 1 incorrect password attempt ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=list",
            ("failure", "root", "a", None),
        ),
        ("su", "FAILED su for root by temp", ("failure", "root", "temp", None)),
        ("su", "(to root) clerk on pts/0", ("success", "root", "clerk", None)),
        ("su", "BAD SU temp to root on /dev/ttyp0", ("failure", "root", "temp", None)),
        ("su", "- /dev/pts/1 temp:root", ("disconnect", "root", "temp", None)),
        ("su(pam_unix)", "session opened for user root by clerk(uid=1000)", ("session_opened", "root", "clerk", None)),
        (
            "/usr/bin/login",
            "FAILED LOGIN 2 FROM 203.0.113.7 FOR root, Authentication failure",
            ("failure", "root", None, TRUE),
        ),
        ("login", "ROOT LOGIN  on '/dev/tty1'", ("success", "root", None, None)),
        ("doas", "command not permitted for temp: cat /etc/shadow", ("denied", None, "temp", None)),
        ("doas", "clerk ran command ls -l as root from /home/clerk", ("command", "root", "clerk", None)),
        (
            "pkexec",
            "clerk: Executing command [USER=root] [TTY=unknown] [CWD=/] [COMMAND=/bin/sh]",
            ("command", "root", "clerk", None),
        ),
        ("useradd", "new user: name=x, UID=1, GID=1, home=/home/x, shell=/bin/sh", (None, "x", None, None)),
        ("userdel", "delete user 'x'", (None, "x", None, None)),
        ("passwd", "password for 'x' changed by 'root'", (None, "x", "root", None)),
        ("dropbear", "Bad password attempt for 'root' from 2001:db8::7:4022", ("failure", "root", None, "2001:db8::7")),
        (
            "dropbear",
            "Pubkey auth succeeded for 'root' with ssh-rsa key SHA256:x from 203.0.113.7:4",
            ("success", "root", None, TRUE),
        ),
        (
            "dropbear",
            "Exit before auth from <203.0.113.7:4>: (user 'root', 3 fails): Max auth tries reached",
            ("disconnect", None, None, TRUE),
        ),
    ],
)
def test_other_programs(program: str, message: str, expected: tuple[object, ...]) -> None:
    """Log-in and privilege on the machine itself, and small ssh servers."""
    assert brief(program, message) == expected


def test_programs_are_named_plainly() -> None:
    """Rules may say sshd, whichever of its processes, folders or modules speaks."""
    names = [decode(program, "x")[0] for program in ("sshd-session", "/usr/sbin/sshd", "sshd(pam_unix)", "cron")]
    assert names == ["sshd", "sshd", "sshd", "cron"]


@pytest.mark.parametrize(
    "filler", [" from 1.2.3.4 port 22", "(", "; TTY=a ; PWD=", " rhost=1", ", rip=1", "[1]: 535 ", "'"]
)
@pytest.mark.parametrize("program", ["sshd", "sudo", "su", "login", "pkexec", "dropbear", "useradd", "dovecot", "exim"])
@pytest.mark.timeout(20)
def test_no_message_is_slow(program: str, filler: str) -> None:
    """Attack: messages made to keep a pattern matcher busy for hours."""
    heads = ("Failed password for ", "pam_unix(x:auth): authentication failure; ", "a : ", "auth login password ")
    for head in heads:
        text = head + filler * (LONGEST // len(filler))
        decode(program, text[:LONGEST])
        decode(program, text * 20)


def test_peers() -> None:
    """Addresses are written one way; names are kept apart from them."""
    assert [peer(text) for text in ("::ffff:203.0.113.7", "2001:DB8:0::7", "fe80::1%eth0", "gate", "UNKNOWN", "")] == [
        (TRUE, None),
        ("2001:db8::7", None),
        ("fe80::1", None),
        (None, "gate"),
        (None, None),
        (None, None),
    ]
