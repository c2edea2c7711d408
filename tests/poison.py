"""Lines that an attacker might write into any log."""

from __future__ import annotations

from pathlib import Path

import numpy as np

LINES = 10_000
LONG = 20

SEEDS = [
    b'198.51.100.7 - - [03/Nov/2026:21:04:11 +0100] "GET /?id=1 HTTP/1.1" 200 9 "-" "Mozilla/5.0"',
    b'vote.example:443 198.51.100.7 - bob [03/Nov/2026:21:04:11 +0100] "POST /login HTTP/1.1" 401 9 "-" "curl/8"',
    b"[Tue Nov 03 21:04:11.123456 2026] [authz_core:error] [pid 12:tid 34] [client 198.51.100.7:443] AH01630: denied",
    b'2026/11/03 21:04:11 [error] 12#12: *3 open() failed, client: 198.51.100.7, server: v, request: "GET /x HTTP/1.1"',
    b"Nov  3 21:04:11 office sshd[123]: Failed password for invalid user admin from 198.51.100.7 port 22 ssh2",
    b"<34>1 2026-11-03T21:04:11.003Z office su - ID47 [x@1 a=\"b\"] 'su root' failed for lonvick on /dev/pts/8",
    (
        b'{"__REALTIME_TIMESTAMP":"1793739851000000","SYSLOG_IDENTIFIER":"sshd",'
        b'"MESSAGE":"Accepted password for bob from 198.51.100.7 port 22 ssh2"}'
    ),
    (
        b'{"timestamp":"2026-11-03T21:04:11.1+0100","event_type":"alert",'
        b'"src_ip":"198.51.100.7","alert":{"signature":"x","severity":1}}'
    ),
    (
        b'{"@timestamp":"2026-11-03T20:04:11Z","source":{"ip":"198.51.100.7"},"url":{"original":"/x"},'
        b'"http":{"request":{"method":"GET"}}}'
    ),
    b'{"remote_addr":"198.51.100.7","time_iso8601":"2026-11-03T21:04:11+01:00","request":"GET /","status":"200"}',
]
POISON = [
    b"\x1b]0;pwned\x07\x1b[2J\x1b[31m",
    b"<script>alert(1)</script><img src=x onerror=alert(1)>",
    b"\xff\xfe\x80\xc0\xaf\x00\x01\x02",
    "\u202e\u2066\u200b\u0000".encode(),
    b"99/Zzz/99999:99:99:99 +9999",
    b"Feb 30 25:61:61",
    b'"\\"""\\\\"',
    b"%00%ff%u0000%%%25%32%35",
    b"{" * 2000,
    b"[" * 2000,
    b"' or 1=1 --",
    b"=cmd|' /C calc'!A0",
    b"9" * 400,
    b"\t\r\x0b\x0c\x85",
]


def write_hostile(path: Path, lines: int, long_ones: int) -> Path:
    """Write such lines, the same for the same numbers."""
    rng = np.random.default_rng(20261103)
    long = set(rng.choice(lines, long_ones, replace=False).tolist())
    with path.open("wb") as out:
        for number in range(lines):
            seed, poison = SEEDS[rng.integers(len(SEEDS))], POISON[rng.integers(len(POISON))]
            at = int(rng.integers(len(seed) + 1))
            kind = rng.integers(4)
            line = [seed[:at] + poison + seed[at:], seed[:at], poison, rng.bytes(int(rng.integers(1, 300)))][kind]
            if number in long:
                line = (seed + poison) * (1 + (1 << 20) // (len(seed) + len(poison)))
            out.write(line.replace(b"\n", b" ") + b"\n")
    return path
